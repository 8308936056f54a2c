//! Text to query.

use std::collections::HashSet;

use super::{
    DEFAULT_LIMIT, Filter, MAX_LIMIT, MAX_TEXT, MAX_WORDS, OrderBy, Query, RESERVED_MARK,
    aggregate, escape, excerpt, pattern,
    scan::{self, Trace},
    select,
};
use crate::ApiError;

impl Query {
    /// Reads a percent-encoded query, as it stands in an address after the `?`.
    ///
    /// What only the table can tell is not asked: see [`Query::check`].
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        if text.len() > MAX_TEXT {
            return Err(scan::too_large(format!("more than {MAX_TEXT} bytes")));
        }
        let mut query = Self::default();
        let mut trace = Trace::default();
        let mut seen = HashSet::new();
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = escape::decode(name)?;
            if name.starts_with(RESERVED_MARK) {
                continue;
            }
            let value = escape::decode(value)?;
            if name.contains('\0') || value.contains('\0') {
                return Err(ApiError::new(
                    "invalid_value",
                    format!("{} holds a zero byte", excerpt(&name)),
                    "no value in PostgreSQL holds one",
                ));
            }
            if matches!(
                &*name,
                "order" | "limit" | "offset" | "select" | "aggregate" | "q"
            ) && !seen.insert(name.clone())
            {
                return Err(ApiError::new(
                    error_code(&name),
                    format!("{name} is given more than once"),
                    "give it once",
                ));
            }
            query.read(name, &value, &mut trace)?;
        }
        query.tests().into_iter().try_for_each(pattern::check)?;
        Ok(query)
    }

    pub(super) fn read(
        &mut self,
        name: String,
        value: &str,
        trace: &mut Trace,
    ) -> Result<(), ApiError> {
        match &*name {
            // Its members are conjuncts like any other.
            "and" => self.filter.extend(scan::group(value, trace)?),
            "or" | "not.and" | "not.or" => {
                let of = scan::group(value, trace)?;
                let negated = name.starts_with("not.");
                self.filter.push(if name == "not.and" {
                    Filter::And { negated, of }
                } else {
                    Filter::Or { negated, of }
                });
            }
            "order" => self.order = order(value)?,
            "limit" => self.limit = limit(value)?,
            "offset" => self.offset = offset(value)?,
            "select" => self.select = select::parse(value)?,
            "aggregate" => self.aggregates = aggregate::parse(value)?,
            "q" => self.search = search(value)?,
            "cursor" => {}
            "" => {
                return Err(ApiError::new(
                    "invalid_filter",
                    format!("the column's name before ={} is missing", excerpt(value)),
                    "column=op.value",
                ));
            }
            _ => {
                let test = scan::operation(&name, value, trace)?;
                self.filter.push(test);
            }
        }
        Ok(())
    }
}

fn error_code(parameter: &str) -> &'static str {
    match parameter {
        "order" => "invalid_order",
        "limit" => "invalid_limit",
        "offset" => "invalid_offset",
        "select" => "invalid_select",
        "aggregate" => "invalid_aggregate",
        _ => "invalid_filter",
    }
}

fn order(text: &str) -> Result<Vec<OrderBy>, ApiError> {
    let mut order: Vec<OrderBy> = Vec::new();
    if text.is_empty() {
        return Ok(order);
    }
    let mut known = HashSet::new();
    let names = scan::names(text).map_err(|error| wrong_order(error.message))?;
    for (column, rest) in names {
        let mut words = rest.split('.');
        // What stands before the first dot: nothing, unless quotes were followed by more.
        let before = words.next().unwrap_or_default();
        let mut word = words.next();
        let descending = word == Some("desc");
        if let Some("asc" | "desc") = word {
            word = words.next();
        }
        let nulls_first = match word {
            None => descending,
            Some("nullsfirst") => true,
            Some("nullslast") => false,
            Some(word) => {
                return Err(wrong_order(format!(
                    "{} is no direction for column {column:?}",
                    excerpt(word)
                )));
            }
        };
        if !before.is_empty() || words.next().is_some() {
            let what = excerpt(&rest);
            return Err(wrong_order(format!(
                "{what} after {column:?} can't be read"
            )));
        }
        // A column's second place in an order decides nothing.
        if known.insert(column.clone()) {
            order.push(OrderBy {
                column,
                descending,
                nulls_first,
            });
        }
    }
    Ok(order)
}

fn wrong_order(message: String) -> ApiError {
    ApiError::new(
        "invalid_order",
        message,
        "order=column.desc.nullslast,other: asc or desc, then nullsfirst or nullslast",
    )
}

fn limit(text: &str) -> Result<u32, ApiError> {
    if text.is_empty() {
        return Ok(DEFAULT_LIMIT);
    }
    digits(text)
        .and_then(|text| text.parse().ok())
        .filter(|limit| *limit <= MAX_LIMIT)
        .ok_or_else(|| {
            ApiError::new(
                "invalid_limit",
                format!("limit {} is not possible", excerpt(text)),
                format!("a number from 0 to {MAX_LIMIT}"),
            )
        })
}

fn offset(text: &str) -> Result<u64, ApiError> {
    if text.is_empty() {
        return Ok(0);
    }
    // PostgreSQL counts in bigint.
    digits(text)
        .and_then(|text| text.parse::<i64>().ok())
        .and_then(|offset| u64::try_from(offset).ok())
        .ok_or_else(|| {
            ApiError::new(
                "invalid_offset",
                format!("offset {} is not possible", excerpt(text)),
                "a number of rows, 0 or more",
            )
        })
}

fn digits(text: &str) -> Option<&str> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(text)
}

fn search(text: &str) -> Result<Option<String>, ApiError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() > MAX_WORDS {
        return Err(scan::too_large(format!("more than {MAX_WORDS} words in q")));
    }
    Ok((!words.is_empty()).then(|| words.join(" ")))
}
