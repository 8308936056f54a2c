//! How much waits in each channel, as the server counts it.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use serde::Deserialize;

use crate::{
    edit::api::{parse, request},
    erased::effect,
    live::live_list::follow_list,
};

/// How much time passes at least between two counts.
const APART: Duration = Duration::from_secs(2);

/// A channel, and how much the reader has not read of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Waiting {
    /// Which.
    pub id: i64,
    /// How many posts; of 100 and more 100.
    pub unread: u64,
    private: bool,
    archived: bool,
    member: bool,
    muted: bool,
    read_to: i64,
}

impl Waiting {
    /// Whether the reader is called there. Who never was in a channel is not, unless they were let in.
    pub fn calls(&self) -> bool {
        let is_theirs = self.member && (self.private || self.read_to > 0);
        is_theirs && !self.muted && !self.archived && self.unread > 0
    }
}

/// What waits, of all channels. It is counted again, now and then, when something was posted or read:
/// however many channels there are, that is one query of posts.
#[derive(Clone, Copy)]
pub struct Counts {
    /// The channels, once they were counted.
    pub waiting: RwSignal<Vec<Waiting>>,
    /// What is posted behind this one is news; `None`: that is not known yet.
    since: RwSignal<Option<i64>>,
    /// Whether it was counted a moment ago, and whether it is to be counted again then.
    pause: StoredValue<(bool, bool)>,
}

#[derive(Deserialize)]
struct Answer {
    channels: Vec<Waiting>,
}

impl Counts {
    /// None yet.
    pub fn new() -> Self {
        Self {
            waiting: RwSignal::default(),
            since: RwSignal::new(None),
            pause: StoredValue::new((false, false)),
        }
    }

    /// Counts from now on.
    pub fn begin(self) {
        let members = follow_list(
            "rowcast.channel_member",
            Memo::new(|_| "order=channel&select=channel,read_to,is_muted&limit=1000".to_owned()),
        );
        let channels = follow_list(
            "rowcast.channel",
            Memo::new(|_| "order=id&select=id,archived_at&limit=1000".to_owned()),
        );
        effect(move || {
            members.rows.track();
            channels.rows.track();
            if members.arrived.get() && channels.arrived.get() {
                self.count();
            }
        });
        effect(move || {
            let Some(since) = self.since.get() else {
                return;
            };
            let posts = follow_list(
                "rowcast.post",
                Memo::new(move |_| format!("id=gt.{since}&order=id.desc&select=id&limit=1")),
            );
            effect(move || {
                posts.rows.track();
                posts.total.track();
                if posts.arrived.get() {
                    self.count();
                }
            });
        });
        let listener = window_event_listener_untyped("visibilitychange", move |_| {
            if matches!(self.pause.try_get_value(), Some((false, true))) {
                self.count();
            }
        });
        on_cleanup(move || listener.remove());
    }

    fn count(self) {
        let Some((is_paused, _)) = self.pause.try_get_value() else {
            return;
        };
        // What nobody looks at is counted when they do.
        let waits = is_paused || document().hidden();
        self.pause.set_value((!waits || is_paused, waits));
        if waits {
            return;
        }
        spawn_local(async move {
            let answer = request("GET", "/api/channels", None).await;
            match answer.and_then(|answer| parse::<Answer>(&answer)) {
                Ok(Answer { channels }) => {
                    let read = channels.iter().map(|channel| channel.read_to).max();
                    if self.since.try_get_untracked() == Some(None) {
                        let _ = self.since.try_set(Some(read.unwrap_or(0)));
                    }
                    if self.waiting.try_with_untracked(|now| *now != channels) == Some(true) {
                        let _ = self.waiting.try_set(channels);
                    }
                }
                // The server may be away for a moment.
                Err(refusal) if refusal.passes() => {
                    set_timeout(move || self.count(), APART);
                }
                Err(_) => {}
            }
        });
        set_timeout(
            move || {
                let again = self.pause.try_update_value(|pause| {
                    let (_, again) = std::mem::take(pause);
                    again
                });
                if again == Some(true) {
                    self.count();
                }
            },
            APART,
        );
    }
}
