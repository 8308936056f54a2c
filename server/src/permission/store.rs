//! What is kept of permissions.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rowcast_protocol::{ApiError, query::Query};
use sqlx::{
    PgPool, Row,
    postgres::{PgRow, types::Oid},
};

use super::{
    Rights,
    grant::{Grant, Permission},
    path::{self, EVERY_TABLE},
    roles::unknown_role,
    rows,
};
use crate::{
    auth::identity::ADMINISTRATOR,
    database::catalog::{Catalog, TableMeta},
    error::{read_error, sqlstate},
    query::bind::bind,
};

/// The most that there may be of one role.
const MOST: i64 = 10_000;

/// What each of some roles may do, by role.
#[derive(Debug, Default)]
pub struct ByRole(HashMap<String, Arc<BTreeMap<String, Grant>>>);

impl ByRole {
    /// What somebody of these roles may do.
    pub fn rights<'a>(&self, roles: impl IntoIterator<Item = &'a str>) -> Rights {
        let of: Vec<_> = roles
            .into_iter()
            .filter_map(|role| self.0.get(role).cloned())
            .collect();
        match of.is_empty() {
            true => Rights::None,
            false => Rights::Of(of),
        }
    }
}

const COLUMNS: &str = "role, table_path, may_read, may_insert, may_update, may_delete, row_filter, \
    hidden, read_only, may_manage";

/// What these roles may do.
///
/// # Errors
/// The database's.
pub async fn of_roles(pool: &PgPool, roles: &[&str]) -> Result<ByRole, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS}, \
                n.nspname::text, c.relname::text \
           FROM rowcast.permission p \
           LEFT JOIN pg_catalog.pg_class c ON c.oid = p.relation \
           LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
          WHERE role = ANY ($1)"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(roles)
        .fetch_all(pool)
        .await?;
    let mut by_role: HashMap<String, BTreeMap<String, Grant>> = HashMap::new();
    let mut renamed = Vec::new();
    for row in &rows {
        let permission = read(row)?;
        if let (Some(schema), Some(table)) = (row.try_get(10)?, row.try_get(11)?) {
            let now = path::path(schema, table);
            if now != permission.table {
                renamed.push((permission.role.clone(), now));
            }
        }
        let of = by_role.entry(permission.role).or_default();
        of.insert(permission.table, permission.grant);
    }
    // A table that was ruled by another name is not one of which nothing is said.
    for (role, now) in renamed {
        by_role.entry(role).or_default().entry(now).or_default();
    }
    let shared = by_role.into_iter().map(|(role, of)| (role, Arc::new(of)));
    Ok(ByRole(shared.collect()))
}

/// All permissions, by role and table.
///
/// # Errors
/// `database_unavailable`, `too_slow`.
pub async fn list(pool: &PgPool) -> Result<Vec<Permission>, ApiError> {
    let sql = select(" ORDER BY role, table_path");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await;
    let rows = rows.map_err(|error| read_error(&error, ""))?;
    let read = rows.iter().map(read).collect::<Result<_, _>>();
    read.map_err(|error| read_error(&error, ""))
}

/// By whose right a permission is set or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An administrator's.
    Administrator,
    /// That to manage the table. Who may manage it is not theirs to say.
    Manager,
}

/// What permissions are said of.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Every table of which nothing else is said.
    EveryTable,
    /// A table.
    Table(Arc<TableMeta>),
    /// What was a table of this path once.
    Gone(String),
}

impl Subject {
    /// What is meant by a name: `*`, a [`path`](path::path), or a table's name as it is taken
    /// elsewhere.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn named(catalog: &Catalog, name: &str) -> Result<Self, ApiError> {
        if name == EVERY_TABLE {
            return Ok(Self::EveryTable);
        }
        let known = |found: Result<Arc<TableMeta>, ApiError>| match found {
            Ok(table) => Ok(Some(Self::Table(table))),
            Err(error) if error.code == "unknown_table" => Ok(None),
            Err(error) => Err(error),
        };
        if let Some((schema, table)) = path::parts(name)
            && let Some(found) = known(catalog.exact(&schema, &table).await)?
        {
            return Ok(found);
        }
        let found = known(catalog.table(name).await)?;
        Ok(found.unwrap_or_else(|| Self::Gone(name.to_owned())))
    }

    /// The path that it is kept by.
    pub fn path(&self) -> String {
        match self {
            Self::EveryTable => EVERY_TABLE.to_owned(),
            Self::Table(table) => path::path(&table.table.schema, &table.table.name),
            Self::Gone(path) => path.clone(),
        }
    }
}

