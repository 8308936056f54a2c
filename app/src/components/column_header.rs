//! The head of a column: its name, its type, its place in the order, and its menu.

use std::sync::Arc;

use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowcast_protocol::{Column, ColumnKind, query::Query};

use super::{
    column_menu::{ColumnMenuOf, MENU},
    icon,
};
use crate::{
    erased::{Erase, changing, handler, said, whether},
    grid::{Face, GridState},
    live::rows::ShownColumn,
    pages::table::TableView,
};

/// A column's header. A click sorts by it; with shift it is sorted by besides.
#[component]
pub fn ColumnHeader(
    /// The page's shared state.
    view: TableView,
    /// The column.
    shown: Arc<ShownColumn>,
) -> impl IntoView {
    let column = &shown.column;
    let name = StoredValue::new(column.name.clone());
    let place = Memo::new(move |_| place_of(&view.query.read(), &name.read_value()));
    let aria_sort = move || {
        place.get().map(|place| {
            let way = if place.descending {
                "descending"
            } else {
                "ascending"
            };
            way.to_owned()
        })
    };
    let mark = move || {
        place.get().map(|place| {
            let class = if place.descending {
                "order down"
            } else {
                "order up"
            };
            view! {
                <span class=class aria-hidden="true">
                    {place.priority}
                </span>
            }
            .settled()
        })
    };
    let grid = expect_context::<GridState>();
    let label = move || grid.label(&name.read_value());
    let head = view! {
        <span class=format!("kind {}", kind_class(&shown)) aria-hidden="true"></span>
        <span class="name">{changing(label)}</span>
        {changing(mark)}
    };
    let related = view.query.read_untracked().embedded(&column.name).is_some();
    let title = {
        let about = describe(column, shown.key, related);
        move || {
            let face = grid.face(&name.read_value());
            let description = face.as_ref().and_then(Face::description);
            let own = face.as_ref().filter(|face| face.look.label.is_some());
            let name = own.map(|face| [&face.shown.column.name, ", "].concat());
            let name = name.unwrap_or_default();
            match description {
                Some(text) => format!("{text}\n{name}{about}"),
                None => [name, about.clone()].concat(),
            }
        }
    };
    // `json` has no order.
    let sortable = column.type_name != "json";
    let next = move |additive| {
        let name = name.read_value();
        view.address(&view.query.read().with_sort_toggled(&name, additive))
    };
    let navigate = use_navigate();
    let with_shift = move |event: ev::MouseEvent| {
        if sortable && event.shift_key() {
            event.prevent_default();
            let to = untrack(|| next(true));
            navigate(
                &to,
                NavigateOptions {
                    scroll: false,
                    ..NavigateOptions::default()
                },
            );
        }
    };
    let menu = expect_context::<ColumnMenuOf>();
    let is_open = move || menu.is_of(&name.read_value());
    let menu_label = move || format!("Menu of {}", label());
    view! {
        <th
            scope="col"
            class=side(column.kind)
            aria-sort=said(aria_sort)
            aria-label=said(move || Some(label()))
            data-column=column.name.clone()
        >
            <a
                class="head"
                href=said(move || sortable.then(|| next(false)))
                title=said(move || Some(title()))
                draggable="false"
                on:click=handler(with_shift)
            >
                {head}
            </a>
            <button
                type="button"
                class="head-menu"
                class:anchor=whether(is_open)
                popovertarget=MENU
                aria-label=said(move || Some(menu_label()))
                on:pointerenter=handler(move |_| menu.load())
                on:focus=handler(move |_| menu.load())
                on:click=handler(move |_| menu.open(name.get_value()))
            >
                {icon::down()}
            </button>
            <span class="head-edge" aria-hidden="true"></span>
        </th>
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Place {
    descending: bool,
    /// Its number among several keys.
    priority: Option<usize>,
}

fn place_of(query: &Query, column: &str) -> Option<Place> {
    let (at, order) = query.sort_of(column)?;
    Some(Place {
        descending: order.descending,
        priority: (query.order.len() > 1).then_some(at + 1),
    })
}

/// On which side a column's values stand.
pub(crate) fn side(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float => "num",
        ColumnKind::Boolean => "mid",
        ColumnKind::Bytes | ColumnKind::Uuid | ColumnKind::Json => "mono",
        _ => "txt",
    }
}

fn kind_class(shown: &ShownColumn) -> &'static str {
    if shown.key {
        return "k-key";
    }
    if shown.column.references.is_some() {
        return "k-link";
    }
    match shown.column.kind {
        ColumnKind::Boolean => "k-bool",
        ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float => "k-num",
        ColumnKind::Date
        | ColumnKind::Time
        | ColumnKind::Timestamp
        | ColumnKind::TimestampTz
        | ColumnKind::Interval => "k-time",
        ColumnKind::Enum => "k-enum",
        ColumnKind::Json | ColumnKind::Array => "k-json",
        _ => "k-text",
    }
}

/// A column's type and what else the database says of it.
pub(crate) fn describe(column: &Column, key: bool, related: bool) -> String {
    let mut out = column.type_name.clone();
    if related {
        out.push_str(", of the related row");
    } else if key {
        out.push_str(", key");
    } else if !column.nullable {
        out.push_str(", not null");
    }
    if column.generated && !related {
        out.push_str(", computed");
    }
    if let Some(to) = &column.references {
        out.push_str(" → ");
        out.push_str(&to.table);
    }
    out
}
