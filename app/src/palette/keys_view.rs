//! The list of keys.

use leptos::prelude::*;

use super::{
    PaletteHost,
    key_list::{ELSEWHERE, GRID, caps},
};
use crate::{
    edit::modal::Modal,
    erased::{Erase, Erased},
};

const HEADING: &str = "keys-heading";

/// The dialog.
pub fn keys(host: PaletteHost) -> Erased {
    let close = move || host.panel.set(None);
    let mac = on_mac();
    let line = |ways: &'static str, what: String| {
        view! {
            <div>
                <dt>{shown(ways, mac)}</dt>
                <dd>{what}</dd>
            </div>
        }
        .made_here()
    };
    let section = |place: &'static str, lines: Vec<Erased>| {
        view! {
            <section>
                <h3>{place}</h3>
                <dl>{lines}</dl>
            </section>
        }
        .made_here()
    };
    let of_grid = host.grid.map(|_| GRID.iter().chain(&ELSEWHERE));
    let lists: Vec<_> = of_grid.into_iter().flatten().collect();
    let listed = |keys: &str| {
        let all = lists.iter().flat_map(|keys| keys.list);
        all.flat_map(|(ways, _)| ways.split(' '))
            .any(|way| way == keys)
    };
    // What no list has: the page's own, and those of its parts.
    let mut groups: Vec<(&str, Vec<Erased>)> = Vec::new();
    for command in host.commands.all() {
        if command.keys.is_empty() || listed(command.keys) {
            continue;
        }
        let place = match command.group {
            "Page" => "Everywhere",
            group => group,
        };
        let view = line(command.keys, command.name);
        match groups.iter_mut().find(|(group, _)| *group == place) {
            Some((_, lines)) => lines.push(view),
            None => groups.push((place, vec![view])),
        }
    }
    let own = groups.into_iter();
    let mut sections: Vec<Erased> = own.map(|(place, lines)| section(place, lines)).collect();
    sections.extend(lists.iter().map(|keys| {
        let lines = keys.list.iter();
        let lines = lines.map(|(ways, what)| line(ways, (*what).to_owned()));
        section(keys.place, lines.collect())
    }));
    view! {
        <Modal labelled_by=HEADING class="keys" on_close=Callback::new(move |()| close())>
            <header>
                <h2 id=HEADING>"Keys"</h2>
                <button type="button" class="button" autofocus=true on:click=move |_| close()>
                    "Close"
                </button>
            </header>
            <div class="key-lists" tabindex="0" role="group" aria-labelledby=HEADING>
                {sections}
            </div>
        </Modal>
    }
    .made_here()
}

/// Ways to press, as key caps.
pub fn shown(ways: &'static str, mac: bool) -> Erased {
    let ways = ways.split(' ').filter(|way| !way.is_empty());
    let ways = ways.map(|way| {
        let caps = caps(way, mac).into_iter();
        let caps = caps.map(|cap| view! { <kbd>{cap}</kbd> }).collect_view();
        view! { <span class="way">{caps}</span> }
    });
    view! { <span class="ways">{ways.collect_view()}</span> }.made_here()
}

/// Whether the reader's keyboard has a Command key.
pub fn on_mac() -> bool {
    window()
        .navigator()
        .platform()
        .is_ok_and(|platform| platform.contains("Mac") || platform.contains("iP"))
}
