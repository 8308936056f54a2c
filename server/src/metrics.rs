//! What the HTTP side counts, and how figures are written.

pub mod histogram;
mod process;
pub mod text;

pub use process::Process;

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Instant,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use self::histogram::{Counted, Histogram};
use crate::state::AppState;

/// Requests, by the class of their status.
#[derive(Debug)]
pub struct Metrics {
    started: Instant,
    /// For each of 1xx to 5xx: how long it took until their heads were sent.
    classes: [Histogram; 5],
    in_flight: AtomicI64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            classes: [const { Histogram::of_seconds() }; 5],
            in_flight: AtomicI64::new(0),
        }
    }
}

impl Metrics {
    /// Each class of statuses, such as `2xx`, with how long requests took until their heads were
    /// sent.
    pub fn requests(&self) -> impl Iterator<Item = (&'static str, Counted)> {
        const NAMES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        let counted = self.classes.iter().map(Histogram::counted);
        NAMES.into_iter().zip(counted)
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
    metrics.classes[class].took(begun.elapsed());
    response
}
