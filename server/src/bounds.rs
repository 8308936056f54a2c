//! How much is under way at once, and for how long.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use rowcast_protocol::ApiError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::HttpError,
    limit::{Share, Shares, Subject, too_many},
    state::too_busy,
};

/// How many requests may be under way, live ones aside. One is under way until its answer has
/// been taken: an answer that waits takes memory.
const REQUESTS_MAX: usize = 512;

/// How long the head of an answer may take, those of live ones and of exports aside.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How many bytes of an answer are handed on at once.
const PIECE: usize = 64 * 1024;

/// The places of requests that are under way.
#[derive(Clone, Debug)]
pub struct Bounds {
    places: Arc<Semaphore>,
    shares: Shares<Subject>,
    timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(REQUESTS_MAX)),
            shares: Shares::of(REQUESTS_MAX),
            timeout: TIMEOUT,
        }
    }
}

impl Bounds {
    /// The same places, for requests that may take this long.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            places: Arc::clone(&self.places),
            shares: self.shares.clone(),
            timeout,
        }
    }
}

/// Bounds how many requests are under way, and for how long each is. Of those who are counted, one
/// has no more than a share of them.
pub async fn bound(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let share = match request.extensions().get::<Subject>() {
        None => None,
        Some(subject) => match bounds.shares.take(*subject) {
            Some(share) => Some(share),
            None => return HttpError(too_many(*subject, Duration::ZERO)).into_response(),
        },
    };
    let Ok(place) = bounds.places.try_acquire_owned() else {
        return too_busy().into_response();
    };
    let place = Place(Arc::new((place, share)));
    // An export says nothing before it has found a row, and has a limit of its own.
    let path = request.uri().path();
    let is_export = path.ends_with(".csv") || path.ends_with(".json");
    let answer = PLACE.scope(place.clone(), next.run(request));
    let response = if is_export {
        answer.await
    } else {
        match tokio::time::timeout(bounds.timeout, answer).await {
            Ok(response) => response,
            Err(_) => HttpError(ApiError::new(
                "too_slow",
                "the answer took longer than the server allows",
                "",
            ))
            .into_response(),
        }
    };
    response.map(|body| {
        Body::new(Placed {
            body,
            rest: Bytes::new(),
            _place: place,
        })
    })
}

tokio::task_local! {
    /// The place of the request that is answered. No extension of the request, for what is made of
    /// one may keep those for as long as it likes.
    static PLACE: Place;
}

/// The place of a request, which is taken until nobody has it any more.
#[derive(Clone)]
pub struct Place(
    #[expect(dead_code, reason = "it is kept")] Arc<(OwnedSemaphorePermit, Option<Share<Subject>>)>,
);

impl Place {
    /// That of the request that is answered, for what works on after whoever asked has left.
    pub fn of_this() -> Option<Self> {
        PLACE.try_with(Self::clone).ok()
    }
}

/// A body that keeps its request's place until all of it has been taken. It is handed on in
/// pieces, for what is handed on whole counts as taken.
struct Placed {
    body: Body,
    /// What is left of what came last.
    rest: Bytes,
    _place: Place,
}

impl hyper::body::Body for Placed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(inner.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware, routing::get};
    use futures::StreamExt;
    use http::StatusCode;
    use tower::Service;

    use super::*;

    fn router(places: usize) -> Router {
        let timeout = Duration::from_millis(20);
        let slow = move || tokio::time::sleep(2 * timeout);
        let bounds = Bounds {
            places: Arc::new(Semaphore::new(places)),
            shares: Shares::of(8),
            timeout,
        };
        Router::new()
            .route("/large", get(|| async { vec![b'x'; 10 * PIECE + 1] }))
            .route("/slow", get(slow))
            .route("/slow.csv", get(slow))
            .layer(middleware::from_fn_with_state(bounds, bound))
    }

    async fn ask(router: &mut Router, path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let Ok(response) = router.call(request).await;
        response
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_keeps_its_place() {
        let mut router = router(1);
        let first = ask(&mut router, "/large").await;
        assert_eq!(first.status(), StatusCode::OK);
        let length = (10 * PIECE + 1).to_string();
        assert_eq!(first.headers()["content-length"], length.as_str());
        let mut pieces = first.into_body().into_data_stream();
        let mut taken = 0;
        while taken < 10 * PIECE {
            // Whatever has been taken of it: some of it has not.
            let busy = ask(&mut router, "/large").await.status();
            assert_eq!(busy, StatusCode::SERVICE_UNAVAILABLE);
            taken += pieces.next().await.expect("more").expect("bytes").len();
        }
        assert_eq!(pieces.next().await.expect("more").expect("bytes").len(), 1);
        drop(pieces);
        assert_eq!(ask(&mut router, "/large").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn one_has_a_share_of_the_places_and_leaves_the_others_theirs() {
        let mut router = router(8);
        let ask = async |router: &mut Router, account: i64| {
            let subject = Subject::Account(crate::auth::AccountId(account));
            let mut request = Request::get("/large")
                .body(Body::empty())
                .expect("a request");
            request.extensions_mut().insert(subject);
            let Ok(response) = router.call(request).await;
            response
        };
        let _first = ask(&mut router, 1).await;
        let second = ask(&mut router, 1).await;
        assert_eq!(second.status(), StatusCode::OK);
        let third = ask(&mut router, 1).await.status();
        assert_eq!(third, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(ask(&mut router, 2).await.status(), StatusCode::OK);
        drop(second);
        assert_eq!(ask(&mut router, 1).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn who_works_on_for_a_request_keeps_its_place() {
        let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
        let bounds = Bounds {
            places: Arc::new(Semaphore::new(1)),
            shares: Shares::of(8),
            timeout: TIMEOUT,
        };
        let work = move || async move { keep.send(Place::of_this()).is_ok().to_string() };
        let mut router = Router::new()
            .route("/", get(work))
            .layer(middleware::from_fn_with_state(bounds, bound));
        drop(ask(&mut router, "/").await);
        let busy = ask(&mut router, "/").await.status();
        assert_eq!(busy, StatusCode::SERVICE_UNAVAILABLE);
        assert!(kept.recv().await.expect("said").is_some());
        assert_eq!(ask(&mut router, "/").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn an_export_may_take_longer_than_other_answers() {
        let mut router = router(1);
        let slow = ask(&mut router, "/slow").await.status();
        assert_eq!(slow, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(&mut router, "/slow.csv").await.status(), StatusCode::OK);
    }
}
