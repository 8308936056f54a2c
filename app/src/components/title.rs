//! What the page is called.

use leptos::prelude::*;

/// Calls the page so. In the browser that is said once, for a page is called the same as long as
/// it is there.
#[component]
pub fn PageTitle(
    /// What it is about.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    let text = format!("{text} · Rowcast");
    #[cfg(feature = "hydrate")]
    document().set_title(&text);
    // The browser finds nothing here: what marks the place of nothing is sent to it.
    #[cfg(not(feature = "hydrate"))]
    (view! { <leptos_meta::Title text /> }, ())
}
