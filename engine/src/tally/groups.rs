//! How many rows have each value of a column.

use std::cmp::Ordering;

use hashbrown::HashMap;
use rowcast_protocol::Cell;

use super::{Lost, extremes::compare_forms};
use crate::datum::{Codec, Datum, compare_as};

/// The most different values that are kept of a column.
pub const MAX_KEPT_VALUES: usize = 10_000;

/// The most bytes that these take.
pub const MAX_KEPT_BYTES: usize = 1 << 20;

/// The most groups that `count_by` shows.
const MAX_SHOWN: usize = 1000;

/// The most bytes of JSON that it shows.
const MAX_SHOWN_BYTES: usize = 64 * 1024;

/// A column's values with the number of rows of each.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// By the values' canonical form: each way in which the value is written.
    groups: HashMap<Datum, Vec<(Datum, u64)>>,
    bytes: usize,
}

impl Groups {
    /// The groups that were read; `None` if they are too much to be kept.
    pub fn new(codec: &Codec, read: Vec<(Datum, u64)>) -> Option<Self> {
        let mut groups = Self::default();
        for (value, rows) in &read {
            groups.add(codec, value, *rows).ok()?;
        }
        Some(groups)
    }

    pub(super) fn add(&mut self, codec: &Codec, value: &Datum, rows: u64) -> Result<(), Lost> {
        let forms = self.groups.entry(value.canonical(codec)).or_default();
        match forms.iter_mut().find(|(form, _)| form.same(value)) {
            Some((_, count)) => *count += rows,
            None => {
                forms.push((value.clone(), rows));
                self.bytes += value.size();
            }
        }
        if self.groups.len() > MAX_KEPT_VALUES || self.bytes > MAX_KEPT_BYTES {
            return Err(Lost);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, codec: &Codec, value: &Datum) -> Result<(), Lost> {
        let canonical = value.canonical(codec);
        let forms = self.groups.get_mut(&canonical).ok_or(Lost)?;
        let at = forms
            .iter()
            .position(|(form, _)| form.same(value))
            .ok_or(Lost)?;
        forms[at].1 -= 1;
        if forms[at].1 == 0 {
            forms.swap_remove(at);
            self.bytes -= value.size();
            if forms.is_empty() {
                self.groups.remove(&canonical);
            }
        }
        Ok(())
    }

    /// How many different values there are, NULL not counted.
    pub fn distinct(&self) -> u64 {
        (self.groups.len() - usize::from(self.groups.contains_key(&Datum::Null))) as u64
    }

    /// The value of `count_by`.
    pub fn count_by(&self, codec: &Codec) -> Cell {
        if self.groups.len() > MAX_SHOWN {
            return Cell::Null;
        }
        let is_null_last = |a: &Datum, b: &Datum| a.is_null().cmp(&b.is_null());
        let mut shown: Vec<(&Datum, u64)> = self
            .groups
            .values()
            .filter_map(|forms| {
                let rows = forms.iter().map(|(_, rows)| rows).sum();
                let (shown, _) = forms.iter().min_by(|(a, _), (b, _)| compare_forms(a, b))?;
                Some((shown, rows))
            })
            .collect();
        shown.sort_unstable_by(|(a, _), (b, _)| {
            is_null_last(a, b).then_with(|| compare_as(codec, a, b).unwrap_or(Ordering::Equal))
        });
        write(
            shown
                .into_iter()
                .map(|(value, rows)| (value.to_cell(), rows)),
        )
    }
}

/// The value of `count_by` for groups whose values only PostgreSQL compares, each given as its
/// JSON's text: in the order of what they read, NULL last; NULL itself if they are too many
/// or too long.
pub fn count_by(groups: Vec<(Datum, u64)>) -> Cell {
    if groups.len() > MAX_SHOWN {
        return Cell::Null;
    }
    let mut shown: Vec<(Option<String>, Cell, u64)> = groups
        .into_iter()
        .map(|(value, rows)| match value {
            Datum::Text(json) => match Cell::from_json(&json) {
                Ok(Cell::Text(text)) => (Some(text.to_string()), Cell::Text(text), rows),
                cell => (Some(json.to_string()), cell.unwrap_or(Cell::Null), rows),
            },
            _ => (None, Cell::Null, rows),
        })
        .collect();
    shown.sort_by(|(a, ..), (b, ..)| a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(b)));
    write(shown.into_iter().map(|(_, value, rows)| (value, rows)))
}

/// `[["open", 12], [null, 3]]`, as `jsonb` prints it.
fn write(groups: impl Iterator<Item = (Cell, u64)>) -> Cell {
    let mut json = Vec::from(b"[");
    for (at, (value, rows)) in groups.enumerate() {
        json.extend_from_slice(if at > 0 { b", [" } else { b"[" });
        value.write_json(&mut json);
        json.extend_from_slice(format!(", {rows}]").as_bytes());
    }
    json.push(b']');
    if json.len() > MAX_SHOWN_BYTES {
        return Cell::Null;
    }
    // Whole strings went in, so it is UTF-8.
    Cell::Json(String::from_utf8(json).unwrap_or_default().into())
}
