//! Reading the log backward, a part at a time.

use std::str::FromStr;

use sqlx::{
    AssertSqlSafe, PgPool, Row,
    postgres::{PgRow, types::Oid},
};

use super::key::Key;
use crate::{capture::ChangeKind, database::catalog::TableMeta};

/// How many entries of the log one part goes through at the most, of all tables.
const SCANNED_ENTRIES: i64 = 50_000;

/// How many bytes of images, likewise.
const SCANNED_BYTES: f64 = 67_108_864.0;

/// How many entries one part brings at the most.
const ENTRIES: usize = 2_000;

/// How many bytes of images, likewise.
const BYTES: f64 = 16_777_216.0;

/// What an entry counts beside its images. Sizes are added up as floats: those of whole numbers
/// overflow, or are slow.
const ENTRY_BYTES: f64 = 512.0;

/// Where in the log a reader stands that goes backward: before transaction `xid + 1`, and past
/// so many of that transaction's changes that were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The transaction.
    pub xid: u64,
    /// How many of its changes of the row were told.
    pub told: usize,
}

impl Position {
    /// Before anything was read.
    pub const END: Self = Self {
        xid: u64::MAX - 1,
        told: 0,
    };
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.xid, self.told)
    }
}

/// Text that is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position in the log")]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (xid, told) = text.split_once('.').ok_or(NotAPosition)?;
        let xid = xid.parse().map_err(|_| NotAPosition)?;
        let told = told.parse().map_err(|_| NotAPosition)?;
        if xid > Self::END.xid {
            return Err(NotAPosition);
        }
        Ok(Self { xid, told })
    }
}

/// What one part of the log says that may concern the row.
#[derive(Debug)]
pub struct Part {
    /// The entries, the newest transaction's first, and of each the last first.
    pub entries: Vec<Entry>,
    /// From where to go on; `None` at the log's beginning.
    pub reached: Option<Position>,
}

/// An entry of the log.
#[derive(Debug)]
pub struct Entry {
    /// The transaction.
    pub xid: u64,
    /// When it was logged: microseconds since 1970.
    pub at: i64,
    /// Who wrote, as far as that is known.
    pub author: Vec<u8>,
    /// The role that the session belongs to, the one that it had taken, and the program.
    pub session: [Vec<u8>; 3],
    /// What is told.
    pub kind: ChangeKind,
    /// Images of rows as they were; `None` with more bytes than are read.
    pub old: Option<Vec<u8>>,
    /// Images of rows as they became, likewise.
    pub new: Option<Vec<u8>>,
}

/// The part of the log before `position` that is read at once, whole transactions only.
pub async fn backward(
    pool: &PgPool,
    table: &TableMeta,
    key: &Key,
    position: Position,
) -> Result<Part, sqlx::Error> {
    let (from, ends) = lower_bound(pool, position).await?;
    let mut entries = entries(pool, table, key, from, position.xid).await?;
    // Transactions of which some entries were not brought, from this one down.
    let cut = match entries.get(ENTRIES) {
        Some(beyond) => Some(beyond.entry.xid),
        None => entries
            .iter()
            .find(|found| !found.fits)
            .map(|found| found.entry.xid),
    };
    let Some(cut) = cut else {
        return Ok(Part {
            entries: entries.into_iter().map(|found| found.entry).collect(),
            reached: (!ends).then_some(Position {
                xid: from.saturating_sub(1),
                told: 0,
            }),
        });
    };
    let reached = if entries.first().is_some_and(|first| first.entry.xid == cut) {
        // One transaction is more than a part may bring: of that, the last entries.
        entries.truncate(ENTRIES);
        entries.retain(|found| found.entry.xid == cut);
        cut.saturating_sub(1)
    } else {
        entries.retain(|found| found.entry.xid > cut);
        cut
    };
    Ok(Part {
        entries: entries.into_iter().map(|found| found.entry).collect(),
        reached: Some(Position {
            xid: reached,
            told: 0,
        }),
    })
}

