//! Random queries, each in the grammar and in SQL.

use super::{
    random::Random,
    tables::{Column, Table, literal, quote},
};

#[derive(Clone, Debug)]
pub struct Query {
    /// In the grammar, percent-encoded.
    pub text: String,
    condition: String,
    order: String,
    limit: u64,
    offset: u64,
    select: Option<Vec<String>>,
}

/// A condition: inside a group of the grammar, and in SQL.
struct Condition {
    /// For a parameter of its own: name and value.
    parameter: Option<(String, String)>,
    group: String,
    sql: String,
}

pub fn generate(random: &mut Random, table: &Table) -> Query {
    let mut parameters = Vec::new();
    let mut conditions = vec!["TRUE".to_owned()];
    for _ in 0..random.below(4) {
        let condition = condition(random, table, 0);
        match condition.parameter {
            Some((name, value)) if random.chance(80) => {
                parameters.push(format!("{}={}", encode(&name), encode(&value)));
            }
            _ => parameters.push(format!("and={}", encode(&format!("({})", condition.group)))),
        }
        conditions.push(condition.sql);
    }
    if random.chance(10) {
        let word = *random.pick(&["a", "B", "zz", "%", "_", "ä", "\\"]);
        parameters.push(format!("q={}", encode(word)));
        let pattern = word
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        let tests: Vec<String> = table
            .columns
            .iter()
            .filter(|column| column.kind.is_text)
            .map(|column| {
                format!(
                    "({}::text COLLATE \"default\" ILIKE {})",
                    quote(&column.name),
                    literal(&format!("%{pattern}%"), "text")
                )
            })
            .collect();
        conditions.push(match tests.is_empty() {
            true => "FALSE".to_owned(),
            false => format!("({})", tests.join(" OR ")),
        });
    }

    let mut keys: Vec<(usize, bool, bool)> = Vec::new();
    for _ in 0..random.below(3) {
        let at = random.below(table.columns.len() as u64) as usize;
        if table.columns[at].kind.has_order && keys.iter().all(|(known, ..)| *known != at) {
            let descending = random.chance(50);
            let nulls_first = match random.below(3) {
                0 => !descending,
                _ => descending,
            };
            keys.push((at, descending, nulls_first));
        }
    }
    if !keys.is_empty() {
        let words: Vec<String> = keys
            .iter()
            .map(|(at, descending, nulls_first)| {
                let mut word = name(&table.columns[*at]);
                word += if *descending { ".desc" } else { "" };
                if nulls_first != descending {
                    word += if *nulls_first {
                        ".nullsfirst"
                    } else {
                        ".nullslast"
                    };
                }
                word
            })
            .collect();
        parameters.push(format!("order={}", encode(&words.join(","))));
    }
    for &at in &table.key {
        if keys.iter().all(|(known, ..)| *known != at) {
            keys.push((at, false, false));
        }
    }
    let order: Vec<String> = keys
        .iter()
        .map(|(at, descending, nulls_first)| {
            format!(
                "{} {} NULLS {}",
                quote(&table.columns[*at].name),
                if *descending { "DESC" } else { "ASC" },
                if *nulls_first { "FIRST" } else { "LAST" },
            )
        })
        .collect();

    let limit = *random.pick(&[0, 1, 3, 10, 50, 50, 200]);
    let offset = *random.pick(&[0, 0, 0, 2, 7, 30]);
    parameters.push(format!("limit={limit}"));
    if offset > 0 {
        parameters.push(format!("offset={offset}"));
    }
    let select = random.chance(25).then(|| {
        let chosen: Vec<String> = table
            .columns
            .iter()
            .filter(|_| random.chance(50))
            .map(|column| column.name.clone())
            .collect();
        match chosen.is_empty() {
            true => vec![table.columns[0].name.clone()],
            false => chosen,
        }
    });
    if let Some(select) = &select {
        let names: Vec<String> = select.iter().map(|name| quoted(name)).collect();
        parameters.push(format!("select={}", encode(&names.join(","))));
    }
    Query {
        text: parameters.join("&"),
        condition: conditions.join(" AND "),
        order: order.join(", "),
        limit,
        offset,
        select,
    }
}

