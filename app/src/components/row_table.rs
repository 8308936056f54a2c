//! The rows.

use leptos::{either::EitherOf3, prelude::*};

use super::{
    cell::CellView,
    column_header::ColumnHeader,
    message::{Failure, Message},
    table_footer::TableFooter,
};
use crate::{live::rows::LiveRow, pages::table::TableView};

/// The table in its own scrolling box, or what is there instead of it.
#[component]
pub fn RowTable(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let live = view.live;
    let name = view.path.get_value();
    let columns = live.rows.columns;
    let failed = move || live.error.read().is_some();
    let scroller = NodeRef::<leptos::html::Main>::new();
    // Another page of rows is read from its top.
    Effect::new(move |before: Option<u64>| {
        let offset = view.query.read().offset;
        if before.is_some_and(|before| before != offset)
            && let Some(scroller) = scroller.get_untracked()
        {
            scroller.set_scroll_top(0);
        }
        offset
    });
    view! {
        <main class="rows" node_ref=scroller aria-busy=move || live.loading.get().to_string()>
            <Show when=move || !failed()>
                <table class="grid" class:loading=move || live.loading.get() aria-label=name.clone()>
                    <colgroup>
                        {move || {
                            columns
                                .get()
                                .iter()
                                .map(|shown| view! { <col class=shown.width.class() /> })
                                .collect_view()
                        }}
                        <col class="rest" />
                    </colgroup>
                    <thead>
                        <tr>
                            {move || {
                                columns
                                    .get()
                                    .iter()
                                    .map(|shown| view! { <ColumnHeader view shown=shown.clone() /> })
                                    .collect_view()
                            }}
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || live.rows.list.get() key=|row| row.id let:row>
                            <RowView row />
                        </For>
                    </tbody>
                    <TableFooter view />
                </table>
            </Show>
            {move || match live.error.get() {
                Some(error) => {
                    EitherOf3::A(
                        view! {
                            <Failure error>
                                <a class="button" href=view.root()>
                                    "Show the whole table"
                                </a>
                            </Failure>
                        },
                    )
                }
                None if live.rows.list.read().is_empty() => {
                    EitherOf3::B(view! { <Nothing view /> })
                }
                None => EitherOf3::C(()),
            }}
        </main>
    }
    .into_any()
}

#[component]
fn RowView(row: LiveRow) -> impl IntoView {
    let key = row.key_text();
    let entered = row.entered.clone();
    let cells = row
        .cells
        .iter()
        .zip(row.columns.iter())
        .map(|(cell, shown)| view! { <CellView cell=cell.clone() shown=shown.clone() /> })
        .collect_view();
    view! {
        <tr data-key=key class:entered=move || entered.get()>
            {cells}
        </tr>
    }
}

#[component]
fn Nothing(view: TableView) -> impl IntoView {
    let loading = view.live.loading;
    move || {
        let query = view.query.get();
        if loading.get() {
            return EitherOf3::A(view! { <div class="skeleton" aria-hidden="true"></div> });
        }
        let total = view.live.rows.total.get().unwrap_or(0);
        if total > 0 && query.offset > 0 {
            let first = view.address(&query.with_page(0));
            return EitherOf3::B(view! {
                <Message title="This page is past the end" text="There are fewer rows than that now.">
                    <a class="button" href=first>
                        "First page"
                    </a>
                </Message>
            });
        }
        let narrowed = !query.filter.is_empty() || query.search.is_some();
        let (title, text) = if narrowed {
            (
                "No rows match",
                "A row that begins to match appears here by itself.",
            )
        } else {
            (
                "This table is empty",
                "Rows appear here as soon as anyone inserts them.",
            )
        };
        EitherOf3::C(view! {
            <Message title text>
                {narrowed
                    .then(|| {
                        view! {
                            <a class="button" href=view.root()>
                                "Clear search and filters"
                            </a>
                        }
                    })}
            </Message>
        })
    }
}
