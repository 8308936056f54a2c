//! The value of a filter, as its column's type wants it.

use leptos::{either::EitherOf4, prelude::*};
use rowcast_protocol::{Column, ColumnKind};

use super::FilterDraft;
use crate::filter::{Choice, Input};

/// The input that fits the column and the operator.
#[component]
pub fn ValueInput(draft: FilterDraft, column: Memo<Option<Column>>) -> impl IntoView {
    let form = Memo::new(move |_| match column.get() {
        Some(column) if draft.follows.get() => form_of(&column, draft.choice.get()),
        _ => Form::Text("text", ""),
    });
    let set = move |event| draft.value.set(event_target_value(&event));
    move || match form.get() {
        Form::None => EitherOf4::A(()),
        Form::Labels(labels) => {
            if draft.value.get_untracked().is_empty()
                && let Some(first) = labels.first()
            {
                draft.value.set(first.clone());
            }
            EitherOf4::B(view! {
                <label class="field">
                    <span>"Value"</span>
                    <select name="value" on:change=set prop:value=draft.value>
                        {labels
                            .into_iter()
                            .map(|label| {
                                let shown = label.clone();
                                view! { <option value=label>{shown}</option> }
                            })
                            .collect_view()}
                    </select>
                </label>
            })
        }
        Form::SomeLabels(labels) => EitherOf4::C(view! { <SomeLabels draft labels /> }),
        Form::Text(kind, hint) => EitherOf4::D(view! {
            <label class="field">
                <span>"Value"</span>
                <input
                    name="value"
                    type=kind
                    step=(kind == "datetime-local").then_some("1")
                    placeholder=hint
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=draft.value
                    on:input=set
                />
            </label>
        }),
    }
}

#[derive(Clone, PartialEq)]
enum Form {
    None,
    /// One of an enum's labels.
    Labels(Vec<String>),
    /// Several of them.
    SomeLabels(Vec<String>),
    /// An input of this type, with this hint.
    Text(&'static str, &'static str),
}

fn form_of(column: &Column, choice: Choice) -> Form {
    match (choice.input(), column.kind) {
        (Input::Nothing, _) => Form::None,
        (Input::Value, ColumnKind::Enum) => Form::Labels(column.labels.clone()),
        (Input::Values, ColumnKind::Enum) => Form::SomeLabels(column.labels.clone()),
        (Input::Values, _) => Form::Text("text", "one, another"),
        (Input::Text, _) if choice == Choice::Like => Form::Text("text", "a*z"),
        (Input::Text, _) => Form::Text("text", ""),
        (Input::Value, ColumnKind::Date) => Form::Text("date", ""),
        (Input::Value, ColumnKind::Timestamp) => Form::Text("text", "2026-01-31 14:30"),
        (Input::Value, ColumnKind::TimestampTz) => Form::Text("text", "2026-01-31 14:30+01"),
        (Input::Value, ColumnKind::Time) => Form::Text("text", "14:30"),
        (Input::Value, ColumnKind::Interval) => Form::Text("text", "2 days 3 hours"),
        (Input::Value, _) => Form::Text("text", ""),
    }
}

#[component]
fn SomeLabels(draft: FilterDraft, labels: Vec<String>) -> impl IntoView {
    let toggle = |label: &str, on: bool, value: &str| {
        let mut chosen: Vec<&str> = value
            .split(", ")
            .filter(|known| !known.is_empty() && *known != label)
            .collect();
        if on {
            chosen.push(label);
        }
        chosen.join(", ")
    };
    view! {
        <fieldset class="field labels">
            <legend>"Values"</legend>
            {labels
                .into_iter()
                .map(|label| {
                    let (checked, changed) = (label.clone(), label.clone());
                    view! {
                        <label>
                            <input
                                type="checkbox"
                                prop:checked=move || {
                                    draft.value.read().split(", ").any(|known| known == checked)
                                }
                                on:change=move |event| {
                                    let on = event_target_checked(&event);
                                    draft.value.update(|value| *value = toggle(&changed, on, value));
                                }
                            />
                            {label}
                        </label>
                    }
                })
                .collect_view()}
        </fieldset>
    }
}
