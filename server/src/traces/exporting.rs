//! What has ended, on its way to the collector.
//!
//! Nobody waits for the collector: what there is no room for is dropped and counted, as is what it does not take. Nothing is
//! sent twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::KeyValue;
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use prost::Message;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep_until, timeout},
};

use super::collector::Collector;
use crate::config::TraceConfig;

/// How many spans wait at the most.
const ROOM: usize = 2048;

/// How many go at once.
const BATCH: usize = 512;

/// How long the first of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);

/// How long the end waits for what was not sent yet.
const ENDING: Duration = Duration::from_secs(1);

/// How often it is said that spans are lost.
const TOLD: Duration = Duration::from_secs(60);

/// How many spans there were.
#[derive(Debug, Default)]
pub struct SpanCounts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl SpanCounts {
    /// That the collector has.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// That it has not and will not have.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The task that sends spans; the default is none.
#[derive(Debug, Default)]
pub struct Exporting(Option<(JoinHandle<()>, watch::Sender<bool>)>);

impl Exporting {
    /// Sends what is left, for a second at the most.
    pub async fn end(self) {
        let Some((mut task, stop)) = self.0 else {
            return;
        };
        stop.send_replace(true);
        if timeout(ENDING, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// What takes spans that have ended.
#[derive(Debug)]
pub(super) struct Processor {
    queue: mpsc::Sender<SpanData>,
    counts: Arc<SpanCounts>,
}

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.queue.try_send(span).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Starts to send to the collector of the settings.
pub(super) fn start(config: &TraceConfig) -> (Processor, Exporting, Arc<SpanCounts>) {
    let (queue, spans) = mpsc::channel(ROOM);
    let (stop, stopped) = watch::channel(false);
    let counts = Arc::new(SpanCounts::default());
    let sender = Sender {
        collector: Collector::new(config),
        resource: resource(config),
        counts: Arc::clone(&counts),
        news: News::default(),
    };
    let processor = Processor {
        queue,
        counts: Arc::clone(&counts),
    };
    let task = tokio::spawn(sender.run(spans, stopped));
    (processor, Exporting(Some((task, stop))), counts)
}

/// What is said of this server.
fn resource(config: &TraceConfig) -> ResourceAttributesWithSchema {
    let ours = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance()),
    ];
    // What is set counts where both are there.
    let all = ours.into_iter().chain(config.resource.iter().cloned());
    let resource = Resource::builder_empty().with_attributes(all).build();
    ResourceAttributesWithSchema::from(&resource)
}

/// Tells this server from others that are called the same.
fn instance() -> String {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => format!("{:032x}", u128::from_be_bytes(bytes)),
        Err(_) => std::process::id().to_string(),
    }
}

struct Sender {
    collector: Collector,
    resource: ResourceAttributesWithSchema,
    counts: Arc<SpanCounts>,
    news: News,
}

impl Sender {
    /// Sends until the end is told and all that was there then is gone, or nobody begins spans any more.
    async fn run(mut self, mut spans: mpsc::Receiver<SpanData>, mut stop: watch::Receiver<bool>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let is_last = tokio::select! {
                biased;
                // Whoever could tell the end is gone, which is the end as well.
                _ = stop.wait_for(|stop| *stop) => true,
                () = gather(&mut spans, &mut batch) => false,
            };
            if is_last {
                spans.close();
                while batch.len() < BATCH
                    && let Ok(span) = spans.try_recv()
                {
                    batch.push(span);
                }
            }
            if batch.is_empty() {
                return;
            }
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let sent = self.collector.send(request.encode_to_vec()).await;
        let lost = match &sent {
            Ok(unwanted) => count.min(*unwanted),
            Err(_) => count,
        };
        self.counts.sent.fetch_add(count - lost, Ordering::Relaxed);
        self.counts.dropped.fetch_add(lost, Ordering::Relaxed);
        if let Some(spans) = self.news.of(self.counts.dropped(), Instant::now()) {
            let reason = match sent {
                Ok(0) => "more came than it takes".to_owned(),
                Ok(_) => "it did not want them".to_owned(),
                Err(reason) => reason,
            };
            tracing::warn!(reason, spans, "traces did not come to their collector");
        }
    }
}

/// What was said of spans that are lost.
#[derive(Debug, Default)]
struct News {
    /// When that was.
    told: Option<Instant>,
    /// How many it had been by then.
    known: u64,
}

impl News {
    /// How many were lost since that was last said, where it is to be said again.
    fn of(&mut self, dropped: u64, now: Instant) -> Option<u64> {
        let is_said = self.told.is_some_and(|told| now - told < TOLD);
        if dropped == self.known || is_said {
            return None;
        }
        let lost = dropped - self.known;
        (self.known, self.told) = (dropped, Some(now));
        Some(lost)
    }
}

/// Waits for a batch: what has come a while after its first, or as many as go at once. It may be dropped at any
/// time; what it has taken stays in `batch`.
async fn gather(spans: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    if spans.recv_many(batch, BATCH).await == 0 {
        return;
    }
    let due = tokio::time::Instant::now() + GATHERING;
    while batch.len() < BATCH {
        tokio::select! {
            () = sleep_until(due) => return,
            taken = spans.recv_many(batch, BATCH - batch.len()) => if taken == 0 { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_a_minute_that_spans_are_lost() {
        let mut news = News::default();
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(news.of(0, now), None);
        assert_eq!(news.of(3, now), Some(3));
        assert_eq!(news.of(4, after(1)), None);
        assert_eq!(news.of(9, after(59)), None);
        assert_eq!(news.of(9, after(60)), Some(6));
        assert_eq!(news.of(9, after(600)), None);
        assert_eq!(news.of(10, after(601)), Some(1));
    }
}
