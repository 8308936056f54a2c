//! How values will look.

use std::collections::HashSet;

use js_sys::Date;
use leptos::prelude::*;
use rowcast_protocol::Cell;

use crate::{
    components::formatted::formatted,
    erased::{Erase, Erased, changing},
    format::{
        Format, Shape,
        clock::Clock,
        present,
        styled::{Reader, Styled, styled},
        zone::ReaderZone,
    },
    grid::{Face, GridState},
};

/// How many values are shown.
const VALUES: usize = 5;

/// Some values of a column that are on the page, as they are now, in that format.
pub fn preview(grid: GridState, face: Face, format: Signal<Option<Format>>) -> Erased {
    let (zone, clock) = (expect_context::<ReaderZone>(), expect_context::<Clock>());
    let name = face.shown.column.name.clone();
    let values = move || {
        let shown = grid.shown.read();
        let mut known = HashSet::new();
        let values = shown.rows.iter().filter_map(|row| {
            let at = row.columns.iter().position(|of| of.column.name == name)?;
            Some(row.cells[at].read().shown().clone())
        });
        let told = values.filter(|value| *value != Cell::Null && known.insert(value.clone()));
        let told: Vec<Cell> = told.take(VALUES).collect();
        if told.is_empty() {
            return view! { <p class="muted">"There are no values on the page to show."</p> }
                .made_here();
        }
        let one = |value: Cell| {
            let reader = Reader {
                zone: zone.get(),
                now: Some(clock.get().unwrap_or_else(Date::now)),
            };
            let column = &face.shown.column;
            let shown = match format.get() {
                Some(format) => styled(&value, &format, column, reader),
                None => {
                    let shape = Shape::of(column);
                    let shown = present(&value, shape, column, reader.zone);
                    match shape {
                        Shape::Badge => Styled::Badge(shown),
                        Shape::Plain | Shape::Link => Styled::Text(shown),
                    }
                }
            };
            view! { <li>{formatted(shown, "")}</li> }
        };
        view! { <ul>{told.into_iter().map(one).collect_view()}</ul> }.made_here()
    };
    view! {
        <fieldset class="field preview">
            <legend>"Preview"</legend>
            {changing(values)}
        </fieldset>
    }
    .made_here()
}
