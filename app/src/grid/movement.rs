//! Movement that waits: the rows as they are, and as the reader has them before the eyes.
//!
//! Values change where they stand at once. Rows that come, move or go while the reader has
//! hold of the list change it only when it is let go, and until then what waits is counted.

use std::collections::{HashMap, HashSet};

use crate::live::rows::LiveRow;

/// The rows as they are shown.
#[derive(Clone, Default)]
pub struct Shown {
    /// Where the first of them stands: its position in the whole result when they were taken
    /// over, which rows that wait before it don't change.
    pub first: i64,
    /// The rows, in the order they are shown.
    pub rows: Vec<LiveRow>,
}

/// What waits to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Rows that came.
    pub new: usize,
    /// Rows that have another place among those that stay.
    pub moved: usize,
    /// Rows that left.
    pub gone: usize,
}

impl Waiting {
    /// Whether nothing waits.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// As it is said: `2 new · 1 moved · 3 gone`.
    pub fn text(self) -> String {
        let mut out = String::new();
        for (count, word) in [
            (self.new, "new"),
            (self.moved, "moved"),
            (self.gone, "gone"),
        ] {
            if count > 0 {
                if !out.is_empty() {
                    out.push_str(" · ");
                }
                out.push_str(&count.to_string());
                out.push(' ');
                out.push_str(word);
            }
        }
        out
    }
}

/// What differs between the rows shown and the rows that are, by the numbers of the rows.
///
/// A list is a slice of a result. Rows that the end of a full slice has lost, or got, because
/// others before them came or went, have neither left nor come; nor have those at its
/// beginning, unless the result begins there.
pub fn waiting(shown: &[u64], model: &[u64], begins: bool, full: usize) -> Waiting {
    let is: HashSet<u64> = model.iter().copied().collect();
    let was: HashSet<u64> = shown.iter().copied().collect();
    let left = strangers(shown, &is, begins, model.len() >= full);
    let came = strangers(model, &was, begins, shown.len() >= full);
    let kept = |of: &[u64], by: &HashSet<u64>| -> Vec<u64> {
        of.iter().copied().filter(|id| by.contains(id)).collect()
    };
    Waiting {
        new: came,
        moved: moved(&kept(shown, &is), &kept(model, &was)),
        gone: left,
    }
}

/// How many of a list the other doesn't hold, without those at the ends that slid.
fn strangers(list: &[u64], other: &HashSet<u64>, begins: bool, slides: bool) -> usize {
    let unknown = |id: &&u64| !other.contains(id);
    let all = list.iter().filter(unknown).count();
    if all == list.len() {
        return all;
    }
    let after = list.iter().rev().take_while(unknown).count();
    let before = list.iter().take_while(unknown).count();
    all - if slides { after } else { 0 } - if begins { 0 } else { before }
}

/// How many rows have to be taken out of one order, and put in elsewhere, to get the other:
/// all but the longest part that is in the same order in both.
fn moved(one: &[u64], other: &[u64]) -> usize {
    let place: HashMap<u64, usize> = other.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    // The last places of the best ascending runs, by their length.
    let mut ends: Vec<usize> = Vec::new();
    for at in one.iter().filter_map(|id| place.get(id).copied()) {
        let run = ends.partition_point(|end| *end < at);
        match ends.get_mut(run) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    one.len() - ends.len()
}

/// The rows to show when those of another slice have come while the list is held: what the
/// reader sees stays as it is, and the rest is as the slice has it. `seen` are the positions
/// in `shown.rows` that are before the eyes.
///
/// `None` if none of the rows seen is in the slice: then the slice is shown.
pub fn merge(shown: &Shown, seen: std::ops::Range<usize>, slice: &[LiveRow]) -> Option<Shown> {
    let seen_rows = shown.rows.get(seen.clone())?;
    let ids: HashSet<u64> = seen_rows.iter().map(|row| row.id).collect();
    let is_seen = |row: &LiveRow| ids.contains(&row.id);
    let top = slice.iter().position(is_seen)?;
    let bottom = slice.iter().rposition(is_seen)?;
    let unseen = |rows: &[LiveRow]| -> Vec<LiveRow> {
        rows.iter().filter(|row| !is_seen(row)).cloned().collect()
    };
    let mut rows = unseen(&slice[..top]);
    let before = rows.len();
    rows.extend(seen_rows.iter().cloned());
    rows.extend(unseen(&slice[bottom + 1..]));
    Some(Shown {
        first: shown.first + seen.start as i64 - before as i64,
        rows,
    })
}