impl Query {
    pub fn rows_sql(&self, table: &Table, columns: &[String]) -> String {
        let key = table.key.iter().map(|&at| &table.columns[at].name);
        let cells: Vec<String> = key
            .chain(self.select.as_deref().unwrap_or(columns))
            .map(|name| format!("to_jsonb({})::text", quote(name)))
            .collect();
        format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {} OFFSET {}",
            cells.join(", "),
            table.name,
            self.condition,
            self.order,
            self.limit,
            self.offset
        )
    }

    pub fn total_sql(&self, table: &Table) -> String {
        format!(
            "SELECT count(*) FROM {} WHERE {}",
            table.name, self.condition
        )
    }
}

fn condition(random: &mut Random, table: &Table, depth: u32) -> Condition {
    if depth < 3 && random.chance(20) {
        let word = *random.pick(&["and", "or"]);
        let negated = random.chance(30);
        let parts: Vec<Condition> = (0..1 + random.below(3))
            .map(|_| condition(random, table, depth + 1))
            .collect();
        let groups: Vec<&str> = parts.iter().map(|part| &*part.group).collect();
        let sqls: Vec<String> = parts.iter().map(|part| format!("({})", part.sql)).collect();
        let (not, sql_not) = if negated { ("not.", "NOT ") } else { ("", "") };
        return Condition {
            parameter: None,
            group: format!("{not}{word}({})", groups.join(",")),
            sql: format!("{sql_not}({})", sqls.join(&format!(" {word} "))),
        };
    }
    let column = random.pick(&table.columns);
    test(random, column)
}

fn test(random: &mut Random, column: &Column) -> Condition {
    let kind = column.kind;
    let sql_name = quote(&column.name);
    let value = *random.pick(kind.values);
    let negated = random.chance(20);
    let (operator, group_value, top_value, sql) = match random.below(10) {
        0 | 1 => (
            "is",
            "null".to_owned(),
            "null".to_owned(),
            format!("{sql_name} IS NULL"),
        ),
        2 if kind.sql == "bool" => (
            "is",
            "true".to_owned(),
            "true".to_owned(),
            format!("{sql_name} IS TRUE"),
        ),
        3 | 4 if kind.has_like => {
            let word = *random.pick(&["like", "ilike"]);
            let pattern = *random.pick(&["*", "a*", "*b", "*a*", "A_", "*%*", "ab", "*\\_*", "ä*"]);
            let sql_pattern = literal(
                &pattern.replace('*', "%"),
                if kind.cast == "citext" {
                    "citext"
                } else {
                    "text"
                },
            );
            (
                word,
                quoted(pattern),
                pattern.to_owned(),
                format!("{sql_name} {word} {sql_pattern}"),
            )
        }
        5 if kind.has_equality => {
            let values: Vec<&str> = (0..random.below(4))
                .map(|_| *random.pick(kind.values))
                .collect();
            let list: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            let list = format!("({})", list.join(","));
            let sql: Vec<String> = values
                .iter()
                .map(|value| literal(value, kind.cast))
                .collect();
            let sql = match sql.is_empty() {
                true => "FALSE".to_owned(),
                false => format!("{sql_name} IN ({})", sql.join(", ")),
            };
            ("in", list.clone(), list, sql)
        }
        6 | 7 if kind.has_order => {
            let (word, sign) =
                *random.pick(&[("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")]);
            (
                word,
                quoted(value),
                value.to_owned(),
                format!("{sql_name} {sign} {}", literal(value, kind.cast)),
            )
        }
        _ if kind.has_equality => {
            let (word, sign) = *random.pick(&[("eq", "="), ("eq", "="), ("neq", "<>")]);
            (
                word,
                quoted(value),
                value.to_owned(),
                format!("{sql_name} {sign} {}", literal(value, kind.cast)),
            )
        }
        _ => (
            "is",
            "null".to_owned(),
            "null".to_owned(),
            format!("{sql_name} IS NULL"),
        ),
    };
    let not = if negated { "not." } else { "" };
    let is_reserved = matches!(
        column.name.as_str(),
        "order" | "select" | "limit" | "offset" | "q"
    );
    Condition {
        parameter: (!is_reserved)
            .then(|| (column.name.clone(), format!("{not}{operator}.{top_value}"))),
        group: format!("{}.{not}{operator}.{group_value}", name(column)),
        sql: if negated { format!("NOT ({sql})") } else { sql },
    }
}

/// A column's name where dots, commas and parentheses mean something.
fn name(column: &Column) -> String {
    quoted(&column.name)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub fn encode(text: &str) -> String {
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
            | b',' => {
                out.push(byte as char);
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
