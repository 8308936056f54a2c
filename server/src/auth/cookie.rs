//! The cookies that browsers prove themselves by.

use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::secret::{Digest, Secret};
use crate::peer::Peer;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A session.
    Session,
    /// That this browser has signed in before.
    Device,
    /// A sign-in at a provider that is under way.
    OpenId,
}

impl Kind {
    /// Its name. Over an encrypted way it has the prefix with which browsers take it from nobody
    /// but this very host, and so from nobody who is between.
    fn name(self, peer: Peer) -> &'static str {
        match (self, peer.is_secure) {
            (Self::Session, true) => "__Host-rowcast",
            (Self::Session, false) => "rowcast",
            (Self::Device, true) => "__Host-rowcast-device",
            (Self::Device, false) => "rowcast-device",
            (Self::OpenId, true) => "__Host-rowcast-openid",
            (Self::OpenId, false) => "rowcast-openid",
        }
    }
}

/// What a request's cookie of this kind proves; `None` if there is none, or several that differ,
/// or it can't be one.
pub fn read(headers: &HeaderMap, kind: Kind, peer: Peer) -> Option<Digest> {
    Digest::of_secret(&value(headers, kind, peer)?)
}

/// The value of a request's cookie of this kind; `None` if there is none, or several that differ.
pub fn value(headers: &HeaderMap, kind: Kind, peer: Peer) -> Option<String> {
    let name = kind.name(peer);
    let mut found = headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == name);
    let first = found.next()?;
    if found.any(|other| other.value() != first.value()) {
        return None;
    }
    Some(first.value().to_owned())
}

/// Has a browser keep a secret for so long.
pub fn set(kind: Kind, secret: &Secret, keep: std::time::Duration, peer: Peer) -> HeaderValue {
    set_value(kind, secret.reveal(), keep, peer)
}

/// Has a browser keep a value of plain text for so long.
pub fn set_value(kind: Kind, value: &str, keep: std::time::Duration, peer: Peer) -> HeaderValue {
    let seconds = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
    header(kind, value, Duration::seconds(seconds), peer)
}

/// Has a browser forget it.
pub fn remove(kind: Kind, peer: Peer) -> HeaderValue {
    header(kind, "", Duration::ZERO, peer)
}

/// Has the browser forget what the pages keep in it, such as the filters used last, which hold values
/// of rows. Cookies stay.
pub fn forget(headers: &mut HeaderMap) {
    headers.insert(
        HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"storage\""),
    );
}

fn header(kind: Kind, value: &str, age: Duration, peer: Peer) -> HeaderValue {
    let cookie = Cookie::build((kind.name(peer), value))
        .path("/")
        .http_only(true)
        .same_site(match kind {
            // A link from elsewhere is to open for whoever has signed in, and the provider's
            // answer comes by one.
            Kind::Session | Kind::OpenId => SameSite::Lax,
            Kind::Device => SameSite::Strict,
        })
        .secure(peer.is_secure)
        .max_age(age);
    // Names are ours, and values are what is kept of secrets in base64: plain text alone.
    HeaderValue::try_from(cookie.to_string()).expect("names and values of ours are plain text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(is_secure: bool) -> Peer {
        Peer {
            address: [127, 0, 0, 1].into(),
            is_secure,
        }
    }

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.parse().expect("a header"));
        }
        headers
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts() {
        let secret = Secret::new();
        let set = |kind, is_secure| {
            let day = std::time::Duration::from_secs(86_400);
            let header = set(kind, &secret, day, peer(is_secure));
            let text = header.to_str().expect("text").to_owned();
            let (value, attributes) = text.split_once("; ").expect("attributes");
            let mut attributes: Vec<_> = attributes.split("; ").map(str::to_owned).collect();
            attributes.sort();
            (value.to_owned(), attributes.join("; "))
        };
        let value = secret.reveal();
        assert_eq!(
            set(Kind::Session, true),
            (
                format!("__Host-rowcast={value}"),
                "HttpOnly; Max-Age=86400; Path=/; SameSite=Lax; Secure".to_owned()
            )
        );
        assert_eq!(
            set(Kind::Session, false),
            (
                format!("rowcast={value}"),
                "HttpOnly; Max-Age=86400; Path=/; SameSite=Lax".to_owned()
            )
        );
        assert_eq!(
            set(Kind::Device, true),
            (
                format!("__Host-rowcast-device={value}"),
                "HttpOnly; Max-Age=86400; Path=/; SameSite=Strict; Secure".to_owned()
            )
        );
        // The provider's answer is a link from elsewhere.
        assert_eq!(
            set(Kind::OpenId, true),
            (
                format!("__Host-rowcast-openid={value}"),
                "HttpOnly; Max-Age=86400; Path=/; SameSite=Lax; Secure".to_owned()
            )
        );
    }

    #[test]
    fn a_cookie_is_read_by_its_name_alone() {
        let secret = Secret::new();
        let value = secret.reveal();
        let plain = headers(&["a=b; rowcast.name=Ann", &format!("rowcast={value}; c=d")]);
        let read = |headers: &HeaderMap, is_secure| read(headers, Kind::Session, peer(is_secure));
        assert_eq!(read(&plain, false), Some(secret.digest()));
        assert_eq!(read(&plain, true), None, "it may be of somebody between");
        let host = headers(&[&format!("__Host-rowcast={value}")]);
        assert_eq!(read(&host, true), Some(secret.digest()));
        assert_eq!(read(&host, false), None);
        let other = Secret::new();
        let two = headers(&[&format!("rowcast={value}; rowcast={}", other.reveal())]);
        assert_eq!(read(&two, false), None);
        for broken in ["rowcast", "rowcast=", "rowcast=x", "=", ";;;"] {
            let broken = headers(&[broken]);
            assert_eq!(read(&broken, false), None, "{broken:?}");
        }
    }
}
