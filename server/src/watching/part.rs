//! Reading a part of the log: what is new since a cursor, of some relations.

use rowcast_protocol::PgSnapshot;
use sqlx::{PgConnection, Row, postgres::types::Oid};

use super::cursor::NO_END;

/// How many rows of the log a part has at the most, unless one transaction has more.
const ROWS: i64 = 5_000;

/// What is new since a cursor, by what is bound first.
pub const NEW: &str = "(c.xid >= $1::text::xid8 OR c.xid = ANY ($2::text[]::xid8[])) \
     AND c.relation = ANY ($3)";

/// Where the next part ends, and whether there is more behind it.
///
/// # Errors
/// Those of a read.
pub async fn end(
    connection: &mut PgConnection,
    from: &PgSnapshot,
    relations: &[Oid],
) -> Result<(u64, bool), sqlx::Error> {
    let sql = format!(
        "SELECT c.xid::text FROM rowcast.change_log c WHERE {NEW} ORDER BY c.xid LIMIT {}",
        ROWS + 1
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(from.xmax.to_string())
        .bind(running(from))
        .bind(relations)
        .fetch_all(connection)
        .await?;
    if rows.len() as i64 <= ROWS {
        return Ok((NO_END, false));
    }
    let xid = |at: usize| -> Result<u64, sqlx::Error> {
        let text: &str = rows[at].try_get(0)?;
        text.parse()
            .map_err(|_| sqlx::Error::Decode("no transaction's number".into()))
    };
    let (first, last) = (xid(0)?, xid(rows.len() - 1)?);
    // A transaction is taken in as a whole.
    Ok((if first == last { last + 1 } else { last }, true))
}

/// The transactions that a snapshot does not show though they are not the newest.
pub fn running(snapshot: &PgSnapshot) -> Vec<String> {
    snapshot.running.iter().map(u64::to_string).collect()
}
