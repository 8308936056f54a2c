//! Values that are written as text.

use leptos::prelude::*;
use rowcast_protocol::ColumnKind;

use super::{Setting, described, focus_when_there, placeholder};
use crate::{edit::field::Field, erased::Erase};

/// A text of any length, as high as it is long.
#[component]
pub fn TextInput(field: Field, setting: Setting) -> impl IntoView {
    let input = NodeRef::<leptos::html::Textarea>::new();
    focus_when_there(input, setting.focus);
    let code = field
        .column
        .with_value(|column| column.kind != ColumnKind::Text);
    view! {
        <textarea
            id=setting.id.clone()
            class:code=code
            node_ref=input
            rows="1"
            spellcheck=(!code).to_string()
            autocomplete="off"
            aria-label=setting.name
            aria-describedby=described(&setting.id)
            aria-invalid=move || field.wrong.read().is_some().to_string()
            placeholder=placeholder(field)
            prop:value=field.text
            on:input=move |event| field.set_text(event_target_value(&event))
        ></textarea>
    }
    .made_here()
}

/// A value on one line. Numbers are text here: an input of type `number` would round them.
#[component]
pub fn LineInput(field: Field, setting: Setting, kind: ColumnKind) -> impl IntoView {
    let input = NodeRef::<leptos::html::Input>::new();
    focus_when_there(input, setting.focus);
    let (mode, class) = match kind {
        ColumnKind::Integer => (Some("numeric"), "num"),
        ColumnKind::Numeric | ColumnKind::Float => (Some("decimal"), "num"),
        ColumnKind::Bytes | ColumnKind::Uuid => (None, "code"),
        _ => (None, ""),
    };
    view! {
        <input
            id=setting.id.clone()
            class=class
            node_ref=input
            type="text"
            inputmode=mode
            autocomplete="off"
            spellcheck="false"
            aria-label=setting.name
            aria-describedby=described(&setting.id)
            aria-invalid=move || field.wrong.read().is_some().to_string()
            placeholder=placeholder(field)
            prop:value=field.text
            on:input=move |event| field.set_text(event_target_value(&event))
        />
    }
    .made_here()
}
