//! What changes, for those who don't see it.

use std::time::Duration;

use leptos::prelude::*;

use crate::{format::number::grouped, grid::GridState, pages::table::TableView};

/// Changes are summed up and said no more often than this.
const PACE: Duration = Duration::from_secs(10);

/// Says politely and now and then how much has changed.
#[component]
pub fn Announcer(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let grid = expect_context::<GridState>();
    let said = RwSignal::new(String::new());
    Effect::new(move || {
        let before = StoredValue::new(0);
        let timer = set_interval_with_handle(
            move || {
                let changes = view.live.changes.get_untracked();
                let new = changes - before.get_value();
                before.set_value(changes);
                let text = match new {
                    0 => return,
                    1 => "1 change".to_owned(),
                    new => format!("{} changes", grouped(new)),
                };
                let total = view.live.rows.total.get_untracked().unwrap_or(0);
                let waiting = grid.waiting.get_untracked();
                let waiting = if waiting.is_empty() {
                    String::new()
                } else {
                    format!(", waiting: {}", waiting.text())
                };
                said.set(format!("{text}, {} rows{waiting}", grouped(total)));
            },
            PACE,
        );
        on_cleanup(move || {
            if let Ok(timer) = timer {
                timer.clear();
            }
        });
    });
    view! {
        <p class="sr-only" aria-live="polite">
            {said}
        </p>
    }
}
