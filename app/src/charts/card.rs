//! One chart.

use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowcast_protocol::{Cell, Column};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::{
    data::{Chart, Kind, conditions},
    refresh::Reading,
};
use crate::{
    components::icon,
    erased::{Erase, Erased, changing},
    format::{
        Format, Shape,
        number::grouped,
        present,
        styled::number,
        zone::{ReaderZone, Zone},
    },
    grid::GridState,
    pages::table::TableView,
};

/// A column's chart, with a button that closes it.
pub fn card(view: TableView, grid: GridState, reading: Reading) -> Erased {
    let name = StoredValue::new(reading.column.clone());
    let zone = expect_context::<ReaderZone>();
    let label = Memo::new(move |_| name.with_value(|name| grid.label(name)));
    let close = move |event: ev::MouseEvent| {
        let panel = target(&event).and_then(|of| of.closest(".charts").ok().flatten());
        let mut layout = grid.layout.write();
        if let Some(charts) = &mut layout.charts {
            charts.retain(|of| *of != *name.read_value());
        }
        drop(layout);
        // The button goes, and the focus with it, unless it has somewhere to go.
        let next = panel.and_then(|panel| panel.query_selector(".chart-add select").ok().flatten());
        focus(next);
    };
    // Which bar the tab key leads to; arrows go to the others.
    let entry = RwSignal::new(0);
    let last = reading.last;
    let content = move || {
        let face = name.with_value(|name| grid.face(name));
        let Some(face) = face else {
            return text("This column is no longer there.");
        };
        if face.format == Some(Format::Masked) {
            return text("Values that are hidden have no chart.");
        }
        match last.get().map(|last| last.chart) {
            None => view! { <div class="skeleton" aria-hidden="true"></div> }.made_here(),
            Some(Err(error)) => text(&error.message),
            Some(Ok(chart)) => {
                let face = Shown {
                    column: &face.shown.column,
                    format: face.format,
                    zone: zone.get(),
                };
                bars(view, &chart, face, entry)
            }
        }
    };
    view! {
        <article class="chart" aria-label=move || format!("Chart of {}", label.get())>
            <header>
                <strong>{label}</strong>
                <button
                    type="button"
                    class="icon-button"
                    aria-label=move || format!("Close chart of {}", label.get())
                    on:click=close
                >
                    {icon::cross()}
                </button>
            </header>
            {changing(content)}
        </article>
    }
    .made_here()
}

fn text(text: &str) -> Erased {
    let text = text.to_owned();
    view! { <p class="muted">{text}</p> }.made_here()
}

/// How a column's values are told.
#[derive(Clone, Copy)]
struct Shown<'a> {
    column: &'a Column,
    format: Option<Format>,
    zone: Zone,
}

impl Shown<'_> {
    fn text(self, cell: &Cell) -> String {
        let formatted = match (cell, &self.format) {
            (Cell::Number(value), Some(format)) => number(value, format),
            _ => None,
        };
        formatted.unwrap_or_else(|| {
            let text = present(cell, Shape::Plain, self.column, self.zone).text;
            let day = text.strip_suffix(" 00:00:00").unwrap_or(&text);
            if day.is_empty() {
                "(empty)".to_owned()
            } else {
                day.to_owned()
            }
        })
    }
}

/// One bar.
struct Bar {
    label: String,
    count: u64,
    /// What lets its rows through.
    filter: Option<String>,
    class: &'static str,
}

