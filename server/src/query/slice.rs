//! The rows of a slice: their images, as far as they may be held.

use rowcast_engine::datum::Codec;
use sqlx::postgres::PgConnectOptions;

use super::sql::image_sql;
use crate::database::catalog::TableMeta;

/// The most bytes of the rows of one read, where the session doesn't say.
const BYTES: u32 = 64 << 20;

/// The session's setting that does.
const SETTING: &str = "rowcast.list_bytes";

/// Connections over which one read gives so many bytes of rows at the most.
pub fn bounded(options: PgConnectOptions, bytes: u32) -> PgConnectOptions {
    options.options([(SETTING, bytes)])
}

/// The images of `slice`: what follows `FROM`, of the table as `t`, in order. Each is NULL if
/// all of them are more than the session allows.
///
/// Sizes are known before values are fetched, so a slice beyond the bound costs nothing; and
/// no image is made of rows that an offset skips.
pub fn rows_sql(table: &TableMeta, slice: &str) -> String {
    // Beside the table's own columns, so of another name than theirs.
    let mut size = "size".to_owned();
    while table.columns.iter().any(|column| column.name == size) {
        size.push('_');
    }
    format!(
        "SELECT CASE WHEN {} THEN {} END FROM (SELECT t.*, {} AS {size} FROM {slice}) AS t",
        fits_sql(&format!("t.{size}"), ""),
        image_sql(table, "t"),
        size_sql(table, "t"),
    )
}

/// The same of a statement that makes images: so much is handed over at the most, whatever it
/// took to make them.
pub fn made_sql(images: &str) -> String {
    // One after the other, for they would be kept until the last one is made.
    let fits = fits_sql(
        "pg_catalog.octet_length(made.image)",
        "ROWS UNBOUNDED PRECEDING",
    );
    format!("SELECT CASE WHEN {fits} THEN made.image END FROM ({images}) AS made (image)")
}

/// The image of a row that a statement has written, for its `RETURNING`. A row of more bytes
/// than the session allows ends the statement, so that it was not written either: with
/// `undefined_object`, in whose message [`TOO_LARGE`] stands.
pub fn written_sql(table: &TableMeta, alias: &str) -> String {
    format!(
        "CASE WHEN ({})::int8 OPERATOR(pg_catalog.<=) {} THEN {} \
         ELSE pg_catalog.convert_to(pg_catalog.current_setting('{TOO_LARGE}'), 'UTF8') END",
        size_sql(table, alias),
        bound_sql(),
        image_sql(table, alias),
    )
}

/// A setting that does not exist: what a statement says of a row that is too large.
pub const TOO_LARGE: &str = "rowcast.row_is_too_large";

/// Whether the rows of a window's frame are as small as that together.
fn fits_sql(size: &str, frame: &str) -> String {
    format!(
        "pg_catalog.sum({size}) OVER ({frame}) OPERATOR(pg_catalog.<=) {}",
        bound_sql()
    )
}

fn bound_sql() -> String {
    format!("coalesce(nullif(pg_catalog.current_setting('{SETTING}', true), ''), '{BYTES}')::int8")
}

/// About how many bytes a row has, of what can be told without fetching its values.
fn size_sql(table: &TableMeta, alias: &str) -> String {
    let mut fixed = 24;
    let mut size = String::new();
    for column in &table.columns {
        let value = column.value(alias);
        match column.codec {
            // Told by the header, compressed or not.
            Codec::Text | Codec::BpChar | Codec::Bytea => {
                size += &format!(" + coalesce(pg_catalog.octet_length({value}), 0)");
            }
            // As they are stored.
            Codec::Numeric | Codec::Json | Codec::Jsonb | Codec::JsonbOf | Codec::Textual => {
                size += &format!(" + coalesce(pg_catalog.pg_column_size({value}), 0)");
            }
            _ => fixed += 8,
        }
    }
    format!("{fixed}{size}")
}
