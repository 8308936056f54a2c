//! What can be done with a cell: its menu.

use leptos::{ev, html, prelude::*};
use leptos_router::hooks::use_navigate;
use rowcast_protocol::{Cell, Column, query::Query};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::{
    components::filter_panel::{Ask, FilterHost, MenuAt, stay},
    erased::{Erase, Erased, changing, effect},
    filter::value,
    grid::{
        Action, CellPlace, GridState, Selection,
        surface::{pixels, set_style},
    },
};

/// The id of the menu.
const MENU: &str = "cell-menu";

/// A line of the menu.
struct Item {
    label: String,
    /// The keys that do it without the menu.
    keys: &'static str,
    act: Box<dyn Fn()>,
}

/// The menu of the cell that it was asked for, if it was.
#[component]
pub fn CellMenu(host: FilterHost) -> impl IntoView {
    let grid = expect_context::<GridState>();
    let navigate = StoredValue::new_local(use_navigate());
    changing(move || {
        let at = host.menu.get()?;
        Some(untrack(|| {
            choose(grid, &at.place);
            let groups = items(host, grid, &at.place, navigate);
            view! { <Menu host grid at groups /> }
        }))
    })
}

/// A cell that isn't chosen with others is chosen alone.
fn choose(grid: GridState, place: &CellPlace) {
    let selection = grid.selection.get_untracked();
    let position = grid.position(place);
    let in_block = selection.range.as_ref().is_some_and(|(one, other)| {
        let corners = grid.position(one).zip(grid.position(other));
        corners
            .zip(position)
            .is_some_and(|((one, other), (row, column))| {
                let within = |a: usize, b: usize, at: usize| (a.min(b)..=a.max(b)).contains(&at);
                within(one.0, other.0, row) && within(one.1, other.1, column)
            })
    });
    if !in_block && !selection.rows.contains(&place.row) {
        if !selection.is_empty() {
            grid.selection.set(Selection::default());
        }
        grid.focus_cell(place.clone());
    }
}

/// The cell's column, and its value as it is seen.
fn value_of(host: FilterHost, grid: GridState, place: &CellPlace) -> Option<(Column, Cell)> {
    let row = grid.row(&place.row)?;
    let at = row
        .columns
        .iter()
        .position(|shown| shown.column.name == place.column)?;
    let mut column = row.columns[at].column.clone();
    // A related row may not be there: its columns may be NULL whatever they say.
    let query = host.view.query.read_untracked();
    column.nullable |= query.embedded(&column.name).is_some();
    Some((column, row.cells[at].read_untracked().cell.clone()))
}

/// The lines of a cell's menu, in groups.
fn items(
    host: FilterHost,
    grid: GridState,
    place: &CellPlace,
    navigate: StoredValue<impl Fn(&str, leptos_router::NavigateOptions) + 'static, LocalStorage>,
) -> Vec<Vec<Item>> {
    let view = host.view;
    let item = |label: &str, keys, act: Box<dyn Fn()>| Item {
        label: label.to_owned(),
        keys,
        act,
    };
    let go = move |query: Query| {
        let to = untrack(|| view.address(&query));
        navigate.with_value(|navigate| navigate(&to, stay()));
    };
    let mut filters = Vec::new();
    if let Some((column, cell)) = value_of(host, grid, place) {
        let query = view.query.get_untracked();
        let only = value::only(&query, &column, &cell);
        let without = value::without(&query, &column, &cell);
        for (label, query) in [("Only this value", only), ("Not this value", without)] {
            if let Some(query) = query {
                filters.push(item(label, "", Box::new(move || go(query.clone()))));
            }
        }
        filters.push(item(
            "Filter by this column…",
            "",
            Box::new(move || host.open(Ask::Column(column.name.clone()))),
        ));
    }
    let act = |label: &str, keys, action: Action| {
        let run = move || grid.act(action.clone());
        item(label, keys, Box::new(run))
    };
    // What is done with one row is done with this one, whatever else is chosen.
    let act_here = |label: &str, keys, action: Action| {
        let place = place.clone();
        let run = move || {
            grid.focus_cell(place.clone());
            grid.act(action.clone());
        };
        item(label, keys, Box::new(run))
    };
    let (may, writes) = view.table.with_value(|table| {
        let column = table.column(&place.column);
        let writes = column.is_some_and(|(_, column)| table.writes(column));
        (table.may.clone(), writes)
    });
    let mut cell = vec![act("Copy", "Ctrl+C", Action::Copy)];
    let link = grid
        .cell_element(place)
        .and_then(|cell| cell.query_selector("a[href]").ok().flatten());
    if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
        let follow = move || link.click();
        cell.push(item(
            "Go to what it refers to",
            "Ctrl+Enter",
            Box::new(follow),
        ));
    }
    if may.update && writes {
        let edit = Action::Edit {
            place: place.clone(),
            typed: None,
        };
        cell.insert(0, act_here("Edit", "Enter", edit));
    }
    let mut row = vec![act_here("Open row", "Alt+Enter", Action::Detail)];
    if may.insert {
        row.push(act_here("Duplicate row", "Ctrl+D", Action::Duplicate));
    }
    let mut gone = Vec::new();
    if may.delete {
        let count = grid.chosen_rows().len();
        let label = match count {
            0 | 1 => "Delete row".to_owned(),
            count => format!("Delete {count} rows"),
        };
        gone.push(act(&label, "Ctrl+Delete", Action::DeleteRows));
    }
    let mut groups = vec![filters, cell, row, gone];
    groups.retain(|group| !group.is_empty());
    groups
}

