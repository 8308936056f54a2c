//! Reading a part of the log: what is new since a cursor, of some relations.

use rowcast_protocol::PgSnapshot;
use sqlx::{PgConnection, Row, postgres::types::Oid};

use super::cursor::NO_END;

/// How many rows of the log a part has at the most, unless one transaction has more.
const ROWS: i64 = 5_000;

/// How many bytes of images, too.
const BYTES: i64 = 32 << 20;

/// What is new since a cursor, by what is bound first, up to a version if one is given.
pub const NEW: &str = "(c.xid >= $1::text::xid8 OR c.xid = ANY ($2::text[]::xid8[])) \
     AND c.relation = ANY ($3) \
     AND ($4::text IS NULL OR pg_visible_in_snapshot(c.xid, $4::text::pg_snapshot))";

/// Where the next part ends, and whether there is more behind it.
///
/// # Errors
/// Those of a read.
pub async fn end(
    connection: &mut PgConnection,
    from: &PgSnapshot,
    relations: &[Oid],
    up_to: Option<&PgSnapshot>,
) -> Result<(u64, bool), sqlx::Error> {
    let sql = format!(
        "SELECT c.xid::text, \
                (coalesce(octet_length(c.old), 0) + coalesce(octet_length(c.new), 0))::int8 \
           FROM rowcast.change_log c WHERE {NEW} ORDER BY c.xid LIMIT {}",
        ROWS + 1
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(from.xmax.to_string())
        .bind(running(from))
        .bind(relations)
        .bind(up_to.map(ToString::to_string))
        .fetch_all(connection)
        .await?;
    let mut sizes = Vec::with_capacity(rows.len());
    for row in &rows {
        let xid: &str = row.try_get(0)?;
        let xid: u64 = xid
            .parse()
            .map_err(|_| sqlx::Error::Decode("no transaction's number".into()))?;
        sizes.push((xid, row.try_get(1)?));
    }
    Ok(cut(&sizes))
}

/// Where a part of these rows ends, each of a transaction and so large.
fn cut(rows: &[(u64, i64)]) -> (u64, bool) {
    let mut bytes = 0_i64;
    let over = rows.iter().enumerate().find(|(nth, (_, size))| {
        bytes = bytes.saturating_add(*size);
        *nth as i64 >= ROWS || bytes > BYTES
    });
    let (Some((first, _)), Some((_, (last, _)))) = (rows.first(), over) else {
        return (NO_END, false);
    };
    // A transaction is taken in as a whole.
    (if first == last { last + 1 } else { *last }, true)
}

/// The transactions that a snapshot does not show though they are not the newest.
pub fn running(snapshot: &PgSnapshot) -> Vec<String> {
    snapshot.running.iter().map(u64::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_before_what_is_too_much() {
        assert_eq!(cut(&[]), (NO_END, false));
        assert_eq!(cut(&[(5, BYTES / 2), (6, BYTES / 2)]), (NO_END, false));
        assert_eq!(cut(&[(5, BYTES / 2), (6, BYTES / 2), (7, 2)]), (7, true));
        assert_eq!(cut(&[(5, BYTES), (5, BYTES), (6, 1)]), (6, true));
        assert_eq!(cut(&vec![(5, 0); ROWS as usize]), (NO_END, false));
        assert_eq!(cut(&vec![(5, 0); ROWS as usize + 1]), (6, true));
    }
}
