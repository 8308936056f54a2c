//! Conditions as text, percent-decoding done.

use std::ops::Range;

use super::{Filter, Is, MAX_DEPTH, MAX_TESTS, MAX_VALUES, Operator, Test, excerpt};
use crate::ApiError;

/// Every operator, for hints.
pub const OPERATORS: &str = "eq, neq, gt, gte, lt, lte, like, ilike, in, is; each also as not.op";

/// What has been read, over all parameters.
#[derive(Default)]
pub struct Trace {
    count: usize,
    /// Where the tests of the parameter read last stand in its value.
    pub tests: Vec<Spans>,
    /// What of that value could not be read.
    pub failed: Option<Range<usize>>,
}

/// Where the parts of a test stand, in bytes of its parameter's value.
pub struct Spans {
    /// Its column; empty where that is the parameter's name.
    pub column: Range<usize>,
    /// Its operator, `not.` included.
    pub operator: Range<usize>,
    /// What it compares with.
    pub value: Range<usize>,
}

impl Trace {
    fn begin(&mut self) {
        self.tests.clear();
        self.failed = None;
    }

    fn add(&mut self) -> Result<(), ApiError> {
        self.count += 1;
        if self.count <= MAX_TESTS {
            return Ok(());
        }
        Err(too_large(format!("more than {MAX_TESTS} tests")))
    }
}

/// The refusal of a query that is too much of something.
pub fn too_large(what: String) -> ApiError {
    ApiError::new(
        "query_too_large",
        format!("the query has {what}"),
        "ask for less at once",
    )
}

/// `[not.]op.value`, the value reaching to the end: a parameter's value.
pub fn operation(column: &str, text: &str, trace: &mut Trace) -> Result<Filter, ApiError> {
    trace.begin();
    trace.add()?;
    let mut scanner = Scanner::new(text, false);
    let test = scanner
        .test(column.into(), 0..0, trace)
        .and_then(|test| scanner.end().map(|()| test));
    scanner.located(test, trace).map(Filter::Test)
}

/// `(…)`: the members of a group that is a parameter's value.
pub fn group(text: &str, trace: &mut Trace) -> Result<Vec<Filter>, ApiError> {
    trace.begin();
    let mut scanner = Scanner::new(text, true);
    let members = scanner.members(1, trace).and_then(|members| {
        scanner.skip_blanks();
        scanner.end().map(|()| members)
    });
    scanner.located(members, trace)
}

/// Names separated by commas, each followed by what else stands before the next comma.
/// `embed(column)` is the name of an embedded column.
pub fn names(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut scanner = Scanner::new(text, true);
    let mut names = Vec::new();
    loop {
        scanner.skip_blanks();
        let mut name = scanner.name(&['.', ',', '('])?;
        if scanner.take('(') {
            name = embedded(&name, &scanner.name(&[',', '(', ')'])?);
            if !scanner.take(')') {
                return Err(scanner.expected(")"));
            }
        }
        let rest = scanner.take_until(&[',']);
        names.push((name, rest.into()));
        if !scanner.take(',') {
            scanner.end()?;
            return Ok(names);
        }
    }
}

/// `word(name)`, separated by commas.
pub fn calls(text: &str) -> Result<Vec<(&str, String)>, ApiError> {
    let mut scanner = Scanner::new(text, true);
    let mut calls = Vec::new();
    loop {
        scanner.skip_blanks();
        let word = scanner.take_until(&['(', ')', ',']);
        if !scanner.take('(') {
            return Err(scanner.expected("( and a column's name"));
        }
        let name = scanner.name(&['(', ')', ','])?;
        if !scanner.take(')') {
            return Err(scanner.expected(")"));
        }
        calls.push((word, name));
        scanner.skip_blanks();
        if !scanner.take(',') {
            scanner.end()?;
            return Ok(calls);
        }
    }
}

/// The name of an embedded column among the query's.
pub fn embedded(embed: &str, column: &str) -> String {
    format!("{embed}.{column}")
}

/// Whether the word begins what follows a column's name in a condition.
pub fn is_operator(word: &str) -> bool {
    matches!(
        word,
        "not" | "eq" | "neq" | "gt" | "gte" | "lt" | "lte" | "like" | "ilike" | "in" | "is"
    )
}

/// What is left of a text that is read from the left.
#[derive(Clone, Copy)]
pub struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
    /// Whether a value ends at `,` and `)`.
    grouped: bool,
    /// Where what is being read begins, in bytes.
    mark: usize,
}

