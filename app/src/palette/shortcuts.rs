//! The keys that work wherever the focus is, and loading what they open.

use leptos::{ev, html, prelude::*};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent};

use super::{PaletteHost, Panel};
use crate::{
    erased::{MakeView, effect},
    grid::{Action, hands::target},
    lazy::Lazy,
};

/// What was asked for, and where the focus was.
struct Asked {
    panel: Panel,
    from: Option<SendWrapper<Element>>,
}

/// What opens a panel, or, of none, only loads what that needs. Adds the commands for it, and
/// hears their keys.
pub fn opener(
    host: PaletteHost,
    panels: Lazy<MakeView>,
    button: NodeRef<html::Button>,
    failed: RwSignal<bool>,
) -> impl Fn(Option<Panel>) + Clone + Send + Sync + 'static {
    // What is to be open once it can be.
    let asked = StoredValue::new(None::<Asked>);
    panels.on_end(move |loaded| {
        let Some(Asked { panel, from }) = asked.try_update_value(Option::take).flatten() else {
            return;
        };
        if loaded.is_none() {
            return failed.set(true);
        }
        // From there it is taken, and there it goes back.
        if let Some(from) = from.as_ref().and_then(|from| from.dyn_ref::<HtmlElement>()) {
            // What can't take the focus leaves it where it is.
            let _ = from.focus();
        }
        host.panel.set(Some(panel));
    });
    let open = move |panel: Option<Panel>| {
        let waits = asked.with_value(Option::is_some);
        if panels.ready().is_some() && !waits {
            if panel.is_some() {
                host.panel.set(panel);
            }
            return;
        }
        if waits {
            return;
        }
        failed.set(false);
        asked.set_value(panel.map(|panel| Asked {
            panel,
            from: document().active_element().map(SendWrapper::new),
        }));
        panels.want();
        // What is typed until the panel is there is not for the cell in focus.
        if let Some(button) = button.get_untracked().filter(|_| panel.is_some()) {
            // A button can take it.
            let _ = button.focus();
        }
    };
    let commands = host.commands;
    let (palette, keys) = (open, open);
    commands.add("Page", "Find a command", "Ctrl+K", move || {
        palette(Some(Panel::Palette));
    });
    commands.add("Page", "Show all keys", "?", move || {
        keys(Some(Panel::Keys))
    });
    commands.add("Page", "Search", "/", focus_search);
    let hear = open;
    effect(move || {
        let listener = window_event_listener(ev::keydown, move |event| {
            // A bar that was only made in place of this one, while the page was on its way, may
            // still hear.
            let is_there = button
                .get_untracked()
                .is_some_and(|button| button.is_connected());
            if is_there && heard(host, &hear, &event) {
                event.prevent_default();
            }
        });
        on_cleanup(move || listener.remove());
    });
    open
}

/// Does what a key asks for that nothing else has taken; false leaves it to the browser.
fn heard(host: PaletteHost, open: &impl Fn(Option<Panel>), event: &KeyboardEvent) -> bool {
    let element = target(event);
    let within = |selector| {
        let inside = |of: &Element| of.closest(selector).ok().flatten().is_some();
        element.as_ref().is_some_and(inside)
    };
    if event.default_prevented() || event.is_composing() || within("dialog") {
        return false;
    }
    let control = event.ctrl_key() || event.meta_key();
    let name = event.key().to_ascii_lowercase();
    if control && !event.alt_key() && !event.shift_key() && name == "k" {
        open(Some(Panel::Palette));
        return true;
    }
    // Whoever writes means the letter.
    if within("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") {
        return false;
    }
    let act = |action| {
        let Some(grid) = host.grid else { return false };
        grid.act(action);
        true
    };
    match (&*name, control, event.shift_key(), event.alt_key()) {
        ("?", false, _, false) => open(Some(Panel::Keys)),
        ("/", false, _, false) => focus_search(),
        (".", true, false, false) => return act(Action::Hold),
        ("z", true, false, false) => return act(Action::Undo),
        ("z", true, true, false) | ("y", true, false, false) => return act(Action::Redo),
        _ => return false,
    }
    true
}

/// The focus goes into the page's search box.
fn focus_search() {
    let input = document().query_selector("form[role=search] input[type=search]");
    let input = input.ok().flatten();
    if let Some(input) = input.and_then(|input| input.dyn_into::<HtmlInputElement>().ok()) {
        // An input can take the focus.
        let _ = input.focus();
        input.select();
    }
}
