//! What requests bring: taken whole, in a bounded room and time, before anything is begun for them.
//!
//! So who sends slowly, or stops in the middle, keeps nothing but the connection and what has come:
//! no place among the requests under way, no connection to the database.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use rowcast_protocol::ApiError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::{error::HttpError, state::too_busy};

/// By how many bytes the room is counted.
pub const UNIT: usize = 4 * 1024;

/// How long a body may take.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// However little comes of it.
    first: Duration,
    /// How many bytes make that a second longer.
    rate: u64,
    /// However much comes.
    longest: Duration,
}

const PACE: Pace = Pace {
    first: Duration::from_secs(30),
    rate: 16 * 1024,
    longest: Duration::from_secs(15 * 60),
};

/// How many bytes a body may have, and the room for those that are held.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    /// The most.
    pub bytes: usize,
    /// For all bodies, in units of [`UNIT`].
    pub room: Arc<Semaphore>,
}

/// Takes the body before what is behind it is asked, and refuses one of more bytes: what declares
/// them unread, what does not as it is read. All that are under way are bounded too.
pub async fn take(State(limit): State<BodyLimit>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (body, _held) = match read(body, &limit, PACE).await {
        Ok(read) => read,
        Err(error) => return error.into_response(),
    };
    let mut request = Request::from_parts(parts, body);
    DefaultBodyLimit::max(limit.bytes).apply(&mut request);
    next.run(request).await
}

/// The body, with the room that it takes.
async fn read(
    body: Body,
    limit: &BodyLimit,
    pace: Pace,
) -> Result<(Body, Option<OwnedSemaphorePermit>), HttpError> {
    if body.is_end_stream() {
        return Ok((body, None));
    }
    let declared = body.size_hint().upper();
    let declared = declared.map(|declared| usize::try_from(declared).unwrap_or(usize::MAX));
    let most = declared.unwrap_or(limit.bytes);
    if most > limit.bytes {
        return Err(too_large(limit.bytes));
    }
    let begun = Instant::now();
    let mut pieces = body.into_data_stream();
    let mut bytes: Vec<u8> = Vec::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    loop {
        let next = timeout_at(begun + pace.allows(bytes.len()), pieces.next()).await;
        let piece = match next {
            Err(_) => return Err(too_slow(pace)),
            Ok(None) => return Ok((bytes.into(), held)),
            Ok(Some(Err(_))) => return Err(broken()),
            Ok(Some(Ok(piece))) => piece,
        };
        let length = bytes.len() + piece.len();
        if length > limit.bytes {
            return Err(too_large(limit.bytes));
        }
        let units = length.div_ceil(UNIT) - bytes.len().div_ceil(UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&limit.room).try_acquire_many_owned(units) else {
            return Err(too_busy());
        };
        match &mut held {
            Some(held) => held.merge(more),
            None => held = Some(more),
        }
        if length > bytes.capacity() {
            // Never more than it is said to have, nor much more than has come.
            let wanted = (2 * bytes.capacity()).clamp(length, most.max(length));
            bytes.reserve_exact(wanted - bytes.len());
        }
        bytes.extend_from_slice(&piece);
    }
}

impl Pace {
    /// How long a body may take of which this much has come.
    fn allows(self, received: usize) -> Duration {
        (self.first + Duration::from_secs(received as u64 / self.rate)).min(self.longest)
    }
}

fn too_large(bytes: usize) -> HttpError {
    HttpError(ApiError::new(
        "too_large",
        format!("the body is longer than {bytes} bytes"),
        "",
    ))
}

fn too_slow(pace: Pace) -> HttpError {
    HttpError(ApiError::new(
        "request_timeout",
        "the body came too slowly",
        format!(
            "send it within {} s and a second more for each {} bytes",
            pace.first.as_secs(),
            pace.rate
        ),
    ))
}

fn broken() -> HttpError {
    HttpError(ApiError::new(
        "bad_request",
        "the body ended before its end or can't be read",
        "",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn limit(bytes: usize, units: usize) -> BodyLimit {
        BodyLimit {
            bytes,
            room: Arc::new(Semaphore::new(units)),
        }
    }

    /// A body that comes in these pieces and does not say how long it is.
    fn pieces(lengths: &[usize]) -> Body {
        let pieces: Vec<_> = lengths
            .iter()
            .map(|length| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; *length])))
            .collect();
        Body::from_stream(futures::stream::iter(pieces))
    }

    async fn read(
        body: Body,
        limit: &BodyLimit,
    ) -> Result<(Body, Option<OwnedSemaphorePermit>), HttpError> {
        super::read(body, limit, PACE).await
    }

    fn code(read: Result<(Body, Option<OwnedSemaphorePermit>), HttpError>) -> String {
        read.err().map_or_else(String::new, |error| error.0.code)
    }

    #[test]
    fn a_body_has_time_by_what_comes_of_it() {
        assert_eq!(PACE.allows(0), PACE.first);
        let more = PACE.allows(PACE.rate as usize * 10) - PACE.first;
        assert_eq!(more, Duration::from_secs(10));
        assert_eq!(PACE.allows(usize::MAX), PACE.longest);
    }

    #[tokio::test]
    async fn what_has_come_takes_room_and_nothing_else() {
        let limit = limit(10 * UNIT, 4);
        let (body, held) = read(pieces(&[1, UNIT - 1, 1]), &limit)
            .await
            .expect("a body");
        assert_eq!(limit.room.available_permits(), 2);
        assert_eq!(body.size_hint().exact(), Some(UNIT as u64 + 1));
        assert_eq!(code(read(pieces(&[3 * UNIT]), &limit).await), "too_busy");
        assert_eq!(limit.room.available_permits(), 2);
        drop(held);
        assert!(read(pieces(&[4 * UNIT]), &limit).await.is_ok());
        assert_eq!(limit.room.available_permits(), 4);
        let (_, held) = read(Body::empty(), &limit).await.expect("none");
        assert!(held.is_none());
    }

    #[tokio::test]
    async fn what_is_too_long_is_refused_unread_or_as_it_is_read() {
        let limit = limit(UNIT, 100);
        assert_eq!(
            code(read(Body::from(vec![0; UNIT + 1]), &limit).await),
            "too_large"
        );
        assert_eq!(code(read(pieces(&[UNIT, 1]), &limit).await), "too_large");
        assert!(read(Body::from(vec![0; UNIT]), &limit).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_does_not_go_on_is_given_up_and_one_that_breaks_off_is_not_waited_for() {
        let short = Pace {
            first: Duration::from_millis(50),
            ..PACE
        };
        let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
        let silent = Body::from_stream(first.chain(futures::stream::pending()));
        let limit = limit(UNIT, 100);
        let read = super::read(silent, &limit, short).await;
        assert_eq!(code(read), "request_timeout");
        assert_eq!(limit.room.available_permits(), 100);
        let cut = futures::stream::iter([Ok(Bytes::new()), Err(std::io::Error::other("gone"))]);
        let read = super::read(Body::from_stream(cut), &limit, PACE).await;
        assert_eq!(code(read), "bad_request");
    }
}
