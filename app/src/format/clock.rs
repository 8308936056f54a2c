//! The time now, for what is told by its distance from it.

use std::time::Duration;

use leptos::prelude::*;

use super::Format;
use crate::{erased::effect, grid::GridState, live::status::LiveStatus};

/// How often it is looked at.
const BEAT: Duration = Duration::from_secs(1);

/// The time, as a context of a table's page.
///
/// There is none before the page is hydrated, so that hydration finds what the server
/// rendered, and none while no column asks for it.
#[derive(Clone, Copy)]
pub struct Clock(RwSignal<Option<f64>>);

impl Clock {
    /// Provides the context. It goes while some column tells how long ago.
    pub fn provide(grid: GridState) -> Self {
        let clock = Self(RwSignal::new(None));
        provide_context(clock);
        let is_asked_for = Memo::new(move |_| {
            let faces = grid.faces.read();
            faces
                .iter()
                .any(|face| face.format == Some(Format::Relative))
        });
        let status = use_context::<LiveStatus>();
        effect(move || {
            if !is_asked_for.get() {
                return;
            }
            let look = move || {
                // What was written a moment ago was written by the database's clock.
                let ahead = status.and_then(LiveStatus::ahead).unwrap_or(0.0);
                clock.0.set(Some(js_sys::Date::now() + ahead));
            };
            look();
            let timer = set_interval_with_handle(look, BEAT);
            on_cleanup(move || {
                if let Ok(timer) = timer {
                    timer.clear();
                }
            });
        });
        clock
    }

    /// The time in milliseconds since 1970. Whoever asks is run again when it has gone on.
    pub fn get(self) -> Option<f64> {
        self.0.get()
    }
}
