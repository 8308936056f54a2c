//! Deleting a view.

use leptos::{prelude::*, task::spawn_local};

use super::{
    SavedView, api,
    menu::{Views, refused},
};
use crate::{edit::modal::Modal, erased::Erase};

/// The id of the question's heading.
const HEADING: &str = "delete-view-heading";

/// Asks whether a view may be deleted, and deletes it.
#[component]
pub fn DeleteQuestion(
    /// The part that it is of.
    views: Views,
    /// The view.
    saved: SavedView,
) -> impl IntoView {
    let title = format!("Delete the view “{}”?", saved.name);
    let text = if saved.owner.is_none() {
        "It goes for everybody. The rows stay as they are."
    } else {
        "The rows stay as they are."
    };
    let wrong = RwSignal::new(None::<String>);
    let close = Callback::new(move |()| views.dialog.set(None));
    let saved = StoredValue::new(saved);
    let confirmed = move |_| {
        let SavedView { id, name, .. } = saved.get_value();
        let table = views.table();
        spawn_local(async move {
            let answer = api::delete(&table, id).await;
            if views.is_left() {
                return;
            }
            match answer {
                // Someone else may have been first.
                Err(refusal) if refusal.error.code != "unknown_view" => {
                    // The dialog may have gone meanwhile.
                    let _ = wrong.try_set(Some(refused(&refusal)));
                }
                _ => {
                    let was_shown = views.host.current.read_untracked().as_ref().map(|of| of.id);
                    views.dialog.set(None);
                    views
                        .host
                        .view
                        .views
                        .0
                        .update(|of| of.retain(|of| of.id != id));
                    if was_shown == Some(id) {
                        views.show_as(None);
                    }
                    views.say(format!("Deleted “{name}”."));
                }
            }
        });
    };
    view! {
        <Modal labelled_by=HEADING class="question" on_close=close>
            <h2 id=HEADING>{title}</h2>
            <p class="muted">{text}</p>
            <p class="wrong" role="alert">
                {wrong}
            </p>
            <div class="actions">
                <button type="button" class="button" autofocus on:click=move |_| close.run(())>
                    "Cancel"
                </button>
                <button type="button" class="button danger" on:click=confirmed>
                    "Delete view"
                </button>
            </div>
        </Modal>
    }
    .made_here()
}
