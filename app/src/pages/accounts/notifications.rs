//! `/notifications`: what one was told. It is whole without a script, and live with it.

use leptos::prelude::*;

use super::{Notice, live_document, notice};
use crate::{
    erased::{Erase, Erased},
    format::{number::grouped, zone::Zone},
    notifications::{Told, list},
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Notifications {
    /// Some of them, the newest first.
    pub told: Vec<Told>,
    /// How many are not read, of all.
    pub unread: u64,
    /// How many were removed that were not read, since several were last marked as read.
    pub lost: i64,
    /// From when to when no browser shows them by itself.
    pub quiet: Option<(String, String)>,
    /// For how many days they are kept that were read.
    pub kept_days: u64,
    /// How many are kept.
    pub kept: u32,
    /// Whether these are the newest.
    pub is_newest: bool,
    /// The number of the last of them, if there are older ones.
    pub older: Option<i64>,
    /// The time now, in milliseconds since 1970.
    pub now: f64,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// The page.
pub fn notifications(options: LeptosOptions, page: Notifications) -> impl IntoView {
    let lost = (page.lost > 0).then(|| {
        view! {
            <p class="notice refused" role="alert">
                {format!(
                    "{} that you had not read were removed: no more than {} are kept. This goes away when you mark all as read.",
                    page.lost,
                    grouped(page.kept.into()),
                )}
            </p>
        }
        .erased()
    });
    let told = list(
        Signal::stored(page.told),
        Signal::stored(page.unread),
        Signal::stored(page.now),
        Zone::Utc,
    );
    let older = page.older.map(|last| {
        view! {
            <p>
                <a href=format!("/notifications?before={last}")>"Older notifications"</a>
            </p>
        }
        .erased()
    });
    let newest = (!page.is_newest).then(|| {
        view! {
            <p>
                <a href="/notifications">"The newest notifications"</a>
            </p>
        }
        .erased()
    });
    // Older ones stay as they are.
    let live = page
        .is_newest
        .then(|| view! { <div id="told-live"></div> }.erased());
    let content = view! {
        <main class="accounts notifications">
            {notice(page.notice)} {lost} <div id="told-sent">{told}</div> {live} {older} {newest}
            <p>
                <a href="/watches" rel="external">
                    "Watch rules"
                </a>
            </p>
            {settings(page.quiet, page.kept_days, page.kept)}
        </main>
    };
    live_document(options, "Notifications", content.erased())
}

fn settings(quiet: Option<(String, String)>, kept_days: u64, kept: u32) -> Erased {
    let (from, to) = quiet.unwrap_or_default();
    let kept = grouped(kept.into());
    view! {
        <section aria-labelledby="quiet">
            <h2 id="quiet">"Quiet hours"</h2>
            <form class="sheet" method="post" action="/notifications/quiet">
                <div class="quiet-times">
                    <label class="form-field">
                        <span class="field-name">"From"</span>
                        <input type="time" name="from" value=from />
                    </label>
                    <label class="form-field">
                        <span class="field-name">"To"</span>
                        <input type="time" name="to" value=to />
                    </label>
                </div>
                <p class="about">
                    "By the clock of each device. Then no browser shows notifications by itself; they are counted all the same. Leave both empty for none."
                </p>
                <button type="submit" class="button">
                    "Set quiet hours"
                </button>
            </form>
            <p class="muted">
                {format!(
                    "Those that you have read are removed after {kept_days} days. Of more than {kept} the oldest are removed, those first that you have read.",
                )}
            </p>
        </section>
    }
    .erased()
}
