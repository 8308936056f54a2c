//! From what PostgreSQL says against a write to what the writer is told.
//!
//! PostgreSQL's messages may hold SQL and values of other rows, and are in the language of the
//! database, so they are not repeated; what they say is said anew. The one exception is what a
//! trigger raises: that is written for whoever writes.

use rowcast_protocol::ApiError;
use sqlx::{PgConnection, postgres::PgDatabaseError};

use super::{
    blame::{self, database_error},
    change::ReadAs,
    constraint::{self, Constraint, unwrapped},
    permitted::NOT_PERMITTED,
    refusal::Refusal,
    values::{Values, generated_columns, not_editable, quoted, secured},
};
use crate::{
    database::catalog::TableMeta,
    error::{Fault, fault, internal, sqlstate, unknown_table},
    query::{read::catalog_changed, slice},
};

/// Whether it failed only because others wrote at the same time: nothing was written, and it
/// may be tried again.
pub fn is_passing(error: &sqlx::Error) -> bool {
    database_error(error)
        .is_some_and(|error| matches!(error.code(), "40001" | "40P01") && !is_raised(error))
}

/// Whether what is known of the table may be old.
pub fn is_stale(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Decode(_))
        || database_error(error).is_some_and(|error| {
            matches!(
                error.code(),
                "42703" | "42704" | "42P01" | "42804" | "3F000"
            ) && !is_raised(error)
                && !is_too_large(error)
                && !is_not_permitted(error)
        })
}

/// Whether it may be the fault of what was to be written: the same statement may succeed with
/// other rows.
pub fn is_about_values(error: &sqlx::Error) -> bool {
    database_error(error).is_some_and(|error| {
        let code = error.code();
        is_raised(error)
            || is_of_row_security(error)
            || code == "44000"
            || code.starts_with("22")
            || code.starts_with("23")
    })
}

/// Why a write of `values` into `table` failed. The connection must be in no transaction that
/// has failed.
pub async fn refusal(
    connection: &mut PgConnection,
    table: &TableMeta,
    values: &[(&Values, ReadAs)],
    error: &sqlx::Error,
) -> Refusal {
    match explain(connection, table, values, error).await {
        Ok(refusal) => refusal,
        // What went wrong while asking says nothing about the write.
        Err(other) if fault(&other) == Fault::Unavailable => lost(),
        Err(_) => unexplained(error),
    }
}

async fn explain(
    connection: &mut PgConnection,
    table: &TableMeta,
    values: &[(&Values, ReadAs)],
    error: &sqlx::Error,
) -> Result<Refusal, sqlx::Error> {
    let Some(database) = database_error(error) else {
        return Ok(match fault(error) {
            Fault::Unavailable => lost(),
            _ if is_stale(error) => catalog_changed().into(),
            _ => unexplained(error),
        });
    };
    if is_raised(database) {
        return Ok(ApiError::new(
            "refused",
            database.message(),
            database.hint().unwrap_or_default(),
        )
        .into());
    }
    if is_not_permitted(database) {
        return Ok(ApiError::new(
            "not_allowed",
            "it would leave a row that you may not write",
            "",
        )
        .into());
    }
    if is_too_large(database) {
        return Ok(ApiError::new(
            "too_large",
            "the row is larger than the server holds of one list",
            "",
        )
        .into());
    }
    let path = table.table.path();
    let code = database.code();
    let refusal = match code {
        "57014" => ApiError::new(
            "too_slow",
            "the write took longer than the server allows",
            "",
        )
        .into(),
        "55P03" | "40001" | "40P01" => ApiError::new(
            "locked",
            "somebody else is writing to this and has not finished",
            "try again in a moment",
        )
        .into(),
        "42501" if is_of_row_security(database) => secured(
            table,
            "the table's row-level security does not allow such a row",
        ),
        "42501" if table.rules.is_some() => secured(
            table,
            "your role in the database may not write it, or not these columns of it",
        ),
        "42501" => not_editable(
            table,
            "the server's database role may not write it, or not these columns of it",
            "GRANT INSERT, UPDATE, DELETE on the table",
        ),
        "25006" => not_editable(table, "the database takes no writes", ""),
        "428C9" => {
            let columns = values.iter().flat_map(|(values, _)| values.positions());
            let columns = columns.filter(|at| table.table.columns[*at].generated);
            generated_columns(columns.map(|at| table.columns[at].name.clone()).collect())
        }
        "0A000" | "55000" | "42809" => not_editable(table, "the database can't write there", ""),
        "44000" => ApiError::new("check", "the row would not belong to the view", "").into(),
        "54000" | "54001" | "54011" => ApiError::new(
            "too_large",
            "there is more in it than one statement of the database can take",
            "",
        )
        .into(),
        "42P01" | "3F000" if database.table().is_none() => unknown_table(&path).into(),
        _ if code.starts_with("22") || database.data_type().is_some() => {
            match blame::values(connection, table, values).await? {
                Some(refusal) => refusal,
                None => of_function("a value does not fit what the table computes from it"),
            }
        }
        _ if code.starts_with("23") => violated(connection, table, values, database).await?,
        _ if database.r#where().is_some() => {
            of_function("a function that the table calls on writing has failed")
        }
        _ if is_stale(error) => catalog_changed().into(),
        _ => unexplained(error),
    };
    Ok(refusal)
}

