//! A query whose every name and value is known to fit its table.

use std::{
    borrow::Cow,
    fmt::Write,
    hash::{Hash, Hasher},
    sync::Arc,
};

use rowcast_engine::{
    datum::Datum,
    moving::Moving,
    tally::{self, Basis},
};
use rustc_hash::FxHasher;

use super::moving::word;
use crate::database::catalog::{Join, TableMeta};

/// A query, bound to a table.
///
/// [`BoundQuery::order`] ends in the key's columns where the table has a key, so that it is
/// total; nothing follows them, for nothing after a key can decide. Without a key it is what
/// was asked, and [`order_sql`](super::sql::order_sql) makes it total.
#[derive(Clone, Debug)]
pub struct BoundQuery {
    /// The table, as it was when the query was bound, with the columns that the query embeds
    /// behind its own.
    pub table: Arc<TableMeta>,
    /// Which rows.
    pub filter: BoundFilter,
    /// In which order.
    pub order: Vec<BoundSort>,
    /// How many of them.
    pub limit: u32,
    /// After how many.
    pub offset: u64,
    /// Positions of the columns shown, in the order shown.
    pub select: Vec<usize>,
    /// Figures over all rows that match.
    pub aggregates: Vec<BoundAggregate>,
    /// Canonical text of table, filter, order and embeddings: the same text means the same
    /// rows in the same order. It does not tell limit, offset, select and aggregates.
    pub identity: Arc<str>,
}

/// An aggregate whose column is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundAggregate {
    /// As clients name it.
    pub name: String,
    /// What it is.
    pub of: tally::Aggregate,
}

/// A condition, in SQL's three-valued logic.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundFilter {
    /// All of these; true if there are none.
    And(Vec<BoundFilter>),
    /// Any of these; false if there are none.
    Or(Vec<BoundFilter>),
    /// Not this.
    Not(Box<BoundFilter>),
    /// A column compared.
    Test {
        /// Its position.
        column: usize,
        /// How, and with what.
        op: BoundOp,
    },
    /// This word occurs in some text column, in any case; false if there is no such column.
    Search(String),
}

/// A comparison of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundOp {
    /// `=`
    Eq(Literal),
    /// `<>`
    Neq(Literal),
    /// `>`
    Gt(Literal),
    /// `>=`
    Gte(Literal),
    /// `<`
    Lt(Literal),
    /// `<=`
    Lte(Literal),
    /// `= ANY`
    In(Vec<Literal>),
    /// `LIKE`, with SQL's wildcards `%` and `_` and `\` as the escape.
    Like(String),
    /// `ILIKE`, likewise.
    Ilike(String),
    /// A comparison with a time that moves.
    Moving(Moving),
    /// `IS NULL`
    IsNull,
    /// `IS TRUE`
    IsTrue,
    /// `IS FALSE`
    IsFalse,
}

/// A value of a column's type, as PostgreSQL understands it.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Its text, as the type's output writes it.
    pub text: String,
    /// Its value, as an image of the column holds it.
    pub datum: Datum,
}

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BoundSort {
    /// The column's position.
    pub column: usize,
    /// From the greatest down.
    pub descending: bool,
    /// NULLs before everything else.
    pub nulls_first: bool,
}

impl BoundQuery {
    /// The tables whose changes concern its lists, its own first.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableMeta>> {
        let (own, joins) = match &self.table.embedding {
            Some(embedding) => (&embedding.base, embedding.joins.as_slice()),
            None => (&self.table, [].as_slice()),
        };
        std::iter::once(own)
            .chain(joins.iter().map(|join| &join.table))
            .chain(&self.table.sources)
            .chain(joins.iter().flat_map(|join| &join.table.sources))
    }

    /// Whether a row's place in the order can be told by its values alone, so that reading
    /// can go on after it: there is a key, and every sorted type has a text form.
    pub fn has_keyset(&self) -> bool {
        self.table.has_key()
            && self
                .order
                .iter()
                .all(|sort| self.table.columns[sort.column].has_text_form())
    }

    /// The aggregates as the engine maintains them.
    pub fn tallied(&self) -> Vec<tally::Aggregate> {
        self.aggregates
            .iter()
            .map(|aggregate| aggregate.of)
            .collect()
    }

    /// The history of this query's list, within one of the database: cursors of two lists never
    /// pass for each other's, as long as one server runs.
    pub fn epoch(&self, of_database: u64) -> u64 {
        let mut hasher = FxHasher::default();
        let slice = (self.offset, self.limit);
        (&self.identity, slice, &self.select, self.tallied()).hash(&mut hasher);
        of_database ^ hasher.finish()
    }

    /// What the aggregates are kept from.
    pub fn bases(&self) -> Vec<Basis> {
        tally::bases(&self.tallied(), &self.table.schema.columns)
    }

    /// The values of `row` by which it is ordered.
    pub fn sort_values(&self, row: &[Datum]) -> Vec<Datum> {
        self.order
            .iter()
            .map(|sort| row[sort.column].clone())
            .collect()
    }
}

