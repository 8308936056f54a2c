//! What the database says of sessions and tokens.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value};
use sqlx::{PgPool, Row, postgres::PgRow};

use super::{
    identity::{AccountId, Credential, Identity, MEMBER, PUBLIC, Scope},
    secret::Digest,
    session::IDLE,
};
use crate::{
    database::impersonation::{Claimant, DatabaseRoles},
    permission::{
        Rights,
        store::{ByRole, of_roles},
    },
};

/// How many are looked up at once.
const BATCH: usize = 1000;

/// How old what is kept of a last use gets before it is written again, in seconds.
const SEEN_SECONDS: i32 = 50;

/// Somebody who may be here.
pub struct Found {
    /// By what.
    pub digest: Digest,
    /// Who it is.
    pub identity: Identity,
    /// For how long, unless it is used.
    pub left: Duration,
}

const SQL: &str = "\
    SELECT s.token_hash, s.id, NULL::text[], \
           extract(epoch FROM least(s.expires_at, s.seen_at + make_interval(secs => $2)) - now())::float8, \
           a.id, a.name, a.attributes::text, \
           ARRAY(SELECT r.role FROM rowcast.account_role r WHERE r.account = a.id), a.database_role, \
           ARRAY(SELECT m.channel FROM rowcast.channel_member m \
                   JOIN rowcast.channel c ON c.id = m.channel AND c.is_private \
                  WHERE m.account = a.id) \
      FROM rowcast.session s JOIN rowcast.account a ON a.id = s.account \
     WHERE s.token_hash = ANY ($1) AND a.disabled_at IS NULL \
       AND s.expires_at > now() AND s.seen_at + make_interval(secs => $2) > now() \
    UNION ALL \
    SELECT t.token_hash, t.id, t.scopes, \
           least(extract(epoch FROM t.expires_at - now()), 31536000)::float8, \
           a.id, a.name, a.attributes::text, \
           ARRAY(SELECT r.role FROM rowcast.account_role r WHERE r.account = a.id), a.database_role, \
           ARRAY(SELECT m.channel FROM rowcast.channel_member m \
                   JOIN rowcast.channel c ON c.id = m.channel AND c.is_private \
                  WHERE m.account = a.id) \
      FROM rowcast.token t JOIN rowcast.account a ON a.id = t.account \
     WHERE t.token_hash = ANY ($1) AND a.disabled_at IS NULL AND t.revoked_at IS NULL \
       AND (t.expires_at IS NULL OR t.expires_at > now())";

/// Those of them that still hold.
///
/// # Errors
/// Those of a read.
pub async fn look_up(
    pool: &PgPool,
    database: &DatabaseRoles,
    digests: &[Digest],
) -> Result<Vec<Found>, sqlx::Error> {
    let mut found = Vec::with_capacity(digests.len());
    for batch in digests.chunks(BATCH) {
        let rows = sqlx::query(SQL)
            .bind(
                batch
                    .iter()
                    .map(|digest| &digest.bytes()[..])
                    .collect::<Vec<_>>(),
            )
            .bind(IDLE.as_secs_f64())
            .fetch_all(pool)
            .await?;
        let mut all_roles = BTreeSet::from([MEMBER, PUBLIC]);
        let mut roles: Vec<Vec<String>> = Vec::with_capacity(rows.len());
        for row in &rows {
            roles.push(row.try_get(7)?);
        }
        all_roles.extend(roles.iter().flatten().map(String::as_str));
        let all_roles: Vec<&str> = all_roles.into_iter().collect();
        let permissions = match rows.is_empty() {
            true => ByRole::default(),
            false => of_roles(pool, &all_roles).await?,
        };
        for (row, roles) in rows.iter().zip(&roles) {
            let given = roles.iter().map(String::as_str);
            let rights = permissions.rights(given.chain([MEMBER, PUBLIC]));
            found.push(read(row, database, roles, rights)?);
        }
    }
    Ok(found)
}

/// What those may do who have not signed in.
///
/// # Errors
/// Those of a read.
pub async fn public_rights(pool: &PgPool) -> Result<Rights, sqlx::Error> {
    Ok(of_roles(pool, &[PUBLIC]).await?.rights([PUBLIC]))
}

/// Writes that these were used just now, where that is not known already.
///
/// # Errors
/// Those of a write.
pub async fn touch(pool: &PgPool, digests: &[Digest]) -> Result<(), sqlx::Error> {
    for batch in digests.chunks(BATCH) {
        let batch: Vec<&[u8]> = batch.iter().map(|digest| &digest.bytes()[..]).collect();
        for sql in [
            "UPDATE rowcast.session s SET seen_at = now() WHERE s.token_hash = ANY ($1) \
                AND s.seen_at < now() - make_interval(secs => $2)",
            "UPDATE rowcast.token t SET last_used_at = now() WHERE t.token_hash = ANY ($1) \
                AND (t.last_used_at IS NULL OR t.last_used_at < now() - make_interval(secs => $2))",
        ] {
            sqlx::query(sql)
                .bind(&batch)
                .bind(f64::from(SEEN_SECONDS))
                .execute(pool)
                .await?;
        }
    }
    Ok(())
}

fn read(
    row: &PgRow,
    database: &DatabaseRoles,
    roles: &[String],
    rights: Rights,
) -> Result<Found, sqlx::Error> {
    let digest = Digest::from_bytes(row.try_get(0)?)
        .ok_or_else(|| sqlx::Error::Decode("a hash of another length".into()))?;
    let id: i64 = row.try_get(1)?;
    let scopes: Option<Vec<String>> = row.try_get(2)?;
    let left: f64 = row.try_get(3)?;
    let attributes: Map<String, Value> =
        serde_json::from_str(row.try_get(6)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let (scope, credential) = match scopes {
        None => (Scope::Admin, Credential::Session(id)),
        Some(scopes) => {
            let widest = scopes.iter().filter_map(|name| Scope::named(name)).max();
            (widest.unwrap_or(Scope::Read), Credential::Token(id))
        }
    };
    let id = AccountId(row.try_get(4)?);
    let identity = Identity::of_account(
        id,
        row.try_get(5)?,
        roles.iter().map(|role| role.as_str().into()),
        rights,
        attributes,
        scope,
        credential,
    );
    let who = Claimant {
        id: id.0,
        name: &identity.name,
        roles: &identity.roles,
        attributes: &identity.attributes,
    };
    let user = database.of_account(row.try_get(8)?, who);
    let channels: Vec<i64> = row.try_get(9)?;
    Ok(Found {
        digest,
        identity: identity.asking_as(user).in_channels(channels),
        left: Duration::try_from_secs_f64(left).unwrap_or_default(),
    })
}
