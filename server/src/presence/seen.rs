//! What a page says of itself, checked.

use rowcast_protocol::{ApiError, RowKey, Table, query::known_column};
use serde::Deserialize;

use crate::auth::Identity;

/// The most characters of a session's name.
const SESSION: usize = 64;

/// The most characters of a person's name.
const NAME: usize = 64;

/// The most bytes of a row's key.
const KEY: usize = 4096;

/// Names an open page: letters, digits, `-` and `_` that the page has made up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session {
    name: String,
    /// Whose page it is: that one of somebody else goes by the same name is none of theirs.
    account: Option<i64>,
}

/// Where somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which table, as addresses name it.
    pub table: String,
    /// What they call themselves; may be empty.
    pub name: String,
    /// The key of the row, as the JSON array that messages name it by.
    pub key: Option<String>,
    /// The column of the cell.
    pub column: Option<String>,
    /// Whether that cell is being edited.
    pub editing: bool,
}

/// What a page says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Which page.
    pub session: String,
    /// What they call themselves.
    #[serde(default)]
    pub name: String,
    /// The key of the row.
    #[serde(default)]
    pub key: Option<RowKey>,
    /// The column of the cell.
    #[serde(default)]
    pub column: Option<String>,
    /// Whether that cell is being edited.
    #[serde(default)]
    pub editing: bool,
}

impl Session {
    /// The session of that name, of whoever asks.
    ///
    /// # Errors
    /// `invalid_presence` if it is not such a name.
    pub fn new(name: &str, identity: &Identity) -> Result<Self, ApiError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if (1..=SESSION).contains(&name.len()) && name.bytes().all(is_plain) {
            return Ok(Self {
                name: name.to_owned(),
                account: identity.account.map(|account| account.0),
            });
        }
        Err(invalid(
            "session",
            format!("1 to {SESSION} letters, digits, - and _"),
        ))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whose it is.
    pub fn account(&self) -> Option<i64> {
        self.account
    }
}

impl Said {
    /// Where that is. Whoever has an account is called as it is.
    ///
    /// # Errors
    /// `invalid_presence`, naming what is wrong; `unknown_column`.
    pub fn check(self, table: &Table, identity: &Identity) -> Result<(Session, Seen), ApiError> {
        let session = Session::new(&self.session, identity)?;
        let said = self.name.trim();
        let name = identity.signed_in().map_or(said, |(_, name)| name);
        if name.chars().count() > NAME || name.chars().any(char::is_control) {
            return Err(invalid(
                "name",
                format!("at most {NAME} characters on one line"),
            ));
        }
        let key = self.key.map(|key| serde_json::to_string(&key)).transpose();
        let key = key.ok().filter(|key| {
            let length = key.as_ref().map_or(0, String::len);
            length <= KEY && !key.as_ref().is_some_and(|key| key.contains('\0'))
        });
        let key = key.ok_or_else(|| invalid("key", format!("at most {KEY} bytes")))?;
        if let Some(column) = &self.column {
            known_column(column, table)?;
        }
        Ok((
            session,
            Seen {
                table: table.path(),
                name: name.to_owned(),
                key,
                editing: self.editing && self.column.is_some(),
                column: self.column,
            },
        ))
    }
}

fn invalid(what: &str, allowed: String) -> ApiError {
    ApiError::new(
        "invalid_presence",
        format!("the {what} is not possible"),
        allowed,
    )
}
