//! What waits for one connection, in order.

use std::{collections::VecDeque, sync::Arc};

use super::Waiting;
use crate::live::figures::Outgoing;

/// Events that wait; what they are is counted with those that wait for others.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Whether it is counted as that of a client that can't keep up.
    is_slow: bool,
    all: Arc<Outgoing>,
}

impl Queue {
    /// An empty one that counts there.
    pub(super) fn counted(all: Arc<Outgoing>) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            is_slow: false,
            all,
        }
    }

    /// Says whether its client can't keep up.
    pub(super) fn count_slow(&mut self, is_slow: bool) {
        if is_slow != self.is_slow {
            self.is_slow = is_slow;
            self.all.slow(if is_slow { 1 } else { -1 });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes the events have, counted as if they were not shared.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter()
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        let size = waiting.event.size();
        self.bytes += size;
        self.all.add(1, size as i64);
        self.waiting.push_back(waiting);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        let size = waiting.event.size();
        self.bytes = self.bytes.saturating_sub(size);
        self.all.add(-1, -(size as i64));
        // What a burst needed is not kept for the quiet after it.
        if self.waiting.is_empty() && self.waiting.capacity() > 8 {
            self.waiting = VecDeque::new();
        }
        Some(waiting)
    }

    /// Drops all events but those that are to stay.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&Waiting) -> bool) {
        let before = (self.waiting.len(), self.bytes);
        let bytes = &mut self.bytes;
        self.waiting.retain(|waiting| {
            let stays = stays(waiting);
            if !stays {
                *bytes = bytes.saturating_sub(waiting.event.size());
            }
            stays
        });
        let events = self.waiting.len() as i64 - before.0 as i64;
        self.all.add(events, self.bytes as i64 - before.1 as i64);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.count_slow(false);
        self.all
            .add(-(self.waiting.len() as i64), -(self.bytes as i64));
    }
}
