//! Which of many intervals contain a value.

use std::{cmp::Ordering, mem, ops::Range};

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
///
/// They stand sorted by their lower ends, in blocks; above them are, level by level, the
/// blocks' bounds, in blocks again. So a look-up visits the blocks that the value lies within
/// and few others, and each lies in one piece in memory. What was added since the last sorting
/// is searched one by one, what was removed stays as a gap; sorting again is paid for by those.
#[derive(Debug)]
struct Tree<T> {
    sorted: Vec<Span<T>>,
    /// Of each sorted interval; `None` in a gap.
    ids: Vec<Option<QueryId>>,
    /// From the blocks of `sorted` up to the last one.
    levels: Vec<Vec<Span<T>>>,
    recent: Vec<(Span<T>, QueryId)>,
    gaps: usize,
}

/// From the lowest end to the highest, both within.
#[derive(Clone, Debug)]
struct Span<T> {
    low: T,
    high: T,
}

/// How many intervals, or blocks, are in a block.
const BLOCK: usize = 16;

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self {
            sorted: Vec::new(),
            ids: Vec::new(),
            levels: Vec::new(),
            recent: Vec::new(),
            gaps: 0,
        }
    }
}

impl<T: Ord> Span<T> {
    fn contains(&self, value: &T) -> bool {
        self.low <= *value && *value <= self.high
    }
}

impl<T: Ord + Clone> Tree<T> {
    fn len(&self) -> usize {
        self.sorted.len() - self.gaps + self.recent.len()
    }

    fn insert(&mut self, low: T, high: T, id: QueryId) {
        self.recent.push((Span { low, high }, id));
        if self.recent.len() > 32 + self.sorted.len() / 8 {
            self.sort();
        }
    }

    fn remove(&mut self, low: &T, id: QueryId) -> bool {
        let mut recent = self.recent.iter();
        if let Some(at) = recent.position(|(span, other)| *other == id && span.low == *low) {
            self.recent.swap_remove(at);
            return true;
        }
        let from = self.sorted.partition_point(|span| span.low < *low);
        let alike = self.sorted[from..]
            .iter()
            .take_while(|span| span.low == *low)
            .count();
        let ids = &mut self.ids[from..from + alike];
        let Some(gap) = ids.iter_mut().find(|other| **other == Some(id)) else {
            return false;
        };
        *gap = None;
        self.gaps += 1;
        if self.gaps > 32 + self.sorted.len() / 4 {
            self.sort();
        }
        true
    }

    fn stab(&self, value: &T, found: &mut impl FnMut(QueryId)) {
        for (span, id) in &self.recent {
            if span.contains(value) {
                found(*id);
            }
        }
        match self.levels.len().checked_sub(1) {
            Some(top) => self.visit(top, 0..self.levels[top].len(), value, found),
            None => self.visit_sorted(0..self.sorted.len(), value, found),
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
            let below = at * BLOCK..(at + 1) * BLOCK;
            match level.checked_sub(1) {
                Some(lower) => {
                    let end = below.end.min(self.levels[lower].len());
                    self.visit(lower, below.start..end, value, found);
                }
                None => {
                    self.visit_sorted(below.start..below.end.min(self.sorted.len()), value, found)
                }
            }
        }
    }

    fn visit_sorted(&self, places: Range<usize>, value: &T, found: &mut impl FnMut(QueryId)) {
        for at in places {
            let span = &self.sorted[at];
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

    fn sort(&mut self) {
        let kept = mem::take(&mut self.sorted)
            .into_iter()
            .zip(mem::take(&mut self.ids))
            .filter_map(|(span, id)| Some((span, id?)));
        let mut all: Vec<(Span<T>, QueryId)> = kept.chain(self.recent.drain(..)).collect();
        self.gaps = 0;
        all.sort_by(|(a, _), (b, _)| a.low.cmp(&b.low));
        (self.sorted, self.ids) = all.into_iter().map(|(span, id)| (span, Some(id))).unzip();
        self.levels.clear();
        let mut level = bounds(&self.sorted);
        while level.len() > 1 {
            let above = bounds(&level);
            self.levels.push(level);
            level = above;
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
