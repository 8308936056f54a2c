//! `GET /api/rows/{table}.csv` and `.json`: all rows of a query, streamed.

mod csv;
mod json;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, header};
use rowcast_engine::datum::decode_image;
use rowcast_protocol::{ApiError, Cell, query::Query};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row, postgres::PgRow};
use tokio::sync::mpsc;

use crate::{
    audit::Export,
    auth::Standing,
    database::impersonation::take_on,
    error::{HttpError, database_unavailable, internal, read_error, sqlstate},
    limit::{Place, Subject},
    permission::restrict,
    query::{
        bind::bind,
        bound::BoundQuery,
        sql::{Params, image_sql, order_sql, where_sql},
    },
    state::AppState,
};

/// How long one export may take, slow clients included.
const TIMEOUT: &str = "30min";

/// How many bytes are gathered before they are sent.
const CHUNK: usize = 64 * 1024;

/// How many chunks may wait for the client. When they do, PostgreSQL waits as well.
const WAITING: usize = 4;

/// The chunks that are still to come, and whose they are.
type Rest = (mpsc::Receiver<Result<Bytes, ApiError>>, Standing);

/// As what rows are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV.
    Csv {
        /// Whether text that a spreadsheet would take for a formula is marked as text.
        escape_formulas: bool,
    },
    /// A JSON array of objects.
    Json,
}

impl Format {
    /// What the end of a name asks for, and the name without it.
    pub fn of(name: &str) -> Option<(&str, Self)> {
        let csv = Self::Csv {
            escape_formulas: false,
        };
        let csv = name.strip_suffix(".csv").map(|name| (name, csv));
        csv.or_else(|| Some((name.strip_suffix(".json")?, Self::Json)))
    }

    /// Takes what is said of the format out of a query.
    fn take_from(self, query: &str) -> (Self, String) {
        const ESCAPE: &str = "escape=formulas";
        let Self::Csv { .. } = self else {
            return (self, query.to_owned());
        };
        let (ours, rest): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|parameter| *parameter == ESCAPE);
        let escape_formulas = !ours.is_empty();
        (Self::Csv { escape_formulas }, rest.join("&"))
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Csv { .. } => "text/csv; charset=utf-8",
            Self::Json => "application/json",
        })
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Csv { .. } => "csv",
            Self::Json => "json",
        }
    }

    fn write_head(self, names: &[&str], out: &mut Vec<u8>) {
        match self {
            Self::Csv { escape_formulas } => csv::write_head(names, escape_formulas, out),
            Self::Json => out.push(b'['),
        }
    }

    /// `nth` counts from 0.
    fn write_row(self, nth: u64, names: &[&str], cells: &[Cell], out: &mut Vec<u8>) {
        match self {
            Self::Csv { escape_formulas } => csv::write_row(cells, escape_formulas, out),
            Self::Json => json::write_row(nth, names, cells, out),
        }
    }

    fn write_end(self, out: &mut Vec<u8>) {
        match self {
            Self::Csv { .. } => {}
            Self::Json => out.extend_from_slice(b"]\n"),
        }
    }
}

