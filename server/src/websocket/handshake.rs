//! From a request to a WebSocket.

use axum::{body::Body, extract::FromRequestParts, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use rowcast_protocol::ApiError;
use sha1::{Digest, Sha1};

use super::Socket;
use crate::{error::HttpError, listen::Stream};

/// What RFC 6455 has both sides append to the client's key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request that asks for a WebSocket, rightly.
#[derive(Debug)]
pub struct Upgrade {
    accept: HeaderValue,
    on_upgrade: OnUpgrade,
}

impl Upgrade {
    /// The answer. Once it has been sent, `serve` is given the connection.
    pub fn answer<F>(
        self,
        max_message: usize,
        serve: impl FnOnce(Socket) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            // A client that went away before it was answered is none of our errors.
            if let Ok(upgraded) = self.on_upgrade.await
                && let Some(socket) = socket(upgraded, max_message)
            {
                // In a task of its own: this one has room for the handshake.
                tokio::spawn(serve(socket));
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        response
    }
}

/// The connection itself, with what it has already been read ahead.
fn socket(upgraded: Upgraded, max_message: usize) -> Option<Socket> {
    // Connections are served as what `listen` accepts.
    let parts = upgraded.downcast::<TokioIo<Stream>>().ok()?;
    let stream = parts.io.into_inner();
    Some(Socket::new(stream, &parts.read_buf, max_message))
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let headers = &parts.headers;
        let key = headers.get(header::SEC_WEBSOCKET_KEY);
        let asks = parts.method == Method::GET
            && lists(headers, header::CONNECTION, "upgrade")
            && lists(headers, header::UPGRADE, "websocket");
        let speaks = lists(headers, header::SEC_WEBSOCKET_VERSION, "13");
        let (true, true, Some(key)) = (asks, speaks, key) else {
            return Err(not_a_websocket());
        };
        let accept = accept(key.as_bytes());
        let on_upgrade = parts
            .extensions
            .remove::<OnUpgrade>()
            .ok_or_else(not_a_websocket)?;
        Ok(Self { accept, on_upgrade })
    }
}

/// Whether a header's comma-separated list has this word, in any case.
fn lists(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(word))
}

fn accept(key: &[u8]) -> HeaderValue {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let text = BASE64_STANDARD.encode(digest);
    // Base64 is ASCII that headers may hold.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn not_a_websocket() -> HttpError {
    HttpError(ApiError::new(
        "bad_request",
        "the request does not ask for a WebSocket of version 13",
        "connect with a WebSocket client; GET /api/live/{table} is for plain HTTP",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_standard() {
        assert_eq!(
            accept(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
