//! Accounts, and what may be done with them.

use rowcast_protocol::ApiError;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use super::identity::{ADMINISTRATOR, AccountId, MEMBER, PUBLIC};
use crate::error::write_error;

/// The most characters of a name.
pub const NAME_LONGEST: usize = 64;

/// How many accounts are listed at once.
pub const LISTED: usize = 1000;

/// An account, as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Names it.
    pub id: AccountId,
    /// What its user is called, and signs in by.
    pub name: String,
    /// Where to write to them.
    pub email: Option<String>,
    /// The roles it was given.
    pub roles: Vec<String>,
    /// Whether it may not be used.
    pub disabled: bool,
    /// What rules may say of its user.
    pub attributes: Map<String, Value>,
    /// The role under which the database is asked for its user, if it has one of its own.
    pub database_role: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When a session of it was last used; `None` if it has none.
    pub seen_at: Option<String>,
}

const COLUMNS: &str = "a.id, a.name, a.email, \
     ARRAY(SELECT r.role FROM rowcast.account_role r WHERE r.account = a.id ORDER BY r.role), \
     a.disabled_at IS NOT NULL, to_jsonb(a.created_at) #>> '{}', \
     (SELECT to_jsonb(max(s.seen_at)) #>> '{}' FROM rowcast.session s WHERE s.account = a.id), \
     a.attributes::text, a.database_role";

/// A name that an account may have.
///
/// # Errors
/// `invalid_name`.
pub fn check_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let is_odd = |c: char| c.is_control() || (c.is_whitespace() && c != ' ') || is_invisible(c);
    let why = if name.is_empty() {
        "it is empty"
    } else if name.chars().count() > NAME_LONGEST {
        "it is longer than 64 characters"
    } else if name.contains(is_odd) || name.contains("  ") {
        "it holds what can't be seen"
    } else {
        return Ok(name.to_owned());
    };
    Err(ApiError::new(
        "invalid_name",
        format!("that name can't be taken: {why}"),
        "1 to 64 characters",
    ))
}

/// What would make two names look alike.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
        | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Makes an account, with a password's hash if it is to have one.
///
/// # Errors
/// `invalid_name`, `name_taken`, `unknown_role`; those of a write.
pub async fn create(
    connection: &mut PgConnection,
    name: &str,
    roles: &[String],
    hash: Option<&str>,
) -> Result<AccountId, ApiError> {
    let name = check_name(name)?;
    let id = sqlx::query_scalar("INSERT INTO rowcast.account (name) VALUES ($1) RETURNING id")
        .bind(&name)
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| failed(&error))?;
    let id = AccountId(id);
    give(connection, id, roles).await?;
    if let Some(hash) = hash {
        keep_password(connection, id, hash).await?;
    }
    Ok(id)
}

/// The same as a whole.
///
/// # Errors
/// As [`create`].
pub async fn add(
    pool: &PgPool,
    name: &str,
    roles: &[String],
    hash: Option<&str>,
) -> Result<AccountId, ApiError> {
    let mut transaction = pool.begin().await.map_err(|error| failed(&error))?;
    let id = create(&mut transaction, name, roles, hash).await?;
    transaction.commit().await.map_err(|error| failed(&error))?;
    Ok(id)
}

/// Says where to write to an account's user, and what rules may say of them, where that is given.
///
/// # Errors
/// `unknown_account`, `invalid_attributes`; those of a write.
pub async fn describe(
    pool: &PgPool,
    id: AccountId,
    email: Option<&str>,
    attributes: Option<&Map<String, Value>>,
) -> Result<(), ApiError> {
    let attributes = attributes.map(|attributes| Value::Object(attributes.clone()).to_string());
    let is_email = |email: &str| {
        (3..=254).contains(&email.chars().count())
            && email.contains('@')
            && !email.contains(char::is_control)
    };
    if attributes
        .as_ref()
        .is_some_and(|text| text.len() > 8192 || text.contains("\\u0000"))
        || email.is_some_and(|email| !email.is_empty() && !is_email(email))
    {
        return Err(ApiError::new(
            "invalid_attributes",
            "the email is none, or the attributes can't be kept",
            "attributes are a JSON object of at most 8192 bytes",
        ));
    }
    let known = sqlx::query(
        "UPDATE rowcast.account a \
            SET email = CASE WHEN $2::text IS NULL THEN a.email ELSE nullif($2, '') END, \
                attributes = coalesce($3::jsonb, a.attributes) \
          WHERE a.id = $1",
    )
    .bind(id.0)
    .bind(email)
    .bind(attributes)
    .execute(pool)
    .await
    .map_err(|error| failed(&error))?;
    match known.rows_affected() {
        0 => Err(unknown_account()),
        _ => Ok(()),
    }
}

