//! Who the owners of accounts are at identity providers.

use rowcast_protocol::ApiError;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row, postgres::PgRow};

use super::{
    account::failed,
    identity::AccountId,
    openid::{
        Person,
        flow::{self, Flow, Kind, Purpose},
    },
    secret::Digest,
};

/// The most of an account.
const MAX: i64 = 10;

/// Somebody at a provider, as the account's owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Names it.
    pub id: i64,
    /// The provider.
    pub issuer: String,
    /// What they are called there.
    pub name: String,
    /// Since when.
    pub created_at: String,
    /// When somebody last signed in by it.
    pub used_at: Option<String>,
}

/// An account that somebody is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Which.
    pub account: AccountId,
    /// Whether it may not be used.
    pub is_disabled: bool,
}

/// The account of whom a provider has signed in.
///
/// # Errors
/// Those of a write.
pub async fn find(pool: &PgPool, issuer: &str, person: &Person) -> Result<Option<Owned>, ApiError> {
    let row = sqlx::query(
        "UPDATE rowcast.identity i SET used_at = now(), name = coalesce($3, i.name) \
           FROM rowcast.account a \
          WHERE i.issuer = $1 AND i.subject = $2 AND a.id = i.account \
         RETURNING a.id, a.disabled_at IS NOT NULL",
    )
    .bind(issuer)
    .bind(&person.subject)
    .bind(&person.name)
    .fetch_optional(pool)
    .await;
    let owned = |row: &PgRow| {
        Ok::<_, sqlx::Error>(Owned {
            account: AccountId(row.try_get(0)?),
            is_disabled: row.try_get(1)?,
        })
    };
    let owned = row.and_then(|row| row.as_ref().map(owned).transpose());
    owned.map_err(|error| failed(&error))
}

/// Has an account be found by whom a provider has signed in.
///
/// # Errors
/// `identity_taken`, `too_many_identities`; those of a write.
pub async fn link(
    connection: &mut PgConnection,
    account: AccountId,
    issuer: &str,
    person: &Person,
) -> Result<(), ApiError> {
    let linked = sqlx::query(
        "INSERT INTO rowcast.identity (account, issuer, subject, name) \
         SELECT $1, $2, $3, $4 \
          WHERE (SELECT count(*) FROM rowcast.identity i WHERE i.account = $1) < $5",
    )
    .bind(account.0)
    .bind(issuer)
    .bind(&person.subject)
    .bind(person.name.as_deref().unwrap_or_default())
    .bind(MAX)
    .execute(connection)
    .await;
    let is_taken = |error: &sqlx::Error| {
        let error = error.as_database_error();
        error.is_some_and(|error| error.constraint() == Some("identity_subject"))
    };
    match linked {
        Ok(done) if done.rows_affected() == 0 => Err(ApiError::new(
            "too_many_identities",
            format!("an account is linked to {MAX} at most"),
            "unlink one that is not used",
        )),
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(ApiError::new(
            "identity_taken",
            "an account is linked to that already",
            "unlink it there, or sign in by it",
        )),
        Err(error) => Err(failed(&error)),
    }
}

/// Those of an account.
///
/// # Errors
/// Those of a read.
pub async fn list(pool: &PgPool, account: AccountId) -> Result<Vec<Linked>, ApiError> {
    let rows = sqlx::query(
        "SELECT i.id, i.issuer, i.name, to_jsonb(i.created_at) #>> '{}', \
                to_jsonb(i.used_at) #>> '{}' \
           FROM rowcast.identity i WHERE i.account = $1 ORDER BY i.id",
    )
    .bind(account.0)
    .fetch_all(pool)
    .await;
    let linked = rows.and_then(|rows| rows.iter().map(read).collect::<Result<_, _>>());
    linked.map_err(|error| failed(&error))
}

/// Whether an account has a password.
///
/// # Errors
/// Those of a read.
pub async fn has_password(pool: &PgPool, account: AccountId) -> Result<bool, ApiError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM rowcast.password p WHERE p.account = $1)")
        .bind(account.0)
        .fetch_one(pool)
        .await
        .map_err(|error| failed(&error))
}

