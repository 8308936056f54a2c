//! The dialog in which a column is named, described and given a format.

use leptos::{ev, prelude::*};

use super::{options::Options, preview::preview};
use crate::{
    components::icon,
    edit::modal::Modal,
    erased::{Erase, Erased},
    grid::{
        GridState, Look,
        look::{LONGEST_DESCRIPTION, LONGEST_LABEL, clipped},
    },
};

/// The id of the dialog's heading.
const HEADING: &str = "looks-heading";

/// The dialog of the column of that name, which `of` holds while it is open.
pub fn dialog(grid: GridState, of: RwSignal<Option<String>>, name: String) -> Erased {
    let close = Callback::new(move |()| of.set(None));
    // It is of the column as it was when the dialog was opened: what is filled in stays.
    let Some(face) = untrack(|| grid.face(&name)) else {
        return ().made_here();
    };
    let label = RwSignal::new(face.look.label.clone().unwrap_or_default());
    let description = RwSignal::new(face.look.description.clone().unwrap_or_default());
    let options = Options::new(face.format);
    let kind = face.shown.column.kind;
    let comment = face.shown.column.comment.clone();
    let save = {
        let (name, comment) = (name.clone(), comment.clone());
        move |event: ev::SubmitEvent| {
            event.prevent_default();
            let label = clipped(&label.get_untracked(), LONGEST_LABEL);
            let description = clipped(&description.get_untracked(), LONGEST_DESCRIPTION);
            let look = Look {
                label: label.filter(|label| *label != name),
                description: description.filter(|text| Some(text) != comment.as_ref()),
                format: untrack(|| options.format()),
            };
            grid.layout.write().looks.set(&name, look);
            close.run(());
        }
    };
    let forget = move |_| {
        label.set(String::new());
        description.set(String::new());
        options.set(None);
    };
    view! {
        <Modal labelled_by=HEADING class="looks-dialog" on_close=close>
            <form on:submit=save>
                <header>
                    <h2 id=HEADING>{format!("Name and format of {name}")}</h2>
                    <button
                        type="button"
                        class="icon-button"
                        aria-label="Close"
                        on:click=move |_| close.run(())
                    >
                        {icon::cross()}
                    </button>
                </header>
                <label class="field">
                    <span>"Name on the page"</span>
                    <input
                        autofocus
                        maxlength=LONGEST_LABEL.to_string()
                        placeholder=name.clone()
                        autocomplete="off"
                        prop:value=label
                        on:input=move |event| label.set(event_target_value(&event))
                    />
                </label>
                <label class="field">
                    <span>"Description"</span>
                    <textarea
                        rows="2"
                        maxlength=LONGEST_DESCRIPTION.to_string()
                        placeholder=comment.unwrap_or_default()
                        prop:value=description
                        on:input=move |event| description.set(event_target_value(&event))
                    ></textarea>
                </label>
                {options.inputs(kind)}
                {preview(grid, face, Signal::derive(move || options.format()))}
                <div class="actions">
                    <button type="submit" class="button primary">
                        "Save"
                    </button>
                    <button type="button" class="button" on:click=move |_| close.run(())>
                        "Cancel"
                    </button>
                    <button type="button" class="button quiet" on:click=forget>
                        "Reset"
                    </button>
                </div>
            </form>
        </Modal>
    }
    .made_here()
}