/// Says under which role the database is asked for an account's user; `None`: under the one of those
/// who have none of their own.
///
/// # Errors
/// `unknown_account`; `invalid_database_role` if there is none of that name, it is a superuser's, or
/// the server can't take it on; those of a write.
pub async fn set_database_role(
    pool: &PgPool,
    id: AccountId,
    role: Option<&str>,
) -> Result<(), ApiError> {
    let done = sqlx::query(
        "UPDATE rowcast.account a SET database_role = $2 \
          WHERE a.id = $1 AND ($2::text IS NULL OR EXISTS ( \
              SELECT FROM pg_roles r WHERE r.rolname = $2 AND NOT r.rolsuper \
                 AND rowcast.may_take_on(r.oid)))",
    )
    .bind(id.0)
    .bind(role)
    .execute(pool)
    .await
    .map_err(|error| failed(&error))?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    find(pool, id).await?;
    Err(ApiError::new(
        "invalid_database_role",
        "there is no such role in the database, it is a superuser, or the server may not take it on",
        "GRANT the role TO the server's",
    ))
}

/// The accounts by name, as many as [`LISTED`], those behind `after`.
///
/// # Errors
/// Those of a read.
pub async fn list(pool: &PgPool, after: &str) -> Result<Vec<Account>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rowcast.account a WHERE lower(a.name) > lower($1) \
          ORDER BY lower(a.name) LIMIT $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(after)
        .bind(LISTED as i64)
        .fetch_all(pool)
        .await;
    let accounts = rows.and_then(|rows| rows.iter().map(account).collect::<Result<_, _>>());
    accounts.map_err(|error| failed(&error))
}

/// The account of that number.
///
/// # Errors
/// `unknown_account`; those of a read.
pub async fn find(pool: &PgPool, id: AccountId) -> Result<Account, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM rowcast.account a WHERE a.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.0)
        .fetch_optional(pool)
        .await;
    let account = row.and_then(|row| row.as_ref().map(account).transpose());
    account
        .map_err(|error| failed(&error))?
        .ok_or_else(unknown_account)
}

/// The account of that name, in any case.
///
/// # Errors
/// `unknown_account`; those of a read.
pub async fn named(pool: &PgPool, name: &str) -> Result<AccountId, ApiError> {
    let id: Option<i64> =
        sqlx::query_scalar("SELECT a.id FROM rowcast.account a WHERE lower(a.name) = lower($1)")
            .bind(name.trim())
            .fetch_optional(pool)
            .await
            .map_err(|error| failed(&error))?;
    id.map(AccountId).ok_or_else(unknown_account)
}

/// The roles that an account can be given.
///
/// # Errors
/// Those of a read.
pub async fn roles(pool: &PgPool) -> Result<Vec<String>, ApiError> {
    sqlx::query_scalar(
        "SELECT r.name FROM rowcast.role r WHERE r.name NOT IN ('member', 'public') \
          ORDER BY r.is_built_in DESC, r.name",
    )
    .fetch_all(pool)
    .await
    .map_err(|error| failed(&error))
}

/// Gives an account these roles and no others.
///
/// # Errors
/// `unknown_account`, `unknown_role`, `last_administrator`; those of a write.
pub async fn set_roles(pool: &PgPool, id: AccountId, roles: &[String]) -> Result<(), ApiError> {
    let change = async {
        let mut transaction = begin(pool, id).await?;
        sqlx::query("DELETE FROM rowcast.account_role WHERE account = $1 AND role <> ALL ($2)")
            .bind(id.0)
            .bind(roles)
            .execute(&mut *transaction)
            .await
            .map_err(|error| failed(&error))?;
        give(&mut transaction, id, roles).await?;
        if !roles.iter().any(|role| role == ADMINISTRATOR) {
            withdraw_links(&mut transaction, id).await?;
        }
        require_administrator(&mut transaction).await?;
        transaction.commit().await.map_err(|error| failed(&error))
    };
    change.await
}

