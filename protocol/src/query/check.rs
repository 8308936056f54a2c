//! Queries against a table's columns.

use super::{Filter, Is, Operator, Query, Selected, Test, excerpt, value::check_literal};
use crate::{ApiError, Column, ColumnKind, Table};

impl Query {
    /// Whether the query can be asked of this table, as far as that shows without the
    /// database: columns exist, operators suit their types, literals fit them. Nothing that
    /// PostgreSQL takes is refused; literals of most types are left to it.
    ///
    /// Of a query with embeddings, the table has the embedded columns as well; what they are
    /// of is not asked here.
    pub fn check(&self, table: &Table) -> Result<(), ApiError> {
        for test in self.filter.iter().flat_map(Filter::tests) {
            test.check(known_column(&test.column, table)?)?;
        }
        for order in &self.order {
            let column = known_column(&order.column, table)?;
            if !is_comparable(column) {
                return Err(ApiError::new(
                    "invalid_order",
                    format!("{:?} is {} and has no order", column.name, column.type_name),
                    "order by another column",
                ));
            }
        }
        for selected in self.select.iter().flatten() {
            if let Selected::Column(name) = selected {
                known_column(name, table)?;
            }
        }
        self.aggregates
            .iter()
            .try_for_each(|aggregate| aggregate.check(table))
    }
}

/// The table's column of that name.
///
/// # Errors
/// `unknown_column`; the hint says which column may be meant.
pub fn known_column<'a>(name: &str, table: &'a Table) -> Result<&'a Column, ApiError> {
    if let Some((_, column)) = table.column(name) {
        return Ok(column);
    }
    let nearest = table
        .columns
        .iter()
        .map(|column| (distance(name, &column.name), column))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= name.chars().count().min(9) / 3 + 1);
    let hint = match nearest {
        Some((_, column)) => format!("did you mean {:?}?", column.name),
        None if name.contains('.') => {
            "a related table's columns are embedded first: select=*,relation(column)".into()
        }
        None => {
            let names: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
            format!("its columns are {}", names.join(", "))
        }
    };
    Err(ApiError::new(
        "unknown_column",
        format!("{} has no column {}", table.path(), excerpt(name)),
        hint,
    ))
}

impl Test {
    /// Whether it can be asked of its column, as far as that shows without the database.
    ///
    /// # Errors
    /// `invalid_operator`, `invalid_value`.
    pub fn check(&self, column: &Column) -> Result<(), ApiError> {
        let refuse = |hint: &str| {
            let operator = match self.operator {
                Operator::Is(is) => format!("is.{}", is.word()),
                ref other => other.word().into(),
            };
            Err(ApiError::new(
                "invalid_operator",
                format!(
                    "{operator} can't be asked of {:?}, which is {}",
                    column.name, column.type_name
                ),
                hint,
            ))
        };
        match &self.operator {
            Operator::Is(Is::Null) => Ok(()),
            Operator::Is(_) if column.kind == ColumnKind::Boolean => Ok(()),
            Operator::Is(_) => {
                refuse("is.true and is.false are for boolean columns; is.null for any")
            }
            Operator::Like(_) | Operator::Ilike(_) if column.kind == ColumnKind::Text => Ok(()),
            Operator::Like(_) | Operator::Ilike(_) => refuse("like and ilike are for text columns"),
            _ if !is_comparable(column) => refuse("only is.null"),
            Operator::Eq(value)
            | Operator::Neq(value)
            | Operator::Gt(value)
            | Operator::Gte(value)
            | Operator::Lt(value)
            | Operator::Lte(value) => check_literal(value, column),
            Operator::In(values) => values
                .iter()
                .try_for_each(|value| check_literal(value, column)),
        }
    }
}

/// Whether PostgreSQL can say if two values are equal.
pub fn is_comparable(column: &Column) -> bool {
    !matches!(&*column.type_name, "json" | "xml" | "json[]" | "xml[]")
}

/// How many characters have to be put in, left out or replaced to get from one to the other,
/// regardless of case.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.to_lowercase().chars().take(64).collect();
    let to: Vec<char> = to.to_lowercase().chars().take(64).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, left) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, right) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
