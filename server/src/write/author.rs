//! Who writes: by their account, or as they call themselves where nobody has one.

use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;
use rowcast_protocol::ApiError;
use serde_json::{Value, json};

use crate::{audit::Actor, auth::Identity};

/// The header that names them.
pub const HEADER: &str = "rowcast-author";

/// The header that says that they take back what they did, or do it again.
pub const TURN: &str = "rowcast-turn";

/// The most characters of a name.
const LONGEST: usize = 64;

/// A writer: by name for the change log, which is empty if the client gave none, and as whoever
/// acts for the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    name: String,
    actor: Actor,
    turn: Option<Turn>,
}

/// What a write is to whoever makes it, beside what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Undo,
    Redo,
}

impl Author {
    /// The request's. Whoever has an account is not believed to be somebody else.
    ///
    /// # Errors
    /// `invalid_author` if it is no percent-encoded UTF-8, too long or holds control characters;
    /// `invalid_turn` if the write is said to be neither `undo` nor `redo`.
    pub fn of(identity: &Identity, headers: &HeaderMap) -> Result<Self, ApiError> {
        let turn = turn(headers)?;
        let named = |name: &str| Self {
            name: name.to_owned(),
            actor: Actor::current(),
            turn,
        };
        if let Some((_, name)) = identity.signed_in() {
            return Ok(named(name));
        }
        let Some(value) = headers.get(HEADER) else {
            return Ok(named(""));
        };
        let decoded = percent_decode(value.as_bytes()).decode_utf8();
        let name =
            decoded.as_deref().map(str::trim).ok().filter(|name| {
                name.chars().count() <= LONGEST && !name.chars().any(char::is_control)
            });
        match name {
            Some(name) => Ok(named(name)),
            None => Err(ApiError::new(
                "invalid_author",
                format!("{HEADER} is not a name"),
                format!("percent-encoded UTF-8 of at most {LONGEST} characters"),
            )),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// As what a change is noted: the word for it, and further details.
    pub fn noted(&self, change: &'static str) -> (&'static str, Value) {
        match self.turn {
            None => (change, json!({})),
            Some(Turn::Undo) => ("undo", json!({"change": change})),
            Some(Turn::Redo) => ("redo", json!({"change": change})),
        }
    }
}

fn turn(headers: &HeaderMap) -> Result<Option<Turn>, ApiError> {
    match headers.get(TURN).map(HeaderValue::as_bytes) {
        None => Ok(None),
        Some(b"undo") => Ok(Some(Turn::Undo)),
        Some(b"redo") => Ok(Some(Turn::Redo)),
        Some(_) => Err(ApiError::new(
            "invalid_turn",
            format!("{TURN} is neither undo nor redo"),
            "leave it out, or send undo or redo",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().expect("a header's value"));
        Author::of(&Identity::everyone(), &headers)
            .map(|author| author.name)
            .map_err(|error| error.code)
    }

    #[test]
    fn a_name_is_percent_encoded_and_short() {
        assert_eq!(of("Zo%C3%AB"), Ok("Zoë".into()));
        assert_eq!(of(&"%C3%AB".repeat(64)), Ok("ë".repeat(64)));
        for wrong in [&"a".repeat(65), "a%0Ab", "%FF", "%00"] {
            assert_eq!(of(wrong), Err("invalid_author".into()), "{wrong}");
        }
        assert_eq!(
            Author::of(&Identity::everyone(), &HeaderMap::new()),
            Ok(Author::default())
        );
    }
}
