//! Random statements, as data: a run that failed can be made smaller by rows and columns.

use super::{
    random::Random,
    tables::{Table, literal, quote},
};

#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// What needs no table: the beginnings and ends of transactions.
    Control(String),
    /// Rows with an SQL expression for each column.
    Insert {
        table: usize,
        rows: Vec<Vec<String>>,
        /// Which column takes the new value where the key exists.
        conflict: Conflict,
    },
    Update {
        table: usize,
        column: usize,
        value: String,
        rows: String,
    },
    /// Changes nothing.
    Touch {
        table: usize,
        rows: String,
    },
    Delete {
        table: usize,
        rows: String,
    },
    Truncate {
        table: usize,
    },
    /// Of the table's definition, or of something beside it; nothing that a query names is
    /// gone afterwards.
    Define {
        table: usize,
        sql: String,
        /// The column that must be there.
        column: Option<usize>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Conflict {
    Fails,
    Nothing,
    Update(usize),
}

impl Statement {
    /// `None` if it is about a column that is left out.
    pub fn sql(&self, tables: &[Table]) -> Option<String> {
        match self {
            Self::Control(sql) => Some(sql.clone()),
            Self::Insert {
                table,
                rows,
                conflict,
            } => {
                let table = &tables[*table];
                let columns: Vec<String> = table
                    .used()
                    .map(|(_, column)| quote(&column.name))
                    .collect();
                let rows: Vec<String> = rows
                    .iter()
                    .map(|row| {
                        let values: Vec<&str> =
                            table.used().map(|(at, _)| row[at].as_str()).collect();
                        format!("({})", values.join(", "))
                    })
                    .collect();
                let conflict = match conflict {
                    Conflict::Fails => String::new(),
                    Conflict::Update(column) if !table.columns[*column].is_left_out => format!(
                        " ON CONFLICT ({}) DO UPDATE SET {1} = excluded.{1}",
                        table.key_sql(),
                        quote(&table.columns[*column].name)
                    ),
                    Conflict::Nothing | Conflict::Update(_) => {
                        format!(" ON CONFLICT ({}) DO NOTHING", table.key_sql())
                    }
                };
                Some(format!(
                    "INSERT INTO {} ({}) VALUES {}{conflict}",
                    table.name,
                    columns.join(", "),
                    rows.join(", ")
                ))
            }
            Self::Update {
                table,
                column,
                value,
                rows,
            } => {
                let table = &tables[*table];
                let column = &table.columns[*column];
                (!column.is_left_out).then(|| {
                    format!(
                        "UPDATE {} SET {} = {value} WHERE {rows}",
                        table.name,
                        quote(&column.name)
                    )
                })
            }
            Self::Touch { table, rows } => {
                let table = &tables[*table];
                Some(format!(
                    "UPDATE {0} SET {1} = {1} WHERE {rows}",
                    table.name,
                    quote(&table.columns[0].name)
                ))
            }
            Self::Delete { table, rows } => {
                Some(format!("DELETE FROM {} WHERE {rows}", tables[*table].name))
            }
            Self::Truncate { table } => Some(format!("TRUNCATE {} CASCADE", tables[*table].name)),
            Self::Define { table, sql, column } => {
                let is_there =
                    column.is_none_or(|column| !tables[*table].columns[column].is_left_out);
                is_there.then(|| sql.clone())
            }
        }
    }

    /// The table that it is about.
    pub fn table(&self) -> Option<usize> {
        match self {
            Self::Control(_) => None,
            Self::Insert { table, .. }
            | Self::Update { table, .. }
            | Self::Touch { table, .. }
            | Self::Delete { table, .. }
            | Self::Truncate { table }
            | Self::Define { table, .. } => Some(*table),
        }
    }
}

/// Any change of rows.
pub fn change(random: &mut Random, tables: &[Table]) -> Statement {
    let at = random.below(tables.len() as u64) as usize;
    let table = &tables[at];
    match random.below(100) {
        0 => Statement::Truncate { table: at },
        1..=35 => insert(random, tables, at),
        36..=45 => {
            let column = random.below(table.columns.len() as u64) as usize;
            match insert(random, tables, at) {
                Statement::Insert { table, rows, .. } => Statement::Insert {
                    table,
                    rows,
                    conflict: Conflict::Update(column),
                },
                other => other,
            }
        }
        46..=76 => {
            let column = random.below(table.columns.len() as u64) as usize;
            Statement::Update {
                table: at,
                column,
                value: value(random, table, column),
                rows: some_rows(random, table),
            }
        }
        // Keys that change, to ones that others had a moment before as well.
        77..=80 => {
            let column = *table.key.last().expect("a key has columns");
            let by = *random.pick(&["+ 1", "+ 100", "- 100", "* -1"]);
            Statement::Update {
                table: at,
                column,
                value: format!("{} {by}", quote(&table.columns[column].name)),
                rows: some_rows(random, table),
            }
        }
        81..=85 => Statement::Touch {
            table: at,
            rows: some_rows(random, table),
        },
        _ => Statement::Delete {
            table: at,
            rows: some_rows(random, table),
        },
    }
}

pub fn insert(random: &mut Random, tables: &[Table], at: usize) -> Statement {
    let table = &tables[at];
    let count = if random.chance(10) {
        30
    } else {
        1 + random.below(3)
    };
    let rows = (0..count)
        .map(|_| {
            (0..table.columns.len())
                .map(|at| value(random, table, at))
                .collect()
        })
        .collect();
    Statement::Insert {
        table: at,
        rows,
        // One row that exists must not keep the others out.
        conflict: match count {
            30 => Conflict::Nothing,
            _ => Conflict::Fails,
        },
    }
}

/// A change of a table's definition.
pub fn definition(random: &mut Random, tables: &[Table]) -> Statement {
    let at = random.below(tables.len() as u64) as usize;
    let table = &tables[at];
    let name = &table.name;
    let nth = random.below(1_000_000);
    let column =
        table.key.len() + random.below((table.columns.len() - table.key.len()) as u64) as usize;
    let of = &table.columns[column];
    let mut needed = None;
    let sql = match random.below(8) {
        0 => format!("ALTER TABLE {name} ADD COLUMN extra_{nth} int4 DEFAULT {nth}"),
        1 => format!(
            "ALTER TABLE {name} ADD COLUMN extra_{nth} text; \
             ALTER TABLE {name} ALTER COLUMN extra_{nth} TYPE varchar USING 'now ' || {nth}"
        ),
        2 => format!(
            "ALTER TABLE {name} ADD COLUMN extra_{nth} int4; ALTER TABLE {name} DROP COLUMN extra_{nth}; \
             ALTER TABLE {name} ADD COLUMN other_{nth} int4"
        ),
        3 => format!(
            "ALTER TABLE {name} ADD COLUMN extra_{nth} int4; \
             ALTER TABLE {name} RENAME COLUMN extra_{nth} TO renamed_{nth}"
        ),
        // Another column under the same name.
        4 | 5 if of.refers.is_none() => {
            needed = Some(column);
            format!(
                "ALTER TABLE {name} DROP COLUMN {0}; ALTER TABLE {name} ADD COLUMN {0} {1}",
                quote(&of.name),
                of.kind.sql
            )
        }
        4..=6 if table.is_partitioned => format!(
            "ALTER TABLE {name} DETACH PARTITION {name}_high; \
             ALTER TABLE {name} ATTACH PARTITION {name}_high FOR VALUES FROM (30) TO (MAXVALUE)"
        ),
        6 => {
            needed = Some(column);
            match of.kind.sql {
                "int4" => format!(
                    "ALTER TABLE {name} ALTER COLUMN {} TYPE int8",
                    quote(&of.name)
                ),
                "varchar(12)" => format!(
                    "ALTER TABLE {name} ALTER COLUMN {} TYPE varchar",
                    quote(&of.name)
                ),
                _ => format!("CREATE INDEX ON {name} ({})", quote(&of.name)),
            }
        }
        _ => format!("ALTER TYPE mood ADD VALUE 'm{nth}' BEFORE 'ok'"),
    };
    Statement::Define {
        table: at,
        sql,
        column: needed,
    }
}

/// Makes a text column's values long, so that a client that does not read falls behind: each
/// time other ones, and at last none. `None` if no table has such a column.
pub fn fatten(
    random: &mut Random,
    tables: &[Table],
) -> Option<impl Fn(Option<u64>) -> Statement + use<>> {
    let fat: Vec<(usize, usize)> = tables
        .iter()
        .enumerate()
        .flat_map(|(at, table)| {
            let columns = table.columns.iter().enumerate();
            columns
                .filter(|(column, of)| {
                    of.kind.sql.starts_with("text") && !table.key.contains(column)
                })
                .map(move |(column, _)| (at, column))
        })
        .collect();
    if fat.is_empty() {
        return None;
    }
    let (table, column) = *random.pick(&fat);
    Some(move |nth: Option<u64>| Statement::Update {
        table,
        column,
        value: match nth {
            Some(nth) => format!("repeat('fat{nth} ', 2000)"),
            None => "NULL".to_owned(),
        },
        rows: "TRUE".to_owned(),
    })
}

fn value(random: &mut Random, table: &Table, at: usize) -> String {
    let column = &table.columns[at];
    if table.key.contains(&at) {
        return match column.kind.sql {
            "text" => literal(["a", "B", "ä"][random.below(3) as usize], "text"),
            _ => random.below(80).to_string(),
        };
    }
    if random.chance(15) || column.refers.is_some() && random.chance(50) {
        return "NULL".to_owned();
    }
    if column.refers.is_some() {
        return random.below(80).to_string();
    }
    let value: &str = random.pick::<&str>(column.kind.values);
    literal(value, column.kind.cast)
}

fn some_rows(random: &mut Random, table: &Table) -> String {
    let key = table.key[table.key.len() - 1];
    let name = quote(&table.columns[key].name);
    match random.below(10) {
        0 => "TRUE".to_owned(),
        1 | 2 => format!("{name} % {} = 0", 2 + random.below(6)),
        3 | 4 => {
            let from = random.below(80);
            format!("{name} BETWEEN {from} AND {}", from + random.below(20))
        }
        _ => format!("{name} = {}", random.below(80)),
    }
}
