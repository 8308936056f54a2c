//! Addresses of a provider.

use std::fmt;

use http::{Uri, uri::Authority};

/// The most bytes of one.
const LONGEST: usize = 500;

/// An address of a provider: encrypted, or on this very machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    is_secure: bool,
    /// The host, as it is connected to.
    host: String,
    port: u16,
    /// The host and the port, as requests name them.
    authority: String,
    /// What is asked for there.
    path: String,
}

impl Address {
    /// That by which a provider names itself.
    ///
    /// # Errors
    /// Why it can't be one.
    pub fn issuer(text: &str) -> Result<Self, &'static str> {
        let address = Self::parse(text, true)?;
        match address.path.contains('?') {
            true => Err("it has a query"),
            false => Ok(address),
        }
    }

    /// One that this provider names.
    ///
    /// # Errors
    /// Why it is not taken: what is asked of a provider of others is encrypted.
    pub fn of(&self, text: &str) -> Result<Self, &'static str> {
        Self::parse(text, !self.is_secure)
    }

    /// Where a provider says what else it has.
    pub fn discovery(&self) -> Self {
        let add = |text: &str| {
            let root = text.strip_suffix('/').unwrap_or(text);
            format!("{root}/.well-known/openid-configuration")
        };
        Self {
            text: add(&self.text),
            path: add(&self.path),
            ..self.clone()
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the way there is encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn parse(text: &str, may_be_plain: bool) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("it is longer than 500 bytes");
        }
        let is_plain_text = |b: u8| (b'!'..=b'~').contains(&b) && !b"\"<>\\^`{|}".contains(&b);
        if text.contains('#') || !text.bytes().all(is_plain_text) {
            return Err("it is no address, or has more than one");
        }
        let uri: Uri = text.parse().map_err(|_| "it is no address")?;
        let authority = uri.authority().ok_or("it names no host")?;
        let (is_secure, default) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") if may_be_plain && is_here(authority) => (false, 80),
            Some("http") => return Err("it is not encrypted"),
            _ => return Err("it does not begin with https://"),
        };
        if authority.as_str().contains('@') {
            return Err("it has a user in it");
        }
        let host = authority.host();
        let after = &authority.as_str()[host.len()..];
        let port = match after.strip_prefix(':') {
            None if after.is_empty() => default,
            None => return Err("it names no host"),
            Some(port) => port
                .parse::<u16>()
                .ok()
                .filter(|port| *port > 0)
                .ok_or("its port is none")?,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err("it names no host");
        }
        Ok(Self {
            text: text.to_owned(),
            is_secure,
            host: host.to_owned(),
            port,
            authority: authority.as_str().to_owned(),
            path: match uri.path_and_query() {
                Some(path) => path.as_str().to_owned(),
                None => "/".to_owned(),
            },
        })
    }
}

/// Whether it is an address of this machine, by its number: what a name means others may say.
fn is_here(authority: &Authority) -> bool {
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_names_is_encrypted_as_it_is_itself() {
        let away = Address::issuer("https://id.example.com/realms/x").expect("one");
        let here = Address::issuer("http://127.0.0.1:8080").expect("one");
        assert!(away.of("https://other.example.com/token?a=b").is_ok());
        assert!(here.of("http://localhost:1/token").is_ok());
        for wrong in [
            "http://id.example.com/token",
            "http://127.0.0.1:8080/token",
            "https://ann:x@id.example.com/token",
            "https:///token",
            "https://id.example.com:0/",
            "https://id.example.com:x/",
            "https://id.example.com/a b",
            "https://id.example.com/\"x",
            "https://id.example.com/#x",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "/token",
            "",
        ] {
            assert!(away.of(wrong).is_err(), "{wrong}");
        }
        assert!(here.of("http://id.example.com/").is_err());
        assert!(here.of("http://127.0.0.1.example.com/").is_err());
        assert!(Address::issuer("https://id.example.com/?x").is_err());
    }

    #[test]
    fn an_address_is_connected_to_by_its_parts() {
        let one = Address::issuer("https://[2001:db8::1]:8443/a/").expect("one");
        assert_eq!(
            (one.host(), one.port(), one.authority(), one.path()),
            ("2001:db8::1", 8443, "[2001:db8::1]:8443", "/a/")
        );
        let discovery = one.discovery();
        let path = "/a/.well-known/openid-configuration";
        assert_eq!(discovery.path(), path);
        assert_eq!(
            discovery.as_str(),
            format!("https://[2001:db8::1]:8443{path}")
        );
        let bare = Address::issuer("https://id.example.com").expect("one");
        assert_eq!((bare.port(), bare.path()), (443, "/"));
        assert_eq!(bare.discovery().path(), "/.well-known/openid-configuration");
    }
}
