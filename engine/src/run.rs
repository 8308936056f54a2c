//! A contiguous part of a query's ordered result.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use crate::{
    record::Record,
    rows::{RowId, Rows},
    schema::TableId,
    tally::Tallies,
};

/// Compares two rows by the query's order, which is total.
pub type Compare<'a> = &'a dyn Fn(&Record, &Record) -> Option<Ordering>;

/// A contiguous run of the ordered result, and how many rows lie ahead of it.
///
/// Between two changes, `before` rows of the result precede the run, and
/// `total - before - rows.len()` follow it. A run without rows lies at the result's end.
///
/// It holds its rows: whoever drops a run lets go of them ([`Run::let_go`]).
#[derive(Debug)]
pub struct Run {
    /// How many rows precede it.
    pub before: u64,
    /// How many rows the result has.
    pub total: u64,
    /// Its rows, in order.
    pub rows: Vec<RowId>,
    /// Whether its place in the result is no longer known; `total` still is.
    pub lost: bool,
    /// The aggregates of the whole result; `None` if the window has none, or they are not
    /// known beside these rows.
    pub tallies: Option<Box<Tallies>>,
}

/// The part of a result that a window shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Slice {
    /// How many rows to skip.
    pub offset: u64,
    /// How many to show at most.
    pub limit: u64,
}

/// A run and a change contradict each other. The run is read again: better late than wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a change contradicts the rows that are held")]
pub struct Contradiction;

impl Slice {
    /// How many rows are held on each side of the slice, so that most changes need no read.
    pub fn margin(self) -> u64 {
        (self.limit / 2).clamp(20, 200)
    }

    /// Its places in a result of `total` rows.
    pub fn within(self, total: u64) -> Range<u64> {
        let start = self.offset.min(total);
        start..self.offset.saturating_add(self.limit).min(total)
    }
}

impl Run {
    /// How many rows follow the run.
    pub fn after(&self) -> u64 {
        self.total
            .saturating_sub(self.before)
            .saturating_sub(self.rows.len() as u64)
    }

    /// A row of the result is gone. `number` is what it is likely to be held under.
    pub fn remove(
        &mut self,
        record: &Record,
        number: Option<RowId>,
        held: &mut Rows,
        compare: Compare,
    ) -> Result<(), Contradiction> {
        self.total = self.total.checked_sub(1).ok_or(Contradiction)?;
        if self.lost {
            return Ok(());
        }
        if self.rows.is_empty() {
            self.before = self.before.checked_sub(1).ok_or(Contradiction)?;
            return Ok(());
        }
        match self.find(record, number, held, compare)? {
            Ok(at) => {
                held.let_go(self.rows.remove(at));
                // Without a row to compare with, what comes next could be on either side.
                self.lost = self.rows.is_empty() && self.before < self.total;
            }
            Err(0) => self.before = self.before.checked_sub(1).ok_or(Contradiction)?,
            // The total no longer counts the row, so what follows must have had one more.
            Err(at)
                if at == self.rows.len() && self.total >= self.before + self.rows.len() as u64 => {}
            Err(_) => return Err(Contradiction),
        }
        Ok(())
    }

    /// A row of `table` is new in the result.
    pub fn add(
        &mut self,
        table: TableId,
        record: &Arc<Record>,
        held: &mut Rows,
        compare: Compare,
    ) -> Result<(), Contradiction> {
        let after = self.after();
        self.total += 1;
        if self.lost {
            return Ok(());
        }
        if self.rows.is_empty() {
            if self.before == 0 {
                self.insert(0, held.hold(table, record));
            } else {
                self.before += 1;
            }
            return Ok(());
        }
        match self.search(record, held, compare)? {
            Ok(_) => return Err(Contradiction),
            Err(0) if self.before > 0 => self.before += 1,
            Err(at) if at == self.rows.len() && after > 0 => {}
            Err(at) => self.insert(at, held.hold(table, record)),
        }
        Ok(())
    }

    /// A row stays in the result, in its place, and is another.
    pub fn replace(
        &mut self,
        table: TableId,
        record: &Arc<Record>,
        number: Option<RowId>,
        held: &mut Rows,
        compare: Compare,
    ) -> Result<(), Contradiction> {
        if self.lost {
            return Ok(());
        }
        match self.find(record, number, held, compare)? {
            Ok(at) => {
                let new = held.hold(table, record);
                held.let_go(std::mem::replace(&mut self.rows[at], new));
            }
            Err(0) if self.before > 0 => {}
            Err(at) if at == self.rows.len() && self.after() > 0 => {}
            Err(_) => return Err(Contradiction),
        }
        Ok(())
    }

