//! A row's key as images of the row hold it.

use rowcast_engine::datum::{Codec, Datum, decode_image};
use rowcast_protocol::ApiError;
use sqlx::{AssertSqlSafe, PgPool, Row};

use super::unreadable;
use crate::{
    database::catalog::TableMeta,
    error::{Fault, fault, read_error},
    query::sql::Params,
};

/// The key of one row.
#[derive(Debug)]
pub struct Key {
    /// Its values, in key order.
    pub values: Vec<Datum>,
    /// Bytes that every image of the row's key alone holds.
    pub in_key_images: Vec<u8>,
    /// Byte strings that every image of the row holds, and few of others.
    pub in_images: Vec<Vec<u8>>,
}

/// The key that these texts are in the table, as its row has it stored if there is one: `1` is
/// also the key of the row that has `1.00`.
///
/// # Errors
/// `invalid_key` if they are no key of this table; those of a read.
pub async fn look_up(pool: &PgPool, table: &TableMeta, texts: &[String]) -> Result<Key, ApiError> {
    if texts.len() != table.key.len() {
        return Err(invalid_key(format!(
            "the key of {} has {} values, {} are given",
            table.table.path(),
            table.key.len(),
            texts.len()
        )));
    }
    let mut params = Params::default();
    let (mut given, mut stored, mut equal) = (Vec::new(), Vec::new(), Vec::new());
    let mut can_be_found = true;
    for (text, &at) in texts.iter().zip(&table.key) {
        let column = &table.columns[at];
        if column.codec == Codec::JsonbOf {
            // Its text is JSON, which its type does not read.
            can_be_found = false;
            given.push(format!("{}::pg_catalog.jsonb", params.push(text)));
            continue;
        }
        let value = params.push_value(column, text);
        given.push(column.image_of(&format!("({value})")));
        stored.push(column.image("t"));
        let operator = column.operator("=");
        equal.push(format!("{} {operator} {value}", column.value("t")));
    }
    let given = format!("record_send(ROW({}))", given.join(", "));
    let image = if can_be_found {
        let (stored, equal) = (stored.join(", "), equal.join(" AND "));
        let from = table.from_sql("t");
        format!(
            "coalesce((SELECT record_send(ROW({stored})) FROM {from} WHERE {equal} LIMIT 1), {given})"
        )
    } else {
        given
    };
    let mut statement = sqlx::query(AssertSqlSafe(format!("SELECT {image}")));
    for text in params.into_texts() {
        statement = statement.bind(text);
    }
    let row = statement
        .fetch_one(pool)
        .await
        .map_err(|error| match fault(&error) {
            Fault::Value => invalid_key(format!(
                "a value does not fit the key of {}",
                table.table.path()
            )),
            _ => read_error(&error, &table.table.path()),
        })?;
    let image: &[u8] = row.try_get(0).map_err(|_| unreadable())?;
    from_image(table, image).ok_or_else(unreadable)
}

/// The key of which this is an image, but for its columns' types: those of domains are missing.
fn from_image(table: &TableMeta, image: &[u8]) -> Option<Key> {
    let codecs: Vec<Codec> = table
        .key
        .iter()
        .map(|&at| table.columns[at].codec.clone())
        .collect();
    let values = decode_image(&mut &*image, &codecs).ok()?;
    let mut fields = Vec::with_capacity(codecs.len());
    let mut rest = image.get(4..)?;
    for &at in &table.key {
        let length = i32::from_be_bytes(rest.get(4..8)?.try_into().ok()?);
        let (field, tail) = rest.split_at_checked(8 + usize::try_from(length).ok()?)?;
        let mut typed = table.columns[at].image_type.to_be_bytes().to_vec();
        typed.extend_from_slice(field.get(4..)?);
        fields.push((at, typed));
        rest = tail;
    }
    let count = |columns: usize| i32::try_from(columns).map(i32::to_be_bytes).ok();
    let mut in_key_images = count(fields.len())?.to_vec();
    for (_, field) in &fields {
        in_key_images.extend_from_slice(field);
    }
    fields.sort_by_key(|(at, _)| *at);
    let leads = fields.iter().enumerate().all(|(nth, (at, _))| nth == *at);
    let in_images = if leads {
        // Where an image begins, few other values are taken for the key's.
        let mut beginning = count(table.columns.len())?.to_vec();
        for (_, field) in &fields {
            beginning.extend_from_slice(field);
        }
        vec![beginning]
    } else {
        fields.into_iter().map(|(_, field)| field).collect()
    };
    Some(Key {
        values,
        in_key_images,
        in_images,
    })
}

/// The address names no key of the table.
pub fn invalid_key(message: String) -> ApiError {
    ApiError::new(
        "invalid_key",
        message,
        "a key's values are separated by commas, each percent-encoded",
    )
}
