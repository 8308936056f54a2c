//! `GET /metrics`: what is counted, as Prometheus text.

use std::fmt::{Display, Write};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;

use crate::{live::hub::Following, state::AppState};

/// The text format's version.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is counted.
pub async fn show(State(state): State<AppState>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text(&state)).into_response()
}

fn text(state: &AppState) -> String {
    let mut page = Page(String::new());
    page.family("rowcast_build_info", "gauge", "The version that runs.");
    page.labelled(
        "rowcast_build_info",
        &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
        1,
    );
    let metrics = &state.metrics;
    page.one(
        "rowcast_uptime_seconds",
        "gauge",
        "Since the start.",
        metrics.uptime(),
    );
    let name = "rowcast_http_requests_total";
    page.family(
        name,
        "counter",
        "Requests answered, by the class of their status.",
    );
    for requests in metrics.requests() {
        page.labelled(
            name,
            &format!("status=\"{}\"", requests.class),
            requests.count,
        );
    }
    let name = "rowcast_http_request_seconds_total";
    page.family(name, "counter", "Time until the answers' heads were sent.");
    for requests in metrics.requests() {
        page.labelled(
            name,
            &format!("status=\"{}\"", requests.class),
            requests.seconds,
        );
    }
    page.one(
        "rowcast_http_requests_in_flight",
        "gauge",
        "Requests whose answers' heads are still to be sent.",
        metrics.in_flight(),
    );
    page.one(
        "rowcast_database_connections",
        "gauge",
        "Connections open for reading rows.",
        state.readers.ours().size(),
    );
    page.one(
        "rowcast_refused_total",
        "counter",
        "Requests and messages that were too many of one account or address.",
        state.limits.refused(),
    );
    live(state, &mut page);
    page.0
}

fn live(state: &AppState, page: &mut Page) {
    let Following(following) = *state.live.following().borrow();
    page.one(
        "rowcast_following",
        "gauge",
        "Whether the change log is followed.",
        u8::from(following),
    );
    let figures = state.live.figures();
    let held = figures.held();
    let (opened, closed) = (figures.connections.get(), figures.disconnections.get());
    for (name, help, value) in [
        (
            "rowcast_clients",
            "Clients that follow live queries.",
            opened.saturating_sub(closed),
        ),
        (
            "rowcast_subscriptions",
            "Live queries that clients follow.",
            held.subscriptions as u64,
        ),
        (
            "rowcast_live_queries",
            "Different live queries.",
            held.engine.queries as u64,
        ),
        (
            "rowcast_live_windows",
            "Different windows of them.",
            held.engine.windows as u64,
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
            "rowcast_patches_total",
            "Patches made.",
            figures.patches.get(),
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
    let name = "rowcast_resets_total";
    page.family(name, "counter", "Clients whose list was void, by reason.");
    for (reason, count) in figures.resets.by_reason() {
        page.labelled(name, &format!("reason=\"{reason}\""), count);
    }
}

/// Prometheus text. Writing to a string can't fail.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn labelled(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }
}
