//! What the reader should know about the rows that are shown.

use leptos::prelude::*;

use super::{
    icon,
    watch_hint::{WatchHint, obstacle},
};
use crate::{
    erased::{Erase, changing},
    live::status::{Link, LiveStatus},
    pages::table::TableView,
};

/// A line above the rows while they may be old. It goes by itself.
#[component]
pub fn Notices(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let status = expect_context::<LiveStatus>();
    let live = view.table.with_value(|table| table.live);
    let lost = move || match status.link.get() {
        _ if !live => None,
        Link::Offline => Some(
            "The connection is lost. These rows are as they were; \
             the page catches up as soon as the server answers.",
        ),
        Link::Stale => Some(
            "The server does not reach its database. These rows are as they were; \
             the page catches up by itself.",
        ),
        Link::Connecting | Link::Live => None,
    };
    let table = view.table.get_value();
    let can_be_live = obstacle(&table).is_none();
    view! {
        {changing(move || {
            lost()
                .map(|text| {
                    view! {
                        <p class="notice warn">
                            {icon::warning()} <span>{text}</span>
                        </p>
                    }
                        .here_once()
                })
        })}
        {(!live)
            .then(|| {
                view! {
                    <p class="notice">
                        <span>
                            "Not live: these rows are as they were when they were loaded"
                            {if can_be_live { ". Make them live with " } else { "; " }}
                            <WatchHint table />
                        </span>
                    </p>
                }
                    .settled()
            })}
    }
}
