//! What a query's filter says of a row.

use std::{cmp::Ordering, ops::Not};

use crate::{
    datum::{Datum, compare_as, ilike, like},
    moving::{Moving, MovingComparison},
    schema::{Collation, ColumnSchema},
};

/// A filter over the columns of one table.
///
/// What Rust may not decide as PostgreSQL does is [`Predicate::Asked`]: the engine then asks
/// for the verdict on the whole filter, unless the parts that it can decide settle it.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// All hold. Empty: always true.
    And(Vec<Predicate>),
    /// One holds. Empty: always false.
    Or(Vec<Predicate>),
    /// Does not hold.
    Not(Box<Predicate>),
    /// The column compared with a value.
    Compare {
        /// Position of the column.
        column: usize,
        /// How.
        comparison: Comparison,
        /// With what; never NULL.
        value: Datum,
    },
    /// The column equals one of the values; none of them is NULL.
    In {
        /// Position of the column.
        column: usize,
        /// The values.
        values: Vec<Datum>,
    },
    /// The text matches a `LIKE` pattern.
    Like {
        /// Position of the column.
        column: usize,
        /// The pattern, with `%`, `_` and backslash escapes; in lower case if that is
        /// ignored.
        pattern: String,
        /// Whether letter case is ignored: only for patterns and collations for which
        /// [`is_case_decided`] holds.
        ignores_case: bool,
    },
    /// The column is NULL.
    IsNull(usize),
    /// The column is true, or is false; never NULL.
    Is(usize, bool),
    /// The column compared with a time that moves: decided once the moment is, by
    /// [`Predicate::at`].
    Moving {
        /// Position of the column.
        column: usize,
        /// With which time, and how.
        moving: Moving,
    },
    /// Only PostgreSQL knows.
    Asked,
    /// Only PostgreSQL knows, and what it says depends on the time. When that changes is told
    /// with the rows that are read.
    AskedOfMoments,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// SQL's three truth values, and a fourth: not decided here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Truth {
    /// True.
    True,
    /// False.
    False,
    /// NULL.
    Null,
    /// Only PostgreSQL knows.
    Unknown,
}

impl Predicate {
    /// Whether no verdict of PostgreSQL's can ever be needed, given a moment.
    pub fn is_decided_here(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_decided_here),
            Self::Not(part) => part.is_decided_here(),
            Self::Asked | Self::AskedOfMoments => false,
            _ => true,
        }
    }

    /// The verdict on a row of these values.
    pub fn evaluate(&self, columns: &[ColumnSchema], values: &[Datum]) -> Truth {
        match self {
            Self::And(parts) => settle(parts, columns, values, Truth::False),
            Self::Or(parts) => settle(parts, columns, values, Truth::True),
            Self::Not(part) => !part.evaluate(columns, values),
            Self::Compare {
                column,
                comparison,
                value,
            } => compare(&columns[*column], *comparison, &values[*column], value),
            Self::In {
                column,
                values: list,
            } => {
                // An empty list is false even for NULL, as in `= ANY('{}')`.
                let mut truth = Truth::False;
                for value in list {
                    match compare(
                        &columns[*column],
                        Comparison::Equal,
                        &values[*column],
                        value,
                    ) {
                        Truth::True => return Truth::True,
                        Truth::False => {}
                        other => truth = other,
                    }
                }
                truth
            }
            Self::Like {
                column,
                pattern,
                ignores_case,
            } => match &values[*column] {
                Datum::Null => Truth::Null,
                Datum::Text(text) => {
                    let matches: fn(&str, &str) -> Option<bool> =
                        if *ignores_case { ilike } else { like };
                    matches(pattern, text).map_or(Truth::Unknown, Truth::from)
                }
                _ => Truth::Unknown,
            },
            Self::IsNull(column) => matches!(values[*column], Datum::Null).into(),
            Self::Is(column, wanted) => {
                matches!(values[*column], Datum::Bool(flag) if flag == *wanted).into()
            }
            Self::Moving { .. } | Self::Asked | Self::AskedOfMoments => Truth::Unknown,
        }
    }

    /// Whether it depends on the time.
    pub fn moves(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::moves),
            Self::Not(part) => part.moves(),
            Self::Moving { .. } | Self::AskedOfMoments => true,
            _ => false,
        }
    }

    /// The filter that it is at a moment, in microseconds since 1970.
    pub fn at(&self, columns: &[ColumnSchema], moment: i64) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.at(columns, moment)).collect();
        match self {
            Self::And(parts) => Self::And(all(parts)),
            Self::Or(parts) => Self::Or(all(parts)),
            Self::Not(part) => Self::Not(Box::new(part.at(columns, moment))),
            Self::Moving { column, moving } => {
                match moving.value_at(&columns[*column].codec, moment) {
                    Some(value) => Self::Compare {
                        column: *column,
                        comparison: moving.comparison.into(),
                        value,
                    },
                    None => Self::Asked,
                }
            }
            other => other.clone(),
        }
    }

    /// The first moment after this one at which a row of these values may be judged otherwise.
    pub fn turns_after(&self, values: &[Datum], moment: i64) -> Option<i64> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts
                .iter()
                .filter_map(|part| part.turns_after(values, moment))
                .min(),
            Self::Not(part) => part.turns_after(values, moment),
            Self::Moving { column, moving } => moving
                .turns_for(&values[*column])
                .filter(|turns| *turns > moment),
            _ => None,
        }
    }
}

