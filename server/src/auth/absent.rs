//! Who accounts are while they are away: what is done for them is done by what they may now.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};
use sqlx::{PgPool, Row};

use super::identity::{AccountId, Credential, Identity, MEMBER, PUBLIC, Scope};
use crate::{
    database::impersonation::{Claimant, DatabaseRoles},
    permission::store::of_roles,
};

/// Those of these accounts that are not disabled, as they would be if they signed in now.
///
/// # Errors
/// Those of a read.
pub async fn identities(
    pool: &PgPool,
    database: &DatabaseRoles,
    accounts: &[i64],
) -> Result<HashMap<i64, Identity>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT a.id, a.name, a.attributes::text, a.database_role, \
                ARRAY(SELECT r.role FROM rowcast.account_role r WHERE r.account = a.id) \
           FROM rowcast.account a WHERE a.id = ANY ($1) AND a.disabled_at IS NULL",
    )
    .bind(accounts)
    .fetch_all(pool)
    .await?;
    let mut roles: Vec<Vec<String>> = Vec::with_capacity(rows.len());
    for row in &rows {
        roles.push(row.try_get(4)?);
    }
    let mut all = BTreeSet::from([MEMBER, PUBLIC]);
    all.extend(roles.iter().flatten().map(String::as_str));
    let all: Vec<&str> = all.into_iter().collect();
    let permissions = of_roles(pool, &all).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for (row, roles) in rows.iter().zip(&roles) {
        let given = roles.iter().map(String::as_str);
        let rights = permissions.rights(given.chain([MEMBER, PUBLIC]));
        let attributes: Map<String, Value> = serde_json::from_str(row.try_get(2)?)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        let id: i64 = row.try_get(0)?;
        let mut identity = Identity::of_account(
            AccountId(id),
            row.try_get(1)?,
            roles.iter().map(|role| role.as_str().into()),
            rights,
            attributes,
            Scope::Admin,
            Credential::Session(0),
        );
        // They prove themselves by nothing: they are not here.
        identity.credential = None;
        let who = Claimant {
            id,
            name: &identity.name,
            roles: &identity.roles,
            attributes: &identity.attributes,
        };
        let user = database.of_account(row.try_get(3)?, who);
        found.insert(id, identity.asking_as(user));
    }
    Ok(found)
}
