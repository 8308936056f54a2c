//! Somebody who follows some lists, over one connection after another, and is strict.

use std::sync::{Arc, Mutex, MutexGuard};

use rowcast_protocol::{
    json::{Heading, read_message},
    list::List,
    message::ClientMessage,
};
use tokio::sync::Notify;

use crate::{
    held::{Held, Next},
    marker::Marker,
    queries::{MARKER, Query},
    seen::Seen,
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

impl Client {
    pub fn new(number: usize, queries: &[&'static Query], marker: &Arc<Marker>) -> Self {
        let all = [&MARKER].into_iter().chain(queries.iter().copied());
        let lists = all.map(Held::new);
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
            let cursor = held.shown().map(|list| list.cursor.clone());
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
            let difference = match held.shown() {
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