impl From<MovingComparison> for Comparison {
    fn from(comparison: MovingComparison) -> Self {
        match comparison {
            MovingComparison::Greater => Self::Greater,
            MovingComparison::GreaterOrEqual => Self::GreaterOrEqual,
            MovingComparison::Less => Self::Less,
            MovingComparison::LessOrEqual => Self::LessOrEqual,
        }
    }
}

/// `AND` (decided by one false) or `OR` (decided by one true) over parts.
fn settle(
    parts: &[Predicate],
    columns: &[ColumnSchema],
    values: &[Datum],
    decisive: Truth,
) -> Truth {
    let mut truth = !decisive;
    for part in parts {
        match part.evaluate(columns, values) {
            verdict if verdict == decisive => return decisive,
            Truth::Unknown => truth = Truth::Unknown,
            Truth::Null if truth != Truth::Unknown => truth = Truth::Null,
            _ => {}
        }
    }
    truth
}

fn compare(column: &ColumnSchema, comparison: Comparison, value: &Datum, with: &Datum) -> Truth {
    if matches!(value, Datum::Null) {
        return Truth::Null;
    }
    let equality_only = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let decided = match column.collation {
        Collation::C => true,
        Collation::Deterministic | Collation::OwnCase => equality_only,
        Collation::Nondeterministic => false,
    };
    if !decided {
        return Truth::Unknown;
    }
    match compare_as(&column.codec, value, with) {
        Some(ordering) => comparison.holds(ordering).into(),
        None => Truth::Unknown,
    }
}

/// Whether Rust may match the pattern against text of this column whatever its letter case:
/// that of ASCII letters is decided, and no other letter's lower case is an ASCII one but
/// those that `ilike` leaves open.
pub fn is_case_decided(column: &ColumnSchema, pattern: &str) -> bool {
    use crate::datum::Codec;
    pattern.is_ascii()
        && matches!(column.codec, Codec::Text | Codec::BpChar)
        && matches!(column.collation, Collation::C | Collation::Deterministic)
}

impl Comparison {
    /// What holds of two values where this one does not.
    pub fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// Whether values that stand in this order satisfy it.
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl From<bool> for Truth {
    fn from(flag: bool) -> Self {
        if flag { Self::True } else { Self::False }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            other => other,
        }
    }
}