/// Refuses what can't be said of a table, or could not be kept to. `readers`: for trying values.
///
/// # Errors
/// `unknown_table`, `unknown_column`; `invalid_permission`, also where a column of the key is
/// hidden; those of the grammar and of binding, of the row filter.
pub async fn check(
    readers: &PgPool,
    catalog: &Catalog,
    subject: &Subject,
    grant: &Grant,
) -> Result<(), ApiError> {
    grant.check(&subject.path())?;
    let meta = match subject {
        Subject::EveryTable => return Ok(()),
        Subject::Gone(name) => return Err(crate::error::unknown_table(name)),
        Subject::Table(meta) => meta,
    };
    let table = &meta.table;
    if meta.is_ours() {
        return Err(invalid(
            "tables of schema rowcast follow those that they are about",
        ));
    }
    if meta.is_partition {
        return Err(invalid(
            "it is a part of another table: what is said of that holds for it",
        ));
    }
    if table.key.is_empty() && !grant.hidden.is_empty() {
        return Err(invalid(
            "rows without a key are told apart by all that is in them: no column can be hidden",
        ));
    }
    for name in grant.hidden.iter().chain(&grant.read_only) {
        rowcast_protocol::query::known_column(name, table)?;
    }
    if table.key.iter().any(|name| grant.hidden.contains(name)) {
        return Err(invalid(
            "a column of the key can't be hidden: rows are told apart by it",
        ));
    }
    if let Some(text) = &grant.rows {
        let query = Query {
            filter: rows::for_anybody(text)?,
            ..Query::default()
        };
        // What can't be compared would answer every read with an error.
        bind(catalog, readers, Arc::clone(meta), &query).await?;
    }
    Ok(())
}

/// Sets what a role may do with a table, which is there for everybody from the commit on.
///
/// # Errors
/// Those of [`check`]; `unknown_role`; `invalid_permission` for the administrators' role, which
/// may do everything; `not_allowed` where it is about who manages the table, and an administrator
/// does not set it; `too_many_permissions`; `database_unavailable`.
pub async fn set(
    pool: &PgPool,
    readers: &PgPool,
    catalog: &Catalog,
    by: By,
    role: &str,
    subject: &Subject,
    grant: &Grant,
) -> Result<Permission, ApiError> {
    if role == ADMINISTRATOR {
        return Err(invalid("administrators may do everything"));
    }
    check(readers, catalog, subject, grant).await?;
    if by == By::Manager && grant.manage {
        return Err(not_theirs());
    }
    let path = subject.path();
    let relation = match subject {
        Subject::Table(table) => Some(Oid(table.oid)),
        Subject::EveryTable | Subject::Gone(_) => None,
    };
    let (hidden, read_only) = (&grant.hidden, &grant.read_only);
    let sql = "INSERT INTO rowcast.permission AS p \
           (role, table_path, may_read, may_insert, may_update, may_delete, row_filter, hidden, read_only, \
            relation, may_manage) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $12 \
          WHERE (SELECT count(*) FROM rowcast.permission WHERE role = $1 AND table_path <> $2) < $10 \
            AND ($13 OR NOT coalesce( \
                (SELECT may_manage FROM rowcast.permission WHERE role = $1 AND table_path = $2), \
                (SELECT may_manage FROM rowcast.permission WHERE role = $1 AND table_path = '*'), false)) \
         ON CONFLICT (role, table_path) DO UPDATE SET may_read = excluded.may_read, \
           may_insert = excluded.may_insert, may_update = excluded.may_update, \
           may_delete = excluded.may_delete, may_manage = excluded.may_manage, \
           row_filter = excluded.row_filter, \
           hidden = excluded.hidden, read_only = excluded.read_only, \
           relation = excluded.relation, changed_at = now() \
         WHERE $13 OR NOT p.may_manage";
    let done = sqlx::query(sql)
        .bind(role)
        .bind(&path)
        .bind(grant.read)
        .bind(grant.insert)
        .bind(grant.update)
        .bind(grant.delete)
        .bind(&grant.rows)
        .bind(hidden.iter().collect::<Vec<_>>())
        .bind(read_only.iter().collect::<Vec<_>>())
        .bind(MOST)
        .bind(relation)
        .bind(grant.manage)
        .bind(by == By::Administrator)
        .execute(pool)
        .await;
    match done {
        Ok(done) if done.rows_affected() == 0 => {
            if by == By::Manager && gives_manage(pool, role, &path).await? {
                return Err(not_theirs());
            }
            Err(ApiError::new(
                "too_many_permissions",
                format!("a role has at most {MOST} permissions"),
                "say what it may do with every table: *",
            ))
        }
        Ok(_) => Ok(Permission {
            role: role.to_owned(),
            table: path,
            grant: grant.clone(),
        }),
        Err(error) if &*sqlstate(&error) == "23503" => Err(unknown_role(role)),
        Err(error) => Err(read_error(&error, "")),
    }
}

