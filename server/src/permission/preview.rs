//! What a role sees of a table, before anybody is given it.

use std::{collections::BTreeMap, sync::Arc};

use rowcast_protocol::{ApiError, query::Query};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    grant::Grant,
    path::path,
    restrict::{restrict, visible},
    rights::Rights,
};
use crate::{
    auth::{AccountId, Accounts, Identity, account::Account, identity::MEMBER},
    database::{
        catalog::TableMeta,
        impersonation::{Claimant, DatabaseUser},
    },
    error::read_error,
    query::bind::bind,
    state::AppState,
    write::bulk::count_seen,
};

/// What would be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// How many rows.
    pub rows: u64,
    /// How many there are, of those that the database shows them.
    pub of: u64,
    /// Which columns, in the table's order.
    pub columns: Vec<String>,
}

/// Whom rules are tried for.
#[derive(Clone, Debug, PartialEq)]
pub struct Somebody {
    /// Their account; `None`: they have not signed in.
    pub account: Option<AccountId>,
    /// What they are called.
    pub name: String,
    /// What rules may say of them.
    pub attributes: Map<String, Value>,
    /// As whom the database is asked for them.
    pub database: DatabaseUser,
}

impl Somebody {
    /// Whoever that is.
    pub fn of(identity: &Identity) -> Self {
        Self {
            account: identity.account,
            name: identity.name.clone(),
            attributes: identity.attributes.clone(),
            database: identity.database.clone(),
        }
    }

    /// Whoever has that account.
    pub fn of_account(account: Account, accounts: &Accounts) -> Self {
        let roles = account.roles.iter().map(|role| role.as_str().into());
        let who = Claimant {
            id: account.id.0,
            name: &account.name,
            roles: &roles.chain([MEMBER.into()]).collect(),
            attributes: &account.attributes,
        };
        let own = account.database_role.as_deref();
        Self {
            database: accounts.database().of_account(own, who),
            account: Some(account.id),
            name: account.name,
            attributes: account.attributes,
        }
    }
}

/// What somebody would see of a table who has one role alone, which may do this with it. It is to
/// be one that [can be kept to](super::store::check).
///
/// # Errors
/// Those of a read; `invalid_value` where an attribute of theirs does not fit its column.
pub async fn preview(
    state: &AppState,
    somebody: Somebody,
    table: &Arc<TableMeta>,
    grant: &Grant,
) -> Result<Preview, ApiError> {
    let path = path(&table.table.schema, &table.table.name);
    let of_role = BTreeMap::from([(path.clone(), grant.clone())]);
    let as_somebody = |rights: Rights| {
        let mut identity = Identity::nobody(rights).asking_as(somebody.database.clone());
        identity.account = somebody.account;
        identity.name = somebody.name.clone();
        identity.attributes = somebody.attributes.clone();
        identity
    };
    // Going through a table may take long: as many do at a time as there is room for.
    let _place = state.scans.take(None).await;
    // What there is to them, if nothing is kept back here.
    let all = as_somebody(Rights::All);
    let nothing = Preview {
        rows: 0,
        of: 0,
        columns: Vec::new(),
    };
    let Some((of, _)) = seen_of(state, &all, table, &path).await? else {
        return Ok(nothing);
    };
    let limited = as_somebody(Rights::Of(vec![Arc::new(of_role)]));
    match seen_of(state, &limited, table, &path).await? {
        Some((rows, columns)) => Ok(Preview { rows, of, columns }),
        None => Ok(Preview { of, ..nothing }),
    }
}

/// How many rows somebody sees of a table, and which columns; `None` if they may not read it.
async fn seen_of(
    state: &AppState,
    identity: &Identity,
    table: &Arc<TableMeta>,
    path: &str,
) -> Result<Option<(u64, Vec<String>)>, ApiError> {
    let seen = state.seen(identity);
    let limited = match seen.known(Arc::clone(table), path).await {
        Ok(limited) => limited,
        Err(error) if error.code == "unknown_table" => return Ok(None),
        Err(error) => return Err(error),
    };
    let asked = restrict(seen, &limited, Query::default()).await?;
    let query = Query {
        filter: asked.filter,
        ..Query::default()
    };
    let limits = limited.limits.as_deref().cloned().unwrap_or_default();
    let columns = visible(&limits, &limited.table).columns.into_iter();
    let columns = columns.map(|column| column.name).collect();
    let bound = bind(&state.catalog, state.readers.ours(), limited, &query).await?;
    let rows = count_seen(&state.readers, &bound)
        .await
        .map_err(|error| read_error(&error, &table.table.path()))?;
    Ok(Some((rows, columns)))
}
