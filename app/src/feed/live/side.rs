//! The channels beside the one that is open.

use leptos::prelude::*;

use super::find;
use crate::{
    erased::{Erase, Erased, changing, effect},
    feed::{Channel, post::text, sidebar::sidebar, unread::Counts},
    live::live_list::follow_list,
};

/// The channels, with what is unread in each.
pub fn side(counts: Counts, open: &str) -> Erased {
    let channels = follow_list(
        "rowcast.channel",
        Memo::new(|_| {
            "order=name&select=id,name,topic,kind,is_private,archived_at&limit=1000".to_owned()
        }),
    );
    let members = follow_list(
        "rowcast.channel_member",
        Memo::new(|_| "select=channel,read_to,is_muted&limit=1000".to_owned()),
    );
    let how = Memo::new(move |_| {
        let rows = members.rows.read();
        let read = rows.iter().filter_map(|row| {
            let [channel, read_to, muted] = &row.cells[..] else {
                return None;
            };
            let number = |cell| text(cell)?.parse::<i64>().ok();
            let is_muted = *muted == rowcast_protocol::Cell::Bool(true);
            Some((number(channel)?, number(read_to)?, is_muted))
        });
        read.collect::<Vec<_>>()
    });
    let all = Memo::new(move |_| {
        let rows = channels.rows.read();
        let how = how.read();
        let mut all: Vec<Channel> = rows
            .iter()
            .filter_map(|row| {
                let [id, name, topic, kind, private, archived] = &row.cells[..] else {
                    return None;
                };
                let id: i64 = text(id)?.parse().ok()?;
                let mine = how.iter().find(|(channel, ..)| *channel == id);
                let is_private = *private == rowcast_protocol::Cell::Bool(true);
                Some(Channel {
                    id,
                    name: text(name)?,
                    topic: text(topic)?,
                    is_announcements: text(kind)? == "announcements",
                    is_private,
                    is_archived: *archived != rowcast_protocol::Cell::Null,
                    is_member: !is_private || mine.is_some(),
                    is_muted: mine.is_some_and(|(.., muted)| *muted),
                    read_to: mine.map_or(0, |(_, to, _)| *to),
                    unread: 0,
                })
            })
            .collect();
        all.sort_by_key(|channel| channel.is_archived);
        all
    });
    let shown = Signal::derive(move || {
        let waiting = counts.waiting.read();
        let mut shown = all.get();
        for channel in &mut shown {
            let found = waiting.iter().find(|of| of.id == channel.id);
            let counts = channel.is_member && !channel.is_archived;
            channel.unread = found.filter(|_| counts).map_or(0, |of| of.unread);
        }
        shown
    });
    let here = Memo::new(move |_| channels.arrived.get() && members.arrived.get());
    let moved_to = StoredValue::new(None);
    effect(move || {
        // What comes before it, and what is unread there, moves it.
        shown.track();
        // What the server sent is not there for long.
        if here.get() {
            request_animation_frame(move || show_open(moved_to));
        }
    });
    let open = open.to_owned();
    view! {
        {changing(move || {
            here.get()
                .then(|| {
                    if let Some(sent) = find(document().body().as_deref(), "#side-sent") {
                        sent.remove();
                    }
                    sidebar(shown, &open)
                })
        })}
    }
    .here_once()
}

/// Moves the line of channels, which a narrow page has, to the one that is open; some of the one
/// before it shows, too. Where the reader has moved it since, it stays. `moved_to`: where it was moved
/// last.
fn show_open(moved_to: StoredValue<Option<i32>>) {
    const BEFORE: i32 = 24;

    let found = |selector| find(document().body().as_deref(), selector);
    if let (Some(line), Some(open)) = (
        found(".channels ul"),
        found(".channels li:has([aria-current])"),
    ) {
        let known = moved_to.try_get_value().flatten();
        if known.is_none_or(|known| known == line.scroll_left()) {
            line.set_scroll_left(open.offset_left() - BEFORE);
            // No further than there is to move.
            moved_to.try_set_value(Some(line.scroll_left()));
        }
    }
}
