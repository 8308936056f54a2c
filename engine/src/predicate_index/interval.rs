//! Which of many intervals contain a value.

use std::cmp::Ordering;

use super::QueryId;
use crate::{
    datum::{Codec, Datum, compare_as},
    predicate::Comparison,
};

/// An interval of one column's values. NULL lies in none.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Clone, Debug, PartialEq)]
struct Bound {
    value: Datum,
    inclusive: bool,
}

/// Intervals, found by a value that lies in them.
///
/// They stand sorted by their lower ends, under a tree of the greatest upper ends, so that a
/// look-up visits those that contain the value and a logarithm more. What was added since
/// the last sorting is searched one by one; sorting again is paid for by the additions.
#[derive(Debug)]
pub struct IntervalSet {
    codec: Codec,
    sorted: Vec<(Interval, QueryId)>,
    /// For each node of an implicit binary tree over `sorted`, the place below it whose
    /// upper end is greatest.
    greatest: Vec<usize>,
    recent: Vec<(Interval, QueryId)>,
}

impl Interval {
    /// The values that compare so with `value`; not for equality.
    pub fn of(comparison: Comparison, value: Datum) -> Self {
        let bound = |inclusive| Some(Bound { value, inclusive });
        match comparison {
            Comparison::Less => Self {
                low: None,
                high: bound(false),
            },
            Comparison::LessOrEqual => Self {
                low: None,
                high: bound(true),
            },
            Comparison::Greater => Self {
                low: bound(false),
                high: None,
            },
            Comparison::GreaterOrEqual | Comparison::Equal | Comparison::NotEqual => Self {
                low: bound(true),
                high: None,
            },
        }
    }

    /// Narrows the interval to what both contain.
    pub fn intersect(&mut self, other: Self, codec: &Codec) {
        let narrower = |mine: &Option<Bound>, theirs: &Bound, towards: Ordering| match mine {
            None => true,
            Some(mine) => match compare_as(codec, &theirs.value, &mine.value) {
                Some(Ordering::Equal) => !theirs.inclusive,
                ordering => ordering == Some(towards),
            },
        };
        if let Some(low) = other.low
            && narrower(&self.low, &low, Ordering::Greater)
        {
            self.low = Some(low);
        }
        if let Some(high) = other.high
            && narrower(&self.high, &high, Ordering::Less)
        {
            self.high = Some(high);
        }
    }

    /// How many of its ends are bounded.
    pub fn ends(&self) -> usize {
        usize::from(self.low.is_some()) + usize::from(self.high.is_some())
    }

    fn starts_by(&self, codec: &Codec, value: &Datum) -> bool {
        self.low
            .as_ref()
            .is_none_or(|low| match compare_as(codec, &low.value, value) {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => low.inclusive,
                _ => false,
            })
    }

    fn ends_behind(&self, codec: &Codec, value: &Datum) -> bool {
        self.high
            .as_ref()
            .is_none_or(|high| match compare_as(codec, &high.value, value) {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => high.inclusive,
                _ => false,
            })
    }
}

impl IntervalSet {
    /// No intervals yet, of values of this codec.
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            sorted: Vec::new(),
            greatest: Vec::new(),
            recent: Vec::new(),
        }
    }

    /// Whether it holds no interval.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty() && self.recent.is_empty()
    }

    /// Adds a query's interval.
    pub fn insert(&mut self, id: QueryId, interval: Interval) {
        self.recent.push((interval, id));
        if self.recent.len() > 32 + self.sorted.len() / 8 {
            self.sort();
        }
    }

    /// Removes what was added with the same arguments.
    pub fn remove(&mut self, id: QueryId, interval: &Interval) {
        let is_it = |entry: &(Interval, QueryId)| entry.1 == id && entry.0 == *interval;
        if let Some(at) = self.recent.iter().position(is_it) {
            self.recent.swap_remove(at);
        } else if let Some(at) = self.sorted.iter().position(is_it) {
            self.sorted.remove(at);
            self.sort();
        }
    }

    /// Calls `found` with each query whose interval contains the value.
    pub fn stab(&self, value: &Datum, found: &mut impl FnMut(QueryId)) {
        if value.is_null() {
            return;
        }
        let codec = &self.codec;
        for (interval, id) in &self.recent {
            if interval.starts_by(codec, value) && interval.ends_behind(codec, value) {
                found(*id);
            }
        }
        let started = self
            .sorted
            .partition_point(|(interval, _)| interval.starts_by(codec, value));
        if started > 0 {
            self.visit((1, 0, self.sorted.len()), started, value, found);
        }
    }

    /// Visits the intervals of `node`, which is a place in the tree and the places in
    /// `sorted` below it, that lie below place `started` and end behind the value.
    fn visit(
        &self,
        (node, from, to): (usize, usize, usize),
        started: usize,
        value: &Datum,
        found: &mut impl FnMut(QueryId),
    ) {
        let furthest = &self.sorted[self.greatest[node]].0;
        if from >= started || !furthest.ends_behind(&self.codec, value) {
            return;
        }
        if to - from == 1 {
            found(self.sorted[from].1);
            return;
        }
        let middle = from + (to - from) / 2;
        self.visit((2 * node, from, middle), started, value, found);
        self.visit((2 * node + 1, middle, to), started, value, found);
    }

    fn sort(&mut self) {
        self.sorted.append(&mut self.recent);
        self.sorted
            .sort_by(|(a, _), (b, _)| compare_lows(&self.codec, a, b));
        self.greatest = vec![0; 4 * self.sorted.len()];
        if !self.sorted.is_empty() {
            self.build(1, 0, self.sorted.len());
        }
    }

    fn build(&mut self, node: usize, from: usize, to: usize) -> usize {
        let furthest = if to - from == 1 {
            from
        } else {
            let middle = from + (to - from) / 2;
            let left = self.build(2 * node, from, middle);
            let right = self.build(2 * node + 1, middle, to);
            match compare_highs(&self.codec, &self.sorted[left].0, &self.sorted[right].0) {
                Ordering::Less => right,
                _ => left,
            }
        };
        self.greatest[node] = furthest;
        furthest
    }
}

/// The order in which intervals start.
fn compare_lows(codec: &Codec, a: &Interval, b: &Interval) -> Ordering {
    match (&a.low, &b.low) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => compare_as(codec, &a.value, &b.value)
            .unwrap_or(Ordering::Equal)
            .then(b.inclusive.cmp(&a.inclusive)),
    }
}

/// The order in which intervals end.
fn compare_highs(codec: &Codec, a: &Interval, b: &Interval) -> Ordering {
    match (&a.high, &b.high) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_as(codec, &a.value, &b.value)
            .unwrap_or(Ordering::Equal)
            .then(a.inclusive.cmp(&b.inclusive)),
    }
}
