//! The charts that are open, side by side.

use leptos::prelude::*;

use super::{card::card, has_chart, refresh::Refresh};
use crate::{
    components::icon,
    erased::{Erase, Erased, changing},
    grid::{Face, GridState},
    pages::table::TableView,
};

/// What the panel holds.
pub fn panel(view: TableView, grid: GridState) -> Erased {
    let names = Memo::new(move |_| grid.layout.read().charts.clone().unwrap_or_default());
    let refresh = Refresh::begin(view, grid, names.into());
    let others = move || {
        let (faces, names) = (grid.faces.read(), names.read());
        let is_new = |face: &&Face| has_chart(face) && !names.contains(&face.shown.column.name);
        let option = |face: &Face| {
            let name = face.shown.column.name.clone();
            view! { <option value=name>{face.label().to_owned()}</option> }
        };
        faces.iter().filter(is_new).map(option).collect_view()
    };
    let choose = move |event: leptos::ev::Event| {
        let select: web_sys::HtmlSelectElement = event_target(&event);
        let name = select.value();
        // It says what can be added, so it is empty again once something is.
        select.set_value("");
        let mut layout = grid.layout.write();
        let charts = layout.charts.get_or_insert_default();
        if !name.is_empty() && !charts.contains(&name) {
            charts.push(name);
        }
    };
    view! {
        <For
            each=move || refresh.readings.get()
            key=|reading| reading.column.clone()
            children=move |reading| card(view, grid, reading)
        />
        <div class="chart-add">
            <label class="field">
                <span>"Add a chart"</span>
                <select on:change=choose>
                    <option value="">"Column…"</option>
                    {changing(others)}
                </select>
            </label>
            <button
                type="button"
                class="button"
                on:click=move |_| grid.layout.write().charts = None
            >
                {icon::cross()}
                "Close charts"
            </button>
        </div>
    }
    .made_here()
}
