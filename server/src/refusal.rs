//! Lines of the log that say who asked for what they may not have: what an operator looks for when
//! somebody tries doors. They name the account, the address and the route, never what was asked of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{StatusCode, header};

use crate::{
    auth::{AccountId, Identity},
    peer::Peer,
};

/// How many lines there are in a [`WINDOW`]: whoever is refused all the time fills no disk.
const LINES: u32 = 60;

/// What they are counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// An error's code, in the extensions of the answer that tells it.
#[derive(Clone, Debug)]
pub struct Code(pub Arc<str>);

/// Who was answered, in the answer's extensions.
#[derive(Clone, Copy, Debug)]
struct Who(Option<AccountId>);

/// How many lines there may still be.
#[derive(Debug)]
struct Lines(Mutex<Counted>);

/// Those of this process, which has one log.
static LOG: Lines = Lines::new();

#[derive(Debug)]
struct Counted {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Lines {
    const fn new() -> Self {
        Self(Mutex::new(Counted {
            since: None,
            written: 0,
            left_out: 0,
        }))
    }

    /// Whether one more may be written now, and then how many were not since the last one.
    fn take(&self, now: Instant) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since| now.saturating_duration_since(since) >= WINDOW;
        if counted.since.is_none_or(is_over) {
            counted.since = Some(now);
            counted.written = 0;
        }
        if counted.written == LINES {
            counted.left_out += 1;
            return None;
        }
        counted.written += 1;
        Some(std::mem::take(&mut counted.left_out))
    }
}

/// Notes in the answer whose request it was. Stands where that is known.
pub async fn name(request: Request, next: Next) -> Response {
    let identity = request.extensions().get::<Arc<Identity>>();
    let who = identity.map(|identity| Who(identity.account));
    let mut response = next.run(request).await;
    if let Some(who) = who {
        response.extensions_mut().insert(who);
    }
    response
}

/// Logs what is refused: a request of another origin or for another host, a proof that is none,
/// and what an account asked for that it may not have or that is not there, which it is told in
/// the same words.
pub async fn log(request: Request, next: Next) -> Response {
    let address = Peer::of(&request).address;
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let has_shown = request.headers().contains_key(header::AUTHORIZATION);
    let response = next.run(request).await;
    let who = response.extensions().get().copied();
    let account = who.and_then(|Who(account)| account);
    let path = route.as_ref().map_or("", MatchedPath::as_str);
    let is_refused = match response.status() {
        StatusCode::FORBIDDEN => true,
        StatusCode::UNAUTHORIZED => has_shown,
        // Of what no route leads to, nobody may have anything.
        StatusCode::NOT_FOUND => account.is_some() && route.is_some(),
        // A link that is none.
        StatusCode::BAD_REQUEST => path == "/join",
        _ => false,
    };
    if is_refused && let Some(left_out) = LOG.take(Instant::now()) {
        let code = response.extensions().get::<Code>();
        tracing::info!(
            account = account.map(|account| account.0),
            %address,
            %method,
            route = path,
            status = response.status().as_u16(),
            code = code.map_or("", |Code(code)| &**code),
            left_out,
            "refused"
        );
    }
    response
}

/// Logs what an account asked for over a live connection and may not have, or is not there.
pub fn log_message(account: Option<AccountId>, code: &str) {
    if code == "unknown_table"
        && let Some(account) = account
        && let Some(left_out) = LOG.take(Instant::now())
    {
        tracing::info!(
            account = account.0,
            code,
            left_out,
            "refused a subscription"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_written_and_the_next_one_says_how_many_were_not() {
        let (lines, begun) = (Lines::new(), Instant::now());
        for _ in 0..LINES {
            assert_eq!(lines.take(begun), Some(0));
        }
        for _ in 0..5 {
            assert_eq!(lines.take(begun + WINDOW / 2), None);
        }
        assert_eq!(lines.take(begun + WINDOW), Some(5));
        assert_eq!(lines.take(begun + WINDOW), Some(0));
    }
}
