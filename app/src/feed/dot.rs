//! Following, on whatever page the reader is, whether something in the feed waits for them.

use leptos::prelude::*;
use rowcast_protocol::Cell;

use super::{link::News, post::text};
use crate::{address::encode, erased::effect, live::live_list::follow_list, signed_in::SignedIn};

/// How many channels are followed.
const FOLLOWED: usize = 60;

/// Tells from now on.
pub fn begin(News(news): News) {
    let own = SignedIn::current().map(|of| of.name).unwrap_or_default();
    let channels = follow_list(
        "rowcast.channel",
        Memo::new(|_| "archived_at=is.null&order=id&select=id,is_private&limit=1000".to_owned()),
    );
    let members = follow_list(
        "rowcast.channel_member",
        Memo::new(|_| "order=channel&select=channel,read_to,is_muted&limit=1000".to_owned()),
    );
    let query = Memo::new(move |_| {
        if !channels.arrived.get() || !members.arrived.get() {
            return None;
        }
        let members = members.rows.read();
        let channels = channels.rows.read();
        let unread = channels.iter().filter_map(|row| {
            let [id, is_private] = &row.cells[..] else {
                return None;
            };
            let id = text(id)?;
            let mine = members.iter().find_map(|row| match &row.cells[..] {
                [of, read_to, muted] if text(of)? == id => Some((text(read_to)?, muted.clone())),
                _ => None,
            });
            match mine {
                None if *is_private == Cell::Bool(true) => None,
                Some((_, Cell::Bool(true))) => None,
                // Who never was there is not called there.
                None => None,
                Some((read_to, _)) => Some(format!("and(channel.eq.{id},id.gt.{read_to})")),
            }
        });
        let unread: Vec<String> = unread.take(FOLLOWED).collect();
        (!unread.is_empty()).then(|| {
            format!(
                "or=({})&author_name=neq.{}&deleted_at=is.null&order=id&select=id&limit=1",
                unread.join(","),
                encode(&own)
            )
        })
    });
    effect(move || match query.get() {
        None => news.set(false),
        Some(query) => {
            let posts = follow_list("rowcast.post", Memo::new(move |_| query.clone()));
            effect(move || {
                if posts.arrived.get() {
                    news.set(posts.total.get() > 0);
                }
            });
        }
    });
}
