//! A list that a client holds, whatever connection it comes by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rowcast_protocol::{Cell, json::Heading, list::List, message::Event};

use crate::{
    marker::Marker,
    queries::{ALL_OF_IT, LEDGER, MARKER, Query},
    seen::Seen,
    strict::{apply, cursor, is_passing},
};

/// A list, and what is known of it.
pub struct Held {
    pub query: &'static Query,
    pub heading: Heading,
    pub list: Option<List>,
    /// Whether it came back with a cursor and has not heard of the list since.
    pub is_resuming: bool,
    /// Whether the list that it holds is void.
    pub is_void: bool,
}

/// What a connection does after a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    ReadOn,
    /// A subscription has ended for a reason that passes.
    ConnectAgain,
}

impl Held {
    /// One that is still to come.
    pub fn new(query: &'static Query) -> Self {
        Self {
            query,
            heading: Heading::default(),
            list: None,
            is_resuming: false,
            is_void: false,
        }
    }

    /// What is shown, if it is not void.
    pub fn shown(&self) -> Option<&List> {
        self.list.as_ref().filter(|_| !self.is_void)
    }

    /// Takes in an event of it.
    ///
    /// # Errors
    /// If it must not be.
    pub fn take(&mut self, event: Event, seen: &mut Seen, marker: &Marker) -> Result<Next, String> {
        let known = self.number();
        let had_list = self.list.is_some();
        match event {
            Event::Snapshot(snapshot) => {
                let new = List::new(snapshot);
                if let Some(old) = &self.list {
                    let (old, new) = (cursor(&old.cursor)?, cursor(&new.cursor)?);
                    let is_back = old.epoch == new.epoch && !new.snapshot.covers(&old.snapshot);
                    seen.back += u64::from(is_back);
                    if !self.is_void {
                        return Err("a list that nobody asked for".to_owned());
                    }
                }
                self.list = Some(new);
                (self.is_void, self.is_resuming) = (false, false);
            }
            Event::Patch(patch) => {
                if self.is_void {
                    return Err("a patch of a list that is void".to_owned());
                }
                let delay = since(patch.changed_at);
                let list = self.list.as_mut().ok_or("a patch without a list")?;
                apply(list, &self.heading.columns, patch)?;
                seen.silence = seen.silence.max(delay);
                seen.patches += 1;
                seen.resumed += u64::from(std::mem::take(&mut self.is_resuming));
            }
            Event::Reset { reason } => {
                *seen.resets.entry(reason).or_default() += 1;
                self.is_void = true;
            }
            Event::Error(error) if is_passing(&error) => return Ok(Next::ConnectAgain),
            Event::Error(error) => return Err(format!("{error:?}")),
        }
        if had_list && let (Some(known), Some(learned)) = (known, self.number()) {
            seen.silence = seen.silence.max(marker.wait(known, learned));
        }
        self.adds_up()?;
        Ok(Next::ReadOn)
    }

    /// The marker's number.
    fn number(&self) -> Option<u64> {
        if !std::ptr::eq(self.query, &MARKER) {
            return None;
        }
        integer(self.list.as_ref()?.rows.first()?.cells.get(1)?)?
            .try_into()
            .ok()
    }

    /// Transactions are seen whole or not at all.
    fn adds_up(&self) -> Result<(), String> {
        let Some(list) = &self.list else {
            return Ok(());
        };
        if !std::ptr::eq(self.query, &LEDGER) || self.is_void {
            return Ok(());
        }
        let balances = list.rows.iter().map(|row| integer(&row.cells[2]));
        let sum: Option<i64> = balances.sum();
        let told = list.aggregates.first().and_then(|sum| integer(&sum.value));
        match (sum, told) {
            (Some(ALL_OF_IT), Some(ALL_OF_IT)) => Ok(()),
            other => Err(format!("the accounts hold {other:?} at {}", list.cursor)),
        }
    }
}

fn integer(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// The time since one of the database's clock, which is this machine's.
fn since(microseconds: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let then = Duration::from_micros(microseconds.try_into().unwrap_or(0));
    now.saturating_sub(then)
}
