//! A row at one moment.

use std::sync::Arc;

use crate::{datum::Datum, schema::Schema};

/// A whole row, as it was at one moment. Rows that several queries show are shared.
#[derive(Debug)]
pub struct Record {
    key: Key,
    values: Box<[Datum]>,
}

/// The values of a row's key columns.
///
/// Two keys are one only if PostgreSQL stores the same bytes for both: a change from `1.0` to
/// `1.00` is another key, as clients see another key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<[Datum]>);

impl Record {
    /// A row of `schema`.
    ///
    /// `values` holds one value for each of the schema's columns.
    pub fn new(schema: &Schema, values: Vec<Datum>) -> Arc<Self> {
        debug_assert_eq!(values.len(), schema.columns.len());
        Arc::new(Self {
            key: Key(schema.key.iter().map(|&at| values[at].clone()).collect()),
            values: values.into_boxed_slice(),
        })
    }

    /// What names the row.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its values, in the order of the schema's columns.
    pub fn values(&self) -> &[Datum] {
        &self.values
    }

    /// Whether PostgreSQL stores the same bytes for both rows.
    pub fn same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || self.values.len() == other.values.len()
                && self
                    .values
                    .iter()
                    .zip(&other.values)
                    .all(|(mine, theirs)| mine.same(theirs))
    }

    /// Roughly how many bytes it takes.
    pub fn size(&self) -> usize {
        let values = self.values.iter().map(Datum::size);
        size_of::<Self>() + values.sum::<usize>()
    }
}

impl Key {
    /// The values, in key order.
    pub fn values(&self) -> &[Datum] {
        &self.0
    }
}
