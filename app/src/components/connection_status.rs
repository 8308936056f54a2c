//! Whether changes arrive, and how fast.

use leptos::prelude::*;

use crate::{
    erased::{changing, said},
    format::number::duration,
    live::status::{Link, LiveStatus},
};

/// The state of the connection and the delay of the last change.
#[component]
pub fn ConnectionStatus(
    /// Whether the table is live at all.
    live: bool,
) -> impl IntoView {
    let status = expect_context::<LiveStatus>();
    let state = move || {
        if live {
            status.link.get().word()
        } else {
            "static"
        }
    };
    let text = move || match status.link.get() {
        _ if !live => "Not live",
        Link::Connecting => "Connecting",
        Link::Live => "Live",
        Link::Offline => "Offline",
        Link::Stale => "Stale",
    };
    let delay = move || {
        (live && status.link.get() == Link::Live)
            .then(|| status.delay.get())
            .flatten()
            .map(duration)
    };
    view! {
        <div class="connection">
            <span
                class="delay"
                title="How long the last change took from its commit to this page"
            >
                {changing(delay)}
            </span>
            <span class="status" role="status" data-state=said(move || Some(state().to_owned()))>
                <span class="dot" aria-hidden="true"></span>
                {changing(text)}
            </span>
        </div>
    }
}
