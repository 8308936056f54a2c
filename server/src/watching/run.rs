//! When it is looked.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, sleep_until},
};

use super::{
    evaluator::{Evaluator, Failed, Round},
    rule::Rule,
    total, words,
};
use crate::error::sqlstate;

/// How often it is looked without a reason: for rules made elsewhere, and so that the cursor stays
/// ahead of what is removed from the log.
const LOOK: Duration = Duration::from_secs(30);

/// The shortest time between two looks: what a busy table does meanwhile is told by one commit, which
/// writers would wait beside.
const APART: Duration = Duration::from_millis(50);

/// So many times as long as a look took, it takes until the next.
const SPACING: u32 = 3;

/// At the most.
const SPACED: Duration = Duration::from_secs(1);

/// How soon it is tried again while another server is at it.
const TAKEN: Duration = Duration::from_millis(200);

/// How long it takes after a failure; twice as long each time.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// At the most.
const LAST_RETRY: Duration = Duration::from_secs(5);

/// How many failures in a row are worth a warning, and then as many again.
const WARNED: u32 = 5;

/// The shortest time between two readings of a total.
const TOTAL_APART: Duration = Duration::from_secs(1);

/// So many failures of a total, and its owner is told.
const TOTAL_FAILURES: u32 = 3;

/// So many times as long as it took, it takes until a total is read again.
const TOTAL_SPACING: u32 = 10;

/// When each total may be read again, and whether it is to be.
#[derive(Debug, Default)]
struct Totals {
    rules: Vec<(Rule, BTreeSet<u32>)>,
    due: BTreeSet<i64>,
    not_before: HashMap<i64, Instant>,
    /// How often each has failed in a row.
    failures: HashMap<i64, u32>,
}

/// A reading of a total that is over.
type Read = (Rule, Result<Duration, Failed>);

/// Looks at all that happens, until `stop` says so.
pub async fn run(mut evaluator: Evaluator, mut stop: watch::Receiver<bool>) {
    let tail = evaluator.parts.tail.clone();
    let changed = std::sync::Arc::clone(&evaluator.parts.watching.changed);
    tail.hear();
    let mut relations = BTreeSet::new();
    let mut totals = Totals::default();
    // Hits do not wait for totals, of which one is read at a time.
    let mut reader = Some(Evaluator::new(evaluator.parts.clone()));
    let mut reading = JoinSet::new();
    let mut retry = FIRST_RETRY;
    let mut failures = 0_u32;
    // What happened meanwhile is looked at first, totals too.
    let mut next = Instant::now();
    let mut not_before = next;
    let mut is_anything_due = true;
    loop {
        let due = totals.next().filter(|_| reader.is_some());
        let wake = due.map_or(next, |due| due.min(next));
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            news = tail.news(), if next > Instant::now() => {
                match news {
                    None => is_anything_due = true,
                    Some(found) if found.is_disjoint(&relations) => continue,
                    Some(found) => totals.touch(&found),
                }
                next = Instant::now().max(not_before);
                continue;
            }
            () = changed.notified() => {
                is_anything_due = true;
                next = Instant::now();
                continue;
            }
            Some(read) = reading.join_next() => {
                match read {
                    Ok((known, read)) => {
                        reader = Some(known);
                        totals.was_read(read);
                    }
                    // It has said so.
                    Err(_) => reader = Some(Evaluator::new(evaluator.parts.clone())),
                }
                continue;
            }
            () = sleep_until(wake.into()) => {}
        }
        if next <= Instant::now() {
            let begun = Instant::now();
            let round = tokio::select! {
                round = evaluator.round() => round,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            // A busy table is looked at a quarter of the time at the most; the first hit of a quiet
            // one at once.
            not_before = Instant::now() + (begun.elapsed() * SPACING).clamp(APART, SPACED);
            match round {
                Ok(round) => {
                    retry = FIRST_RETRY;
                    failures = 0;
                    relations = round.relations.clone();
                    next = begun + next_after(&round);
                    totals.know(round, is_anything_due);
                    is_anything_due = false;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tell_of(&error, failures);
                    tokio::select! {
                        () = sleep(retry) => {}
                        _ = stop.wait_for(|stop| *stop) => return,
                    }
                    retry = (retry * 2).min(LAST_RETRY);
                }
            }
        }
        if reader.is_some()
            && let Some(rule) = totals.take()
            && let Some(mut reader) = reader.take()
        {
            let failed = totals.failures.get(&rule.id).copied().unwrap_or(0);
            reading.spawn(async move {
                let read = read_total(&mut reader, rule, failed).await;
                (reader, read)
            });
        }
    }
}

