//! The least or the greatest values of a column.

use std::cmp::Ordering;

use rowcast_protocol::Cell;

use super::Lost;
use crate::datum::{Codec, Datum, compare_as};

/// How many values are read, and at least kept when there are more: so many may leave before
/// PostgreSQL has to be asked again.
pub const KEPT: usize = 32;

/// The most bytes that they take, the first always being kept.
const MAX_BYTES: usize = 64 * 1024;

/// The first values from one end of a column's order.
///
/// Invariant: they are in order, and no value that is not among them comes before `boundary`.
#[derive(Clone, Debug)]
pub struct Extremes {
    greatest: bool,
    values: Vec<Datum>,
    /// `None` if these are all.
    boundary: Option<Datum>,
}

impl Extremes {
    /// What was read: the first values in order.
    pub fn new(codec: &Codec, greatest: bool, values: Vec<Datum>, is_all: bool) -> Self {
        let boundary = values.last().filter(|_| !is_all).cloned();
        debug_assert!(
            values
                .is_sorted_by(|a, b| { rank(codec, greatest, a, b).is_some_and(Ordering::is_le) })
        );
        let mut extremes = Self {
            greatest,
            values,
            boundary,
        };
        extremes.shorten();
        extremes
    }

    pub fn add(&mut self, codec: &Codec, value: &Datum) -> Result<(), Lost> {
        if self.beside_boundary(codec, value)?.is_gt() {
            return Ok(());
        }
        let at = self.search(codec, value)?;
        self.values.insert(at, value.clone());
        self.shorten();
        Ok(())
    }

    pub fn remove(&mut self, codec: &Codec, value: &Datum) -> Result<(), Lost> {
        let beside = self.beside_boundary(codec, value)?;
        if beside.is_gt() {
            return Ok(());
        }
        let at = self.search(codec, value)?;
        match self.values.get(at) {
            Some(found) if rank(codec, self.greatest, found, value) == Some(Ordering::Equal) => {
                self.values.remove(at);
                Ok(())
            }
            // One of those that are not kept.
            _ if beside.is_eq() => Ok(()),
            _ => Err(Lost),
        }
    }

    /// Whether the first value is among those kept.
    pub fn is_known(&self) -> bool {
        !self.values.is_empty() || self.boundary.is_none()
    }

    /// The first value; NULL if there is none.
    pub fn value(&self) -> Cell {
        self.values.first().map_or(Cell::Null, Datum::to_cell)
    }

    /// Where a value stands to the boundary; before it where there is none.
    fn beside_boundary(&self, codec: &Codec, value: &Datum) -> Result<Ordering, Lost> {
        match &self.boundary {
            None => Ok(Ordering::Less),
            Some(boundary) => rank(codec, self.greatest, value, boundary).ok_or(Lost),
        }
    }

    fn search(&self, codec: &Codec, value: &Datum) -> Result<usize, Lost> {
        let mut comparable = true;
        let at = self.values.partition_point(|held| {
            let ordering = rank(codec, self.greatest, held, value);
            comparable &= ordering.is_some();
            ordering.is_some_and(Ordering::is_lt)
        });
        comparable.then_some(at).ok_or(Lost)
    }

    fn shorten(&mut self) {
        let mut length = self.values.len();
        if length > 2 * KEPT {
            length = KEPT;
        }
        let mut bytes = 0;
        let fits = self.values.iter().take_while(|value| {
            bytes += value.size();
            bytes <= MAX_BYTES
        });
        length = length.min(fits.count().max(1));
        if length < self.values.len() {
            self.values.truncate(length);
            self.boundary = self.values.last().cloned();
        }
    }
}

/// How two values stand from that end of the order; equal ones by the length of their text.
fn rank(codec: &Codec, greatest: bool, a: &Datum, b: &Datum) -> Option<Ordering> {
    let ordering = compare_as(codec, a, b)?;
    let ordering = if greatest {
        ordering.reverse()
    } else {
        ordering
    };
    Some(ordering.then_with(|| compare_forms(a, b)))
}

/// The order of equal values that are written differently: `1.0` before `1.00`.
pub fn compare_forms(a: &Datum, b: &Datum) -> Ordering {
    match (a, b) {
        (Datum::Numeric(a), Datum::Numeric(b)) => a.scale().cmp(&b.scale()),
        (Datum::Text(a), Datum::Text(b)) => a.len().cmp(&b.len()),
        _ => Ordering::Equal,
    }
}
