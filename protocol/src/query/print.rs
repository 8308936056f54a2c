//! Query to text.

use std::fmt;

use super::{
    DEFAULT_LIMIT, Filter, Operator, OrderBy, Query, Test, escape, is_reserved, scan::is_operator,
};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_query_string())
    }
}

impl Query {
    /// The canonical text, percent-encoded for an address. What is as by default is left out.
    pub fn to_query_string(&self) -> String {
        let mut out = String::new();
        for filter in &self.filter {
            match filter {
                Filter::Test(test) if !is_reserved(&test.column) => {
                    parameter(&test.column, &operation(test, false), &mut out);
                }
                Filter::Test(_) => {
                    let mut group = String::from("(");
                    member(filter, &mut group);
                    group.push(')');
                    parameter("and", &group, &mut out);
                }
                Filter::And { negated, of } => {
                    parameter(
                        if *negated { "not.and" } else { "and" },
                        &group(of),
                        &mut out,
                    );
                }
                Filter::Or { negated, of } => {
                    parameter(if *negated { "not.or" } else { "or" }, &group(of), &mut out);
                }
            }
        }
        if let Some(search) = &self.search {
            parameter("q", search, &mut out);
        }
        if !self.order.is_empty() {
            let order: Vec<String> = self.order.iter().map(|by| self.order_by(by)).collect();
            parameter("order", &order.join(","), &mut out);
        }
        if let Some(selected) = &self.select {
            let selected: Vec<String> = selected.iter().map(ToString::to_string).collect();
            parameter("select", &selected.join(","), &mut out);
        }
        if !self.aggregates.is_empty() {
            parameter("aggregate", &self.aggregate_names().join(","), &mut out);
        }
        if self.limit != DEFAULT_LIMIT {
            parameter("limit", &self.limit.to_string(), &mut out);
        }
        if self.offset != 0 {
            parameter("offset", &self.offset.to_string(), &mut out);
        }
        out
    }

    fn order_by(&self, order: &OrderBy) -> String {
        let mut out = match self.embedded(&order.column) {
            Some((embed, column)) => format!("{}({})", name(embed.name()), name(column)),
            None => name(&order.column),
        };
        if order.descending {
            out.push_str(".desc");
        }
        if order.nulls_first != order.descending {
            out.push_str(if order.nulls_first {
                ".nullsfirst"
            } else {
                ".nullslast"
            });
        }
        out
    }
}

fn parameter(name: &str, value: &str, out: &mut String) {
    if !out.is_empty() {
        out.push('&');
    }
    escape::encode_name(name, out);
    out.push('=');
    escape::encode_value(value, out);
}

fn group(of: &[Filter]) -> String {
    let mut out = String::new();
    members(of, &mut out);
    out
}

fn members(of: &[Filter], out: &mut String) {
    out.push('(');
    for (at, filter) in of.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        member(filter, out);
    }
    out.push(')');
}

fn member(filter: &Filter, out: &mut String) {
    match filter {
        Filter::Test(test) => {
            out.push_str(&tested(&test.column));
            out.push('.');
            out.push_str(&operation(test, true));
        }
        Filter::And { negated, of } => {
            out.push_str(if *negated { "not.and" } else { "and" });
            members(of, out);
        }
        Filter::Or { negated, of } => {
            out.push_str(if *negated { "not.or" } else { "or" });
            members(of, out);
        }
    }
}

/// `not.op.value`; in a group, the value is quoted where it has to be.
fn operation(test: &Test, grouped: bool) -> String {
    let mut out = String::from(if test.negated { "not." } else { "" });
    out.push_str(test.operator.word());
    out.push('.');
    match &test.operator {
        Operator::Eq(value)
        | Operator::Neq(value)
        | Operator::Gt(value)
        | Operator::Gte(value)
        | Operator::Lt(value)
        | Operator::Lte(value)
        | Operator::Like(value)
        | Operator::Ilike(value) => {
            if grouped {
                element(value, &mut out);
            } else {
                out.push_str(value);
            }
        }
        Operator::In(values) => {
            out.push('(');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                element(value, &mut out);
            }
            out.push(')');
        }
        Operator::Is(is) => out.push_str(is.word()),
    }
    out
}

/// A value among others.
fn element(value: &str, out: &mut String) {
    if value.is_empty()
        || value.contains([',', '(', ')', '"', '\\', '{', '}'])
        || value.trim() != value
    {
        quote(value, out);
    } else {
        out.push_str(value);
    }
}

/// A tested column's name in a group, where `embed.column` needs no quotes.
fn tested(column: &str) -> String {
    match column.split_once('.') {
        Some((embed, of))
            if !embed.is_empty()
                && !of.is_empty()
                && is_plain(embed)
                && is_plain(of)
                && !is_operator(of) =>
        {
            column.into()
        }
        _ => name(column),
    }
}

/// A name among other text.
pub fn name(name: &str) -> String {
    if is_plain(name) {
        return name.into();
    }
    let mut out = String::new();
    quote(name, &mut out);
    out
}

fn is_plain(name: &str) -> bool {
    name.chars()
        .all(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | '$'))
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            out.push('\\');
        }
        out.push(char);
    }
    out.push('"');
}