/// Whether a function raised it with a message of its own.
fn is_raised(error: &PgDatabaseError) -> bool {
    error.code() == "P0001" || error.routine() == Some("exec_stmt_raise")
}

fn is_too_large(error: &PgDatabaseError) -> bool {
    error.code() == "42704" && error.message().contains(slice::TOO_LARGE)
}

/// Whether it is the failure of a statement that would leave a row its writer may not write.
fn is_not_permitted(error: &PgDatabaseError) -> bool {
    error.code() == "42704" && error.message().contains(NOT_PERMITTED)
}

fn is_of_row_security(error: &PgDatabaseError) -> bool {
    error.routine() == Some("ExecWithCheckOptions")
}

/// The connection broke, so the answer, if there was one, is lost.
fn lost() -> Refusal {
    ApiError::new(
        "database_unavailable",
        "the connection to the database broke: it is not known whether this was written",
        "look at the row before writing again",
    )
    .into()
}

fn of_function(message: &str) -> Refusal {
    ApiError::new("refused", message, "").into()
}

fn unexplained(error: &sqlx::Error) -> Refusal {
    tracing::error!(sqlstate = sqlstate(error), "a write failed");
    internal().into()
}

async fn violated(
    connection: &mut PgConnection,
    table: &TableMeta,
    values: &[(&Values, ReadAs)],
    error: &PgDatabaseError,
) -> Result<Refusal, sqlx::Error> {
    let of = |error: &PgDatabaseError| {
        Some((
            error.schema()?.to_owned(),
            error.table()?.to_owned(),
            error.constraint()?.to_owned(),
        ))
    };
    if error.code() == "23502" {
        let column = error.column().unwrap_or_default();
        if table.position(column).is_some() {
            return Ok(Refusal::of(
                ApiError::new("not_null", format!("\"{column}\" must have a value"), ""),
                vec![column.to_owned()],
            ));
        }
        let whose = match table.table.column(column) {
            Some(_) => "a value is missing that you can't give",
            None => "a value is missing in another table",
        };
        return Ok(ApiError::new("not_null", whose, "").into());
    }
    if let Some((schema, of_table, name)) = of(error)
        && let Some(found) = constraint::find(connection, table, &schema, &of_table, &name).await?
    {
        let set: Vec<usize> = match values.first() {
            Some((values, ReadAs::Declared)) => values.positions().collect(),
            _ => Vec::new(),
        };
        return Ok(match found.seen_of(table) {
            Some(found) => told(table, &found, &set),
            // In its words would stand what its writer may not know of.
            None => ApiError::new(
                violated_code(error),
                "the database's rules for the table do not allow it",
                "",
            )
            .into(),
        });
    }
    if error.code() == "23514" && error.table().is_some() && table.is_seen_whole() {
        let columns = constraint::partition_key(connection, table).await?;
        let message = format!("no part of the table takes this {}", quoted(&columns));
        return Ok(Refusal::of(ApiError::new("check", message, ""), columns));
    }
    Ok(ApiError::new(
        violated_code(error),
        "the database's rules for the table do not allow it",
        "",
    )
    .into())
}

fn violated_code(error: &PgDatabaseError) -> &'static str {
    match error.code() {
        "23503" => "foreign_key",
        "23505" => "unique",
        "23P01" => "exclusion",
        _ => "check",
    }
}

/// A violated constraint in words. `set`: the columns that were given values.
fn told(table: &TableMeta, constraint: &Constraint, set: &[usize]) -> Refusal {
    let columns = constraint.columns.clone().unwrap_or_default();
    let comment = constraint.comment.clone();
    let other = || match &constraint.table {
        Some(table) => format!("\"{table}\""),
        None => "another table".to_owned(),
    };
    let is_referred_to = constraint.kind == 'f' && constraint.refers_to_own;
    if !constraint.own && !is_referred_to {
        let code = code_of(constraint.kind);
        let message = comment.unwrap_or_else(|| {
            format!(
                "a rule of {}, which is written along with this, does not allow it",
                other()
            )
        });
        return ApiError::new(code, message, "").into();
    }
    let names = quoted(&columns);
    let (columns, message) = match constraint.kind {
        'f' => {
            let is_set = |name: &String| set.iter().any(|at| table.columns[*at].name == *name);
            if constraint.own && (!constraint.refers_to_own || columns.iter().any(is_set)) {
                let referred = match &constraint.referred {
                    Some(table) => format!("no row of \"{table}\""),
                    None => "no row of the table that it refers to".to_owned(),
                };
                (columns, format!("there is {referred} with this {names}"))
            } else {
                let referred = constraint.referred_columns.clone().unwrap_or_default();
                let columns = referred.into_iter().filter(is_set).collect();
                (
                    columns,
                    format!("rows of {} still refer to this row", other()),
                )
            }
        }
        'c' => {
            let condition = constraint.expression.as_deref().unwrap_or_default();
            let message = format!("{names} must satisfy {}", unwrapped(condition));
            (columns, message)
        }
        'x' => (
            columns,
            format!("another row is in conflict with this {names}"),
        ),
        _ => (columns, format!("another row has this {names} already")),
    };
    let error = ApiError::new(code_of(constraint.kind), comment.unwrap_or(message), "");
    Refusal::of(error, columns)
}

fn code_of(kind: char) -> &'static str {
    match kind {
        'f' => "foreign_key",
        'c' => "check",
        'x' => "exclusion",
        'n' => "not_null",
        _ => "unique",
    }
}
