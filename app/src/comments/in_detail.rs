//! The thread in the detail of a row.

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::RowKey;
use serde::Deserialize;

use super::thread::{At, thread};
use crate::{
    edit::api::{parse, request, row_address},
    erased::{Erase, MakeView, changing},
};

/// What the reader may do with the thread.
#[derive(Deserialize)]
struct Rights {
    page: String,
    key: String,
    account: Option<i64>,
    may_delete: bool,
}

/// Moves the comments to the newest, once they are in the document.
fn show_newest() {
    request_animation_frame(move || {
        let posts = document().query_selector(".row-comments .posts");
        if let Ok(Some(posts)) = posts {
            posts.set_scroll_top(posts.scroll_height());
        }
    });
}

/// What makes the thread about a row; it makes nothing where there can be none.
pub fn of_row(table: String, key: RowKey) -> MakeView {
    MakeView::from(move || {
        let at = RwSignal::new(None::<At>);
        let address = row_address("comments", &table, &key);
        let table = table.clone();
        spawn_local(async move {
            let answer = request("GET", &address, None).await;
            let Ok(rights) = answer.and_then(|answer| parse::<Rights>(&answer)) else {
                return;
            };
            // The dialog may have gone meanwhile.
            let _ = at.try_set(Some(At {
                table,
                key: rights.key,
                page: rights.page,
                own: rights.account,
                may_delete: rights.may_delete,
                // The table shows it.
                row: None,
            }));
        });
        changing(move || {
            at.get().map(|at| {
                let page = at.page.clone();
                view! {
                    <section class="row-comments" aria-labelledby="row-comments">
                        <h3 id="row-comments">"Comments"</h3>
                        {thread(at, |_| show_newest())}
                        <p>
                            <a href=page rel="external">
                                "On a page of their own"
                            </a>
                        </p>
                    </section>
                }
                .made_here()
            })
        })
    })
}
