//! Taking turns with whatever else the server does.

use std::time::{Duration, Instant};

/// How long a turn is: what else a thread does waits no longer for a rule.
const TURN: Duration = Duration::from_micros(500);

/// Since when it has been worked without giving others their turn.
#[derive(Debug)]
pub struct Turn(Instant);

impl Turn {
    /// It begins now.
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Gives others their turn once ours is over: called between small pieces of work.
    pub async fn give(&mut self) {
        if self.0.elapsed() >= TURN {
            tokio::task::yield_now().await;
            *self = Self::begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        hint::spin_loop,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering::Relaxed},
        },
    };

    use super::*;

    /// On one thread, where nothing else is done but what gives its turn.
    #[tokio::test]
    async fn others_have_their_turn_between_pieces_of_long_work() {
        let turns = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&turns);
        let other = tokio::spawn(async move {
            while counted.fetch_add(1, Relaxed) < 10 {
                tokio::task::yield_now().await;
            }
        });
        let mut turn = Turn::begin();
        for had in 0..10 {
            while turn.0.elapsed() < TURN {
                spin_loop();
            }
            assert_eq!(turns.load(Relaxed), had);
            turn.give().await;
        }
        other.await.expect("it has ended");
    }
}