impl<'a> Scanner<'a> {
    /// A reader of this text. `grouped`: whether a value ends at `,` and `)`.
    pub fn new(text: &'a str, grouped: bool) -> Self {
        Self {
            text,
            rest: text,
            grouped,
            mark: 0,
        }
    }

    /// How much has been read, in bytes.
    fn place(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Notes where reading failed, if it did: at what comes next, or, where a word could be
    /// read and means nothing, at that.
    fn located<T>(&self, read: Result<T, ApiError>, trace: &mut Trace) -> Result<T, ApiError> {
        if let Err(error) = &read {
            let place = self.place();
            trace.failed = Some(if error.code == "invalid_filter" {
                place..place + self.rest.chars().next().map_or(0, char::len_utf8)
            } else {
                self.mark..place
            });
        }
        read
    }

    fn members(&mut self, depth: usize, trace: &mut Trace) -> Result<Vec<Filter>, ApiError> {
        if depth > MAX_DEPTH {
            return Err(ApiError::new(
                "query_too_deep",
                format!("{} nests too deep", excerpt(self.text)),
                format!("groups may be nested {MAX_DEPTH} deep"),
            ));
        }
        if !self.take('(') {
            return Err(self.expected("("));
        }
        let mut members = Vec::new();
        loop {
            self.skip_blanks();
            members.push(self.member(depth, trace)?);
            self.skip_blanks();
            if self.take(')') {
                return Ok(members);
            }
            if !self.take(',') {
                return Err(self.expected(", or )"));
            }
        }
    }

    fn member(&mut self, depth: usize, trace: &mut Trace) -> Result<Filter, ApiError> {
        for (word, negated, all) in [
            ("and", false, true),
            ("or", false, false),
            ("not.and", true, true),
            ("not.or", true, false),
        ] {
            let Some(rest) = self.rest.strip_prefix(word) else {
                continue;
            };
            if rest.starts_with('(') {
                self.rest = rest;
                let of = self.members(depth + 1, trace)?;
                return Ok(if all {
                    Filter::And { negated, of }
                } else {
                    Filter::Or { negated, of }
                });
            }
        }
        trace.add()?;
        let begin = self.place();
        let column = self.tested()?;
        let named = begin..self.place();
        if !self.take('.') {
            return Err(self.expected(". and an operator after the column's name"));
        }
        self.test(column, named, trace).map(Filter::Test)
    }

    /// The name of the column of a condition in a group: `column`, or `embed.column` where an
    /// operator follows that and none stands in its middle.
    fn tested(&mut self) -> Result<String, ApiError> {
        const ENDS: [char; 4] = ['.', ',', '(', ')'];
        let name = self.name(&ENDS)?;
        let mut ahead = *self;
        let at_operator = |ahead: &Self| is_operator(ahead.rest.split(ENDS).next().unwrap_or(""));
        if ahead.take('.')
            && !at_operator(&ahead)
            && let Ok(column) = ahead.name(&ENDS)
        {
            let end = ahead;
            if ahead.take('.') && at_operator(&ahead) {
                *self = end;
                return Ok(embedded(&name, &column));
            }
        }
        Ok(name)
    }

    fn test(
        &mut self,
        column: String,
        named: Range<usize>,
        trace: &mut Trace,
    ) -> Result<Test, ApiError> {
        self.mark = self.place();
        let begin = self.mark;
        let negated = self.take_word("not.");
        let word = self.take_until(&['.', ',', '(', ')']);
        let end = self.place();
        let dot = self.take('.');
        let value = |scanner: &mut Self| {
            scanner.mark = scanner.place();
            if dot {
                scanner.value()
            } else {
                Err(scanner.error(format!("operator {word} has no value")))
            }
        };
        let operator = match word {
            "eq" => Operator::Eq(value(self)?),
            "neq" => Operator::Neq(value(self)?),
            "gt" => Operator::Gt(value(self)?),
            "gte" => Operator::Gte(value(self)?),
            "lt" => Operator::Lt(value(self)?),
            "lte" => Operator::Lte(value(self)?),
            "like" => Operator::Like(value(self)?),
            "ilike" => Operator::Ilike(value(self)?),
            "in" if dot => {
                self.mark = self.place();
                Operator::In(self.list()?)
            }
            "is" => {
                let value = value(self)?;
                Operator::Is(match value.to_ascii_lowercase().as_str() {
                    "null" => Is::Null,
                    "true" => Is::True,
                    "false" => Is::False,
                    _ => {
                        return Err(ApiError::new(
                            "invalid_value",
                            format!("column {column:?} can't be tested for is.{value}"),
                            "is.null, is.true, is.false",
                        ));
                    }
                })
            }
            "in" => return Err(self.error("operator in has no list".into())),
            _ => {
                self.rest = &self.text[end..];
                return Err(ApiError::new(
                    "unknown_operator",
                    format!("unknown operator {} for column {column:?}", excerpt(word)),
                    OPERATORS,
                ));
            }
        };
        trace.tests.push(Spans {
            column: named,
            operator: begin..end,
            value: self.mark..self.place(),
        });
        Ok(Test {
            column,
            negated,
            operator,
        })
    }

    fn value(&mut self) -> Result<String, ApiError> {
        if !self.grouped {
            return Ok(std::mem::take(&mut self.rest).into());
        }
        // An array's text holds commas of its own.
        if let Some(inside) = self.rest.strip_prefix('{')
            && let Some(length) = inside.find(['{', '}'])
            && inside[length..].starts_with('}')
            && matches!(inside[length + 1..].chars().next(), Some(',' | ')') | None)
        {
            let (array, rest) = self.rest.split_at(length + 2);
            self.rest = rest;
            return Ok(array.into());
        }
        self.element()
    }

    fn list(&mut self) -> Result<Vec<String>, ApiError> {
        if !self.take('(') {
            return Err(self.error("operator in has no list".into()));
        }
        let mut values = Vec::new();
        // As in PostgREST, nothing is in the empty list.
        if self.take(')') {
            return Ok(values);
        }
        loop {
            values.push(self.element()?);
            if values.len() > MAX_VALUES {
                return Err(too_large(format!(
                    "a list of more than {MAX_VALUES} values"
                )));
            }
            if self.take(')') {
                return Ok(values);
            }
            if !self.take(',') {
                return Err(self.expected(", or )"));
            }
        }
    }

    /// A value that ends at `,` or `)`, or in double quotes.
    fn element(&mut self) -> Result<String, ApiError> {
        if self.rest.starts_with('"') {
            self.quoted()
        } else {
            Ok(self.take_until(&[',', ')']).into())
        }
    }

    /// A column's name, up to one of `ends` or in double quotes.
    pub fn name(&mut self, ends: &[char]) -> Result<String, ApiError> {
        let name = if self.rest.starts_with('"') {
            self.quoted()?
        } else {
            self.take_until(ends).into()
        };
        if name.is_empty() {
            return Err(self.error("a column's name is missing".into()));
        }
        Ok(name)
    }

    fn quoted(&mut self) -> Result<String, ApiError> {
        let mut value = String::new();
        let mut chars = self.rest[1..].chars();
        loop {
            match chars.next() {
                Some('"') => {
                    self.rest = chars.as_str();
                    return Ok(value);
                }
                Some('\\') => match chars.next() {
                    Some(char) => value.push(char),
                    None => return Err(self.error("a closing \" is missing".into())),
                },
                Some(char) => value.push(char),
                None => return Err(self.error("a closing \" is missing".into())),
            }
        }
    }

    fn take_until(&mut self, ends: &[char]) -> &'a str {
        let (taken, rest) = self
            .rest
            .split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Whether a name in double quotes comes next.
    pub fn is_at_quote(&self) -> bool {
        self.rest.starts_with('"')
    }

    /// Takes that character, if it comes next.
    pub fn take(&mut self, char: char) -> bool {
        let rest = self.rest.strip_prefix(char);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_word(&mut self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over blanks.
    pub fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// Refuses what is left, if anything is.
    pub fn end(&self) -> Result<(), ApiError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error("something follows the end".into()))
        }
    }

    /// The refusal of what comes next for want of something else.
    pub fn expected(&self, what: &str) -> ApiError {
        self.error(format!("expected {what}"))
    }

    /// The refusal of what comes next.
    pub fn error(&self, what: String) -> ApiError {
        let place = if self.rest.is_empty() {
            "at its end".into()
        } else {
            format!("at {}", excerpt(self.rest))
        };
        ApiError::new(
            "invalid_filter",
            format!("{} can't be read: {what}, {place}", excerpt(self.text)),
            "column=op.value, or=(column.op.value,and(…)), in.(a,\"b,c\")",
        )
    }
}
