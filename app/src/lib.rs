//! Rowcast's pages: rendered on the server, hydrated in the browser.
//!
//! Everything that a page shows is in its address, so every page is complete without
//! JavaScript, and back, forward and a shared link work. The server renders the first rows
//! together with the cursor they stand at; once hydrated, the page follows the live query
//! from that cursor, and a patch runs the code of the cells it names and of no others.

// A page's view is one deeply nested type.
#![recursion_limit = "256"]

pub mod address;
pub mod commands;
pub mod components;
pub mod content;
pub mod document;
pub mod edit;
pub mod filter;
pub mod filtering;
pub mod format;
pub mod grid;
pub mod live;
pub mod page_data;
pub mod pages;
#[cfg(feature = "hydrate")]
pub mod parts;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

pub use document::shell;

use crate::{
    format::zone::ReaderZone,
    live::status::LiveStatus,
    pages::{home::HomePage, not_found::NotFoundPage, table::TablePage},
};

/// The whole application: what is inside `<body>`.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(LiveStatus::default());
    ReaderZone::provide();
    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "Rowcast".to_owned() } else { format!("{title} · Rowcast") }
        } />
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                <Route path=path!("/tables/:table") view=TablePage ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}