/// The menu: keys walk through it, and whatever happens elsewhere closes it.
#[component]
fn Menu(host: FilterHost, grid: GridState, at: MenuAt, groups: Vec<Vec<Item>>) -> impl IntoView {
    let menu = NodeRef::<html::Div>::new();
    let MenuAt { place, point } = at;
    let (cell, column) = (place.clone(), place.column.clone());
    effect(move || {
        let Some(menu) = menu.get() else { return };
        let cell = cell.clone();
        // It can be shown once it is in the document.
        request_animation_frame(move || {
            if menu.is_connected() && menu.show_popover().is_ok() {
                put(&menu, grid, &cell, point);
                step(&menu, None, 1);
            }
        });
    });
    // It goes first: what it was chosen for may open something that takes the focus.
    let close = move || {
        if host.menu.try_get_untracked().flatten().is_some() {
            host.menu.set(None);
        }
    };
    let back = {
        let place = place.clone();
        move || {
            close();
            // Several cells that are chosen stay so.
            if grid.selection.read_untracked().range.is_some() {
                grid.grabs.update(|grabs| *grabs += 1);
            } else {
                grid.focus_cell(place.clone());
            }
        }
    };
    let keyed = {
        let back = back.clone();
        move |event: ev::KeyboardEvent| {
            let Some(menu) = menu.get_untracked() else {
                return;
            };
            let now = document().active_element();
            let key = event.key();
            match key.as_str() {
                "ArrowDown" => step(&menu, now, 1),
                "ArrowUp" => step(&menu, now, -1),
                "Home" => step(&menu, None, 1),
                "End" => step(&menu, None, -1),
                "Escape" | "Tab" => back(),
                "Enter" | " " => return,
                letter if letter.chars().count() == 1 => {
                    to_letter(&menu, now, &letter.to_lowercase());
                }
                _ => return,
            }
            event.prevent_default();
            event.stop_propagation();
        }
    };
    let elsewhere = move |event: &web_sys::Event| {
        // Before it is open the focus goes to its cell.
        let open = menu
            .try_get_untracked()
            .flatten()
            .is_some_and(|menu| menu.matches(":popover-open").unwrap_or(false));
        let inside = crate::grid::hands::target(event)
            .is_some_and(|of| of.closest(&["#", MENU].concat()).ok().flatten().is_some());
        if open && !inside {
            close();
        }
    };
    let down = window_event_listener(ev::pointerdown, move |event| elsewhere(&event));
    let focus = window_event_listener(ev::focusin, move |event| elsewhere(&event));
    let resized = window_event_listener(ev::resize, move |_| close());
    let wheel = window_event_listener(ev::wheel, move |event| elsewhere(&event));
    on_cleanup(move || {
        down.remove();
        focus.remove();
        resized.remove();
        wheel.remove();
    });
    let line = move |item: Item| {
        let act = StoredValue::new_local(item.act);
        let back = back.clone();
        let press = move |_: ev::MouseEvent| {
            // The line is gone once the menu is.
            let act = act.try_update_value(|act| std::mem::replace(act, Box::new(|| ())));
            back();
            // What it opens gives the focus back to where it was: to the cell, once it is there.
            if let Some(act) = act {
                request_animation_frame(act);
            }
        };
        let shortcut = item.keys.replace("Ctrl", "Control");
        view! {
            <button
                type="button"
                class="menu-item"
                role="menuitem"
                tabindex="-1"
                aria-keyshortcuts=(!shortcut.is_empty()).then_some(shortcut)
                on:click=press
            >
                <span>{item.label}</span>
                <kbd aria-hidden="true">{item.keys}</kbd>
            </button>
        }
        .made_here()
    };
    let groups = groups.into_iter().enumerate().map(|(nth, group)| {
        let rule = (nth > 0).then(|| view! { <hr role="separator" /> });
        let lines: Vec<Erased> = group.into_iter().map(line.clone()).collect();
        view! {
            {rule}
            {lines}
        }
    });
    view! {
        <div
            id=MENU
            class="menu"
            popover="manual"
            role="menu"
            aria-label=format!("Cell of {column}")
            node_ref=menu
            on:keydown=keyed
            on:contextmenu=|event: ev::MouseEvent| event.prevent_default()
        >
            {groups.collect_view()}
        </div>
    }
    .made_here()
}

