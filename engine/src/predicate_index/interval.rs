//! Which of many intervals contain a value.

use std::{cmp::Ordering, ops::Range};

use super::{
    QueryId,
    tiers::{Tier, Tiers},
};
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
}

/// Queries by intervals of one column.
#[derive(Debug)]
pub struct IntervalSet {
    codec: Codec,
    /// Those whose ends are numbers.
    numbers: Tree<i64>,
    others: Tree<Cut>,
}

impl IntervalSet {
    /// No intervals yet, of values of this codec.
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            numbers: Tree::default(),
            others: Tree::default(),
        }
    }

    /// How many intervals it holds.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.others.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a query's interval.
    pub fn insert(&mut self, id: QueryId, interval: &Interval) {
        match (number_ends(interval), self.cut_ends(interval)) {
            (Some((low, high)), _) => self.numbers.insert(low, high, id),
            (None, (low, high)) => self.others.insert(low, high, id),
        }
    }

    /// Removes what was added with the same arguments. Returns whether it was there.
    pub fn remove(&mut self, id: QueryId, interval: &Interval) -> bool {
        match (number_ends(interval), self.cut_ends(interval)) {
            (Some((low, _)), _) => self.numbers.remove(&low, id),
            (None, (low, _)) => self.others.remove(&low, id),
        }
    }

    /// Calls `found` with each query whose interval contains the value.
    pub fn stab(&self, value: &Datum, found: &mut impl FnMut(QueryId)) {
        if value.is_null() {
            return;
        }
        if let Some(number) = number(value) {
            self.numbers.stab(&number, found);
        }
        if self.others.len() > 0 {
            self.others.stab(&self.cut(value, Place::At), found);
        }
    }

    fn cut_ends(&self, interval: &Interval) -> (Cut, Cut) {
        let low = interval.low.as_ref();
        let high = interval.high.as_ref();
        let place = |inclusive, outside| if inclusive { Place::At } else { outside };
        (
            low.map_or(Cut::First, |low| {
                self.cut(&low.value, place(low.inclusive, Place::Behind))
            }),
            high.map_or(Cut::Last, |high| {
                self.cut(&high.value, place(high.inclusive, Place::Before))
            }),
        )
    }

    fn cut(&self, value: &Datum, place: Place) -> Cut {
        Cut::At {
            value: value.canonical(&self.codec),
            place,
        }
    }
}

/// The ends of an interval as numbers that stand in the order of the values, both within.
/// `None` where its values are not such numbers, or there is none beyond an end.
fn number_ends(interval: &Interval) -> Option<(i64, i64)> {
    let low = match &interval.low {
        None => i64::MIN,
        Some(low) => number(&low.value)?.checked_add(i64::from(!low.inclusive))?,
    };
    let high = match &interval.high {
        None => i64::MAX,
        Some(high) => number(&high.value)?.checked_sub(i64::from(!high.inclusive))?,
    };
    // Without an end there is no value to tell by.
    (interval.ends() > 0).then_some((low, high))
}

/// A number that stands for the value in the order of its type.
fn number(value: &Datum) -> Option<i64> {
    Some(match value {
        Datum::Bool(flag) => i64::from(*flag),
        Datum::Int(number)
        | Datum::Time(number)
        | Datum::Timestamp(number)
        | Datum::TimestampTz(number) => *number,
        Datum::Date(days) => i64::from(*days),
        Datum::Enum { index, .. } => i64::from(*index),
        Datum::Float4(number) => float(f64::from(*number)),
        Datum::Float8(number) => float(*number),
        _ => return None,
    })
}

/// NaN is above all, and the zeros are one.
fn float(number: f64) -> i64 {
    if number.is_nan() {
        return i64::MAX;
    }
    let bits = (number + 0.0).to_bits().cast_signed();
    if bits < 0 { i64::MIN - bits } else { bits }
}

/// A place among the values of one type.
#[derive(Clone, Debug)]
enum Cut {
    /// Before all values.
    First,
    /// Beside one, or its own.
    At { value: Datum, place: Place },
    /// Behind all values.
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Before,
    At,
    Behind,
}

impl Ord for Cut {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::First, Self::First) | (Self::Last, Self::Last) => Ordering::Equal,
            (Self::First, _) | (_, Self::Last) => Ordering::Less,
            (_, Self::First) | (Self::Last, _) => Ordering::Greater,
            (
                Self::At { value, place },
                Self::At {
                    value: other,
                    place: beside,
                },
            ) => {
                // Values of a column whose order is decided here compare.
                let order = value.compare(other).unwrap_or(Ordering::Equal);
                order.then(place.cmp(beside))
            }
        }
    }
}

