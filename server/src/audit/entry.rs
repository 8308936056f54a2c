//! Entries that no write of its own brings with it.

use rowcast_protocol::ApiError;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::Actor;
use crate::{
    auth::{AccountId, Identity},
    error::{sqlstate, write_error},
};

/// The most bytes of a query's text that is kept.
const QUERY: usize = 1000;

/// The most keys of one request that are kept, and the most bytes of all of them together.
const KEYS: usize = 100;
const KEYS_BYTES: usize = 1500;

/// What was done to the rows of a table.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The word for it.
    pub action: &'static str,
    /// The table, as addresses name it.
    pub table: &'a str,
    /// The key of the row, where it is one, as the JSON array that messages name it by.
    pub row_key: Option<String>,
    /// How many rows.
    pub rows: u64,
    /// What else is told, an object.
    pub details: Value,
}

impl Entry<'_> {
    /// Writes it in the transaction that does it, as the server's own role whatever other the
    /// session has taken: that one need not be allowed to know of anything of ours.
    ///
    /// # Errors
    /// The database's.
    pub async fn write_in(
        &self,
        actor: &Actor,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let taken: String = sqlx::query_scalar("SELECT pg_catalog.current_setting('role')")
            .fetch_one(&mut *connection)
            .await?;
        if taken == NO_ROLE {
            self.write(actor, connection).await?;
            return Ok(());
        }
        take(connection, NO_ROLE).await?;
        self.write(actor, &mut *connection).await?;
        take(connection, &taken).await
    }

    /// Writes it by itself, and says its number.
    ///
    /// # Errors
    /// The database's.
    pub async fn write(
        &self,
        actor: &Actor,
        executor: impl PgExecutor<'_>,
    ) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT rowcast.note_rows($1, $2, $3, $4, $5, $6::text::jsonb)")
            .bind(actor.setting())
            .bind(self.action)
            .bind(self.table)
            .bind(&self.row_key)
            .bind(i64::try_from(self.rows).unwrap_or(i64::MAX))
            .bind(self.details.to_string())
            .fetch_one(executor)
            .await
    }

    /// The keys of rows, each as JSON, as far as they are kept: the first ones.
    pub fn keys(keys: impl IntoIterator<Item = String>) -> Value {
        let mut room = KEYS_BYTES;
        let fitting = keys.into_iter().take(KEYS).map_while(|key| {
            room = room.checked_sub(key.len())?;
            serde_json::from_str(&key).ok()
        });
        Value::Array(fitting.collect())
    }

    /// A query's text, as far as it is kept.
    pub fn query(text: &str) -> Value {
        let mut end = text.len().min(QUERY);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let more = if end < text.len() { "…" } else { "" };
        Value::String(format!("{}{more}", &text[..end]))
    }
}

/// What the setting `role` is where a session acts as the role that it belongs to.
const NO_ROLE: &str = "none";

async fn take(connection: &mut PgConnection, role: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.set_config('role', $1, true)")
        .bind(role)
        .execute(connection)
        .await?;
    Ok(())
}

/// An export that is under way.
#[derive(Debug)]
pub struct Export {
    pool: PgPool,
    /// The entry about it; `None` of one that is only counted.
    id: Option<i64>,
}

impl Export {
    /// Notes that one begins: nothing is sent that is not noted. Those of strangers, who may make
    /// as many as they like of what is public, are counted.
    ///
    /// # Errors
    /// Those of a write.
    pub async fn begin(
        pool: &PgPool,
        identity: &Identity,
        table: &str,
        format: &str,
        query: &str,
    ) -> Result<Self, ApiError> {
        let pool = pool.clone();
        if identity.account.is_none() && !identity.is_everyone() {
            count(&pool, "public_export", None, Some(table)).await?;
            return Ok(Self { pool, id: None });
        }
        let entry = Entry {
            action: "export",
            table,
            row_key: None,
            rows: 0,
            details: json!({"format": format, "query": Entry::query(query), "outcome": "begun"}),
        };
        let id = entry.write(&Actor::current(), &pool).await;
        let id = id.map_err(|error| write_error(&error))?;
        Ok(Self { pool, id: Some(id) })
    }

    /// Notes how it ended, and after how many rows.
    pub async fn end(self, is_whole: bool, rows: u64) {
        let Some(id) = self.id else { return };
        let outcome = if is_whole { "finished" } else { "broken off" };
        let noted = sqlx::query(
            "UPDATE rowcast.audit SET rows = $2, \
                    details = details || jsonb_build_object('outcome', $3::text) WHERE id = $1",
        )
        .bind(id)
        .bind(i64::try_from(rows).unwrap_or(i64::MAX))
        .bind(outcome)
        .execute(&self.pool)
        .await;
        if let Err(error) = noted {
            // That it began is noted.
            tracing::warn!(
                reason = sqlstate(&error),
                "how an export ended was not noted"
            );
        }
    }
}

/// Notes what a stranger may do as often as they like, such as a sign-in that is refused: once an
/// hour for each address and account, with how often.
///
/// # Errors
/// Those of a write.
pub async fn counted(
    pool: &PgPool,
    action: &'static str,
    account: Option<AccountId>,
) -> Result<(), ApiError> {
    count(pool, action, account, None).await
}

async fn count(
    pool: &PgPool,
    action: &'static str,
    account: Option<AccountId>,
    table: Option<&str>,
) -> Result<(), ApiError> {
    sqlx::query("SELECT rowcast.note_counted($1, $2, $3)")
        .bind(action)
        .bind(account.map(|account| account.0))
        .bind(table)
        .execute(pool)
        .await
        .map_err(|error| write_error(&error))?;
    Ok(())
}

/// Notes that the audit log is read: once an hour for each session, token or address.
///
/// # Errors
/// Those of a write.
pub async fn reading(pool: &PgPool) -> Result<(), ApiError> {
    sqlx::query("SELECT rowcast.note_reading()")
        .execute(pool)
        .await
        .map_err(|error| write_error(&error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_request_is_bounded() {
        let many = (0..1000).map(|key| format!("[{key}]"));
        let Value::Array(kept) = Entry::keys(many) else {
            panic!("an array");
        };
        assert_eq!((kept.len(), &kept[99]), (KEYS, &json!([99])));
        let long = format!("[\"{}\"]", "x".repeat(KEYS_BYTES));
        assert_eq!(
            Entry::keys(["[1]".to_owned(), long, "[2]".to_owned()]),
            json!([[1]])
        );
        assert_eq!(Entry::query("a=eq.1"), json!("a=eq.1"));
        let cut = Entry::query(&"ä".repeat(QUERY));
        assert_eq!(
            cut.as_str().map(|text| text.chars().count()),
            Some(QUERY / 2 + 1)
        );
    }
}
