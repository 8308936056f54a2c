//! Random queries, each in the grammar and in SQL.
//!
//! A query is data, so that a run that failed can be made smaller. A new kind of condition is
//! a variant of [`Condition`] or [`Op`] with a line in `group`, `sql` and `columns`; what
//! changes where rows come from or what they have is in `source` and `cells`; what is beside
//! the rows, such as the total, is in `beside`. [`generate`] draws from all of them.

use std::collections::BTreeSet;

use super::{
    aggregates::{self, Aggregate},
    random::Random,
    tables::{Column, Table, literal, quote},
};

#[derive(Clone, Debug)]
pub struct Query {
    /// Which of the run's tables.
    pub table: usize,
    /// Whether it is asked of the table's view.
    pub is_of_view: bool,
    /// With whether each is a parameter of its own where it can be.
    pub conditions: Vec<(Condition, bool)>,
    pub order: Vec<SortKey>,
    pub limit: u64,
    pub offset: u64,
    /// Positions of columns; all if it is not said.
    pub select: Option<Vec<usize>>,
    pub aggregates: Vec<Aggregate>,
}

#[derive(Clone, Debug)]
pub enum Condition {
    Group {
        word: &'static str,
        is_negated: bool,
        parts: Vec<Condition>,
    },
    Test {
        column: usize,
        is_negated: bool,
        op: Op,
    },
    /// `q=`: not inside groups.
    Search(&'static str),
}

#[derive(Clone, Debug)]
pub enum Op {
    IsNull,
    IsTrue,
    Like(&'static str, &'static str),
    In(Vec<String>),
    /// The grammar's word, SQL's sign.
    Compare(&'static str, &'static str, String),
    /// The same with a time that moves.
    Moving(&'static str, &'static str, &'static str),
}

#[derive(Clone, Debug)]
pub struct SortKey {
    pub column: usize,
    pub is_descending: bool,
    pub nulls_first: bool,
}

pub fn generate(random: &mut Random, tables: &[Table]) -> Query {
    let at = random.below(tables.len() as u64) as usize;
    let table = &tables[at];
    let mut conditions: Vec<(Condition, bool)> = (0..random.below(4))
        .map(|_| (condition(random, table, 0), random.chance(80)))
        .collect();
    if random.chance(10) {
        let word = *random.pick(&["a", "B", "zz", "%", "_", "ä", "\\"]);
        conditions.push((Condition::Search(word), true));
    }
    let mut order: Vec<SortKey> = Vec::new();
    for _ in 0..random.below(3) {
        let column = random.below(table.columns.len() as u64) as usize;
        if table.columns[column].kind.has_order && order.iter().all(|key| key.column != column) {
            let is_descending = random.chance(50);
            let nulls_first = match random.below(3) {
                0 => !is_descending,
                _ => is_descending,
            };
            order.push(SortKey {
                column,
                is_descending,
                nulls_first,
            });
        }
    }
    let select = random.chance(25).then(|| {
        let chosen: Vec<usize> = (0..table.columns.len())
            .filter(|_| random.chance(50))
            .collect();
        if chosen.is_empty() { vec![0] } else { chosen }
    });
    Query {
        table: at,
        is_of_view: table.has_view && random.chance(40),
        conditions,
        order,
        limit: *random.pick(&[0, 1, 3, 10, 50, 50, 200]),
        offset: *random.pick(&[0, 0, 0, 2, 7, 30]),
        select,
        aggregates: if random.chance(25) {
            aggregates::generate(random, table)
        } else {
            Vec::new()
        },
    }
}

fn condition(random: &mut Random, table: &Table, depth: u32) -> Condition {
    if depth < 3 && random.chance(20) {
        return Condition::Group {
            word: random.pick::<&str>(&["and", "or"]),
            is_negated: random.chance(30),
            parts: (0..1 + random.below(3))
                .map(|_| condition(random, table, depth + 1))
                .collect(),
        };
    }
    let column = random.below(table.columns.len() as u64) as usize;
    Condition::Test {
        column,
        is_negated: random.chance(20),
        op: op(random, &table.columns[column]),
    }
}

const ORDERS: &[(&str, &str)] = &[("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")];

fn op(random: &mut Random, column: &Column) -> Op {
    let kind = column.kind;
    let value = (*random.pick(kind.values)).to_owned();
    if !kind.near.is_empty() && random.chance(50) {
        let (word, sign) = *random.pick(ORDERS);
        return Op::Moving(word, sign, random.pick::<&str>(kind.near));
    }
    match random.below(10) {
        0 | 1 => Op::IsNull,
        2 if kind.sql == "bool" => Op::IsTrue,
        3 | 4 if kind.has_like => Op::Like(
            random.pick::<&str>(&["like", "ilike"]),
            random.pick::<&str>(&["*", "a*", "*b", "*a*", "A_", "*%*", "ab", "*\\_*", "ä*"]),
        ),
        5 if kind.has_equality => Op::In(
            (0..random.below(4))
                .map(|_| (*random.pick(kind.values)).to_owned())
                .collect(),
        ),
        6 | 7 if kind.has_order => {
            let (word, sign) = *random.pick(ORDERS);
            Op::Compare(word, sign, value)
        }
        _ if kind.has_equality => {
            let (word, sign) = *random.pick(&[("eq", "="), ("eq", "="), ("neq", "<>")]);
            Op::Compare(word, sign, value)
        }
        _ => Op::IsNull,
    }
}

impl Query {
    /// In the grammar, percent-encoded.
    pub fn text(&self, table: &Table) -> String {
        let mut parameters: Vec<String> = self
            .conditions
            .iter()
            .map(|(condition, alone)| match condition.parameter(table) {
                Some((name, value)) if *alone => format!("{}={}", encode(&name), encode(&value)),
                _ => format!("and={}", encode(&format!("({})", condition.group(table)))),
            })
            .collect();
        if !self.order.is_empty() {
            let words: Vec<String> = self.order.iter().map(|key| key.word(table)).collect();
            parameters.push(format!("order={}", encode(&words.join(","))));
        }
        parameters.push(format!("limit={}", self.limit));
        if self.offset > 0 {
            parameters.push(format!("offset={}", self.offset));
        }
        if let Some(select) = &self.select {
            let names: Vec<String> = select
                .iter()
                .map(|&at| quoted(&table.columns[at].name))
                .collect();
            parameters.push(format!("select={}", encode(&names.join(","))));
        }
        if !self.aggregates.is_empty() {
            let words = self.aggregates.iter();
            let words: Vec<String> = words
                .map(|of| of.word(&quoted(&table.columns[of.column].name)))
                .collect();
            parameters.push(format!("aggregate={}", encode(&words.join(","))));
        }
        parameters.join("&")
    }

