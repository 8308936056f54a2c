//! What a server is at, now and since that was last told.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::MOST;
use crate::{
    capture::TailHandle,
    live::{Live, cost::Busy},
    metrics::{Process, histogram::Counted},
    shutdown::Shutdown,
};

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The live queries.
    pub live: Live,
    /// How the log is followed.
    pub tail: TailHandle,
    /// Whether the server is about to end.
    pub shutdown: Shutdown,
}

/// Looks at a server from time to time.
#[derive(Debug)]
pub(super) struct Sampler {
    parts: Parts,
    name: String,
    started: Instant,
    /// What had been delivered when it was last looked at.
    delivered: Counted,
}

impl Sampler {
    pub(super) fn new(parts: Parts, name: String) -> Self {
        Self {
            delivered: parts.live.figures().delivery.counted(),
            parts,
            name,
            started: Instant::now(),
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.parts.shutdown.is_leaving()
    }

    /// What it is at, and the lists that cost most.
    pub(super) async fn take(&mut self, is_followed: bool) -> (Value, Vec<Busy>) {
        let Parts { live, tail, .. } = &self.parts;
        let figures = live.figures();
        let held = figures.held();
        let worst = figures.take_worst();
        let delivered = figures.delivery.counted();
        let millis = |part| {
            let seconds = delivered.quantile_since(&self.delivered, part)?;
            Some((seconds * 10_000.0).round() / 10.0)
        };
        let resets: u64 = figures.resets.by_reason().iter().map(|(_, of)| of).sum();
        let connections = figures.connections.get();
        let told = json!({
            "name": self.name,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime": self.started.elapsed().as_secs_f64(),
            "state": if self.is_draining() { "draining" } else { "serving" },
            "reads": reads(tail),
            "lag_rows": worst.map(|(_, rows)| rows),
            "lag_ms": worst.map(|(lag, _)| (lag.as_secs_f64() * 10_000.0).round() / 10.0),
            "delivery_p50_ms": millis(0.5),
            "delivery_p99_ms": millis(0.99),
            "clients": connections.saturating_sub(figures.disconnections.get()),
            "slow_clients": figures.outgoing.slow_clients(),
            "queries": held.engine.queries,
            "windows": held.engine.windows,
            "resets": resets,
            "memory_mib": Process::now().map(|process| process.resident >> 20),
            "is_followed": is_followed,
        });
        self.delivered = delivered;
        (told, self.parts.live.busiest(MOST).await)
    }
}

/// How a server has what changes.
fn reads(tail: &TailHandle) -> &'static str {
    match tail.leads() {
        (true, _) => "leads",
        _ if tail.is_led() => "follows",
        _ => "log",
    }
}
