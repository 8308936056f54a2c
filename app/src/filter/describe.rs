//! Filters in words.

use rowcast_protocol::{
    Column, ColumnKind,
    query::{Filter, Is, Operator, Test},
};

use super::Choice;

/// The filter in words, such as `status is open` or `not (a > 1 or b is NULL)`.
pub fn describe(filter: &Filter, columns: &[Column]) -> String {
    match filter {
        Filter::Test(test) => describe_test(test, columns),
        Filter::And { negated, of } => group(*negated, " and ", of, columns),
        Filter::Or { negated, of } => group(*negated, " or ", of, columns),
    }
}

fn group(negated: bool, word: &str, of: &[Filter], columns: &[Column]) -> String {
    let mut out = String::new();
    if negated {
        out.push_str("not (");
    }
    for (at, filter) in of.iter().enumerate() {
        if at > 0 {
            out.push_str(word);
        }
        let nested = matches!(
            filter,
            Filter::And { negated: false, .. } | Filter::Or { negated: false, .. }
        );
        if nested {
            out.push('(');
        }
        out.push_str(&describe(filter, columns));
        if nested {
            out.push(')');
        }
    }
    if negated {
        out.push(')');
    }
    out
}

fn describe_test(test: &Test, columns: &[Column]) -> String {
    let kind = columns
        .iter()
        .find(|column| column.name == test.column)
        .map_or(ColumnKind::Other, |column| column.kind);
    let mut out = test.column.clone();
    let mut add = |part: &str| {
        out.push(' ');
        out.push_str(part);
    };
    match Choice::of(test) {
        Some((choice, value)) => {
            add(choice.label(kind));
            if value.is_empty() && choice.input() != super::Input::Nothing {
                add("“”");
            } else if !value.is_empty() {
                add(&value);
            }
        }
        None => {
            if test.negated {
                add("not");
            }
            match &test.operator {
                Operator::Eq(value) => add(&format!("is {value}")),
                Operator::Neq(value) => add(&format!("is other than {value}")),
                Operator::Gt(value) => add(&format!("> {value}")),
                Operator::Gte(value) => add(&format!("≥ {value}")),
                Operator::Lt(value) => add(&format!("< {value}")),
                Operator::Lte(value) => add(&format!("≤ {value}")),
                Operator::Like(value) => add(&format!("like {value}")),
                Operator::Ilike(value) => add(&format!("matches {value}")),
                Operator::In(values) => add(&format!("any of {}", super::join(values))),
                Operator::Is(Is::Null) => add("is NULL"),
                Operator::Is(Is::True) => add("is true"),
                Operator::Is(Is::False) => add("is false"),
            }
        }
    }
    out
}
