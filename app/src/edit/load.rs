//! Loading what does the actions, when the first of them is asked for.

use std::sync::Arc;

use leptos::{prelude::*, task::spawn_local};

use super::{EditHost, Handler};
use crate::{grid::Action, parts};

/// How far loading is.
#[derive(Default)]
enum Progress {
    #[default]
    NotAsked,
    /// Actions wait for it.
    Loading(Vec<Action>),
    Loaded(Handler),
}

/// Has the grid's actions done by the part of the page that is loaded for it, in the order in
/// which they are asked for. Loading begins when a cell first gets the focus, so that it is
/// usually over when the first action comes.
///
/// Returns what is said where loading fails.
pub fn load_when_used(host: EditHost) -> impl IntoView {
    let progress = StoredValue::new(Progress::default());
    let failed = RwSignal::new(false);
    // What editing makes belongs to the page, not to the event that first needs it.
    let owner = Owner::current().unwrap_or_default();
    let load = Arc::new(move || {
        failed.set(false);
        let owner = owner.clone();
        spawn_local(async move {
            let loaded = owner.with(|| ScopedFuture::new(parts::editing(host))).await;
            let Some(before) = progress.try_update_value(std::mem::take) else {
                // The page was left meanwhile.
                return;
            };
            let waiting = match before {
                Progress::Loading(waiting) => waiting,
                Progress::NotAsked | Progress::Loaded(_) => Vec::new(),
            };
            match loaded {
                Ok(handler) => {
                    progress.set_value(Progress::Loaded(handler.clone()));
                    waiting.into_iter().for_each(|action| handler(action));
                }
                Err(_) => failed.set(!waiting.is_empty()),
            }
        });
    });
    let begin = {
        let load = load.clone();
        move |action: Option<Action>| {
            let asked = progress.try_update_value(|progress| match progress {
                Progress::NotAsked => {
                    *progress = Progress::Loading(action.into_iter().collect());
                    true
                }
                Progress::Loading(waiting) => {
                    waiting.extend(action);
                    false
                }
                Progress::Loaded(handler) => {
                    let handler = handler.clone();
                    if let Some(action) = action {
                        // Not while the value is borrowed: an action may ask for another.
                        queue_microtask(move || handler(action));
                    }
                    false
                }
            });
            if asked == Some(true) {
                load();
            }
        }
    };
    host.grid.on_action({
        let begin = begin.clone();
        move |action| begin(Some(action))
    });
    Effect::new(move || {
        if host.grid.focus.read().is_some() {
            begin(None);
        }
    });
    move || {
        failed.get().then(|| {
            view! {
                <p class="notice warn" role="alert">
                    "Editing could not be loaded. Try again, or load the page again."
                </p>
            }
        })
    }
}