/// The matching rows of one version of the database, in the query's order, whatever its limit
/// and offset. A row that can't be read any more breaks the response off, and so does a change of
/// what whoever asked may see: what is sent is what was theirs when it began.
///
/// # Errors
/// Those of a read, as far as they show before the first row; those of [`Room::take`].
///
/// [`Room::take`]: crate::limit::Room::take
pub async fn export(
    state: &AppState,
    standing: Standing,
    subject: Option<Subject>,
    table: &str,
    format: Format,
    query: &str,
) -> Result<Response, HttpError> {
    let seen = state.seen(standing.identity());
    let table = seen.table(table).await?;
    let (format, query) = format.take_from(query);
    let query = restrict(seen, &table, Query::parse(&query)?).await?;
    let bound = bind(&state.catalog, state.readers.ours(), table, &query).await?;
    let place = state.exports.take(subject)?;
    // A connection of its own: one whose client went away in the midst of it is closed, for
    // to be used again it would have to read all that is left.
    let connection = state
        .readers
        .ours()
        .acquire()
        .await
        .map_err(|_| database_unavailable())?
        .detach();
    let noted = Export::begin(
        &state.housekeeping,
        standing.identity(),
        &bound.table.table.path(),
        format.ending(),
        &query.to_query_string(),
    )
    .await?;
    let (chunks, mut received) = mpsc::channel(WAITING);
    let name = file_name(&bound.table.table.name, format);
    tokio::spawn(send(
        connection,
        state.readers.ours().clone(),
        bound,
        format,
        chunks,
        Leave {
            standing: standing.clone(),
            noted,
            _place: place,
        },
    ));
    // The first chunk, or why there is none, decides the status.
    let first = match received.recv().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(error.into()),
        None => return Err(internal().into()),
    };
    let rest = futures::stream::unfold(Some((received, standing)), rest);
    let body = futures::stream::once(async { Ok(first) }).chain(rest);
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, format.content_type());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// What comes after the first chunk; where whoever asked may see something else now, a failure
/// that breaks the response off, whatever waits.
async fn rest(state: Option<Rest>) -> Option<(Result<Bytes, ApiError>, Option<Rest>)> {
    let (mut received, mut standing) = state?;
    tokio::select! {
        biased;
        _ = standing.changed() => {
            let error = ApiError::new("not_allowed", "what you may see has changed", "ask again");
            Some((Err(error), None))
        }
        chunk = received.recv() => Some((chunk?, Some((received, standing)))),
    }
}

/// By whose leave an export is under way.
struct Leave {
    /// What they may see.
    standing: Standing,
    /// Where it is noted how it ended.
    noted: Export,
    /// Held as long as it goes on.
    _place: Place,
}

async fn send(
    mut connection: PgConnection,
    pool: PgPool,
    bound: BoundQuery,
    format: Format,
    chunks: mpsc::Sender<Result<Bytes, ApiError>>,
    mut leave: Leave,
) {
    let mut progress = Progress::default();
    let outcome = tokio::select! {
        outcome = write(&mut connection, &bound, format, &chunks, &mut progress) => Some(outcome),
        // Nobody reads any more.
        () = chunks.closed() => None,
        // They may see something else now, or nothing.
        _ = leave.standing.changed() => None,
    };
    let Some(outcome) = outcome else {
        leave.noted.end(false, progress.rows).await;
        // The place is free when the query has ended, too: one that has found nothing to send
        // yet would not notice that its connection is gone.
        if let Some(backend) = progress.backend {
            cancel(&pool, backend).await;
        }
        return;
    };
    leave
        .noted
        .end(matches!(outcome, Ok(true)), progress.rows)
        .await;
    match outcome {
        Ok(_) => {
            // It is over either way.
            let _ = connection.close().await;
        }
        Err(error) => {
            let error = read_error(&error, &bound.table.table.path());
            let _ = chunks.send(Err(error)).await;
        }
    }
}

/// Ends what one of our sessions is doing.
async fn cancel(pool: &PgPool, backend: i32) {
    let cancelled = sqlx::query("SELECT pg_cancel_backend($1)")
        .bind(backend)
        .execute(pool)
        .await;
    if let Err(error) = cancelled {
        tracing::warn!(
            reason = sqlstate(&error),
            "an export that nobody reads could not be ended"
        );
    }
}

/// How far an export is.
#[derive(Debug, Default)]
struct Progress {
    /// In which session it is read, as soon as that is known.
    backend: Option<i32>,
    /// How many rows were handed on.
    rows: u64,
}

