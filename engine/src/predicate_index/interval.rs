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
/// They stand sorted by their lower ends, as a binary tree in which each also knows the
/// greatest upper end below it, so that a look-up visits those that contain the value and a
/// logarithm more. What was added since the last sorting is searched one by one, what was
/// removed stays as a gap; sorting again is paid for by those.
#[derive(Debug)]
struct Tree<T> {
    sorted: Vec<Entry<T>>,
    recent: Vec<Entry<T>>,
    gaps: usize,
}

#[derive(Debug)]
struct Entry<T> {
    low: T,
    high: T,
    /// The greatest `high` in the part of the tree that this entry is the root of.
    furthest: T,
    /// `None` in a gap.
    id: Option<QueryId>,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self {
            sorted: Vec::new(),
            recent: Vec::new(),
            gaps: 0,
        }
    }
}

impl<T: Ord + Clone> Tree<T> {
    fn len(&self) -> usize {
        self.sorted.len() - self.gaps + self.recent.len()
    }

    fn insert(&mut self, low: T, high: T, id: QueryId) {
        self.recent.push(Entry {
            furthest: high.clone(),
            low,
            high,
            id: Some(id),
        });
        if self.recent.len() > 32 + self.sorted.len() / 8 {
            self.sort();
        }
    }

    fn remove(&mut self, low: &T, id: QueryId) -> bool {
        let is_it = |entry: &Entry<T>| entry.id == Some(id) && entry.low == *low;
        if let Some(at) = self.recent.iter().position(is_it) {
            self.recent.swap_remove(at);
            return true;
        }
        let from = self.sorted.partition_point(|entry| entry.low < *low);
        let mut alike = self.sorted[from..]
            .iter_mut()
            .take_while(|entry| entry.low == *low);
        let Some(entry) = alike.find(|entry| entry.id == Some(id)) else {
            return false;
        };
        entry.id = None;
        self.gaps += 1;
        if self.gaps > 32 + self.sorted.len() / 4 {
            self.sort();
        }
        true
    }

    fn stab(&self, value: &T, found: &mut impl FnMut(QueryId)) {
        for entry in &self.recent {
            if let Some(id) = entry.id
                && entry.low <= *value
                && *value <= entry.high
            {
                found(id);
            }
        }
        visit(&self.sorted, value, found);
    }

    fn sort(&mut self) {
        self.sorted.append(&mut self.recent);
        self.sorted.retain(|entry| entry.id.is_some());
        self.gaps = 0;
        self.sorted.sort_by(|a, b| a.low.cmp(&b.low));
        build(&mut self.sorted);
    }
}

fn visit<T: Ord>(mut part: &[Entry<T>], value: &T, found: &mut impl FnMut(QueryId)) {
    loop {
        let middle = part.len() / 2;
        let Some(root) = part.get(middle).filter(|root| *value <= root.furthest) else {
            return;
        };
        visit(&part[..middle], value, found);
        if root.low > *value {
            return;
        }
        if let Some(id) = root.id
            && *value <= root.high
        {
            found(id);
        }
        part = &part[middle + 1..];
    }
}

fn build<T: Ord + Clone>(part: &mut [Entry<T>]) -> Option<T> {
    let middle = part.len() / 2;
    let left = part.get_mut(..middle).and_then(|left| {
        // An empty part has no middle.
        if left.is_empty() { None } else { build(left) }
    });
    let (_, rest) = part.split_at_mut(middle);
    let (root, right) = rest.split_first_mut()?;
    let right = build(right);
    root.furthest = [left, right]
        .into_iter()
        .flatten()
        .fold(root.high.clone(), Ord::max);
    Some(root.furthest.clone())
}
