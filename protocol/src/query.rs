//! The query grammar: which rows of a table, in which order, and which slice of them.
//!
//! It is PostgREST's, with `q=words` beside it. One text everywhere: in a page's address, the
//! JSON API, the event stream, the WebSocket and on the command line.
//!
//! [`Query::parse`] and `Display` are inverse: printing gives the one canonical text of a
//! query, and parsing that gives the query again.

mod aggregate;
mod check;
mod edit;
mod escape;
mod fault;
mod parse;
mod pattern;
mod print;
mod relative;
mod scan;
mod select;
mod value;

pub use aggregate::{Aggregate, Function, MAX_AGGREGATES};
pub use check::{is_comparable, known_column};
pub use fault::Fault;
pub use pattern::like_pattern;
pub use relative::{NotRelative, Relative};
pub use select::{Embed, Selected};

/// How many rows a query shows that doesn't say.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most rows that a query may show at once.
pub const MAX_LIMIT: u32 = 1000;
/// The longest query text, in bytes, percent-encoding included.
pub const MAX_TEXT: usize = 16 * 1024;
/// How deep groups may be nested; `or=(…)` itself is the first level.
pub const MAX_DEPTH: usize = 16;
/// How many tests a query may make.
pub const MAX_TESTS: usize = 200;
/// How many values one `in` may list.
pub const MAX_VALUES: usize = 1000;
/// How many tables a query may embed.
pub const MAX_EMBEDS: usize = 16;
/// How many words `q` may have.
pub const MAX_WORDS: usize = 32;

/// Parameter names with a meaning of their own. A column that is named so is filtered inside
/// `and=(…)`. `cursor` belongs to the routes and is no part of a query.
pub const RESERVED: [&str; 11] = [
    "and",
    "or",
    "not.and",
    "not.or",
    "order",
    "limit",
    "offset",
    "select",
    "aggregate",
    "q",
    "cursor",
];

/// What the names of parameters begin with that are about showing rows, not about which: they
/// are no part of a query, whoever adds them. A column whose name begins so is filtered inside
/// `and=(…)`.
pub const RESERVED_MARK: char = '~';

/// Whether a parameter of this name has a meaning of its own.
fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with(RESERVED_MARK)
}

/// A question about one table's rows.
///
/// Anything that is built by hand and printed must keep to what the grammar can say: no
/// empty group, no empty `search`, no empty `select`, `in` with a value. [`Query::parse`]
/// gives nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// What rows must match: all of these.
    pub filter: Vec<Filter>,
    /// Words that must all occur, in any case, in some text column.
    pub search: Option<String>,
    /// The order, the most significant column first. The key follows it unsaid, so that the
    /// order is total.
    pub order: Vec<OrderBy>,
    /// How many rows at most.
    pub limit: u32,
    /// How many rows of the order come before the first.
    pub offset: u64,
    /// What to show, in this order; `None` is all columns of the table.
    pub select: Option<Vec<Selected>>,
    /// Figures over all rows that match, whatever the slice.
    pub aggregates: Vec<Aggregate>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            filter: Vec::new(),
            search: None,
            order: Vec::new(),
            limit: DEFAULT_LIMIT,
            offset: 0,
            select: None,
            aggregates: Vec::new(),
        }
    }
}

/// A condition on a row, in SQL's three-valued logic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// `and(…)`: all hold.
    And {
        /// Whether the whole is negated.
        negated: bool,
        /// At least one.
        of: Vec<Filter>,
    },
    /// `or(…)`: any holds.
    Or {
        /// Whether the whole is negated.
        negated: bool,
        /// At least one.
        of: Vec<Filter>,
    },
    /// A test of one column.
    Test(Test),
}

impl Filter {
    /// Every test in it, from left to right.
    pub fn tests(&self) -> Vec<&Test> {
        let mut found = Vec::new();
        let mut left = vec![self];
        while let Some(filter) = left.pop() {
            match filter {
                Self::Test(test) => found.push(test),
                Self::And { of, .. } | Self::Or { of, .. } => left.extend(of.iter().rev()),
            }
        }
        found
    }
}

/// A test of one column: `column=not.operator.value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Test {
    /// The column's name; of an embedded one, [`Embed::column`].
    pub column: String,
    /// Whether it is negated: SQL's `NOT`, so NULL stays unknown.
    pub negated: bool,
    /// The comparison, with the literal as it was written.
    pub operator: Operator,
}

/// What a column is compared with. A literal is text that PostgreSQL's input function of the
/// column's type reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `eq`: `=`
    Eq(String),
    /// `neq`: `<>`
    Neq(String),
    /// `gt`: `>`
    Gt(String),
    /// `gte`: `>=`
    Gte(String),
    /// `lt`: `<`
    Lt(String),
    /// `lte`: `<=`
    Lte(String),
    /// `like`: `LIKE`, `*` standing for `%` ([`like_pattern`]).
    Like(String),
    /// `ilike`: `ILIKE`, likewise.
    Ilike(String),
    /// `in`: equal to any of these.
    In(Vec<String>),
    /// `is`: `IS`, which NULL doesn't make unknown.
    Is(Is),
}

impl Operator {
    /// Its word in the grammar.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Eq(_) => "eq",
            Self::Neq(_) => "neq",
            Self::Gt(_) => "gt",
            Self::Gte(_) => "gte",
            Self::Lt(_) => "lt",
            Self::Lte(_) => "lte",
            Self::Like(_) => "like",
            Self::Ilike(_) => "ilike",
            Self::In(_) => "in",
            Self::Is(_) => "is",
        }
    }
}

/// What `is` compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Is {
    /// `is.null`
    Null,
    /// `is.true`
    True,
    /// `is.false`
    False,
}

impl Is {
    /// Its word in the grammar.
    pub fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::True => "true",
            Self::False => "false",
        }
    }
}

/// One column of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderBy {
    /// The column's name; of an embedded one, [`Embed::column`].
    pub column: String,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether NULLs come first; where unsaid they do as PostgreSQL has it, exactly when
    /// descending.
    pub nulls_first: bool,
}

/// A part of a query as an error names it: quoted, and cut where it is long.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}
