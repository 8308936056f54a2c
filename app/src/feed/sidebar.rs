//! The channels, with what waits in each.

use leptos::prelude::*;

use crate::erased::{Erase, Erased, changing};

/// A channel, as its reader has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Names it in tables.
    pub id: i64,
    /// As its address has it.
    pub name: String,
    /// What it is about.
    pub topic: String,
    /// Whether only some post there, and all are told.
    pub is_announcements: bool,
    /// Whether only some are in it.
    pub is_private: bool,
    /// Whether nobody posts any more.
    pub is_archived: bool,
    /// Whether the reader is in it: administrators know of others, too.
    pub is_member: bool,
    /// Whether they hear nothing of it.
    pub is_muted: bool,
    /// The last post that they have read.
    pub read_to: i64,
    /// How many they have not; of 100 and more 100.
    pub unread: u64,
}

/// The list of them. `open`: the name of the one that is shown.
pub fn sidebar(channels: Signal<Vec<Channel>>, open: &str) -> Erased {
    let names = move || {
        let channels = channels.read();
        channels
            .iter()
            .map(|channel| channel.name.clone())
            .collect::<Vec<_>>()
    };
    let open = open.to_owned();
    let one = move |name: String| {
        let of = name.clone();
        let channel = Memo::new(move |_| {
            let channels = channels.read();
            channels
                .iter()
                .find(|channel| channel.name == of)
                .cloned()
                .unwrap_or_default()
        });
        let is_open = name == open;
        let unread = move || match channel.read().unread {
            0 => None,
            unread @ 1..100 => Some(unread.to_string()),
            _ => Some("99+".to_owned()),
        };
        let said = move || match channel.read().unread {
            0 => None,
            1 => Some(", 1 unread"),
            _ => Some(", unread posts"),
        };
        let about = move || {
            let channel = channel.read();
            let mut about = Vec::new();
            if channel.is_announcements {
                about.push("announcements");
            }
            if channel.is_private {
                about.push("private");
            }
            if channel.is_archived {
                about.push("archived");
            }
            if channel.is_muted {
                about.push("muted");
            }
            about.join(", ")
        };
        view! {
            <li>
                <a
                    class="channel"
                    class:unread=move || channel.read().unread != 0
                    href=format!("/feed/{name}")
                    rel="external"
                    aria-current=is_open.then_some("page")
                >
                    <span class="channel-name">{name.clone()}</span>
                    <span class="count" aria-hidden="true">{changing(unread)}</span>
                    <span class="sr-only">{changing(said)}</span>
                    <span class="channel-about">{changing(about)}</span>
                </a>
            </li>
        }
        .erased()
    };
    view! {
        <nav class="channels" aria-label="Channels">
            <ul>
                <For each=names key=|name| name.clone() let:name>
                    {one(name)}
                </For>
            </ul>
        </nav>
    }
    .erased()
}
