//! What is shown of posts beside what they say: what they answer, reactions, and who is writing.

use leptos::prelude::*;

use crate::{
    erased::{Erase, Erased, changing},
    feed::{Answered, Post, post::text},
    live::live_list::follow_list,
};

/// The posts with what they answer, also where that is in another part of the channel.
pub fn answered(channel: i64, rows: Memo<Vec<Post>>) -> Memo<Vec<Post>> {
    let elsewhere = Memo::new(move |_| {
        let rows = rows.read();
        let ids = rows
            .iter()
            .filter_map(|post| post.answers.as_ref().map(|of| of.id));
        let mut ids: Vec<i64> = ids
            .filter(|id| !rows.iter().any(|post| post.id == *id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    });
    let query = Memo::new(move |_| {
        let ids = elsewhere.read();
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let ids = if ids.is_empty() {
            "0".to_owned()
        } else {
            ids.join(",")
        };
        format!("channel=eq.{channel}&id=in.({ids})&select=id,author_name,body&limit=1000")
    });
    let others = follow_list("rowcast.post", query);
    Memo::new(move |_| {
        let others = others.rows.read();
        let mut posts = rows.get();
        let found = |id: i64| {
            let here = rows.with(|rows| {
                let post = rows.iter().find(|post| post.id == id)?;
                Some((post.author_name.clone(), post.body.clone()))
            });
            here.or_else(|| {
                others.iter().find_map(|row| {
                    let [of, author, body] = &row.cells[..] else {
                        return None;
                    };
                    (text(of)?.parse() == Ok(id)).then_some((text(author)?, text(body)?))
                })
            })
        };
        for post in &mut posts {
            if let Some(Answered {
                id,
                author_name,
                body,
            }) = &mut post.answers
                && let Some((author, said)) = found(*id)
            {
                (*author_name, *body) = (author, said);
            }
        }
        posts
    })
}

/// The reader's own reactions to these posts.
pub fn reactions(rows: Memo<Vec<Post>>) -> Memo<Vec<(i64, String)>> {
    let ends = Memo::new(move |_| {
        let rows = rows.read();
        // A few posts more are no other query.
        let last = rows.last().map_or(0, |post| post.id / 100 * 100 + 100);
        (rows.first().map_or(0, |post| post.id), last)
    });
    let query = Memo::new(move |_| {
        let (first, last) = ends.get();
        format!("post=gte.{first}&post=lte.{last}&select=post,emoji&limit=1000")
    });
    let list = follow_list("rowcast.reaction", query);
    Memo::new(move |_| {
        let rows = list.rows.read();
        let read = rows.iter().filter_map(|row| {
            let [post, emoji] = &row.cells[..] else {
                return None;
            };
            Some((text(post)?.parse().ok()?, text(emoji)?))
        });
        read.collect()
    })
}

/// Who is writing.
pub fn typing(channel: i64, own: i64) -> Erased {
    let query = Memo::new(move |_| {
        format!(
            "channel=eq.{channel}&account=neq.{own}&at=gte.now-8s&order=name&select=name&limit=4"
        )
    });
    let list = follow_list("rowcast.typing", query);
    let said = move || {
        let rows = list.rows.read();
        let names: Vec<String> = rows
            .iter()
            .filter_map(|row| text(row.cells.first()?))
            .collect();
        match names.as_slice() {
            [] => String::new(),
            [one] => format!("{one} is typing…"),
            [one, other] => format!("{one} and {other} are typing…"),
            _ => "Several are typing…".to_owned(),
        }
    };
    view! { <p class="typing" role="status">{changing(said)}</p> }.made_here()
}
