//! Figures over all rows of a query, whatever its slice: `aggregate=sum(amount),max(at)`.

use std::{collections::HashSet, fmt};

use super::{Query, check, excerpt, print, scan};
use crate::{ApiError, Column, ColumnKind, Table};

/// How many aggregates a query may have.
pub const MAX_AGGREGATES: usize = 20;

/// One figure over all rows that match.
///
/// Its text, `sum(amount)`, is also its name in every answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// The column's name.
    pub column: String,
}

/// What an aggregate computes of a column's values. NULLs count for nothing, save in
/// [`Function::CountBy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `sum`: NULL where there is no value.
    Sum,
    /// `avg`: likewise.
    Avg,
    /// `min`: likewise.
    Min,
    /// `max`: likewise.
    Max,
    /// `count`: how many values.
    Count,
    /// `distinct`: how many different values.
    Distinct,
    /// `count_by`: how many rows of each value, NULL among them.
    CountBy,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 7] = [
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::Count,
        Self::Distinct,
        Self::CountBy,
    ];

    /// Its word in the grammar.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Distinct => "distinct",
            Self::CountBy => "count_by",
        }
    }

    /// Whether it can be computed of this column, as far as that shows without the database.
    pub fn fits(self, column: &Column) -> bool {
        self.refusal(column).is_none()
    }

    /// Why it can't be computed of this column, as far as that shows without the database:
    /// what it is for.
    fn refusal(self, column: &Column) -> Option<&'static str> {
        use ColumnKind::{Boolean, Float, Integer, Interval, Json, Numeric};
        match self {
            Self::Sum | Self::Avg => {
                let is_number = matches!(column.kind, Integer | Numeric | Float | Interval)
                    && column.type_name != "oid";
                (!is_number).then_some("sum and avg are for numbers and intervals")
            }
            Self::Min | Self::Max => matches!(column.kind, Boolean | Json).then_some(
                "min and max are for numbers, text, dates, times, enums and others with an order",
            ),
            Self::Count => None,
            Self::Distinct | Self::CountBy => (!check::is_comparable(column))
                .then_some("distinct and count_by are for types whose values can be compared"),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.function.word(), print::name(&self.column))
    }
}

impl Aggregate {
    /// The refusal of an aggregate of this column.
    pub fn refused(&self, column: &Column, hint: &str) -> ApiError {
        ApiError::new(
            "invalid_aggregate",
            format!(
                "{} can't be asked of {:?}, which is {}",
                self.function.word(),
                column.name,
                column.type_name
            ),
            hint,
        )
    }

    pub(super) fn check(&self, table: &Table) -> Result<(), ApiError> {
        let column = check::known_column(&self.column, table)?;
        match self.function.refusal(column) {
            Some(hint) => Err(self.refused(column, hint)),
            None => Ok(()),
        }
    }
}

impl Query {
    /// The aggregates' names, in their order.
    pub fn aggregate_names(&self) -> Vec<String> {
        self.aggregates.iter().map(ToString::to_string).collect()
    }
}

/// Reads the value of `aggregate`. One that is said twice is one.
pub(super) fn parse(text: &str) -> Result<Vec<Aggregate>, ApiError> {
    let mut aggregates = Vec::new();
    if text.is_empty() {
        return Ok(aggregates);
    }
    let mut known = HashSet::new();
    for (word, column) in scan::calls(text).map_err(|error| wrong(error.message))? {
        let function = Function::ALL
            .into_iter()
            .find(|function| function.word() == word)
            .ok_or_else(|| wrong(format!("there is no aggregate {}", excerpt(word))))?;
        let aggregate = Aggregate { function, column };
        if known.insert(aggregate.clone()) {
            aggregates.push(aggregate);
        }
    }
    if aggregates.len() > MAX_AGGREGATES {
        return Err(scan::too_large(format!(
            "more than {MAX_AGGREGATES} aggregates"
        )));
    }
    Ok(aggregates)
}

fn wrong(message: String) -> ApiError {
    let words: Vec<&str> = Function::ALL.into_iter().map(Function::word).collect();
    ApiError::new(
        "invalid_aggregate",
        message,
        format!(
            "aggregate=sum(column),max(other); there are {}",
            words.join(", ")
        ),
    )
}
