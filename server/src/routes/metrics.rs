//! `GET /metrics`: what is counted, as Prometheus text.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;

use crate::{
    capture::{TailHandle, copier::Standing},
    database::replica::{Counts, Reason, Replica},
    live::hub::Following,
    metrics::{
        Process,
        text::{CONTENT_TYPE, Page},
    },
    state::AppState,
};

/// Everything that is counted.
pub async fn show(State(state): State<AppState>) -> Response {
    let mut page = Page::default();
    process(state.metrics.uptime(), &mut page);
    requests(&state, &mut page);
    database(&state, &mut page);
    replica(&state, &mut page);
    let Following(following) = *state.live.following().borrow();
    read(following, &state.tail, &mut page);
    copied(state.copying.as_deref(), &mut page);
    lag(&state, &mut page);
    live(&state, &mut page);
    clients(&state, &mut page);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page.into_text()).into_response()
}

/// What runs, and what it takes.
pub fn process(uptime: f64, page: &mut Page) {
    page.family("rowcast_build_info", "gauge", "The version that runs.");
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    page.labelled("rowcast_build_info", &version, 1);
    page.one(
        "rowcast_uptime_seconds",
        "gauge",
        "Since the start.",
        uptime,
    );
    let Some(process) = Process::now() else {
        return;
    };
    page.one(
        "process_resident_memory_bytes",
        "gauge",
        "Memory in use.",
        process.resident,
    );
    page.one(
        "process_cpu_seconds_total",
        "counter",
        "Processor time.",
        process.cpu,
    );
    page.one(
        "process_open_fds",
        "gauge",
        "Files and connections that are open.",
        process.open,
    );
}

fn requests(state: &AppState, page: &mut Page) {
    let metrics = &state.metrics;
    let total = "rowcast_http_requests_total";
    page.family(
        total,
        "counter",
        "Requests answered, by the class of their status.",
    );
    let label = |class: &str| format!("status=\"{class}\"");
    for (class, counted) in metrics.requests() {
        page.labelled(total, &label(class), counted.count);
    }
    let duration = "rowcast_http_request_duration_seconds";
    page.family(
        duration,
        "histogram",
        "Time until the answers' heads were sent.",
    );
    for (class, counted) in metrics.requests() {
        page.histogram(duration, &label(class), &counted);
    }
    page.one(
        "rowcast_http_requests_in_flight",
        "gauge",
        "Requests whose answers' heads are still to be sent.",
        metrics.in_flight(),
    );
    page.one(
        "rowcast_refused_total",
        "counter",
        "Requests and messages that were too many of one account or address.",
        state.limits.refused(),
    );
    let (sent, dropped) = state.traces.counts();
    for (name, help, value) in [
        (
            "rowcast_trace_spans_sent_total",
            "Spans of traces that their collector has.",
            sent,
        ),
        (
            "rowcast_trace_spans_dropped_total",
            "Spans of traces that did not come to it.",
            dropped,
        ),
    ] {
        page.one(name, "counter", help, value);
    }
}

fn database(state: &AppState, page: &mut Page) {
    let name = "rowcast_database_connections";
    page.family(
        name,
        "gauge",
        "Connections that are open, by what they are for and whether they are in use.",
    );
    for (purpose, pool) in [
        ("reading", state.readers.ours()),
        ("writing", &state.writers),
        ("accounts", state.accounts.pool()),
        ("housekeeping", &state.housekeeping),
    ] {
        let idle = pool.num_idle();
        let used = (pool.size() as usize).saturating_sub(idle);
        for (kind, count) in [("idle", idle), ("used", used)] {
            page.labelled(
                name,
                &format!("purpose=\"{purpose}\",state=\"{kind}\""),
                count,
            );
        }
    }
}

/// What a standby answered; nothing, where there is none.
fn replica(state: &AppState, page: &mut Page) {
    let counts = state.readers.replica().map(Replica::counts);
    page.one(
        "rowcast_replica_reads_total",
        "counter",
        "Reads that the standby answered.",
        counts.map_or(0, Counts::reads),
    );
    let name = "rowcast_replica_fallbacks_total";
    page.family(
        name,
        "counter",
        "Reads that the primary answered in the standby's place, by reason.",
    );
    for reason in Reason::ALL {
        let label = format!("reason=\"{}\"", reason.name());
        page.labelled(
            name,
            &label,
            counts.map_or(0, |counts| counts.fallbacks(reason)),
        );
    }
}

