//! A feed's clients, and what they have still to be handed.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    SubscriberId,
    event::SharedEvent,
    outbox::{MAX_BYTES, MAX_EVENTS, Outbox},
};

/// How many clients are handed an event by the hub itself. To more, [`fanout`](super::fanout)
/// does it, while the hub goes on.
const AT_ONCE: usize = 64;

/// How many clients are handed events in one go: others want the processor too.
const IN_ONE_GO: usize = 128;

/// The clients of one window, each of which is handed every event from the one on that it was
/// greeted before, in order, once.
///
/// What has been published and not handed to everybody is kept once, whatever the number of
/// clients: where clients are handed more slowly than is published, a round through them hands
/// each of them all there is.
#[derive(Debug, Default)]
pub struct Channel(Mutex<State>);

/// Where a client sits in its channel. It changes when others leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(u32);

#[derive(Debug, Default)]
struct State {
    members: Vec<Member>,
    /// What not every member has been handed.
    pending: VecDeque<Arc<SharedEvent>>,
    pending_bytes: usize,
    /// The number of the first that is pending, counted over all that were published.
    first: u64,
    /// The round through the members that is under way.
    round: Option<Round>,
    /// Whether somebody will see to what is pending.
    is_seen_to: bool,
}

#[derive(Debug)]
struct Member {
    id: SubscriberId,
    /// The number that the client gave the subscription.
    number: u32,
    /// `None` for one who only wants the first list.
    outbox: Option<Arc<Outbox>>,
    /// The next event to be handed to it; [`ABSENT`] as long as it has not been greeted.
    next: u64,
}

/// Goes through the members from the last to the first: those who join come after, and one
/// who takes the seat of a member that leaves is at worst visited twice.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// How many members are still to be visited.
    left: usize,
    /// Up to which event they are handed.
    end: u64,
}

const ABSENT: u64 = u64::MAX;

impl Channel {
    /// Takes in a client. It is handed nothing before it is [greeted](Channel::greet).
    pub fn join(&self, id: SubscriberId, outbox: Option<Arc<Outbox>>, number: u32) -> Seat {
        let mut state = self.lock();
        if state.members.is_empty() {
            // Most windows have one client.
            state.members.reserve_exact(1);
        }
        let seat = Seat(state.members.len() as u32);
        state.members.push(Member {
            id,
            number,
            outbox,
            next: ABSENT,
        });
        seat
    }

    /// Lets a client go, after handing it what it has not been handed. Returns who sits in
    /// its seat now, if anybody does.
    pub fn leave(&self, seat: Seat) -> Option<SubscriberId> {
        let mut state = self.lock();
        let at = seat.0 as usize;
        let end = state.end();
        state.hand(at, end);
        if at < state.members.len() {
            state.members.swap_remove(at);
        }
        let count = state.members.len();
        if let Some(round) = &mut state.round {
            round.left = round.left.min(count);
        }
        state.members.get(at).map(|member| member.id)
    }

    /// Hands a client what brings it to the present: all that is published later it gets too,
    /// and nothing of what was published before.
    pub fn greet<'a, I>(&self, seat: Seat, events: I)
    where
        I: IntoIterator<Item = &'a Arc<SharedEvent>>,
        I::IntoIter: Clone,
    {
        let mut state = self.lock();
        let end = state.end();
        let Some(member) = state.members.get_mut(seat.0 as usize) else {
            return;
        };
        if let Some(outbox) = &member.outbox {
            let is_there = outbox.greet(member.id, member.number, events);
            member.next = if is_there { end } else { ABSENT };
        }
    }

    /// Hands an event to all who have been greeted: at once if they are few. Otherwise
    /// returns `true` if [`Channel::advance`] has to be called until it says that it is done.
    #[must_use]
    pub fn publish(&self, event: Arc<SharedEvent>) -> bool {
        let mut state = self.lock();
        if state.pending.len() >= MAX_EVENTS || state.pending_bytes + event.size() > MAX_BYTES {
            // Nobody is handed these any more: whoever should have been has lost them.
            let end = state.end();
            state.forget(end);
        }
        state.pending_bytes += event.size();
        state.pending.push_back(event);
        if state.is_seen_to {
            return false;
        }
        if state.members.len() <= AT_ONCE {
            let end = state.end();
            for at in 0..state.members.len() {
                state.hand(at, end);
            }
            state.forget(end);
            return false;
        }
        state.is_seen_to = true;
        true
    }

    /// Hands what is pending to some more members. Returns whether there is more to do.
    pub fn advance(&self) -> bool {
        let mut state = self.lock();
        let mut round = state.round.unwrap_or(Round {
            left: state.members.len(),
            end: state.end(),
        });
        for _ in 0..IN_ONE_GO.min(round.left) {
            round.left -= 1;
            state.hand(round.left, round.end);
        }
        if round.left > 0 {
            state.round = Some(round);
            return true;
        }
        state.round = None;
        state.forget(round.end);
        state.is_seen_to = !state.pending.is_empty();
        state.is_seen_to
    }

