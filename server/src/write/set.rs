//! Changes of one shape as one statement.
//!
//! One statement for thousands of rows is a hundred times as fast as one for each: the database
//! plans once, its triggers write into the change log once, and nobody waits for answers in
//! between. It is the same as one for each where every change finds its own row, which is what
//! the number of rows that come back shows; where it is not, or one of them fails, nobody knows
//! which, and whoever asked makes them again in smaller parts.

use std::{collections::HashSet, fmt::Write};

use futures::TryStreamExt;
use rowcast_protocol::Cell;
use sqlx::{PgConnection, Row};

use super::{
    attempt::Failure,
    author::Author,
    batch::size,
    change::{Change, ReadAs},
    explain::{is_passing, is_stale},
    perform::cells,
    permitted::{and_permitted, returned},
    statement::{Statement, assignments, condition, insert_into, type_of},
    values::Values,
};
use crate::{
    database::catalog::TableMeta,
    error::{Fault, fault, sqlstate, too_large},
    permission::Action,
    query::{slice::written_sql, sql::Params},
};

/// How many changes one statement makes, and how many bytes of values it is given.
const CHANGES: usize = 1_000;
const BYTES: usize = 1024 * 1024;

/// The rows that changes wrote, in their order; `None` for each that is deleted.
pub type Written = Vec<Option<Vec<Cell>>>;

/// How many changes from the first one on can be made by one statement: those that differ in
/// nothing but their values, each of another row. One that sets a key makes the next ones find
/// other rows than before it, so it is made alone.
pub fn run(table: &TableMeta, changes: &[Change]) -> usize {
    let Some(first) = changes.first() else {
        return 0;
    };
    let sets_key = match first {
        Change::Update { set, .. } => set.positions().any(|at| table.key.contains(&at)),
        Change::Insert { .. } | Change::Delete { .. } => false,
    };
    if sets_key {
        return 1;
    }
    let mut bytes = 0;
    let mut keys = HashSet::new();
    let alike = changes.iter().take(CHANGES).take_while(|change| {
        bytes += change
            .records()
            .iter()
            .flat_map(|(_, values, _)| values.iter())
            .map(|(_, value)| value.get().len())
            .sum::<usize>();
        let another_row = change.key().is_none_or(|key| keys.insert(key.to_json()));
        first.is_alike(change) && another_row && bytes <= BYTES
    });
    alike.count().max(1)
}

/// Makes changes of one shape, and returns their rows: `None` if not each of them found one of
/// its own, and then not all of them are made.
///
/// # Errors
/// The database's; `too_large` if the rows are of more than `room` bytes.
pub async fn make(
    connection: &mut PgConnection,
    table: &TableMeta,
    author: &Author,
    changes: &[Change],
    room: usize,
) -> Result<Option<Written>, Failure> {
    let Some(statement) = statement(table, author, changes) else {
        return Ok(Some(Vec::new()));
    };
    let mut written: Vec<Option<Option<Vec<Cell>>>> = vec![None; changes.len()];
    let (mut count, mut held) = (0, 0);
    let mut rows = statement.fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(Failure::database)? {
        let nth = match changes[0] {
            Change::Insert { .. } => count,
            Change::Update { .. } | Change::Delete { .. } => {
                let nth: i32 = row.try_get(1).map_err(Failure::database)?;
                usize::try_from(nth).unwrap_or(usize::MAX)
            }
        };
        let cells = match changes[0] {
            Change::Delete { .. } => None,
            Change::Insert { .. } | Change::Update { .. } => {
                Some(cells(&row, table).map_err(Failure::database)?)
            }
        };
        held += cells.iter().flatten().map(size).sum::<usize>();
        if held > room {
            return Err(Failure::Refused(too_large().into()));
        }
        count += 1;
        if let Some(place) = written.get_mut(nth) {
            *place = Some(cells);
        }
    }
    Ok(written.into_iter().collect())
}

/// Whether a statement of several changes may have failed because of one of them, so that it
/// is worth making them in smaller parts. It is not where others held the rows, where it took
/// too long, or where nothing can be written at all: that would only be waited for again.
pub fn may_be_of_one(error: &sqlx::Error) -> bool {
    let waited = matches!(&*sqlstate(error), "55P03" | "57014" | "25006");
    error.as_database_error().is_some()
        && !waited
        && !is_passing(error)
        && !is_stale(error)
        && fault(error) != Fault::Unavailable
}