/// Gives an account, of these roles, those that it is to have and no others; what else it has
/// stays. A role that there is not is given to nobody. The last administrator stays one.
///
/// # Errors
/// `unknown_account`; those of a write.
pub async fn set_roles_of(
    pool: &PgPool,
    id: AccountId,
    of: &[String],
    has: &[String],
) -> Result<(), ApiError> {
    let mut transaction = begin(pool, id).await?;
    let taken = sqlx::query(
        "DELETE FROM rowcast.account_role r \
          WHERE r.account = $1 AND r.role = ANY ($2) AND r.role <> ALL ($3) \
            AND (r.role <> 'administrator' OR EXISTS ( \
                SELECT FROM rowcast.account_role o JOIN rowcast.account a ON a.id = o.account \
                 WHERE o.role = 'administrator' AND o.account <> $1 AND a.disabled_at IS NULL)) \
         RETURNING r.role",
    )
    .bind(id.0)
    .bind(of)
    .bind(has)
    .fetch_all(&mut *transaction)
    .await
    .map_err(|error| failed(&error))?;
    for row in &taken {
        let role: String = row.try_get(0).map_err(|error| failed(&error))?;
        if role == ADMINISTRATOR {
            withdraw_links(&mut transaction, id).await?;
        }
    }
    sqlx::query(
        "INSERT INTO rowcast.account_role (account, role) \
         SELECT $1, r.name FROM rowcast.role r WHERE r.name = ANY ($2) AND r.name = ANY ($3) \
            AND r.name NOT IN ('member', 'public') ON CONFLICT DO NOTHING",
    )
    .bind(id.0)
    .bind(of)
    .bind(has)
    .execute(&mut *transaction)
    .await
    .map_err(|error| failed(&error))?;
    transaction.commit().await.map_err(|error| failed(&error))
}

/// Lets an account be used, or not any more: its sessions end, and its tokens are refused as long.
///
/// # Errors
/// `unknown_account`, `last_administrator`; those of a write.
pub async fn set_disabled(pool: &PgPool, id: AccountId, disabled: bool) -> Result<(), ApiError> {
    let mut transaction = begin(pool, id).await?;
    sqlx::query(
        "UPDATE rowcast.account SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END \
          WHERE id = $1",
    )
    .bind(id.0)
    .bind(disabled)
    .execute(&mut *transaction)
    .await
    .map_err(|error| failed(&error))?;
    if disabled {
        end_sessions(&mut transaction, id, None).await?;
        withdraw_links(&mut transaction, id).await?;
    }
    require_administrator(&mut transaction).await?;
    transaction.commit().await.map_err(|error| failed(&error))
}

/// Sets an account's password. Its sessions end, but for the one of this number; browsers are
/// not known any more, and links that set a password are void.
///
/// # Errors
/// `unknown_account`; those of a write.
pub async fn set_password(
    pool: &PgPool,
    id: AccountId,
    hash: &str,
    keep: Option<i64>,
) -> Result<(), ApiError> {
    let mut transaction = begin(pool, id).await?;
    set_password_in(&mut transaction, id, hash, keep).await?;
    transaction.commit().await.map_err(|error| failed(&error))
}

/// The same within a transaction.
///
/// # Errors
/// Those of a write.
pub async fn set_password_in(
    connection: &mut PgConnection,
    id: AccountId,
    hash: &str,
    keep: Option<i64>,
) -> Result<(), ApiError> {
    keep_password(connection, id, hash).await?;
    end_sessions(connection, id, keep).await?;
    for sql in [
        "DELETE FROM rowcast.device WHERE account = $1",
        "DELETE FROM rowcast.link WHERE account = $1 AND used_at IS NULL",
    ] {
        sqlx::query(sql)
            .bind(id.0)
            .execute(&mut *connection)
            .await
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Ends all sessions of an account; its tokens stay.
///
/// # Errors
/// `unknown_account`; those of a write.
pub async fn sign_out(pool: &PgPool, id: AccountId) -> Result<(), ApiError> {
    let mut transaction = begin(pool, id).await?;
    end_sessions(&mut transaction, id, None).await?;
    transaction.commit().await.map_err(|error| failed(&error))
}

/// Whether there is an administrator that may sign in.
///
/// # Errors
/// Those of a read.
pub async fn has_administrator(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM rowcast.account_role r \
                          JOIN rowcast.account a ON a.id = r.account \
                         WHERE r.role = 'administrator' AND a.disabled_at IS NULL)",
    )
    .fetch_one(connection)
    .await
}

/// There is no such account.
pub fn unknown_account() -> ApiError {
    ApiError::new("unknown_account", "there is no such account", "")
}

