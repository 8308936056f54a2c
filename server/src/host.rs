//! Who a request says it is for, and where it comes from.
//!
//! A page of somebody else's can make a browser send requests here: under a name of its own
//! that it points at this machine (DNS rebinding), or straight across origins. Neither has a right to
//! what the reader may do, so both are refused.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, Uri, header, uri::Authority};
use rowcast_protocol::ApiError;

use crate::{error::HttpError, origin::Origins};

/// Refuses requests for a host that is neither this machine's loopback nor one by which the
/// server is said to be reached.
pub async fn require_own_host(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    if names_us(&origins, request.headers(), request.uri()) {
        return next.run(request).await;
    }
    let hint = match origins.first() {
        None => "open it as http://127.0.0.1 or http://localhost, with its port",
        Some(_) => "open it by an address that ROWCAST_ORIGIN names",
    };
    HttpError(ApiError::new(
        "wrong_host",
        "the request names a host that this server is not",
        hint,
    ))
    .into_response()
}

/// Refuses what may change something and comes from a page of another origin, whoever it is from
/// and whatever they prove themselves by.
pub async fn require_same_origin(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let headers = request.headers();
    let is_own = || same_origin(&origins, headers) || is_own_form(headers);
    if is_safe || (same_site(headers) && is_own()) {
        return next.run(request).await;
    }
    wrong_origin().into_response()
}

/// The request comes from a page of another origin.
pub fn wrong_origin() -> HttpError {
    HttpError(ApiError::new(
        "wrong_origin",
        "the request comes from a page of another origin",
        "connect from a page that this server serves, or from a program",
    ))
}

/// Whether the browser, if it is one that says so, says that a page of this very origin or the
/// reader alone made the request.
fn same_site(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// Whether it is a form of a page of this very origin, by what the browser says and no page can.
/// Our pages name themselves to nobody (`Referrer-Policy: no-referrer`), so browsers send their
/// forms with the origin `null`.
fn is_own_form(headers: &HeaderMap) -> bool {
    let only = |name: &str, value: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().is_some_and(|found| found == value) && values.next().is_none()
    };
    only("origin", "null") && only("sec-fetch-site", "same-origin")
}

/// Whether the request is for one of the origins' hosts, or for `localhost` or a loopback
/// address, whatever the port: it may be a tunnel's. A request that names no host is of no browser.
fn names_us(origins: &Origins, headers: &HeaderMap, uri: &Uri) -> bool {
    let mut named = headers.get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (None, _) => uri.host().map(str::to_owned),
        (Some(host), None) => host.to_str().ok().map(str::to_owned),
        (Some(_), Some(_)) => return false,
    };
    match host {
        None => headers.get(header::HOST).is_none(),
        Some(host) => host.parse().is_ok_and(|authority| {
            is_loopback(&authority) || origins.named(&authority).next().is_some()
        }),
    }
}

