//! Changes of rows that a list's rows refer to, and whether a list shows any of them.

use std::{ops::Range, sync::Arc};

use rustc_hash::FxHashSet;

use crate::{
    datum::Datum,
    record::Record,
    rows::{RowId, Rows},
    transaction::NetChange,
    window::WindowSpec,
};

/// How the rows of a query refer to those of a related table.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Pairs of a column of the query's own table and one of the related table: a row of the
    /// one refers to the row of the other that has the same values in all of them.
    pub on: Arc<[(usize, usize)]>,
    /// Positions of the related rows' columns among the query's.
    pub columns: Range<usize>,
}

/// Related rows that have changed: what they are referred to by.
#[derive(Debug, Default)]
pub(crate) struct Related(Vec<(Reference, FxHashSet<Vec<Datum>>)>);

impl Related {
    /// Adds changes of rows that are referred to in this way.
    pub fn add<'a>(&mut self, reference: &Reference, changes: impl Iterator<Item = &'a NetChange>) {
        let keys = changes
            .flat_map(|change| [&change.old, &change.new])
            .flatten()
            .map(|record| values(record, reference.on.iter().map(|(_, to)| *to)));
        self.0.push((reference.clone(), keys.collect()));
    }

    /// Whether a window of these rows shows one of them, be it in an aggregate over all rows.
    pub fn is_shown(&self, spec: &WindowSpec, list: &[RowId], held: &Rows) -> bool {
        self.0.iter().any(|(reference, keys)| {
            let mut aggregates = spec.aggregates.iter();
            aggregates.any(|aggregate| reference.columns.contains(&aggregate.column))
                || list.iter().any(|id| {
                    let from = reference.on.iter().map(|(from, _)| *from);
                    keys.contains(&values(held.get(*id), from))
                })
        })
    }
}

fn values(record: &Record, columns: impl Iterator<Item = usize>) -> Vec<Datum> {
    columns.map(|at| record.values()[at].clone()).collect()
}
