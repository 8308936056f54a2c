//! A dialog before the page.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

use crate::erased::{Content, Erase, effect};

/// Gives the focus to an element of a dialog that takes the place of what had it.
pub fn take_focus<E>(element: NodeRef<E>)
where
    E: html::ElementType,
    E::Output: JsCast + Clone + 'static,
{
    effect(move || {
        let Some(element) = element.get() else { return };
        // It is in the document only after whatever shows it is done.
        request_animation_frame(move || {
            let element: &web_sys::HtmlElement = element.unchecked_ref();
            // An element that has gone already can't take it.
            let _ = element.focus();
        });
    });
}

/// A modal dialog. The browser keeps the focus in it and closes it by Escape; where the focus
/// was, it goes back when the dialog goes.
#[component]
pub fn Modal(
    /// The id of its heading.
    labelled_by: &'static str,
    /// What sets it apart.
    class: &'static str,
    /// Called when it should go: by Escape, or by a press beside it.
    on_close: Callback<()>,
    /// What it holds.
    children: Content,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let before = StoredValue::new_local(document().active_element());
    effect(move || {
        let Some(dialog) = dialog.get() else { return };
        // It can be shown once it is in the document.
        queue_microtask(move || {
            if dialog.is_connected() && !dialog.open() {
                // It is connected and not open, and that is all it takes.
                let _ = dialog.show_modal();
            }
        });
    });
    on_cleanup(move || {
        let before = before.try_get_value().flatten();
        request_animation_frame(move || {
            let lost = document()
                .active_element()
                .is_none_or(|element| element.tag_name() == "BODY");
            let before = before.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
            if let Some(before) = before
                && lost
                && before.is_connected()
            {
                // What could have the focus once can have it again, unless it was disabled.
                let _ = before.focus();
            }
        });
    });
    let beside = move |event: leptos::ev::MouseEvent| {
        let on_backdrop = event.target()
            == dialog.get_untracked().map(|dialog| {
                let target: web_sys::EventTarget = dialog.unchecked_into();
                target
            });
        if on_backdrop {
            on_close.run(());
        }
    };
    view! {
        <dialog
            class=["modal ", class].concat()
            node_ref=dialog
            aria-labelledby=labelled_by
            on:cancel=move |event: leptos::ev::Event| {
                event.prevent_default();
                on_close.run(());
            }
            on:mousedown=beside
            on:keydown=|event| event.stop_propagation()
        >
            <div class="modal-body">{children.make()}</div>
        </dialog>
    }
    .made_here()
}
