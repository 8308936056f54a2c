//! The headers that every response has.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header, uri::Authority};

use crate::{origin::Origins, peer::Peer};

/// What holds for all of them.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// For a year browsers ask for nothing of this host unencrypted.
const TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// For what is no page: nothing in it is run or shown.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Adds the headers; a content security policy, and that it is not to be kept, only where the
/// response says nothing else.
pub async fn add_headers(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    let is_for_ever = Peer::of(&request).is_secure && names_secure(&origins, request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if is_for_ever {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT);
    }
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(NOTHING));
    // Whatever does not say that it may be kept is somebody's.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether the request is for a host that is said to be reached encrypted. Of `localhost` nobody
/// may say so: whatever else runs there would have to be encrypted too.
fn names_secure(origins: &Origins, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(|host| host.as_bytes());
    let host: Option<Authority> = host.and_then(|host| host.try_into().ok());
    host.is_some_and(|host| {
        let mut named = origins.named(&host);
        named.any(|origin| origin.is_secure() && !origin.is_loopback())
    })
}

/// The policy of a page: its own files, and inline scripts and styles that carry the nonce.
/// `also_connect` is one more source for connections, or empty.
pub fn page_policy(nonce: &str, also_connect: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self' {also_connect}; manifest-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}
