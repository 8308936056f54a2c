//! Which queries a changed row may concern.
//!
//! A tree: a query is found by one conjunct of its filter, the one that tells it from most
//! others, and below that, where many agree in it, by the next. A disjunction is found by each
//! of its alternatives. A filter that has no indexable conjunct is looked at for every row.
//! The index may name a query that the row does not concern, or one twice, but never misses
//! one.

mod access;
mod interval;
mod needles;
mod node;
mod prefix;
mod tiers;

use crate::{predicate::Predicate, record::Record, schema::ColumnSchema};

use access::alternatives;
pub use node::FilterOf;
use node::{Context, Node, Sides};

/// Names a query within the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, PartialOrd, Ord)]
pub struct QueryId(pub u32);

/// The filters of one table's queries.
#[derive(Debug, Default)]
pub struct PredicateIndex {
    root: Node,
}

impl PredicateIndex {
    /// Adds a query. `filter_of` gives the filters of those that were added before.
    pub fn insert<'a>(
        &mut self,
        id: QueryId,
        predicate: &Predicate,
        columns: &'a [ColumnSchema],
        filter_of: FilterOf<'a>,
    ) {
        let context = Context { columns, filter_of };
        for accesses in alternatives(predicate, columns) {
            self.root.insert(id, &accesses, &mut Vec::new(), context);
        }
    }

    /// Removes a query that was added with the same predicate.
    pub fn remove(&mut self, id: QueryId, predicate: &Predicate, columns: &[ColumnSchema]) {
        for accesses in alternatives(predicate, columns) {
            self.root.remove(id, &accesses, &mut Vec::new());
        }
    }

    /// Whether it holds no query.
    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// Calls `found` with every query whose filter a row may satisfy as it was or as it is;
    /// with some of them more than once.
    pub fn candidates(
        &self,
        old: Option<&Record>,
        new: Option<&Record>,
        found: &mut impl FnMut(QueryId),
    ) {
        self.root.candidates(Sides(old, new), found);
    }
}

#[cfg(test)]
mod tests;
