//! Random tables.

use super::random::Random;

/// Types and collations that the tables use.
pub const PRELUDE: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'Ok'); \
    CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
    CREATE DOMAIN positive AS int4 CHECK (VALUE >= 0); \
    CREATE TYPE pair AS (a int4, b text); \
    CREATE EXTENSION citext";

#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Positions of the key's columns.
    pub key: Vec<usize>,
    partitioned: bool,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: &'static Kind,
}

/// A type, with values of it as SQL text (unquoted) and what can be done with it.
#[derive(Debug)]
pub struct Kind {
    pub sql: &'static str,
    /// For casts of literals.
    pub cast: &'static str,
    pub values: &'static [&'static str],
    pub is_text: bool,
    pub has_like: bool,
    pub has_order: bool,
    pub has_equality: bool,
}

const fn kind(sql: &'static str, values: &'static [&'static str]) -> Kind {
    Kind {
        sql,
        cast: sql,
        values,
        is_text: false,
        has_like: false,
        has_order: true,
        has_equality: true,
    }
}

const fn text(sql: &'static str, cast: &'static str, values: &'static [&'static str]) -> Kind {
    Kind {
        cast,
        is_text: true,
        has_like: true,
        ..kind(sql, values)
    }
}

const WORDS: &[&str] = &[
    "",
    "a",
    "A",
    "b",
    "ab",
    "Ab",
    "aB",
    "äb",
    "Äb",
    "zz",
    "Zz",
    "a b",
    "50%",
    "a_b",
    "back\\slash",
    "quo\"te",
    "it's",
    "(paren)",
    "com,ma",
    "null",
    "ß",
    "ss",
    "日本",
    "x.y",
    "*",
];

pub static KINDS: &[Kind] = &[
    kind("int4", &["0", "1", "2", "3", "-1", "2147483647"]),
    kind("int8", &["0", "1", "9007199254740993", "-5", "7"]),
    kind("int2", &["0", "1", "2", "-3", "32767"]),
    kind("positive", &["0", "1", "2", "3"]),
    kind(
        "numeric",
        &[
            "0",
            "1",
            "1.0",
            "1.50",
            "-2.25",
            "NaN",
            "123456789012345678901234567890.5",
            "1e-9",
        ],
    ),
    kind("numeric(8,2)", &["0", "1.00", "1.5", "-2.25", "99999.99"]),
    kind(
        "float8",
        &[
            "0",
            "-0",
            "1",
            "1.5",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e20",
            "1e-7",
            "0.1",
        ],
    ),
    kind("float4", &["0", "1", "1.1", "NaN", "1e10"]),
    kind("bool", &["true", "false"]),
    text("text", "text", WORDS),
    text("text COLLATE \"C\"", "text", WORDS),
    text("text COLLATE \"en-x-icu\"", "text", WORDS),
    Kind {
        has_like: false,
        ..text("text COLLATE any_case", "text", WORDS)
    },
    text("varchar(12)", "varchar", WORDS),
    text("char(5)", "bpchar", &["", "a", "A", "ab", "b", "a b", "zz"]),
    text(
        "citext",
        "citext",
        &["a", "A", "b", "B", "ab", "AB", "äb", "Äb"],
    ),
    kind(
        "date",
        &[
            "2024-02-29",
            "1999-12-31",
            "infinity",
            "0044-03-15 BC",
            "2024-03-01",
        ],
    ),
    kind("time", &["00:00:00", "12:34:56.789", "23:59:59.999999"]),
    kind(
        "timestamp",
        &[
            "2024-01-01 00:00:00",
            "2024-01-01 00:00:00.5",
            "-infinity",
            "1969-07-20 20:17:40",
        ],
    ),
    kind(
        "timestamptz",
        &[
            "2024-01-01 00:00:00+00",
            "2024-01-01 00:00:00+02",
            "infinity",
            "1969-07-20 20:17:40.000001+00",
        ],
    ),
    kind(
        "interval",
        &[
            "1 day",
            "24:00:00",
            "1 mon",
            "30 days",
            "-1 day",
            "1 year 2 mons 3 days 04:05:06.7",
        ],
    ),
    kind(
        "uuid",
        &[
            "00000000-0000-0000-0000-000000000001",
            "ffffffff-ffff-4fff-8fff-ffffffffffff",
            "7d444840-9dc0-11d1-b245-5ffdce74fad2",
        ],
    ),
    kind("mood", &["sad", "ok", "happy", "Ok"]),
    kind("bytea", &["\\x", "\\x00ff", "\\x61", "\\x6162"]),
    kind(
        "jsonb",
        &[
            "1",
            "\"a\"",
            "{\"b\": 1, \"a\": [true, null]}",
            "[]",
            "null",
            "1.50",
        ],
    ),
    Kind {
        has_order: false,
        has_equality: false,
        ..kind(
            "json",
            &["1", "{\"b\":1,\"a\":2, \"b\":3}", "[1, 2]", "\"x\"", "1e2"],
        )
    },
    kind("inet", &["10.0.0.1", "10.0.0.0/8", "::1", "192.168.1.1"]),
    kind(
        "int4[]",
        &["{}", "{1}", "{1,2}", "{NULL,3}", "{{1,2},{3,4}}"],
    ),
    kind("int4range", &["[1,5)", "empty", "[3,)", "(,2)"]),
    Kind {
        cast: "pair",
        ..kind("pair", &["(1,a)", "(2,)", "(,b)"])
    },
];

