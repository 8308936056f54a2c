//! The palette: everything that can be done, found by a few letters.

use leptos::{ev, html, prelude::*, task::spawn_local};
use web_sys::HtmlElement;

use super::{
    PaletteHost,
    entries::{Entry, at_hand, elsewhere, found},
    keys_view::{on_mac, shown},
};
use crate::{
    edit::modal::Modal,
    erased::{Erase, Erased, changing},
};

/// The ids of the parts.
const HEADING: &str = "palette-heading";
const LIST: &str = "palette-list";

/// The dialog.
pub fn palette(host: PaletteHost) -> Erased {
    let entries = RwSignal::new(at_hand(host));
    let loading = RwSignal::new(true);
    let owner = Owner::current().unwrap_or_default();
    spawn_local(async move {
        let more = owner.with(|| ScopedFuture::new(elsewhere())).await;
        // The palette may have been closed meanwhile.
        let _ = entries.try_update(|entries| entries.extend(more));
        let _ = loading.try_set(false);
    });
    let typed = RwSignal::new(String::new());
    let active = RwSignal::new(0_usize);
    let offered =
        Memo::new_with_compare(move |_| found(&entries.read(), &typed.read()), |_, _| true);
    let list = NodeRef::<html::Ul>::new();
    let close = move || host.panel.set(None);
    let choose = move |at: usize| {
        let entry = offered
            .read_untracked()
            .get(at)
            .map(|(entry, _)| entry.clone());
        let Some(entry) = entry else { return };
        close();
        run_after(entry);
    };
    let step = move |to: usize| {
        active.set(to);
        if let Some(list) = list.get_untracked() {
            reveal(&list, to);
        }
    };
    let keyed = move |event: ev::KeyboardEvent| {
        let count = offered.read_untracked().len();
        if event.is_composing() || count == 0 {
            return;
        }
        let at = active.get_untracked().min(count - 1);
        match event.key().as_str() {
            "ArrowDown" => step((at + 1) % count),
            "ArrowUp" => step((at + count - 1) % count),
            "PageDown" => step((at + 8).min(count - 1)),
            "PageUp" => step(at.saturating_sub(8)),
            "Enter" => choose(at),
            _ => return,
        }
        event.prevent_default();
    };
    let mac = on_mac();
    let options = move || {
        let offered = offered.get();
        let mut group = "";
        let plain = typed.read_untracked().trim().is_empty();
        offered
            .into_iter()
            .enumerate()
            .map(|(at, (entry, found))| {
                // In their order they stand under their kind, found ones each have it beside.
                let begins = plain && entry.group != group;
                group = entry.group;
                view! {
                    <li
                        id=option_id(at)
                        role="option"
                        class:active=move || active.get() == at
                        class:begins=begins
                        aria-selected=move || (active.get() == at).to_string()
                        on:mousedown=|event| event.prevent_default()
                        on:click=move |_| choose(at)
                    >
                        <span class="value">{marked(&entry.name, &found.at)}</span>
                        <span class="about">{entry.group}</span>
                        {shown(entry.keys, mac)}
                    </li>
                }
            })
            .collect_view()
    };
    let none = move || {
        let none = offered.read().is_empty();
        match (none, loading.get()) {
            (true, true) => "Looking…",
            (true, false) => "Nothing found",
            (false, _) => "",
        }
    };
    view! {
        <Modal labelled_by=HEADING class="palette" on_close=Callback::new(move |()| close())>
            <h2 id=HEADING class="sr-only">
                "Commands"
            </h2>
            <input
                type="text"
                role="combobox"
                autocomplete="off"
                spellcheck="false"
                aria-label="Find a command, column, view or table"
                placeholder="Find a command, column, view or table"
                aria-autocomplete="list"
                aria-expanded="true"
                aria-controls=LIST
                aria-activedescendant=move || {
                    let count = offered.read().len();
                    (count > 0).then(|| option_id(active.get().min(count - 1)))
                }
                on:input=move |event| {
                    typed.set(event_target_value(&event));
                    step(0);
                }
                on:keydown=keyed
            />
            <ul id=LIST node_ref=list class="choices" role="listbox" aria-label="Commands">
                {changing(options)}
            </ul>
            <p class="nothing" role="status">
                {changing(none)}
            </p>
        </Modal>
    }
    .made_here()
}

fn option_id(at: usize) -> String {
    format!("{LIST}-{at}")
}

/// The name, with the letters that were typed marked.
fn marked(name: &str, at: &[usize]) -> Vec<Erased> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for (place, letter) in name.chars().enumerate() {
        let on = at.binary_search(&place).is_ok();
        match parts.last_mut() {
            Some((same, text)) if *same == on => text.push(letter),
            _ => parts.push((on, letter.to_string())),
        }
    }
    parts
        .into_iter()
        .map(|(on, text)| {
            if on {
                view! { <mark>{text}</mark> }.made_here()
            } else {
                text.made_here()
            }
        })
        .collect()
}

/// Scrolls the list as little as brings an option into sight.
fn reveal(list: &HtmlElement, at: usize) {
    use wasm_bindgen::JsCast;
    let option = list.children().item(at as u32);
    let Some(option) = option.and_then(|option| option.dyn_into::<HtmlElement>().ok()) else {
        return;
    };
    let (top, height) = (option.offset_top(), option.offset_height());
    let seen = list.scroll_top();
    if top < seen {
        list.set_scroll_top(top);
    } else if top + height > seen + list.client_height() {
        list.set_scroll_top(top + height - list.client_height());
    }
}

/// Runs what was chosen once the dialog has gone and the focus is back where it was: what is
/// chosen may be about that, or put it elsewhere.
fn run_after(entry: Entry) {
    request_animation_frame(move || request_animation_frame(move || (entry.run)()));
}
