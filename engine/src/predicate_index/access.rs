//! By which conjuncts of a filter its query can be found.

use rustc_hash::FxHashSet;

use super::interval::Interval;
use crate::{
    datum::{Codec, Datum},
    order::{is_equality_decided, is_order_decided},
    predicate::{Comparison, Predicate},
    schema::ColumnSchema,
};

/// A conjunct that an index can be entered with. A row that it does not hold for is of no
/// concern to the query.
#[derive(Clone, Debug, PartialEq)]
pub enum Access {
    /// The column holds one of these values, in canonical form.
    OneOf(usize, Vec<Datum>),
    /// The column's text begins so.
    Prefix(usize, Box<str>),
    /// The column's text contains this, or does in any letter case.
    Contains {
        column: usize,
        word: Box<str>,
        ignores_case: bool,
    },
    /// The column lies in an interval.
    Within(usize, Interval),
}

impl Access {
    /// How many entries of an index it takes.
    pub fn entries(&self) -> usize {
        match self {
            Self::OneOf(_, values) => values.len(),
            Self::Prefix(..) | Self::Contains { .. } | Self::Within(..) => 1,
        }
    }

    /// The column that it looks at.
    pub fn column(&self) -> usize {
        match self {
            Self::OneOf(column, _)
            | Self::Prefix(column, _)
            | Self::Contains { column, .. }
            | Self::Within(column, _) => *column,
        }
    }
}

/// The most alternatives that a filter is found by. One with more is looked at for every row.
const MAX_ALTERNATIVES: usize = 64;

/// The conjunctions that together cover the filter: a row for which none of them holds is of
/// no concern. An empty conjunction holds for every row.
pub fn alternatives(predicate: &Predicate, columns: &[ColumnSchema]) -> Vec<Vec<Access>> {
    let mut found = of(predicate, false, columns);
    if found.len() > MAX_ALTERNATIVES {
        found = vec![Vec::new()];
    }
    found
}

/// The alternatives of a predicate, or of what it denies: where `NOT` makes no row true that
/// it should not, for NULL stays NULL.
fn of(predicate: &Predicate, negated: bool, columns: &[ColumnSchema]) -> Vec<Vec<Access>> {
    match (predicate, negated) {
        (Predicate::Not(part), _) => of(part, !negated, columns),
        (Predicate::And(parts), false) | (Predicate::Or(parts), true) => {
            all(parts, negated, columns)
        }
        (Predicate::Or(parts), false) | (Predicate::And(parts), true) => {
            let mut found: Vec<Vec<Access>> = Vec::new();
            for part in parts {
                found.extend(of(part, negated, columns));
                if found.len() > MAX_ALTERNATIVES || found.iter().any(Vec::is_empty) {
                    return vec![Vec::new()];
                }
            }
            found
        }
        _ => match single(predicate, negated, columns) {
            // Nothing is one of no values.
            Some(Access::OneOf(_, values)) if values.is_empty() => Vec::new(),
            access => vec![access.into_iter().collect()],
        },
    }
}

/// The alternatives of parts that all hold: their conjuncts together, or, where no part has
/// one alone, those of the part with the fewest alternatives.
fn all(parts: &[Predicate], negated: bool, columns: &[ColumnSchema]) -> Vec<Vec<Access>> {
    let mut together: Vec<Access> = Vec::new();
    let mut fewest: Option<Vec<Vec<Access>>> = None;
    for part in parts {
        let mut found = of(part, negated, columns);
        if let [_] = found.as_slice() {
            for access in found.swap_remove(0) {
                add(&mut together, access, columns);
            }
        } else if fewest
            .as_ref()
            .is_none_or(|fewest| found.len() < fewest.len())
        {
            fewest = Some(found);
        }
    }
    match fewest {
        Some(fewest) if together.is_empty() => fewest,
        _ => vec![together],
    }
}

/// Adds a conjunct; intervals of one column are narrowed to one.
fn add(together: &mut Vec<Access>, access: Access, columns: &[ColumnSchema]) {
    if let Access::Within(column, interval) = &access {
        for known in together.iter_mut() {
            if let Access::Within(other, known) = known
                && other == column
            {
                known.intersect(interval.clone(), &columns[*column].codec);
                return;
            }
        }
    }
    together.push(access);
}

fn single(predicate: &Predicate, negated: bool, columns: &[ColumnSchema]) -> Option<Access> {
    match predicate {
        Predicate::Compare {
            column,
            comparison,
            value,
        } => {
            let schema = &columns[*column];
            let comparison = if negated {
                comparison.opposite()
            } else {
                *comparison
            };
            match comparison {
                Comparison::Equal => is_equality_decided(schema)
                    .then(|| Access::OneOf(*column, vec![value.canonical(&schema.codec)])),
                Comparison::NotEqual => None,
                _ => is_order_decided(schema)
                    .then(|| Access::Within(*column, Interval::of(comparison, value.clone()))),
            }
        }
        Predicate::In { column, values } if !negated => {
            let schema = &columns[*column];
            is_equality_decided(schema)
                .then(|| Access::OneOf(*column, distinct(values, &schema.codec)))
        }
        Predicate::IsNull(column) if !negated => Some(Access::OneOf(*column, vec![Datum::Null])),
        Predicate::Is(column, flag) if !negated => {
            Some(Access::OneOf(*column, vec![Datum::Bool(*flag)]))
        }
        Predicate::Like {
            column,
            pattern,
            ignores_case,
        } if !negated => {
            let (begins, words) = literals(pattern);
            let longest = words.into_iter().max_by_key(|word| word.len())?;
            if begins.is_empty() || *ignores_case || columns[*column].codec != Codec::Text {
                Some(Access::Contains {
                    column: *column,
                    word: longest.into(),
                    ignores_case: *ignores_case,
                })
            } else {
                Some(Access::Prefix(*column, begins.into()))
            }
        }
        _ => None,
    }
}

/// What every text that matches the pattern begins with, and all that it contains.
fn literals(pattern: &str) -> (String, Vec<String>) {
    let mut words = vec![String::new()];
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        let literal = match character {
            '%' | '_' => None,
            '\\' => rest.next(),
            character => Some(character),
        };
        match (literal, words.last_mut()) {
            (Some(literal), Some(word)) => word.push(literal),
            _ => words.push(String::new()),
        }
    }
    let begins = words[0].clone();
    words.retain(|word| !word.is_empty());
    (begins, words)
}

fn distinct(values: &[Datum], codec: &Codec) -> Vec<Datum> {
    let mut seen = FxHashSet::default();
    values
        .iter()
        .map(|value| value.canonical(codec))
        .filter(|value| seen.insert(value.clone()))
        .collect()
}
