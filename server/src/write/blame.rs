//! Which of a client's values can't be read, and what would be.

use rowcast_protocol::{ApiError, Column, ColumnKind};
use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgDatabaseError};

use super::{
    change::ReadAs,
    constraint,
    refusal::Refusal,
    statement::definitions,
    values::{Values, name},
};
use crate::{
    database::{catalog::TableMeta, impersonation::fetch_as},
    error::{Fault, fault},
};

/// How many values' faults are told in words; the columns of all are named.
const TOLD: usize = 5;

/// How much of a value is repeated to whoever sent it.
const SHOWN: usize = 60;

/// How many of an enum's labels are listed.
const LABELS: usize = 20;

/// Reads each value alone, and says which can't be read: `invalid_value`, or what a domain
/// demands. `None` if all can, so that the fault lies elsewhere.
///
/// # Errors
/// The database's, where they are not about a value.
pub async fn values(
    connection: &mut PgConnection,
    table: &TableMeta,
    values: &[(&Values, ReadAs)],
) -> Result<Option<Refusal>, sqlx::Error> {
    let mut code: Option<&str> = None;
    let (mut columns, mut messages) = (Vec::new(), Vec::new());
    for (values, read_as) in values {
        for (at, value) in values.iter() {
            let Some(wrong) = one(connection, table, at, value, *read_as).await? else {
                continue;
            };
            code.get_or_insert(wrong.code);
            if !columns.contains(&table.columns[at].name) {
                columns.push(table.columns[at].name.clone());
                if messages.len() < TOLD {
                    messages.push(wrong.message);
                }
            }
        }
    }
    let error = code.map(|code| ApiError::new(code, messages.join("; "), ""));
    Ok(error.map(|error| Refusal::of(error, columns)))
}

/// What is wrong with one value.
pub struct Wrong {
    /// The error's code.
    pub code: &'static str,
    /// Why, naming the column.
    pub message: String,
}

/// What is wrong with one value, if anything is.
///
/// # Errors
/// The database's, where they are not about the value.
pub async fn one(
    connection: &mut PgConnection,
    table: &TableMeta,
    at: usize,
    value: &RawValue,
    read_as: ReadAs,
) -> Result<Option<Wrong>, sqlx::Error> {
    let sql = format!(
        "SELECT r.{} IS NULL FROM pg_catalog.json_to_record($1::text::pg_catalog.json) AS r ({})",
        name(at),
        definitions(table, &[at], read_as)
    );
    let json = format!("{{\"{}\":{}}}", name(at), value.get());
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(json);
    let read = fetch_as(connection, table, query).await;
    let Err(error) = read else {
        return Ok(None);
    };
    let Some(database) = database_error(&error) else {
        return Err(error);
    };
    if matches!(
        fault(&error),
        Fault::Unavailable | Fault::TooSlow | Fault::Stale | Fault::Table
    ) {
        return Err(error);
    }
    let column = &table.table.columns[at];
    let (sqlstate, domain, check) = (
        database.code().to_owned(),
        database.data_type().map(str::to_owned),
        database.constraint().map(str::to_owned),
    );
    Ok(Some(match (&*sqlstate, domain, check) {
        ("23502", Some(_), _) => Wrong {
            code: "not_null",
            message: format!("\"{}\" must have a value", column.name),
        },
        ("23514", Some(domain), Some(check)) => {
            let demand = constraint::domain(connection, &domain, &check).await?;
            Wrong {
                code: "check",
                message: format!("\"{}\": {demand}", column.name),
            }
        }
        (sqlstate, ..) => Wrong {
            code: "invalid_value",
            message: invalid(column, value, sqlstate),
        },
    }))
}

/// PostgreSQL's part of an error.
pub fn database_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
}

fn invalid(column: &Column, value: &RawValue, sqlstate: &str) -> String {
    let name = &column.name;
    match sqlstate {
        "22001" => format!(
            "the text is too long for \"{name}\", a {}",
            column.type_name
        ),
        "22003" => format!(
            "the number is out of range for \"{name}\", a {}",
            column.type_name
        ),
        _ => format!("\"{name}\" takes {}, not {}", takes(column), excerpt(value)),
    }
}

fn excerpt(value: &RawValue) -> String {
    let text = serde_json::from_str::<String>(value.get());
    let text = text.as_deref().unwrap_or(value.get());
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// What a column takes, in words.
fn takes(column: &Column) -> String {
    match column.kind {
        ColumnKind::Boolean => "true or false".to_owned(),
        ColumnKind::Integer => "a whole number".to_owned(),
        ColumnKind::Numeric | ColumnKind::Float => "a number".to_owned(),
        ColumnKind::Text => "text".to_owned(),
        ColumnKind::Bytes => "bytes such as \\x00ff".to_owned(),
        ColumnKind::Date => "a date such as 2026-03-02".to_owned(),
        ColumnKind::Time => "a time such as 11:30:00".to_owned(),
        ColumnKind::Timestamp => "a date and time such as 2026-03-02T11:30:00".to_owned(),
        ColumnKind::TimestampTz => "a date and time such as 2026-03-02T11:30:00Z".to_owned(),
        ColumnKind::Interval => "a time span such as 1 day 02:30:00".to_owned(),
        ColumnKind::Uuid => "a UUID".to_owned(),
        ColumnKind::Enum if column.labels.len() <= LABELS => {
            format!("one of {}", column.labels.join(", "))
        }
        ColumnKind::Json => "JSON".to_owned(),
        ColumnKind::Array => format!("a list, {}", column.type_name),
        ColumnKind::Enum | ColumnKind::Other => format!("a value of {}", column.type_name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_repeated_in_part() {
        let value = |json: &str| RawValue::from_string(json.to_owned()).expect("JSON");
        assert_eq!(excerpt(&value("\"a b\"")), "\"a b\"");
        assert_eq!(excerpt(&value("{\"a\": 1}")), "\"{\"a\": 1}\"");
        let long = format!("\"{}\"", "ä".repeat(100));
        assert_eq!(excerpt(&value(&long)), format!("\"{}…\"", "ä".repeat(60)));
    }
}
