//! A sign-in that is under way at a provider.
//!
//! Its browser has a secret in a cookie, of which all is made that the provider gets to see. So an
//! answer is of use to nobody but the browser that asked, and what was begun and never ended has
//! left nothing here.

use std::sync::LazyLock;

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

/// What a flow is sealed with that does more than sign in: what it is for was asked of this server,
/// which has looked at a password or a link for it, and nobody makes one up. One that was begun before
/// a restart, or at another server, has to be begun again.
static SEAL: LazyLock<hmac::Key> = LazyLock::new(|| {
    let secret = Secret::new();
    hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes())
});

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

/// A sign-in that is under way. Not printed: who knows it can end it.
#[derive(Clone, PartialEq, Eq)]
pub struct Flow {
    /// What it is for.
    pub purpose: Purpose,
    /// Where to go then.
    pub next: String,
    text: String,
}

impl Flow {
    /// Begins one, at that time in seconds since 1970.
    pub fn begin(purpose: Purpose, next: &str, now: i64) -> Self {
        let next = match next.len() <= NEXT_MAX {
            true => local(Some(next)),
            false => "/",
        };
        let secret = Secret::new();
        let purpose_text = match purpose {
            Purpose::SignIn => "s".to_owned(),
            Purpose::Join(link) => format!("j{}", BASE64_URL_SAFE_NO_PAD.encode(link.bytes())),
            Purpose::Link(account) => format!("l{}", account.0),
        };
        let next_text = BASE64_URL_SAFE_NO_PAD.encode(next);
        let purpose_text = match purpose {
            Purpose::SignIn => purpose_text,
            _ => {
                let said = format!("{}.{now}.{purpose_text}.{next_text}", secret.reveal());
                let seal = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&SEAL, said.as_bytes()));
                format!("{purpose_text}~{seal}")
            }
        };
        Self {
            purpose,
            next: next.to_owned(),
            text: format!("{}.{now}.{purpose_text}.{next_text}", secret.reveal()),
        }
    }

    /// The one that a browser has, if it is one and can be ended still.
    pub fn read(text: &str, now: i64) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || parts.next();
        let (secret, begun_text, purpose, next) = (part()?, part()?, part()?, part()?);
        if part().is_some() {
            return None;
        }
        Digest::of_secret(secret)?;
        let begun: i64 = begun_text.parse().ok()?;
        let age = now.checked_sub(begun)?;
        // Another server's clock may be ahead.
        if !(-60..=LASTS.as_secs() as i64).contains(&age) {
            return None;
        }
        let purpose = match purpose.split_once('~') {
            None if purpose == "s" => purpose,
            None => return None,
            Some((purpose, seal)) => {
                let said = format!("{secret}.{begun_text}.{purpose}.{next}");
                let seal = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
                hmac::verify(&SEAL, said.as_bytes(), &seal).ok()?;
                purpose
            }
        };
        let purpose = match purpose.split_at_checked(1)? {
            ("s", "") => Purpose::SignIn,
            ("j", link) => {
                let bytes = BASE64_URL_SAFE_NO_PAD.decode(link).ok()?;
                Purpose::Join(Digest::from_bytes(&bytes)?)
            }
            ("l", account) => Purpose::Link(AccountId(account.parse().ok()?)),
            _ => return None,
        };
        let next = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some(Self {
            purpose,
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

    /// By what it is kept that its answer was taken.
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
    fn what_is_more_than_a_sign_in_is_not_made_up() {
        for purpose in [
            Purpose::Join(Digest::of(b"link")),
            Purpose::Link(AccountId(7)),
        ] {
            let flow = Flow::begin(purpose, "/", NOW);
            let (whole, other) = (flow.cookie(), Flow::begin(purpose, "/", NOW));
            let parts: Vec<&str> = whole.split('.').collect();
            let [secret, begun, purpose, next] = parts[..] else {
                panic!("{} parts", parts.len())
            };
            let (bare, seal) = purpose.split_once('~').expect("sealed");
            let others = other.cookie().split(['~', '.']).nth(3).expect("a seal");
            for made_up in [
                format!("{secret}.{begun}.{bare}.{next}"),
                format!("{secret}.{begun}.{bare}~.{next}"),
                format!("{secret}.{begun}.{bare}~{others}.{next}"),
                format!("{secret}.{begun}.l8~{seal}.{next}"),
                format!("{secret}.{}.{bare}~{seal}.{next}", NOW + 1),
            ] {
                assert!(Flow::read(&made_up, NOW).is_none(), "{made_up}");
            }
            assert!(Flow::read(whole, NOW).is_some());
        }
    }

    #[test]
    fn a_flow_reads_back_until_it_is_too_old() {
        let link = Digest::of(b"link");
        for purpose in [
            Purpose::SignIn,
            Purpose::Join(link),
            Purpose::Link(AccountId(7)),
        ] {
            let flow = Flow::begin(purpose, "/tables/t?a=eq.1", NOW);
            let read = |at| Flow::read(flow.cookie(), at);
            assert!(read(NOW) == Some(flow.clone()) && read(NOW + 600).is_some());
            assert!(read(NOW + 601).is_none() && read(NOW - 61).is_none());
            assert_eq!(flow.next, "/tables/t?a=eq.1");
        }
        assert_eq!(Flow::begin(Purpose::SignIn, "//x", NOW).next, "/");
        let long = format!("/{}", "a".repeat(NEXT_MAX));
        let flow = Flow::begin(Purpose::SignIn, &long, NOW);
        assert_eq!(flow.next, "/");
        assert!(flow.cookie().len() < 3000, "a cookie has 4096 bytes");
    }

    #[test]
    fn all_that_is_derived_differs_and_depends_on_all_of_it() {
        let flow = Flow::begin(Purpose::Link(AccountId(7)), "/", NOW);
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
        let other = flow.cookie().replace(".l7~", ".l8~");
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
        let flow = Flow::begin(Purpose::SignIn, "/", NOW);
        let whole = flow.cookie();
        for wrong in [
            "",
            "...",
            &whole[1..],
            &format!("{whole}.x"),
            &whole.replace(".s.", ".x."),
            &whole.replace(".s.", ".."),
            &whole.replace(".s.", ".jAA."),
            &whole.replace(".s.", ".lx."),
            &whole.replace(&NOW.to_string(), "x"),
            &whole.replace(&NOW.to_string(), "-9223372036854775808"),
        ] {
            assert!(Flow::read(wrong, NOW).is_none(), "{wrong}");
        }
    }
}