    /// The same run once more.
    pub fn share(&self, held: &mut Rows) -> Self {
        self.rows.iter().for_each(|id| held.hold_again(*id));
        Self {
            rows: self.rows.clone(),
            tallies: self.tallies.clone(),
            ..*self
        }
    }

    /// A change of the result that the aggregates have to take in.
    pub fn tally(&mut self, leaves: Option<&Record>, enters: Option<&Record>) {
        if let Some(tallies) = &mut self.tallies {
            tallies.change(leaves, enters);
        }
    }

    /// Whether PostgreSQL has to be asked for the aggregates again.
    pub fn has_lost_tallies(&self) -> bool {
        self.tallies
            .as_ref()
            .is_some_and(|tallies| !tallies.is_known())
    }

    /// Lets go of its rows.
    pub fn let_go(self, held: &mut Rows) {
        for id in self.rows {
            held.let_go(id);
        }
    }

    fn insert(&mut self, at: usize, id: RowId) {
        if self.rows.len() == self.rows.capacity() {
            // Runs are many and grow by little.
            self.rows.reserve_exact(1 + self.rows.len() / 8);
        }
        self.rows.insert(at, id);
    }

    /// Whether the run holds all that the slice shows.
    pub fn covers(&self, slice: Slice) -> bool {
        let wanted = slice.within(self.total);
        !self.lost
            && (wanted.is_empty()
                || self.before <= wanted.start
                    && self.before + self.rows.len() as u64 >= wanted.end)
    }

    /// What the slice shows. The run covers it.
    pub fn visible(&self, slice: Slice) -> &[RowId] {
        let wanted = slice.within(self.total);
        if wanted.is_empty() {
            return &[];
        }
        let start = (wanted.start - self.before) as usize;
        &self.rows[start..start + (wanted.end - wanted.start) as usize]
    }

    /// Lets go of rows far outside the slice. The run covers it; of a slice that shows nothing
    /// it holds what lies nearest.
    pub fn trim(&mut self, slice: Slice, held: &mut Rows) {
        if self.rows.is_empty() {
            return;
        }
        let wanted = slice.within(self.total);
        let margin = slice.margin();
        let end = self.before + self.rows.len() as u64;
        let (first, past) = (
            wanted.start.clamp(self.before, end),
            wanted.end.clamp(self.before, end),
        );
        if end - past > 3 * margin {
            let keep = (past + 2 * margin - self.before) as usize;
            self.rows.drain(keep..).for_each(|id| held.let_go(id));
        }
        if first - self.before > 3 * margin {
            let surplus = first - 2 * margin - self.before;
            let ahead = self.rows.drain(..surplus as usize);
            ahead.for_each(|id| held.let_go(id));
            self.before += surplus;
        }
    }

    /// Whether rows should be read before a margin is used up, and on which side first.
    pub fn thin(&self, slice: Slice) -> Option<Side> {
        let wanted = slice.within(self.total);
        let least = slice.margin() / 2;
        if wanted.is_empty() || self.lost {
            return None;
        }
        let end = self.before + self.rows.len() as u64;
        if self.before > 0 && wanted.start < self.before + least {
            Some(Side::Front)
        } else if end < self.total && end < wanted.end + least {
            Some(Side::Back)
        } else {
            None
        }
    }

    /// The row's place, or where it would be.
    fn find(
        &self,
        record: &Record,
        number: Option<RowId>,
        held: &Rows,
        compare: Compare,
    ) -> Result<Result<usize, usize>, Contradiction> {
        // Looking at the numbers alone costs less than looking at a few rows.
        let by_number = number.and_then(|number| self.rows.iter().position(|id| *id == number));
        match by_number {
            Some(at) => Ok(Ok(at)),
            None => self.search(record, held, compare),
        }
    }

    fn search(
        &self,
        record: &Record,
        held: &Rows,
        compare: Compare,
    ) -> Result<Result<usize, usize>, Contradiction> {
        let (mut low, mut high) = (0, self.rows.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match compare(held.get(self.rows[middle]), record).ok_or(Contradiction)? {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Ok(middle)),
            }
        }
        Ok(Err(low))
    }
}

/// An end of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Towards the result's beginning.
    Front,
    /// Towards the result's end.
    Back,
}
