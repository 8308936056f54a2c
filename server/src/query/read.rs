//! Reading a window of a query.

mod of_replica;

use rowcast_engine::{
    datum::{Datum, decode_image},
    tally::AggregatesRead,
};
use rowcast_protocol::{ApiError, PgSnapshot};
use sqlx::{
    AssertSqlSafe, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{
    aggregate::Summary,
    bound::BoundQuery,
    images::Images,
    moving::clock_sql,
    slice,
    sql::{Params, Side, order_sql, side_sql, where_sql},
    unkeyed,
};
use crate::{
    database::{catalog::TableMeta, readers::Readers},
    error::{Fault, fault, internal, read_error, too_large},
    traces,
};

/// Which rows of the query's order.
#[derive(Clone, Debug)]
pub enum Range {
    /// By place.
    Offset {
        /// After how many.
        offset: u64,
        /// How many.
        limit: u64,
    },
    /// Next to a row: the nearest ones on that side.
    Beside {
        /// The row's sort values, as [`BoundQuery::sort_values`] gives them.
        boundary: Vec<Datum>,
        /// Which side of it.
        side: Side,
        /// How many.
        limit: u64,
    },
}

/// What is read of the whole result beside its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// Nothing.
    Unread,
    /// How many rows match, and the aggregates' values.
    Shown,
    /// Also what later values follow from.
    Kept,
}

/// What was read, all of it of one version of the database.
#[derive(Clone, Debug)]
pub struct WindowRead {
    /// That version.
    pub snapshot: PgSnapshot,
    /// The rows, whole, in the query's order (also those read backward).
    pub rows: Vec<Vec<Datum>>,
    /// How many rows match the filter; `None` if it was not asked.
    pub total: Option<u64>,
    /// The query's aggregates; empty if they were not asked.
    pub aggregates: AggregatesRead,
    /// Of which time they are, where the filter depends on it.
    pub clock: Option<Clock>,
}

/// The time of a read, by the database's clock, in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The moment that the filter was asked for.
    pub moment: i64,
    /// The next moment at which the filter may say something else of some row of that version.
    pub turns: Option<i64>,
    /// What the clock said in the end.
    pub end: i64,
}

/// Reads rows and, if asked, counts all that match and reads their aggregates.
///
/// # Errors
/// `unknown_table` if it is gone; `too_slow`, `too_large`, `database_unavailable`;
/// `catalog_changed` if the table is not any more as it was when the query was bound: bind it
/// again. With totals asked, that is noticed whatever it was; without, only where it makes
/// the rows unreadable.
pub async fn window(
    readers: &Readers,
    query: &BoundQuery,
    range: &Range,
    totals: Totals,
) -> Result<WindowRead, ApiError> {
    let asked = Asked::new(query, range, totals)?;
    if let Some(replica) = readers.replica()
        && asked.may_be_of_replica()
        && let Some(read) = asked.of_replica(replica, readers).await
    {
        return read;
    }
    asked.of_primary(readers).await
}

/// A statement that reads a window.
struct Asked<'a> {
    query: &'a BoundQuery,
    sql: String,
    params: Params,
    summary: Option<Summary<'a>>,
    is_backward: bool,
}

/// How many columns come before those of the summary's lists.
const FIXED: usize = 7;

impl<'a> Asked<'a> {
    fn new(query: &'a BoundQuery, range: &Range, totals: Totals) -> Result<Self, ApiError> {
        let table = &query.table;
        let mut params = Params::default();
        let condition = where_sql(table, &query.filter, "t", &mut params);
        let from = table.from_sql("t");
        let (limit, offset, is_backward, beside) = match range {
            Range::Offset { offset, limit } => (*limit, *offset, false, None),
            Range::Beside {
                boundary,
                side,
                limit,
            } => {
                let beside = side_sql(table, &query.order, boundary, *side, "t", &mut params)
                    .ok_or_else(internal)?;
                (*limit, 0, side.is_backward(), Some(beside))
            }
        };
        let order = order_sql(query, "t", is_backward);
        let beside = beside
            .map(|beside| format!("AND {beside}"))
            .unwrap_or_default();
        let mut number = |number: u64| {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            format!("{}::int8", params.push(number.to_string()))
        };
        let rows = if table.has_key() {
            let (limit, offset) = (number(limit), number(offset));
            let slice = format!(
                "{from} WHERE {condition} {beside} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
            );
            slice::rows_sql(table, &slice)
        } else {
            let (first, offset) = (number(offset.saturating_add(limit)), number(offset));
            slice::made_sql(&unkeyed::rows_sql(
                table, &condition, &order, &first, &offset,
            ))
        };
        let all = format!("{from} WHERE {condition}");
        let summary =
            (totals != Totals::Unread).then(|| Summary::new(query, all, totals == Totals::Kept));
        let (total, lists, fingerprint) = match &summary {
            None => ("NULL::bytea".to_owned(), String::new(), "NULL".to_owned()),
            Some(summary) => {
                let lists = summary.lists().iter().map(|list| format!(", {list}"));
                let fingerprint = match table.rules {
                    // Whoever asks need not be allowed to; it is looked at behind the read.
                    Some(_) => "NULL".to_owned(),
                    None => table.fingerprint_sql(),
                };
                (summary.sql(), lists.collect(), fingerprint)
            }
        };
        // The clock's end comes last, for what stands before it takes its time first.
        let [moment, turns, end] = clock_sql(table, &query.filter, &mut params);
        // The rows are an array, for an array keeps its order whatever plan is chosen, and there
        // is an answer, with its snapshot, also where no row matches.
        let sql = format!(
            "SELECT pg_current_snapshot()::text, {total}, ARRAY({rows}), {fingerprint}::text, \
             {moment}, {turns}, {end}{lists}"
        );
        Ok(Self {
            query,
            sql,
            params,
            summary,
            is_backward,
        })
    }

