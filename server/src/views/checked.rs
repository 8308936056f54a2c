//! What people say of a view, checked.

use rowcast_protocol::{ApiError, query::Query};
use serde::{Deserialize, Deserializer};

/// The most characters of a view's name.
const NAME: usize = 100;

/// The most characters of an owner's.
const OWNER: usize = 64;

/// A view to be saved.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewView {
    /// What people call it.
    pub name: String,
    /// Whose it is; `None`: everybody's.
    #[serde(default)]
    pub owner: Option<String>,
    /// Whether the table opens with it.
    #[serde(default)]
    pub default: bool,
    /// The query of the page's address.
    pub query: String,
}

/// What is to be changed of a view.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Another name.
    #[serde(default)]
    pub name: Option<String>,
    /// Another owner; `Some(None)`: for everybody.
    #[serde(default, deserialize_with = "given")]
    pub owner: Option<Option<String>>,
    /// Whether the table opens with it.
    #[serde(default)]
    pub default: Option<bool>,
    /// Another query.
    #[serde(default)]
    pub query: Option<String>,
}

/// Tells `null` from what is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl NewView {
    /// The view as it may be saved.
    ///
    /// # Errors
    /// `invalid_view`, naming what is wrong; those of the query's grammar.
    pub fn check(mut self) -> Result<Self, ApiError> {
        self.name = name(&self.name)?;
        self.owner = self.owner.as_deref().map(owner).transpose()?;
        self.query = query(&self.query)?;
        Ok(self)
    }
}

impl Edit {
    /// The change as it may be saved.
    ///
    /// # Errors
    /// As [`NewView::check`].
    pub fn check(mut self) -> Result<Self, ApiError> {
        self.name = self.name.as_deref().map(name).transpose()?;
        self.owner = match self.owner {
            Some(Some(text)) => Some(Some(owner(&text)?)),
            other => other,
        };
        self.query = self.query.as_deref().map(query).transpose()?;
        Ok(self)
    }
}

fn name(text: &str) -> Result<String, ApiError> {
    line(text, NAME).ok_or_else(|| invalid("name", NAME))
}

/// The name of a person.
///
/// # Errors
/// `invalid_view`.
pub fn owner(text: &str) -> Result<String, ApiError> {
    line(text, OWNER).ok_or_else(|| invalid("owner", OWNER))
}

fn invalid(what: &str, longest: usize) -> ApiError {
    ApiError::new(
        "invalid_view",
        format!("the view's {what} is not possible"),
        format!("1 to {longest} characters on one line"),
    )
}

/// One line of text without blanks around it, not empty and of so many characters at the most.
pub fn line(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    let fits = (1..=longest).contains(&text.chars().count());
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A query as addresses have it. What begins with `~` says how a page shows it and is not the
/// grammar's.
fn query(text: &str) -> Result<String, ApiError> {
    let text = text.strip_prefix('?').unwrap_or(text);
    if text.len() > rowcast_protocol::query::MAX_TEXT {
        return Err(ApiError::new(
            "invalid_view",
            "the view's query is too long",
            format!("at most {} bytes", rowcast_protocol::query::MAX_TEXT),
        ));
    }
    let asked: Vec<&str> = text
        .split('&')
        .filter(|parameter| !parameter.starts_with('~'))
        .collect();
    Query::parse(&asked.join("&"))?;
    if text.chars().any(char::is_control) {
        return Err(ApiError::new(
            "invalid_view",
            "the view's query holds characters that no address has",
            "percent-encode them",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_s_text_is_bounded_and_on_one_line() {
        assert_eq!(line(" Open ones ", 9), Some("Open ones".to_owned()));
        for wrong in ["", "  ", "a\nb", "0123456789", "a\u{1b}[2J"] {
            assert_eq!(line(wrong, 9), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_query_is_the_grammar_s_beside_what_the_page_adds() {
        let kept = "status=eq.open&~columns=title:240,-notes&order=id.desc&~density=compact";
        assert_eq!(query(kept), Ok(kept.to_owned()));
        assert_eq!(query("?a=eq.1"), Ok("a=eq.1".to_owned()));
        assert_eq!(query(""), Ok(String::new()));
        let code = |text: &str| query(text).map_err(|error| error.code);
        assert_eq!(code("a=is.what"), Err("invalid_value".into()));
        assert_eq!(code("limit=99999"), Err("invalid_limit".into()));
        assert_eq!(code("~a=\n"), Err("invalid_view".into()));
        assert_eq!(code(&"a".repeat(17_000)), Err("invalid_view".into()));
    }

    #[test]
    fn null_is_told_from_nothing() {
        let edit = |json: &str| serde_json::from_str::<Edit>(json).expect("an edit");
        assert_eq!(edit("{}").owner, None);
        assert_eq!(edit(r#"{"owner":null}"#).owner, Some(None));
        assert_eq!(edit(r#"{"owner":"Ann"}"#).owner, Some(Some("Ann".into())));
        assert!(serde_json::from_str::<Edit>(r#"{"color":1}"#).is_err());
    }
}
