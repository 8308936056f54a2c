//! The rows.

use std::sync::Arc;

use leptos::prelude::*;

use super::{
    cell::CellView,
    column_drag::ColumnDrag,
    column_header::ColumnHeader,
    column_widths::ColumnWidths,
    filter_panel::FilterHost,
    message::{Failure, Message},
    table_footer::TableFooter,
};
use crate::{
    erased::{Erase, changing, handler, said, whether},
    format::Format,
    grid::{Density, Face, GridState, Surface, canvas::Segment, hands::Hands},
    live::rows::LiveRow,
    pages::table::TableView,
};

/// The table in its own scrolling box, or what is there instead of it.
#[component]
pub fn RowTable(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let live = view.live;
    let name = view.path.get_value();
    let columns = live.rows.columns;
    let failed = move || live.error.read().is_some();
    let grid = expect_context::<GridState>();
    let surface = Surface::new(view, grid);
    surface.attach();
    let hands = Hands::new(surface);
    let drag = ColumnDrag::new(surface);
    let filter = expect_context::<FilterHost>();
    let compact =
        move || (grid.layout.read().density == Density::Compact).then(|| "compact".to_owned());
    let formats = Memo::new(move |_| {
        let faces = grid.faces.read();
        faces.iter().map(|face| face.format).collect::<Vec<_>>()
    });
    // Columns in the order they are shown; another order, or format, makes the rows anew.
    let order = Memo::new(move |before: Option<&(Arc<[Place]>, u64)>| {
        let (arranged, formats) = (grid.arranged.read(), formats.read());
        let place = |at: &usize| Place {
            at: *at,
            format: formats.get(*at).copied().flatten(),
        };
        let places = arranged.order.iter().map(place).collect();
        let generation = before.map_or(0, |(_, generation)| generation + 1);
        (places, generation)
    });
    let arranged_columns = move || {
        let columns = columns.get();
        let arranged = grid.arranged.read();
        let shown = arranged
            .order
            .iter()
            .filter_map(|at| columns.get(*at).cloned());
        shown.collect::<Vec<_>>()
    };
    let rows = move || {
        let (order, generation) = order.get();
        let shown = grid.shown.read();
        let focus = grid.focus.read();
        let focused = focus.as_ref().and_then(|place| {
            let is_focused = |row: &LiveRow| row.key == place.row;
            shown.rows.iter().position(is_focused)
        });
        let canvas = surface.canvas.get();
        let (mut items, mut gaps) = (Vec::new(), 0);
        for segment in canvas.segments(shown.first, shown.rows.len(), focused) {
            match segment {
                Segment::Gap(_) => {
                    items.push(Item::Gap(gaps));
                    gaps += 1;
                }
                Segment::Rows(range) => items.extend(
                    shown.rows[range]
                        .iter()
                        .map(|row| Item::Row(row.clone(), order.clone(), generation)),
                ),
            }
        }
        items
    };
    // Apart, for the type of one view of all this is deeper than a stack.
    let table = move || {
        let heads = move || {
            let head = |shown| view! { <ColumnHeader view shown /> }.erased();
            arranged_columns().into_iter().map(head).collect_view()
        };
        let widths = move || {
            let (arranged, faces) = (grid.arranged.read(), grid.faces.read());
            let shown = arranged.order.iter().filter_map(|at| faces.get(*at));
            let width = |face: &Face| view! { <col class=face.width.class() /> };
            shown.map(width).collect_view()
        };
        view! {
            <table
                class="grid"
                class:loading=whether(move || live.loading.get())
                node_ref=surface.table
                aria-label=name.clone()
                data-pins=said(move || Some(grid.arranged.read().pins.min(MOST_PINS).to_string()))
                on:keydown=handler(move |event| hands.key(&event))
                on:mousedown=handler(move |event| hands.down(&event))
                on:mouseover=handler(move |event| hands.over(&event))
                on:mousemove=handler(move |_| hands.aim())
                on:mouseleave=handler(move |_| hands.leave())
                on:click=handler(move |event| hands.click(&event))
                on:dblclick=handler(move |event| hands.double_click(&event))
                on:contextmenu=handler(move |event| {
                    filter.context_menu(&event, hands.place_of_event(&event));
                })
                on:focusin=handler(move |event| hands.focus(&event))
                on:copy=handler(move |event| hands.copy(&event))
                on:paste=handler(move |event| hands.paste(&event))
            >
                <colgroup>
                    <col class="pick" />
                    {changing(widths)}
                    <col class="rest" />
                </colgroup>
                <thead
                    on:pointerdown=handler(move |event| drag.down(&event))
                    on:pointermove=handler(move |event| drag.go(&event))
                    on:pointerup=handler(move |_| drag.up())
                    on:click=handler(move |event| drag.click(&event))
                    on:dblclick=handler(move |event| drag.double_click(&event))
                >
                    <tr aria-rowindex="1">
                        <td class="pick">
                            <input
                                type="checkbox"
                                tabindex="-1"
                                autocomplete="off"
                                aria-label="Choose all rows shown"
                            />
                        </td>
                        {changing(heads)}
                    </tr>
                </thead>
                <tbody>
                    <For each=rows key=Item::key let:item>
                        {match item {
                            Item::Row(row, order, _) => {
                                view! { <RowView row order /> }.settled()
                            }
                            Item::Gap(_) => {
                                view! {
                                    <tr class="gap" aria-hidden="true">
                                        <td colspan="1000"></td>
                                    </tr>
                                }
                                    .settled()
                            }
                        }}
                    </For>
                </tbody>
                <TableFooter view />
            </table>
        }
        .settled()
    };
    view! {
        <main
            class="rows"
            node_ref=surface.scroller
            data-density=said(compact)
            aria-busy=said(move || Some(live.loading.get().to_string()))
            on:scroll=handler(move |_| surface.scrolled())
        >
            <Show when=move || !failed()>
                <ColumnWidths table=surface.table />
                {table()}
            </Show>
            {changing(move || match live.error.get() {
                Some(error) => {
                    let (to, text) = match &*error.code {
                        "unknown_table" => ("/".to_owned(), "All tables"),
                        _ => (view.root(), "Show the whole table"),
                    };
                    Some(
                        view! {
                            <Failure error>
                                <a class="button" href=to>
                                    {text}
                                </a>
                            </Failure>
                        }
                        .settled(),
                    )
                }
                None if grid.shown.read().rows.is_empty() => {
                    Some(view! { <Nothing view /> }.settled())
                }
                None => None,
            })}
        </main>
    }
    .settled()
}

