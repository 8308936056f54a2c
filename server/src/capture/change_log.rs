//! Reading the change log.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use rowcast_protocol::PgSnapshot;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::types::Oid};

use super::copier::slot;
use crate::traces::Cause;

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

impl ChangeKind {
    /// The kind of that letter in the log.
    pub fn of(letter: &str) -> Self {
        match letter {
            "i" => Self::Images,
            "k" => Self::Keys,
            "t" => Self::Truncate,
            "d" => Self::Definition,
            // A kind that a later version writes: whatever it is, something happened.
            _ => Self::Unknown,
        }
    }
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
    /// Which history of its own the log said to be, and where its changes come from.
    pub source: Source,
    /// What was done to read it.
    pub cause: Cause,
}

/// Where the log's changes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Which history of its own the log says to be: another one with every change of the rest.
    pub era: i64,
    /// Whether they are [copied](super::copier) from the write-ahead log, not made by triggers.
    pub is_replicated: bool,
}

/// How long the log is waited for to be as far as what was seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether it is: at first, which is for so long, and later less and less.
const BEAT: Duration = Duration::from_millis(1);
const AT_FIRST: Duration = Duration::from_millis(20);
const LAST_BEAT: Duration = Duration::from_millis(20);

/// What a row of the log counts beside its images.
const ROW_BYTES: usize = 512;

/// What both statements begin with.
const COLUMNS: &str = "SELECT coalesce($6, pg_catalog.pg_current_snapshot()::text), \
     (extract(epoch FROM clock_timestamp()) * 1000000)::int8, \
     coalesce((SELECT s.purged_below > $4::text::xid8 FROM rowcast.state s), true), \
     (SELECT s.epoch FROM rowcast.state s), \
     (SELECT s.source = 'replication' FROM rowcast.state s), \
     l.xid::text, (extract(epoch FROM l.at) * 1000000)::int8, l.relation, l.kind::text, \
     l.layout";

/// What is new, up to a version if one is given. A row's size, and the log's up to it.
const NEW: &str = "(c.xid >= $1::text::xid8 OR c.xid = ANY ($2::text[]::xid8[])) \
     AND ($6::text IS NULL OR pg_catalog.pg_visible_in_snapshot(c.xid, $6::text::pg_snapshot))";
const SIZE: &str = "($5 + coalesce(octet_length(c.old), 0) + coalesce(octet_length(c.new), 0))";

/// Reads what is new since `cursor`: one statement, so one version of the database.
///
/// At most `bound` bytes are held. Where there is more, relations are read whole or not at
/// all, the least changed ones first; the others are named in [`Read::overflow`].
pub async fn read(
    connection: &mut PgConnection,
    cursor: &PgSnapshot,
    bound: usize,
) -> Result<Read, sqlx::Error> {
    read_up_to(connection, cursor, bound, None).await
}

/// The same up to a version that the log [has reached](reached), where it is behind the database.
pub async fn read_up_to(
    connection: &mut PgConnection,
    cursor: &PgSnapshot,
    bound: usize,
    end: Option<&PgSnapshot>,
) -> Result<Read, sqlx::Error> {
    // Most reads are small, and it is found out in passing if one is not: of that, rows up to
    // the first one beyond the bound are read.
    let usual = format!(
        "{COLUMNS}, CASE WHEN l.held <= $3 THEN l.old END, CASE WHEN l.held <= $3 THEN l.new END, \
             CASE WHEN l.held > $3 THEN ARRAY[]::oid[] END \
         FROM (SELECT) AS once LEFT JOIN (SELECT * FROM ( \
             SELECT c.*, {SIZE} AS size, sum({SIZE}) OVER (ROWS UNBOUNDED PRECEDING) AS held \
               FROM rowcast.change_log c WHERE {NEW} LIMIT $3 / $5 + 1) AS w \
             WHERE w.held - w.size <= $3) AS l ON true"
    );
    if let Some(read) = run(connection, &usual, cursor, bound, end, false).await? {
        return Ok(read);
    }
    let by_relation = format!(
        "WITH sizes AS MATERIALIZED ( \
             SELECT c.relation, sum({SIZE}) AS size FROM rowcast.change_log c \
              WHERE {NEW} GROUP BY c.relation), \
         fit AS MATERIALIZED ( \
             SELECT s.relation FROM ( \
                 SELECT *, sum(size) OVER (ORDER BY size ROWS UNBOUNDED PRECEDING) AS held \
                   FROM sizes) AS s \
              WHERE s.held <= $3) \
         {COLUMNS}, l.old, l.new, \
             ARRAY(SELECT relation FROM sizes EXCEPT SELECT relation FROM fit) \
         FROM (SELECT) AS once LEFT JOIN ( \
             SELECT c.* FROM rowcast.change_log c \
              WHERE ({NEW}) AND c.relation IN (SELECT relation FROM fit)) AS l ON true"
    );
    match run(connection, &by_relation, cursor, bound, end, true).await? {
        Some(read) => Ok(read),
        None => Err(sqlx::Error::WorkerCrashed),
    }
}

