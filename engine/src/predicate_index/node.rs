//! A part of the index: queries that are not told apart yet, and branches that tell them.

use std::{iter, mem};

use hashbrown::HashMap;

use super::{
    QueryId,
    access::{Access, alternatives},
    interval::IntervalSet,
    needles::Needles,
    prefix::Prefixes,
};
use crate::{
    datum::{Codec, Datum},
    predicate::Predicate,
    record::Record,
    room::Roomy,
    schema::ColumnSchema,
};

/// How many queries a node holds before it tells them apart by another column.
const SPLIT_AT: usize = 16;

/// How many entries a query may take by further columns than the first. Each value of one is
/// combined with each of the next, so what lists of values multiply to has to be bounded.
const MAX_SPREAD: usize = 64;

/// The filter of a query, as far as this table is concerned; `None` if the query is gone.
pub type FilterOf<'a> = &'a dyn Fn(QueryId) -> Option<&'a Predicate>;

/// Queries that agree in the columns on the way to this node.
#[derive(Debug, Default)]
pub struct Node {
    /// Those that are found by nothing further.
    here: Ids,
    branches: Option<Box<Branches>>,
}

/// Few or many queries; most often one.
#[derive(Debug, Default)]
enum Ids {
    #[default]
    None,
    One(QueryId),
    Many(Vec<QueryId>),
}

#[derive(Debug, Default)]
struct Branches {
    /// How many queries are below, those of several alternatives counted as often or less.
    count: usize,
    equal: Vec<Equal>,
    prefixes: Vec<(usize, Prefixes)>,
    /// By column, and whether letter case is ignored.
    needles: Vec<((usize, bool), Needles)>,
    ranges: Vec<(usize, IntervalSet)>,
}

/// Nodes by a column's value.
#[derive(Debug)]
struct Equal {
    column: usize,
    codec: Codec,
    nodes: HashMap<Datum, Node>,
}

/// What an insertion knows of the table.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub columns: &'a [ColumnSchema],
    pub filter_of: FilterOf<'a>,
}

impl Node {
    /// Whether it holds no query.
    pub fn is_empty(&self) -> bool {
        matches!(self.here, Ids::None) && self.branches.is_none()
    }

    /// How many queries it holds, those of several alternatives counted as often.
    fn count(&self) -> usize {
        self.here.as_slice().len() + self.branches.as_ref().map_or(0, |branches| branches.count)
    }

    /// Adds a query. `way` are the columns that led here, `accesses` the conjunction that it is
    /// found by.
    pub fn insert(
        &mut self,
        id: QueryId,
        accesses: &[Access],
        way: &mut Vec<usize>,
        context: Context,
    ) {
        // Many that nothing further tells apart do not keep later ones from being told apart.
        if self.branches.is_some() || way.is_empty() || self.here.as_slice().len() >= SPLIT_AT {
            self.insert_below(id, accesses, way, context);
            return;
        }
        self.here.push(id);
        if self.here.as_slice().len() == SPLIT_AT {
            // They are told apart by further columns, as far as they have some.
            for id in mem::take(&mut self.here).as_slice() {
                // One with alternatives is here by one of them; by which is not known.
                let accesses = (context.filter_of)(*id)
                    .map(|filter| alternatives(filter, context.columns))
                    .and_then(|mut found| (found.len() == 1).then(|| found.swap_remove(0)))
                    .unwrap_or_default();
                self.insert_below(*id, &accesses, way, context);
            }
        }
    }

    fn insert_below(
        &mut self,
        id: QueryId,
        accesses: &[Access],
        way: &mut Vec<usize>,
        context: Context,
    ) {
        let mut left = further(accesses, way).peekable();
        if left.peek().is_none() {
            self.here.push(id);
            return;
        }
        let branches = self.branches.get_or_insert_default();
        if let Some(access) = left.min_by_key(|access| branches.crowd(access)) {
            branches.count += 1;
            branches.insert(id, access, accesses, way, context);
        }
    }

