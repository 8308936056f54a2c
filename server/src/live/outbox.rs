//! What a connection has still to be sent: bounded.

mod queue;

use std::{
    collections::BTreeSet,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use self::queue::Queue;
use super::{SubscriberId, event::SharedEvent, figures::Outgoing};

/// The most events that wait for one connection.
pub const MAX_EVENTS: usize = 1024;

/// The most bytes that wait for one connection, counted as if they were not shared with
/// others. A single event may be larger.
pub const MAX_BYTES: usize = 8 << 20;

/// The most complaints about a client's messages that wait for it, and the most bytes of
/// them. One that causes more without reading is cut off.
const MAX_COMPLAINTS: usize = 256;
const MAX_COMPLAINT_BYTES: usize = 256 << 10;

/// The queue between the hub and one connection.
///
/// A client too slow for what it asked for gets a bounded queue and then nothing: what waited
/// is dropped, its subscriptions are marked as lost, and once the connection has been drained
/// each gets a reset and a snapshot. The last word about a subscription is never dropped.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    complaints: usize,
    complaint_bytes: usize,
    lost: BTreeSet<SubscriberId>,
    /// Whether those that are lost have been told to the connection.
    is_told: bool,
    closed: bool,
    /// Whether the client has had its chance: nothing more is sent, nor taken from it.
    is_cut_off: bool,
    /// Who waits for something to do. There is one task for each connection.
    waiting: Option<Waker>,
}

/// An event that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The number that the client gave the subscription.
    pub number: u32,
    /// What to send.
    pub event: Arc<SharedEvent>,
    /// Whether it tells what has just happened, and not what a list begins with.
    pub is_news: bool,
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

    /// The subscription that this tells something of, which goes on.
    pub fn tells_of(&self) -> Option<SubscriberId> {
        match self.kind {
            Kind::Running(id) => Some(id),
            Kind::Final(_) | Kind::Complaint => None,
        }
    }

    /// The subscription that this is about.
    pub fn of(&self) -> Option<SubscriberId> {
        self.tells_of().or(self.ends())
    }
}

impl Outbox {
    /// One whose events are counted there while they wait.
    pub fn counted(all: Arc<Outgoing>) -> Self {
        Self(Mutex::new(State {
            queue: Queue::counted(all),
            ..State::default()
        }))
    }

