//! The value of a condition, as its column's type and its operator want it.

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::{Column, ColumnKind};

use super::{
    draft::Line,
    panel::{Draft, part_id},
    values,
};
use crate::{
    erased::{Erase, Erased, changing},
    filter::{Choice, Input, UNITS, join, knows_now, split},
    format::time,
};

/// What a value is written with.
#[derive(Clone, PartialEq)]
enum Form {
    None,
    /// One of an enum's labels.
    Labels(Vec<String>),
    /// Several of them.
    SomeLabels(Vec<String>),
    /// A number and a unit.
    Span,
    /// A day.
    Date,
    /// A day and a time; whether it is on the reader's clock, and else without a zone.
    Time(bool),
    /// Text: its hint, the keyboard that suits it, and whether values are offered.
    Text(&'static str, Option<&'static str>, bool),
}

fn form_of(column: &Column, choice: Choice, value: &str) -> Form {
    let mode = match column.kind {
        ColumnKind::Numeric | ColumnKind::Float => Some("decimal"),
        _ => None,
    };
    match (choice.input(), column.kind) {
        (Input::Nothing, _) => Form::None,
        (Input::Span, _) => Form::Span,
        (Input::Value, ColumnKind::Enum) => Form::Labels(column.labels.clone()),
        (Input::Values, ColumnKind::Enum) => Form::SomeLabels(column.labels.clone()),
        (Input::Values, _) => Form::Text("one, another", None, false),
        (Input::Text, _) if matches!(choice, Choice::Like | Choice::NotLike) => {
            Form::Text("a*z", None, false)
        }
        (Input::Text, _) => Form::Text("", None, false),
        // What a calendar can't show, such as "today", is written.
        (Input::Value, kind) if knows_now(kind) && !is_calendar(kind, value) => {
            Form::Text("", None, false)
        }
        (Input::Value, ColumnKind::Date) => Form::Date,
        (Input::Value, ColumnKind::Timestamp) => Form::Time(false),
        (Input::Value, ColumnKind::TimestampTz) => Form::Time(true),
        (Input::Value, ColumnKind::Time) => Form::Text("14:30", None, false),
        (Input::Value, ColumnKind::Interval) => Form::Text("2 days 3 hours", None, false),
        (Input::Value, _) => Form::Text("", mode, true),
    }
}

/// Whether the browser's input for the kind can show the value.
fn is_calendar(kind: ColumnKind, value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_date = |bytes: &[u8]| {
        bytes.len() == 10
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    let date = bytes.get(..10).is_some_and(is_date);
    match kind {
        _ if value.is_empty() => true,
        ColumnKind::Date => date && bytes.len() == 10,
        // A fraction of a second would be lost.
        ColumnKind::Timestamp => date && bytes.get(10) == Some(&b'T') && bytes.len() <= 19,
        _ => date && bytes.get(10) == Some(&b'T') && value.ends_with('Z') && !value.contains('.'),
    }
}

/// What is written in the input for a time, as a filter has it.
fn time_value(written: &str, has_zone: bool) -> String {
    if !has_zone || written.is_empty() {
        return written.to_owned();
    }
    // JavaScript reads a date and time without a zone as the reader's.
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_str(written));
    if date.get_time().is_nan() {
        return String::new();
    }
    let instant = String::from(date.to_iso_string());
    instant.replace(".000Z", "Z")
}

/// What the input for a time shows of a filter's.
fn time_shown(value: &str, has_zone: bool) -> String {
    if !has_zone {
        return value.to_owned();
    }
    let shown = time::reader(value).unwrap_or_default();
    shown.replacen(' ', "T", 1)
}

/// The input that fits the column and the operator.
#[component]
pub fn ValueEditor(draft: Draft, line: Line, column: Memo<Option<Column>>) -> impl IntoView {
    // It is not made anew by what is written in it.
    let form = Memo::new(move |_| match column.get() {
        Some(column) => form_of(&column, line.choice.get(), &line.value.read_untracked()),
        None => Form::Text("", None, false),
    });
    let id = part_id(line.id, "-value");
    let wrong_id = part_id(line.id, "-wrong");
    let invalid = move || line.wrong.read().is_some().to_string();
    let write = move |text: String| {
        line.wrong.set(None);
        line.value.set(text);
    };
    changing(move || {
        let (id, wrong_id) = (id.clone(), wrong_id.clone());
        match form.get() {
            Form::None => view! { <span class="filter-value" id=id></span> }.made_here(),
            Form::Labels(labels) => {
                if line.value.get_untracked().is_empty()
                    && let Some(first) = labels.first()
                {
                    line.value.set(first.clone());
                }
                let now = line.value.get_untracked();
                let option = |label: String| {
                    let here = label == now;
                    view! {
                        <option value=label.clone() prop:selected=here>
                            {label.clone()}
                        </option>
                    }
                };
                view! {
                    <select
                        class="filter-value"
                        id=id
                        aria-label="Value"
                        aria-invalid=invalid
                        aria-describedby=wrong_id
                        on:change=move |event| write(event_target_value(&event))
                    >
                        {labels.into_iter().map(option).collect_view()}
                    </select>
                }
                .made_here()
            }
            Form::SomeLabels(labels) => some_labels(line, id, labels),
            Form::Span => span(line, id, wrong_id),
            Form::Date => view! {
                <input
                    class="filter-value"
                    id=id
                    type="date"
                    aria-label="Value"
                    aria-invalid=invalid
                    aria-describedby=wrong_id
                    prop:value=line.value.get_untracked()
                    on:input=move |event| write(event_target_value(&event))
                />
            }
            .made_here(),
            Form::Time(has_zone) => view! {
                <input
                    class="filter-value"
                    id=id
                    type="datetime-local"
                    step="1"
                    aria-label="Value"
                    aria-invalid=invalid
                    aria-describedby=wrong_id
                    title=has_zone.then_some("On your clock")
                    prop:value=time_shown(&line.value.read_untracked(), has_zone)
                    on:input=move |event| write(time_value(&event_target_value(&event), has_zone))
                />
            }
            .made_here(),
            Form::Text(hint, mode, offers) => {
                text(draft, line, column, (id, wrong_id), (hint, mode, offers))
            }
        }
    })
}

