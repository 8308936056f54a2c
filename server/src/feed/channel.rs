//! Channels, as somebody has them.

use rowcast_protocol::ApiError;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row, postgres::PgRow};

use super::unknown_channel;
use crate::{auth::Identity, error::read_error};

/// How many unread posts of a channel are counted: of more it is said that there are as many.
const COUNTED: i64 = 100;

/// Who posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Those who may, and all are told.
    Announcements,
    /// Whoever is in it.
    Discussion,
}

impl Kind {
    /// Its name in the public interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Announcements => "announcements",
            Self::Discussion => "discussion",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "announcements" => Self::Announcements,
            _ => Self::Discussion,
        }
    }
}

/// A channel, and how somebody has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Channel {
    /// Names it in the tables.
    pub id: i64,
    /// As its address has it.
    pub name: String,
    /// Who posts.
    pub kind: Kind,
    /// Whether those alone are in it who were let in.
    pub private: bool,
    /// What it is about.
    pub topic: String,
    /// Whether nobody posts any more.
    pub archived: bool,
    /// Whether they are in it; administrators know of others, too.
    pub member: bool,
    /// Whether they may post.
    pub may_post: bool,
    /// Whether they are told of nothing in it.
    pub muted: bool,
    /// The last post that they have read.
    pub read_to: i64,
    /// How many there are behind it that are not their own; 100: that many or more.
    pub unread: i64,
}

const COLUMNS: &str = "c.id, c.name, c.kind, c.is_private, c.topic, c.archived_at IS NOT NULL, \
    NOT c.is_private OR m.account IS NOT NULL, coalesce(m.may_post, false), \
    coalesce(m.is_muted, false), coalesce(m.read_to, 0)";

const FROM: &str = "rowcast.channel c \
    LEFT JOIN rowcast.channel_member m ON m.channel = c.id AND m.account = $1";

/// Those that somebody is in, and for administrators all, by name.
///
/// # Errors
/// `no_account`; those of a read.
pub async fn list(pool: &PgPool, identity: &Identity) -> Result<Vec<Channel>, ApiError> {
    let (account, _) = super::participant(identity)?;
    let sql = format!(
        "SELECT {COLUMNS}, CASE WHEN NOT c.is_private OR m.account IS NOT NULL THEN \
                (SELECT count(*) FROM (SELECT FROM rowcast.post p \
                  WHERE p.channel = c.id AND p.id > coalesce(m.read_to, 0) \
                    AND p.author IS DISTINCT FROM $1 AND p.deleted_at IS NULL LIMIT {COUNTED}) AS u) \
                ELSE 0 END \
           FROM {FROM} WHERE NOT c.is_private OR m.account IS NOT NULL OR $2 \
          ORDER BY c.archived_at IS NOT NULL, c.name"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(account.0)
        .bind(identity.is_administrator())
        .fetch_all(pool)
        .await;
    let channels = rows.and_then(|rows| rows.iter().map(|row| read(row, identity)).collect());
    channels.map_err(|error| read_error(&error, "rowcast.channel"))
}

/// The channel of that name, if somebody is in it, or is an administrator. How many unread posts it
/// has is not counted.
///
/// # Errors
/// `no_account`, `unknown_channel`; those of a read.
pub async fn find(pool: &PgPool, identity: &Identity, name: &str) -> Result<Channel, ApiError> {
    let (account, _) = super::participant(identity)?;
    let sql = format!(
        "SELECT {COLUMNS}, 0::int8 FROM {FROM} \
          WHERE c.name = $3 AND (NOT c.is_private OR m.account IS NOT NULL OR $2)"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(account.0)
        .bind(identity.is_administrator())
        .bind(name)
        .fetch_optional(pool)
        .await;
    let found = row.and_then(|row| row.map(|row| read(&row, identity)).transpose());
    found
        .map_err(|error| read_error(&error, "rowcast.channel"))?
        .ok_or_else(unknown_channel)
}

impl Channel {
    /// The same, if they are in it.
    ///
    /// # Errors
    /// `unknown_channel`, as if it did not exist.
    pub fn joined(self) -> Result<Self, ApiError> {
        match self.member {
            true => Ok(self),
            false => Err(unknown_channel()),
        }
    }
}

fn read(row: &PgRow, identity: &Identity) -> Result<Channel, sqlx::Error> {
    let kind = Kind::named(row.try_get(2)?);
    let archived: bool = row.try_get(5)?;
    let member: bool = row.try_get(6)?;
    let is_poster: bool = row.try_get(7)?;
    let may_post = kind == Kind::Discussion || is_poster || identity.is_administrator();
    Ok(Channel {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        kind,
        private: row.try_get(3)?,
        topic: row.try_get(4)?,
        archived,
        member,
        may_post: may_post && member && !archived,
        muted: row.try_get(8)?,
        read_to: row.try_get(9)?,
        unread: row.try_get(10)?,
    })
}
