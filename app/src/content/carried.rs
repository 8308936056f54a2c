//! How a page's content travels inside the document.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A value whose text is the base64 of its compact encoding.
///
/// A document carries the rows it shows a second time, for hydration. As JSON that copy is
/// several times larger, and reading it would put a JSON parser before the first paint of a
/// live cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carried<T>(pub T);

impl<T: Serialize> fmt::Display for Carried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = postcard::to_allocvec(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&STANDARD_NO_PAD.encode(bytes))
    }
}

/// The text is not what this build writes; the page loads its content again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page's content is of another build")
    }
}

impl std::error::Error for Unreadable {}

impl<T: DeserializeOwned> FromStr for Carried<T> {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let bytes = decode(text).ok_or(Unreadable)?;
        postcard::from_bytes(&bytes)
            .map(Self)
            .map_err(|_| Unreadable)
    }
}

#[cfg(not(feature = "hydrate"))]
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

/// As the browser reads it: a character for each byte.
#[cfg(feature = "hydrate")]
fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = leptos::prelude::window().atob(text).ok()?;
    let mut out = Vec::with_capacity(text.len());
    for byte in bytes.chars() {
        out.push(u8::try_from(byte).ok()?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::Carried;

    #[test]
    fn what_is_carried_arrives() {
        let value = Carried(vec![Some("é\"</script>".to_owned()), None]);
        assert_eq!(value.to_string().parse(), Ok(value));
        assert!("%%".parse::<Carried<Vec<String>>>().is_err());
    }
}
