//! What has come, told, and what was seen, said.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use crate::{
    edit::api::request,
    erased::effect,
    feed::{Post, markdown::brief, window::Window},
    live::live_list::LiveList,
};

/// How long what is seen is gathered before it is said to be read.
const GATHERED: Duration = Duration::from_millis(300);

/// What has come while the page was open, in words for who does not see it come.
pub fn news(
    followed: LiveList,
    rows: Memo<Vec<Post>>,
    own: i64,
    window: Window,
) -> RwSignal<String> {
    let news = RwSignal::new(String::new());
    let last = StoredValue::new(None::<u64>);
    effect(move || {
        let total = followed.total.get();
        rows.track();
        if !followed.arrived.get() {
            return;
        }
        let before = last.get_value();
        last.set_value(Some(total));
        let Some(added) = before.and_then(|before| total.checked_sub(before)) else {
            return;
        };
        let said = rows.with_untracked(|rows| {
            let is_end = window.slice.get_untracked().offset + rows.len() as u64 >= total;
            let added = usize::try_from(added).unwrap_or(usize::MAX);
            let new = rows.len().saturating_sub(added);
            let mut of_others = rows[new..].iter().filter(|post| post.author != Some(own));
            match (of_others.clone().count(), of_others.next_back()) {
                _ if added == 0 => None,
                _ if !is_end => Some("New posts, further on".to_owned()),
                (0, _) => None,
                (1, Some(post)) => Some(format!("{}: {}", post.author_name, brief(&post.body))),
                (count, _) => Some(format!("{count} new posts")),
            }
        });
        if let Some(said) = said {
            news.set(said);
        }
    });
    news
}

/// Says what was seen to be read, while the page is.
pub fn mark_read(window: Window, channel: StoredValue<String>, read_to: i64) {
    let said = StoredValue::new(read_to);
    let waiting = StoredValue::new(false);
    // What came while another page was in front is seen when this one is again.
    let shown = RwSignal::new(());
    let listener = window_event_listener_untyped("visibilitychange", move |_| shown.set(()));
    on_cleanup(move || listener.remove());
    effect(move || {
        shown.track();
        let seen = window.last_seen.get();
        if seen <= said.get_value() || waiting.get_value() {
            return;
        }
        waiting.set_value(true);
        set_timeout(
            move || {
                waiting.set_value(false);
                let seen = window.last_seen.get_untracked();
                if document().hidden() || seen <= said.get_value() {
                    return;
                }
                said.set_value(seen);
                let address = format!("/api/channels/{}/settings", channel.get_value());
                spawn_local(async move {
                    let body = format!("{{\"read_to\":{seen}}}");
                    if request("PUT", &address, Some(body)).await.is_err() {
                        // What is seen next says it again.
                        said.set_value(0);
                    }
                });
            },
            GATHERED,
        );
    });
}