impl PartialOrd for Cut {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cut {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cut {}

/// Intervals `low <= value <= high`, found by a value that lies in them.
type Tree<T> = Tiers<(Span<T>, QueryId), Sorted<T>>;

/// Intervals in the order of their lower ends, in blocks; above them are, level by level, the
/// blocks' bounds, in blocks again. So a look-up visits the blocks that the value lies within
/// and few others, and each lies in one piece in memory.
#[derive(Debug)]
struct Sorted<T> {
    spans: Vec<Span<T>>,
    /// Of each interval; `None` of one that has been removed.
    ids: Vec<Option<QueryId>>,
    gaps: usize,
    /// From the blocks of `spans` up to the last one.
    levels: Vec<Vec<Span<T>>>,
}

/// From the lowest end to the highest, both within.
#[derive(Clone, Debug)]
struct Span<T> {
    low: T,
    high: T,
}

/// How many intervals, or blocks, are in a block.
const BLOCK: usize = 16;

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self {
            spans: Vec::new(),
            ids: Vec::new(),
            gaps: 0,
            levels: Vec::new(),
        }
    }
}

impl<T: Ord> Span<T> {
    fn contains(&self, value: &T) -> bool {
        self.low <= *value && *value <= self.high
    }
}

impl<T: Ord + Clone> Tree<T> {
    fn insert(&mut self, low: T, high: T, id: QueryId) {
        self.push((Span { low, high }, id));
    }

    fn remove(&mut self, low: &T, id: QueryId) -> bool {
        let is_it = |(span, other): &(Span<T>, _)| *other == id && span.low == *low;
        if let Some(at) = self.loose.iter().position(is_it) {
            self.loose.swap_remove(at);
            return true;
        }
        self.tiers.iter_mut().any(|tier| tier.remove(low, id))
    }

    fn stab(&self, value: &T, found: &mut impl FnMut(QueryId)) {
        for (span, id) in &self.loose {
            if span.contains(value) {
                found(*id);
            }
        }
        for tier in &self.tiers {
            tier.stab(value, found);
        }
    }
}

impl<T: Ord + Clone> Tier<(Span<T>, QueryId)> for Sorted<T> {
    fn len(&self) -> usize {
        self.spans.len() - self.gaps
    }

    fn into_loose(self) -> Vec<(Span<T>, QueryId)> {
        self.spans
            .into_iter()
            .zip(self.ids)
            .filter_map(|(span, id)| Some((span, id?)))
            .collect()
    }

    fn of(mut loose: Vec<(Span<T>, QueryId)>) -> Self {
        loose.sort_by(|(a, _), (b, _)| a.low.cmp(&b.low));
        let (spans, ids): (Vec<_>, Vec<_>) =
            loose.into_iter().map(|(span, id)| (span, Some(id))).unzip();
        let mut levels = Vec::new();
        let mut level = bounds(&spans);
        while level.len() > 1 {
            let above = bounds(&level);
            levels.push(level);
            level = above;
        }
        Self {
            spans,
            ids,
            gaps: 0,
            levels,
        }
    }
}

impl<T: Ord + Clone> Sorted<T> {
    fn remove(&mut self, low: &T, id: QueryId) -> bool {
        let from = self.spans.partition_point(|span| span.low < *low);
        let alike = self.spans[from..]
            .iter()
            .take_while(|span| span.low == *low)
            .count();
        let ids = &mut self.ids[from..from + alike];
        let Some(gap) = ids.iter_mut().find(|other| **other == Some(id)) else {
            return false;
        };
        *gap = None;
        self.gaps += 1;
        if self.gaps > BLOCK + self.spans.len() / 4 {
            *self = Self::of(std::mem::take(self).into_loose());
        }
        true
    }

    fn stab(&self, value: &T, found: &mut impl FnMut(QueryId)) {
        match self.levels.len().checked_sub(1) {
            Some(top) => self.visit(top, 0..self.levels[top].len(), value, found),
            None => self.visit_spans(0..self.spans.len(), value, found),
        }
    }

    /// Visits these blocks of a level.
    fn visit(
        &self,
        level: usize,
        blocks: Range<usize>,
        value: &T,
        found: &mut impl FnMut(QueryId),
    ) {
        for at in blocks {
            let span = &self.levels[level][at];
            if span.low > *value {
                return;
            }
            if span.high < *value {
                continue;
            }
            let below = |len: usize| at * BLOCK..((at + 1) * BLOCK).min(len);
            match level.checked_sub(1) {
                Some(lower) => {
                    self.visit(lower, below(self.levels[lower].len()), value, found);
                }
                None => self.visit_spans(below(self.spans.len()), value, found),
            }
        }
    }

    fn visit_spans(&self, places: Range<usize>, value: &T, found: &mut impl FnMut(QueryId)) {
        for at in places {
            let span = &self.spans[at];
            if span.low > *value {
                return;
            }
            if let Some(id) = self.ids[at]
                && *value <= span.high
            {
                found(id);
            }
        }
    }
}

/// The bounds of each block; they stand sorted by their lower ends.
fn bounds<T: Ord + Clone>(spans: &[Span<T>]) -> Vec<Span<T>> {
    spans
        .chunks(BLOCK)
        .filter_map(|block| {
            let high = block.iter().map(|span| &span.high).max()?;
            Some(Span {
                low: block.first()?.low.clone(),
                high: high.clone(),
            })
        })
        .collect()
}
