//! Filters as text, with what can be written next and what is wrong in its place.

use std::time::Duration;

use leptos::{ev, html, prelude::*, task::spawn_local};
use rowcast_protocol::{Column, Table, query::Fault};

use super::{
    panel::{Draft, focus_later},
    values,
};
use crate::{
    edit::api::said,
    erased::{Erase, changing},
    filter::{
        complete::{Candidate, Context, Wanted, candidates, context},
        text::to_query,
    },
};

/// The id of the text.
pub const INPUT: &str = "filter-text";

/// What is wrong is said once so long nothing was typed.
const PAUSE: Duration = Duration::from_millis(500);
/// How many ways to go on are shown.
const SHOWN: usize = 12;

/// The ways to go on, as they are offered.
#[derive(Clone, Default, PartialEq)]
struct Offer {
    /// Which part of the text they replace, in bytes.
    place: std::ops::Range<usize>,
    candidates: Vec<Candidate>,
    active: Option<usize>,
}

/// The text. Enter applies it, or takes what is offered; Shift+Enter begins a new line.
#[component]
pub fn TextEditor(draft: Draft, apply: Callback<()>) -> impl IntoView {
    let input = NodeRef::<html::Textarea>::new();
    let text = move || draft.text.get().unwrap_or_default();
    let offer = RwSignal::new(Offer::default());
    let fault = RwSignal::new(None::<Fault>);
    let turn = StoredValue::new(0_u32);
    let look = move || {
        let text = to_query(&draft.text.get_untracked().unwrap_or_default());
        fault.set(fault_of(draft, &text));
    };
    look();
    let look_later = move || {
        fault.set(None);
        let now = turn.get_value() + 1;
        turn.set_value(now);
        set_timeout(
            move || {
                if turn.try_get_value() == Some(now) {
                    look();
                }
            },
            PAUSE,
        );
    };
    let suggest = move || {
        let Some(caret) = input.get_untracked().and_then(|of| caret(&of)) else {
            return;
        };
        suggest(draft, offer, caret);
    };
    let close = move || {
        // A field that is taken away may lose the focus by it.
        let offered = offer.try_read_untracked();
        if offered.is_some_and(|offer| !offer.candidates.is_empty()) {
            offer.set(Offer::default());
        }
    };
    let take = move |at: usize| {
        let Offer {
            place, candidates, ..
        } = offer.get_untracked();
        let (Some(chosen), Some(input)) = (candidates.get(at), input.get_untracked()) else {
            return;
        };
        let mut text = draft.text.get_untracked().unwrap_or_default();
        text.replace_range(place.clone(), &chosen.insert);
        let end = place.start + chosen.insert.len();
        let caret = text[..end].encode_utf16().count() as u32;
        input.set_value(&text);
        // It is a position in the text.
        let _ = input.set_selection_range(caret, caret);
        draft.wrong.set(None);
        draft.text.set(Some(text));
        look_later();
        suggest();
    };
    let step = move |by: isize| {
        offer.update(|offer| {
            let count = offer.candidates.len() as isize;
            let from = offer
                .active
                .map_or(if by > 0 { -1 } else { 0 }, |at| at as isize);
            offer.active = Some((from + by).rem_euclid(count) as usize);
        });
    };
    let keyed = move |event: ev::KeyboardEvent| {
        if event.is_composing() {
            return;
        }
        let (open, active) = {
            let offer = offer.read_untracked();
            (!offer.candidates.is_empty(), offer.active)
        };
        match event.key().as_str() {
            "ArrowDown" if open => step(1),
            "ArrowUp" if open => step(-1),
            "Enter" | "Tab" if open && active.is_some() && !event.shift_key() => {
                take(active.unwrap_or_default());
            }
            "Enter" if !event.shift_key() => {
                look();
                match fault.get_untracked() {
                    None => apply.run(()),
                    Some(fault) => choose(input, draft, &fault),
                }
            }
            "Escape" if open => close(),
            " " if event.ctrl_key() => suggest(),
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    let typed = move |event| {
        draft.wrong.set(None);
        draft.text.set(Some(event_target_value(&event)));
        look_later();
        suggest();
    };
    let active_id = move || {
        let offer = offer.read();
        offer.active.map(option_id)
    };
    // The text again, behind the text, with what is wrong underlined.
    let mirror = move || {
        let text = text();
        let at = fault.read().as_ref().map_or(0..0, |fault| fault.at.clone());
        let (start, end) = (floor(&text, at.start), floor(&text, at.end));
        let marked = match &text[start..end] {
            "" if fault.read().is_some() => " ".to_owned(),
            marked => marked.to_owned(),
        };
        view! {
            {text[..start].to_owned()}
            <span class:fault=move || fault.read().is_some()>{marked}</span>
            {text[end..].to_owned()}
            // A line end at the end takes a line.
            " "
        }
    };
    let wrong = move || {
        let fault = fault.read();
        let error = draft.wrong.read();
        fault
            .as_ref()
            .map(|fault| said(&fault.error))
            .or_else(|| error.as_ref().map(said))
    };
    let options = move || {
        let Offer {
            candidates, active, ..
        } = offer.get();
        let option = |(at, candidate): (usize, Candidate)| {
            view! {
                <li
                    id=option_id(at)
                    role="option"
                    class:active=active == Some(at)
                    aria-selected=(active == Some(at)).to_string()
                    // The text keeps the focus.
                    on:mousedown=|event| event.prevent_default()
                    on:click=move |_| take(at)
                >
                    <span class="value">{candidate.label}</span>
                    <span class="about">{candidate.about}</span>
                </li>
            }
        };
        candidates
            .into_iter()
            .enumerate()
            .map(option)
            .collect_view()
    };
    let count = move || match offer.read().candidates.len() {
        0 => String::new(),
        1 => "1 suggestion".to_owned(),
        count => format!("{count} suggestions"),
    };
    focus_later(INPUT.to_owned());
    view! {
        <label class="field" for=INPUT>
            <span>"Filter as text"</span>
        </label>
        <div class="filter-text">
            <div class="mirror" aria-hidden="true">{changing(mirror)}</div>
            <textarea
                id=INPUT
                class="code"
                node_ref=input
                rows="1"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                placeholder="status=eq.open"
                aria-autocomplete="list"
                aria-controls="filter-offer"
                aria-activedescendant=active_id
                aria-describedby="filter-text-wrong"
                aria-invalid=move || wrong().is_some().to_string()
                prop:value=text
                on:input=typed
                on:keydown=keyed
                on:click=move |_| close()
                on:blur=move |_| {
                    close();
                    look();
                }
            ></textarea>
        </div>
        <ul
            id="filter-offer"
            class="choices"
            role="listbox"
            aria-label="Suggestions"
            hidden=move || offer.read().candidates.is_empty()
        >
            {changing(options)}
        </ul>
        <p class="sr-only" role="status">
            {changing(count)}
        </p>
        <p
            class="wrong"
            id="filter-text-wrong"
            role="alert"
            hidden=move || wrong().is_none()
        >
            {changing(wrong)}
        </p>
        <p class="muted filter-hint">
            "A condition a line, such as "<code>"amount=gt.100"</code>" or "
            <code>"or=(a.eq.1,b.is.null)"</code>"."
        </p>
    }
    .made_here()
}

fn option_id(at: usize) -> String {
    format!("filter-offer-{at}")
}

/// The last place in the text that is none after `at` and between characters.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// What is wrong with a query's text, in the words of the grammar's own reader.
fn fault_of(draft: Draft, text: &str) -> Option<Fault> {
    let table = Table {
        columns: draft.columns.get_untracked(),
        ..draft.view.table.get_value()
    };
    Fault::first(text, &table)
}

/// Puts the caret to what is wrong.
fn choose(input: NodeRef<html::Textarea>, draft: Draft, fault: &Fault) {
    let text = draft.text.get_untracked().unwrap_or_default();
    let unit = |at: usize| text[..floor(&text, at)].encode_utf16().count() as u32;
    if let Some(input) = input.get_untracked() {
        // Both are positions in the text.
        let _ = input.set_selection_range(unit(fault.at.start), unit(fault.at.end));
    }
}

/// Where the caret is, in UTF-16 units.
fn caret(input: &web_sys::HtmlTextAreaElement) -> Option<usize> {
    Some(input.selection_start().ok()?? as usize)
}

/// Offers what can be written at the caret: at once what the page knows, and then what the
/// server knows of a column's values.
fn suggest(draft: Draft, offer: RwSignal<Offer>, caret: usize) {
    let text = draft.text.get_untracked().unwrap_or_default();
    let mut units = 0;
    let end = text
        .char_indices()
        .find(|(_, character)| {
            let here = units >= caret;
            units += character.len_utf16();
            here
        })
        .map_or(text.len(), |(at, _)| at);
    let columns = draft.columns.get_untracked();
    let Context { wanted, from } = context(&text[..end], &columns);
    let typed = text[from..end].to_owned();
    let show = move |wanted: &Wanted, values: &[String], columns: &[Column]| {
        let mut candidates = candidates(wanted, &typed, columns, values);
        candidates.truncate(SHOWN);
        // What is written already is no way to go on: Enter is then none of the list's.
        let complete = candidates.iter().any(|of| of.insert == typed);
        candidates.retain(|of| of.insert != typed);
        let takes = !typed.is_empty() && !complete && !candidates.is_empty();
        let active = takes.then_some(0);
        offer.set(Offer {
            place: from..end,
            candidates,
            active,
        });
    };
    let Wanted::Value { column, .. } = &wanted else {
        show(&wanted, &[], &columns);
        return;
    };
    let known = values::loaded(draft.view, column);
    show(&wanted, &known, &columns);
    let Some(column) = columns.iter().find(|of| of.name == *column).cloned() else {
        return;
    };
    let asked = text[from..end].trim_start_matches('"').to_owned();
    spawn_local(async move {
        let found = values::found(draft.view, &column, &asked).await;
        // Something else was typed meanwhile, or the panel has gone.
        let now = draft.text.try_get_untracked().flatten();
        let open = offer.try_read_untracked().is_some_and(|offer| {
            offer.place == (from..end) && offer.active.is_none_or(|at| at == 0)
        });
        if now.as_ref() == Some(&text) && open && !found.is_empty() {
            let mut all = known;
            for value in found {
                if !all.contains(&value) {
                    all.push(value);
                }
            }
            show(&wanted, &all, &columns);
        }
    });
}
