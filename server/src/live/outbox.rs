//! What a connection has still to be sent: bounded.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{SubscriberId, event::SharedEvent};

/// The most events that wait for one connection.
pub const MAX_EVENTS: usize = 1024;

/// The most bytes that wait for one connection, counted as if they were not shared with
/// others. A single event may be larger.
pub const MAX_BYTES: usize = 8 << 20;

/// The most complaints about a client's messages that wait for it. One that sends more
/// without reading is cut off.
const MAX_COMPLAINTS: usize = 256;

/// The queue between the hub and one connection.
///
/// A client too slow for what it asked for gets a bounded queue and then nothing: what waited
/// is dropped, its subscriptions are marked as lost, and once the connection has been drained
/// each gets a reset and a snapshot. The last word about a subscription is never dropped.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Waiting>,
    bytes: usize,
    complaints: usize,
    lost: BTreeSet<SubscriberId>,
    /// Whether those that are lost have been told to the connection.
    is_told: bool,
    closed: bool,
}

/// An event that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The number that the client gave the subscription.
    pub number: u32,
    /// What to send.
    pub event: Arc<SharedEvent>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of a subscription that goes on.
    Running(SubscriberId),
    /// The last of a subscription.
    Final(SubscriberId),
    /// About a message of the client's.
    Complaint,
}

/// What a connection finds to do.
#[derive(Debug)]
pub enum Due {
    /// Send this.
    Event(Waiting),
    /// All has been sent, and these subscriptions have lost events: have them resynced. They
    /// are told once.
    Lost(Vec<SubscriberId>),
    /// The server has ended the connection.
    Closed,
}

impl Waiting {
    /// The subscription that this is the last word about.
    pub fn ends(&self) -> Option<SubscriberId> {
        match self.kind {
            Kind::Final(id) => Some(id),
            Kind::Running(_) | Kind::Complaint => None,
        }
    }
}

impl Outbox {
    /// Queues an event of a subscription.
    ///
    /// Returns `false` if the connection is too slow: the subscription is lost from here on,
    /// as are all of which something was waiting.
    pub fn push(&self, id: SubscriberId, number: u32, event: Arc<SharedEvent>) -> bool {
        let mut state = self.lock();
        if state.closed || state.lost.contains(&id) {
            return false;
        }
        let size = event.size();
        let full = state.queue.len() >= MAX_EVENTS
            || (state.bytes + size > MAX_BYTES && !state.queue.is_empty());
        if full {
            state.lose(id);
        } else {
            state.enqueue(Waiting {
                number,
                event,
                kind: Kind::Running(id),
            });
        }
        drop(state);
        self.changed.notify_one();
        !full
    }

    /// Queues the last event of a subscription.
    pub fn push_final(&self, id: SubscriberId, number: u32, event: Arc<SharedEvent>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.lost.remove(&id);
        state.enqueue(Waiting {
            number,
            event,
            kind: Kind::Final(id),
        });
        drop(state);
        self.changed.notify_one();
    }

