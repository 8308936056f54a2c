//! `GET /api/rows/{table}.csv`: all rows of a query as CSV, streamed.

use std::sync::Arc;

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
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::{
    error::{HttpError, database_unavailable, internal, read_error, sqlstate},
    query::{
        bind::bind,
        bound::BoundQuery,
        sql::{Params, image_sql, order_sql, where_sql},
    },
    state::{AppState, too_busy},
};

/// How long one export may take, slow clients included.
const TIMEOUT: &str = "30min";

/// How many bytes are gathered before they are sent.
const CHUNK: usize = 64 * 1024;

/// How many chunks may wait for the client. When they do, PostgreSQL waits as well.
const WAITING: usize = 4;

/// The matching rows of one version of the database, in the query's order, whatever its limit
/// and offset. A row that can't be read any more breaks the response off.
///
/// # Errors
/// Those of a read, as far as they show before the first row; `too_busy`.
pub async fn export(state: &AppState, table: &str, query: &str) -> Result<Response, HttpError> {
    let table = state.catalog.table(table).await?;
    let query = Query::parse(query)?;
    let bound = bind(&state.catalog, &state.pool, table, &query).await?;
    let place = Arc::clone(&state.exports)
        .try_acquire_owned()
        .map_err(|_| too_busy())?;
    // A connection of its own: one whose client went away in the midst of it is closed, for
    // to be used again it would have to read all that is left.
    let connection = state
        .pool
        .acquire()
        .await
        .map_err(|_| database_unavailable())?
        .detach();
    let (chunks, mut received) = mpsc::channel(WAITING);
    let name = file_name(&bound.table.table.name);
    tokio::spawn(send(connection, state.pool.clone(), bound, chunks, place));
    // The first chunk, or why there is none, decides the status.
    let first = match received.recv().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(error.into()),
        None => return Err(internal().into()),
    };
    let rest = futures::stream::poll_fn(move |context| received.poll_recv(context));
    let body = futures::stream::once(async { Ok(first) }).chain(rest);
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

async fn send(
    mut connection: PgConnection,
    pool: PgPool,
    bound: BoundQuery,
    chunks: mpsc::Sender<Result<Bytes, ApiError>>,
    _place: OwnedSemaphorePermit,
) {
    let mut backend = None;
    let outcome = tokio::select! {
        outcome = write(&mut connection, &bound, &chunks, &mut backend) => outcome,
        // Nobody reads any more. The place is free when the query has ended, too: one that has
        // found nothing to send yet would not notice that its connection is gone.
        () = chunks.closed() => {
            if let Some(backend) = backend {
                cancel(&pool, backend).await;
            }
            return;
        }
    };
    match outcome {
        Ok(()) => {
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

/// Reads and sends the rows, and says in which session as soon as it is known.
async fn write(
    connection: &mut PgConnection,
    bound: &BoundQuery,
    chunks: &mpsc::Sender<Result<Bytes, ApiError>>,
    backend: &mut Option<i32>,
) -> Result<(), sqlx::Error> {
    let sql = "SELECT pg_backend_pid() FROM set_config('statement_timeout', $1, false)";
    let pid = sqlx::query_scalar(sql)
        .bind(TIMEOUT)
        .fetch_one(&mut *connection)
        .await?;
    *backend = Some(pid);
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
    let mut rows = statement.fetch(connection);
    let mut chunk = Vec::with_capacity(CHUNK + 1024);
    for (place, column) in bound.select.iter().enumerate() {
        separate(place, &mut chunk);
        write_text(&table.table.columns[*column].name, &mut chunk);
    }
    chunk.extend_from_slice(b"\r\n");
    while let Some(row) = rows.try_next().await? {
        write_row(&row, bound, &mut chunk)?;
        if chunk.len() >= CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK + 1024));
            if chunks.send(Ok(full.into())).await.is_err() {
                return Ok(());
            }
        }
    }
    // A client that is gone needs no last chunk.
    let _ = chunks.send(Ok(chunk.into())).await;
    Ok(())
}

fn write_row(row: &PgRow, bound: &BoundQuery, out: &mut Vec<u8>) -> Result<(), sqlx::Error> {
    let mut image: &[u8] = row.try_get(0)?;
    let datums = decode_image(&mut image, bound.table.image_codecs())
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    for (place, column) in bound.select.iter().enumerate() {
        separate(place, out);
        match datums[*column].to_cell() {
            Cell::Null => {}
            Cell::Bool(true) => out.extend_from_slice(b"true"),
            Cell::Bool(false) => out.extend_from_slice(b"false"),
            Cell::Number(text) => out.extend_from_slice(text.as_bytes()),
            Cell::Text(text) | Cell::Json(text) => write_text(&text, out),
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn separate(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

/// Writes a field. Empty text is quoted, which tells it from NULL, as in PostgreSQL's CSV.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let special = |byte: u8| matches!(byte, b'"' | b',' | b'\r' | b'\n');
    if !text.is_empty() && !text.bytes().any(special) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// The header that names the file: letters, digits, `-` and `_` of the table's name.
fn file_name(table: &str) -> HeaderValue {
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
    HeaderValue::from_str(&format!("attachment; filename=\"{safe}.csv\""))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        let mut out = Vec::new();
        write_text(text, &mut out);
        String::from_utf8(out).expect("text stays text")
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("plain text"), "plain text");
        assert_eq!(field(""), "\"\"");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("a\"b"), "\"a\"\"b\"");
        assert_eq!(field("a\nb"), "\"a\nb\"");
        assert_eq!(field("ä"), "ä");
    }

    #[test]
    fn a_file_name_can_not_break_the_header() {
        let name = file_name("a\"\r\nSet-Cookie: x/ö");
        assert_eq!(name, "attachment; filename=\"a___Set-Cookie__x__.csv\"");
    }
}