/// Reads a total that has failed so often. Its owner is told if it does again and again.
async fn read_total(reader: &mut Evaluator, rule: Rule, failed: u32) -> Read {
    let mut read = total::look(reader, &rule).await;
    if matches!(read, Err(Failed::Rule(_))) && failed + 1 >= TOTAL_FAILURES {
        read = total::miss(reader, &rule, words::SLOW).await;
    }
    (rule, read)
}

fn next_after(round: &Round) -> Duration {
    match (round.has_more, round.is_taken) {
        (true, _) => Duration::ZERO,
        (_, true) => TAKEN,
        _ => LOOK,
    }
}

fn tell_of(error: &Failed, failures: u32) {
    let reason = match error {
        Failed::Database(error) => sqlstate(error),
        Failed::Passing => "passing".into(),
        Failed::Rule(rule) => format!("rule {rule}"),
    };
    match failures.is_multiple_of(WARNED) {
        true => tracing::warn!(
            %reason, failures, "watch rules can't be looked at, so nothing is told; trying again"
        ),
        false => tracing::debug!(%reason, "watch rules could not be looked at; trying again"),
    }
}

impl Totals {
    fn know(&mut self, round: Round, is_anything_due: bool) {
        let known: BTreeSet<i64> = self.rules.iter().map(|(rule, _)| rule.id).collect();
        self.rules = round.totals;
        let there: BTreeSet<i64> = self.rules.iter().map(|(rule, _)| rule.id).collect();
        self.due.retain(|id| there.contains(id));
        self.not_before.retain(|id, _| there.contains(id));
        self.failures.retain(|id, _| there.contains(id));
        let new = there
            .iter()
            .filter(|id| is_anything_due || !known.contains(id));
        self.due.extend(new);
    }

    fn touch(&mut self, relations: &BTreeSet<u32>) {
        let of = self
            .rules
            .iter()
            .filter(|(_, of)| !of.is_disjoint(relations));
        self.due.extend(of.map(|(rule, _)| rule.id));
    }

    /// What failed is read again.
    fn was_read(&mut self, (rule, read): Read) {
        let took = match read {
            Ok(took) => {
                self.failures.remove(&rule.id);
                took
            }
            Err(error) => {
                let failures = self.failures.entry(rule.id).or_default();
                *failures = failures.saturating_add(1);
                tell_of(&error, *failures);
                self.due.insert(rule.id);
                LAST_RETRY / TOTAL_SPACING
            }
        };
        let apart = TOTAL_APART.max(took * TOTAL_SPACING);
        self.not_before.insert(rule.id, Instant::now() + apart);
    }

    /// When the next one may be read that is to be.
    fn next(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = self.due.iter();
        due.map(|id| self.not_before.get(id).copied().unwrap_or(now))
            .min()
    }

    /// One that is to be read now.
    fn take(&mut self) -> Option<Rule> {
        let now = Instant::now();
        let is_ready = |id: &&i64| self.not_before.get(id).is_none_or(|at| *at <= now);
        let id = *self.due.iter().find(is_ready)?;
        self.due.remove(&id);
        let found = self.rules.iter().find(|(rule, _)| rule.id == id);
        found.map(|(rule, _)| rule.clone())
    }
}
