//! Errors at the edge: what went wrong inside becomes a status and the error object of the
//! public interface here, and nowhere else.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use rowcast_protocol::ApiError;
use serde::Serialize;

use crate::database::impersonation::have_rules_changed;
use crate::refusal::Code;

/// An [`ApiError`] as an HTTP response: its code decides the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError(pub ApiError);

impl From<ApiError> for HttpError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: ApiError,
        }
        let status = status(&self.0.code);
        let is_over_soon = self.0.code == "too_many_requests";
        let code = Code(self.0.code.as_str().into());
        let mut response = (status, Json(Body { error: self.0 })).into_response();
        response.extensions_mut().insert(code);
        if is_over_soon {
            // Who knows better says so.
            let second = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, second);
        }
        response
    }
}

/// The HTTP status that goes with an error code.
pub fn status(code: &str) -> StatusCode {
    match code {
        "unknown_table"
        | "unknown_row"
        | "unknown_view"
        | "unknown_account"
        | "unknown_session"
        | "unknown_token"
        | "unknown_role"
        | "unknown_permission"
        | "unknown_invitation"
        | "unknown_identity"
        | "unknown_notification"
        | "unknown_channel"
        | "unknown_post"
        | "unknown_comment"
        | "unknown_image"
        | "unknown_watch"
        | "not_found" => StatusCode::NOT_FOUND,
        "method_not_allowed" => StatusCode::METHOD_NOT_ALLOWED,
        "unauthenticated" => StatusCode::UNAUTHORIZED,
        "wrong_host" | "wrong_origin" | "not_allowed" | "insufficient_scope" => {
            StatusCode::FORBIDDEN
        }
        "too_many_attempts" | "too_many_requests" => StatusCode::TOO_MANY_REQUESTS,
        "not_live" | "conflict" | "count_changed" | "no_history" | "no_comments" | "name_taken"
        | "last_administrator" | "last_identity" | "identity_taken" => StatusCode::CONFLICT,
        "unsupported_media_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_null"
        | "check"
        | "foreign_key"
        | "unique"
        | "exclusion"
        | "generated_column"
        | "not_editable"
        | "refused"
        | "invalid_rows"
        | "too_many_views"
        | "too_many_watches"
        | "too_many_tokens"
        | "too_many_links"
        | "too_many_identities"
        | "too_many_permissions"
        | "too_many_channels"
        | "too_many_images" => StatusCode::UNPROCESSABLE_ENTITY,
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "uri_too_long" => StatusCode::URI_TOO_LONG,
        "request_timeout" => StatusCode::REQUEST_TIMEOUT,
        "database_unavailable"
        | "too_slow"
        | "too_busy"
        | "not_following"
        | "catalog_changed"
        | "stopping"
        | "locked" => StatusCode::SERVICE_UNAVAILABLE,
        "internal" | "failing_row" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// How much of a name that a client made up is given back: what exists is shorter.
const NAME_SHOWN: usize = 128;

/// There is no such table, or it may not be read: the two answer alike.
pub fn unknown_table(name: &str) -> ApiError {
    let (name, more) = match name.char_indices().nth(NAME_SHOWN) {
        Some((end, _)) => (&name[..end], "…"),
        None => (name, ""),
    };
    ApiError::new(
        "unknown_table",
        format!("there is no table \"{name}{more}\""),
        "GET /api/tables lists the tables; one outside the schema public is written schema.table",
    )
}

/// The database can't be reached.
pub fn database_unavailable() -> ApiError {
    ApiError::new(
        "database_unavailable",
        "the database can't be reached right now",
        "try again in a moment",
    )
}

/// The rows of a list are more than is held of one.
pub fn too_large() -> ApiError {
    ApiError::new(
        "too_large",
        "the rows are too large for one answer",
        "ask for fewer rows with limit",
    )
}

/// A fault of ours, or one of the database that no request can mend.
pub fn internal() -> ApiError {
    ApiError::new("internal", "the server failed to answer", "")
}

/// What PostgreSQL says against a statement, by whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database is gone, starting, stopping or out of connections.
    Unavailable,
    /// The statement ran into its time limit.
    TooSlow,
    /// A relation or the right to read it is missing.
    Table,
    /// A column or another object is missing: what we know of the catalog is old.
    Stale,
    /// What the database lets somebody see has changed since they asked.
    Rules,
    /// A type has no such operator, or none that orders or compares it.
    Operator,
    /// A value does not fit its type.
    Value,
    /// What a view or a generated column makes of a row can't be computed.
    Data,
    /// The result is larger than the database can hand over.
    TooLarge,
    /// Anything else.
    Internal,
}

/// Sorts an error of the database driver.
pub fn fault(error: &sqlx::Error) -> Fault {
    use sqlx::Error;
    match error {
        Error::Database(database) => database
            .code()
            .map_or(Fault::Internal, |code| sqlstate_fault(&code)),
        Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => {
            Fault::Unavailable
        }
        // What a connection says that broke in the middle of a message.
        Error::Protocol(_) | Error::Tls(_) => Fault::Unavailable,
        error if have_rules_changed(error) => Fault::Rules,
        _ => Fault::Internal,
    }
}

fn sqlstate_fault(code: &str) -> Fault {
    match code {
        "57014" | "55P03" | "40P01" => Fault::TooSlow,
        "42P01" | "42501" | "3F000" => Fault::Table,
        "42703" | "42704" => Fault::Stale,
        "42883" | "42725" | "42804" | "0A000" | "42P22" | "42P21" => Fault::Operator,
        "54000" => Fault::TooLarge,
        // What text, numbers, dates, and patterns are refused for when they are read.
        "22001" | "22003" | "22007" | "22008" | "2200C" | "2200D" | "22019" | "2201B" | "22021"
        | "22025" | "22P02" | "22P03" | "22P05" => Fault::Value,
        _ => match code.get(..2) {
            Some("08" | "53" | "57" | "58") => Fault::Unavailable,
            Some("22") => Fault::Data,
            _ => Fault::Internal,
        },
    }
}

/// The answer to a failed read of `table`. PostgreSQL's message may hold a row's values or
/// a statement's text, so it is not repeated, and neither goes to the log.
pub fn read_error(error: &sqlx::Error, table: &str) -> ApiError {
    match fault(error) {
        Fault::Unavailable => database_unavailable(),
        Fault::TooSlow => ApiError::new(
            "too_slow",
            "the query took longer than the server allows",
            "narrow the filter, or filter and sort by an indexed column",
        ),
        Fault::Table => unknown_table(table),
        Fault::Rules => ApiError::new(
            "catalog_changed",
            "what you may see of the table has changed meanwhile",
            "try again",
        ),
        Fault::Operator => ApiError::new(
            "invalid_operator",
            "an operator or the order of the query does not exist for its column's type",
            "filter or sort by another column",
        ),
        Fault::Value => ApiError::new(
            "invalid_value",
            "a value of the query can't be compared with its column",
            "",
        ),
        Fault::Data => ApiError::new(
            "failing_row",
            format!("a row of \"{table}\" can't be computed"),
            "an expression of the view fails for its values, a division by zero perhaps",
        ),
        Fault::TooLarge => too_large(),
        Fault::Stale | Fault::Internal => {
            tracing::error!(sqlstate = sqlstate(error), "a read failed");
            internal()
        }
    }
}

/// The answer to a failed write into a table of ours.
pub fn write_error(error: &sqlx::Error) -> ApiError {
    match fault(error) {
        Fault::Table => ApiError::new(
            "not_allowed",
            "the server may not write that into its database",
            "docs/sql.md says which rights its role needs",
        ),
        Fault::Value => ApiError::new(
            "invalid_value",
            "the text holds a character that the database's encoding lacks",
            "",
        ),
        _ => read_error(error, ""),
    }
}

/// The SQLSTATE of an error, for the log.
pub fn sqlstate(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .map_or_else(|| "none".to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_sorted_by_whom_they_concern() {
        for (code, expected) in [
            ("57014", Fault::TooSlow),
            ("57P01", Fault::Unavailable),
            ("53300", Fault::Unavailable),
            ("08006", Fault::Unavailable),
            ("42P01", Fault::Table),
            ("42501", Fault::Table),
            ("42703", Fault::Stale),
            ("42883", Fault::Operator),
            ("0A000", Fault::Operator),
            ("22P02", Fault::Value),
            ("22003", Fault::Value),
            ("22012", Fault::Data),
            ("54000", Fault::TooLarge),
            ("XX000", Fault::Internal),
        ] {
            assert_eq!(sqlstate_fault(code), expected, "{code}");
        }
    }

    #[test]
    fn a_name_that_is_long_is_not_repeated_whole() {
        let error = unknown_table(&"ä".repeat(30_000));
        assert!(error.message.len() < 1000, "{}", error.message.len());
    }

    #[test]
    fn a_code_decides_the_status() {
        assert_eq!(status("unknown_table"), StatusCode::NOT_FOUND);
        assert_eq!(status("unknown_column"), StatusCode::BAD_REQUEST);
        assert_eq!(status("too_slow"), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("stopping"), StatusCode::SERVICE_UNAVAILABLE);
    }
}
