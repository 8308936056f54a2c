//! Reading the change log.

use futures::TryStreamExt;
use rowcast_protocol::PgSnapshot;
use sqlx::{PgConnection, Row, postgres::types::Oid};

/// What a row of the log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Whole rows, as a statement found and left them.
    Images,
    /// That rows of these keys changed; they were too large to image.
    Keys,
    /// That the table was emptied.
    Truncate,
    /// That something happened that could not be imaged.
    Unknown,
    /// That the table's definition changed.
    Definition,
}

/// A row of the log: what one statement did to one relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// The transaction.
    pub xid: u64,
    /// When it was logged: microseconds since 1970, by the database's clock.
    pub at: i64,
    /// The relation itself: of a partitioned table, perhaps a partition.
    pub relation: u32,
    /// What is told.
    pub kind: ChangeKind,
    /// A hash of the columns that the images were made of.
    pub layout: i32,
    /// Images of rows as they were, one after another.
    pub old: Vec<u8>,
    /// Images of rows as they became, one after another.
    pub new: Vec<u8>,
}

/// All that was committed between two versions of the database.
#[derive(Clone, Debug)]
pub struct Read {
    /// The version before.
    pub from: PgSnapshot,
    /// The version after.
    pub to: PgSnapshot,
    /// What was logged; its order means nothing.
    pub rows: Vec<LogRow>,
    /// Relations of which more was logged than is held: `rows` has nothing of them.
    pub overflow: Vec<u32>,
    /// Relations whose definition is not what it was.
    pub changed_schemas: Vec<u32>,
    /// Whether changes since the version before may have been removed from the log unread.
    pub is_purged: bool,
    /// The database's clock at the read: microseconds since 1970.
    pub clock: i64,
}

const READ: &str = "SELECT pg_catalog.pg_current_snapshot()::text, \
     (extract(epoch FROM clock_timestamp()) * 1000000)::int8, \
     l.xid::text, (extract(epoch FROM l.at) * 1000000)::int8, l.relation, l.kind::text, \
     l.layout, octet_length(l.old), octet_length(l.new), \
     CASE WHEN octet_length(l.old) <= $3 THEN l.old END, \
     CASE WHEN octet_length(l.new) <= $3 THEN l.new END, \
     coalesce((SELECT s.purged_below > $4::text::xid8 FROM rowcast.state s), true) \
     FROM (SELECT) AS once LEFT JOIN rowcast.change_log l \
     ON l.xid >= $1::text::xid8 OR l.xid = ANY ($2::text[]::xid8[])";

/// Reads what is new since `cursor`: one statement, so one version of the database.
///
/// Of all the images at most `bound` bytes are held; the relations of what lies beyond are
/// named in [`Read::overflow`].
pub async fn read(
    connection: &mut PgConnection,
    cursor: &PgSnapshot,
    bound: usize,
) -> Result<Read, sqlx::Error> {
    let running: Vec<String> = cursor.running.iter().map(u64::to_string).collect();
    let mut read = Read {
        from: cursor.clone(),
        to: cursor.clone(),
        rows: Vec::new(),
        overflow: Vec::new(),
        changed_schemas: Vec::new(),
        is_purged: false,
        clock: 0,
    };
    let mut held = 0;
    let mut first = true;
    let bound_text = i32::try_from(bound).unwrap_or(i32::MAX);
    let mut rows = sqlx::query(READ)
        .bind(cursor.xmax.to_string())
        .bind(running)
        .bind(bound_text)
        .bind(cursor.xmin.to_string())
        .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if first {
            first = false;
            read.to = decode(row.try_get::<&str, _>(0)?.parse())?;
            read.clock = row.try_get(1)?;
            read.is_purged = row.try_get(11)?;
        }
        let Some(xid) = row.try_get::<Option<&str>, _>(2)? else {
            break;
        };
        let relation = row.try_get::<Oid, _>(4)?.0;
        let lengths: (Option<i32>, Option<i32>) = (row.try_get(7)?, row.try_get(8)?);
        let size = lengths.0.unwrap_or(0).unsigned_abs() as usize
            + lengths.1.unwrap_or(0).unsigned_abs() as usize;
        held += size;
        if read.overflow.contains(&relation) {
            held -= size;
            continue;
        }
        if held > bound {
            held -= size;
            read.rows.retain(|row| {
                let stays = row.relation != relation;
                if !stays {
                    held -= row.old.len() + row.new.len();
                }
                stays
            });
            read.overflow.push(relation);
            continue;
        }
        let images = |at: usize| -> Result<Vec<u8>, sqlx::Error> {
            Ok(row.try_get::<Option<Vec<u8>>, _>(at)?.unwrap_or_default())
        };
        read.rows.push(LogRow {
            xid: decode(xid.parse())?,
            at: row.try_get(3)?,
            relation,
            kind: kind(row.try_get(5)?),
            layout: row.try_get::<Option<i32>, _>(6)?.unwrap_or_default(),
            old: images(9)?,
            new: images(10)?,
        });
    }
    Ok(read)
}

/// The database's present version.
pub async fn present(connection: &mut PgConnection) -> Result<PgSnapshot, sqlx::Error> {
    let text: String = sqlx::query_scalar("SELECT pg_catalog.pg_current_snapshot()::text")
        .fetch_one(connection)
        .await?;
    decode(text.parse())
}

fn decode<T, E: std::error::Error + Send + Sync + 'static>(
    result: Result<T, E>,
) -> Result<T, sqlx::Error> {
    result.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn kind(letter: &str) -> ChangeKind {
    match letter {
        "i" => ChangeKind::Images,
        "k" => ChangeKind::Keys,
        "t" => ChangeKind::Truncate,
        "d" => ChangeKind::Definition,
        // A kind that a later version writes: whatever it is, something happened.
        _ => ChangeKind::Unknown,
    }
}
