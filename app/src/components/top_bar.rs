//! What is on top of every page.

use leptos::prelude::*;

use super::appearance::Appearance;
use crate::{
    erased::{Content, Erase},
    feed::FeedLink,
    notifications::Bell,
    palette::PaletteButton,
    signed_in::AccountMenu,
};

/// The bar with the product's name, the page's own part, the commands and the appearance.
#[component]
pub fn TopBar(#[prop(optional)] children: Option<Content>) -> impl IntoView {
    view! {
        <header class="top-bar">
            <Brand />
            {children.map(Content::make)}
            <div class="top-end">
                <AccountMenu />
                <FeedLink />
                <Bell />
                <PaletteButton />
                <Appearance />
            </div>
        </header>
    }
    .settled()
}

/// The product's name, which leads to the tables.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/" aria-label="Rowcast: all tables">
            <span class="brand-mark" aria-hidden="true"></span>
            <span class="brand-name" aria-hidden="true">
                "Rowcast"
            </span>
        </a>
    }
}
