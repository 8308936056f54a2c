//! Links that may be used once: whoever opens one makes an account, or sets a password.

use std::time::Duration;

use rowcast_protocol::ApiError;
use serde::Serialize;
use sqlx::{PgConnection, PgPool, Row};

use super::{
    account::{self, failed},
    identity::{ADMINISTRATOR, AccountId},
    linked,
    openid::Person,
    secret::{Digest, Secret},
};

/// How long a link to become the first administrator may be used.
pub const FIRST: Duration = Duration::from_secs(86_400);

/// How long an invitation may be used.
pub const INVITATION: Duration = Duration::from_secs(7 * 86_400);

/// How long a link to set a password may be used.
pub const PASSWORD: Duration = Duration::from_secs(86_400);

/// The most links that one account has offered and nobody has used.
const MAX: i64 = 1000;

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To become the first administrator.
    FirstAdministrator,
    /// To make an account of these roles.
    Invitation(Vec<String>),
    /// To set the password of this account.
    Password(AccountId, String),
}

/// Makes the link by which somebody becomes the first administrator, and voids those that were
/// made before; `None` if there is an administrator.
///
/// # Errors
/// Those of a write.
pub async fn first_administrator(pool: &PgPool) -> Result<Option<Secret>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("LOCK TABLE rowcast.link IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await?;
    void_first(&mut transaction).await?;
    let secret = match account::has_administrator(&mut transaction).await? {
        true => None,
        false => {
            let secret = Secret::new();
            sqlx::query(
                "INSERT INTO rowcast.link (kind, token_hash, roles, expires_at) \
                 VALUES ('first_administrator', $1, '{administrator}', \
                         now() + make_interval(secs => $2))",
            )
            .bind(&secret.digest().bytes()[..])
            .bind(FIRST.as_secs_f64())
            .execute(&mut *transaction)
            .await?;
            Some(secret)
        }
    };
    transaction.commit().await?;
    Ok(secret)
}

/// Makes a link by which somebody makes an account of these roles. `by`: who offers it.
///
/// # Errors
/// `unknown_role`, `too_many_links`; those of a write.
pub async fn invite(
    pool: &PgPool,
    by: Option<AccountId>,
    roles: &[String],
) -> Result<Secret, ApiError> {
    let known = account::roles(pool).await?;
    if let Some(role) = roles.iter().find(|role| !known.contains(role)) {
        return Err(ApiError::new(
            "unknown_role",
            format!("there is no role {role:?} to be given"),
            known.join(", "),
        ));
    }
    offer(pool, by, "invitation", None, roles, INVITATION).await
}

/// Makes a link by which the owner of an account sets its password, and voids those made before.
///
/// # Errors
/// `not_allowed` of one's own; `unknown_account`, `too_many_links`; those of a write.
pub async fn set_password(
    pool: &PgPool,
    by: Option<AccountId>,
    of: AccountId,
) -> Result<Secret, ApiError> {
    if by == Some(of) {
        return Err(ApiError::new(
            "not_allowed",
            "one's own password is changed by the old one",
            "change it at /account, or have another administrator make the link",
        ));
    }
    account::find(pool, of).await?;
    sqlx::query("DELETE FROM rowcast.link WHERE account = $1 AND used_at IS NULL")
        .bind(of.0)
        .execute(pool)
        .await
        .map_err(|error| failed(&error))?;
    offer(pool, by, "password", Some(of), &[], PASSWORD).await
}

/// The address that a link has on this server.
pub fn path(secret: &Secret) -> String {
    format!("/join?token={}", secret.reveal())
}

/// What a link is for; `None` if it was used, has expired or never was.
///
/// # Errors
/// Those of a read.
pub async fn look(pool: &PgPool, link: Digest) -> Result<Option<Purpose>, ApiError> {
    let row = sqlx::query(
        "SELECT l.kind, l.roles, l.account, a.name \
           FROM rowcast.link l LEFT JOIN rowcast.account a ON a.id = l.account \
          WHERE l.token_hash = $1 AND l.used_at IS NULL AND l.expires_at > now() \
            AND a.disabled_at IS NULL",
    )
    .bind(&link.bytes()[..])
    .fetch_optional(pool)
    .await;
    let purpose = row.and_then(|row| row.as_ref().map(purpose).transpose());
    purpose.map_err(|error| failed(&error))
}

