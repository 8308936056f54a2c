//! A view's name, who sees it, and whether the table opens with it.

use leptos::{ev, prelude::*, task::spawn_local};

use super::{
    SavedView,
    api::{self, Edit},
    menu::{Views, refused},
};
use crate::{
    edit::modal::Modal,
    erased::{Erase, changing},
    reader::LONGEST,
};

/// The id of the dialog's heading.
const HEADING: &str = "view-heading";

/// The dialog that saves what is shown as a new view, or changes what a view is called and for
/// whom it is.
#[component]
pub fn ViewForm(
    /// The part that it is of.
    views: Views,
    /// The view, unless it is a new one.
    saved: Option<SavedView>,
) -> impl IntoView {
    let is_new = saved.is_none();
    let title = if is_new {
        "Save as new view"
    } else {
        "Change view"
    };
    let id = saved.as_ref().map(|saved| saved.id);
    let name = RwSignal::new(
        saved
            .as_ref()
            .map_or_else(String::new, |of| of.name.clone()),
    );
    let own = RwSignal::new(saved.as_ref().is_some_and(|saved| saved.owner.is_some()));
    let default = RwSignal::new(saved.as_ref().is_some_and(|saved| saved.default));
    // A view of one's own is kept under a name.
    let nameless = views.reader.name_untracked().is_none();
    let reader = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<String>);
    let name_wrong = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let close = Callback::new(move |()| views.dialog.set(None));
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        name_wrong.set(false);
        wrong.set(None);
        let called = name.get_untracked().trim().to_owned();
        if called.is_empty() {
            name_wrong.set(true);
            wrong.set(Some("The view needs a name.".to_owned()));
            return;
        }
        if own.get_untracked() && nameless {
            views.reader.keep(&reader.get_untracked());
        }
        let owner = own.get_untracked().then(|| views.reader.name_untracked());
        if owner == Some(None) {
            wrong.set(Some(
                "Say what you are called: your views are kept under it.".to_owned(),
            ));
            return;
        }
        let edit = Edit {
            name: Some(called),
            owner: Some(owner.flatten()),
            default: Some(default.get_untracked()),
            query: is_new.then(|| views.host.state.get_untracked()),
        };
        busy.set(true);
        let table = views.table();
        spawn_local(async move {
            let saved = api::save(&table, id, &edit).await;
            if views.is_left() {
                return;
            }
            // The dialog may have gone meanwhile.
            let _ = busy.try_set(false);
            match saved {
                Ok(saved) => {
                    views.is_now(&saved);
                    views.dialog.set(None);
                    if is_new {
                        views.show_as(Some(&saved));
                    }
                    views.say(format!("Saved as “{}”.", saved.name));
                }
                Err(refusal) => {
                    let _ = name_wrong.try_set(refusal.error.code == "name_taken");
                    let _ = wrong.try_set(Some(refused(&refusal)));
                }
            }
        });
    };
    let whose = move |label: &'static str, mine: bool| {
        view! {
            <label>
                <input
                    type="radio"
                    name="whose"
                    prop:checked=move || own.get() == mine
                    on:change=move |_| own.set(mine)
                />
                {label}
            </label>
        }
    };
    let introduce = move || {
        (nameless && own.get()).then(|| {
            view! {
                <label class="field">
                    <span>"Your name"</span>
                    <input
                        type="text"
                        maxlength=LONGEST.to_string()
                        autocomplete="nickname"
                        prop:value=move || reader.get()
                        on:input=move |event| reader.set(event_target_value(&event))
                    />
                </label>
            }
        })
    };
    view! {
        <Modal labelled_by=HEADING class="small" on_close=close>
            <form class="form" on:submit=submit novalidate>
                <h2 id=HEADING>{title}</h2>
                {is_new
                    .then(|| {
                        view! {
                            <p class="muted">
                                "Filters, order, columns and how they are shown, under a name."
                            </p>
                        }
                    })}
                <label class="field">
                    <span>"Name"</span>
                    <input
                        type="text"
                        maxlength="100"
                        autocomplete="off"
                        autofocus
                        aria-required="true"
                        aria-invalid=move || name_wrong.get().then_some("true")
                        aria-describedby="view-wrong"
                        prop:value=move || name.get()
                        on:input=move |event| name.set(event_target_value(&event))
                    />
                </label>
                <fieldset class="field labels">
                    <legend>"Who sees it"</legend>
                    {whose("Everybody", false)}
                    {whose("Only me", true)}
                </fieldset>
                {changing(introduce)}
                <fieldset class="field labels">
                    <label>
                        <input
                            type="checkbox"
                            prop:checked=move || default.get()
                            on:change=move |event| default.set(event_target_checked(&event))
                        />
                        {changing(move || {
                            if own.get() {
                                "Open the table with it for me"
                            } else {
                                "Open the table with it for everybody"
                            }
                        })}
                    </label>
                </fieldset>
                <p class="wrong" id="view-wrong" role="alert">
                    {wrong}
                </p>
                <div class="actions">
                    <button type="button" class="button" on:click=move |_| close.run(())>
                        "Cancel"
                    </button>
                    <button type="submit" class="button primary" disabled=move || busy.get()>
                        "Save"
                    </button>
                </div>
            </form>
        </Modal>
    }
    .made_here()
}