/// Text, with the values that the column has to choose from.
fn text(
    draft: Draft,
    line: Line,
    column: Memo<Option<Column>>,
    (id, wrong_id): (String, String),
    (hint, mode, offers): (&'static str, Option<&'static str>, bool),
) -> Erased {
    let offered = RwSignal::new(Vec::<String>::new());
    let list = [&*id, "-list"].concat();
    let offer = move || {
        let Some(column) = column.get_untracked().filter(|_| offers) else {
            return;
        };
        let known = values::loaded(draft.view, &column.name);
        offered.set(known);
        spawn_local(async move {
            let typed = line.value.try_get_untracked().unwrap_or_default();
            let found = values::found(draft.view, &column, &typed).await;
            // The condition may have been removed meanwhile.
            offered.try_update(|offered| {
                for value in found {
                    if !offered.contains(&value) {
                        offered.push(value);
                    }
                }
            });
        });
    };
    let options = move || {
        let option = |value: String| view! { <option value=value></option> };
        offered.get().into_iter().map(option).collect_view()
    };
    view! {
        <input
            class="filter-value"
            id=id
            type="text"
            inputmode=mode
            placeholder=hint
            autocomplete="off"
            spellcheck="false"
            aria-label="Value"
            aria-invalid=move || line.wrong.read().is_some().to_string()
            aria-describedby=wrong_id
            list=offers.then(|| list.clone())
            prop:value=line.value
            on:focus=move |_| offer()
            on:input=move |event| {
                line.wrong.set(None);
                line.value.set(event_target_value(&event));
            }
        />
        {offers.then(|| view! { <datalist id=list>{changing(options)}</datalist> })}
    }
    .made_here()
}

/// Several of an enum's labels.
fn some_labels(line: Line, id: String, labels: Vec<String>) -> Erased {
    let order = StoredValue::new(labels.clone());
    let choose = move |label: &str, on: bool| {
        let mut chosen = split(&line.value.read_untracked());
        chosen.retain(|known| known != label);
        if on {
            chosen.push(label.to_owned());
        }
        order.with_value(|order| {
            chosen.sort_by_key(|label| order.iter().position(|known| known == label));
        });
        line.wrong.set(None);
        line.value.set(join(&chosen));
    };
    let option = |label: String| {
        let (here, this) = (label.clone(), label.clone());
        view! {
            <label>
                <input
                    type="checkbox"
                    prop:checked=move || split(&line.value.read()).contains(&here)
                    on:change=move |event| choose(&this, event_target_checked(&event))
                />
                {label}
            </label>
        }
    };
    view! {
        <div class="filter-value labels" id=id role="group" aria-label="Value">
            {labels.into_iter().map(option).collect_view()}
        </div>
    }
    .made_here()
}

/// A span of time: how many of which unit.
fn span(line: Line, id: String, wrong_id: String) -> Erased {
    let value = line.value.get_untracked();
    let unit = UNITS
        .iter()
        .find_map(|(unit, _)| Some((value.strip_suffix(unit)?, *unit)));
    let (number, unit) = unit.unwrap_or(("", "d"));
    let number = RwSignal::new(number.to_owned());
    let unit = RwSignal::new(unit.to_owned());
    let write = move || {
        line.wrong.set(None);
        line.value
            .set([&**number.read_untracked(), &**unit.read_untracked()].concat());
    };
    let option = |(letter, word): (&'static str, &'static str)| {
        let here = *unit.read_untracked() == letter;
        view! { <option value=letter prop:selected=here>{word}</option> }
    };
    view! {
        <span class="filter-value filter-span">
            <input
                id=id
                type="text"
                inputmode="numeric"
                autocomplete="off"
                placeholder="7"
                aria-label="Value"
                aria-invalid=move || line.wrong.read().is_some().to_string()
                aria-describedby=wrong_id
                prop:value=number.get_untracked()
                on:input=move |event| {
                    number.set(event_target_value(&event).trim().to_owned());
                    write();
                }
            />
            <select
                aria-label="Unit"
                on:change=move |event| {
                    unit.set(event_target_value(&event));
                    write();
                }
            >
                {UNITS.map(option).into_iter().collect_view()}
            </select>
        </span>
    }
    .made_here()
}
