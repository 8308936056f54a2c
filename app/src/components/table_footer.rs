//! The figures of a query's aggregates, below the rows.

use std::sync::Arc;

use leptos::prelude::*;
use rowcast_protocol::{
    Column, ColumnKind,
    query::{Aggregate, Function},
};

use super::{column_header::side, formatted::plain};
use crate::{
    erased::{Erase, changing},
    format::{
        figure::{is_number, present_figure},
        zone::{ReaderZone, Zone},
    },
    grid::GridState,
    live::rows::ShownColumn,
    pages::table::TableView,
};

/// One row, with each figure below its column; those of columns that are not shown stand
/// below the first.
#[component]
pub fn TableFooter(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let aggregates = Memo::new(move |_| view.query.read().aggregates.clone());
    let arranged = expect_context::<GridState>().arranged;
    changing(move || {
        let aggregates = aggregates.get();
        let columns = view.live.rows.columns.get();
        (!aggregates.is_empty() && !columns.is_empty()).then(|| {
            let arranged = arranged.read();
            let places = arranged.order.iter().filter_map(|at| columns.get(*at));
            let cells = places.clone().enumerate().map(|(at, shown)| {
                let own = aggregates.iter().filter(|of| {
                    let is_shown = |shown: &Arc<ShownColumn>| shown.column.name == of.column;
                    shown.column.name == of.column || at == 0 && !places.clone().any(is_shown)
                });
                let figures = own.map(|aggregate| {
                    let label = if aggregate.column == shown.column.name {
                        aggregate.function.word().to_owned()
                    } else {
                        aggregate.to_string()
                    };
                    view! { <Figure view aggregate=aggregate.clone() label /> }
                });
                view! {
                    <td class=side(shown.column.kind) data-column=shown.column.name.clone()>
                        {figures.collect_view()}
                    </td>
                }
            });
            view! {
                <tfoot>
                    <tr>
                        <td class="pick"></td>
                        {cells.collect_view()}
                    </tr>
                </tfoot>
            }
            .settled()
        })
    })
}

#[component]
fn Figure(view: TableView, aggregate: Aggregate, label: String) -> impl IntoView {
    let column = column_of(view, &aggregate);
    let function = aggregate.function;
    let name = aggregate.to_string();
    let class = if is_number(function, &column) {
        "figure num"
    } else {
        "figure"
    };
    let is_instant = column.kind == ColumnKind::TimestampTz && function != Function::Count;
    let zone = is_instant.then(expect_context::<ReaderZone>);
    let value = Memo::new({
        let name = name.clone();
        move |_| {
            let known = view.live.rows.aggregates.read();
            let found = known.iter().find(|of| of.name == name);
            found.map(|of| of.value.clone())
        }
    });
    let grid = expect_context::<GridState>();
    let shown = move || {
        let zone = zone.map_or(Zone::Utc, ReaderZone::get);
        let format = grid.face(&column.name).and_then(|face| face.format);
        value.get().map(|cell| {
            let shown = present_figure(&cell, function, &column, format.as_ref(), zone);
            plain(["value ", shown.class].concat(), shown.title, shown.text)
        })
    };
    view! {
        <div class=class data-aggregate=name>
            <span class="label">{label}</span>
            " "
            {changing(shown)}
        </div>
    }
}

/// The column that is aggregated; unknown ones are shown as text.
fn column_of(view: TableView, aggregate: &Aggregate) -> Column {
    let shown = view.live.rows.columns.read_untracked();
    let shown = shown.iter().map(|shown| &shown.column);
    let found = shown
        .clone()
        .find(|column| column.name == aggregate.column)
        .cloned();
    let of_table = || {
        view.table
            .with_value(|table| table.column(&aggregate.column).map(|(_, of)| of.clone()))
    };
    found.or_else(of_table).unwrap_or_else(|| Column {
        name: aggregate.column.clone(),
        type_name: "text".to_owned(),
        kind: ColumnKind::Text,
        nullable: true,
        has_default: false,
        generated: false,
        labels: Vec::new(),
        references: None,
        comment: None,
    })
}