/// By what whoever uses a link will sign in.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// By a password of this hash.
    Password(&'a str),
    /// By this provider, as this one there.
    Provider(&'a str, &'a Person),
}

/// Uses a link: makes the account, or sets the password, which is done by a password alone. If
/// that can't be done, the link stays.
///
/// # Errors
/// `void_link`; those of making an account.
pub async fn redeem(
    pool: &PgPool,
    link: Digest,
    name: &str,
    by: By<'_>,
) -> Result<AccountId, ApiError> {
    let mut transaction = pool.begin().await.map_err(|error| failed(&error))?;
    // Whoever changes roles follows, and so do two who would both be the first administrator.
    sqlx::query("LOCK TABLE rowcast.account_role IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await
        .map_err(|error| failed(&error))?;
    let row = sqlx::query(
        "UPDATE rowcast.link l SET used_at = now() \
          WHERE l.token_hash = $1 AND l.used_at IS NULL AND l.expires_at > now() \
            AND NOT EXISTS (SELECT FROM rowcast.account a \
                             WHERE a.id = l.account AND a.disabled_at IS NOT NULL) \
         RETURNING l.kind, l.roles, l.account, NULL::text",
    )
    .bind(&link.bytes()[..])
    .fetch_optional(&mut *transaction)
    .await;
    let purpose = row.and_then(|row| row.as_ref().map(purpose).transpose());
    let purpose = purpose.map_err(|error| failed(&error))?;
    let id = match purpose.ok_or_else(void_link)? {
        Purpose::FirstAdministrator => {
            let is_late = account::has_administrator(&mut transaction).await;
            if is_late.map_err(|error| failed(&error))? {
                return Err(void_link());
            }
            let roles = [ADMINISTRATOR.to_owned()];
            let id = create(&mut transaction, name, &roles, by).await?;
            void_first(&mut transaction)
                .await
                .map_err(|error| failed(&error))?;
            id
        }
        Purpose::Invitation(roles) => create(&mut transaction, name, &roles, by).await?,
        Purpose::Password(id, _) => {
            let By::Password(hash) = by else {
                return Err(void_link());
            };
            account::set_password_in(&mut transaction, id, hash, None).await?;
            id
        }
    };
    transaction.commit().await.map_err(|error| failed(&error))?;
    Ok(id)
}

/// A link that nobody has used yet, as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenLink {
    /// Names it.
    pub id: i64,
    /// The roles of the account that it makes.
    pub roles: Vec<String>,
    /// Whose password it sets; `None`: it makes an account.
    pub user: Option<AccountId>,
    /// What that account is called.
    pub name: Option<String>,
    /// Who offered it.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
}

/// How many open links are listed.
const LISTED: i64 = 1000;

/// The links that may still be used, the newest first, at most a thousand; but for that by which
/// somebody becomes the first administrator.
///
/// # Errors
/// Those of a read.
pub async fn open(pool: &PgPool) -> Result<Vec<OpenLink>, ApiError> {
    let rows = sqlx::query(
        "SELECT l.id, l.roles, l.account, a.name, b.name, \
                to_jsonb(l.created_at) #>> '{}', to_jsonb(l.expires_at) #>> '{}' \
           FROM rowcast.link l LEFT JOIN rowcast.account a ON a.id = l.account \
           LEFT JOIN rowcast.account b ON b.id = l.created_by \
          WHERE l.kind <> 'first_administrator' AND l.used_at IS NULL AND l.expires_at > now() \
          ORDER BY l.id DESC LIMIT $1",
    )
    .bind(LISTED)
    .fetch_all(pool)
    .await
    .map_err(|error| failed(&error))?;
    let link = |row: &sqlx::postgres::PgRow| -> Result<OpenLink, sqlx::Error> {
        Ok(OpenLink {
            id: row.try_get(0)?,
            roles: row.try_get(1)?,
            user: row.try_get::<Option<i64>, _>(2)?.map(AccountId),
            name: row.try_get(3)?,
            created_by: row.try_get(4)?,
            created_at: row.try_get(5)?,
            expires_at: row.try_get(6)?,
        })
    };
    let links = rows.iter().map(link).collect::<Result<_, _>>();
    links.map_err(|error| failed(&error))
}

