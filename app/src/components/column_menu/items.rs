//! What the menu of a column holds, and the keys that it hears: loaded when one is first asked
//! for.

use std::sync::Arc;

use leptos::{ev, prelude::*};
use rowcast_protocol::query::{OrderBy, Query};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::{MENU, MadeMenu, summary::SummaryField};
use crate::{
    charts,
    components::{
        column_header::describe,
        filter_panel::{Ask, FilterHost},
        table_header::close,
    },
    erased::{Erase, Erased, handler},
    grid::{
        Face, GridState,
        hands::target,
        layout::{NARROWEST, Placed, WIDEST},
    },
    looks::LooksOf,
    pages::table::TableView,
};

/// The menu of a page's columns.
pub fn made(view: TableView) -> MadeMenu {
    MadeMenu {
        items: Arc::new(move |name| items(view, name)),
        walk,
    }
}

fn items(view: TableView, name: String) -> Erased {
    let grid = expect_context::<GridState>();
    let host = expect_context::<FilterHost>();
    let columns = view.columns();
    let column = columns.iter().find(|column| column.name == name).cloned();
    let sortable = column.as_ref().is_some_and(|of| of.type_name != "json");
    let query = view.query.get();
    let sorted = query.sort_of(&name).map(|(_, order)| order.descending);
    let sort = |label: &'static str, order: Vec<OrderBy>, on: bool| {
        let to = view.address(&Query {
            order,
            ..query.with_page(0)
        });
        let current = on.then_some("true");
        view! {
            <a href=to aria-current=current on:click=handler(|_| close(MENU))>
                {label}
            </a>
        }
        .made_here()
    };
    let sorts = sortable.then(|| {
        [
            sort(
                "Sort ascending",
                vec![OrderBy::ascending(&name)],
                sorted == Some(false),
            ),
            sort(
                "Sort descending",
                vec![OrderBy::descending(&name)],
                sorted == Some(true),
            ),
        ]
        .into_iter()
        .chain(sorted.map(|_| sort("Don’t sort", Vec::new(), false)))
        .collect_view()
    });
    let about = grid.face(&name).map(|face| about(view, &face));
    let looks = expect_context::<LooksOf>();
    let format = {
        let name = name.clone();
        button("Name and format…", move || {
            looks.0.set(Some(name.clone()))
        })
    };
    let chart = charts::of_column(grid, &name).map(|show| button("Chart", show));
    let summary = column
        .clone()
        .map(|column| view! { <SummaryField view column /> });
    let filter = column.map(|column| {
        button("Filter by this column…", move || {
            host.open(Ask::Column(column.name.clone()));
        })
    });
    let placed = grid.layout.read().place(&name).cloned().unwrap_or_default();
    let change = {
        let name = name.clone();
        move |change: fn(&mut Placed)| {
            let names = view.column_names();
            let names: Vec<&str> = names.iter().map(|of| &**of).collect();
            grid.layout.write().change(&names, &name, change);
        }
    };
    let shift = {
        let name = name.clone();
        move |right| {
            let names = view.column_names();
            let names: Vec<&str> = names.iter().map(|of| &**of).collect();
            grid.layout.write().shift(&names, &name, right);
        }
    };
    let pin = {
        let change = change.clone();
        if placed.pinned {
            button("Unpin", move || change(|of| of.pinned = false))
        } else {
            button("Pin", move || change(|of| of.pinned = true))
        }
    };
    let left = shift.clone();
    let widen = move |event| {
        let width = event_target_value(&event).parse().ok();
        let names = view.column_names();
        let names: Vec<&str> = names.iter().map(|of| &**of).collect();
        grid.set_width(&names, &name, width);
    };
    view! {
        {about}
        {sorts}
        {filter}
        <hr />
        {pin}
        {button("Move left", move || left(false))}
        {button("Move right", move || shift(true))}
        {button("Hide", move || change(|of| of.hidden = true))}
        <hr />
        {format}
        {chart}
        {summary}
        <label class="menu-field">
            "Width"
            <input
                type="number"
                min=NARROWEST.to_string()
                max=WIDEST.to_string()
                step="10"
                placeholder="auto"
                prop:value=placed.width.map(|width| width.to_string()).unwrap_or_default()
                on:change=handler(widen)
            />
            "px"
        </label>
    }
    .made_here()
}

/// What a column is: what it is called, its type, and what is said of it.
fn about(view: TableView, face: &Face) -> Erased {
    let column = &face.shown.column;
    let related = view.query.read_untracked().embedded(&column.name).is_some();
    let mut facts = describe(column, face.shown.key, related);
    if face.look.label.is_some() {
        facts = format!("{}, {facts}", column.name);
    }
    let description = face.description().map(str::to_owned);
    view! {
        <div class="menu-about">
            <strong>{face.label().to_owned()}</strong>
            <span class="muted">{facts}</span>
            {description.map(|text| view! { <p>{text}</p> })}
        </div>
    }
    .made_here()
}

/// A line of the menu; what it does closes it.
fn button(label: &'static str, act: impl Fn() + 'static) -> Erased {
    let act: Box<dyn Fn()> = Box::new(act);
    let press = move |_: ev::MouseEvent| {
        close(MENU);
        act();
    };
    view! {
        <button type="button" class="menu-item" on:click=handler(press)>
            {label}
        </button>
    }
    .made_here()
}

/// Up and down go from line to line.
fn walk(event: ev::KeyboardEvent) {
    let down = match event.key().as_str() {
        "ArrowDown" => true,
        "ArrowUp" => false,
        _ => return,
    };
    let Some(from) = target(&event).filter(|of| !matches!(&*of.tag_name(), "INPUT" | "SELECT"))
    else {
        return;
    };
    let mut next = Some(from);
    loop {
        next = next.and_then(|of| {
            if down {
                of.next_element_sibling()
            } else {
                of.previous_element_sibling()
            }
        });
        let Some(element) = &next else { break };
        let takes_focus = matches!(element.tag_name().as_str(), "A" | "BUTTON");
        if let (true, Some(element)) = (takes_focus, element.dyn_ref::<HtmlElement>()) {
            // An element that can't take the focus leaves it where it is.
            let _ = element.focus();
            break;
        }
    }
    event.prevent_default();
}