/// Puts the menu where it was asked for, or below its cell, as far as the window has room.
fn put(menu: &HtmlElement, grid: GridState, cell: &CellPlace, point: Option<(i32, i32)>) {
    let (x, y, above) = match (point, grid.cell_element(cell)) {
        (Some((x, y)), _) => (f64::from(x), f64::from(y), f64::from(y)),
        (None, Some(cell)) => {
            let cell = cell.get_bounding_client_rect();
            (cell.left(), cell.bottom(), cell.top())
        }
        (None, None) => (0.0, 0.0, 0.0),
    };
    let own = menu.get_bounding_client_rect();
    let size = |of: Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>| {
        of.ok().and_then(|of| of.as_f64()).unwrap_or_default()
    };
    let (width, height) = (size(window().inner_width()), size(window().inner_height()));
    const EDGE: f64 = 4.0;
    let left = x.min(width - own.width() - EDGE).max(EDGE);
    let top = if y + own.height() + EDGE <= height {
        y
    } else {
        (above - own.height())
            .max(EDGE)
            .min(height - own.height() - EDGE)
    };
    set_style(menu, "left", &pixels(left));
    set_style(menu, "top", &pixels(top.max(EDGE)));
}

fn lines(menu: &HtmlElement) -> Vec<HtmlElement> {
    let Ok(all) = menu.query_selector_all("[role=menuitem]") else {
        return Vec::new();
    };
    let line = |at| all.item(at)?.dyn_into::<HtmlElement>().ok();
    (0..all.length()).filter_map(line).collect()
}

/// Gives the focus to the line so many after that which has it, round and round.
fn step(menu: &HtmlElement, now: Option<Element>, by: isize) {
    let lines = lines(menu);
    let at = now.and_then(|now| lines.iter().position(|line| **line == now));
    let count = lines.len() as isize;
    let next = match at {
        Some(at) => (at as isize + by).rem_euclid(count.max(1)),
        None if by > 0 => 0,
        None => count - 1,
    };
    focus(lines.get(next.max(0) as usize));
}

/// Gives the focus to the next line that begins with the letter.
fn to_letter(menu: &HtmlElement, now: Option<Element>, letter: &str) {
    let lines = lines(menu);
    let at = now.and_then(|now| lines.iter().position(|line| **line == now));
    let after = at.map_or(0, |at| at + 1);
    let begins = |line: &&HtmlElement| {
        let text = line.text_content().unwrap_or_default();
        text.to_lowercase().starts_with(letter)
    };
    focus(lines[after..].iter().chain(&lines[..after]).find(begins));
}

fn focus(line: Option<&HtmlElement>) {
    if let Some(line) = line {
        // A line always takes it.
        let _ = line.focus();
    }
}
