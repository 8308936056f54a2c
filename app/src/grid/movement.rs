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

/// What waits, with the rows that left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How much waits.
    pub waiting: Waiting,
    /// Numbers of the rows shown that are none of the slice any more.
    pub gone: HashSet<u64>,
}

/// What differs between the rows shown and the rows that are, by the numbers of the rows.
///
/// A list is a slice of a result. Rows that the end of a full slice has lost, or got, because
/// others before them came or went, have neither left nor come; nor have those at its
/// beginning, unless the result begins there.
pub fn pending(shown: &[u64], model: &[u64], begins: bool, full: usize) -> Pending {
    let is: HashSet<u64> = model.iter().copied().collect();
    let was: HashSet<u64> = shown.iter().copied().collect();
    let left = strangers(shown, &is, begins, model.len() >= full);
    let came = strangers(model, &was, begins, shown.len() >= full);
    let kept = |of: &[u64], by: &HashSet<u64>| -> Vec<u64> {
        of.iter().copied().filter(|id| by.contains(id)).collect()
    };
    Pending {
        waiting: Waiting {
            new: came,
            moved: moved(&kept(shown, &is), &kept(model, &was)),
            gone: left,
        },
        gone: was.difference(&is).copied().collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(shown: &[u64], model: &[u64], begins: bool, full: usize) -> (usize, usize, usize) {
        let Waiting { new, moved, gone } = pending(shown, model, begins, full).waiting;
        (new, moved, gone)
    }

    #[test]
    fn what_came_moved_and_left_is_counted() {
        assert_eq!(counts(&[1, 2, 3], &[1, 2, 3], true, 50), (0, 0, 0));
        assert_eq!(counts(&[1, 2, 3], &[9, 1, 2, 3], true, 50), (1, 0, 0));
        assert_eq!(counts(&[1, 2, 3], &[1, 3], true, 50), (0, 0, 1));
        assert_eq!(counts(&[1, 2, 3, 4], &[4, 1, 2, 3], true, 50), (0, 1, 0));
        assert_eq!(counts(&[1, 2, 3, 4], &[4, 3, 2, 1], true, 50), (0, 3, 0));
        assert_eq!(counts(&[1, 2, 3], &[], true, 50), (0, 0, 3));
        assert_eq!(counts(&[1, 2], &[7, 8, 9], true, 50), (3, 0, 2));
    }

    #[test]
    fn rows_that_slid_over_the_end_of_a_full_slice_neither_left_nor_came() {
        // One came first, so the last has no place.
        assert_eq!(counts(&[1, 2, 3], &[9, 1, 2], true, 3), (1, 0, 0));
        // One left, so the next of the result fills the slice up.
        assert_eq!(counts(&[1, 2, 3], &[1, 3, 4], true, 3), (0, 0, 1));
        // Of a slice that isn't full the last one did leave, and came.
        assert_eq!(counts(&[1, 2, 3], &[1, 2], true, 50), (0, 0, 1));
        assert_eq!(counts(&[1, 2], &[1, 2, 3], true, 50), (1, 0, 0));
        // A row came before a slice from the middle: all slid by one.
        assert_eq!(counts(&[5, 6, 7], &[4, 5, 6], false, 3), (0, 0, 0));
    }

    #[test]
    fn what_waits_is_said_without_what_does_not() {
        let waiting = Waiting {
            new: 3,
            moved: 0,
            gone: 1,
        };
        assert_eq!(waiting.text(), "3 new · 1 gone");
        assert_eq!(Waiting::default().text(), "");
    }

    /// Rows whose keys and numbers are these.
    fn rows(numbers: &[i64]) -> Vec<LiveRow> {
        use crate::live::rows::Rows;
        use leptos::prelude::{Get, Owner};
        use rowcast_protocol::{
            Cell, RowKey,
            message::{Row, Snapshot},
        };
        let owner = Owner::new();
        owner.set();
        let last = numbers.iter().copied().max().unwrap_or(0);
        let row = |number| Row {
            key: RowKey::new([Cell::integer(number)]),
            cells: Vec::new(),
        };
        let all = Rows::new(Some(&Snapshot {
            columns: Vec::new(),
            key: Vec::new(),
            rows: (0..=last).map(row).collect(),
            total: 0,
            aggregates: Vec::new(),
            cursor: String::new(),
        }));
        let all = all.list.get();
        numbers.iter().map(|at| all[*at as usize].clone()).collect()
    }

    fn merged(seen: std::ops::Range<usize>, slice: &[i64]) -> Option<(i64, Vec<u64>)> {
        let shown = Shown {
            first: 10,
            rows: rows(&[1, 2, 3, 4, 5, 6]),
        };
        let merged = merge(&shown, seen, &rows(slice))?;
        let ids = merged.rows.iter().map(|row| row.id).collect();
        Some((merged.first, ids))
    }

    #[test]
    fn what_is_seen_stays_where_it_is_when_another_slice_comes() {
        // The slice goes on after what is seen; a row that came between waits.
        assert_eq!(
            merged(3..6, &[4, 30, 5, 6, 7, 8]),
            Some((13, vec![4, 5, 6, 7, 8]))
        );
        // It goes on before it.
        assert_eq!(
            merged(0..2, &[20, 21, 1, 2, 3]),
            Some((8, vec![20, 21, 1, 2, 3]))
        );
        // What is seen and left stays until it is let go.
        assert_eq!(merged(1..4, &[1, 2, 4, 5]), Some((10, vec![1, 2, 3, 4, 5])));
        // Elsewhere there is nothing to keep.
        assert_eq!(merged(0..3, &[40, 41]), None);
        assert_eq!(merged(3..9, &[4]), None);
    }
}