/// Takes back a link that nobody has used yet.
///
/// # Errors
/// `unknown_invitation`; those of a write.
pub async fn withdraw(pool: &PgPool, id: i64) -> Result<(), ApiError> {
    let done = sqlx::query(
        "DELETE FROM rowcast.link WHERE id = $1 AND used_at IS NULL \
            AND kind <> 'first_administrator' AND expires_at > now()",
    )
    .bind(id)
    .execute(pool)
    .await
    .map_err(|error| failed(&error))?;
    match done.rows_affected() {
        0 => Err(ApiError::new(
            "unknown_invitation",
            "there is no such link that waits to be used",
            "it may have been used, or have ended",
        )),
        _ => Ok(()),
    }
}

/// Removes those that can't be used any more.
///
/// # Errors
/// Those of a write.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM rowcast.link WHERE expires_at < now() OR used_at IS NOT NULL")
        .execute(pool)
        .await?;
    Ok(())
}

/// The link was used, or has expired, or never was: the three answer alike.
pub fn void_link() -> ApiError {
    ApiError::new(
        "void_link",
        "this link can't be used: it was used already, or is too old",
        "ask for another one",
    )
}

async fn create(
    connection: &mut PgConnection,
    name: &str,
    roles: &[String],
    by: By<'_>,
) -> Result<AccountId, ApiError> {
    match by {
        By::Password(hash) => account::create(connection, name, roles, Some(hash)).await,
        By::Provider(issuer, person) => {
            let id = account::create(connection, name, roles, None).await?;
            linked::link(connection, id, issuer, person).await?;
            Ok(id)
        }
    }
}

async fn offer(
    pool: &PgPool,
    by: Option<AccountId>,
    kind: &str,
    account: Option<AccountId>,
    roles: &[String],
    lasts: Duration,
) -> Result<Secret, ApiError> {
    let secret = Secret::new();
    let offered = sqlx::query(
        "INSERT INTO rowcast.link (kind, token_hash, account, roles, created_by, expires_at) \
         SELECT $1, $2, $3, $4, $5, now() + make_interval(secs => $6) \
          WHERE (SELECT count(*) FROM rowcast.link l WHERE l.created_by = $5 \
                    AND l.used_at IS NULL AND l.expires_at > now()) < $7",
    )
    .bind(kind)
    .bind(&secret.digest().bytes()[..])
    .bind(account.map(|account| account.0))
    .bind(roles)
    .bind(by.map(|by| by.0))
    .bind(lasts.as_secs_f64())
    .bind(MAX)
    .execute(pool)
    .await
    .map_err(|error| failed(&error))?;
    match offered.rows_affected() {
        0 => Err(ApiError::new(
            "too_many_links",
            format!("{MAX} links are waiting to be used"),
            "they end after a week",
        )),
        _ => Ok(secret),
    }
}

async fn void_first(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM rowcast.link WHERE kind = 'first_administrator' AND used_at IS NULL")
        .execute(connection)
        .await?;
    Ok(())
}

fn purpose(row: &sqlx::postgres::PgRow) -> Result<Purpose, sqlx::Error> {
    let kind: String = row.try_get(0)?;
    let account: Option<i64> = row.try_get(2)?;
    Ok(match (kind.as_str(), account) {
        ("first_administrator", _) => Purpose::FirstAdministrator,
        ("password", Some(account)) => {
            let name: Option<String> = row.try_get(3)?;
            Purpose::Password(AccountId(account), name.unwrap_or_default())
        }
        _ => Purpose::Invitation(row.try_get(1)?),
    })
}
