//! Conditions of random queries.
//!
//! A new kind of condition is a variant of [`Condition`] or [`Op`] with a line in `group`, `sql`
//! and `columns`.

use std::collections::BTreeSet;

use super::{
    queries::quoted,
    random::Random,
    tables::{Column, Table, literal, quote},
};

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

/// Draws a condition.
pub fn condition(random: &mut Random, table: &Table, depth: u32) -> Condition {
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

impl Condition {
    /// As a parameter of its own: name and value. Not every condition can be one.
    pub fn parameter(&self, table: &Table) -> Option<(String, String)> {
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
    pub fn group(&self, table: &Table) -> String {
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

    pub fn sql(&self, table: &Table) -> String {
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
                    .filter(|(_, column)| column.kind.is_text && !column.is_related)
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

    pub fn moves(&self) -> bool {
        match self {
            Self::Group { parts, .. } => parts.iter().any(Self::moves),
            Self::Test { op, .. } => matches!(op, Op::Moving(..)),
            Self::Search(_) => false,
        }
    }

    pub fn columns(&self, columns: &mut BTreeSet<usize>) {
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
