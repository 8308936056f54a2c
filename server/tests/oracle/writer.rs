//! Random transactions.

use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    cluster::Database,
    random::Random,
    tables::{Table, literal, quote},
};

/// Two connections whose transactions interleave.
pub struct Writer {
    connections: [PgConnection; 2],
    random: Random,
}

impl Writer {
    pub async fn new(database: &Database, random: Random) -> Self {
        let mut connections = [database.connect().await, database.connect().await];
        for connection in &mut connections {
            let _ = run(connection, "SET lock_timeout = '50ms'").await;
        }
        Self {
            connections,
            random,
        }
    }

    /// So many transactions, some of them at the same time. What PostgreSQL refuses (a key
    /// that exists, a row that is locked) rolls its transaction back.
    pub async fn transactions(&mut self, tables: &[Table], count: u64) {
        for _ in 0..count {
            let both = self.random.chance(40);
            let used = if both { 2 } else { 1 };
            for at in 0..used {
                let level = *self.random.pick(&[
                    "READ COMMITTED",
                    "READ COMMITTED",
                    "REPEATABLE READ",
                    "SERIALIZABLE",
                ]);
                let _ = run(
                    &mut self.connections[at],
                    &format!("BEGIN ISOLATION LEVEL {level}"),
                )
                .await;
            }
            for _ in 0..1 + self.random.below(5) {
                let at = self.random.below(used as u64) as usize;
                let table = self.random.pick(tables);
                let statement = statement(&mut self.random, table);
                let connection = &mut self.connections[at];
                let guarded = self.random.chance(50);
                if guarded {
                    let _ = run(connection, "SAVEPOINT s").await;
                }
                let ran = run(connection, &statement).await;
                if guarded && (ran.is_err() || self.random.chance(20)) {
                    let _ = run(connection, "ROLLBACK TO s").await;
                }
            }
            let first = self.random.below(2) as usize;
            for at in [first, 1 - first] {
                if at < used {
                    let end = if self.random.chance(85) {
                        "COMMIT"
                    } else {
                        "ROLLBACK"
                    };
                    let _ = run(&mut self.connections[at], end).await;
                }
            }
        }
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map(drop)
}

fn statement(random: &mut Random, table: &Table) -> String {
    match random.below(100) {
        0 => format!("TRUNCATE {}", table.name),
        1..=35 => insert(random, table),
        36..=45 => {
            let at = random.below(table.columns.len() as u64) as usize;
            let column = quote(&table.columns[at].name);
            format!(
                "{} ON CONFLICT ({}) DO UPDATE SET {column} = excluded.{column}",
                insert(random, table),
                keys(table)
            )
        }
        46..=80 => {
            let at = random.below(table.columns.len() as u64) as usize;
            let column = &table.columns[at];
            format!(
                "UPDATE {} SET {} = {} WHERE {}",
                table.name,
                quote(&column.name),
                value(random, table, at),
                some_rows(random, table)
            )
        }
        81..=85 => format!(
            "UPDATE {0} SET {1} = {1} WHERE {2}",
            table.name,
            quote(&table.columns[0].name),
            some_rows(random, table)
        ),
        _ => format!(
            "DELETE FROM {} WHERE {}",
            table.name,
            some_rows(random, table)
        ),
    }
}

pub fn insert(random: &mut Random, table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| quote(&column.name))
        .collect();
    let count = if random.chance(10) {
        30
    } else {
        1 + random.below(3)
    };
    let rows: Vec<String> = (0..count)
        .map(|_| {
            let values: Vec<String> = (0..table.columns.len())
                .map(|at| value(random, table, at))
                .collect();
            format!("({})", values.join(", "))
        })
        .collect();
    // One row that exists must not keep the others out.
    let conflict = match count {
        30 => format!(" ON CONFLICT ({}) DO NOTHING", keys(table)),
        _ => String::new(),
    };
    format!(
        "INSERT INTO {} ({}) VALUES {}{conflict}",
        table.name,
        columns.join(", "),
        rows.join(", ")
    )
}

/// A change of the table's definition that no query minds.
pub fn definition(random: &mut Random, table: &Table) -> String {
    let nth = random.below(1_000_000);
    match random.below(3) {
        0 => format!(
            "ALTER TABLE {} ADD COLUMN extra_{nth} int4 DEFAULT {nth}",
            table.name
        ),
        1 => format!(
            "ALTER TABLE {0} ADD COLUMN extra_{nth} text; \
             ALTER TABLE {0} ALTER COLUMN extra_{nth} TYPE varchar USING 'now ' || {nth}",
            table.name
        ),
        _ => format!(
            "ALTER TABLE {0} ADD COLUMN extra_{nth} int4; ALTER TABLE {0} DROP COLUMN extra_{nth}; \
             ALTER TABLE {0} ADD COLUMN other_{nth} int4",
            table.name
        ),
    }
}

fn keys(table: &Table) -> String {
    let names: Vec<String> = table
        .key
        .iter()
        .map(|&at| quote(&table.columns[at].name))
        .collect();
    names.join(", ")
}

fn value(random: &mut Random, table: &Table, at: usize) -> String {
    let column = &table.columns[at];
    if table.key.contains(&at) {
        return match column.kind.sql {
            "text" => literal(["a", "B", "ä"][random.below(3) as usize], "text"),
            _ => random.below(80).to_string(),
        };
    }
    if random.chance(15) {
        return "NULL".to_owned();
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