impl Table {
    pub fn generate(random: &mut Random, nth: u64) -> Self {
        let mut columns = Vec::new();
        let key = match random.below(4) {
            0 => {
                columns.push(column("part", "text"));
                columns.push(column("nr", "int4"));
                vec![0, 1]
            }
            1 => {
                columns.push(column("id", "int8"));
                vec![0]
            }
            _ => {
                columns.push(column("id", "int4"));
                vec![0]
            }
        };
        for nth in 0..1 + random.below(6) {
            let kind = random.pick(KINDS);
            // Names that need quoting now and then, and ones that are words of the grammar.
            let name = match random.below(8) {
                0 => format!("Column {nth}"),
                1 => format!("we\"ird.{nth}"),
                2 if nth == 0 => "order".to_owned(),
                3 if nth == 1 => "select".to_owned(),
                _ => format!("c{nth}"),
            };
            columns.push(Column { name, kind });
        }
        Self {
            name: format!("t{nth}"),
            columns,
            key,
            partitioned: random.chance(15),
        }
    }

    pub fn create_sql(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{} {}", quote(&column.name), column.kind.sql))
            .collect();
        let key: Vec<String> = self
            .key
            .iter()
            .map(|&at| quote(&self.columns[at].name))
            .collect();
        let mut sql = format!(
            "CREATE TABLE {} ({}, PRIMARY KEY ({}))",
            self.name,
            columns.join(", "),
            key.join(", ")
        );
        if self.partitioned {
            let by = &key[key.len() - 1];
            sql += &format!(
                " PARTITION BY RANGE ({by}); \
                 CREATE TABLE {0}_low PARTITION OF {0} FOR VALUES FROM (MINVALUE) TO (30); \
                 CREATE TABLE {0}_high PARTITION OF {0} FOR VALUES FROM (30) TO (MAXVALUE)",
                self.name
            );
        }
        sql
    }
}

fn column(name: &str, sql: &str) -> Column {
    let kind = KINDS
        .iter()
        .find(|kind| kind.sql == sql)
        .expect("a kind of that type");
    Column {
        name: name.to_owned(),
        kind,
    }
}

pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub fn literal(value: &str, cast: &str) -> String {
    format!(
        "E'{}'::{cast}",
        value.replace('\\', "\\\\").replace('\'', "''")
    )
}