/// Whether it names this very machine.
pub fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host == "localhost"
        || host.ends_with(".localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether the request's `Origin` is exactly the one whose host it is sent to. One without an
/// origin is of no page.
pub fn same_origin(origins: &Origins, headers: &HeaderMap) -> bool {
    let mut sent = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = sent.next().map(|origin| origin.as_bytes()) else {
        return true;
    };
    if sent.next().is_some() {
        return false;
    }
    let host = headers.get(header::HOST).map(|host| host.as_bytes());
    let authority: Option<Authority> = host.and_then(|host| host.try_into().ok());
    let mut public = authority
        .iter()
        .flat_map(|host| origins.named(host))
        .peekable();
    if public.peek().is_some() {
        return public.any(|known| known.as_str().as_bytes() == origin);
    }
    let origin = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    origin.is_some() && origin == host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    fn public() -> Origins {
        Origins::parse("https://a.example, http://b.example:3000").expect("origins")
    }

    /// What is asked of a server that others do not reach.
    fn names_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
        names_us(&Origins::default(), headers, uri)
    }

    #[test]
    fn a_server_is_what_its_origins_name_and_nothing_else() {
        let uri = Uri::from_static("/");
        for (host, expected) in [
            ("a.example", true),
            ("A.example:443", true),
            ("b.example:3000", true),
            ("localhost:3000", true),
            ("b.example", false),
            ("a.example:3000", false),
            ("evil.example", false),
            ("a.example.evil.example", false),
            ("10.0.0.1:3000", false),
        ] {
            let named = names_us(&public(), &headers(&[("host", host)]), &uri);
            assert_eq!(named, expected, "{host}");
        }
        let two = headers(&[("host", "a.example"), ("host", "a.example")]);
        assert!(!names_us(&public(), &two, &uri));
    }

    #[test]
    fn an_origin_is_exactly_the_one_of_its_host() {
        for (host, origin, expected) in [
            ("a.example", "https://a.example", true),
            ("a.example:443", "https://a.example", true),
            ("b.example:3000", "http://b.example:3000", true),
            ("localhost:3000", "http://localhost:3000", true),
            ("a.example", "http://a.example", false),
            ("a.example", "https://a.example:443", false),
            ("a.example", "https://A.example", false),
            ("a.example", "http://b.example:3000", false),
            ("a.example", "null", false),
            ("a.example", "", false),
            ("b.example:3000", "https://b.example:3000", false),
            ("localhost:3000", "https://a.example", false),
        ] {
            let sent = headers(&[("host", host), ("origin", origin)]);
            assert_eq!(same_origin(&public(), &sent), expected, "{host} {origin}");
        }
        let two = [
            ("host", "a.example"),
            ("origin", "https://a.example"),
            ("origin", "https://a.example"),
        ];
        assert!(!same_origin(&public(), &headers(&two)));
    }

    #[test]
    fn only_loopback_names_are_this_server() {
        let uri = Uri::from_static("/");
        for host in [
            "localhost",
            "localhost:3000",
            "LOCALHOST:1",
            "rowcast.localhost:3000",
            "127.0.0.1:3000",
            "127.1.2.3",
            "[::1]:3000",
        ] {
            assert!(names_loopback(&headers(&[("host", host)]), &uri), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:3000",
            "10.0.0.1:3000",
            "[::2]:3000",
            "a@localhost@b",
            "",
        ] {
            assert!(!names_loopback(&headers(&[("host", host)]), &uri), "{host}");
        }
        let two = headers(&[("host", "localhost"), ("host", "example.com")]);
        assert!(!names_loopback(&two, &uri));
        assert!(names_loopback(&headers(&[]), &uri));
        assert!(!names_loopback(
            &headers(&[]),
            &Uri::from_static("http://example.com/")
        ));
    }

    #[test]
    fn only_pages_of_this_origin_are_of_this_site() {
        assert!(same_site(&headers(&[])));
        for (site, allowed) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
            ("", false),
        ] {
            let headers = headers(&[("sec-fetch-site", site)]);
            assert_eq!(same_site(&headers), allowed, "{site}");
        }
        let two = [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert!(!same_site(&headers(&two)));
    }

    #[test]
    fn a_form_without_an_origin_is_known_by_what_the_browser_says() {
        let null = ("origin", "null");
        assert!(is_own_form(&headers(&[
            null,
            ("sec-fetch-site", "same-origin")
        ])));
        for site in ["none", "same-site", "cross-site", ""] {
            assert!(
                !is_own_form(&headers(&[null, ("sec-fetch-site", site)])),
                "{site}"
            );
        }
        assert!(!is_own_form(&headers(&[null])));
        let other = ("origin", "http://example.com");
        let own = ("sec-fetch-site", "same-origin");
        assert!(!is_own_form(&headers(&[other, own])));
        assert!(!is_own_form(&headers(&[null, other, own])));
        assert!(!is_own_form(&headers(&[
            null,
            own,
            ("sec-fetch-site", "cross-site")
        ])));
    }

    #[test]
    fn an_origin_is_the_host_exactly() {
        let same_origin = |headers: &HeaderMap| same_origin(&Origins::default(), headers);
        let host = ("host", "127.0.0.1:3000");
        assert!(same_origin(&headers(&[host])));
        assert!(same_origin(&headers(&[
            host,
            ("origin", "http://127.0.0.1:3000")
        ])));
        for origin in [
            "http://127.0.0.1:3001",
            "http://127.0.0.1",
            "http://localhost:3000",
            "http://127.0.0.1:3000.example.com",
            "null",
            "",
            "file://",
            "127.0.0.1:3000",
        ] {
            assert!(
                !same_origin(&headers(&[host, ("origin", origin)])),
                "{origin}"
            );
        }
    }
}