/// How the change log is read.
pub fn read(following: bool, tail: &TailHandle, page: &mut Page) {
    page.one(
        "rowcast_following",
        "gauge",
        "Whether the change log is followed.",
        u8::from(following),
    );
    page.one(
        "rowcast_log_awake",
        "gauge",
        "Whether the change log is read at a beat, so that no writer rings.",
        u8::from(*tail.awake().borrow()),
    );
    let (leads, entries) = tail.leads();
    page.one(
        "rowcast_bus_led",
        "gauge",
        "Whether what another server has read of the change log is followed.",
        u8::from(tail.is_led()),
    );
    page.one(
        "rowcast_bus_leads",
        "gauge",
        "Whether the change log is read for other servers.",
        u8::from(leads),
    );
    page.one(
        "rowcast_bus_entries_total",
        "counter",
        "Entries that were written for other servers.",
        entries,
    );
    let (reads, rows, bells) = tail.counts();
    for (name, help, value) in [
        (
            "rowcast_log_reads_total",
            "How often the change log was read.",
            reads,
        ),
        (
            "rowcast_log_rows_total",
            "Rows of the change log that were read.",
            rows,
        ),
        (
            "rowcast_bell_rings_total",
            "How often a writer rang the bell.",
            bells,
        ),
    ] {
        page.one(name, "counter", help, value);
    }
}

/// How it is written from the write-ahead log, where changes come from there.
pub fn copied(copying: Option<&Standing>, page: &mut Page) {
    page.one(
        "rowcast_slot_copies",
        "gauge",
        "Whether this server copies changes from the write-ahead log.",
        u8::from(copying.is_some_and(|copying| copying.copies())),
    );
    page.one(
        "rowcast_slot_retained_bytes",
        "gauge",
        "How much of the write-ahead log is kept for the replication slot.",
        copying.map_or(0, |copying| copying.retained()),
    );
}

fn lag(state: &AppState, page: &mut Page) {
    let figures = state.live.figures();
    for (name, help, histogram) in [
        (
            "rowcast_log_lag_seconds",
            "From when the oldest row that a read found was written until it was read.",
            &figures.lag,
        ),
        (
            "rowcast_log_lag_rows",
            "Rows that a read found, which had waited for it.",
            &figures.found,
        ),
    ] {
        page.family(name, "histogram", help);
        page.histogram(name, "", &histogram.counted());
    }
}

fn live(state: &AppState, page: &mut Page) {
    let figures = state.live.figures();
    let held = figures.held();
    for (name, help, value) in [
        (
            "rowcast_subscriptions",
            "Live queries that clients follow.",
            held.subscriptions,
        ),
        (
            "rowcast_live_queries",
            "Different live queries.",
            held.engine.queries,
        ),
        (
            "rowcast_live_windows",
            "Different windows of them.",
            held.engine.windows,
        ),
        (
            "rowcast_rows_held",
            "Rows kept for them, each once.",
            held.engine.rows,
        ),
        (
            "rowcast_images_held",
            "Images of rows kept until what they belong to has been read.",
            held.engine.held_images,
        ),
    ] {
        page.one(name, "gauge", help, value);
    }
    for (name, help, value) in [
        (
            "rowcast_patches_total",
            "Patches made.",
            figures.patches.get(),
        ),
        (
            "rowcast_refills_total",
            "Windows whose margin was refilled.",
            held.engine.refills,
        ),
        (
            "rowcast_rereads_total",
            "Windows that were read again.",
            held.engine.rereads,
        ),
        (
            "rowcast_questions_total",
            "Comparisons asked of PostgreSQL.",
            held.engine.questions,
        ),
        (
            "rowcast_contradictions_total",
            "Changes that contradicted the rows held; each is a defect.",
            held.engine.contradictions,
        ),
    ] {
        page.one(name, "counter", help, value);
    }
}

fn clients(state: &AppState, page: &mut Page) {
    let figures = state.live.figures();
    let (opened, closed) = (figures.connections.get(), figures.disconnections.get());
    let (events, bytes) = figures.outgoing.get();
    for (name, help, value) in [
        (
            "rowcast_clients",
            "Clients that follow live queries.",
            i64::try_from(opened.saturating_sub(closed)).unwrap_or(i64::MAX),
        ),
        (
            "rowcast_outbox_events",
            "Events that wait to be sent, for all clients.",
            events,
        ),
        (
            "rowcast_outbox_bytes",
            "How many bytes these are, each counted for each client.",
            bytes,
        ),
    ] {
        page.one(name, "gauge", help, value);
    }
    for (name, help, value) in [
        (
            "rowcast_clients_total",
            "Clients that ever connected.",
            opened,
        ),
        (
            "rowcast_patches_sent_total",
            "Patches handed to clients.",
            figures.sent.get(),
        ),
        (
            "rowcast_resumed_total",
            "Clients that came back and missed nothing.",
            figures.resumed.get(),
        ),
    ] {
        page.one(name, "counter", help, value);
    }
    let name = "rowcast_resets_total";
    page.family(name, "counter", "Clients whose list was void, by reason.");
    for (reason, count) in figures.resets.by_reason() {
        page.labelled(name, &format!("reason=\"{reason}\""), count);
    }
    let name = "rowcast_delivery_seconds";
    page.family(
        name,
        "histogram",
        "From when a row was written until the change was handed to a client's connection.",
    );
    page.histogram(name, "", &figures.delivery.counted());
}
