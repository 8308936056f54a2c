//! How busy a table is.

use std::{fmt::Write, time::Duration};

use leptos::prelude::*;

use crate::{
    erased::{Erase, effect, said},
    format::number::{fixed, grouped},
    pages::table::TableView,
};

/// How many seconds are shown.
const SECONDS: usize = 60;

/// A line of so many changes a second fills the height; more of them have it grow.
const LEAST_FULL: u64 = 4;

/// The changes of the last minute, those of each second.
///
/// It is drawn anew once a second while there is anything to see, and not moved in between.
#[component]
pub fn Sparkline(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let counts = RwSignal::new(vec![0_u64; SECONDS]);
    effect(move || {
        let seen = StoredValue::new((view.live.changes.get_untracked(), js_sys::Date::now()));
        let look = move || {
            let (before, then) = seen.get_value();
            let (changes, now) = (view.live.changes.get_untracked(), js_sys::Date::now());
            seen.set_value((changes, now));
            // A page that is not seen is woken less often.
            let seconds = ((now - then) / 1000.0).round().clamp(1.0, SECONDS as f64) as usize;
            let new = changes.saturating_sub(before);
            if new > 0 || counts.with_untracked(|counts| counts.iter().any(|count| *count > 0)) {
                counts.update(|counts| add(counts, new, seconds));
            }
        };
        let timer = set_interval_with_handle(look, Duration::from_secs(1));
        on_cleanup(move || {
            if let Ok(timer) = timer {
                timer.clear();
            }
        });
    });
    let told = Memo::new(move |_| counts.with(|counts| words(counts)));
    let label = || said(move || Some(told.get()));
    let line = Memo::new(move |_| counts.with(|counts| points(counts)));
    view! {
        <span class="sparkline" role="img" aria-label=label() title=label()>
            <svg viewBox="0 0 59 16" preserveAspectRatio="none" aria-hidden="true">
                <polyline points=said(move || Some(line.get())) />
            </svg>
        </span>
    }
    .settled()
}

/// Adds what changed in the last seconds, spread over them, and forgets the oldest.
fn add(counts: &mut Vec<u64>, new: u64, seconds: usize) {
    let until = |second: usize| new * second as u64 / seconds as u64;
    counts.extend((0..seconds).map(|second| until(second + 1) - until(second)));
    let spare = counts.len().saturating_sub(SECONDS);
    counts.drain(..spare);
}

fn words(counts: &[u64]) -> String {
    match counts.iter().sum() {
        0 => "No changes in the last minute".to_owned(),
        1 => "1 change in the last minute".to_owned(),
        all => {
            let most = counts.iter().max().copied().unwrap_or(0);
            let (all, most) = (grouped(all), grouped(most));
            format!("{all} changes in the last minute, at most {most} a second")
        }
    }
}

/// The line in a box 59 wide and 16 high, a half unit from its edges.
fn points(counts: &[u64]) -> String {
    let full = counts.iter().max().copied().unwrap_or(0).max(LEAST_FULL);
    let mut out = String::new();
    for (at, count) in counts.iter().enumerate() {
        let height = 15.0 - 14.0 * (*count as f64 / full as f64);
        // Writing to a string can't fail.
        let _ = write!(out, "{at},{} ", fixed(height, 1).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_move_along_second_by_second_and_are_forgotten_after_a_minute() {
        let mut counts = vec![0; SECONDS];
        add(&mut counts, 5, 1);
        assert_eq!(counts[SECONDS - 1], 5);
        assert_eq!(
            words(&counts),
            "5 changes in the last minute, at most 5 a second"
        );
        // Woken late: nothing is lost, and no second is left out.
        add(&mut counts, 7, 3);
        assert_eq!(counts[SECONDS - 4..], [5, 2, 2, 3]);
        add(&mut counts, 0, SECONDS);
        assert_eq!(words(&counts), "No changes in the last minute");
        assert_eq!(counts.len(), SECONDS);
    }

    #[test]
    fn the_line_stays_in_its_box() {
        let mut counts = vec![0; SECONDS];
        add(&mut counts, 1_000, 1);
        let line = points(&counts);
        assert!(
            line.starts_with("0,15.0 ") && line.ends_with("59,1.0 "),
            "{line}"
        );
    }
}
