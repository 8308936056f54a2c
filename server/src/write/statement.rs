//! A change as one SQL statement.
//!
//! Every statement begins with `WITH asked`: the client's values, read by `json_to_record` as
//! their columns' types, and the author's name, which evaluating it puts where triggers find
//! it, for this transaction only.

use futures::stream::BoxStream;
use sqlx::{
    AssertSqlSafe, PgConnection, Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{
    author::Author,
    change::{Change, ReadAs},
    noted::returned_note,
    permitted::{and_permitted, returned},
    values::{Values, name},
};
use crate::{
    database::{
        catalog::{ColumnMeta, TableMeta},
        quote::quote_ident,
    },
    permission::Action,
    query::{slice::written_sql, sql::Params},
};
use rowcast_engine::datum::Codec;

/// A statement with its parameters.
#[derive(Debug)]
pub struct Statement {
    sql: String,
    params: Params,
    is_planned_once: bool,
}

impl Statement {
    /// This SQL about a table, with these parameters.
    pub fn new(table: &TableMeta, sql: String, params: Params) -> Self {
        Self {
            sql,
            params,
            is_planned_once: table.is_planned_once(),
        }
    }

    /// Runs it, and gives its rows as they come.
    pub fn fetch(self, connection: &mut PgConnection) -> BoxStream<'_, Result<PgRow, sqlx::Error>> {
        self.query().fetch(connection)
    }

    /// Runs it to its end, which outside a transaction is the end of its commit: a deferred
    /// constraint fails there, when the rows have been handed over.
    pub async fn rows(self, connection: &mut PgConnection) -> Result<Vec<PgRow>, sqlx::Error> {
        self.query().fetch_all(connection).await
    }

    fn query(self) -> Query<'static, Postgres, PgArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.sql)).persistent(self.is_planned_once);
        for text in self.params.into_texts() {
            query = query.bind(text);
        }
        query
    }
}

/// Whether a statement writes only into a table that is still as it is known. Whatever commits
/// by itself must: a row that can't be read any more when it comes back has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Only then. It brings its entry of the audit log with it.
    Unaltered,
    /// In any case: what can't be read is undone.
    None,
}

/// The statement that makes the change. It returns the image of the row that it wrote; of one
/// that it deleted, `NULL`. It returns no row if there is none with that key and what is
/// expected of it, or if the guard forbids it.
pub fn change(table: &TableMeta, author: &Author, change: &Change, guard: Guard) -> Statement {
    let mut params = Params::default();
    let noted = match guard {
        Guard::Unaltered => returned_note(table, author, change, &mut params),
        Guard::None => String::new(),
    };
    let guard = match guard {
        // The statement has locked the table before its snapshot is taken.
        Guard::Unaltered => format!(
            "{} OPERATOR(pg_catalog.=) {}",
            table.fingerprint_sql(),
            params.push(table.fingerprint.as_str())
        ),
        Guard::None => "TRUE".to_owned(),
    };
    let target = format!("{} AS t", table.sql_name());
    let written =
        |action, params: &mut Params| returned(&written_sql(table, "t"), table, action, params);
    let sql = match change {
        Change::Insert { row, restore } => {
            let asked = asked(table, author, &[("s", row, ReadAs::Declared)], &mut params);
            let into = insert_into(table, &row.positions().collect::<Vec<_>>(), *restore);
            let values: Vec<String> = row.positions().map(|at| value("s", at)).collect();
            let written = written(Action::Insert, &mut params);
            format!(
                "{asked} {into} SELECT {} FROM asked AS a WHERE {guard} RETURNING {written}{noted}",
                values.join(", ")
            )
        }
        Change::Update { key, set, expect } => {
            let records = [
                ("k", key, ReadAs::Base),
                ("s", set, ReadAs::Declared),
                ("e", expect, ReadAs::Base),
            ];
            let asked = asked(table, author, &records, &mut params);
            let permitted = and_permitted(table, Some(Action::Update), &mut params);
            let written = written(Action::Update, &mut params);
            format!(
                "{asked} UPDATE {target} SET {} FROM asked AS a \
                 WHERE {guard} AND {}{permitted} RETURNING {written}{noted}",
                assignments(table, set),
                condition(table, key, expect)
            )
        }
        Change::Delete { key, expect } => {
            let records = [("k", key, ReadAs::Base), ("e", expect, ReadAs::Base)];
            let asked = asked(table, author, &records, &mut params);
            let permitted = and_permitted(table, Some(Action::Delete), &mut params);
            format!(
                "{asked} DELETE FROM {target} USING asked AS a \
                 WHERE {guard} AND {}{permitted} RETURNING NULL::bytea{noted}",
                condition(table, key, expect)
            )
        }
    };
    Statement::new(table, sql, params)
}

