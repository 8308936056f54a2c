//! Aggregates of the model: what PostgreSQL would read of a result.

use std::{collections::BTreeMap, sync::Arc};

use rowcast_engine::{
    datum::{Datum, NumericSum},
    record::Record,
    schema::Schema,
    tally::{Aggregate, AggregatesRead, BasisKind, KEPT_EXTREMES, Part, bases, count_by},
};
use rowcast_protocol::{Cell, message::AggregateValue, query::Function};

use super::{NAME, NUMBER, rank};

/// How many selections of aggregates there are.
pub const SELECTIONS: u8 = 4;

/// The aggregates of a window: none, ones that are kept, and ones that can't be.
pub fn selection(nth: u8) -> Arc<[Aggregate]> {
    let functions: &[(Function, usize)] = match nth {
        0 => &[],
        1 => &[
            (Function::Sum, NUMBER),
            (Function::Count, NUMBER),
            (Function::Min, NUMBER),
            (Function::Max, NUMBER),
            (Function::Distinct, NUMBER),
            (Function::CountBy, NUMBER),
        ],
        2 => &[(Function::Count, NAME), (Function::Max, NUMBER)],
        _ => &[(Function::CountBy, NAME), (Function::Sum, NUMBER)],
    };
    functions
        .iter()
        .map(|&(function, column)| Aggregate { function, column })
        .collect()
}

/// What a read of the whole result gives.
pub fn read(aggregates: &[Aggregate], schema: &Schema, rows: &[Arc<Record>]) -> AggregatesRead {
    let parts = bases(aggregates, &schema.columns).into_iter().map(|basis| {
        let values = rows.iter().map(|row| row.values()[basis.column].clone());
        let mut values: Vec<Datum> = values.collect();
        if basis.kind != BasisKind::Groups {
            values.retain(|value| !value.is_null());
        }
        let number = |value: &Datum| match value {
            Datum::Int(number) => *number,
            _ => panic!("a number"),
        };
        Some(match basis.kind {
            BasisKind::Count => Part::Count(values.len() as u64),
            BasisKind::Sums => {
                let mut sum = NumericSum::default();
                values
                    .iter()
                    .for_each(|value| sum.add_integer(number(value)));
                let count = values.len() as u64;
                let sum = sum.value(0).map(|sum| (count, sum));
                Part::Sums(sum.into_iter().filter(|_| count > 0).collect())
            }
            BasisKind::Least | BasisKind::Greatest => {
                values.sort_by_key(number);
                if basis.kind == BasisKind::Greatest {
                    values.reverse();
                }
                values.truncate(KEPT_EXTREMES);
                let is_all = values.len() < KEPT_EXTREMES;
                Part::Extremes { values, is_all }
            }
            BasisKind::Groups => {
                let mut groups: Vec<(Datum, u64)> = Vec::new();
                for value in values {
                    match groups.iter_mut().find(|(known, _)| known.same(&value)) {
                        Some((_, rows)) => *rows += 1,
                        None => groups.push((value, 1)),
                    }
                }
                Part::Groups(groups)
            }
        })
    });
    AggregatesRead {
        parts: parts.collect(),
        values: values(aggregates, rows),
    }
}

/// The aggregates' values.
pub fn values(aggregates: &[Aggregate], rows: &[Arc<Record>]) -> Vec<Cell> {
    let of = |aggregate: &Aggregate| {
        let values: Vec<&Datum> = rows
            .iter()
            .map(|row| &row.values()[aggregate.column])
            .collect();
        if aggregate.column == NAME {
            return match aggregate.function {
                Function::Count => Cell::integer(values.len() as i64),
                _ => count_by(by_rank(&values)),
            };
        }
        let numbers: Vec<i64> = values
            .iter()
            .filter_map(|value| match value {
                Datum::Int(number) => Some(*number),
                _ => None,
            })
            .collect();
        let or_null = |number: Option<i64>| number.map_or(Cell::Null, Cell::integer);
        match aggregate.function {
            Function::Sum => or_null((!numbers.is_empty()).then(|| numbers.iter().sum())),
            Function::Min => or_null(numbers.iter().min().copied()),
            Function::Max => or_null(numbers.iter().max().copied()),
            Function::Count => Cell::integer(numbers.len() as i64),
            Function::Avg => panic!("not in the model"),
            Function::Distinct | Function::CountBy => {
                let mut groups: BTreeMap<i64, u64> = BTreeMap::new();
                numbers
                    .iter()
                    .for_each(|number| *groups.entry(*number).or_default() += 1);
                if aggregate.function == Function::Distinct {
                    return Cell::integer(groups.len() as i64);
                }
                let nulls = values.len() - numbers.len();
                let mut shown: Vec<String> = groups
                    .iter()
                    .map(|(number, rows)| format!("[{number}, {rows}]"))
                    .collect();
                shown.extend((nulls > 0).then(|| format!("[null, {nulls}]")));
                Cell::Json(format!("[{}]", shown.join(", ")).into())
            }
        }
    };
    aggregates.iter().map(of).collect()
}

/// Values with names, as a client holds them.
pub fn named(values: Vec<Cell>) -> Vec<AggregateValue> {
    values
        .into_iter()
        .enumerate()
        .map(|(at, value)| AggregateValue {
            name: at.to_string(),
            value,
        })
        .collect()
}

/// Names that "PostgreSQL" holds equal, with the number of rows of each.
fn by_rank(values: &[&Datum]) -> Vec<(Datum, u64)> {
    let mut groups: BTreeMap<u32, (String, u64)> = BTreeMap::new();
    for value in values {
        let json = value.to_cell().to_json();
        let group = groups.entry(rank(value)).or_insert((json.clone(), 0));
        group.0 = group.0.clone().min(json);
        group.1 += 1;
    }
    groups
        .into_values()
        .map(|(json, rows)| (Datum::Text(json.into()), rows))
        .collect()
}