    /// Who is there.
    pub fn members(&self) -> Vec<SubscriberId> {
        self.lock().members.iter().map(|member| member.id).collect()
    }

    /// How many are there.
    pub fn len(&self) -> usize {
        self.lock().members.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The number of the event that is published next.
    fn end(&self) -> u64 {
        self.first + self.pending.len() as u64
    }

    /// Hands a member what is pending up to `end` and is new to it.
    fn hand(&mut self, at: usize, end: u64) {
        let Some(member) = self.members.get_mut(at) else {
            return;
        };
        let Some(outbox) = &member.outbox else { return };
        if member.next >= end {
            return;
        }
        let next = mem::replace(&mut member.next, end);
        if next < self.first {
            member.next = ABSENT;
            outbox.lose(member.id);
            return;
        }
        let events = self
            .pending
            .range((next - self.first) as usize..(end - self.first) as usize);
        if !outbox.push(member.id, member.number, events) {
            member.next = ABSENT;
        }
    }

    /// Drops what is pending before `end`.
    fn forget(&mut self, end: u64) {
        let number = end.saturating_sub(self.first) as usize;
        for event in self.pending.drain(..number.min(self.pending.len())) {
            self.pending_bytes = self.pending_bytes.saturating_sub(event.size());
        }
        self.first = self.first.max(end);
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use rowcast_protocol::message::Event;

    use super::*;
    use crate::live::outbox::Due;

    fn event(nth: usize) -> Arc<SharedEvent> {
        let reason = nth.to_string();
        SharedEvent::bare(Event::Reset { reason })
    }

    fn received(outbox: &Outbox) -> Vec<String> {
        std::iter::from_fn(|| match outbox.try_next()? {
            Due::Event(waiting) => match waiting.event.event() {
                Event::Reset { reason } => Some(reason.clone()),
                _ => None,
            },
            Due::Lost(_) => Some("lost".to_owned()),
            Due::Closed => None,
        })
        .collect()
    }

    struct Client {
        outbox: Arc<Outbox>,
        seat: Seat,
    }

    fn client(channel: &Channel, id: u64) -> Client {
        let outbox = Arc::new(Outbox::default());
        let seat = channel.join(SubscriberId(id), Some(Arc::clone(&outbox)), 1);
        channel.greet(seat, []);
        Client { outbox, seat }
    }

    #[test]
    fn everybody_gets_every_event_once_and_in_order_whoever_comes_and_goes() {
        let channel = Channel::default();
        let mut clients: Vec<Client> = (0..300).map(|id| client(&channel, id)).collect();
        assert!(channel.publish(event(0)));
        // The last ones are handed it first.
        assert!(channel.advance());
        assert!(!channel.publish(event(1)), "it is seen to already");
        // One leaves that has been handed the first event, then one that has not.
        let handed = clients.pop().expect("a client");
        assert_eq!(channel.leave(handed.seat), None);
        let waiting = clients.remove(5);
        assert_eq!(channel.leave(waiting.seat), Some(SubscriberId(298)));
        for gone in [handed, waiting] {
            assert_eq!(received(&gone.outbox), ["0", "1"]);
        }
        let late = client(&channel, 1000);
        while channel.advance() {}
        assert!(received(&late.outbox).is_empty());
        for client in &clients {
            assert_eq!(received(&client.outbox), ["0", "1"]);
        }
        assert!(channel.publish(event(2)));
        while channel.advance() {}
        for client in clients.iter().chain([&late]) {
            assert_eq!(received(&client.outbox), ["2"]);
        }
    }

    #[test]
    fn who_was_not_greeted_is_handed_nothing() {
        let channel = Channel::default();
        let outbox = Arc::new(Outbox::default());
        let seat = channel.join(SubscriberId(1), Some(Arc::clone(&outbox)), 1);
        assert!(!channel.publish(event(0)));
        channel.greet(seat, &[event(7)]);
        assert!(!channel.publish(event(1)));
        assert_eq!(received(&outbox), ["7", "1"]);
    }

    #[test]
    fn what_is_published_faster_than_it_is_handed_is_lost_and_not_kept() {
        let channel = Channel::default();
        let clients: Vec<Client> = (0..100).map(|id| client(&channel, id)).collect();
        assert!(channel.publish(event(0)));
        for nth in 1..=MAX_EVENTS {
            assert!(!channel.publish(event(nth)));
        }
        assert!(channel.lock().pending.len() <= MAX_EVENTS);
        while channel.advance() {}
        for client in &clients {
            assert_eq!(received(&client.outbox), ["lost"]);
        }
        // Until it is greeted anew.
        channel.greet(clients[3].seat, &[event(8)]);
        assert!(channel.publish(event(9)));
        while channel.advance() {}
        assert_eq!(received(&clients[3].outbox), ["8", "9"]);
        assert!(received(&clients[4].outbox).is_empty());
    }
}
