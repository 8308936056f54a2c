//! A bound query as SQL.
//!
//! Values are parameters, each bound as text and cast to the type it is for; names come out
//! of the catalog, quoted. Operators are written with their schema, so that nothing that
//! somebody put into a schema can stand in for one.

use rowcast_engine::{datum::Datum, schema::Collation};

use super::{
    bound::{BoundFilter, BoundOp, BoundQuery, BoundSort},
    moving::moving_sql,
};
use crate::database::catalog::{ColumnMeta, TableMeta};

/// The parameters of a statement, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<String>);

impl Params {
    /// Adds a parameter and gives the expression for it: `$7::text`.
    pub fn push(&mut self, text: impl Into<String>) -> String {
        self.0.push(text.into());
        format!("${}::text", self.0.len())
    }

    /// Adds a value of a column's type.
    pub fn push_value(&mut self, column: &ColumnMeta, text: impl Into<String>) -> String {
        format!("{}::{}", self.push(text), column.sql_type)
    }

    /// The texts, first `$1`, of which more may come.
    pub fn texts(&self) -> &[String] {
        &self.0
    }

    /// The texts, first `$1`.
    pub fn into_texts(self) -> Vec<String> {
        self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The image of a row: all of its columns, in table order.
pub fn image_sql(table: &TableMeta, alias: &str) -> String {
    format!(
        "pg_catalog.record_send(ROW({}))",
        images(table, alias).join(", ")
    )
}

/// What an image holds of each column.
pub fn images(table: &TableMeta, alias: &str) -> Vec<String> {
    let columns = table.columns.iter();
    columns.map(|column| column.image(alias)).collect()
}

/// The condition, without `WHERE`.
pub fn where_sql(
    table: &TableMeta,
    filter: &BoundFilter,
    alias: &str,
    params: &mut Params,
) -> String {
    match filter {
        BoundFilter::And(parts) => join(table, parts, alias, params, " AND ", "TRUE"),
        BoundFilter::Or(parts) => join(table, parts, alias, params, " OR ", "FALSE"),
        BoundFilter::Not(part) => format!("(NOT {})", where_sql(table, part, alias, params)),
        BoundFilter::Test { column, op } => test_sql(&table.columns[*column], op, alias, params),
        BoundFilter::Search(word) => search_sql(table, word, alias, params),
    }
}

/// The order, without `ORDER BY`. It is total: rows of a table without a key follow each
/// other by their images, which only equal rows share.
pub fn order_sql(query: &BoundQuery, alias: &str, reversed: bool) -> String {
    let mut keys: Vec<String> = query
        .order
        .iter()
        .map(|sort| {
            let value = query.table.columns[sort.column].value(alias);
            let direction = if sort.descending != reversed {
                "DESC"
            } else {
                "ASC"
            };
            let nulls = if sort.nulls_first != reversed {
                "FIRST"
            } else {
                "LAST"
            };
            format!("{value} {direction} NULLS {nulls}")
        })
        .collect();
    if !query.table.has_key() {
        keys.push(image_sql(&query.table, alias));
    }
    keys.join(", ")
}

/// Which side of a row in the order, and whether that row itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Rows after it.
    After,
    /// It, and rows after it.
    From,
    /// Rows before it.
    Before,
    /// Rows before it, and it.
    UpTo,
}

impl Side {
    /// Whether the rows lie towards the order's beginning.
    pub fn is_backward(self) -> bool {
        matches!(self, Self::Before | Self::UpTo)
    }

    fn includes_boundary(self) -> bool {
        matches!(self, Self::From | Self::UpTo)
    }
}

/// The condition that a row lies on one side of the row whose sort values are `boundary`.
/// `None` if a value has no text form, which [`BoundQuery::has_keyset`] tells beforehand.
///
/// Its first part follows from the rest and is there for the planner: it bounds the first
/// sorted column, so that an index on that column is entered in the right place.
pub fn side_sql(
    table: &TableMeta,
    order: &[BoundSort],
    boundary: &[Datum],
    side: Side,
    alias: &str,
    params: &mut Params,
) -> Option<String> {
    let mut keys = Vec::with_capacity(order.len());
    for (sort, datum) in order.iter().zip(boundary) {
        let column = &table.columns[sort.column];
        let value = match datum {
            Datum::Null => None,
            _ if !column.has_text_form() => return None,
            datum => Some(params.push_value(column, datum.to_sql_text()?)),
        };
        keys.push(SideKey {
            column,
            value,
            ascending: sort.descending == side.is_backward(),
            nulls_first: sort.nulls_first != side.is_backward(),
            alias,
        });
    }
    let mut condition = if side.includes_boundary() {
        "TRUE"
    } else {
        "FALSE"
    }
    .to_owned();
    for key in keys.iter().rev() {
        condition = format!("({} OR ({} AND {condition}))", key.beyond(), key.equal());
    }
    Some(match keys.first().and_then(SideKey::bound) {
        Some(bound) => format!("({bound} AND {condition})"),
        None => condition,
    })
}

/// One sorted column beside the boundary's value in it, seen in the direction of reading.
struct SideKey<'a> {
    column: &'a ColumnMeta,
    /// `None` is NULL.
    value: Option<String>,
    ascending: bool,
    nulls_first: bool,
    alias: &'a str,
}

