//! Rows of relations without a key of their own: views, and tables that lack one.
//!
//! Such a row is named by a hash of its image and by its place among its equals: `0` for the
//! first of them, `1` for the next. Equal rows stand side by side in every order, for all
//! orders end in the image; so the name says the same whatever the order, and a row that is as
//! it was keeps its name.

use rowcast_engine::{
    datum::Codec,
    schema::{Collation, ColumnSchema},
};

use super::sql::{image_sql, images};
use crate::database::catalog::TableMeta;

/// The columns that name a row, as they follow its own.
pub fn columns() -> [ColumnSchema; 2] {
    [("hash", Codec::Text), ("place", Codec::Int8)].map(|(name, codec)| ColumnSchema {
        name: name.into(),
        codec,
        collation: Collation::C,
    })
}

/// The rows from `offset` up to the `first` ones of an order, each as its image with its name
/// in it. Rows are counted among their equals from the order's beginning, whatever the offset.
pub fn rows_sql(
    table: &TableMeta,
    condition: &str,
    order: &str,
    first: &str,
    offset: &str,
) -> String {
    let image = image_sql(table, "t");
    let from = table.from_sql("t");
    let mut values = images(table, "t");
    // 128 bits in hexadecimal digits.
    values.push(format!(
        "pg_catalog.left(pg_catalog.encode(pg_catalog.sha256({image}), 'hex'), 32)"
    ));
    // Its number less the number of its first equal.
    values.push(
        "pg_catalog.row_number() OVER w OPERATOR(pg_catalog.-) pg_catalog.rank() OVER w".to_owned(),
    );
    format!(
        "SELECT pg_catalog.record_send(ROW({})) \
         FROM (SELECT * FROM {from} WHERE {condition} ORDER BY {order} LIMIT {first}) AS t \
         WINDOW w AS (ORDER BY {order}) ORDER BY {order} OFFSET {offset}",
        values.join(", ")
    )
}