    /// What the query's `limit` and `offset` rows are, in order: a key's and a row's cells as
    /// JSON text in one array, and the place. `columns` are the table's, by name; `image` is
    /// an expression for all of a row, in whose order a view's rows are that are equal otherwise.
    pub fn rows_sql(&self, table: &Table, columns: &[String], image: &str) -> String {
        let order = self.order_sql(table, image);
        format!(
            "SELECT row_number() OVER (ORDER BY {order}) AS place, ARRAY[{}]::text[] AS cells \
             FROM {} WHERE {} ORDER BY {order} LIMIT {} OFFSET {}",
            self.cells(table, columns).join(", "),
            self.source(table),
            self.condition_sql(table),
            self.limit,
            self.offset
        )
    }

    /// What a list has beside its rows: the total and the aggregates.
    pub fn beside_sql(&self, table: &Table) -> String {
        let rows = format!("{} WHERE {}", self.source(table), self.condition_sql(table));
        let aggregates = self.aggregates.iter();
        let aggregates: String = aggregates
            .map(|of| format!(", {}", of.sql(table, &rows)))
            .collect();
        format!("SELECT 0::int8 AS place, ARRAY[count(*)::text{aggregates}] AS cells FROM {rows}")
    }

    /// Positions of the columns that it names.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut columns: BTreeSet<usize> = self.order.iter().map(|key| key.column).collect();
        columns.extend(self.select.iter().flatten());
        columns.extend(self.aggregates.iter().map(|of| of.column));
        for (condition, _) in &self.conditions {
            condition.columns(&mut columns);
        }
        columns
    }