/// The statement that says of the row of that key how it is, and of each expected column
/// whether it holds what is expected.
pub fn look(table: &TableMeta, key: &Values, expect: &Values) -> Statement {
    let mut params = Params::default();
    let records = [("k", key, ReadAs::Base), ("e", expect, ReadAs::Base)];
    let asked = asked(table, &Author::default(), &records, &mut params);
    let tests: Vec<String> = expect.positions().map(|at| holds(table, at)).collect();
    let permitted = and_permitted(table, None, &mut params);
    let sql = format!(
        "{asked} SELECT {}, ARRAY[{}]::pg_catalog.bool[], \
         pg_catalog.row_security_active({}::oid) OR {} \
         FROM asked AS a, {} AS t WHERE {}{permitted}",
        written_sql(table, "t"),
        tests.join(", "),
        table.oid,
        table.permitted.is_some(),
        table.sql_name(),
        keyed(table, key)
    );
    Statement::new(table, sql, params)
}

/// `WITH asked AS (…)`: the author, and the records' values as `k0`, `s1`, `e2`.
pub fn asked(
    table: &TableMeta,
    author: &Author,
    records: &[(&str, &Values, ReadAs)],
    params: &mut Params,
) -> String {
    let author = params.push(author.as_str());
    let mut values = vec![format!(
        "pg_catalog.set_config('rowcast.author', {author}, true) AS author"
    )];
    let mut sources = Vec::new();
    for (alias, record, read_as) in records {
        if record.is_empty() {
            continue;
        }
        let positions: Vec<usize> = record.positions().collect();
        let json = params.push(record.to_json());
        sources.push(format!(
            "pg_catalog.json_to_record({json}::pg_catalog.json) AS {alias} ({})",
            definitions(table, &positions, *read_as)
        ));
        values.extend(
            positions
                .iter()
                .map(|at| format!("{alias}.{} AS {alias}{at}", name(*at))),
        );
    }
    let from = if sources.is_empty() {
        String::new()
    } else {
        format!(" FROM {}", sources.join(", "))
    };
    format!(
        "WITH asked AS MATERIALIZED (SELECT {}{from})",
        values.join(", ")
    )
}

/// The columns of a record function's result.
pub fn definitions(table: &TableMeta, positions: &[usize], read_as: ReadAs) -> String {
    let definitions = positions
        .iter()
        .map(|at| format!("{} {}", name(*at), type_of(table, *at, read_as)));
    definitions.collect::<Vec<_>>().join(", ")
}

/// The type that a column's values are read as.
pub fn type_of(table: &TableMeta, at: usize, read_as: ReadAs) -> &str {
    let column = &table.columns[at];
    match read_as {
        ReadAs::Declared => &column.declared_type,
        ReadAs::Base => &column.sql_type,
    }
}

/// `INSERT INTO table (columns)`.
pub fn insert_into(table: &TableMeta, positions: &[usize], restore: bool) -> String {
    let names: Vec<String> = positions
        .iter()
        .map(|at| quote_ident(&table.columns[*at].name))
        .collect();
    // A list of no columns is none; of a row without values all are their defaults.
    let list = if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    };
    let overriding = if restore {
        " OVERRIDING SYSTEM VALUE"
    } else {
        ""
    };
    format!("INSERT INTO {} AS t{list}{overriding}", table.sql_name())
}

/// What follows `SET`.
pub fn assignments(table: &TableMeta, set: &Values) -> String {
    let assignments = set.positions().map(|at| {
        format!(
            "{} = {}",
            quote_ident(&table.columns[at].name),
            value("s", at)
        )
    });
    assignments.collect::<Vec<_>>().join(", ")
}

fn value(alias: &str, at: usize) -> String {
    format!("a.{alias}{at}")
}

/// The condition on a row, as `t`, to be that of the key and as it is expected.
pub fn condition(table: &TableMeta, key: &Values, expect: &Values) -> String {
    let mut tests = vec![keyed(table, key)];
    tests.extend(expect.positions().map(|at| holds(table, at)));
    tests.join(" AND ")
}

fn keyed(table: &TableMeta, key: &Values) -> String {
    let tests = key.positions().map(|at| {
        let column = &table.columns[at];
        let (own, operator) = (column.value("t"), column.operator("="));
        format!("{own} {operator} {}", value("k", at))
    });
    tests.collect::<Vec<_>>().join(" AND ")
}

/// Whether a column holds what is expected: the same as `to_jsonb` has it, so the same to
/// whoever has seen it as that.
fn holds(table: &TableMeta, at: usize) -> String {
    let column = &table.columns[at];
    format!(
        "({} IS NOT DISTINCT FROM {})",
        shown(column, &column.value("t")),
        shown(column, &value("e", at))
    )
}

/// A column's value as clients are shown it.
pub fn shown(column: &ColumnMeta, value: &str) -> String {
    match column.codec {
        // Padded as stored in the one and as given in the other.
        Codec::BpChar => format!("pg_catalog.to_jsonb({value}::pg_catalog.text)"),
        // JSON's own null shows as SQL's does.
        Codec::Json | Codec::Jsonb => {
            format!("nullif(pg_catalog.to_jsonb({value}), 'null'::pg_catalog.jsonb)")
        }
        _ => format!("pg_catalog.to_jsonb({value})"),
    }
}
