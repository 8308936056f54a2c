//! What is committed, and what of it each client has seen.
//!
//! Each commit gives one of fifty rows, those that every client shows, a number that nothing
//! else looks like. So what a client has seen can be told from any system's messages without
//! knowing their form.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Rows that every client shows, and that are changed.
pub const SLOTS: usize = 50;

/// Ten digits, of which the first is an 8.
const FIRST: u64 = 8_000_000_000;
const DIGITS: usize = 10;

/// When each row's commits were sent.
pub struct Commits {
    sent: [Mutex<Vec<Instant>>; SLOTS],
}

impl Default for Commits {
    fn default() -> Self {
        Self {
            sent: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            newest: [None; SLOTS],
            delays: Vec::new(),
        }
    }
}

/// What one client has seen.
pub struct Seen {
    newest: [Option<usize>; SLOTS],
    /// From when a commit was sent until the client saw it, or a later one of the same row.
    pub delays: Vec<Duration>,
}

impl Commits {
    /// The number that a slot's row holds from the beginning.
    pub fn first(slot: usize) -> i64 {
        number(slot, 0)
    }

    /// A commit of a slot's row is being sent. Returns what the row now holds.
    pub fn next(&self, slot: usize) -> usize {
        let sent = self.slot(slot);
        sent.len() + 1
    }

    /// The number that the row holds after this commit of its slot.
    pub fn number(slot: usize, nth: usize) -> i64 {
        number(slot, nth)
    }

    /// The commit is sent now.
    pub fn send(&self, slot: usize) {
        self.slot(slot).push(Instant::now());
    }

    /// Takes in a message that came just now.
    pub fn see(&self, seen: &mut Seen, message: &[u8], at: Instant) {
        for number in numbers(message) {
            let slot = number % SLOTS;
            let nth = number / SLOTS;
            let known = seen.newest[slot].unwrap_or(0);
            if nth > known {
                let sent = self.slot(slot);
                let news = sent.get(known..nth).into_iter().flatten();
                seen.delays
                    .extend(news.map(|sent| at.saturating_duration_since(*sent)));
            }
            seen.newest[slot] = Some(known.max(nth));
        }
    }

    /// Whether a client has all that was committed.
    pub fn is_up_to_date(&self, seen: &Seen) -> bool {
        (0..SLOTS).all(|slot| seen.newest[slot] == Some(self.slot(slot).len()))
    }

    fn slot(&self, slot: usize) -> std::sync::MutexGuard<'_, Vec<Instant>> {
        self.sent[slot]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(slot: usize, nth: usize) -> i64 {
    (FIRST + (nth * SLOTS + slot) as u64) as i64
}

/// The numbers of ours in a message, without what they begin at.
fn numbers(message: &[u8]) -> impl Iterator<Item = usize> {
    message
        .split(|byte| !byte.is_ascii_digit())
        .filter(|digits| digits.len() == DIGITS && digits[0] == b'8')
        .map(|digits| {
            digits[1..]
                .iter()
                .fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_seen_what_a_later_number_of_the_row_tells() {
        let commits = Commits::default();
        let mut seen = Seen::default();
        let whole: String = (0..SLOTS)
            .map(|slot| format!("[{slot},{}]", Commits::first(slot)))
            .collect();
        commits.see(&mut seen, whole.as_bytes(), Instant::now());
        assert!(commits.is_up_to_date(&seen));
        commits.send(7);
        commits.send(7);
        assert!(!commits.is_up_to_date(&seen));
        let news = format!("{{\"seq\":\"{}\"}}", Commits::number(7, 2));
        commits.see(&mut seen, news.as_bytes(), Instant::now());
        assert!(commits.is_up_to_date(&seen));
        assert_eq!(seen.delays.len(), 2);
    }
}
