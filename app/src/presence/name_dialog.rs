//! What the reader is called.

use leptos::{ev, prelude::*};

use super::PresenceHost;
use crate::{
    edit::modal::Modal,
    erased::Erase,
    reader::{LONGEST, Reader},
};

/// The id of the dialog's heading.
const HEADING: &str = "name-heading";

/// Asks for the reader's name.
#[component]
pub fn NameDialog(
    /// What presence has of the page.
    host: PresenceHost,
) -> impl IntoView {
    let reader = Reader::expect();
    let name = RwSignal::new(reader.name_untracked().unwrap_or_default());
    let close = Callback::new(move |()| host.naming.set(false));
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        reader.keep(&name.get_untracked());
        close.run(());
    };
    view! {
        <Modal labelled_by=HEADING class="small" on_close=close>
            <form class="form" on:submit=submit>
                <h2 id=HEADING>"Your name"</h2>
                <p class="muted" id="name-about">
                    "Others see it where you are and beside what you change. \
                     Views that are only yours are kept under it."
                </p>
                <label class="field">
                    <span>"Name"</span>
                    <input
                        type="text"
                        maxlength=LONGEST.to_string()
                        autocomplete="nickname"
                        autofocus
                        aria-describedby="name-about"
                        prop:value=move || name.get()
                        on:input=move |event| name.set(event_target_value(&event))
                    />
                </label>
                <div class="actions">
                    <button type="button" class="button" on:click=move |_| close.run(())>
                        "Cancel"
                    </button>
                    <button type="submit" class="button primary">
                        "Save"
                    </button>
                </div>
            </form>
        </Modal>
    }
    .made_here()
}
