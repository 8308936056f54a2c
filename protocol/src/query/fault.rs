//! Where in a query's text a fault is, for those who write one.

use std::ops::Range;

use super::{
    Query, RESERVED_MARK,
    check::known_column,
    escape, pattern,
    scan::{Spans, Trace},
};
use crate::{ApiError, Table};

/// What is wrong in a query's text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong: what [`Query::parse`] or [`Query::check`] says.
    pub error: ApiError,
    /// Which part of the text, in bytes; nothing at its end is where something is missing.
    pub at: Range<usize>,
}

impl Fault {
    /// The first fault of a text as [`Query::parse`] reads it, asked of `table`.
    ///
    /// `None` exactly if it can be read and passes [`Query::check`].
    pub fn first(text: &str, table: &Table) -> Option<Self> {
        let mut trace = Trace::default();
        let mut begin = 0;
        for parameter in text.split('&') {
            if let Err(fault) = read(parameter, begin, table, &mut trace) {
                return Some(fault);
            }
            begin += parameter.len() + 1;
        }
        // What no single parameter shows: that one is given twice, that there is too much.
        let whole = Query::parse(text).and_then(|query| query.check(table));
        whole.err().map(|error| Self {
            error,
            at: 0..text.len(),
        })
    }
}

/// Reads one parameter, which begins there in the text.
fn read(parameter: &str, begin: usize, table: &Table, trace: &mut Trace) -> Result<(), Fault> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let whole = begin..begin + parameter.len();
    let fault = |error, at: &Range<usize>| Fault {
        error,
        at: at.clone(),
    };
    if parameter.is_empty() || name.starts_with(RESERVED_MARK) {
        return Ok(());
    }
    let named = begin..begin + name.len();
    // Where a part of the value, decoded, stands in the text.
    let value_begin = (begin + name.len() + 1).min(whole.end);
    let place = |at: &Range<usize>| {
        value_begin + escape::encoded_length(value, at.start)
            ..value_begin + escape::encoded_length(value, at.end)
    };
    let decoded = escape::decode(value).map_err(|error| fault(error, &whole))?;
    let name = escape::decode(name).map_err(|error| fault(error, &named))?;
    let mut query = Query::default();
    trace.tests.clear();
    trace.failed = None;
    query.read(name, &decoded, trace).map_err(|error| {
        let at = trace.failed.as_ref().map_or(whole.clone(), place);
        fault(error, &at)
    })?;
    for (test, spans) in query.tests().into_iter().zip(&trace.tests) {
        let column = if spans.column.is_empty() {
            named.clone()
        } else {
            place(&spans.column)
        };
        let known = known_column(&test.column, table).map_err(|error| fault(error, &column))?;
        pattern::check(test)
            .and_then(|()| test.check(known))
            .map_err(|error| {
                let Spans {
                    operator, value, ..
                } = spans;
                let at = if error.code == "invalid_operator" {
                    operator
                } else {
                    value
                };
                fault(error, &place(at))
            })?;
    }
    query
        .check(table)
        .map_err(|error| fault(error, &(value_begin..whole.end)))
}
