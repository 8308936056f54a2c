//! How rows that the write-ahead log tells are imaged: as the triggers would.

use sqlx::{
    PgConnection, Row,
    postgres::{PgRow, types::Oid},
};

use super::pgoutput::{Relation, Value};

/// What is known of a table whose rows are told.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The watched table: of a partition, the one that it is part of.
    pub root: u32,
    /// Whether the relation is that table.
    pub is_root: bool,
    /// Whether a change of it is one of that table: it may have been a part of another one.
    pub is_sure: bool,
    /// The hash of the columns that images are made of.
    pub layout: i32,
    /// Where the columns are in a told row, in the order of the table; of one that is not told,
    /// or whose value is not imaged as it is sent, nowhere.
    columns: Vec<Option<Place>>,
    /// Which of them are the key, in its order.
    key: Vec<usize>,
    /// Whether the old row's key is told where it changed.
    is_named: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    type_oid: u32,
}

/// Codecs of which a value is imaged as its type sends it.
fn is_direct(codec: &str) -> bool {
    !matches!(codec, "textual" | "jsonb_of")
}

impl Shape {
    /// Those of a relation, of each table that its rows may be of; none if it is not, or no longer,
    /// to be copied. Also whether what the transaction `writer` did is seen: it may have made the
    /// relation, or have made it another table's.
    pub async fn load(
        connection: &mut PgConnection,
        relation: &Relation,
        writer: u32,
    ) -> Result<(Vec<Self>, bool), sqlx::Error> {
        let rows = sqlx::query(
            "SELECT root, is_sure, layout, names, types, typmods, codecs, is_stored, key, is_seen \
               FROM rowcast.is_seen($2) LEFT JOIN rowcast.copied_shape($1) ON true",
        )
        .bind(Oid(relation.oid))
        .bind(i64::from(writer))
        .fetch_all(connection)
        .await?;
        let mut shapes = Vec::with_capacity(rows.len());
        let mut is_seen = true;
        for row in &rows {
            is_seen = row.try_get(9)?;
            if row.try_get::<Option<Oid>, _>(0)?.is_some() {
                shapes.push(Self::read(row, relation)?);
            }
        }
        Ok((shapes, is_seen))
    }

    fn read(row: &PgRow, relation: &Relation) -> Result<Self, sqlx::Error> {
        let names: Vec<String> = row.try_get(3)?;
        let types: Vec<Oid> = row.try_get(4)?;
        let typmods: Vec<i32> = row.try_get(5)?;
        let codecs: Vec<String> = row.try_get(6)?;
        let stored: Vec<bool> = row.try_get(7)?;
        let key: Option<Vec<i32>> = row.try_get(8)?;
        let columns: Vec<Option<Place>> = (0..names.len())
            .map(|nth| {
                let at = relation.columns.iter().position(|column| {
                    column.name == names[nth].as_bytes()
                        && column.type_oid == types[nth].0
                        && column.typmod == typmods[nth]
                })?;
                (stored[nth] && is_direct(&codecs[nth])).then_some(Place {
                    at,
                    type_oid: types[nth].0,
                })
            })
            .collect();
        let key: Vec<usize> = key
            .unwrap_or_default()
            .into_iter()
            .filter_map(|place| usize::try_from(place).ok())
            .collect();
        let is_named = !key.is_empty()
            && key.iter().all(|nth| {
                columns[*nth].is_some_and(|place| relation.columns[place.at].is_identity)
            });
        let root = row.try_get::<Oid, _>(0)?.0;
        Ok(Self {
            root,
            is_root: root == relation.oid,
            is_sure: row.try_get(1)?,
            layout: row.try_get(2)?,
            columns,
            key,
            is_named,
        })
    }

    /// The image of a whole row; `None` if a value is larger than that, or can't be imaged.
    pub fn image(&self, values: &[Value], value_bytes: usize) -> Option<Vec<u8>> {
        let places = self.columns.iter().copied();
        make(places, self.columns.len(), values, value_bytes)
    }

    /// The image of its key; `None` if the row does not tell it.
    pub fn key(&self, values: &[Value]) -> Option<Vec<u8>> {
        if self.key.is_empty() {
            return None;
        }
        let places = self.key.iter().map(|nth| self.columns[*nth]);
        make(places, self.key.len(), values, usize::MAX)
    }

    /// Whether the key of a row as it was is told wherever it changed.
    pub fn is_named(&self) -> bool {
        self.is_named
    }
}

/// Writes what `record_send` would of these columns.
fn make(
    places: impl Iterator<Item = Option<Place>>,
    count: usize,
    values: &[Value],
    value_bytes: usize,
) -> Option<Vec<u8>> {
    let mut image = i32::try_from(count).ok()?.to_be_bytes().to_vec();
    for place in places {
        let place = place?;
        image.extend(place.type_oid.to_be_bytes());
        match values.get(place.at)? {
            Value::Null => image.extend((-1_i32).to_be_bytes()),
            Value::Binary(bytes) if bytes.len() <= value_bytes => {
                image.extend(i32::try_from(bytes.len()).ok()?.to_be_bytes());
                image.extend(bytes);
            }
            _ => return None,
        }
    }
    Some(image)
}
