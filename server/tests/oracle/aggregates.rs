//! Aggregates, each in the grammar and in SQL.

use super::{
    random::Random,
    tables::{Column, Table, quote},
};

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    pub function: &'static str,
    /// Its position.
    pub column: usize,
}

/// Some of what PostgreSQL computes of the table's columns.
pub fn generate(random: &mut Random, table: &Table) -> Vec<Aggregate> {
    let mut aggregates: Vec<Aggregate> = Vec::new();
    for _ in 0..1 + random.below(4) {
        let column = random.below(table.columns.len() as u64) as usize;
        let aggregate = Aggregate {
            function: random.pick::<&str>(&functions(&table.columns[column])),
            column,
        };
        if !aggregates.contains(&aggregate) {
            aggregates.push(aggregate);
        }
    }
    aggregates
}

fn functions(column: &Column) -> Vec<&'static str> {
    let sql = column.kind.sql;
    let mut functions = vec!["count"];
    if column.kind.has_equality {
        functions.extend(["distinct", "count_by"]);
    }
    // A float's sum depends on the order in which PostgreSQL meets the rows.
    let is_summed = matches!(sql, "int2" | "int4" | "int8" | "positive" | "interval")
        || sql.starts_with("numeric");
    if is_summed {
        functions.extend(["sum", "avg"]);
    }
    let lacks_extremes = ["bool", "uuid", "bytea", "jsonb", "int4range", "pair"];
    if column.kind.has_order && !lacks_extremes.contains(&sql) {
        functions.extend(["min", "max"]);
    }
    functions
}

impl Aggregate {
    /// In the grammar, the name in quotes.
    pub fn word(&self, quoted: &str) -> String {
        format!("{}({quoted})", self.function)
    }

    /// An expression for its value's JSON, over the rows that `FROM {rows}` gives.
    pub fn sql(&self, table: &Table, rows: &str) -> String {
        let column = &table.columns[self.column];
        let values = format!("(SELECT {} AS v FROM {rows}) AS given", quote(&column.name));
        let function = self.function;
        match function {
            "distinct" => format!("(SELECT count(DISTINCT v)::text FROM {values})"),
            // Of values that are equal and written differently, the first.
            "min" | "max" => format!(
                "(SELECT to_jsonb(v)::text FROM {values} WHERE v IS NOT NULL \
                  ORDER BY v {}, to_jsonb(v)::text COLLATE \"C\" LIMIT 1)",
                if function == "min" { "ASC" } else { "DESC" }
            ),
            "count_by" => format!(
                "(SELECT CASE WHEN number <= 1000 AND octet_length(all_of_them::text) <= 65536 \
                              THEN all_of_them::text END \
                    FROM (SELECT coalesce(jsonb_agg(jsonb_build_array(shown, number) \
                                      ORDER BY v IS NULL, {}), '[]') AS all_of_them, \
                                 count(*) AS number \
                            FROM (SELECT v, min(to_jsonb(v)::text COLLATE \"C\")::jsonb AS shown, \
                                         min(coalesce(to_jsonb(v) #>> '{{}}', 'null') \
                                             COLLATE \"C\") AS text, \
                                         count(*) AS number \
                                    FROM {values} GROUP BY v) AS groups) AS whole)",
                group_order(column)
            ),
            _ => format!("(SELECT to_jsonb({function}(v))::text FROM {values})"),
        }
    }
}

/// The order of a column's groups: by their values, text by its bytes; by their text where
/// only PostgreSQL tells which are equal.
fn group_order(column: &Column) -> &'static str {
    match column.kind.sql {
        sql if sql.contains("any_case") => "text",
        "citext" | "interval" | "jsonb" | "inet" | "int4[]" | "int4range" | "pair" => "text",
        _ if column.kind.is_text => "v COLLATE \"C\"",
        _ => "v",
    }
}
