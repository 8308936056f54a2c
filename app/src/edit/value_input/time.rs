//! Dates, and times of a day.

use leptos::{html, prelude::*};
use rowcast_protocol::ColumnKind;

use super::{Setting, described, focus_when_there, placeholder};
use crate::{
    components::icon,
    edit::{clock, field::Field},
    erased::Erase,
};

/// A date or a date and time: written, so that no digit is lost, or picked from the browser's
/// calendar. One with a zone is on the reader's clock, which is named beside it.
#[component]
pub fn TimeInput(field: Field, setting: Setting, kind: ColumnKind) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let picker = NodeRef::<html::Input>::new();
    focus_when_there(input, setting.focus);
    let date_only = kind == ColumnKind::Date;
    let pick = move |_| {
        let Some(picker) = picker.get_untracked() else {
            return;
        };
        // The browser's picker knows no fractions: they stay where only the date changes.
        let text = field.text.get_untracked();
        let whole = text.split('.').next().unwrap_or_default();
        picker.set_value(&whole.replacen(' ', "T", 1));
        // Where a browser has no picker, the value is written.
        let _ = picker.show_picker();
    };
    let picked = move |event| {
        let value = event_target_value(&event).replacen('T', " ", 1);
        if !value.is_empty() {
            field.set_text(value);
        }
        if let Some(input) = input.get_untracked() {
            // It is there and visible, so it takes the focus.
            let _ = input.focus();
        }
    };
    let zone = (kind == ColumnKind::TimestampTz).then(clock::zone_name);
    view! {
        <span class="time-input">
            <input
                id=setting.id.clone()
                node_ref=input
                type="text"
                autocomplete="off"
                spellcheck="false"
                aria-label=setting.name
                aria-describedby=described(&setting.id)
                aria-invalid=move || field.wrong.read().is_some().to_string()
                placeholder=move || match placeholder(field)() {
                    "" if date_only => "2026-01-31",
                    "" => "2026-01-31 14:30",
                    text => text,
                }
                prop:value=field.text
                on:input=move |event| field.set_text(event_target_value(&event))
            />
            {zone.map(|zone| view! { <span class="zone">{zone}</span> })}
            <button
                type="button"
                class="icon-button pick"
                tabindex="-1"
                aria-label="Calendar"
                title="Calendar"
                on:click=pick
            >
                {icon::calendar()}
            </button>
            <input
                class="picker"
                node_ref=picker
                type=if date_only { "date" } else { "datetime-local" }
                step=(!date_only).then_some("1")
                tabindex="-1"
                aria-hidden="true"
                on:change=picked
            />
        </span>
    }
    .made_here()
}
