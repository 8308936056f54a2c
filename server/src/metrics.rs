//! What the HTTP side counts.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Instant,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::state::AppState;

/// Counts of requests, by the class of their status.
#[derive(Debug)]
pub struct Metrics {
    started: Instant,
    /// For each of 1xx to 5xx: how many, and the microseconds until their heads were sent.
    classes: [Class; 5],
    in_flight: AtomicI64,
}

#[derive(Debug, Default)]
struct Class {
    requests: AtomicU64,
    microseconds: AtomicU64,
}

/// One class of statuses.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    /// `2xx`
    pub class: &'static str,
    /// How many.
    pub count: u64,
    /// How long they took until their heads were sent, in all.
    pub seconds: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            classes: Default::default(),
            in_flight: AtomicI64::new(0),
        }
    }
}

impl Metrics {
    /// Requests so far, by class.
    pub fn requests(&self) -> impl Iterator<Item = Requests> {
        const NAMES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        NAMES
            .into_iter()
            .zip(&self.classes)
            .map(|(class, counts)| Requests {
                class,
                count: counts.requests.load(Ordering::Relaxed),
                seconds: counts.microseconds.load(Ordering::Relaxed) as f64 / 1e6,
            })
    }

    /// Requests whose heads are still to be sent.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Seconds since the start.
    pub fn uptime(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// Counts a request.
pub async fn count(State(state): State<AppState>, request: Request, next: Next) -> Response {
    /// Also counts down where the client goes away in the midst.
    struct InFlight<'a>(&'a Metrics);
    impl Drop for InFlight<'_> {
        fn drop(&mut self) {
            self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let begun = Instant::now();
    let metrics = &state.metrics;
    metrics.in_flight.fetch_add(1, Ordering::Relaxed);
    let guard = InFlight(metrics);
    let response = next.run(request).await;
    drop(guard);
    let class = usize::from(response.status().as_u16() / 100).clamp(1, 5) - 1;
    let counts = &metrics.classes[class];
    counts.requests.fetch_add(1, Ordering::Relaxed);
    let elapsed = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    counts.microseconds.fetch_add(elapsed, Ordering::Relaxed);
    response
}