/// Runs a statement that reads the log. `None` if it found more than the bound, which one
/// that `chooses` what to leave out never does.
async fn run(
    connection: &mut PgConnection,
    sql: &str,
    cursor: &PgSnapshot,
    bound: usize,
    end: Option<&PgSnapshot>,
    chooses: bool,
) -> Result<Option<Read>, sqlx::Error> {
    let running: Vec<String> = cursor.running.iter().map(u64::to_string).collect();
    let mut read = Read {
        from: cursor.clone(),
        to: cursor.clone(),
        rows: Vec::new(),
        overflow: Vec::new(),
        changed_schemas: Vec::new(),
        is_purged: false,
        clock: 0,
        source: Source::default(),
        cause: Cause::default(),
    };
    let mut fits = true;
    let mut first = true;
    let mut rows = sqlx::query(AssertSqlSafe(sql))
        .bind(cursor.xmax.to_string())
        .bind(running)
        .bind(i64::try_from(bound).unwrap_or(i64::MAX))
        .bind(cursor.xmin.to_string())
        .bind(i64::try_from(ROW_BYTES).unwrap_or(i64::MAX))
        .bind(end.map(ToString::to_string))
        .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let left_out: Option<Vec<Oid>> = row.try_get(12)?;
        if first {
            first = false;
            read.to = decode(row.try_get::<&str, _>(0)?.parse())?;
            read.clock = row.try_get(1)?;
            read.is_purged = row.try_get(2)?;
            read.source = Source {
                era: row.try_get::<Option<_>, _>(3)?.unwrap_or_default(),
                is_replicated: row.try_get::<Option<_>, _>(4)?.unwrap_or_default(),
            };
            read.overflow = left_out.iter().flatten().map(|oid| oid.0).collect();
        }
        let Some(xid) = row.try_get::<Option<&str>, _>(5)? else {
            break;
        };
        fits &= chooses || left_out.is_none();
        if !fits {
            continue;
        }
        let images = |at: usize| -> Result<Vec<u8>, sqlx::Error> {
            Ok(row.try_get::<Option<Vec<u8>>, _>(at)?.unwrap_or_default())
        };
        read.rows.push(LogRow {
            xid: decode(xid.parse())?,
            at: row.try_get(6)?,
            relation: row.try_get::<Oid, _>(7)?.0,
            kind: ChangeKind::of(row.try_get(8)?),
            layout: row.try_get::<Option<i32>, _>(9)?.unwrap_or_default(),
            old: images(10)?,
            new: images(11)?,
        });
    }
    Ok(fits.then_some(read))
}

/// Where the log's changes come from.
pub async fn source(connection: &mut PgConnection) -> Result<Source, sqlx::Error> {
    let row = sqlx::query("SELECT epoch, source = 'replication' FROM rowcast.state")
        .fetch_one(connection)
        .await?;
    Ok(Source {
        era: row.try_get(0)?,
        is_replicated: row.try_get(1)?,
    })
}

/// The version that the log is whole up to, once it has all that was committed before this.
///
/// # Errors
/// Also that it has not for long: nobody copies.
pub async fn reached(
    connection: &mut PgConnection,
    source: Source,
) -> Result<Option<PgSnapshot>, sqlx::Error> {
    if !source.is_replicated {
        return Ok(None);
    }
    let seen = mark(connection).await?;
    match covering(connection, &seen).await? {
        Some(version) => Ok(Some(version)),
        None => Err(sqlx::Error::PoolTimedOut),
    }
}

/// The same, however long it takes, as long as somebody copies: of a transaction that changed much, or
/// of all that was written while nobody did, nothing is there until it was decoded.
///
/// # Errors
/// Also that nobody copies.
pub async fn reached_at_last(
    connection: &mut PgConnection,
    source: Source,
) -> Result<Option<PgSnapshot>, sqlx::Error> {
    if !source.is_replicated {
        return Ok(None);
    }
    // The same one all the time, or there would always be more to wait for.
    let seen = mark(connection).await?;
    let begun = Instant::now();
    loop {
        if let Some(version) = covering(connection, &seen).await? {
            return Ok(Some(version));
        }
        // Another source, or another history, leads elsewhere.
        if self::source(connection).await? != source || !slot::is_read(connection).await? {
            return Err(sqlx::Error::PoolTimedOut);
        }
        tracing::info!(
            seconds = begun.elapsed().as_secs(),
            "waiting until what was written before is copied from the write-ahead log"
        );
    }
}

/// Marks the write-ahead log with what is seen now.
async fn mark(connection: &mut PgConnection) -> Result<PgSnapshot, sqlx::Error> {
    let seen: String = sqlx::query_scalar(
        "SELECT rowcast.mark() FROM set_config('synchronous_commit', 'local', true)",
    )
    .fetch_one(connection)
    .await?;
    decode(seen.parse())
}

/// The version that the log is whole up to, once it covers this one; `None` if it does not for long.
async fn covering(
    connection: &mut PgConnection,
    seen: &PgSnapshot,
) -> Result<Option<PgSnapshot>, sqlx::Error> {
    let up_to = async {
        let begun = Instant::now();
        let mut beat = BEAT;
        loop {
            let version: Option<String> =
                sqlx::query_scalar("SELECT version::text FROM rowcast.copied")
                    .fetch_one(&mut *connection)
                    .await?;
            if let Some(version) = version {
                let version: PgSnapshot = decode(version.parse())?;
                if version.covers(seen) {
                    return Ok(Some(version));
                }
            }
            // Not in the midst of a question, after which the connection would be in it.
            if begun.elapsed() > PATIENCE {
                return Ok(None);
            }
            tokio::time::sleep(beat).await;
            if begun.elapsed() > AT_FIRST {
                beat = (beat * 2).min(LAST_BEAT);
            }
        }
    };
    // The database may not answer at all.
    tokio::time::timeout(PATIENCE * 2, up_to)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
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
