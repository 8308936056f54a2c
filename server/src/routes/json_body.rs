//! The JSON that a request brings, and that it is answered with.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, header};
use rowcast_protocol::ApiError;
use serde::de::DeserializeOwned;

/// Reads a body that says of itself that it is JSON. No page of another origin can send that
/// without asking first, and nobody is told that it may.
///
/// # Errors
/// `unsupported_media_type`; `invalid_json`.
pub fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, ApiError> {
    require_type(headers, &["application/json"])?;
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(
            "invalid_json",
            format!("the body can't be read: {error}"),
            "see docs/api.md for what it may hold",
        )
    })
}

/// Refuses bodies of other types.
///
/// # Errors
/// `unsupported_media_type`.
pub fn require_type(headers: &HeaderMap, allowed: &[&str]) -> Result<(), ApiError> {
    let declared = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(str::trim)
        .unwrap_or_default();
    if allowed
        .iter()
        .any(|known| declared.eq_ignore_ascii_case(known))
    {
        return Ok(());
    }
    Err(ApiError::new(
        "unsupported_media_type",
        format!("Content-Type is \"{declared}\""),
        format!("send {}", allowed.join(" or ")),
    ))
}

/// An answer that is this JSON and that nobody keeps.
pub fn answer(json: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, json).into_response()
}
