//! Traces: what a request or a change was at, and for how long, sent to a collector over OTLP.
//!
//! A span says what was done, of which table, and how much there was: never a row's values, a filter, a
//! key, a token, or an address with one in it. Without a collector nothing here does anything.
//!
//! Spans are not made of what is logged: whether a read of the log is worth one is known only once it has
//! found something, and the log's lines stay what they are, whoever collects traces.

mod collector;
mod exporting;
pub mod request;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer,
        TracerProvider,
    },
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

pub use exporting::{Exporting, SpanCounts};

use crate::config::TraceConfig;

/// Where spans begin. Cheap to clone; the default makes none.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Tracing>>);

#[derive(Debug)]
struct Tracing {
    tracer: SdkTracer,
    counts: Arc<SpanCounts>,
}

/// What something is done for: the span that what comes of it is within, if there is one. Cheap to clone, and to hold.
#[derive(Clone, Debug, Default)]
pub struct Cause(Option<Arc<SpanContext>>);

/// Something that is being done. It has ended when this is dropped.
#[derive(Debug, Default)]
pub struct Span {
    traces: Traces,
    recorded: Option<opentelemetry_sdk::trace::Span>,
    cause: Cause,
}

tokio::task_local! {
    /// What the task is at.
    static AT: (Traces, Cause);
}

/// A part of what the task is at.
pub fn begin(name: &'static str) -> Span {
    AT.try_with(|(traces, cause)| traces.begin(name, cause))
        .unwrap_or_default()
}

/// Waits for something, which is a part of what the task is at.
pub async fn during<F: Future>(name: &'static str, future: F) -> F::Output {
    let span = begin(name);
    let output = future.await;
    drop(span);
    output
}

/// What the task is at, for what it has others do.
pub fn cause() -> Cause {
    AT.try_with(|(_, cause)| cause.clone()).unwrap_or_default()
}

impl Traces {
    /// Those of the settings, and what sends them.
    pub fn start(config: Option<&TraceConfig>) -> (Self, Exporting) {
        let Some(config) = config else {
            return (Self::default(), Exporting::default());
        };
        let (processor, exporting, counts) = exporting::start(config);
        let provider = SdkTracerProvider::builder()
            .with_sampler(config.sampler.clone())
            .with_resource(opentelemetry_sdk::Resource::builder_empty().build())
            .with_span_processor(processor)
            .build();
        let tracer = provider.tracer("rowcast");
        let traces = Self(Some(Arc::new(Tracing { tracer, counts })));
        (traces, exporting)
    }

    /// Whether there are any.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// How many spans were sent, and how many could not be.
    pub fn counts(&self) -> (u64, u64) {
        let counts = self.0.as_ref().map(|tracing| &tracing.counts);
        counts.map_or((0, 0), |counts| (counts.sent(), counts.dropped()))
    }

    /// Something that begins now.
    pub fn begin(&self, name: &'static str, cause: &Cause) -> Span {
        self.build(|| SpanBuilder::from_name(name), cause)
    }

    /// Something that began so long ago.
    pub fn began(&self, name: &'static str, cause: &Cause, ago: Duration) -> Span {
        let builder = || {
            let start = SystemTime::now().checked_sub(ago);
            SpanBuilder::from_name(name).with_start_time(start.unwrap_or(SystemTime::UNIX_EPOCH))
        };
        self.build(builder, cause)
    }

    /// What is done is a part of what it is done for. Tasks that are begun in it have to be told that as well.
    pub async fn around<F: Future>(&self, cause: Cause, future: F) -> F::Output {
        match self.are_on() {
            true => AT.scope((self.clone(), cause), future).await,
            false => future.await,
        }
    }

    fn build(&self, builder: impl FnOnce() -> SpanBuilder, cause: &Cause) -> Span {
        let Some(tracing) = &self.0 else {
            return Span::default();
        };
        if cause.is_left_out() {
            return Span {
                traces: self.clone(),
                recorded: None,
                cause: cause.clone(),
            };
        }
        let within = match &cause.0 {
            Some(context) => Context::new().with_remote_span_context((**context).clone()),
            None => Context::new(),
        };
        let span = tracing.tracer.build_with_context(builder(), &within);
        let cause = Cause(Some(Arc::new(span.span_context().clone())));
        Span {
            traces: self.clone(),
            recorded: span.is_recording().then_some(span),
            cause,
        }
    }
}

impl Cause {
    /// Whether there is something.
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it was decided here that the trace is not kept, so that nothing within is.
    fn is_left_out(&self) -> bool {
        let context = self.0.as_ref();
        context.is_some_and(|context| !context.is_remote() && !context.is_sampled())
    }
}

impl Span {
    /// Whether anybody is told what is said of it.
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// For what is done for it.
    pub fn cause(&self) -> Cause {
        self.cause.clone()
    }

    /// Says something of it.
    pub fn say(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Says how many there are of something.
    pub fn count(&mut self, name: &'static str, number: usize) {
        self.say(name, i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// It failed, of that kind of fault.
    pub fn fail(&mut self, kind: &str) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
            span.set_status(Status::error(""));
        }
    }

    /// What is done in it is a part of it.
    pub async fn around<F: Future>(&self, future: F) -> F::Output {
        self.traces.around(self.cause(), future).await
    }
}

/// The kind of a span that answers somebody.
fn server(name: String) -> SpanBuilder {
    SpanBuilder::from_name(name).with_kind(SpanKind::Server)
}