    /// The relation that it is asked of.
    pub fn source(&self, table: &Table) -> String {
        match self.is_of_view {
            true => table.view(),
            false => table.name.clone(),
        }
    }

    /// Positions of its key's columns. A view has none; its rows' names are the server's to
    /// make.
    pub fn key<'a>(&self, table: &'a Table) -> &'a [usize] {
        match self.is_of_view {
            true => &[],
            false => &table.key,
        }
    }

    /// Whether its rows depend on the time.
    pub fn moves(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|(condition, _)| condition.moves())
    }

    fn cells(&self, table: &Table, columns: &[String]) -> Vec<String> {
        let cell = |name: &String| format!("to_jsonb({})::text", quote(name));
        let key = self
            .key(table)
            .iter()
            .map(|&at| cell(&table.columns[at].name));
        match &self.select {
            Some(select) => key
                .chain(select.iter().map(|&at| cell(&table.columns[at].name)))
                .collect(),
            None => key.chain(columns.iter().map(cell)).collect(),
        }
    }

    fn condition_sql(&self, table: &Table) -> String {
        let parts: Vec<String> = self
            .conditions
            .iter()
            .map(|(condition, _)| condition.sql(table))
            .collect();
        match parts.is_empty() {
            true => "TRUE".to_owned(),
            false => parts.join(" AND "),
        }
    }

    fn order_sql(&self, table: &Table, image: &str) -> String {
        let mut parts: Vec<String> = self.order.iter().map(|key| key.sql(table)).collect();
        if self.is_of_view {
            parts.push(image.to_owned());
        }
        for &column in self.key(table) {
            if self.order.iter().all(|key| key.column != column) {
                let key = SortKey {
                    column,
                    is_descending: false,
                    nulls_first: false,
                };
                parts.push(key.sql(table));
            }
        }
        parts.join(", ")
    }
}

impl SortKey {
    fn word(&self, table: &Table) -> String {
        let mut word = quoted(&table.columns[self.column].name);
        word += if self.is_descending { ".desc" } else { "" };
        if self.nulls_first != self.is_descending {
            word += if self.nulls_first {
                ".nullsfirst"
            } else {
                ".nullslast"
            };
        }
        word
    }

    fn sql(&self, table: &Table) -> String {
        format!(
            "{} {} NULLS {}",
            quote(&table.columns[self.column].name),
            if self.is_descending { "DESC" } else { "ASC" },
            if self.nulls_first { "FIRST" } else { "LAST" },
        )
    }
}

impl Condition {
    /// As a parameter of its own: name and value. Not every condition can be one.
    fn parameter(&self, table: &Table) -> Option<(String, String)> {
        match self {
            Self::Group { .. } => None,
            Self::Search(word) => Some(("q".to_owned(), (*word).to_owned())),
            Self::Test {
                column,
                is_negated,
                op,
            } => {
                let name = &table.columns[*column].name;
                let is_reserved = matches!(
                    name.as_str(),
                    "order" | "select" | "limit" | "offset" | "q" | "aggregate"
                );
                let not = if *is_negated { "not." } else { "" };
                (!is_reserved).then(|| (name.clone(), format!("{not}{}", op.word(str::to_owned))))
            }
        }
    }

    /// Inside a group.
    fn group(&self, table: &Table) -> String {
        match self {
            Self::Group {
                word,
                is_negated,
                parts,
            } => {
                let parts: Vec<String> = parts.iter().map(|part| part.group(table)).collect();
                let not = if *is_negated { "not." } else { "" };
                format!("{not}{word}({})", parts.join(","))
            }
            Self::Test {
                column,
                is_negated,
                op,
            } => {
                let not = if *is_negated { "not." } else { "" };
                let name = quoted(&table.columns[*column].name);
                format!("{name}.{not}{}", op.word(quoted))
            }
            Self::Search(_) => unreachable!("a search is a parameter of its own"),
        }
    }

