//! What the page is called.

use leptos::prelude::*;

use crate::notifications::{Unread, titled};

/// Calls the page so, with how many notifications its reader has not read.
#[component]
pub fn PageTitle(
    /// What it is about.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    let unread = use_context::<Unread>().unwrap_or_default().0;
    #[cfg(feature = "hydrate")]
    crate::erased::effect(move || document().set_title(&titled(&text, unread.get())));
    #[cfg(not(feature = "hydrate"))]
    let text = titled(&text, unread.get_untracked());
    // The browser finds nothing here: what marks the place of nothing is sent to it.
    #[cfg(not(feature = "hydrate"))]
    (view! { <leptos_meta::Title text /> }, ())
}