/// Has an account not be found by that one any more, and ends the sessions that began by its
/// provider, but for the one of this number. `issuer`: the provider that one may sign in by, if
/// there is one.
///
/// # Errors
/// `unknown_identity`; `last_identity` where nothing else is left to sign in by; those of a write.
pub async fn unlink(
    pool: &PgPool,
    account: AccountId,
    id: i64,
    issuer: Option<&str>,
    keep: Option<i64>,
) -> Result<(), ApiError> {
    let mut transaction = pool.begin().await.map_err(|error| failed(&error))?;
    // Two at once would each leave the other's.
    sqlx::query("SELECT FROM rowcast.account a WHERE a.id = $1 FOR UPDATE")
        .bind(account.0)
        .execute(&mut *transaction)
        .await
        .map_err(|error| failed(&error))?;
    let row = sqlx::query(
        "SELECT i.issuer, EXISTS (SELECT FROM rowcast.password p WHERE p.account = $1) \
             OR EXISTS (SELECT FROM rowcast.identity o \
                         WHERE o.account = $1 AND o.id <> $2 AND o.issuer = $3) \
           FROM rowcast.identity i WHERE i.account = $1 AND i.id = $2",
    )
    .bind(account.0)
    .bind(id)
    .bind(issuer)
    .fetch_optional(&mut *transaction)
    .await
    .map_err(|error| failed(&error))?;
    let Some(row) = row else {
        return Err(ApiError::new(
            "unknown_identity",
            "the account is not linked to that",
            "it may have been unlinked meanwhile",
        ));
    };
    let by: String = row.try_get(0).map_err(|error| failed(&error))?;
    if !row.try_get(1).map_err(|error| failed(&error))? {
        return Err(ApiError::new(
            "last_identity",
            "nothing would be left to sign in by",
            "an administrator can make a link by which you set a password",
        ));
    }
    sqlx::query("DELETE FROM rowcast.identity WHERE account = $1 AND id = $2")
        .bind(account.0)
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(|error| failed(&error))?;
    sqlx::query(
        "DELETE FROM rowcast.session \
          WHERE account = $1 AND provider = $2 AND id IS DISTINCT FROM $3",
    )
    .bind(account.0)
    .bind(by)
    .bind(keep)
    .execute(&mut *transaction)
    .await
    .map_err(|error| failed(&error))?;
    transaction.commit().await.map_err(|error| failed(&error))
}

/// Keeps what a sign-in is for that does more than that, until its answer comes.
///
/// # Errors
/// Those of a write.
pub async fn keep_purpose(pool: &PgPool, flow: &Flow, purpose: Purpose) -> Result<(), ApiError> {
    let (link, account) = match purpose {
        Purpose::SignIn => return Ok(()),
        Purpose::Join(link) => (Some(link), None),
        Purpose::Link(account) => (None, Some(account)),
    };
    sqlx::query(
        "INSERT INTO rowcast.openid_flow (flow_hash, link_hash, account) VALUES ($1, $2, $3)",
    )
    .bind(&flow.mark().bytes()[..])
    .bind(link.map(|link| link.bytes().to_vec()))
    .bind(account.map(|account| account.0))
    .execute(pool)
    .await
    .map_err(|error| failed(&error))?;
    Ok(())
}

/// Takes the answer for a sign-in: what that is for, if it was begun for it and its answer was not
/// taken before.
///
/// # Errors
/// Those of a write.
pub async fn take_answer(pool: &PgPool, flow: &Flow) -> Result<Option<Purpose>, ApiError> {
    let mark = flow.mark();
    let row = sqlx::query(
        "WITH taken AS (INSERT INTO rowcast.openid_answer (flow_hash) VALUES ($1) \
                        ON CONFLICT DO NOTHING RETURNING flow_hash), \
              begun AS (DELETE FROM rowcast.openid_flow f USING taken t \
                         WHERE f.flow_hash = t.flow_hash RETURNING f.*) \
         SELECT b.link_hash, b.account FROM taken LEFT JOIN begun b USING (flow_hash)",
    )
    .bind(&mark.bytes()[..])
    .fetch_optional(pool)
    .await
    .map_err(|error| failed(&error))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let link: Option<Vec<u8>> = row.try_get(0).map_err(|error| failed(&error))?;
    let account: Option<i64> = row.try_get(1).map_err(|error| failed(&error))?;
    Ok(match flow.kind {
        Kind::SignIn => Some(Purpose::SignIn),
        Kind::Join => link
            .and_then(|link| Digest::from_bytes(&link))
            .map(Purpose::Join),
        Kind::Link => account.map(|account| Purpose::Link(AccountId(account))),
    })
}

/// Removes what is kept of sign-ins that can't be ended any more.
///
/// # Errors
/// Those of a write.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    for table in ["openid_answer", "openid_flow"] {
        let sql = format!(
            "DELETE FROM rowcast.{table} WHERE at < pg_catalog.now() - pg_catalog.make_interval(secs => $1)"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(2.0 * flow::LASTS.as_secs_f64())
            .execute(pool)
            .await?;
    }
    Ok(())
}

fn read(row: &PgRow) -> Result<Linked, sqlx::Error> {
    Ok(Linked {
        id: row.try_get(0)?,
        issuer: row.try_get(1)?,
        name: row.try_get(2)?,
        created_at: row.try_get(3)?,
        used_at: row.try_get(4)?,
    })
}
