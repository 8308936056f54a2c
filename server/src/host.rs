//! Who a request says it is for, and where it comes from.
//!
//! A page of somebody else's can make a browser send requests here: under a name of its own
//! that it points at this machine (DNS rebinding), or straight across origins. Until there
//! are accounts the address alone protects the data, so both are refused.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Uri, header};
use rowcast_protocol::ApiError;

use crate::error::HttpError;

/// Refuses requests for a host that is not this machine's loopback.
pub async fn require_loopback(request: Request, next: Next) -> Response {
    if names_loopback(request.headers(), request.uri()) {
        return next.run(request).await;
    }
    HttpError(ApiError::new(
        "wrong_host",
        "the request names a host that this server is not",
        "open it as http://127.0.0.1 or http://localhost, with its port",
    ))
    .into_response()
}

/// Whether the request is for `localhost` or a loopback address, whatever the port: it may
/// be a tunnel's. A request that names no host is of no browser.
fn names_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut named = headers.get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (None, _) => uri.host().map(str::to_owned),
        (Some(host), None) => host.to_str().ok().map(str::to_owned),
        (Some(_), Some(_)) => return false,
    };
    match host {
        None => headers.get(header::HOST).is_none(),
        Some(host) => host.parse().is_ok_and(|authority| is_loopback(&authority)),
    }
}

fn is_loopback(authority: &http::uri::Authority) -> bool {
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

/// Whether the request's `Origin` is exactly the host that it is sent to. One without an
/// origin is of no page.
pub fn same_origin(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    let host = headers.get(header::HOST).map(|host| host.as_bytes());
    let origin = origin.as_bytes();
    let origin = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    origins.next().is_none() && origin.is_some() && origin == host
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
    fn an_origin_is_the_host_exactly() {
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
