//! What is on top of every page.

use leptos::prelude::*;

use super::icon;

/// The bar with the product's name, the page's own part, and the theme.
#[component]
pub fn TopBar(children: Children) -> impl IntoView {
    view! {
        <header class="top-bar">
            <a class="brand" href="/" aria-label="Rowcast: all tables">
                <span class="brand-mark" aria-hidden="true"></span>
                <span class="brand-name" aria-hidden="true">
                    "Rowcast"
                </span>
            </a>
            {children()}
            <button
                class="icon-button theme-toggle"
                type="button"
                data-theme-toggle=""
                aria-label="Switch between light and dark"
                title="Switch between light and dark"
            >
                {icon::theme()}
            </button>
        </header>
    }
    .into_any()
}
