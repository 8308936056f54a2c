//! `GET /api/live/{table}`: a live query as server-sent events.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Extension, Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, header};
use rowcast_protocol::Cursor;
use tokio::time::{Instant, Interval, interval_at};

use crate::{
    auth::Standing,
    comment::Guards,
    error::HttpError,
    limit::{Place, Subject},
    live::{
        SubscriberId,
        hub::Asked,
        outbox::{Due, Outbox},
        prepare::{Prepared, prepare},
    },
    state::AppState,
};

/// How often something is sent, a comment if nothing else.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Follows the query of the address.
///
/// # Errors
/// Those of the query's grammar and of binding it; `not_live`; `too_busy`.
pub async fn follow(
    State(state): State<AppState>,
    Path(table): Path<String>,
    RawQuery(query): RawQuery,
    Extension(standing): Extension<Standing>,
    subject: Option<Extension<Subject>>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let subject = subject.map(|Extension(subject)| subject);
    let permit = state.clients.take(subject)?;
    let text = query.unwrap_or_default();
    let (text, in_address) = take_cursor(&text);
    let cursor = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .or(in_address);
    let prepared = prepare(&state, standing.identity(), &table, &text).await?;
    let Prepared {
        query,
        bound,
        guard,
        ..
    } = prepared;
    let outbox = Outbox::counted(Arc::clone(&state.live.figures().outgoing));
    let outbox = Arc::new(outbox);
    // A cursor that can't be read is one that can't be resumed from.
    let cursor = cursor.map(|text| text.parse().unwrap_or_else(|_| unreadable()));
    let id = state.live.new_id();
    state
        .live
        .subscribe(Asked { id, query, bound }, subject, cursor, &outbox, 0)
        .await;
    let guards = Guards::default();
    guards.add(id, guard);
    let session = Session {
        state: state.clone(),
        guards,
        id,
        outbox,
        heartbeat: interval_at(Instant::now() + HEARTBEAT, HEARTBEAT),
        ended: false,
        leaving: Box::pin(state.shutdown.clone().departure()),
        standing,
        _permit: permit,
    };
    session.state.live.figures().connections.add(1);
    let events = stream::unfold(session, |mut session| async move {
        let bytes = session.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), session))
    });
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A cursor of no history.
pub fn unreadable() -> Cursor {
    Cursor {
        epoch: 0,
        snapshot: Default::default(),
        moment: None,
    }
}

/// The query without its `cursor` parameter, and that.
fn take_cursor(query: &str) -> (String, Option<String>) {
    let mut cursor = None;
    let rest: Vec<&str> = query
        .split('&')
        .filter(|part| match part.strip_prefix("cursor=") {
            Some(value) => {
                cursor = Some(percent_decoded(value));
                false
            }
            None => true,
        })
        .collect();
    (rest.join("&"), cursor)
}

/// A parameter's value. What is no text stands for no cursor.
fn percent_decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, digits) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// One event stream.
struct Session {
    state: AppState,
    guards: Guards,
    id: SubscriberId,
    outbox: Arc<Outbox>,
    heartbeat: Interval,
    ended: bool,
    /// Completes when the client is to go elsewhere.
    leaving: Pin<Box<dyn Future<Output = ()> + Send>>,
    standing: Standing,
    _permit: Place,
}

impl Session {
    /// The next bytes to send; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        loop {
            tokio::select! {
                biased;
                // Whoever follows a stream is not told why: the next attempt is refused.
                _ = self.standing.changed() => return None,
                () = &mut self.leaving => return None,
                due = self.outbox.next() => match due {
                    Due::Event(waiting) => {
                        let waiting = if self.guards.are_any() {
                            let identity = Arc::clone(self.standing.identity());
                            let (state, taken) = (&self.state, vec![waiting]);
                            let admitted = self.guards.admit(state, &identity, &self.outbox, taken);
                            let admitted = tokio::select! {
                                biased;
                                _ = self.standing.changed() => return None,
                                () = &mut self.leaving => return None,
                                admitted = admitted => admitted,
                            };
                            match admitted.into_iter().next() {
                                Some(waiting) => waiting,
                                None => continue,
                            }
                        } else {
                            waiting
                        };
                        let event = &waiting.event;
                        self.ended = waiting.ends().is_some();
                        self.heartbeat.reset();
                        self.state.live.figures().delivered(&waiting);
                        let mut out = Vec::new();
                        out.extend_from_slice(b"event: ");
                        out.extend_from_slice(event.name().as_bytes());
                        if let Some(cursor) = event.cursor() {
                            out.extend_from_slice(b"\nid: ");
                            out.extend_from_slice(cursor.as_bytes());
                        }
                        out.extend_from_slice(b"\ndata: ");
                        out.extend_from_slice(event.json());
                        out.extend_from_slice(b"\n\n");
                        return Some(out.into());
                    }
                    Due::Lost(ids) => self.state.live.resync(ids).await,
                    Due::Closed => return None,
                },
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b": alive\n\n")),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.state.live.figures().disconnections.add(1);
        self.state.live.leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_taken_out_of_the_query() {
        assert_eq!(
            take_cursor("a=eq.1&cursor=0%2e1%3A2%3a&limit=3"),
            ("a=eq.1&limit=3".to_owned(), Some("0.1:2:".to_owned()))
        );
        assert_eq!(take_cursor("a=eq.1"), ("a=eq.1".to_owned(), None));
    }
}