    /// Queues an answer to a message that can't be acted on.
    pub fn complain(&self, number: u32, event: Arc<SharedEvent>) {
        let mut state = self.lock();
        if state.complaints >= MAX_COMPLAINTS {
            state.closed = true;
        } else {
            state.complaints += 1;
            state.enqueue(Waiting {
                number,
                event,
                kind: Kind::Complaint,
            });
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Lets events of a subscription in again.
    pub fn found(&self, id: SubscriberId) {
        self.lock().lost.remove(&id);
    }

    /// Forgets what waits for a subscription that the client has ended.
    pub fn forget(&self, id: SubscriberId) {
        let mut state = self.lock();
        state.lost.remove(&id);
        let State { queue, bytes, .. } = &mut *state;
        queue.retain(|waiting| {
            let stays = waiting.kind != Kind::Running(id);
            if !stays {
                *bytes = bytes.saturating_sub(waiting.event.size());
            }
            stays
        });
    }

    /// Ends the connection once what waits has been sent.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// What is due next, without waiting.
    pub fn try_next(&self) -> Option<Due> {
        let mut state = self.lock();
        if let Some(waiting) = state.queue.pop_front() {
            state.bytes = state.bytes.saturating_sub(waiting.event.size());
            if waiting.kind == Kind::Complaint {
                state.complaints -= 1;
            }
            return Some(Due::Event(waiting));
        }
        if state.closed {
            return Some(Due::Closed);
        }
        if state.is_told || state.lost.is_empty() {
            return None;
        }
        state.is_told = true;
        Some(Due::Lost(state.lost.iter().copied().collect()))
    }

    /// The next event, if one waits.
    pub fn try_event(&self) -> Option<Waiting> {
        if self.lock().queue.is_empty() {
            return None;
        }
        match self.try_next()? {
            Due::Event(waiting) => Some(waiting),
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

impl State {
    fn enqueue(&mut self, waiting: Waiting) {
        self.bytes += waiting.event.size();
        self.queue.push_back(waiting);
    }

    /// Drops what waits of subscriptions that go on.
    fn lose(&mut self, id: SubscriberId) {
        self.lost.insert(id);
        self.is_told = false;
        let State {
            queue, bytes, lost, ..
        } = self;
        queue.retain(|waiting| match waiting.kind {
            Kind::Running(id) => {
                lost.insert(id);
                *bytes = bytes.saturating_sub(waiting.event.size());
                false
            }
            Kind::Final(_) | Kind::Complaint => true,
        });
        for waiting in queue.iter() {
            if let Kind::Final(id) = waiting.kind {
                lost.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rowcast_protocol::message::Event;

    use super::*;

    fn event(reason: &str) -> Arc<SharedEvent> {
        SharedEvent::bare(Event::Reset {
            reason: reason.to_owned(),
        })
    }

    const A: SubscriberId = SubscriberId(1);
    const B: SubscriberId = SubscriberId(2);

    #[test]
    fn a_full_outbox_is_emptied_and_its_subscriptions_are_lost_until_found() {
        let outbox = Outbox::default();
        for _ in 0..MAX_EVENTS {
            assert!(outbox.push(A, 1, event("a")));
        }
        assert!(!outbox.push(B, 2, event("b")));
        assert!(!outbox.push(A, 1, event("c")));
        assert!(matches!(outbox.try_next(), Some(Due::Lost(ids)) if ids == [A, B]));
        assert!(outbox.try_next().is_none(), "the lost are told once");
        outbox.found(A);
        outbox.found(B);
        assert!(outbox.push(A, 1, event("d")));
        assert!(matches!(outbox.try_next(), Some(Due::Event(_))));
        assert!(outbox.try_next().is_none());
    }

    #[test]
    fn the_last_word_outlives_an_overflow_and_its_subscription_is_not_lost() {
        let outbox = Outbox::default();
        outbox.push(A, 1, event("running"));
        outbox.push_final(A, 1, event("last"));
        for _ in 0..MAX_EVENTS {
            outbox.push(B, 2, event("b"));
        }
        assert!(
            matches!(outbox.try_next(), Some(Due::Event(waiting)) if waiting.ends() == Some(A))
        );
        assert!(matches!(outbox.try_next(), Some(Due::Lost(ids)) if ids == [B]));
    }

    #[test]
    fn one_event_larger_than_the_bound_is_still_sent() {
        let outbox = Outbox::default();
        assert!(outbox.push(A, 1, event(&"x".repeat(MAX_BYTES + 1))));
        assert!(!outbox.push(A, 1, event("next")));
    }

    #[test]
    fn what_waits_is_sent_before_the_end() {
        let outbox = Outbox::default();
        outbox.push(A, 1, event("a"));
        outbox.close();
        assert!(matches!(outbox.try_next(), Some(Due::Event(_))));
        assert!(matches!(outbox.try_next(), Some(Due::Closed)));
    }

    #[test]
    fn a_client_that_only_sends_nonsense_is_cut_off() {
        let outbox = Outbox::default();
        for _ in 0..=MAX_COMPLAINTS {
            outbox.complain(0, event("what?"));
        }
        while let Some(Due::Event(_)) = outbox.try_next() {}
        assert!(matches!(outbox.try_next(), Some(Due::Closed)));
    }
}
