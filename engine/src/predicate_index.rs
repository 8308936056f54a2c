//! Which queries a changed row may concern.
//!
//! Of each filter one conjunct is indexed, the most selective that can be: an equality (or
//! `in`), else a range. A filter without one is in the residual list. The index may name a
//! query that the row does not concern, but never misses one.

mod interval;

use rustc_hash::FxHashMap;

use crate::{
    datum::{Codec, Datum},
    order::{is_equality_decided, is_order_decided},
    predicate::{Comparison, Predicate},
    record::Record,
    schema::ColumnSchema,
};

use interval::{Interval, IntervalSet};

/// Names a query within the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, PartialOrd, Ord)]
pub struct QueryId(pub u32);

/// The filters of one table's queries.
#[derive(Debug, Default)]
pub struct PredicateIndex {
    equal: FxHashMap<usize, (Codec, FxHashMap<Datum, Vec<QueryId>>)>,
    ranges: FxHashMap<usize, IntervalSet>,
    residual: Vec<QueryId>,
}

/// The conjunct that a filter is found by.
#[derive(Debug, PartialEq)]
enum Access {
    /// The column holds one of these values, in canonical form.
    OneOf(usize, Vec<Datum>),
    /// The column lies in an interval.
    Within(usize, Interval),
    /// Anything may match.
    Residual,
}

impl PredicateIndex {
    /// Adds a query.
    pub fn insert(&mut self, id: QueryId, predicate: &Predicate, columns: &[ColumnSchema]) {
        match access(predicate, columns) {
            Access::OneOf(column, values) => {
                let (_, by_value) = self
                    .equal
                    .entry(column)
                    .or_insert_with(|| (columns[column].codec.clone(), FxHashMap::default()));
                for value in values {
                    by_value.entry(value).or_default().push(id);
                }
            }
            Access::Within(column, interval) => {
                self.ranges
                    .entry(column)
                    .or_insert_with(|| IntervalSet::new(columns[column].codec.clone()))
                    .insert(id, interval);
            }
            Access::Residual => self.residual.push(id),
        }
    }

    /// Removes a query that was added with the same predicate.
    pub fn remove(&mut self, id: QueryId, predicate: &Predicate, columns: &[ColumnSchema]) {
        match access(predicate, columns) {
            Access::OneOf(column, values) => {
                let Some((_, by_value)) = self.equal.get_mut(&column) else {
                    return;
                };
                for value in values {
                    if let Some(ids) = by_value.get_mut(&value) {
                        ids.retain(|other| *other != id);
                        if ids.is_empty() {
                            by_value.remove(&value);
                        }
                    }
                }
                if by_value.is_empty() {
                    self.equal.remove(&column);
                }
            }
            Access::Within(column, interval) => {
                if let Some(set) = self.ranges.get_mut(&column) {
                    set.remove(id, &interval);
                    if set.is_empty() {
                        self.ranges.remove(&column);
                    }
                }
            }
            Access::Residual => self.residual.retain(|other| *other != id),
        }
    }

    /// Calls `found` with every query whose filter this row may satisfy; with some of them
    /// more than once.
    pub fn candidates(&self, record: &Record, mut found: impl FnMut(QueryId)) {
        let values = record.values();
        for (&column, (codec, by_value)) in &self.equal {
            let value = values[column].canonical(codec);
            if let Some(ids) = by_value.get(&value) {
                ids.iter().copied().for_each(&mut found);
            }
        }
        for (&column, set) in &self.ranges {
            set.stab(&values[column], &mut found);
        }
        self.residual.iter().copied().for_each(found);
    }
}

/// The most selective conjunct that can be indexed.
fn access(predicate: &Predicate, columns: &[ColumnSchema]) -> Access {
    match predicate {
        Predicate::And(parts) => {
            let mut best = Access::Residual;
            let mut intervals: Vec<(usize, Interval)> = Vec::new();
            for part in parts {
                match access(part, columns) {
                    Access::OneOf(column, values) => match &best {
                        Access::OneOf(_, fewer) if fewer.len() <= values.len() => {}
                        _ => best = Access::OneOf(column, values),
                    },
                    Access::Within(column, interval) => {
                        match intervals.iter_mut().find(|(known, _)| *known == column) {
                            Some((_, known)) => {
                                known.intersect(interval, &columns[column].codec);
                            }
                            None => intervals.push((column, interval)),
                        }
                    }
                    Access::Residual => {}
                }
            }
            if best == Access::Residual {
                // A range with both ends says more than one with a single end.
                if let Some(at) = (0..intervals.len()).max_by_key(|&at| intervals[at].1.ends()) {
                    let (column, interval) = intervals.swap_remove(at);
                    best = Access::Within(column, interval);
                }
            }
            best
        }
        Predicate::Or(parts) => {
            // Alternatives on one column are one list of values.
            let mut joined: Option<(usize, Vec<Datum>)> = None;
            for part in parts {
                match (access(part, columns), &mut joined) {
                    (Access::OneOf(column, values), None) => joined = Some((column, values)),
                    (Access::OneOf(column, values), Some((known, all))) if column == *known => {
                        all.extend(values);
                    }
                    _ => return Access::Residual,
                }
            }
            joined.map_or(Access::Residual, |(column, mut values)| {
                dedup(&mut values);
                Access::OneOf(column, values)
            })
        }
        Predicate::Compare {
            column,
            comparison,
            value,
        } => {
            let schema = &columns[*column];
            match comparison {
                Comparison::Equal if is_equality_decided(schema) => {
                    Access::OneOf(*column, vec![value.canonical(&schema.codec)])
                }
                Comparison::Equal | Comparison::NotEqual => Access::Residual,
                _ if is_order_decided(schema) => {
                    Access::Within(*column, Interval::of(*comparison, value.clone()))
                }
                _ => Access::Residual,
            }
        }
        Predicate::In { column, values } if is_equality_decided(&columns[*column]) => {
            let mut values: Vec<Datum> = values
                .iter()
                .map(|value| value.canonical(&columns[*column].codec))
                .collect();
            dedup(&mut values);
            Access::OneOf(*column, values)
        }
        Predicate::IsNull(column) => Access::OneOf(*column, vec![Datum::Null]),
        Predicate::Is(column, flag) => Access::OneOf(*column, vec![Datum::Bool(*flag)]),
        Predicate::In { .. } | Predicate::Not(_) | Predicate::Like { .. } | Predicate::Asked => {
            Access::Residual
        }
    }
}

fn dedup(values: &mut Vec<Datum>) {
    let mut seen = rustc_hash::FxHashSet::default();
    values.retain(|value| seen.insert(value.clone()));
}