    fn sql(&self, table: &Table) -> String {
        match self {
            Self::Group {
                word,
                is_negated,
                parts,
            } => {
                let parts: Vec<String> = parts
                    .iter()
                    .map(|part| format!("({})", part.sql(table)))
                    .collect();
                let not = if *is_negated { "NOT " } else { "" };
                format!("{not}({})", parts.join(&format!(" {word} ")))
            }
            Self::Test {
                column,
                is_negated,
                op,
            } => {
                let sql = op.sql(&table.columns[*column]);
                if *is_negated {
                    format!("NOT ({sql})")
                } else {
                    sql
                }
            }
            Self::Search(word) => {
                let pattern = word
                    .replace('\\', "\\\\")
                    .replace('%', "\\%")
                    .replace('_', "\\_");
                let tests: Vec<String> = table
                    .used()
                    .filter(|(_, column)| column.kind.is_text)
                    .map(|(_, column)| {
                        // Patterns can't be matched under a collation of equal texts.
                        let collation = match column.kind.sql.contains("any_case") {
                            true => " COLLATE \"default\"",
                            false => "",
                        };
                        format!(
                            "({}::text{collation} ILIKE {})",
                            quote(&column.name),
                            literal(&format!("%{pattern}%"), "text")
                        )
                    })
                    .collect();
                match tests.is_empty() {
                    true => "FALSE".to_owned(),
                    false => format!("({})", tests.join(" OR ")),
                }
            }
        }
    }

    fn moves(&self) -> bool {
        match self {
            Self::Group { parts, .. } => parts.iter().any(Self::moves),
            Self::Test { op, .. } => matches!(op, Op::Moving(..)),
            Self::Search(_) => false,
        }
    }

    fn columns(&self, columns: &mut BTreeSet<usize>) {
        match self {
            Self::Group { parts, .. } => parts.iter().for_each(|part| part.columns(columns)),
            Self::Test { column, .. } => {
                columns.insert(*column);
            }
            Self::Search(_) => {}
        }
    }
}

impl Op {
    /// Operator and value of the grammar; `quote` is how a value is written there.
    fn word(&self, quote: fn(&str) -> String) -> String {
        match self {
            Self::IsNull => "is.null".to_owned(),
            Self::IsTrue => "is.true".to_owned(),
            Self::Like(word, pattern) => format!("{word}.{}", quote(pattern)),
            Self::In(values) => {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                format!("in.({})", values.join(","))
            }
            Self::Compare(word, _, value) => format!("{word}.{}", quote(value)),
            Self::Moving(word, _, value) => format!("{word}.{value}"),
        }
    }

    fn sql(&self, column: &Column) -> String {
        let name = quote(&column.name);
        let cast = column.kind.cast;
        match self {
            Self::IsNull => format!("{name} IS NULL"),
            Self::IsTrue => format!("{name} IS TRUE"),
            Self::Like(word, pattern) => {
                let of = if cast == "citext" { "citext" } else { "text" };
                format!("{name} {word} {}", literal(&pattern.replace('*', "%"), of))
            }
            Self::In(values) if values.is_empty() => "FALSE".to_owned(),
            Self::In(values) => {
                let values: Vec<String> = values.iter().map(|value| literal(value, cast)).collect();
                format!("{name} IN ({})", values.join(", "))
            }
            Self::Compare(_, sign, value) => format!("{name} {sign} {}", literal(value, cast)),
            Self::Moving(_, sign, value) => format!("{name} {sign} {}", literal(value, cast)),
        }
    }
}

/// A name or value where dots, commas and parentheses mean something.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'.'
            | b'-'
            | b'_'
            | b'*'
            | b'('
            | b')'
            | b',' => out.push(byte as char),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