fn bars(view: TableView, chart: &Chart, shown: Shown, entry: RwSignal<usize>) -> Erased {
    let by_value = chart.kind == Kind::Values;
    let groups = chart.groups.iter().map(|group| Bar {
        label: shown.text(&group.value),
        count: group.count,
        filter: group.filter.clone(),
        class: "",
    });
    let buckets = chart.buckets.iter().map(|bucket| Bar {
        label: format!("{} – {}", shown.text(&bucket.from), shown.text(&bucket.to)),
        count: bucket.count,
        filter: Some(bucket.filter.clone()),
        class: "",
    });
    let nulls = (chart.nulls > 0).then(|| Bar {
        label: "NULL".to_owned(),
        count: chart.nulls,
        filter: Some(chart.nulls_filter.clone()),
        class: " null",
    });
    let bars: Vec<Bar> = groups.chain(buckets).chain(nulls).collect();
    if bars.is_empty() {
        return text("No rows match.");
    }
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1);
    let last = bars.len() - 1;
    let column = StoredValue::new(shown.column.name.clone());
    let navigate = use_navigate();
    let bar = |(at, bar): (usize, Bar)| {
        let Bar {
            label,
            count,
            filter,
            class,
        } = bar;
        let conditions = filter.as_deref().map(conditions);
        let is_on = {
            let conditions = conditions.clone();
            move || {
                let query = view.query.read();
                let own = query
                    .filter
                    .iter()
                    .filter(|of| of.is_of(&column.read_value()));
                conditions.as_ref().is_some_and(|of| own.eq(of))
            }
        };
        let navigate = navigate.clone();
        let press = {
            let is_on = is_on.clone();
            move |_: ev::MouseEvent| {
                let on = untrack(&is_on);
                let conditions = conditions.clone().filter(|_| !on).unwrap_or_default();
                let query = view.query.get_untracked();
                let next = column.with_value(|column| query.with_filters_of(column, conditions));
                let options = NavigateOptions {
                    scroll: false,
                    ..NavigateOptions::default()
                };
                navigate(&untrack(|| view.address(&next)), options);
            }
        };
        let rows = if count == 1 { "row" } else { "rows" };
        let count_text = grouped(count);
        // What is read aloud begins with what is seen.
        let mark = if by_value { "" } else { ":" };
        let about = format!("{label}{mark} {count_text} {rows}");
        // Something is seen of what is there.
        let length = if count == 0 {
            0.0
        } else {
            (count as f64 / most as f64 * 100.0).max(1.5)
        };
        let (fill, named) = if by_value {
            let fill = view! {
                <svg class="fill" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
                    <rect width=length.to_string() height="1" />
                </svg>
            };
            let named = view! {
                <span class="value">{label}</span>
                " "
                <span class="count">{count_text}</span>
            };
            (fill.made_here(), Some(named))
        } else {
            let fill = view! {
                <svg class="fill" viewBox="0 0 1 100" preserveAspectRatio="none" aria-hidden="true">
                    <rect y=(100.0 - length).to_string() width="1" height=length.to_string() />
                </svg>
            };
            (fill.made_here(), None)
        };
        view! {
            <button
                type="button"
                class=["bar", class].concat()
                title=about.clone()
                aria-label=about
                aria-pressed=move || is_on().to_string()
                tabindex=move || if entry.get().min(last) == at { "0" } else { "-1" }
                disabled=filter.is_none()
                on:click=press
                on:focus=move |_| entry.set(at)
            >
                {fill}
                {named}
            </button>
        }
        .made_here()
    };
    let ends = (!by_value).then(|| {
        let from = chart.buckets.first().map(|of| shown.text(&of.from));
        let to = chart.buckets.last().map(|of| shown.text(&of.to));
        view! {
            <footer>
                <span>{from}</span>
                <span>{to}</span>
            </footer>
        }
    });
    let beyond = chart.others + chart.outside;
    let beyond = (beyond > 0).then(|| {
        let rows = if beyond == 1 { "row has" } else { "rows have" };
        view! { <p class="muted">{format!("{} {rows} other values", grouped(beyond))}</p> }
    });
    let bars = bars.into_iter().enumerate().map(bar).collect_view();
    view! {
        <div
            class=if by_value { "bars values" } else { "bars" }
            role="group"
            aria-label="Choose to filter"
            on:keydown=walk
        >
            {bars}
        </div>
        {ends}
        {beyond}
    }
    .made_here()
}

/// Arrows go from bar to bar.
fn walk(event: ev::KeyboardEvent) {
    let Some(bar) = target(&event).and_then(|of| of.closest(".bar").ok().flatten()) else {
        return;
    };
    let next = match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => bar.next_element_sibling(),
        "ArrowLeft" | "ArrowUp" => bar.previous_element_sibling(),
        "Home" => bar.parent_element().and_then(|of| of.first_element_child()),
        "End" => bar.parent_element().and_then(|of| of.last_element_child()),
        _ => return,
    };
    event.prevent_default();
    focus(next);
}

fn target(event: &web_sys::Event) -> Option<web_sys::Element> {
    event.target().and_then(|of| of.dyn_into().ok())
}

fn focus(element: Option<web_sys::Element>) {
    if let Some(element) = element.and_then(|of| of.dyn_into::<HtmlElement>().ok()) {
        // An element that can't take the focus leaves it where it is.
        let _ = element.focus();
    }
}
