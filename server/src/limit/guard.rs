//! What requests are counted as, and what they are answered that are too many.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Extension, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, header};
use rowcast_protocol::ApiError;

use super::{Kind, Spent, Subject};
use crate::{
    auth::Identity,
    error::{HttpError, status},
    peer::Peer,
    state::AppState,
};

/// Counts a request of whoever makes it, and says for what is behind it by whom that is.
pub async fn guard(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    mut request: Request,
    next: Next,
) -> Response {
    if !state.limits.are_on() {
        return next.run(request).await;
    }
    let subject = Subject::of(&identity, Peer::of(&request).address);
    if let Some(refused) = refused(&state, &request, subject) {
        return refused;
    }
    request.extensions_mut().insert(subject);
    next.run(request).await
}

/// Counts a request; what it is answered if it is one too many. That costs little to make: a page
/// would cost more than what it refuses.
pub fn refused(state: &AppState, request: &Request, subject: Subject) -> Option<Response> {
    let path = request.uri().path();
    let kind = kind(request.method(), path)?;
    let Err(Spent(wait)) = state.limits.take(subject, kind) else {
        return None;
    };
    let error = too_many(subject, wait);
    let mut response = if path.starts_with("/api") {
        HttpError(error).into_response()
    } else {
        let text = format!("{}: {}.\n", error.message, error.hint);
        (status(&error.code), text).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds(wait).into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

/// It was one too many, and will be for so long.
pub fn too_many(subject: Subject, wait: Duration) -> ApiError {
    let whose = match subject {
        Subject::Account(_) => "this account",
        Subject::Network(_) => "this address",
    };
    ApiError::new(
        "too_many_requests",
        format!("more comes from {whose} than the server takes"),
        format!("try again in {} s", seconds(wait)),
    )
}

/// Whole ones, after which it is over.
fn seconds(wait: Duration) -> u64 {
    wait.as_nanos()
        .div_ceil(1_000_000_000)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// What it counts as. Whether the process is up may be asked by everybody all the time: it is
/// known without asking anything.
fn kind(method: &Method, path: &str) -> Option<Kind> {
    let is_reading = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match path {
        "/healthz" => None,
        "/api/ws" => Some(Kind::Open),
        _ if path.starts_with("/api/live/") => Some(Kind::Open),
        _ if is_reading => Some(Kind::Read),
        _ => Some(Kind::Write),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_come_again_at_once_or_too_early() {
        for (micros, expected) in [(1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2)] {
            assert_eq!(seconds(Duration::from_micros(micros)), expected, "{micros}");
        }
    }

    #[test]
    fn what_is_opened_what_is_written_and_the_rest_are_counted_apart() {
        for (method, path, expected) in [
            (Method::GET, "/healthz", None),
            (Method::GET, "/readyz", Some(Kind::Read)),
            (Method::GET, "/", Some(Kind::Read)),
            (Method::HEAD, "/api/rows/t", Some(Kind::Read)),
            (Method::POST, "/api/rows/t", Some(Kind::Write)),
            (Method::POST, "/login", Some(Kind::Write)),
            (Method::GET, "/api/ws", Some(Kind::Open)),
            (Method::GET, "/api/live/t", Some(Kind::Open)),
            (Method::GET, "/api/wsx", Some(Kind::Read)),
        ] {
            assert_eq!(kind(&method, path), expected, "{method} {path}");
        }
    }
}