    async fn of_primary(self, readers: &Readers) -> Result<WindowRead, ApiError> {
        let table = &self.query.table;
        let failed = |error: sqlx::Error| read_failed(&error, self.query);
        let mut reader = readers.statement(table).await.map_err(failed)?;
        let statement = statement(&self.sql, &self.params, table);
        let read = during(table, false, statement.fetch_one(reader.connection())).await;
        let row = reader.end(read).await.map_err(failed)?;
        self.decode(&row, None)
    }

    fn decode(&self, row: &PgRow, version: Option<PgSnapshot>) -> Result<WindowRead, ApiError> {
        let (query, table) = (self.query, &self.query.table);
        let failed = |error: sqlx::Error| read_failed(&error, query);
        if self.summary.is_some()
            && table.rules.is_none()
            && row.try_get::<Option<&str>, _>(3).ok().flatten() != Some(&table.fingerprint)
        {
            return Err(catalog_changed());
        }
        let Images(images) = row.try_get(2).map_err(failed)?;
        let images = images.into_iter().collect::<Option<Vec<_>>>();
        let images = images.ok_or_else(too_large)?;
        let summary = self.summary.as_ref();
        let read = decode(row, &images, query, summary, self.is_backward).map_err(failed)?;
        Ok(match version {
            Some(snapshot) => WindowRead { snapshot, ..read },
            None => read,
        })
    }
}

fn statement<'q>(
    sql: &str,
    params: &Params,
    table: &TableMeta,
) -> Query<'q, Postgres, PgArguments> {
    let statement = sqlx::query(AssertSqlSafe(sql.to_owned()));
    let statement = statement.persistent(table.is_planned_once());
    params
        .texts()
        .iter()
        .cloned()
        .fold(statement, |statement, text| statement.bind(text))
}

/// Says in a trace that rows are read.
async fn during<T>(table: &TableMeta, of_replica: bool, reading: impl Future<Output = T>) -> T {
    let mut span = traces::begin("read rows");
    let read = reading.await;
    if span.is_recorded() {
        span.say("db.system.name", "postgresql");
        span.say("rowcast.table", table.table.path());
        if of_replica {
            span.say("rowcast.replica", "true");
        }
    }
    read
}

fn decode(
    row: &PgRow,
    images: &[&[u8]],
    query: &BoundQuery,
    summary: Option<&Summary<'_>>,
    backward: bool,
) -> Result<WindowRead, sqlx::Error> {
    let table = &query.table;
    let snapshot: &str = row.try_get(0)?;
    if images.first().is_some_and(|image| !fits(image, table)) {
        return Err(sqlx::Error::Decode("an image of other types".into()));
    }
    let mut rows = Vec::with_capacity(images.len());
    for mut image in images.iter().copied() {
        rows.push(
            decode_image(&mut image, &table.codecs)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
        );
    }
    if backward {
        rows.reverse();
    }
    let (total, aggregates) = match summary {
        None => (None, AggregatesRead::default()),
        Some(summary) => {
            let lists = (0..summary.lists().len()).map(|at| row.try_get(FIXED + at));
            let lists: Vec<Vec<Vec<u8>>> = lists.collect::<Result<_, _>>()?;
            let (total, aggregates) = summary
                .decode(row.try_get(1)?, &lists)
                .map_err(|error| sqlx::Error::Decode(error.into()))?;
            (Some(total), aggregates)
        }
    };
    Ok(WindowRead {
        snapshot: snapshot
            .parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        rows,
        total,
        aggregates,
        clock: match (row.try_get(4)?, row.try_get(6)?) {
            (Some(moment), Some(end)) => Some(Clock {
                moment,
                turns: row.try_get(5)?,
                end,
            }),
            _ => None,
        },
    })
}

/// The values of a row's image.
///
/// # Errors
/// `Decode` if it is of another state of the table.
pub fn decode_row(image: &[u8], table: &TableMeta) -> Result<Vec<Datum>, sqlx::Error> {
    if !fits(image, table) {
        return Err(sqlx::Error::Decode("an image of other types".into()));
    }
    decode_image(&mut &*image, table.image_codecs())
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Whether an image's columns are of the types that the table has: of a column that got
/// another type the bytes might be read, but as something else.
fn fits(image: &[u8], table: &TableMeta) -> bool {
    let mut rest = image.get(4..).unwrap_or_default();
    table.columns.iter().all(|column| {
        let Some((header, tail)) = rest.split_first_chunk::<8>() else {
            return false;
        };
        let [a, b, c, d, length @ ..] = *header;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or_default();
        rest = tail.get(length..).unwrap_or_default();
        u32::from_be_bytes([a, b, c, d]) == column.image_type
    })
}

fn read_failed(error: &sqlx::Error, query: &BoundQuery) -> ApiError {
    match fault(error) {
        Fault::Stale => catalog_changed(),
        _ if matches!(error, sqlx::Error::Decode(_)) => catalog_changed(),
        _ => read_error(error, &query.table.table.path()),
    }
}

/// The table was altered in the midst of it.
pub fn catalog_changed() -> ApiError {
    ApiError::new(
        "catalog_changed",
        "the table's definition changed meanwhile",
        "try again",
    )
}