    /// How many nodes there are by columns' values, this one included.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        let equal = self.branches.iter().flat_map(|branches| &branches.equal);
        1 + equal
            .flat_map(|equal| equal.nodes.values())
            .map(Self::size)
            .sum::<usize>()
    }

    /// Removes a query wherever this conjunction leads. Returns whether it was there.
    pub fn remove(&mut self, id: QueryId, accesses: &[Access], way: &mut Vec<usize>) -> bool {
        let mut found = self.here.remove(id);
        let Some(branches) = &mut self.branches else {
            return found;
        };
        let mut below = false;
        let left: Vec<&Access> = further(accesses, way).collect();
        for access in left {
            below |= branches.remove(id, access, accesses, way);
        }
        if below {
            found = true;
            branches.count = branches.count.saturating_sub(1);
            if branches.is_empty() {
                self.branches = None;
            }
        }
        found
    }

    /// Calls `found` with the queries that a row may concern, as it was or as it is. Where
    /// both agree is looked once.
    pub fn candidates(&self, sides: Sides, found: &mut impl FnMut(QueryId)) {
        self.here.as_slice().iter().copied().for_each(&mut *found);
        let Some(branches) = &self.branches else {
            return;
        };
        for equal in &branches.equal {
            for (value, sides) in sides.values(equal.column) {
                let node = if value.is_canonical(&equal.codec) {
                    equal.nodes.get(value)
                } else {
                    equal.nodes.get(&value.canonical(&equal.codec))
                };
                if let Some(node) = node {
                    node.candidates(sides, found);
                }
            }
        }
        for (column, prefixes) in &branches.prefixes {
            for (value, sides) in sides.values(*column) {
                if let Datum::Text(text) = value {
                    for node in prefixes.of(text) {
                        node.candidates(sides, found);
                    }
                }
            }
        }
        for ((column, _), needles) in &branches.needles {
            for (value, sides) in sides.values(*column) {
                if let Datum::Text(text) = value {
                    needles.of(text, |node| node.candidates(sides, found));
                }
            }
        }
        for (column, set) in &branches.ranges {
            for (value, _) in sides.values(*column) {
                set.stab(value, found);
            }
        }
    }
}

/// The conjuncts by which a query can be found beyond the columns on the way.
fn further<'a>(accesses: &'a [Access], way: &[usize]) -> impl Iterator<Item = &'a Access> {
    let taken = |access: &&Access| way.contains(&access.column());
    let spread = accesses
        .iter()
        .filter(taken)
        .fold(1, |spread: usize, access| {
            spread.saturating_mul(access.entries())
        });
    let is_first = way.is_empty();
    let left: Vec<&Access> = accesses
        .iter()
        .filter(|access| !taken(access))
        .filter(|access| is_first || spread.saturating_mul(access.entries()) <= MAX_SPREAD)
        .collect();
    left.into_iter()
}

/// A row as it was and as it is, as far as it was or is.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a>(pub Option<&'a Record>, pub Option<&'a Record>);

impl<'a> Sides<'a> {
    /// The values of a column, each with the sides that hold it.
    fn values(self, column: usize) -> impl Iterator<Item = (&'a Datum, Self)> {
        let value = |side: Option<&'a Record>| side.map(|record| &record.values()[column]);
        let both = match (value(self.0), value(self.1)) {
            (Some(old), Some(new)) if old == new => [Some((old, self)), None],
            (old, new) => [
                old.map(|old| (old, Self(self.0, None))),
                new.map(|new| (new, Self(None, self.1))),
            ],
        };
        both.into_iter().flatten()
    }
}

impl Branches {
    fn is_empty(&self) -> bool {
        self.equal.is_empty()
            && self.prefixes.is_empty()
            && self.needles.is_empty()
            && self.ranges.is_empty()
    }

    /// How many queries a row is likely to be looked at for that is found by this conjunct,
    /// roughly.
    fn crowd(&self, access: &Access) -> usize {
        match access {
            Access::OneOf(column, values) => {
                let equal = self.equal.iter().find(|equal| equal.column == *column);
                let count = |value| {
                    equal
                        .and_then(|equal| equal.nodes.get(value))
                        .map_or(0, Node::count)
                };
                // Each value is an entry of its own.
                values.iter().map(count).sum::<usize>() + values.len().saturating_sub(1)
            }
            Access::Prefix(column, prefix) => {
                let prefixes = self.prefixes.iter().find(|(other, _)| other == column);
                let node = prefixes.and_then(|(_, prefixes)| prefixes.get(prefix));
                1 + node.map_or(0, Node::count)
            }
            Access::Contains {
                column,
                word,
                ignores_case,
            } => {
                let of = (*column, *ignores_case);
                let needles = self.needles.iter().find(|(other, _)| *other == of);
                let node = needles.and_then(|(_, needles)| needles.get(word));
                2 + node.map_or(0, Node::count)
            }
            Access::Within(column, interval) => {
                let set = self.ranges.iter().find(|(other, _)| other == column);
                let count = set.map_or(0, |(_, set)| set.len());
                // An interval of two ends is taken for a twentieth of what there is.
                2 + if interval.ends() == 2 {
                    count / 20
                } else {
                    count / 2
                }
            }
        }
    }

