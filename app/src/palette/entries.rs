//! What the palette offers.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::{
    PaletteHost,
    fuzzy::{self, Match},
};
use crate::{address, grid::GridState, live::fetch};

/// The most that is offered at once.
const OFFERED: usize = 60;

/// One thing that can be chosen.
#[derive(Clone)]
pub struct Entry {
    /// What kind it is of: "Rows", "Table".
    pub group: &'static str,
    /// What it does, or where it leads.
    pub name: String,
    /// The keys that do the same.
    pub keys: &'static str,
    /// Does it. It outlives the palette, which is closed by then.
    pub run: Arc<dyn Fn() + Send + Sync>,
}

impl Entry {
    fn new(group: &'static str, name: String, run: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            group,
            name,
            keys: "",
            run: Arc::new(run),
        }
    }
}

/// What can be chosen at once: the page's commands, its columns, and how it looks.
pub fn at_hand(host: PaletteHost) -> Vec<Entry> {
    let commands = host.commands.all().into_iter().map(|command| Entry {
        group: command.group,
        name: command.name,
        keys: command.keys,
        // It may have left with its part of the page.
        run: Arc::new(move || {
            let _ = command.run.try_run(());
        }),
    });
    let mut entries: Vec<Entry> = commands.collect();
    if let Some(grid) = host.grid {
        let names = grid.column_names().into_iter().enumerate();
        entries
            .extend(names.map(|(at, name)| {
                Entry::new("Go to column", name, move || go_to_column(grid, at))
            }));
    }
    entries.extend(LOOKS.map(|(name, value)| {
        Entry::new("Appearance", name.to_owned(), move || choose_look(value))
    }));
    let navigate = use_navigate();
    entries.push(Entry::new("Page", "All tables".to_owned(), move || {
        navigate("/", NavigateOptions::default());
    }));
    entries.push(Entry::new("Page", "Design system".to_owned(), || {
        // A document of its own.
        drop(window().location().assign("/design"));
    }));
    // Whoever added a command: what is of one kind stands together, as it first came.
    let mut groups: Vec<&str> = Vec::new();
    for entry in &entries {
        if !groups.contains(&entry.group) {
            groups.push(entry.group);
        }
    }
    entries.sort_by_key(|entry| groups.iter().position(|group| *group == entry.group));
    entries
}

/// What the server knows: tables, and the views of the one that is open. Whatever it does not
/// answer with is not offered.
pub async fn elsewhere() -> Vec<Entry> {
    let path = use_location().pathname.get_untracked();
    let table = path.strip_prefix("/tables/").map(address::decode);
    let here = table.clone().unwrap_or_default();
    let navigate = use_navigate();
    let to = |address: String| {
        let navigate = navigate.clone();
        move || navigate(&address, NavigateOptions::default())
    };
    let tables = fetch::tables().await.unwrap_or_default();
    let views = match table {
        Some(table) => fetch::views(&table).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let views = views.into_iter().map(|view| {
        let address = address::table_at(&here, &view.query);
        Entry::new("View", view.name, to(address))
    });
    let tables = tables.into_iter().map(|table| {
        let path = table.path();
        let address = address::table_root(&path);
        Entry::new("Table", path, to(address))
    });
    views.chain(tables).collect()
}

/// The entries that letters find, the best first; all in their order where none are typed.
pub fn found(entries: &[Entry], typed: &str) -> Vec<(Entry, Match)> {
    let mut found: Vec<(Entry, Match)> = entries
        .iter()
        .filter_map(|entry| Some((entry.clone(), fuzzy::find(&entry.name, typed)?)))
        .collect();
    found.sort_by_key(|(_, found)| -found.score);
    found.truncate(OFFERED);
    found
}

/// Themes and contrasts, by the value of the choice on the page.
const LOOKS: [(&str, &str); 5] = [
    ("Theme: as the system", "theme-system"),
    ("Theme: light", "theme-light"),
    ("Theme: dark", "theme-dark"),
    ("Contrast: as the system", "contrast-system"),
    ("Contrast: high", "contrast-more"),
];

/// Chooses what the page's own menu has: whoever hears that menu does the rest.
fn choose_look(id: &str) {
    let choice = document().get_element_by_id(id);
    if let Some(choice) = choice.and_then(|choice| choice.dyn_into::<HtmlElement>().ok()) {
        choice.click();
    }
}

/// Puts the focus into a column, in the row that it is in or the first one seen.
fn go_to_column(grid: GridState, at: usize) {
    // The page may have been left by now.
    let Some(focus) = grid.focus.try_get_untracked() else {
        return;
    };
    let row = focus
        .and_then(|focus| grid.position(&focus))
        .map(|(row, _)| row);
    let first = || {
        let (seen, _) = grid.seen.get_untracked();
        usize::try_from(seen - grid.shown.read_untracked().first).unwrap_or(0)
    };
    if let Some(place) = grid.place(row.unwrap_or_else(first), at) {
        grid.focus_cell(place);
    }
}