/// The first transaction of the part that ends with `position`, and whether the log begins
/// there.
async fn lower_bound(pool: &PgPool, position: Position) -> Result<(u64, bool), sqlx::Error> {
    let sizes = "(SELECT c.xid, $3::float8 + coalesce(octet_length(c.old), 0) \
             + coalesce(octet_length(c.new), 0) AS size \
         FROM rowcast.change_log c WHERE c.xid <= $1::text::xid8 \
        ORDER BY c.xid DESC LIMIT $2) AS s";
    let all = format!(
        "SELECT count(*), coalesce(sum(s.size), 0), (array_agg(s.xid))[1]::text, \
                (array_agg(s.xid))[count(*)]::text FROM {sizes}"
    );
    // Most parts have few bytes: up to where a larger one goes is asked only of that.
    let up_to = format!(
        "SELECT h.xid::text FROM (SELECT s.xid, sum(s.size) OVER (ROWS UNBOUNDED PRECEDING) AS held \
                                    FROM {sizes}) AS h \
          WHERE h.held > $4::float8 LIMIT 1"
    );
    let bound = |sql: String| {
        sqlx::query(AssertSqlSafe(sql))
            .bind(position.xid.to_string())
            .bind(SCANNED_ENTRIES)
            .bind(ENTRY_BYTES)
    };
    let row = bound(all).fetch_one(pool).await?;
    let (count, size): (i64, f64) = (row.try_get(0)?, row.try_get(1)?);
    let (Some(newest), Some(oldest)) = (xid(&row, 2)?, xid(&row, 3)?) else {
        return Ok((0, true));
    };
    let cut = if size > SCANNED_BYTES {
        let row = bound(up_to)
            .bind(SCANNED_BYTES)
            .fetch_optional(pool)
            .await?;
        let beyond = row.map(|row| xid(&row, 0)).transpose()?.flatten();
        beyond.unwrap_or(oldest)
    } else if count < SCANNED_ENTRIES {
        return Ok((0, true));
    } else {
        // The last of its transactions may have more entries.
        oldest
    };
    // A transaction is read whole, however large it is.
    Ok((if cut == newest { cut } else { cut + 1 }, false))
}

fn xid(row: &PgRow, at: usize) -> Result<Option<u64>, sqlx::Error> {
    let text: Option<&str> = row.try_get(at)?;
    let xid = text.map(str::parse).transpose();
    xid.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// The bytes of a text, none of what is NULL.
fn text(row: &PgRow, at: usize) -> Result<Vec<u8>, sqlx::Error> {
    Ok(row.try_get::<Option<_>, _>(at)?.unwrap_or_default())
}

struct Found {
    entry: Entry,
    fits: bool,
}

/// The entries of these transactions that may concern the row, up to one more than a part has.
async fn entries(
    pool: &PgPool,
    table: &TableMeta,
    key: &Key,
    from: u64,
    to: u64,
) -> Result<Vec<Found>, sqlx::Error> {
    let holds = |side: &str| -> String {
        let tests = (0..key.in_images.len()).map(|nth| {
            let needle = nth + 9;
            format!("position(${needle}::bytea IN c.{side}) > 0")
        });
        tests.collect::<Vec<_>>().join(" AND ")
    };
    // Images of columns that were altered since are passed over: the entry that tells of the
    // alteration says so.
    let sql = format!(
        "SELECT l.xid::text, (extract(epoch FROM l.at) * 1000000)::int8, textsend(l.author), \
                l.kind::text, CASE WHEN l.fits THEN l.old END, CASE WHEN l.fits THEN l.new END, l.fits, \
                textsend(l.role), textsend(l.acting_as), textsend(l.program) \
           FROM (SELECT w.*, sum($1::float8 + coalesce(octet_length(w.old), 0) + coalesce(octet_length(w.new), 0)) \
                             OVER (ROWS UNBOUNDED PRECEDING) <= $2::float8 AS fits \
                   FROM (SELECT c.* FROM rowcast.change_log c \
                          WHERE c.xid >= $3::text::xid8 AND c.xid <= $4::text::xid8 \
                            AND c.relation = ANY ($5) \
                            AND CASE c.kind \
                                WHEN 'i' THEN c.layout = $6 AND ({old} OR {new}) \
                                WHEN 'k' THEN position($7::bytea IN c.old) > 0 \
                                           OR position($7::bytea IN c.new) > 0 \
                                ELSE true END \
                          ORDER BY c.xid DESC, c.at DESC, c.ctid DESC LIMIT $8) AS w) AS l",
        old = holds("old"),
        new = holds("new"),
    );
    let relations: Vec<Oid> = std::iter::once(table.oid)
        .chain(table.partitions.iter().copied())
        .map(Oid)
        .collect();
    let mut statement = sqlx::query(AssertSqlSafe(sql))
        .bind(ENTRY_BYTES)
        .bind(BYTES)
        .bind(from.to_string())
        .bind(to.to_string())
        .bind(relations)
        .bind(table.layout)
        .bind(&key.in_key_images)
        .bind(i64::try_from(ENTRIES + 1).unwrap_or(i64::MAX));
    for needle in &key.in_images {
        statement = statement.bind(needle);
    }
    let rows = statement.fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            Ok(Found {
                entry: Entry {
                    xid: xid(row, 0)?.unwrap_or_default(),
                    at: row.try_get(1)?,
                    author: text(row, 2)?,
                    kind: ChangeKind::of(row.try_get(3)?),
                    old: row.try_get(4)?,
                    new: row.try_get(5)?,
                    session: [text(row, 7)?, text(row, 8)?, text(row, 9)?],
                },
                fits: row.try_get(6)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        for position in [Position::END, Position { xid: 7, told: 3 }] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for text in [
            "",
            "7",
            "7.",
            ".7",
            "-1.0",
            "18446744073709551615.0",
            "7.0.0",
        ] {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
        }
    }
}