    fn insert(
        &mut self,
        id: QueryId,
        access: &Access,
        accesses: &[Access],
        way: &mut Vec<usize>,
        context: Context,
    ) {
        way.push(access.column());
        match access {
            Access::OneOf(column, values) => {
                let at = self
                    .equal
                    .iter()
                    .position(|equal| equal.column == *column)
                    .unwrap_or_else(|| {
                        self.equal.push(Equal {
                            column: *column,
                            codec: context.columns[*column].codec.clone(),
                            nodes: HashMap::new(),
                        });
                        self.equal.len() - 1
                    });
                for value in values {
                    self.equal[at]
                        .nodes
                        .entry(value.clone())
                        .or_default()
                        .insert(id, accesses, way, context);
                }
            }
            Access::Prefix(column, prefix) => {
                entry(&mut self.prefixes, *column, Prefixes::default)
                    .entry(prefix)
                    .insert(id, accesses, way, context);
            }
            Access::Contains {
                column,
                word,
                ignores_case,
            } => {
                let of = (*column, *ignores_case);
                let needles = entry(&mut self.needles, of, || Needles::new(*ignores_case));
                if let Some(node) = needles.entry(word) {
                    node.insert(id, accesses, way, context);
                }
            }
            Access::Within(column, interval) => {
                let codec = || IntervalSet::new(context.columns[*column].codec.clone());
                entry(&mut self.ranges, *column, codec).insert(id, interval);
            }
        }
        way.pop();
    }

    fn remove(
        &mut self,
        id: QueryId,
        access: &Access,
        accesses: &[Access],
        way: &mut Vec<usize>,
    ) -> bool {
        way.push(access.column());
        let found = match access {
            Access::OneOf(column, values) => self.remove_equal(id, *column, values, accesses, way),
            Access::Prefix(column, prefix) => self
                .prefixes
                .iter_mut()
                .find(|(other, _)| other == column)
                .is_some_and(|(_, prefixes)| {
                    let Some(node) = prefixes.get_mut(prefix) else {
                        return false;
                    };
                    let found = node.remove(id, accesses, way);
                    if node.is_empty() {
                        prefixes.remove(prefix);
                    }
                    found
                }),
            Access::Contains {
                column,
                word,
                ignores_case,
            } => {
                let of = (*column, *ignores_case);
                self.needles
                    .iter_mut()
                    .find(|(other, _)| *other == of)
                    .is_some_and(|(_, needles)| {
                        needles.change(word, |node| node.remove(id, accesses, way))
                    })
            }
            Access::Within(column, interval) => self
                .ranges
                .iter_mut()
                .find(|(other, _)| other == column)
                .is_some_and(|(_, set)| set.remove(id, interval)),
        };
        way.pop();
        self.prefixes.retain(|(_, prefixes)| !prefixes.is_empty());
        self.needles.retain(|(_, needles)| !needles.is_empty());
        self.ranges.retain(|(_, set)| !set.is_empty());
        found
    }

    fn remove_equal(
        &mut self,
        id: QueryId,
        column: usize,
        values: &[Datum],
        accesses: &[Access],
        way: &mut Vec<usize>,
    ) -> bool {
        let Some(at) = self.equal.iter().position(|equal| equal.column == column) else {
            return false;
        };
        let nodes = &mut self.equal[at].nodes;
        let mut found = false;
        for value in values {
            let Some(node) = nodes.get_mut(value) else {
                continue;
            };
            found |= node.remove(id, accesses, way);
            if node.is_empty() {
                nodes.remove(value);
                nodes.trim();
            }
        }
        if nodes.is_empty() {
            self.equal.swap_remove(at);
        }
        found
    }
}

fn entry<K: Eq, T>(of: &mut Vec<(K, T)>, key: K, make: impl FnOnce() -> T) -> &mut T {
    let at = match of.iter().position(|(other, _)| *other == key) {
        Some(at) => at,
        None => {
            of.push((key, make()));
            of.len() - 1
        }
    };
    &mut of[at].1
}

impl Ids {
    fn as_slice(&self) -> &[QueryId] {
        match self {
            Self::None => &[],
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }

    fn push(&mut self, id: QueryId) {
        match self {
            Self::None => *self = Self::One(id),
            Self::One(first) => *self = Self::Many(iter::once(*first).chain([id]).collect()),
            Self::Many(ids) => ids.push(id),
        }
    }

    fn remove(&mut self, id: QueryId) -> bool {
        match self {
            Self::None => false,
            Self::One(only) => {
                let found = *only == id;
                if found {
                    *self = Self::None;
                }
                found
            }
            Self::Many(ids) => {
                let Some(at) = ids.iter().position(|other| *other == id) else {
                    return false;
                };
                ids.swap_remove(at);
                ids.trim();
                if let [only] = ids.as_slice() {
                    *self = Self::One(*only);
                }
                true
            }
        }
    }
}