/// What PostgreSQL says against a change of an account.
pub fn failed(error: &sqlx::Error) -> ApiError {
    let constraint = error
        .as_database_error()
        .and_then(|error| error.constraint());
    match constraint {
        Some("account_name") => ApiError::new(
            "name_taken",
            "there is an account of that name already",
            "choose another name",
        ),
        Some("account_role_role_fkey" | "account_role_role_check") => ApiError::new(
            "unknown_role",
            "there is no such role to be given",
            "administrator, or one that was made",
        ),
        _ => write_error(error),
    }
}

/// Begins a change of an account. Two that are about roles or administrators follow each other,
/// or each would leave the other's administrator.
async fn begin(
    pool: &PgPool,
    id: AccountId,
) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, ApiError> {
    let mut transaction = pool.begin().await.map_err(|error| failed(&error))?;
    sqlx::query("LOCK TABLE rowcast.account_role IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await
        .map_err(|error| failed(&error))?;
    let known: Option<i64> =
        sqlx::query_scalar("SELECT a.id FROM rowcast.account a WHERE a.id = $1 FOR UPDATE")
            .bind(id.0)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|error| failed(&error))?;
    known.map(|_| transaction).ok_or_else(unknown_account)
}

async fn give(
    connection: &mut PgConnection,
    id: AccountId,
    roles: &[String],
) -> Result<(), ApiError> {
    // All have the one and nobody the other: to be given one is a misunderstanding.
    let roles: Vec<&String> = roles.iter().filter(|role| *role != MEMBER).collect();
    if roles.iter().any(|role| *role == PUBLIC) {
        return Err(ApiError::new(
            "unknown_role",
            "public is the role of those who have not signed in",
            "",
        ));
    }
    sqlx::query(
        "INSERT INTO rowcast.account_role (account, role) SELECT $1, unnest($2::text[]) \
         ON CONFLICT DO NOTHING",
    )
    .bind(id.0)
    .bind(roles)
    .execute(connection)
    .await
    .map_err(|error| failed(&error))?;
    Ok(())
}

async fn keep_password(
    connection: &mut PgConnection,
    id: AccountId,
    hash: &str,
) -> Result<(), ApiError> {
    sqlx::query(
        "INSERT INTO rowcast.password (account, hash) VALUES ($1, $2) \
         ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, changed_at = now()",
    )
    .bind(id.0)
    .bind(hash)
    .execute(connection)
    .await
    .map_err(|error| failed(&error))?;
    Ok(())
}

async fn end_sessions(
    connection: &mut PgConnection,
    id: AccountId,
    keep: Option<i64>,
) -> Result<(), ApiError> {
    sqlx::query("DELETE FROM rowcast.session WHERE account = $1 AND id IS DISTINCT FROM $2")
        .bind(id.0)
        .bind(keep)
        .execute(connection)
        .await
        .map_err(|error| failed(&error))?;
    Ok(())
}

/// What somebody offered who may not offer it any more is void.
async fn withdraw_links(connection: &mut PgConnection, id: AccountId) -> Result<(), ApiError> {
    sqlx::query("DELETE FROM rowcast.link WHERE created_by = $1 AND used_at IS NULL")
        .bind(id.0)
        .execute(connection)
        .await
        .map_err(|error| failed(&error))?;
    Ok(())
}

async fn require_administrator(connection: &mut PgConnection) -> Result<(), ApiError> {
    match has_administrator(connection).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(ApiError::new(
            "last_administrator",
            "nobody would be left who sees to accounts",
            "make somebody else an administrator first",
        )),
        Err(error) => Err(failed(&error)),
    }
}

fn account(row: &PgRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        id: AccountId(row.try_get(0)?),
        name: row.try_get(1)?,
        email: row.try_get(2)?,
        roles: row.try_get(3)?,
        disabled: row.try_get(4)?,
        created_at: row.try_get(5)?,
        seen_at: row.try_get(6)?,
        attributes: serde_json::from_str(row.try_get(7)?)
            .map_err(|error| sqlx::Error::Decode(error.into()))?,
        database_role: row.try_get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_seen() {
        assert_eq!(check_name(" Ann Lee "), Ok("Ann Lee".to_owned()));
        assert_eq!(check_name("Зоя"), Ok("Зоя".to_owned()));
        assert!(check_name(&"é".repeat(64)).is_ok());
        for name in [
            "",
            "  ",
            "a\nb",
            "a\0b",
            "a  b",
            "ann\u{200b}",
            "\u{202e}nna",
            "a\u{a0}b",
            &"é".repeat(65),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
