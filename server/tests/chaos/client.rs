//! Somebody who follows some lists, over one connection after another, and is strict.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rowcast_protocol::{
    Cell,
    json::{Heading, read_message},
    list::List,
    message::{ClientMessage, Event},
};
use tokio::sync::Notify;

use crate::{
    marker::Marker,
    queries::{ALL_OF_IT, LEDGER, MARKER, Query},
    strict::{apply, cursor, is_passing},
};

/// What a client holds and has seen.
pub struct Client {
    pub number: usize,
    marker: Arc<Marker>,
    state: Mutex<State>,
    /// Once for each message.
    pub changed: Notify,
    /// Has it leave its connection for another one.
    pub moved: Notify,
}

struct State {
    lists: Vec<Held>,
    seen: Seen,
}

struct Held {
    query: &'static Query,
    heading: Heading,
    list: Option<List>,
    /// Whether it came back with a cursor and has not heard of the list since.
    is_resuming: bool,
    /// Whether the list that it holds is void.
    is_void: bool,
}

/// What has happened to a client since it was last asked.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What must not be.
    pub failure: Option<String>,
    /// The longest time from a commit until it was here.
    pub silence: Duration,
    pub patches: u64,
    /// How often it was connected, and how often a list went on from its cursor then.
    pub connections: u64,
    pub resumed: u64,
    /// Lists that began anew, by the reason.
    pub resets: BTreeMap<String, u64>,
    /// Lists that began anew at a version before the one that was shown.
    pub back: u64,
}

impl Seen {
    /// What this one and another one have seen.
    pub fn add(&mut self, other: Self) {
        self.silence = self.silence.max(other.silence);
        self.patches += other.patches;
        self.connections += other.connections;
        self.resumed += other.resumed;
        self.back += other.back;
        for (reason, count) in other.resets {
            *self.resets.entry(reason).or_default() += count;
        }
    }
}

/// What a connection does after a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    ReadOn,
    /// A subscription has ended for a reason that passes.
    ConnectAgain,
}

impl Client {
    pub fn new(number: usize, queries: &[&'static Query], marker: &Arc<Marker>) -> Self {
        let all = [&MARKER].into_iter().chain(queries.iter().copied());
        let lists = all.map(|query| Held {
            query,
            heading: Heading::default(),
            list: None,
            is_resuming: false,
            is_void: false,
        });
        Self {
            number,
            marker: Arc::clone(marker),
            state: Mutex::new(State {
                lists: lists.collect(),
                seen: Seen::default(),
            }),
            changed: Notify::new(),
            moved: Notify::new(),
        }
    }

    /// What a new connection begins with: each list goes on from its cursor.
    pub fn subscriptions(&self) -> Vec<ClientMessage> {
        let mut state = self.state();
        state.seen.connections += 1;
        let lists = state.lists.iter_mut().enumerate();
        let messages = lists.map(|(nth, held)| {
            let list = held.list.as_ref().filter(|_| !held.is_void);
            let cursor = list.map(|list| list.cursor.clone());
            held.is_resuming = cursor.is_some();
            ClientMessage::Subscribe {
                id: nth as u32 + 1,
                table: held.query.table.to_owned(),
                query: held.query.text.to_owned(),
                cursor,
            }
        });
        messages.collect()
    }

    /// Takes a message in.
    pub fn take(&self, text: &str) -> Next {
        let mut state = self.state();
        let State { lists, seen } = &mut *state;
        let mut taken = None;
        // One that is about none of the lists is told by its text.
        let mut of_none = Heading::default();
        let event = read_message(text, |id| {
            let nth = id.and_then(|id| usize::try_from(id).ok()?.checked_sub(1));
            match nth.filter(|nth| *nth < lists.len()) {
                Some(nth) => {
                    taken = Some(nth);
                    &mut lists[nth].heading
                }
                None => &mut of_none,
            }
        });
        let next = match (event, taken) {
            (Ok((_, event)), Some(nth)) => lists[nth].take(event, seen, &self.marker),
            (event, _) => Err(format!("{event:?}")),
        };
        let next = next.unwrap_or_else(|fault| {
            let query = taken.map(|nth| lists[nth].query);
            let query = query.map_or_else(String::new, |of| format!("{}?{}", of.table, of.text));
            let told = format!("client {}, {query}: {fault}\n{text}", self.number);
            seen.failure.get_or_insert(told);
            Next::ReadOn
        });
        drop(state);
        self.changed.notify_waiters();
        next
    }

    /// Fails for a reason beside its lists.
    pub fn fail(&self, why: String) {
        let told = format!("client {}: {why}", self.number);
        self.state().seen.failure.get_or_insert(told);
        self.changed.notify_waiters();
    }

    /// How its lists differ from what each query's has to be.
    pub fn difference(
        &self,
        differs: impl Fn(&'static Query, &List) -> Option<String>,
    ) -> Option<String> {
        let state = self.state();
        state.lists.iter().find_map(|held| {
            let Query { table, text, .. } = held.query;
            let difference = match held.list.as_ref().filter(|_| !held.is_void) {
                Some(list) => differs(held.query, list)?,
                None => "there is no list".to_owned(),
            };
            Some(format!(
                "client {}, {table}?{text}: {difference}",
                self.number
            ))
        })
    }

    pub fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    /// What has happened since this was last asked. A failure stays.
    pub fn take_seen(&self) -> Seen {
        let mut state = self.state();
        let failure = state.seen.failure.clone();
        let new = Seen {
            failure,
            ..Seen::default()
        };
        std::mem::replace(&mut state.seen, new)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Held {
    fn take(&mut self, event: Event, seen: &mut Seen, marker: &Marker) -> Result<Next, String> {
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
