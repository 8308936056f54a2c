//! Who writes, as they call themselves.

use http::HeaderMap;
use percent_encoding::percent_decode;
use rowcast_protocol::ApiError;

/// The header that names them.
pub const HEADER: &str = "rowcast-author";

/// The most characters of a name.
const LONGEST: usize = 64;

/// A writer's name for the change log; empty if the client gave none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author(String);

impl Author {
    /// The request's.
    ///
    /// # Errors
    /// `invalid_author` if it is no percent-encoded UTF-8, too long or holds control characters.
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(HEADER) else {
            return Ok(Self::default());
        };
        let decoded = percent_decode(value.as_bytes()).decode_utf8();
        let name =
            decoded.as_deref().map(str::trim).ok().filter(|name| {
                name.chars().count() <= LONGEST && !name.chars().any(char::is_control)
            });
        match name {
            Some(name) => Ok(Self(name.to_owned())),
            None => Err(ApiError::new(
                "invalid_author",
                format!("{HEADER} is not a name"),
                format!("percent-encoded UTF-8 of at most {LONGEST} characters"),
            )),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().expect("a header's value"));
        Author::of(&headers)
            .map(|author| author.0)
            .map_err(|error| error.code)
    }

    #[test]
    fn a_name_is_percent_encoded_and_short() {
        assert_eq!(of("Zo%C3%AB"), Ok("Zoë".into()));
        assert_eq!(of(&"%C3%AB".repeat(64)), Ok("ë".repeat(64)));
        for wrong in [&"a".repeat(65), "a%0Ab", "%FF", "%00"] {
            assert_eq!(of(wrong), Err("invalid_author".into()), "{wrong}");
        }
        assert_eq!(Author::of(&HeaderMap::new()), Ok(Author::default()));
    }
}
