//! One change of all rows that match a query.

mod undo;

use std::sync::Arc;

use futures::TryStreamExt;
use percent_encoding::percent_decode_str;
use rowcast_protocol::{ApiError, Cell, query::Query};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgExecutor, Row};

use super::{
    attempt::{Failure, Work},
    author::Author,
    batch::{MOST, size},
    change::ReadAs,
    key,
    object::Object,
    perform::cells,
    permitted::{and_permitted, returned},
    refusal::{About, Refusal},
    statement::{asked, assignments},
    values::{Values, nothing_set, require_allowed, require_key, secured},
};
use crate::{
    audit::Entry,
    auth::Identity,
    database::{catalog::TableMeta, impersonation::take_on, readers::Readers},
    permission::{self, restrict},
    query::{
        bind::bind,
        bound::BoundQuery,
        slice::written_sql,
        sql::{Params, where_sql},
    },
    state::AppState,
};

/// How long one statement of it may run.
const TIMEOUT: &str = "5min";

/// What is to be done to each row.
#[derive(Debug)]
pub enum Action {
    /// These values are set.
    Set(Object),
    /// It is deleted.
    Delete,
}

/// One change of all rows that match, in one transaction.
#[derive(Debug)]
pub struct Bulk<'a> {
    /// What it is done with.
    pub state: &'a AppState,
    /// Whose rights hold.
    pub identity: &'a Identity,
    /// Who does it.
    pub author: &'a Author,
    /// Which rows.
    pub query: &'a Query,
    /// What is done to them.
    pub action: &'a Action,
    /// How many rows they must be.
    pub count: u64,
}

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// The JSON of the changes that undo it, an array for a batch; `None` if they are more
    /// than a batch takes, or than the server holds of one list.
    pub undo: Option<Vec<u8>>,
}

/// The query of a bulk change: which rows, and nothing else.
///
/// # Errors
/// Those of the grammar; `invalid_limit`, `invalid_offset` and `invalid_order` for a query
/// that tells a part of the rows or their order.
pub fn parse_query(text: &str) -> Result<Query, ApiError> {
    for parameter in text.split('&') {
        let name = parameter.split('=').next().unwrap_or_default();
        let name = percent_decode_str(name).decode_utf8_lossy();
        let code = match &*name {
            "limit" => "invalid_limit",
            "offset" => "invalid_offset",
            "order" => "invalid_order",
            _ => continue,
        };
        return Err(ApiError::new(
            code,
            format!("{name} has no meaning here: the change is of all rows that match"),
            "leave it out",
        ));
    }
    Query::parse(text)
}

/// How many rows match, of those that whoever asks for them sees.
///
/// # Errors
/// The database's.
pub async fn count_seen(readers: &Readers, bound: &BoundQuery) -> Result<u64, sqlx::Error> {
    let mut reader = readers.statement(&bound.table).await?;
    let counted = count(reader.connection(), bound).await;
    reader.end(counted).await
}

/// How many rows match.
///
/// # Errors
/// The database's.
async fn count(executor: impl PgExecutor<'_>, bound: &BoundQuery) -> Result<u64, sqlx::Error> {
    let mut params = Params::default();
    let condition = where_sql(&bound.table, &bound.filter, "t", &mut params);
    let from = bound.table.from_sql("t");
    let sql = format!("SELECT pg_catalog.count(*) FROM {from} WHERE {condition}");
    let mut query =
        sqlx::query_scalar(AssertSqlSafe(sql)).persistent(bound.table.is_planned_once());
    for text in params.into_texts() {
        query = query.bind(text);
    }
    let count: i64 = query.fetch_one(executor).await?;
    Ok(count.unsigned_abs())
}

