//! What a role sees of a table, before anybody is given it.

use std::{collections::BTreeMap, sync::Arc};

use rowcast_protocol::{
    ApiError,
    query::{Filter, Query},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    grant::Grant,
    path::path,
    restrict::{restrict, visible},
    rights::Rights,
};
use crate::{
    auth::{AccountId, Identity, account::Account},
    database::catalog::TableMeta,
    error::read_error,
    query::bind::bind,
    state::AppState,
    write::bulk::count,
};

/// What would be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// How many rows.
    pub rows: u64,
    /// How many there are.
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
}

impl Somebody {
    /// Whoever that is.
    pub fn of(identity: &Identity) -> Self {
        Self {
            account: identity.account,
            name: identity.name.clone(),
            attributes: identity.attributes.clone(),
        }
    }
}

impl From<Account> for Somebody {
    fn from(account: Account) -> Self {
        Self {
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
    let mut identity = Identity::nobody(Rights::Of(vec![Arc::new(of_role)]));
    identity.account = somebody.account;
    identity.name = somebody.name;
    identity.attributes = somebody.attributes;
    let seen = state.seen(&identity);
    // Going through a table may take long: as many do at a time as there is room for.
    let _place = state.scans.acquire().await;
    let counted = async |filter: Vec<Filter>| {
        let query = Query {
            filter,
            ..Query::default()
        };
        let bound = bind(&state.catalog, &state.pool, Arc::clone(table), &query).await?;
        let counted = count(&state.pool, &bound).await;
        counted.map_err(|error| read_error(&error, &table.table.path()))
    };
    let of = counted(Vec::new()).await?;
    let limited = match seen.known(Arc::clone(table), &path).await {
        Ok(limited) => limited,
        Err(error) if error.code == "unknown_table" => {
            let (rows, columns) = (0, Vec::new());
            return Ok(Preview { rows, of, columns });
        }
        Err(error) => return Err(error),
    };
    let asked = restrict(seen, &limited, Query::default()).await?;
    let limits = limited.limits.as_deref().cloned().unwrap_or_default();
    let columns = visible(&limits, &table.table).columns.into_iter();
    Ok(Preview {
        rows: counted(asked.filter).await?,
        of,
        columns: columns.map(|column| column.name).collect(),
    })
}