/// How many columns stay in sight at most.
pub const MOST_PINS: usize = 6;

/// A column that is shown: its position among a row's cells, and its format.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    at: usize,
    format: Option<Format>,
}

/// What stands in the table's body.
#[derive(Clone)]
enum Item {
    /// A row, the columns to show of it, and which order of columns that is.
    Row(LiveRow, Arc<[Place]>, u64),
    /// Room without rows: the first, the second and so on.
    Gap(u64),
}

impl Item {
    fn key(&self) -> (u64, u64) {
        match self {
            Self::Row(row, _, generation) => (row.id, *generation),
            // No row has so high a number.
            Self::Gap(at) => (u64::MAX, *at),
        }
    }
}

#[component]
fn RowView(row: LiveRow, order: Arc<[Place]>) -> impl IntoView {
    let key = row.key_text();
    let label = format!("Choose row {key}");
    let entered = row.entered.clone();
    let cell = |place: &Place| {
        let cell = row.cells.get(place.at)?.clone();
        let shown = row.columns.get(place.at)?.clone();
        Some(view! { <CellView cell shown format=place.format /> })
    };
    let cells = order.iter().filter_map(cell).collect_view();
    view! {
        <tr data-key=key data-row=row.id.to_string() class:entered=whether(move || entered.get())>
            <td class="pick">
                <input type="checkbox" tabindex="-1" autocomplete="off" aria-label=label />
            </td>
            {cells}
        </tr>
    }
}

#[component]
fn Nothing(view: TableView) -> impl IntoView {
    let loading = view.live.loading;
    changing(move || {
        let query = view.query.get();
        if loading.get() {
            return view! { <div class="skeleton" aria-hidden="true"></div> }.settled();
        }
        let total = view.live.rows.total.get().unwrap_or(0);
        if total > 0 && query.offset > 0 {
            let first = view.address(&query.with_page(0));
            return view! {
                <Message title="This page is past the end" text="There are fewer rows than that now.">
                    <a class="button" href=first>
                        "First page"
                    </a>
                </Message>
            }
            .settled();
        }
        let narrowed = !query.filter.is_empty() || query.search.is_some();
        let (title, text) = if narrowed {
            (
                "No rows match",
                "A row that begins to match appears here by itself.",
            )
        } else {
            (
                "This table is empty",
                "Rows appear here as soon as anyone inserts them.",
            )
        };
        view! {
            <Message title text>
                {narrowed
                    .then(|| {
                        view! {
                            <a class="button" href=view.root()>
                                "Clear search and filters"
                            </a>
                        }
                    })}
            </Message>
        }
        .settled()
    })
}
