//! Random tables.

use super::random::Random;

/// What the tables' types and collations need, each with the word that shows its use.
pub const PRELUDE: &[(&str, &str)] = &[
    (
        "mood",
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'Ok')",
    ),
    (
        "any_case",
        "CREATE COLLATION any_case \
         (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    ),
    (
        "positive",
        "CREATE DOMAIN positive AS int4 CHECK (VALUE >= 0)",
    ),
    ("pair", "CREATE TYPE pair AS (a int4, b text)"),
    ("citext", "CREATE EXTENSION citext"),
];

/// What queries call the row that a table's row refers to.
pub const RELATED: &str = "related";

#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Positions of the key's columns.
    pub key: Vec<usize>,
    pub is_partitioned: bool,
    /// Whether a trigger of the user's changes each row once more that is inserted.
    pub has_trigger: bool,
    /// Whether there is a view of all its columns, named after it.
    pub has_view: bool,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: &'static Kind,
    /// The table whose key it refers to, and what happens to it with that key.
    pub refers: Option<(String, &'static str)>,
    /// Whether it is of the row that the table's rows refer to: see [`Table::with_related`].
    pub is_related: bool,
    /// Whether a shrunk run does without it.
    pub is_left_out: bool,
}

/// A type, with values of it as SQL text (unquoted) and what can be done with it.
#[derive(Debug)]
pub struct Kind {
    pub sql: &'static str,
    /// For casts of literals.
    pub cast: &'static str,
    pub values: &'static [&'static str],
    /// Times near the present, which rows have beside those values: see [`literal`].
    pub near: &'static [&'static str],
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
        near: &[],
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