/// The statement. It returns the image of each row that it wrote, of one that it deleted
/// `NULL`, and behind that which change it was. Rows that are inserted come back in the order
/// of the changes, which is that in which they are inserted: there is nothing in them that
/// could say which change they are of.
fn statement(table: &TableMeta, author: &Author, changes: &[Change]) -> Option<Statement> {
    let mut params = Params::default();
    let first = changes.first()?;
    let asked = asked(table, author, first, changes, &mut params);
    let target = format!("{} AS t", table.sql_name());
    let written =
        |action, params: &mut Params| returned(&written_sql(table, "t"), table, action, params);
    let sql = match first {
        Change::Insert { row, restore } => {
            let into = insert_into(table, &row.positions().collect::<Vec<_>>(), *restore);
            let values: Vec<String> = row.positions().map(|at| format!("a.s{at}")).collect();
            let written = written(Action::Insert, &mut params);
            format!(
                "{asked} {into} SELECT {} FROM asked AS a ORDER BY a.n RETURNING {written}",
                values.join(", ")
            )
        }
        Change::Update { key, set, expect } => {
            let permitted = and_permitted(table, Some(Action::Update), &mut params);
            let written = written(Action::Update, &mut params);
            format!(
                "{asked} UPDATE {target} SET {} FROM asked AS a \
                 WHERE {}{permitted} RETURNING {written}, a.n",
                assignments(table, set),
                condition(table, key, expect)
            )
        }
        Change::Delete { key, expect } => {
            let permitted = and_permitted(table, Some(Action::Delete), &mut params);
            format!(
                "{asked} DELETE FROM {target} USING asked AS a \
                 WHERE {}{permitted} RETURNING NULL::bytea, a.n",
                condition(table, key, expect)
            )
        }
    };
    Some(Statement::new(table, sql, params))
}

/// `WITH asked AS (…)`: of each change its number `n` and its values, as `k0`, `s1`, `e2`.
fn asked(
    table: &TableMeta,
    author: &Author,
    first: &Change,
    changes: &[Change],
    params: &mut Params,
) -> String {
    let author = params.push(author.as_str());
    let mut json = String::from("[");
    for (n, change) in changes.iter().enumerate() {
        let begin = if n == 0 { "" } else { "," };
        // Writing into a string can't fail.
        let _ = write!(json, "{begin}{{\"n\":{n}");
        for (alias, values, _) in change.records() {
            for (at, value) in values.iter() {
                let _ = write!(json, ",\"{alias}{at}\":{}", value.get());
            }
        }
        json.push('}');
    }
    json.push(']');
    let json = params.push(json);
    let mut definitions = vec!["n int4".to_owned()];
    for (alias, values, read_as) in first.records() {
        let of = |at| format!("{alias}{at} {}", type_of(table, at, read_as));
        definitions.extend(values.positions().map(of));
    }
    format!(
        "WITH author AS MATERIALIZED (\
         SELECT pg_catalog.set_config('rowcast.author', {author}, true)), \
         asked AS MATERIALIZED (SELECT r.* FROM author, \
         pg_catalog.json_to_recordset({json}::pg_catalog.json) AS r ({}))",
        definitions.join(", ")
    )
}

impl Change {
    /// Its values, each kind under the name that statements give it, and as what they are read.
    fn records(&self) -> Vec<(&'static str, &Values, ReadAs)> {
        match self {
            Self::Insert { row, .. } => vec![("s", row, ReadAs::Declared)],
            Self::Update { key, set, expect } => vec![
                ("k", key, ReadAs::Base),
                ("s", set, ReadAs::Declared),
                ("e", expect, ReadAs::Base),
            ],
            Self::Delete { key, expect } => {
                vec![("k", key, ReadAs::Base), ("e", expect, ReadAs::Base)]
            }
        }
    }

    /// The key of the row that there must be.
    pub fn key(&self) -> Option<&Values> {
        match self {
            Self::Insert { .. } => None,
            Self::Update { key, .. } | Self::Delete { key, .. } => Some(key),
        }
    }

    /// Whether the other one differs in nothing but values.
    fn is_alike(&self, other: &Self) -> bool {
        let same_kind = match (self, other) {
            (Self::Insert { restore: one, .. }, Self::Insert { restore: other, .. }) => {
                one == other
            }
            (Self::Update { .. }, Self::Update { .. })
            | (Self::Delete { .. }, Self::Delete { .. }) => true,
            _ => false,
        };
        let (one, other) = (self.records(), other.records());
        same_kind
            && one
                .iter()
                .zip(&other)
                .all(|((_, one, _), (_, other, _))| one.positions().eq(other.positions()))
    }
}
