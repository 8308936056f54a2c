//! What proves somebody: random, told once, and kept as its hash.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// How many random bytes one has.
const BYTES: usize = 32;

/// What API tokens begin with, so that one that got somewhere is recognised.
const TOKEN_PREFIX: &str = "rc_";

/// A secret of 256 random bits, as text that goes into an address, a cookie or a header.
pub struct Secret(String);

/// What is kept of a secret: its SHA-256. Of one that is random, that tells nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Secret {
    /// A new one.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers: nothing can be kept safe then.
    pub fn new() -> Self {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).expect("the system's random numbers");
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A new one for an API token.
    pub fn for_token() -> Self {
        Self(format!("{TOKEN_PREFIX}{}", Self::new().0))
    }

    /// What is to be kept.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The text, for whom it is made.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Digest {
    /// Of what a client sent as the secret of a session, a link or a device; `None` if it can't be one.
    pub fn of_secret(text: &str) -> Option<Self> {
        let mut bytes = [0; BYTES];
        let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes);
        (decoded == Ok(BYTES)).then(|| Self::of(text.as_bytes()))
    }

    /// Of what a client sent as an API token; `None` if it can't be one.
    pub fn of_token(text: &str) -> Option<Self> {
        Self::of_secret(text.strip_prefix(TOKEN_PREFIX)?)?;
        Some(Self::of(text.as_bytes()))
    }

    /// Of any bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// As the database keeps it.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As the database gave it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_recognised() {
        let (one, other) = (Secret::new(), Secret::new());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(Digest::of_secret(one.reveal()), Some(one.digest()));
        assert_eq!(Digest::of_token(one.reveal()), None);
        let token = Secret::for_token();
        assert!(token.reveal().starts_with("rc_"));
        assert_eq!(Digest::of_token(token.reveal()), Some(token.digest()));
        assert_eq!(Digest::of_secret(token.reveal()), None);
    }

    #[test]
    fn what_can_be_no_secret_is_not_looked_up() {
        for text in [
            "",
            "a",
            &"a".repeat(44),
            &"a".repeat(42),
            &"é".repeat(30),
            "rc_",
        ] {
            assert_eq!(Digest::of_secret(text), None, "{text}");
            assert_eq!(Digest::of_token(text), None, "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new();
        assert!(!format!("{secret:?}{:?}", secret.digest()).contains(secret.reveal()));
    }
}