const NEAR: &[&str] = &[
    "now", "now-1s", "now-3s", "now+1s", "now+2s", "now+5s", "now-1h", "now+1h",
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
    Kind {
        near: &["now", "now-1d", "now+1d"],
        ..kind(
            "date",
            &[
                "2024-02-29",
                "1999-12-31",
                "infinity",
                "0044-03-15 BC",
                "2024-03-01",
            ],
        )
    },
    kind("time", &["00:00:00", "12:34:56.789", "23:59:59.999999"]),
    Kind {
        near: NEAR,
        ..kind(
            "timestamp",
            &[
                "2024-01-01 00:00:00",
                "2024-01-01 00:00:00.5",
                "-infinity",
                "1969-07-20 20:17:40",
            ],
        )
    },
    Kind {
        near: NEAR,
        ..kind(
            "timestamptz",
            &[
                "2024-01-01 00:00:00+00",
                "2024-01-01 00:00:00+02",
                "infinity",
                "1969-07-20 20:17:40.000001+00",
            ],
        )
    },
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
    /// The `nth` table of a run; it may refer to those before.
    pub fn generate(random: &mut Random, nth: usize, others: &[Self]) -> Self {
        let mut columns = Vec::new();
        let key = match random.below(4) {
            0 => {
                columns.push(Column::new("part", kind_of("text")));
                columns.push(Column::new("nr", kind_of("int4")));
                vec![0, 1]
            }
            1 => {
                columns.push(Column::new("id", kind_of("int8")));
                vec![0]
            }
            _ => {
                columns.push(Column::new("id", kind_of("int4")));
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
            columns.push(Column::new(&name, kind));
        }
        if let Some(other) = others.iter().find(|other| other.key.len() == 1)
            && random.chance(40)
        {
            let action = *random.pick(&["CASCADE", "SET NULL"]);
            columns.push(Column {
                refers: Some((other.name.clone(), action)),
                ..Column::new("owner", kind_of("int8"))
            });
        }
        Self {
            name: format!("t{nth}"),
            columns,
            key,
            is_partitioned: random.chance(15),
            has_trigger: random.chance(15),
            has_view: random.chance(40),
        }
    }

    /// The columns that the run uses, with their positions.
    pub fn used(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| !column.is_left_out)
    }

    /// The column that refers to another of the tables, and that one.
    pub fn referred<'a>(&'a self, tables: &'a [Self]) -> Option<(&'a Column, &'a Self)> {
        self.used().find_map(|(_, column)| {
            let (name, _) = column.refers.as_ref()?;
            let other = tables.iter().find(|table| table.name == *name)?;
            Some((column, other))
        })
    }

    /// The table with the columns of the row that it refers to behind its own, named as queries
    /// name them.
    pub fn with_related(&self, tables: &[Self]) -> Self {
        let mut with = self.clone();
        if let Some((_, other)) = self.referred(tables) {
            with.columns.extend(other.columns.iter().map(|of| Column {
                name: format!("{RELATED}.{}", of.name),
                refers: None,
                is_related: true,
                ..of.clone()
            }));
        }
        with
    }

    /// Whether the column may be left out of a shrunk run.
    pub fn is_spare(&self, column: usize) -> bool {
        !self.key.contains(&column) && !self.columns[column].is_left_out
    }

    pub fn key_sql(&self) -> String {
        let names: Vec<String> = self
            .key
            .iter()
            .map(|&at| quote(&self.columns[at].name))
            .collect();
        names.join(", ")
    }

    pub fn create_sql(&self) -> String {
        let columns: Vec<String> = self
            .used()
            .map(|(_, column)| {
                let mut sql = format!("{} {}", quote(&column.name), column.kind.sql);
                if let Some((table, action)) = &column.refers {
                    sql += &format!(" REFERENCES {table} ON DELETE {action} ON UPDATE CASCADE");
                }
                sql
            })
            .collect();
        let mut sql = format!(
            "CREATE TABLE {} ({}, PRIMARY KEY ({}))",
            self.name,
            columns.join(", "),
            self.key_sql(),
        );
        if self.is_partitioned {
            let by = quote(&self.columns[*self.key.last().expect("a key has columns")].name);
            sql += &format!(
                " PARTITION BY RANGE ({by});\n\
                 CREATE TABLE {0}_low PARTITION OF {0} FOR VALUES FROM (MINVALUE) TO (30);\n\
                 CREATE TABLE {0}_high PARTITION OF {0} FOR VALUES FROM (30) TO (MAXVALUE)",
                self.name
            );
        }
        if let Some((_, column)) = self.used().find(|(at, _)| !self.key.contains(at))
            && self.has_trigger
        {
            sql += &format!(
                ";\nCREATE FUNCTION {0}_echo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
                 UPDATE {0} SET {1} = NULL WHERE ({2}) = ({3}); RETURN NULL; END';\n\
                 CREATE TRIGGER echo AFTER INSERT ON {0} FOR EACH ROW \
                 WHEN ({4} % 3 = 0) EXECUTE FUNCTION {0}_echo()",
                self.name,
                quote(&column.name).replace('\'', "''"),
                self.key_sql(),
                self.key_sql_of("NEW"),
                self.key_sql_of("NEW")
                    .rsplit(", ")
                    .next()
                    .expect("a key has columns"),
            );
        }
        if self.has_view {
            sql += &format!(";\nCREATE VIEW {} AS TABLE {}", self.view(), self.name);
        }
        sql
    }

    /// Has the write-ahead log tell whole rows of every other table, and of the rest the keys of
    /// rows that were changed or deleted.
    pub fn identity_sql(&self) -> String {
        if self.columns.len().is_multiple_of(2) {
            return String::new();
        }
        let parts: &[&str] = match self.is_partitioned {
            true => &["", "_low", "_high"],
            false => &[""],
        };
        let alter =
            |part: &&str| format!(";\nALTER TABLE {}{part} REPLICA IDENTITY FULL", self.name);
        parts.iter().map(alter).collect()
    }

    /// The view of it.
    pub fn view(&self) -> String {
        format!("{}_view", self.name)
    }

    fn key_sql_of(&self, row: &str) -> String {
        let names: Vec<String> = self
            .key
            .iter()
            .map(|&at| format!("{row}.{}", quote(&self.columns[at].name)))
            .collect();
        names.join(", ")
    }
}

impl Column {
    /// The name that it has in its own table.
    pub fn bare_name(&self) -> &str {
        let name = self.name.strip_prefix(RELATED);
        let name = name.and_then(|name| name.strip_prefix('.'));
        name.filter(|_| self.is_related).unwrap_or(&self.name)
    }

    fn new(name: &str, kind: &'static Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            refers: None,
            is_related: false,
            is_left_out: false,
        }
    }
}

fn kind_of(sql: &str) -> &'static Kind {
    KINDS
        .iter()
        .find(|kind| kind.sql == sql)
        .expect("a kind of that type")
}

pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as SQL. What begins with `now` is a time at that distance from the statement's.
pub fn literal(value: &str, cast: &str) -> String {
    if let Some(distance) = value.strip_prefix("now")
        && matches!(cast, "date" | "timestamp" | "timestamptz")
    {
        let distance = if distance.is_empty() { "0s" } else { distance };
        let at = format!("(statement_timestamp() + interval '{distance}')");
        return match cast {
            "timestamptz" => at,
            // A day's distance is one from the day.
            _ => format!("timezone('UTC', {at})::{cast}"),
        };
    }
    format!(
        "E'{}'::{cast}",
        value.replace('\\', "\\\\").replace('\'', "''")
    )
}