/// Reads and sends the rows. Returns whether somebody took all of them.
async fn write(
    connection: &mut PgConnection,
    bound: &BoundQuery,
    format: Format,
    chunks: &mpsc::Sender<Result<Bytes, ApiError>>,
    progress: &mut Progress,
) -> Result<bool, sqlx::Error> {
    sqlx::raw_sql("BEGIN READ ONLY")
        .execute(&mut *connection)
        .await?;
    // Of the transaction: behind a pooler the session is somebody else's before it and after it.
    let sql = "SELECT pg_backend_pid() FROM set_config('statement_timeout', $1, true)";
    let pid = sqlx::query_scalar(sql)
        .bind(TIMEOUT)
        .fetch_one(&mut *connection)
        .await?;
    progress.backend = Some(pid);
    take_on(connection, &bound.table).await?;
    let mut params = Params::default();
    let table = &bound.table;
    let condition = where_sql(table, &bound.filter, "t", &mut params);
    let order = order_sql(bound, "t", false);
    let sql = format!(
        "SELECT {} FROM {} WHERE {condition} ORDER BY {order}",
        image_sql(table, "t"),
        table.from_sql("t")
    );
    let mut statement = sqlx::query(AssertSqlSafe(sql));
    for text in params.into_texts() {
        statement = statement.bind(text);
    }
    let mut rows = statement.fetch(&mut *connection);
    let mut chunk = Vec::with_capacity(CHUNK + 1024);
    let names: Vec<&str> = bound
        .select
        .iter()
        .map(|at| &*table.table.columns[*at].name)
        .collect();
    format.write_head(&names, &mut chunk);
    let mut nth = 0;
    while let Some(row) = rows.try_next().await? {
        format.write_row(nth, &names, &shown(&row, bound)?, &mut chunk);
        nth += 1;
        if chunk.len() >= CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK + 1024));
            if chunks.send(Ok(full.into())).await.is_err() {
                return Ok(false);
            }
            progress.rows = nth;
        }
    }
    format.write_end(&mut chunk);
    drop(rows);
    // A pooler throws a session away that is left within a transaction. Nothing else comes of it.
    let _ = sqlx::raw_sql("COMMIT").execute(connection).await;
    // A client that is gone needs no last chunk.
    let is_whole = chunks.send(Ok(chunk.into())).await.is_ok();
    if is_whole {
        progress.rows = nth;
    }
    Ok(is_whole)
}

/// The cells of the columns that are shown.
fn shown(row: &PgRow, bound: &BoundQuery) -> Result<Vec<Cell>, sqlx::Error> {
    let mut image: &[u8] = row.try_get(0)?;
    let datums = decode_image(&mut image, bound.table.image_codecs())
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    let cells = bound.select.iter().map(|at| datums[*at].to_cell());
    Ok(cells.collect())
}

/// The header that names the file: letters, digits, `-` and `_` of the table's name.
fn file_name(table: &str, format: Format) -> HeaderValue {
    let safe: String = table
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let ending = format.ending();
    HeaderValue::from_str(&format!("attachment; filename=\"{safe}.{ending}\""))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_can_not_break_the_header() {
        let name = file_name("a\"\r\nSet-Cookie: x/ö", Format::Json);
        assert_eq!(name, "attachment; filename=\"a___Set-Cookie__x__.json\"");
    }

    #[test]
    fn only_the_one_word_is_taken_out_of_a_query() {
        let (name, csv) = Format::of("a.csv").expect("an export");
        assert_eq!(name, "a");
        let escaped = Format::Csv {
            escape_formulas: true,
        };
        assert_eq!(
            csv.take_from("a=eq.1&escape=formulas&escape=eq.x"),
            (escaped, "a=eq.1&escape=eq.x".to_owned())
        );
        assert_eq!(csv.take_from("q=a"), (csv, "q=a".to_owned()));
        assert_eq!(Format::of("a.json.json"), Some(("a.json", Format::Json)));
        assert_eq!(Format::of("csv"), None);
    }
}
