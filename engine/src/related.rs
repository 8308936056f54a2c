//! Changes of rows that a list's rows refer to, and whether a list shows any of them.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::{
    datum::Datum,
    record::Record,
    rows::{RowId, Rows},
    transaction::NetChange,
};

/// Pairs of a column of the query's own table and one of a related table: a row of the one
/// refers to the row of the other that has the same values in all of them.
pub type Reference = Arc<[(usize, usize)]>;

/// Related rows that have changed: what they are referred to by.
#[derive(Debug, Default)]
pub(crate) struct Related(Vec<(Reference, FxHashSet<Vec<Datum>>)>);

impl Related {
    /// Adds changes of rows that are referred to in this way.
    pub fn add<'a>(&mut self, reference: &Reference, changes: impl Iterator<Item = &'a NetChange>) {
        let keys = changes
            .flat_map(|change| [&change.old, &change.new])
            .flatten()
            .map(|record| values(record, reference.iter().map(|(_, to)| *to)));
        self.0.push((Arc::clone(reference), keys.collect()));
    }

    /// Whether one of the list's rows refers to one of them.
    pub fn is_shown(&self, list: &[RowId], held: &Rows) -> bool {
        self.0.iter().any(|(reference, keys)| {
            list.iter().any(|id| {
                let from = reference.iter().map(|(from, _)| *from);
                keys.contains(&values(held.get(*id), from))
            })
        })
    }
}

fn values(record: &Record, columns: impl Iterator<Item = usize>) -> Vec<Datum> {
    columns.map(|at| record.values()[at].clone()).collect()
}