/// The canonical text of a table's rows under a filter and an order.
pub fn identity(table: &TableMeta, filter: &BoundFilter, order: &[BoundSort]) -> String {
    let mut text = format!("{}?{}&order=", table.oid, canonical(filter));
    for sort in order {
        let direction = if sort.descending { '-' } else { '+' };
        let nulls = if sort.nulls_first { 'f' } else { 'l' };
        // Writing to a string can't fail.
        let _ = write!(text, "{direction}{}{nulls}", sort.column);
    }
    for join in table.joins() {
        let Join {
            name,
            table,
            on,
            columns,
            ..
        } = join;
        let _ = write!(text, "&{name:?}={}{on:?}{columns:?}", table.oid);
    }
    // Two for whom the database may decide otherwise never share a list, nor does one with what
    // was theirs by other rules.
    for (oid, rules) in table.all_rules() {
        let _ = write!(
            text,
            "&{oid}@{:?}{:?}{}",
            rules.impersonation.role, rules.impersonation.claims, rules.fingerprint
        );
    }
    text
}

/// Text of a condition that does not depend on how its parts were ordered, nested or
/// repeated.
fn canonical(filter: &BoundFilter) -> String {
    match filter {
        BoundFilter::And(parts) => canonical_list("and", parts),
        BoundFilter::Or(parts) => canonical_list("or", parts),
        BoundFilter::Not(part) => match &**part {
            BoundFilter::Not(inner) => canonical(inner),
            part => format!("not({})", canonical(part)),
        },
        BoundFilter::Search(word) => format!("q({word:?})"),
        BoundFilter::Test { column, op } => {
            let (name, values): (&str, Vec<Cow<str>>) = match op {
                BoundOp::Eq(literal) => ("eq", vec![literal.text.as_str().into()]),
                BoundOp::Neq(literal) => ("neq", vec![literal.text.as_str().into()]),
                BoundOp::Gt(literal) => ("gt", vec![literal.text.as_str().into()]),
                BoundOp::Gte(literal) => ("gte", vec![literal.text.as_str().into()]),
                BoundOp::Lt(literal) => ("lt", vec![literal.text.as_str().into()]),
                BoundOp::Lte(literal) => ("lte", vec![literal.text.as_str().into()]),
                BoundOp::In(literals) => {
                    let texts = literals.iter().map(|literal| literal.text.as_str().into());
                    let mut texts: Vec<Cow<str>> = texts.collect();
                    texts.sort_unstable();
                    texts.dedup();
                    ("in", texts)
                }
                BoundOp::Like(pattern) => ("like", vec![pattern.into()]),
                BoundOp::Ilike(pattern) => ("ilike", vec![pattern.into()]),
                BoundOp::Moving(moving) => (
                    word(moving.comparison),
                    vec!["now".into(), format!("{:?}", moving.distance).into()],
                ),
                BoundOp::IsNull => ("null", vec![]),
                BoundOp::IsTrue => ("true", vec![]),
                BoundOp::IsFalse => ("false", vec![]),
            };
            format!("{column}.{name}{values:?}")
        }
    }
}

fn canonical_list(word: &str, parts: &[BoundFilter]) -> String {
    let mut texts = Vec::new();
    flatten(word, parts, &mut texts);
    texts.sort_unstable();
    texts.dedup();
    if let [only] = texts.as_slice() {
        return only.clone();
    }
    format!("{word}({})", texts.join(","))
}

fn flatten(word: &str, parts: &[BoundFilter], texts: &mut Vec<String>) {
    for part in parts {
        match part {
            BoundFilter::And(inner) if word == "and" => flatten(word, inner, texts),
            BoundFilter::Or(inner) if word == "or" => flatten(word, inner, texts),
            part => texts.push(canonical(part)),
        }
    }
}
