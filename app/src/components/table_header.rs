//! Where the reader is, how many rows there are, and how they stand.

use leptos::prelude::*;

use super::{connection_status::ConnectionStatus, icon, sparkline::Sparkline};
use crate::{
    address,
    content::TableName,
    erased::{Erase, changing, handler},
    format::number::grouped,
    pages::table::TableView,
    presence::{People, PresenceHost, You},
};

/// The table's part of the top bar.
#[component]
pub fn TableHeader(
    /// The page's shared state.
    view: TableView,
    /// Every table.
    tables: Vec<TableName>,
) -> impl IntoView {
    let path = view.path.get_value();
    let comment = view.table.with_value(|table| table.comment.clone());
    let live = view.table.with_value(|table| table.live);
    let total = move || view.live.rows.total.get().map(grouped);
    let unit = move || match view.live.rows.total.get() {
        None => "",
        Some(1) => " row",
        Some(_) => " rows",
    };
    let current = path.clone();
    let presence = PresenceHost::begin(view);
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a class="crumb" href="/">
                "Tables"
            </a>
            <span class="slash" aria-hidden="true">
                "/"
            </span>
            <h1 class="crumb">
                <button type="button" class="switcher" popovertarget="switcher" title=comment>
                    <span class="switcher-name">{path}</span>
                    {icon::down()}
                </button>
            </h1>
        </nav>
        <div class="menu" id="switcher" popover="auto">
            <ul aria-label="Other tables">
                {tables
                    .into_iter()
                    .map(|table| {
                        let here = (table.path == current).then_some("page");
                        let mark = if table.live { "dot live" } else { "dot" };
                        let href = address::table_root(&table.path);
                        view! {
                            <li>
                                <a
                                    href=href
                                    aria-current=here
                                    on:click=handler(|_| close("switcher"))
                                >
                                    <span class=mark aria-hidden="true"></span>
                                    {table.path}
                                </a>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </div>
        <span class="total">
            <span data-testid="total">{changing(total)}</span>
            <span class="unit">{changing(unit)}</span>
        </span>
        {live.then(|| view! { <Sparkline view /> })}
        <People host=presence />
        <ConnectionStatus live />
        <You host=presence />
    }
    .settled()
}

/// Closes the popover of that id.
pub(crate) fn close(id: &str) {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast;
        let element = document().get_element_by_id(id);
        if let Some(element) = element.and_then(|element| element.dyn_into().ok()) {
            let element: web_sys::HtmlElement = element;
            // One that is not open stays as it is.
            let _ = element.hide_popover();
        }
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = id;
}
