//! One page's editing.

use std::sync::Arc;

use leptos::prelude::*;

use super::{EditHost, Handler};

/// What editing holds.
pub struct Session;

impl Session {
    /// Begins editing in a page.
    pub fn begin(host: EditHost) -> Handler {
        host.layer.set(Some((|| view! { <p>"loaded"</p> }).into()));
        Arc::new(move |_action| {})
    }
}