impl Work for Bulk<'_> {
    type Done = Done;

    async fn run(
        &self,
        connection: &mut PgConnection,
        table: &Arc<TableMeta>,
    ) -> Result<Done, Failure> {
        require_key(table)?;
        let set = match self.action {
            Action::Set(set) if set.0.is_empty() => return Err(nothing_set().into()),
            Action::Set(set) => Some(Values::bind_written(table, set)?),
            Action::Delete => None,
        };
        let action = match self.action {
            Action::Set(_) => permission::Action::Update,
            Action::Delete => permission::Action::Delete,
        };
        require_allowed(table, action)?;
        let seen = self.state.seen(self.identity);
        let bound = async {
            let mut query = restrict(seen, table, self.query.clone()).await?;
            if let Some(limits) = &table.limits {
                query
                    .filter
                    .extend(limits.conditions(Some(action), &table.table));
            }
            bind(
                seen.catalog(),
                self.state.readers.ours(),
                Arc::clone(table),
                &query,
            )
            .await
        };
        let bound = bound.await.map_err(Refusal::from)?;
        let about = |error| {
            let values = set.clone().map(|set| (set, ReadAs::Declared));
            Failure::about(error, values.into_iter().collect())
        };
        let mut transaction = connection.begin().await.map_err(about)?;
        match self.change(&mut transaction, &bound, set.as_ref()).await {
            Ok(Some(undo)) => {
                transaction.commit().await.map_err(about)?;
                Ok(Done { undo: undo.json })
            }
            Ok(None) => {
                transaction.rollback().await.map_err(about)?;
                let mut transaction = connection.begin().await.map_err(about)?;
                let refusal = self.miscounted(&mut transaction, &bound).await;
                transaction.rollback().await.map_err(about)?;
                Err(refusal.map_err(about)?.into())
            }
            Err(error) => {
                transaction.rollback().await.map_err(about)?;
                Err(about(error))
            }
        }
    }
}

struct Undo {
    json: Option<Vec<u8>>,
}

impl Bulk<'_> {
    /// `None` if the rows are not as many as they must be.
    async fn change(
        &self,
        connection: &mut PgConnection,
        bound: &BoundQuery,
        set: Option<&Values>,
    ) -> Result<Option<Undo>, sqlx::Error> {
        take_on(&mut *connection, &bound.table).await?;
        sqlx::query("SELECT pg_catalog.set_config('statement_timeout', $1, true)")
            .bind(TIMEOUT)
            .execute(&mut *connection)
            .await?;
        if count(&mut *connection, bound).await? != self.count {
            return Ok(None);
        }
        let table = bound.table.base();
        let undoable = self.count <= MOST as u64;
        let before = match set {
            Some(_) if undoable => {
                let rows = self.read(connection, table, lock(bound), undoable).await?;
                if rows.count != self.count {
                    return Ok(None);
                }
                rows.held
            }
            _ => None,
        };
        let statement = change(bound, self.author, set, undoable);
        let after = self.read(connection, table, statement, undoable).await?;
        if after.count != self.count {
            return Ok(None);
        }
        self.note(&mut *connection, table, set, after.held.as_deref())
            .await?;
        let json = match (set, before, after.held) {
            (Some(set), Some(before), Some(after)) => undo::set(table, set, &before, &after),
            (None, _, Some(deleted)) => undo::delete(table, &deleted),
            _ => None,
        };
        Ok(Some(Undo { json }))
    }

    /// Writes the entry of the audit log.
    async fn note(
        &self,
        connection: &mut PgConnection,
        table: &TableMeta,
        set: Option<&Values>,
        rows: Option<&[Vec<Cell>]>,
    ) -> Result<(), sqlx::Error> {
        let columns = set.into_iter().flat_map(Values::positions);
        let columns: Vec<&str> = columns.map(|at| &*table.columns[at].name).collect();
        let keys = rows.into_iter().flatten();
        let entry = Entry {
            action: if set.is_some() {
                "bulk_update"
            } else {
                "bulk_delete"
            },
            table: &table.table.path(),
            row_key: None,
            rows: self.count,
            details: json!({
                "query": Entry::query(&self.query.to_query_string()),
                "columns": columns,
                "keys": Entry::keys(keys.filter_map(|row| key::json(table, row))),
            }),
        };
        entry.write_in(self.author.actor(), connection).await
    }

    /// Counts the rows of a statement, and holds them if that is asked, as far as they may be
    /// held.
    async fn read(
        &self,
        connection: &mut PgConnection,
        table: &TableMeta,
        (sql, params): (String, Params),
        hold: bool,
    ) -> Result<Rows, sqlx::Error> {
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for text in params.into_texts() {
            query = query.bind(text);
        }
        let mut rows = Rows {
            count: 0,
            held: hold.then(Vec::new),
        };
        let mut bytes = 0;
        let mut stream = query.fetch(connection);
        while let Some(row) = stream.try_next().await? {
            rows.count += 1;
            let Some(held) = &mut rows.held else { continue };
            let row = cells(&row, table)?;
            bytes += row.iter().map(size).sum::<usize>();
            held.push(row);
            if bytes > self.state.list_bytes as usize {
                rows.held = None;
            }
        }
        Ok(rows)
    }

    /// Why the rows were not as many as they must be.
    async fn miscounted(
        &self,
        connection: &mut PgConnection,
        bound: &BoundQuery,
    ) -> Result<Refusal, sqlx::Error> {
        take_on(&mut *connection, &bound.table).await?;
        let now = count(&mut *connection, bound).await?;
        if now != self.count {
            return Ok(Refusal::new(
                ApiError::new(
                    "count_changed",
                    format!("it would be {now} rows now, not {}", self.count),
                    "send \"count\" as it is now",
                ),
                About {
                    count: Some(now),
                    ..About::default()
                },
            ));
        }
        let table = bound.table.base();
        let sql = format!("SELECT pg_catalog.row_security_active({}::oid)", table.oid);
        let row = sqlx::query(AssertSqlSafe(sql))
            .fetch_one(connection)
            .await?;
        if row.try_get(0)? {
            return Ok(secured(
                table,
                "the table's row-level security does not allow it for all of these rows",
            ));
        }
        Ok(ApiError::new(
            "refused",
            "a trigger of the table left some of the rows as they were",
            "",
        )
        .into())
    }
}