    /// Queues events of a subscription, all or none. Where nothing else waits they are taken
    /// however large they are.
    ///
    /// Returns `false` if the connection is too slow: the subscription is lost from here on,
    /// as are all of which something was waiting.
    pub fn push<'a>(
        &self,
        id: SubscriberId,
        number: u32,
        events: impl IntoIterator<Item = &'a Arc<SharedEvent>>,
    ) -> bool {
        let mut state = self.lock();
        if state.closed || state.lost.contains(&id) {
            return false;
        }
        let mut taken = true;
        let is_alone = state.queue.is_empty();
        for event in events {
            let full = state.queue.len() >= MAX_EVENTS
                || (state.queue.bytes() + event.size() > MAX_BYTES && !is_alone);
            if full {
                state.lose(id);
                taken = false;
                break;
            }
            state.queue.push(Waiting {
                number,
                event: Arc::clone(event),
                is_news: true,
                kind: Kind::Running(id),
            });
        }
        wake(state);
        taken
    }

    /// Queues what a subscription begins anew with, all or none, and lets its events in again.
    /// Where nothing else waits it is taken however large it is.
    ///
    /// Returns `false` if the connection is too slow: the subscription is lost from here on.
    /// What waits of others stays, so that of several lists that do not fit beside one another
    /// each round gets one through.
    pub fn greet<'a, I>(&self, id: SubscriberId, number: u32, events: I) -> bool
    where
        I: IntoIterator<Item = &'a Arc<SharedEvent>>,
        I::IntoIter: Clone,
    {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let events = events.into_iter();
        let (count, size) = events.clone().fold((0, 0), |(count, size), event| {
            (count + 1, size + event.size())
        });
        let fits =
            state.queue.len() + count <= MAX_EVENTS && state.queue.bytes() + size <= MAX_BYTES;
        if fits || state.queue.is_empty() {
            state.lost.remove(&id);
            for event in events {
                state.queue.push(Waiting {
                    number,
                    event: Arc::clone(event),
                    is_news: false,
                    kind: Kind::Running(id),
                });
            }
        } else {
            state.lost.insert(id);
            state.is_told = false;
        }
        let is_there = !state.lost.contains(&id);
        wake(state);
        is_there
    }

    /// Has a subscription lost whose events could not even be offered.
    pub fn lose(&self, id: SubscriberId) {
        let mut state = self.lock();
        if !state.closed && !state.lost.contains(&id) {
            state.lose(id);
            wake(state);
        }
    }

    /// Queues the last event of a subscription.
    pub fn push_final(&self, id: SubscriberId, number: u32, event: Arc<SharedEvent>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.lost.remove(&id);
        state.queue.push(Waiting {
            number,
            event,
            is_news: false,
            kind: Kind::Final(id),
        });
        wake(state);
    }

    /// Queues an answer to a message that can't be acted on.
    pub fn complain(&self, number: u32, event: Arc<SharedEvent>) {
        let mut state = self.lock();
        let bytes = state.complaint_bytes + event.size();
        if state.complaints >= MAX_COMPLAINTS || bytes > MAX_COMPLAINT_BYTES {
            *state = State {
                closed: true,
                is_cut_off: true,
                waiting: state.waiting.take(),
                ..State::default()
            };
        } else {
            state.complaints += 1;
            state.complaint_bytes = bytes;
            state.queue.push(Waiting {
                number,
                event,
                is_news: false,
                kind: Kind::Complaint,
            });
        }
        wake(state);
    }

    /// Whether the client is one that is not listened to any more.
    pub fn is_cut_off(&self) -> bool {
        self.lock().is_cut_off
    }

    /// Forgets what waits for a subscription that the client has ended, the last word about
    /// it too: its number may stand for another one by now.
    pub fn forget(&self, id: SubscriberId) {
        let mut state = self.lock();
        state.lost.remove(&id);
        state.queue.retain(
            |waiting| !matches!(waiting.kind, Kind::Running(of) | Kind::Final(of) if of == id),
        );
        state.count();
    }

    /// Ends a subscription: what waits for it is forgotten, and this is the last word about it.
    pub fn end(&self, id: SubscriberId, number: u32, event: Arc<SharedEvent>) {
        self.forget(id);
        self.push_final(id, number, event);
    }

    /// Ends the connection once what waits has been sent.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    /// What is due next, without waiting.
    pub fn try_next(&self) -> Option<Due> {
        self.lock().next()
    }

    /// The next event, if one waits.
    pub fn try_event(&self) -> Option<Waiting> {
        self.lock().event()
    }

    /// What is due next. Safe to cancel. One at a time may wait.
    pub async fn next(&self) -> Due {
        poll_fn(|context| {
            let mut state = self.lock();
            if let Some(due) = state.next() {
                return Poll::Ready(due);
            }
            match &mut state.waiting {
                Some(known) => known.clone_from(context.waker()),
                waiting @ None => *waiting = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes who waits, once the state is free for it.
fn wake(mut state: MutexGuard<'_, State>) {
    state.count();
    let waiting = state.waiting.take();
    drop(state);
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}

impl State {
    fn event(&mut self) -> Option<Waiting> {
        let waiting = self.queue.pop()?;
        if waiting.kind == Kind::Complaint {
            self.complaints -= 1;
            self.complaint_bytes -= waiting.event.size();
        }
        Some(waiting)
    }

    fn next(&mut self) -> Option<Due> {
        if let Some(waiting) = self.event() {
            return Some(Due::Event(waiting));
        }
        if self.closed {
            return Some(Due::Closed);
        }
        if self.is_told || self.lost.is_empty() {
            return None;
        }
        self.is_told = true;
        Some(Due::Lost(self.lost.iter().copied().collect()))
    }

    /// Counts the connection among the slow ones as long as something of it is lost.
    fn count(&mut self) {
        self.queue.count_slow(!self.lost.is_empty());
    }

    /// Drops what waits of subscriptions that go on.
    fn lose(&mut self, id: SubscriberId) {
        self.lost.insert(id);
        self.is_told = false;
        let State { queue, lost, .. } = self;
        queue.retain(|waiting| match waiting.kind {
            Kind::Running(id) => {
                lost.insert(id);
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
            assert!(outbox.push(A, 1, &[event("a")]));
        }
        assert!(!outbox.push(B, 2, &[event("b")]));
        assert!(!outbox.push(A, 1, &[event("c")]));
        assert!(matches!(outbox.try_next(), Some(Due::Lost(ids)) if ids == [A, B]));
        assert!(outbox.try_next().is_none(), "the lost are told once");
        assert!(outbox.greet(A, 1, []));
        assert!(outbox.greet(B, 2, []));
        assert!(outbox.push(A, 1, &[event("d")]));
        assert!(matches!(outbox.try_next(), Some(Due::Event(_))));
        assert!(outbox.try_next().is_none());
    }

    #[test]
    fn the_last_word_outlives_an_overflow_and_its_subscription_is_not_lost() {
        let outbox = Outbox::default();
        outbox.push(A, 1, &[event("running")]);
        outbox.push_final(A, 1, event("last"));
        for _ in 0..MAX_EVENTS {
            outbox.push(B, 2, &[event("b")]);
        }
        assert!(
            matches!(outbox.try_next(), Some(Due::Event(waiting)) if waiting.ends() == Some(A))
        );
        assert!(matches!(outbox.try_next(), Some(Due::Lost(ids)) if ids == [B]));
    }

    #[test]
    fn one_event_larger_than_the_bound_is_still_sent() {
        let outbox = Outbox::default();
        assert!(outbox.push(A, 1, &[event(&"x".repeat(MAX_BYTES + 1))]));
        assert!(!outbox.push(A, 1, &[event("next")]));
    }

    #[test]
    fn a_list_larger_than_the_bound_begins_anew() {
        let outbox = Outbox::default();
        let list = event(&"x".repeat(MAX_BYTES + 1));
        assert!(outbox.greet(A, 1, &[event("reset"), Arc::clone(&list)]));
        assert!(matches!(outbox.try_next(), Some(Due::Event(_))));
        assert!(matches!(outbox.try_next(), Some(Due::Event(_))));
        assert!(outbox.try_next().is_none());
        // As do patches that come together.
        assert!(outbox.push(A, 1, &[event("patch"), list]));
    }

    #[test]
    fn lists_that_do_not_fit_beside_one_another_get_through_one_after_another() {
        let outbox = Outbox::default();
        let list = [event("reset"), event(&"x".repeat(MAX_BYTES * 5 / 8))];
        let mut begun = Vec::new();
        let mut lost = vec![(A, 1), (B, 2)];
        for _ in 0..2 {
            for (id, number) in lost.drain(..) {
                outbox.greet(id, number, &list);
            }
            while let Some(due) = outbox.try_next() {
                match due {
                    Due::Event(waiting) => begun.push(waiting.number),
                    Due::Lost(ids) => lost.extend(ids.iter().map(|id| (*id, id.0 as u32))),
                    Due::Closed => panic!("nobody has closed it"),
                }
            }
        }
        assert_eq!(begun, [1, 1, 2, 2]);
        assert!(lost.is_empty());
    }

    #[test]
    fn what_waits_is_sent_before_the_end() {
        let outbox = Outbox::default();
        outbox.push(A, 1, &[event("a")]);
        outbox.close();
        assert!(matches!(outbox.try_next(), Some(Due::Event(_))));
        assert!(matches!(outbox.try_next(), Some(Due::Closed)));
    }

    #[test]
    fn a_client_that_only_sends_nonsense_is_cut_off() {
        let outbox = Outbox::default();
        for _ in 0..MAX_COMPLAINTS {
            outbox.complain(0, event("what?"));
        }
        assert!(!outbox.is_cut_off());
        outbox.complain(0, event("what?"));
        assert!(outbox.is_cut_off());
        // Nothing is kept for it.
        assert!(matches!(outbox.try_next(), Some(Due::Closed)));
    }

    #[test]
    fn complaints_are_bounded_in_bytes_until_they_are_read() {
        let outbox = Outbox::default();
        let long = event(&"what?".repeat(2000));
        let fit = MAX_COMPLAINT_BYTES / long.size();
        for _ in 0..fit {
            outbox.complain(0, Arc::clone(&long));
        }
        while let Some(Due::Event(_)) = outbox.try_next() {}
        for _ in 0..fit {
            outbox.complain(0, Arc::clone(&long));
        }
        assert!(!outbox.is_cut_off());
        outbox.complain(0, long);
        assert!(outbox.is_cut_off());
    }

    #[test]
    fn the_last_word_about_a_subscription_that_its_client_has_ended_is_dropped() {
        let outbox = Outbox::default();
        for _ in 0..3 {
            outbox.push(A, 1, &[event("running")]);
            outbox.push_final(A, 1, event("last"));
            outbox.forget(A);
        }
        // The number is taken anew.
        assert!(outbox.greet(B, 1, &[event("list")]));
        assert!(matches!(outbox.try_next(), Some(Due::Event(waiting)) if waiting.ends().is_none()));
        assert!(outbox.try_next().is_none());
    }
}