/// Takes away what is said of a role and a table: what is said of every table holds then.
///
/// # Errors
/// `unknown_permission`; `not_allowed` where that is about who manages the table, and an
/// administrator does not do it; `database_unavailable`.
pub async fn remove(pool: &PgPool, by: By, role: &str, subject: &Subject) -> Result<(), ApiError> {
    // One of a table that is gone can be taken away too, by its whole name.
    let path = subject.path();
    let sql = "DELETE FROM rowcast.permission p WHERE role = $1 AND table_path = $2 \
           AND ($3 OR NOT (may_manage OR EXISTS ( \
               SELECT FROM rowcast.permission s WHERE s.role = $1 AND s.table_path = '*' AND s.may_manage)))";
    let done = sqlx::query(sql)
        .bind(role)
        .bind(&path)
        .bind(by == By::Administrator)
        .execute(pool)
        .await
        .map_err(|error| read_error(&error, ""))?;
    match done.rows_affected() {
        0 if by == By::Manager
            && (gives_manage(pool, role, &path).await?
                || gives_manage(pool, role, EVERY_TABLE).await?) =>
        {
            Err(not_theirs())
        }
        0 => Err(ApiError::new(
            "unknown_permission",
            format!("nothing is said of {role:?} and {path:?}"),
            "",
        )),
        _ => Ok(()),
    }
}

/// Whether a role may manage a table, by what is said of it or of every table.
async fn gives_manage(pool: &PgPool, role: &str, path: &str) -> Result<bool, ApiError> {
    let sql = "SELECT may_manage FROM rowcast.permission \
         WHERE role = $1 AND table_path IN ($2, '*') ORDER BY table_path = '*' LIMIT 1";
    let gives: Option<bool> = sqlx::query_scalar(sql)
        .bind(role)
        .bind(path)
        .fetch_optional(pool)
        .await
        .map_err(|error| read_error(&error, ""))?;
    Ok(gives.unwrap_or(false))
}

fn not_theirs() -> ApiError {
    ApiError::new(
        "not_allowed",
        "who manages a table is for administrators to say",
        "",
    )
}

fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM rowcast.permission{rest}")
}

fn read(row: &PgRow) -> Result<Permission, sqlx::Error> {
    let names = |at: usize| -> Result<_, sqlx::Error> {
        Ok(row.try_get::<Vec<String>, _>(at)?.into_iter().collect())
    };
    Ok(Permission {
        role: row.try_get(0)?,
        table: row.try_get(1)?,
        grant: Grant {
            read: row.try_get(2)?,
            insert: row.try_get(3)?,
            update: row.try_get(4)?,
            delete: row.try_get(5)?,
            rows: row.try_get(6)?,
            hidden: names(7)?,
            read_only: names(8)?,
            manage: row.try_get(9)?,
        },
    })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("invalid_permission", message, "")
}
