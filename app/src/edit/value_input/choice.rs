//! One of several values.

use std::time::Duration;

use leptos::{ev, html, prelude::*, task::spawn_local};

use super::{
    Setting, described, focus_when_there,
    options::{Choice, fixed, matching, rows_of},
    placeholder,
};
use crate::{
    edit::field::Field,
    erased::effect,
    erased::{Erase, changing},
};

/// How long after the last letter other rows are asked for.
const PAUSE: Duration = Duration::from_millis(150);

/// A list to choose from, narrowed by what is typed: an ARIA combobox.
#[component]
pub fn ChoiceInput(field: Field, setting: Setting) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    focus_when_there(input, setting.focus);
    let own = field.column.with_value(fixed);
    let reference = field.column.with_value(|column| column.references.clone());
    let open = RwSignal::new(setting.open);
    // What is typed to narrow the list; none shows it whole.
    let typed = RwSignal::new(None::<String>);
    let found = RwSignal::new(Vec::<Choice>::new());
    let active = RwSignal::new(None::<usize>);
    let failed = RwSignal::new(None::<String>);
    // A letter that was typed over the cell begins the search.
    if setting.focus == super::Focus::End && setting.open {
        typed.set(Some(field.text.get_untracked()));
    }

    let show = move |choices: Vec<Choice>| {
        let text = field.text.get_untracked();
        let known = choices.iter().position(|choice| choice.value == text);
        let narrowed = typed.read_untracked().is_some();
        active.set(known.or((narrowed && !choices.is_empty()).then_some(0)));
        found.set(choices);
    };
    let turn = StoredValue::new(0_u32);
    effect(move || {
        let text = typed.get().unwrap_or_default();
        if !open.get() {
            return;
        }
        if let Some(own) = &own {
            show(matching(own, &text));
            return;
        }
        let Some(reference) = reference.clone() else {
            return;
        };
        let now = turn.get_value() + 1;
        turn.set_value(now);
        let ask = move || {
            if turn.try_get_value() != Some(now) {
                return;
            }
            spawn_local(async move {
                let column = field.column.try_get_value();
                let Some(column) = column else { return };
                let answer = rows_of(&column, &reference, &text).await;
                // Something else was typed meanwhile, or the list has gone.
                if turn.try_get_value() != Some(now) {
                    return;
                }
                match answer {
                    Ok(choices) => {
                        failed.set(None);
                        show(choices);
                    }
                    Err(refusal) => failed.set(Some(refusal.text())),
                }
            });
        };
        if now == 1 {
            ask();
        } else {
            set_timeout(ask, PAUSE);
        }
    });

    let pick = move |at: usize| {
        let choice = found.read_untracked().get(at).cloned();
        if let Some(choice) = choice {
            field.set_text(choice.value);
            typed.set(None);
            open.set(false);
        }
    };
    let step = move |by: isize| {
        if !open.get_untracked() {
            open.set(true);
            return;
        }
        let count = found.read_untracked().len() as isize;
        if count == 0 {
            return;
        }
        let next = match active.get_untracked() {
            Some(at) => (at as isize + by).rem_euclid(count),
            None if by > 0 => 0,
            None => count - 1,
        };
        active.set(Some(next as usize));
    };
    let keyed = move |event: ev::KeyboardEvent| match event.key().as_str() {
        "ArrowDown" => {
            event.prevent_default();
            step(1);
        }
        "ArrowUp" => {
            event.prevent_default();
            step(-1);
        }
        // Whoever holds the input goes on with the value that is chosen by it.
        "Enter" | "Tab" if open.get_untracked() => {
            if let Some(at) = active.get_untracked() {
                // Tab past an untouched list chooses nothing.
                if event.key() == "Enter" || typed.read_untracked().is_some() {
                    pick(at);
                }
            }
        }
        "Escape" if open.get_untracked() && !setting.open => {
            event.stop_propagation();
            event.prevent_default();
            typed.set(None);
            open.set(false);
        }
        _ => {}
    };
    let type_in = move |event| {
        typed.set(Some(event_target_value(&event)));
        open.set(true);
    };
    // The chosen value's text, until something is typed to find another.
    let shown = move || typed.get().unwrap_or_else(|| field.text.get());
    let list = format!("{}-list", setting.id);
    let option_id = {
        let list = list.clone();
        move |at: usize| format!("{list}-{at}")
    };
    let active_id = {
        let option_id = option_id.clone();
        move || {
            active
                .get()
                .filter(|_| open.get() && !found.read().is_empty())
                .map(&option_id)
        }
    };
    let option_id = StoredValue::new(option_id);
    view! {
        <span class="choice">
            <input
                id=setting.id.clone()
                node_ref=input
                type="text"
                role="combobox"
                autocomplete="off"
                spellcheck="false"
                aria-label=setting.name.clone()
                aria-describedby=described(&setting.id)
                aria-autocomplete="list"
                aria-controls=list.clone()
                aria-expanded=move || open.get().to_string()
                aria-activedescendant=active_id
                aria-invalid=move || field.wrong.read().is_some().to_string()
                placeholder=placeholder(field)
                prop:value=shown
                on:input=type_in
                on:keydown=keyed
                on:click=move |_| open.set(true)
                on:blur=move |_| {
                    typed.set(None);
                    if !setting.open {
                        open.set(false);
                    }
                }
            />
            <ul
                id=list
                class="choices"
                role="listbox"
                aria-label="Choices"
                hidden=move || !open.get()
            >
                {changing(move || {
                    let text = field.text.get();
                    found
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(at, choice)| {
                            let chosen = !field.null.get() && choice.value == text;
                            let id = option_id.with_value(|id| id(at));
                            view! {
                                <li
                                    id=id
                                    role="option"
                                    class:active=move || active.get() == Some(at)
                                    aria-selected=chosen.to_string()
                                    // The input keeps the focus.
                                    on:mousedown=|event| event.prevent_default()
                                    on:click=move |_| {
                                        pick(at);
                                        if let Some(picked) = setting.on_pick {
                                            picked.run(());
                                        }
                                    }
                                >
                                    <span class="value">{choice.value}</span>
                                    <span class="about">{choice.about}</span>
                                </li>
                            }
                        })
                        .collect_view()
                })}
            </ul>
            <span class="choices nothing" role="status" hidden=move || {
                !open.get() || (!found.read().is_empty() && failed.read().is_none())
            }>
                {changing(move || failed.get().unwrap_or_else(|| "Nothing found".to_owned()))}
            </span>
        </span>
    }
    .made_here()
}
