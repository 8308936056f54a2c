//! Which chart is read again, and when.
//!
//! Charts are read one after the other: a page with many of them asks no more of the server at
//! a time than one with one.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::ApiError;

use super::{
    data::{self, Chart},
    has_chart,
    schedule::{Asked, query_of},
};
use crate::{erased::effect, grid::GridState, pages::table::TableView};

/// How often it is looked whether one is due.
const BEAT: Duration = Duration::from_millis(250);

/// A column's chart.
#[derive(Clone)]
pub struct Reading {
    /// The column.
    pub column: String,
    /// What was read last.
    pub last: ArcRwSignal<Option<Read>>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The chart, or why there is none.
    pub chart: Result<Chart, ApiError>,
    asked: Asked,
}

/// Reads the charts of a page again as they become due.
#[derive(Clone, Copy)]
pub struct Refresh {
    view: TableView,
    grid: GridState,
    live: bool,
    /// The charts.
    pub readings: RwSignal<Vec<Reading>>,
    busy: StoredValue<bool>,
}

impl Refresh {
    /// Begins, with the charts of these columns, until the owner is gone.
    pub fn begin(view: TableView, grid: GridState, names: Signal<Vec<String>>) -> Self {
        let refresh = Self {
            view,
            grid,
            live: view.table.with_value(|table| table.live),
            readings: RwSignal::new(Vec::new()),
            busy: StoredValue::new(false),
        };
        effect(move || {
            let names = names.get();
            let known = refresh.readings.get_untracked();
            let reading = |column: String| {
                let known = known.iter().find(|of| of.column == column);
                known.cloned().unwrap_or_else(|| Reading {
                    column,
                    last: ArcRwSignal::new(None),
                })
            };
            refresh
                .readings
                .set(names.into_iter().map(reading).collect());
            refresh.step();
        });
        effect(move || {
            view.query.track();
            refresh.step();
        });
        let timer = set_interval_with_handle(move || refresh.step(), BEAT);
        on_cleanup(move || {
            if let Ok(timer) = timer {
                timer.clear();
            }
        });
        refresh
    }

    /// Reads the chart that has been due for longest, and then the next.
    fn step(self) {
        if self.busy.try_get_value() != Some(false) || document().hidden() {
            return;
        }
        let query = self.view.query.get_untracked();
        let changes = self.view.live.changes.get_untracked();
        let now = js_sys::Date::now();
        let asked = |reading: &Reading| {
            let last = reading.last.read_untracked();
            last.as_ref().map_or(0.0, |last| last.asked.at)
        };
        let due = {
            let readings = self.readings.read_untracked();
            let due = readings.iter().filter(|reading| {
                let face = untrack(|| self.grid.face(&reading.column));
                if !face.is_some_and(|face| has_chart(&face)) {
                    return false;
                }
                let query = query_of(&query, &reading.column);
                let last = reading.last.read_untracked();
                last.as_ref()
                    .is_none_or(|last| last.asked.is_due(&query, changes, now))
            });
            due.min_by(|one, other| asked(one).total_cmp(&asked(other)))
                .cloned()
        };
        let Some(reading) = due else { return };
        self.busy.set_value(true);
        let path = self.view.path.get_value();
        spawn_local(async move {
            let query = query_of(&query, &reading.column);
            let chart = data::read(&path, &query, &reading.column).await;
            let asked = Asked {
                query,
                changes,
                at: now,
                took: js_sys::Date::now() - now,
                passes: self.live || chart.is_err(),
            };
            reading.last.set(Some(Read { chart, asked }));
            // The charts may have been closed meanwhile.
            if self.busy.try_set_value(false).is_none() {
                self.step();
            }
        });
    }
}
