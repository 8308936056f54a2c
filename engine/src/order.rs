//! The order of a query's rows.

use std::{cmp::Ordering, sync::Arc};

use rustc_hash::FxHashMap;

use crate::{
    datum::{Datum, compare_as},
    record::Record,
    schema::{Collation, ColumnSchema},
};

/// A total order of rows: the sort keys that were asked for, then the table's key.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Order(pub Vec<SortKey>);

/// One column of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct SortKey {
    /// Position of the column.
    pub column: usize,
    /// Greatest first.
    pub descending: bool,
    /// NULLs before all values rather than behind them.
    pub nulls_first: bool,
    /// Whether only PostgreSQL can order the column's values.
    pub asked: bool,
}

/// How PostgreSQL orders the values that were asked about.
#[derive(Debug, Default)]
pub struct Rankings(FxHashMap<usize, FxHashMap<Datum, u32>>);

impl Order {
    /// Whether PostgreSQL has to be asked about some column.
    pub fn is_asked(&self) -> bool {
        self.0.iter().any(|key| key.asked)
    }

    /// The order of two rows, once [`Rankings`] hold what it takes; `None` while they don't.
    pub fn compare(
        &self,
        columns: &[ColumnSchema],
        rankings: Option<&Rankings>,
        a: &Record,
        b: &Record,
    ) -> Option<Ordering> {
        for key in &self.0 {
            let (a, b) = (&a.values()[key.column], &b.values()[key.column]);
            let ordering = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) if key.nulls_first => Ordering::Less,
                (true, false) => Ordering::Greater,
                (false, true) if key.nulls_first => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => {
                    let ordering = if key.asked {
                        match rankings {
                            Some(rankings) => rankings.compare(key.column, a, b)?,
                            None if a == b => Ordering::Equal,
                            None => return None,
                        }
                    } else {
                        compare_as(&columns[key.column].codec, a, b)?
                    };
                    if key.descending {
                        ordering.reverse()
                    } else {
                        ordering
                    }
                }
            };
            if ordering.is_ne() {
                return Some(ordering);
            }
        }
        Some(Ordering::Equal)
    }

    /// The columns whose rankings have to be asked for before all of `records` can be
    /// ordered, each with every value among them.
    pub fn missing<'a>(
        &self,
        rankings: &Rankings,
        records: impl Iterator<Item = &'a Arc<Record>> + Clone,
    ) -> Vec<(usize, Vec<Datum>)> {
        let mut missing = Vec::new();
        for key in self.0.iter().filter(|key| key.asked) {
            let ranks = rankings.0.get(&key.column);
            let values = || {
                records
                    .clone()
                    .map(|record| &record.values()[key.column])
                    .filter(|value| !value.is_null())
            };
            if values().all(|value| ranks.is_some_and(|ranks| ranks.contains_key(value))) {
                continue;
            }
            let distinct: rustc_hash::FxHashSet<&Datum> = values().collect();
            missing.push((key.column, distinct.into_iter().cloned().collect()));
        }
        missing
    }
}

impl Rankings {
    /// Takes in PostgreSQL's ranks of a column's values; equal values have equal ranks.
    ///
    /// Ranks of different answers are not comparable, so what was known before is forgotten.
    pub fn learn(&mut self, column: usize, values: Vec<Datum>, ranks: &[u32]) {
        self.0.insert(
            column,
            values.into_iter().zip(ranks.iter().copied()).collect(),
        );
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn compare(&self, column: usize, a: &Datum, b: &Datum) -> Option<Ordering> {
        if a == b {
            return Some(Ordering::Equal);
        }
        let ranks = self.0.get(&column)?;
        Some(ranks.get(a)?.cmp(ranks.get(b)?))
    }
}

/// Whether Rust orders this column's values as PostgreSQL does.
pub fn is_order_decided(column: &ColumnSchema) -> bool {
    use crate::datum::Codec;
    match column.codec {
        Codec::Json | Codec::Jsonb | Codec::JsonbOf | Codec::Textual => false,
        Codec::Text | Codec::BpChar => column.collation == Collation::C,
        _ => true,
    }
}

/// Whether Rust tells equal values of this column as PostgreSQL does.
pub fn is_equality_decided(column: &ColumnSchema) -> bool {
    use crate::datum::Codec;
    match column.codec {
        Codec::Json | Codec::Jsonb | Codec::JsonbOf | Codec::Textual => false,
        _ => column.collation != Collation::Nondeterministic,
    }
}
