//! Rowcast's pages: rendered on the server, hydrated in the browser.
//!
//! Everything that a page shows is in its address, so every page is complete without
//! JavaScript, and back, forward and a shared link work. The server renders the first rows
//! together with the cursor they stand at; once hydrated, the page follows the live query
//! from that cursor, and a patch runs the code of the cells it names and of no others.

// A page's view is one deeply nested type.
#![recursion_limit = "256"]

pub mod address;
pub mod charts;
pub mod commands;
pub mod comments;
pub mod components;
pub mod content;
#[cfg(feature = "ssr")]
pub mod design;
pub mod document;
pub mod edit;
pub mod erased;
pub mod feed;
pub mod filter;
pub mod filtering;
pub mod format;
pub mod grid;
pub mod lazy;
pub mod live;
pub mod looks;
pub mod notifications;
pub mod page_data;
pub mod pages;
pub mod palette;
#[cfg(feature = "hydrate")]
pub mod parts;
pub mod presence;
pub mod reader;
pub mod saved_views;
pub mod signed_in;
#[cfg(feature = "hydrate")]
pub mod stopped;
pub mod transfer;

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

pub use document::shell;

use crate::{
    commands::Commands,
    format::zone::ReaderZone,
    live::status::LiveStatus,
    notifications::Unread,
    pages::{home::HomePage, not_found::NotFoundPage, table::TablePage},
    reader::Reader,
};

/// Begins in the browser, on whichever page the server sent.
#[cfg(feature = "hydrate")]
pub fn start() {
    let has = |id: &str| leptos::prelude::document().get_element_by_id(id).is_some();
    // Those pages are whole without it.
    if has("told-live") {
        wasm_bindgen_futures::spawn_local(async {
            let _ = parts::notifications().await;
        });
    } else if has("side-live") {
        wasm_bindgen_futures::spawn_local(async {
            let _ = parts::feed().await;
        });
    } else if has("thread-live") {
        wasm_bindgen_futures::spawn_local(async {
            let _ = parts::comments(comments::Wanted::Page).await;
        });
    } else {
        leptos::mount::hydrate_body(App);
    }
}

/// The whole application: what is inside `<body>`.
#[component]
pub fn App() -> impl IntoView {
    #[cfg(not(feature = "hydrate"))]
    leptos_meta::provide_meta_context();
    provide_context(LiveStatus::default());
    ReaderZone::provide();
    Reader::provide();
    Unread::provide();
    Commands::provide();
    view! {
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                <Route path=path!("/tables/:table") view=TablePage ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}
