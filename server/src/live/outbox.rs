//! What a connection has still to be sent: bounded.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::event::SharedEvent;

/// The most events that wait for one connection.
pub const MAX_EVENTS: usize = 1024;

/// The most bytes that wait for one connection, counted as if they were not shared with
/// others. A single event may be larger.
pub const MAX_BYTES: usize = 8 << 20;

/// The queue between the hub and one connection.
///
/// A client too slow for what it asked for gets a bounded queue and then nothing: what waited
/// is dropped, its subscriptions are marked as lost, and once the connection has been drained
/// each gets a reset and a snapshot.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<(u32, Arc<SharedEvent>)>,
    bytes: usize,
    lost: BTreeSet<u32>,
    closed: bool,
}

/// What a connection finds to do.
#[derive(Debug)]
pub enum Due {
    /// Send this event of this subscription.
    Event(u32, Arc<SharedEvent>),
    /// All has been sent, and these subscriptions have lost events: have them resynced.
    Lost(Vec<u32>),
    /// The server has ended the connection.
    Closed,
}

impl Outbox {
    /// Queues an event for subscription `id`.
    ///
    /// Returns `false` if the connection is too slow: the subscription is lost from here on,
    /// as are all of which something was waiting.
    pub fn push(&self, id: u32, event: Arc<SharedEvent>) -> bool {
        let mut state = self.lock();
        if state.closed || state.lost.contains(&id) {
            return false;
        }
        let size = event.size();
        let full = state.queue.len() >= MAX_EVENTS
            || (state.bytes + size > MAX_BYTES && !state.queue.is_empty());
        if full {
            let State { queue, lost, .. } = &mut *state;
            lost.extend(queue.drain(..).map(|(id, _)| id));
            lost.insert(id);
            state.bytes = 0;
        } else {
            state.bytes += size;
            state.queue.push_back((id, event));
        }
        drop(state);
        self.changed.notify_one();
        !full
    }

    /// Lets events of a subscription in again.
    pub fn found(&self, id: u32) {
        self.lock().lost.remove(&id);
        self.changed.notify_one();
    }

    /// Waits until events of all of these subscriptions are let in again, or the connection
    /// has ended. Only the task that takes from the queue may wait.
    pub async fn all_found(&self, ids: &[u32]) {
        loop {
            {
                let state = self.lock();
                if state.closed || !ids.iter().any(|id| state.lost.contains(id)) {
                    return;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Forgets what waits for a subscription that has ended.
    pub fn forget(&self, id: u32) {
        let mut state = self.lock();
        state.lost.remove(&id);
        let State { queue, bytes, .. } = &mut *state;
        queue.retain(|(other, event)| {
            let stays = *other != id;
            if !stays {
                *bytes = bytes.saturating_sub(event.size());
            }
            stays
        });
        drop(state);
        self.changed.notify_one();
    }

    /// Ends the connection once what waits has been sent.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// What is due next, without waiting.
    pub fn try_next(&self) -> Option<Due> {
        let mut state = self.lock();
        if let Some((id, event)) = state.queue.pop_front() {
            state.bytes = state.bytes.saturating_sub(event.size());
            if state.queue.is_empty() {
                state.bytes = 0;
            }
            return Some(Due::Event(id, event));
        }
        if state.closed {
            return Some(Due::Closed);
        }
        (!state.lost.is_empty()).then(|| Due::Lost(state.lost.iter().copied().collect()))
    }

    /// The next event, if one waits.
    pub fn try_event(&self) -> Option<(u32, Arc<SharedEvent>)> {
        match self.try_next()? {
            Due::Event(id, event) => Some((id, event)),
            Due::Lost(_) | Due::Closed => None,
        }
    }

    /// What is due next. Safe to cancel.
    pub async fn next(&self) -> Due {
        loop {
            if let Some(due) = self.try_next() {
                return due;
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rowcast_protocol::message::Event;

    use super::*;

    fn event(reason: &str) -> Arc<SharedEvent> {
        SharedEvent::new(
            Event::Reset {
                reason: reason.to_owned(),
            },
            Arc::new([]),
        )
    }

    #[test]
    fn a_full_outbox_is_emptied_and_its_subscriptions_are_lost_until_found() {
        let outbox = Outbox::default();
        for _ in 0..MAX_EVENTS {
            assert!(outbox.push(1, event("a")));
        }
        assert!(!outbox.push(2, event("b")));
        assert!(!outbox.push(1, event("c")));
        assert!(matches!(outbox.try_next(), Some(Due::Lost(ids)) if ids == [1, 2]));
        outbox.found(1);
        outbox.found(2);
        assert!(outbox.push(1, event("d")));
        assert!(matches!(outbox.try_next(), Some(Due::Event(1, _))));
        assert!(outbox.try_next().is_none());
    }

    #[test]
    fn one_event_larger_than_the_bound_is_still_sent() {
        let outbox = Outbox::default();
        let large = event(&"x".repeat(MAX_BYTES + 1));
        assert!(outbox.push(1, large));
        assert!(!outbox.push(1, event("next")));
    }

    #[test]
    fn what_waits_is_sent_before_the_end() {
        let outbox = Outbox::default();
        outbox.push(1, event("a"));
        outbox.close();
        assert!(matches!(outbox.try_next(), Some(Due::Event(1, _))));
        assert!(matches!(outbox.try_next(), Some(Due::Closed)));
    }
}