impl SideKey<'_> {
    /// True for rows that come later by this column alone; never true where they don't.
    fn beyond(&self) -> String {
        let column = self.column.value(self.alias);
        match &self.value {
            None if self.nulls_first => format!("{column} IS NOT NULL"),
            None => "FALSE".to_owned(),
            Some(value) => {
                let operator = self.column.operator(if self.ascending { ">" } else { "<" });
                let later = format!("{column} {operator} {value}");
                if self.nulls_first || !self.column.nullable {
                    format!("({later})")
                } else {
                    format!("({later} OR {column} IS NULL)")
                }
            }
        }
    }

    fn equal(&self) -> String {
        let column = self.column.value(self.alias);
        match &self.value {
            None => format!("{column} IS NULL"),
            Some(value) => format!("({column} {} {value})", self.column.operator("=")),
        }
    }

    /// A range that holds everything from the boundary on, if one range does.
    fn bound(&self) -> Option<String> {
        let value = self.value.as_ref()?;
        if !self.nulls_first && self.column.nullable {
            return None;
        }
        let operator = self
            .column
            .operator(if self.ascending { ">=" } else { "<=" });
        Some(format!(
            "({} {operator} {value})",
            self.column.value(self.alias)
        ))
    }
}

fn join(
    table: &TableMeta,
    parts: &[BoundFilter],
    alias: &str,
    params: &mut Params,
    with: &str,
    empty: &str,
) -> String {
    if parts.is_empty() {
        return empty.to_owned();
    }
    let parts: Vec<String> = parts
        .iter()
        .map(|part| where_sql(table, part, alias, params))
        .collect();
    format!("({})", parts.join(with))
}

fn test_sql(column: &ColumnMeta, op: &BoundOp, alias: &str, params: &mut Params) -> String {
    let value = column.value(alias);
    let mut compare = |operator: &str, text: &str| {
        let operator = column.operator(operator);
        format!("({value} {operator} {})", params.push_value(column, text))
    };
    match op {
        BoundOp::Eq(literal) => compare("=", &literal.text),
        BoundOp::Neq(literal) => compare("<>", &literal.text),
        BoundOp::Gt(literal) => compare(">", &literal.text),
        BoundOp::Gte(literal) => compare(">=", &literal.text),
        BoundOp::Lt(literal) => compare("<", &literal.text),
        BoundOp::Lte(literal) => compare("<=", &literal.text),
        BoundOp::In(literals) if literals.is_empty() => "FALSE".to_owned(),
        // There are no arrays of arrays, so `= ANY` does not work for them.
        BoundOp::In(literals) if !column.has_text_form() => {
            let tests: Vec<String> = literals
                .iter()
                .map(|literal| compare("=", &literal.text))
                .collect();
            format!("({})", tests.join(" OR "))
        }
        BoundOp::In(literals) => {
            let values: Vec<String> = literals
                .iter()
                .map(|literal| params.push_value(column, literal.text.as_str()))
                .collect();
            let operator = column.operator("=");
            format!("({value} {operator} ANY (ARRAY[{}]))", values.join(", "))
        }
        BoundOp::Like(pattern) => pattern_sql(column, "~~", pattern, &value, params),
        BoundOp::Ilike(pattern) => pattern_sql(column, "~~*", pattern, &value, params),
        BoundOp::Moving(moving) => moving_sql(*moving, column, alias, params),
        BoundOp::IsNull => format!("({value} IS NULL)"),
        BoundOp::IsTrue => format!("({value} IS TRUE)"),
        BoundOp::IsFalse => format!("({value} IS FALSE)"),
    }
}

fn pattern_sql(
    column: &ColumnMeta,
    operator: &str,
    pattern: &str,
    value: &str,
    params: &mut Params,
) -> String {
    let pattern = if column.has_own_like() {
        params.push_value(column, pattern)
    } else {
        params.push(pattern)
    };
    format!("({value} {} {pattern})", column.operator(operator))
}

/// The pattern of a text that contains the word.
pub fn containing(word: &str) -> String {
    let mut pattern = String::with_capacity(word.len() + 2);
    pattern.push('%');
    for character in word.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn search_sql(table: &TableMeta, word: &str, alias: &str, params: &mut Params) -> String {
    let searched: Vec<&ColumnMeta> = table.searched().map(|at| &table.columns[at]).collect();
    if searched.is_empty() {
        return "FALSE".to_owned();
    }
    let pattern = params.push(containing(word));
    let tests: Vec<String> = searched
        .iter()
        .map(|column| {
            // A collation under which different texts are equal can't match patterns.
            let collation = match column.collation {
                Collation::Nondeterministic => " COLLATE pg_catalog.\"default\"",
                Collation::C | Collation::Deterministic | Collation::OwnCase => "",
            };
            format!(
                "{}::pg_catalog.text{collation} OPERATOR(pg_catalog.~~*) {pattern}",
                column.value(alias)
            )
        })
        .collect();
    format!("({})", tests.join(" OR "))
}
