//! An address that leads nowhere.

use leptos::prelude::*;

use crate::{
    components::{message::Message, title::PageTitle, top_bar::TopBar},
    erased::Erase,
};

/// The page of an unknown address.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(status) = use_context::<crate::page_data::ResponseStatus>() {
        (status.0)(404);
    }
    view! {
        <PageTitle text="Not found" />
        <div class="page">
            <TopBar />
            <main>
                <Message
                    title="There is no such page"
                    text="The address may be mistyped, or what it led to is gone."
                >
                    <a class="button" href="/">
                        "All tables"
                    </a>
                </Message>
            </main>
        </div>
    }
    .settled()
}
