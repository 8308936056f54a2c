//! What changes, for those who don't see it.

use std::time::Duration;

use leptos::prelude::*;

use crate::{
    erased::{changing, effect},
    format::number::grouped,
    grid::GridState,
    pages::table::TableView,
};

/// How often it is looked whether there is something to say.
const BEAT: Duration = Duration::from_secs(10);
/// While changes don't end they are summed up over so many beats at last.
const LONGEST: u32 = 8;

/// When to speak: soon after a calm, and ever more seldom while changes go on.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// How many beats the next sum is of.
    over: u32,
    /// How many of them are still to come.
    left: u32,
}

impl Pace {
    const CALM: Self = Self { over: 1, left: 0 };

    /// A beat in which something has changed or not, `unsaid` if something has since that was
    /// last said. Returns whether to say it now.
    fn beat(&mut self, changed: bool, unsaid: bool) -> bool {
        if !changed {
            *self = Self::CALM;
            return unsaid;
        }
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.over = (self.over * 2).min(LONGEST);
        self.left = self.over - 1;
        true
    }
}

/// Says politely and now and then how much has changed.
#[component]
pub fn Announcer(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let grid = expect_context::<GridState>();
    let said = RwSignal::new(String::new());
    effect(move || {
        // How many changes there were when they were last said, and at the last beat.
        let (said_at, beat_at) = (StoredValue::new(0), StoredValue::new(0));
        let pace = StoredValue::new(Pace::CALM);
        let timer = set_interval_with_handle(
            move || {
                let changes = view.live.changes.get_untracked();
                let new = changes - said_at.get_value();
                let changed = changes != beat_at.get_value();
                beat_at.set_value(changes);
                let speaks = pace.try_update_value(|pace| pace.beat(changed, new > 0));
                if speaks != Some(true) {
                    return;
                }
                said_at.set_value(changes);
                let text = match new {
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
            BEAT,
        );
        on_cleanup(move || {
            if let Ok(timer) = timer {
                timer.clear();
            }
        });
    });
    view! {
        <p class="sr-only" aria-live="polite">
            {changing(move || said.get())}
        </p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_said_ever_more_seldom_and_what_begins_soon() {
        let mut pace = Pace::CALM;
        let mut unsaid = false;
        let mut said = |beats: &str| -> String {
            let beat = |beat| {
                unsaid |= beat == 'x';
                let speaks = pace.beat(beat == 'x', unsaid);
                unsaid &= !speaks;
                if speaks { '!' } else { '.' }
            };
            beats.chars().map(beat).collect()
        };
        assert_eq!(said("-x-x-"), ".!.!.");
        assert_eq!(said("xxxxxxxxxxxxxxxxxxxxxxxx"), "!.!...!.......!.......!.");
        // What has ended is said whole.
        assert_eq!(said("--x-xx--"), "!.!.!.!.");
    }
}
