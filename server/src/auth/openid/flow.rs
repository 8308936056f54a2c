//! A sign-in that is under way at a provider.
//!
//! Its browser has a secret in a cookie, of which all is made that the provider gets to see. So an
//! answer is of use to nobody but the browser that asked, and a mere sign-in that was begun and never
//! ended has left nothing here. What does more was asked of a server, which has looked at a password
//! or a link for it and keeps what it is for: nobody makes one up.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use sha2::{Digest as _, Sha256};

use crate::auth::{
    AccountId,
    next::local,
    secret::{Digest, Secret},
};

/// How long one may take.
pub const LASTS: std::time::Duration = std::time::Duration::from_secs(600);

/// The longest address to go to then that a cookie has room for.
const NEXT_MAX: usize = 2000;

/// What somebody wants to be known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To use this link, which makes an account.
    Join(Digest),
    /// To be found by the provider from now on, as the owner of this account.
    Link(AccountId),
}

/// The kinds of [`Purpose`]: what a browser knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Purpose::SignIn`].
    SignIn,
    /// [`Purpose::Join`].
    Join,
    /// [`Purpose::Link`].
    Link,
}

impl Purpose {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::SignIn => Kind::SignIn,
            Self::Join(_) => Kind::Join,
            Self::Link(_) => Kind::Link,
        }
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::SignIn, Self::Join, Self::Link];

    fn name(self) -> &'static str {
        match self {
            Self::SignIn => "s",
            Self::Join => "j",
            Self::Link => "l",
        }
    }
}

/// A sign-in that is under way. Not printed: who knows it can end it.
#[derive(Clone, PartialEq, Eq)]
pub struct Flow {
    /// What its browser says that it is for.
    pub kind: Kind,
    /// Where to go then.
    pub next: String,
    text: String,
}

impl Flow {
    /// Begins one, at that time in seconds since 1970.
    pub fn begin(kind: Kind, next: &str, now: i64) -> Self {
        let next = match next.len() <= NEXT_MAX {
            true => local(Some(next)),
            false => "/",
        };
        let (secret, name) = (Secret::new(), kind.name());
        let next_text = BASE64_URL_SAFE_NO_PAD.encode(next);
        Self {
            kind,
            next: next.to_owned(),
            text: format!("{}.{now}.{name}.{next_text}", secret.reveal()),
        }
    }

    /// The one that a browser has, if it is one and can be ended still.
    pub fn read(text: &str, now: i64) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || parts.next();
        let (secret, begun, kind, next) = (part()?, part()?, part()?, part()?);
        if part().is_some() {
            return None;
        }
        Digest::of_secret(secret)?;
        let age = now.checked_sub(begun.parse().ok()?)?;
        // Another server's clock may be ahead.
        if !(-60..=LASTS.as_secs() as i64).contains(&age) {
            return None;
        }
        let kind = Kind::ALL.into_iter().find(|one| one.name() == kind)?;
        let next = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some(Self {
            kind,
            next: local(Some(&next)).to_owned(),
            text: text.to_owned(),
        })
    }

    /// What its browser keeps.
    pub fn cookie(&self) -> &str {
        &self.text
    }

    /// What comes back with the answer.
    pub fn state(&self) -> String {
        self.derive("state")
    }

    /// What comes back within the token.
    pub fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// What proves to the provider that who exchanges the code has asked for it (RFC 7636).
    pub fn verifier(&self) -> String {
        self.derive("verifier")
    }

    /// What the provider is told of the verifier before.
    pub fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    /// By what it is kept what it is for, and that its answer was taken.
    pub fn mark(&self) -> Digest {
        Digest::of(self.derive("mark").as_bytes())
    }

    /// None of what is derived tells of another, or of the secret.
    fn derive(&self, of: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.text.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, of.as_bytes()))
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flow")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn a_flow_reads_back_until_it_is_too_old() {
        for kind in Kind::ALL {
            let flow = Flow::begin(kind, "/tables/t?a=eq.1", NOW);
            let read = |at| Flow::read(flow.cookie(), at);
            assert!(read(NOW) == Some(flow.clone()) && read(NOW + 600).is_some());
            assert!(read(NOW + 601).is_none() && read(NOW - 61).is_none());
            assert_eq!(flow.next, "/tables/t?a=eq.1");
        }
        assert_eq!(Flow::begin(Kind::SignIn, "//x", NOW).next, "/");
        let long = format!("/{}", "a".repeat(NEXT_MAX));
        let flow = Flow::begin(Kind::SignIn, &long, NOW);
        assert_eq!(flow.next, "/");
        assert!(flow.cookie().len() < 3000, "a cookie has 4096 bytes");
    }

    #[test]
    fn all_that_is_derived_differs_and_depends_on_all_of_it() {
        let flow = Flow::begin(Kind::Link, "/", NOW);
        let all = |flow: &Flow| {
            let mark = format!("{:?}", flow.mark().bytes());
            [
                flow.state(),
                flow.nonce(),
                flow.verifier(),
                flow.challenge(),
                mark,
            ]
        };
        let mut seen = all(&flow).to_vec();
        let other = flow.cookie().replace(".l.", ".j.");
        seen.extend(all(&Flow {
            text: other,
            ..flow.clone()
        }));
        let later = flow
            .cookie()
            .replace(&NOW.to_string(), &(NOW + 1).to_string());
        seen.extend(all(&Flow {
            text: later,
            ..flow.clone()
        }));
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_eq!(flow.verifier().len(), 43, "as many as RFC 7636 asks for");
        assert!(!format!("{flow:?}").contains(flow.cookie()));
    }

    #[test]
    fn what_is_no_flow_is_none() {
        let flow = Flow::begin(Kind::SignIn, "/", NOW);
        let whole = flow.cookie();
        for wrong in [
            "",
            "...",
            &whole[1..],
            &format!("{whole}.x"),
            &whole.replace(".s.", ".x."),
            &whole.replace(".s.", ".."),
            &whole.replace(".s.", ".j7."),
            &whole.replace(&NOW.to_string(), "x"),
            &whole.replace(&NOW.to_string(), "-9223372036854775808"),
        ] {
            assert!(Flow::read(wrong, NOW).is_none(), "{wrong}");
        }
    }
}