struct Rows {
    count: u64,
    held: Option<Vec<Vec<Cell>>>,
}

/// Locks the rows, in the order of their keys, so that two who change the same rows wait for
/// each other rather than both for the other.
fn lock(bound: &BoundQuery) -> (String, Params) {
    let table = bound.table.base();
    let mut params = Params::default();
    let mut condition = matching(bound, &mut params);
    condition += &and_permitted(table, Some(permission::Action::Update), &mut params);
    let key: Vec<String> = table
        .key
        .iter()
        .map(|at| table.columns[*at].value("t"))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} AS t WHERE {condition} ORDER BY {} FOR UPDATE OF t",
        written_sql(table, "t"),
        table.sql_name(),
        key.join(", ")
    );
    (sql, params)
}

fn change(
    bound: &BoundQuery,
    author: &Author,
    set: Option<&Values>,
    images: bool,
) -> (String, Params) {
    let table = bound.table.base();
    let mut params = Params::default();
    let records: Vec<_> = set
        .map(|set| ("s", set, ReadAs::Declared))
        .into_iter()
        .collect();
    let asked = asked(table, author, &records, &mut params);
    let action = match set {
        Some(_) => permission::Action::Update,
        None => permission::Action::Delete,
    };
    let mut condition = matching(bound, &mut params);
    // Also where others are looked at beside the row: of it as it is when it is locked.
    condition += &and_permitted(table, Some(action), &mut params);
    let image = if images {
        written_sql(table, "t")
    } else {
        "NULL::bytea".to_owned()
    };
    let returned = match set {
        Some(_) => returned(&image, table, permission::Action::Update, &mut params),
        None => image,
    };
    let name = table.sql_name();
    let sql = match set {
        Some(set) => format!(
            "{asked} UPDATE {name} AS t SET {} FROM asked AS a WHERE {condition} RETURNING {returned}",
            assignments(table, set)
        ),
        None => format!(
            "{asked} DELETE FROM {name} AS t USING asked AS a WHERE {condition} RETURNING {returned}"
        ),
    };
    (sql, params)
}

/// The condition on a row of the table itself, as `t`. Columns of other tables can't be
/// locked or changed with it, so they are looked at in a query of their own.
fn matching(bound: &BoundQuery, params: &mut Params) -> String {
    let table = &bound.table;
    if table.joins().is_empty() {
        return where_sql(table, &bound.filter, "t", params);
    }
    let keys: Vec<String> = table
        .key
        .iter()
        .map(|at| {
            let column = &table.columns[*at];
            let operator = column.operator("=");
            format!("{} {operator} {}", column.value("m"), column.value("t"))
        })
        .collect();
    format!(
        "EXISTS (SELECT FROM {} WHERE {} AND {})",
        table.from_sql("m"),
        keys.join(" AND "),
        where_sql(table, &bound.filter, "m", params)
    )
}
