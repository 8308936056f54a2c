//! By which addresses browsers reach the server.
//!
//! A server that is reached by a name has to be told it: what a request names could be anybody's
//! name that points here (DNS rebinding).

use std::fmt;

use http::{HeaderMap, Uri, header, uri::Authority};

use crate::{config::InvalidSetting, peer::Peer};

const SETTING: &str = "ROWCAST_ORIGIN";

const ALLOWED: &str = "addresses without a path and with commas between, such as \
                       https://rowcast.example.com or http://192.168.1.5:3000";

/// One address, as browsers write it: in lower case, and without the port that is its scheme's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    is_secure: bool,
    text: String,
    /// Where in the text the host begins.
    host: usize,
}

/// All of them, the one that links lead to first. None where it is this machine's alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

impl Origins {
    /// Those of a setting.
    ///
    /// # Errors
    /// What is no origin.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let origins = parts.map(|part| {
            Origin::parse(part).map_err(|why| InvalidSetting::new(SETTING, part, why, ALLOWED))
        });
        origins.collect::<Result<_, _>>().map(Self)
    }

    /// The one that links lead to.
    pub fn first(&self) -> Option<&Origin> {
        self.0.first()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter()
    }

    /// Those of the host that a request is for.
    pub fn named<'a>(&'a self, host: &'a Authority) -> impl Iterator<Item = &'a Origin> {
        self.0.iter().filter(|origin| origin.is_of(host))
    }

    /// Where links for other people lead that a request asks for: to the address that it came
    /// to itself, if that is one of these, else to the first.
    pub fn for_links(&self, headers: &HeaderMap, peer: Peer) -> String {
        let host = headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let authority: Option<Authority> = host.parse().ok();
        let own = authority.as_ref().and_then(|host| {
            let mut named = self.named(host);
            named.find(|origin| origin.is_secure == peer.is_secure)
        });
        match own.or(self.first()) {
            Some(origin) => origin.to_string(),
            None if peer.is_secure => format!("https://{host}"),
            None => format!("http://{host}"),
        }
    }
}

impl Origin {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "it is no address")?;
        let (is_secure, default) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err("it begins with neither http:// nor https://"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !is_bare || text.contains('#') {
            return Err("it has more than a scheme, a host and a port");
        }
        if authority.as_str().contains('@') {
            return Err("it has a user in it");
        }
        let name = authority.host().to_ascii_lowercase();
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let is_host = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let is_part = |part: &str| {
                    let mut bytes = part.bytes();
                    !part.is_empty()
                        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                };
                name.split('.').all(is_part)
            }
        };
        if !is_host {
            return Err("its host is none (names of other letters are written as xn--…)");
        }
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            None | Some("") => default,
            Some(port) => port
                .parse::<u16>()
                .ok()
                .filter(|port| *port > 0)
                .ok_or("its port is none")?,
        };
        let scheme = if is_secure { "https://" } else { "http://" };
        let port = match port == default {
            true => String::new(),
            false => format!(":{port}"),
        };
        Ok(Self {
            is_secure,
            text: format!("{scheme}{name}{port}"),
            host: scheme.len(),
        })
    }

    /// As a browser sends it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is encrypted.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether nobody but this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        let host: Option<Authority> = self.text[self.host..].parse().ok();
        host.is_some_and(|host| crate::host::is_loopback(&host))
    }

    /// Whether a request for this host is for it. Programs may write the port that browsers
    /// leave out.
    fn is_of(&self, host: &Authority) -> bool {
        let own = &self.text[self.host..];
        let default = if self.is_secure { ":443" } else { ":80" };
        let named = host.as_str();
        own.eq_ignore_ascii_case(named)
            || named
                .strip_suffix(default)
                .is_some_and(|bare| own.eq_ignore_ascii_case(bare))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Authority {
        text.parse().expect("an authority")
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("https://rowcast.example.com", "https://rowcast.example.com"),
            (
                "https://Rowcast.Example.com/",
                "https://rowcast.example.com",
            ),
            ("https://a.example:443", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("http://192.168.1.5:3000", "http://192.168.1.5:3000"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("https://intranet", "https://intranet"),
        ] {
            let origins = Origins::parse(text).expect(text);
            assert_eq!(origins.first().map(Origin::as_str), Some(expected));
        }
        let two = Origins::parse(" https://a.example , http://b.example:1,").expect("two");
        let all: Vec<&str> = two.iter().map(Origin::as_str).collect();
        assert_eq!(all, ["https://a.example", "http://b.example:1"]);
        assert_eq!(Origins::parse(""), Ok(Origins::default()));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_is_one() {
        for wrong in [
            "rowcast.example.com",
            "ftp://a.example",
            "https://",
            "https://a.example/rowcast",
            "https://a.example?x",
            "https://a.example#x",
            "https://ann@a.example",
            "https://*.example.com",
            "https://a..example",
            "https://a.example.",
            "https://a.example:0",
            "https://a.example:99999",
            "https://[::1",
            "https://[12]",
            "https://bücher.example",
            "https://a.example b",
            "null",
        ] {
            let error = Origins::parse(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with("ROWCAST_ORIGIN is "), "{error}");
            assert!(error.contains("allowed is") && error.lines().count() == 1);
        }
    }

    #[test]
    fn a_host_names_the_origins_that_have_it_and_no_others() {
        let origins = Origins::parse("https://a.example, http://a.example:3000").expect("two");
        let named = |host: &str| {
            let host = authority(host);
            let named: Vec<String> = origins.named(&host).map(ToString::to_string).collect();
            named.join(" ")
        };
        assert_eq!(named("a.example"), "https://a.example");
        assert_eq!(named("A.EXAMPLE:443"), "https://a.example");
        assert_eq!(named("a.example:3000"), "http://a.example:3000");
        for other in [
            "a.example:80",
            "a.example:30000",
            "a.example.",
            "b.a.example",
            "a.example.evil.example",
            "x@a.example",
        ] {
            assert_eq!(named(other), "", "{other}");
        }
    }

    #[test]
    fn links_lead_where_others_reach_it() {
        let peer = |is_secure| Peer {
            address: [127, 0, 0, 1].into(),
            is_secure,
        };
        let headers = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("a header"));
            headers
        };
        let none = Origins::default();
        let link = none.for_links(&headers("127.0.0.1:3000"), peer(false));
        assert_eq!(link, "http://127.0.0.1:3000");
        let link = none.for_links(&headers("localhost:3000"), peer(true));
        assert_eq!(link, "https://localhost:3000");
        let two = Origins::parse("https://a.example, https://b.example").expect("two");
        for (host, expected) in [
            ("b.example", "https://b.example"),
            ("a.example", "https://a.example"),
            ("localhost:3000", "https://a.example"),
        ] {
            assert_eq!(two.for_links(&headers(host), peer(true)), expected);
        }
    }
}
