//! Telling somebody something.

use rowcast_protocol::ApiError;
use serde::Deserialize;
use sqlx::{PgPool, postgres::PgDatabaseError};

use crate::{
    auth::{AccountId, Identity, account, rights::require_administrator},
    error::write_error,
};

/// What somebody is to be told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    /// Who: a name, or `#` and the number of an account; `None`: whoever asks.
    #[serde(default)]
    pub user: Option<String>,
    /// What, on one line.
    pub title: String,
    /// More of it.
    #[serde(default)]
    pub body: String,
    /// Where it leads: a path of this server, or an `https://` address.
    #[serde(default)]
    pub link: String,
}

impl New {
    /// Whom to tell, if whoever asks may: administrators tell everybody, others themselves.
    ///
    /// # Errors
    /// `not_allowed`; `no_account` where that is nobody.
    pub fn addressee(&self, identity: &Identity) -> Result<String, ApiError> {
        let own = identity.account.map(|AccountId(id)| format!("#{id}"));
        let Some(user) = &self.user else {
            return super::reader(identity).map(|AccountId(id)| format!("#{id}"));
        };
        let is_oneself = own.as_ref() == Some(user)
            || identity
                .signed_in()
                .is_some_and(|(_, name)| name == user.trim() && !user.starts_with('#'));
        if !is_oneself {
            require_administrator(identity)?;
        }
        Ok(if is_oneself { own } else { None }.unwrap_or_else(|| user.clone()))
    }
}

/// Tells `user` something, as `sender`, and notes that; says its number.
///
/// # Errors
/// `unknown_account`, `invalid_notification`; those of a write.
pub async fn send(pool: &PgPool, sender: &str, user: &str, new: &New) -> Result<i64, ApiError> {
    sqlx::query_scalar(
        "WITH told AS MATERIALIZED (SELECT rowcast.deliver($1, $2, $3, $4, $5) AS id), \
              noted AS MATERIALIZED ( \
                  SELECT rowcast.note('notification_sent', subject => rowcast.account_of($2), \
                                      details => jsonb_build_object('notification', t.id)) AS entry \
                    FROM told t) \
         SELECT t.id FROM told t, noted n WHERE n.entry IS NOT NULL",
    )
    .bind(sender)
    .bind(user)
    .bind(&new.title)
    .bind(&new.body)
    .bind(&new.link)
    .fetch_one(pool)
    .await
    .map_err(|error| refused(&error))
}

/// `rowcast.deliver` says in fixed words what is wrong.
fn refused(error: &sqlx::Error) -> ApiError {
    let known = error.as_database_error().and_then(|error| {
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        match error.code() {
            "P0002" => Some(account::unknown_account()),
            "22023" => Some(ApiError::new(
                "invalid_notification",
                error.message(),
                error.hint().unwrap_or_default(),
            )),
            _ => None,
        }
    });
    known.unwrap_or_else(|| write_error(error))
}
