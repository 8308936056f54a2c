//! Charts of columns: how they are opened, and where they stand. What draws them is loaded then.

#[cfg(feature = "hydrate")]
mod card;
#[cfg(feature = "hydrate")]
mod data;
#[cfg(feature = "hydrate")]
pub(crate) mod panel;
#[cfg(feature = "hydrate")]
mod refresh;
pub mod schedule;

use std::sync::Arc;

use leptos::prelude::*;
use rowcast_protocol::{ColumnKind, query::is_comparable};

use crate::{
    commands::Commands,
    components::icon,
    erased::{Erase, Erased, changing, effect, handler, said},
    format::Format,
    grid::{Face, GridState},
    lazy::{self, Lazy},
    looks::not_loaded,
    pages::table::TableView,
};

/// How many columns are charted where none was named.
const FIRST: usize = 4;

/// Makes what the panel holds.
pub type MakePanel = Arc<dyn Fn() -> Erased + Send + Sync>;

/// What draws the charts, once it is there: a context of the table's page.
#[derive(Clone, Copy)]
pub struct Charts(Lazy<MakePanel>);

impl Charts {
    /// Nothing yet, provided as a context.
    pub fn provide(view: TableView, grid: GridState) {
        provide_context(Self(Lazy::new(lazy::part!(charts(view, grid)))));
    }
}

/// The button that opens and closes the charts.
#[component]
pub fn ChartsButton() -> impl IntoView {
    let grid = expect_context::<GridState>();
    let charts = expect_context::<Charts>();
    let is_open = move || grid.layout.read().charts.is_some();
    let toggle = move || {
        let open = untrack(is_open);
        let names = (!open).then(|| first_columns(grid));
        grid.layout.write().charts = names;
    };
    Commands::expect().add("View", "Charts", "", toggle);
    let of_focus = move || {
        let focus = grid.focus.get_untracked();
        let show = focus.and_then(|place| untrack(|| of_column(grid, &place.column)));
        if let Some(show) = show {
            show();
        }
    };
    Commands::expect().add("Columns", "Chart of this column", "", of_focus);
    view! {
        <button
            type="button"
            class="button charts-button"
            aria-pressed=said(move || Some(is_open().to_string()))
            on:click=handler(move |_| toggle())
            on:pointerenter=handler(move |_| charts.0.want())
            on:focus=handler(move |_| charts.0.want())
        >
            {icon::chart()}
            <span class="label">"Charts"</span>
        </button>
    }
    .settled()
}

/// The charts that are open. Their room is there before they are.
#[component]
pub fn ChartsPanel() -> impl IntoView {
    let grid = expect_context::<GridState>();
    let charts = expect_context::<Charts>();
    let open = Memo::new(move |_| grid.layout.read().charts.is_some());
    effect(move || {
        if open.get() {
            charts.0.want();
        }
    });
    let content = move || {
        if charts.0.failed() {
            return not_loaded("Charts could not be loaded. Close and open them to try again.");
        }
        match charts.0.get() {
            Some(make) => make(),
            None => view! { <div class="skeleton" aria-hidden="true"></div> }.settled(),
        }
    };
    changing(move || {
        open.get().then(|| {
            view! {
                <section class="charts" aria-label="Charts">
                    {changing(content)}
                </section>
            }
            .settled()
        })
    })
}

/// What shows a column's chart; `None` if its values can't be told apart, or are hidden.
pub fn of_column(grid: GridState, name: &str) -> Option<impl Fn() + use<>> {
    let face = grid.face(name)?;
    let name = name.to_owned();
    has_chart(&face).then_some(move || {
        let mut layout = grid.layout.write();
        let charts = layout.charts.get_or_insert_default();
        if !charts.contains(&name) {
            charts.insert(0, name.clone());
        }
    })
}

/// Whether there is a chart of a column.
fn has_chart(face: &Face) -> bool {
    is_comparable(&face.shown.column) && face.format != Some(Format::Masked)
}

/// The columns that tell most at a glance: those with few values, times, numbers.
fn first_columns(grid: GridState) -> Vec<String> {
    let (faces, arranged) = (grid.faces.read_untracked(), grid.arranged.read_untracked());
    let shown = arranged.order.iter().filter_map(|at| faces.get(*at));
    let shown = shown.filter(|face| has_chart(face));
    let of_rank = |at| {
        let ranked = shown.clone().filter(move |face| rank(face) == Some(at));
        ranked.map(|face| face.shown.column.name.clone())
    };
    (0..=LAST_RANK).flat_map(of_rank).take(FIRST).collect()
}

const LAST_RANK: u8 = 3;

fn rank(face: &Face) -> Option<u8> {
    if face.shown.key {
        return None;
    }
    Some(match face.shown.column.kind {
        _ if face.shown.column.references.is_some() => LAST_RANK,
        ColumnKind::Enum => 0,
        ColumnKind::Boolean => 1,
        ColumnKind::Timestamp | ColumnKind::TimestampTz | ColumnKind::Date => 2,
        ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float => 2,
        _ => return None,
    })
}
