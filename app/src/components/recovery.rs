//! A page that the server could not make.

use leptos::prelude::*;
use rowcast_protocol::ApiError;

use crate::page_data::status_of;

/// Loads the page again as soon as the server can make it, if `error` is one that passes.
#[component]
pub fn Recovery(
    /// Why it could not.
    error: ApiError,
) -> impl IntoView {
    let passes = status_of(&error.code) == 503;
    #[cfg(feature = "hydrate")]
    if passes {
        Effect::new(watch_readiness);
    }
    // Where no script runs the browser asks again. Where one does this is text that nobody sees.
    passes.then(|| {
        view! { <noscript inner_html="<meta http-equiv=\"refresh\" content=\"5\">"></noscript> }
    })
}

#[cfg(feature = "hydrate")]
fn watch_readiness() {
    use leptos::task::spawn_local;
    use std::time::Duration;

    // What has taken the page's place stays as it is.
    let waits = StoredValue::new(true);
    let timer = set_interval_with_handle(
        move || {
            spawn_local(async move {
                if crate::live::fetch::ready().await && waits.try_get_value().is_some() {
                    // A page that can't be loaded again stays, and goes on trying.
                    let _ = window().location().reload();
                }
            });
        },
        Duration::from_secs(2),
    );
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
}
