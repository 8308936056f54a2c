//! Other servers' tails, for which writers do not ring while this one is awake: it does.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use super::{CHANNEL, locks, within};

/// How far apart it is rung for them.
const APART: Duration = Duration::from_millis(20);

/// How long it is taken for granted that there are others, or none.
const KNOWN: Duration = Duration::from_secs(1);

/// What a tail says that rings for others: that it is awake, so that writers may skip the bell.
pub(super) const AWAKE: &str = "awake";

/// What others have been told, and what they are owed.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Whether there are any, and when that was asked.
    known: Option<(bool, Instant)>,
    /// When it was last rung for them.
    rung: Option<Instant>,
    /// Whether something has been found since.
    is_owed: bool,
}

impl Others {
    /// Rings for them after a read that found something, or soon after. What is still owed when
    /// it is `over` is told at once.
    pub async fn tell(
        &mut self,
        found: bool,
        over: bool,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        self.is_owed |= found;
        if !self.is_due(over, Instant::now()) {
            return Ok(());
        }
        let there_are = match self.known {
            Some((there_are, asked)) if asked.elapsed() < KNOWN => there_are,
            _ => {
                let there_are = within(locks::is_accompanied(connection)).await?;
                self.known = Some((there_are, Instant::now()));
                there_are
            }
        };
        if there_are {
            self.rung = Some(Instant::now());
            // What is lost of it in a crash was for listeners who are lost as well.
            let ring = sqlx::query(
                "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)",
            );
            within(ring.bind(CHANNEL).bind(AWAKE).execute(connection)).await?;
        }
        self.is_owed = false;
        Ok(())
    }

    fn is_due(&self, over: bool, now: Instant) -> bool {
        let is_soon = |rung: Instant| now.saturating_duration_since(rung) < APART;
        self.is_owed && (over || !self.rung.is_some_and(is_soon))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_rung_at_once_then_a_while_apart_and_at_the_end_whatever_is_owed() {
        let start = Instant::now();
        let mut others = Others::default();
        assert!(!others.is_due(true, start));
        others.is_owed = true;
        assert!(others.is_due(false, start));
        others.rung = Some(start);
        assert!(!others.is_due(false, start + APART / 2));
        assert!(others.is_due(true, start + APART / 2));
        assert!(others.is_due(false, start + APART));
    }
}
