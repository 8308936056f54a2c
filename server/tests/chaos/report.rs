//! What came of each fault.

use std::{
    fmt::{self, Write},
    time::{Duration, Instant},
};

use crate::{faults::Fault, seen::Seen, world::World};

/// What is known while it happens.
pub struct Begun {
    at: Instant,
    commits: u64,
}

#[derive(Default)]
pub struct Report {
    rows: Vec<(Fault, Outcome)>,
}

#[derive(Default)]
struct Outcome {
    times: u64,
    took: Duration,
    commits: u64,
    slowest: Duration,
    seen: Seen,
    /// The longest silence of those who stay with a server to which it was not done.
    elsewhere: Duration,
}

impl Report {
    /// Nothing before counts.
    pub fn begin(world: &World) -> Begun {
        world.take_seen(None);
        world.marker.slowest();
        Begun {
            at: Instant::now(),
            commits: world.writers.commits(),
        }
    }

    /// `nth` is the server to which it was done.
    pub fn end(&mut self, fault: Fault, nth: Option<usize>, begun: &Begun, world: &World) {
        let at = self.rows.iter().position(|(other, _)| *other == fault);
        let at = at.unwrap_or_else(|| {
            self.rows.push((fault, Outcome::default()));
            self.rows.len() - 1
        });
        let outcome = &mut self.rows[at].1;
        outcome.times += 1;
        outcome.took += begun.at.elapsed();
        outcome.commits += world.writers.commits() - begun.commits;
        outcome.slowest = outcome.slowest.max(world.marker.slowest());
        let (all, others) = world.take_seen(nth);
        outcome.seen.add(all);
        outcome.elsewhere = outcome.elsewhere.max(others.silence);
    }

    /// Whether each fault has happened.
    pub fn has_all(&self) -> bool {
        self.rows.len() == Fault::ALL.len()
    }

    /// What all clients have seen.
    pub fn all(&self) -> Seen {
        let mut all = Seen::default();
        for (_, outcome) in &self.rows {
            all.add(outcome.seen.clone());
        }
        all
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<32} {:>5} {:>9} {:>9} {:>9} {:>9} {:>8} {:>7} {:>6}",
            "fault",
            "times",
            "silence",
            "elsewhere",
            "commit",
            "commits/s",
            "patches",
            "resumed",
            "anew"
        )?;
        for (fault, outcome) in &self.rows {
            let Outcome { seen, .. } = outcome;
            writeln!(
                f,
                "{:<32} {:>5} {:>7.2} s {:>7.2} s {:>7.2} s {:>9.0} {:>8} {:>7} {:>6}",
                fault.name(),
                outcome.times,
                seen.silence.as_secs_f64(),
                outcome.elsewhere.as_secs_f64(),
                outcome.slowest.as_secs_f64(),
                outcome.commits as f64 / outcome.took.as_secs_f64(),
                seen.patches,
                seen.resumed,
                seen.resets.values().sum::<u64>()
            )?;
        }
        let all = self.all();
        let mut reasons = String::new();
        for (reason, count) in &all.resets {
            let _ = writeln!(reasons, "  {count} × {reason}");
        }
        write!(
            f,
            "silence: the longest time from a commit until a client had it; elsewhere: of a client \
             that stays with a server to which nothing was done; commit: the longest without one\n\
             {} connections; {} lists went on from their cursor, others began anew ({} at an earlier \
             version than was shown):\n{reasons}",
            all.connections, all.resumed, all.back
        )
    }
}
