//! Going once over what is new: from the cursor to what is told, in one transaction.

mod audience;
mod failures;
mod place;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::PgPool;

pub use self::{audience::may_tell_others, place::Reach};
use self::{
    failures::Failures,
    place::{beginning, place},
};
use super::{
    Watching,
    look::{Watch, is_lasting, is_passing, look},
    rule::{self, Kind, Rule},
    seen::Condition,
    shape, tell, words,
};
use crate::{
    auth::{AccountId, Accounts, Identity},
    capture::TailHandle,
    database::{
        catalog::{Catalog, TableMeta},
        readers::Readers,
    },
    error::sqlstate,
    permission::Seen,
};

/// How long what a rule looks for is remembered: a filter may say `today`.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How long the cursor may stand while nothing is found.
const STANDS: Duration = Duration::from_secs(20);

/// `serialization_failure`
const SERIALIZATION: &str = "40001";

/// What an evaluator works with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What tables there are.
    pub catalog: Arc<Catalog>,
    /// For reading them.
    pub readers: Readers,
    /// Who may see what.
    pub accounts: Accounts,
    /// Connections of its own.
    pub pool: PgPool,
    /// Says that there is something to read.
    pub tail: TailHandle,
    /// Tells of changed rules, and is told of what is queued.
    pub watching: Watching,
}

/// Looks at what is new by all rules.
#[derive(Debug)]
pub struct Evaluator {
    pub(super) parts: Parts,
    known: HashMap<(i64, i64), Known>,
    failures: Failures,
    /// When the round began.
    begun: Instant,
    /// Rules that can't be looked at as their owners ask.
    refused: BTreeSet<i64>,
    /// When the cursor was last moved.
    moved: Option<Instant>,
}

/// What a rule looks for, and what that follows from.
#[derive(Debug)]
struct Known {
    rule: (String, Kind),
    identity: Identity,
    fingerprint: String,
    since: Instant,
    condition: Option<Arc<Condition>>,
}

/// How going over it ended.
#[derive(Debug, Default)]
pub struct Round {
    /// Relations of which a change may be told.
    pub relations: BTreeSet<u32>,
    /// Whether another server is at it.
    pub is_taken: bool,
    /// Whether there is more to be looked at.
    pub has_more: bool,
    /// Those of the rules that are about totals, with the relations by which they change.
    pub totals: Vec<(Rule, BTreeSet<u32>)>,
}

/// Why it is done again.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The database's reason.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Somebody could not be asked just now.
    #[error("it could not be looked at just now")]
    Passing,
    /// These rules could not be looked at, though others perhaps could.
    #[error("rules could not be looked at")]
    Rules(Vec<i64>),
}

impl Evaluator {
    /// One that has looked at nothing.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            known: HashMap::new(),
            failures: Failures::default(),
            begun: Instant::now(),
            refused: BTreeSet::new(),
            moved: None,
        }
    }

    /// Looks at the next part of what is new, and tells of it.
    ///
    /// # Errors
    /// Why that was not done: then nothing of it was.
    pub async fn round(&mut self) -> Result<Round, Failed> {
        let begun = Instant::now();
        let round = self.go_over(begun).await;
        match &round {
            Ok(round) if !round.is_taken => self.failures.went_well(begun),
            Err(Failed::Rules(rules)) => {
                let now = Instant::now();
                rules.iter().for_each(|rule| self.failures.add(*rule, now));
            }
            _ => {}
        }
        round
    }

    async fn go_over(&mut self, begun: Instant) -> Result<Round, Failed> {
        self.begun = begun;
        // One version of the database: a rule that is not seen yet is of later than all that is
        // looked at, and what is removed from the log meanwhile is seen.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ";
        let mut transaction = self.parts.pool.clone().begin_with(begin).await?;
        let connection = &mut *transaction;
        let rules = rule::active(connection).await?;
        if rules.is_empty() {
            self.known.clear();
            return Ok(Round::default());
        }
        let there: BTreeSet<i64> = rules.iter().map(|rule| rule.id).collect();
        self.known.retain(|(rule, _), _| there.contains(rule));
        self.refused.clear();
        sqlx::query(
            "SELECT set_config('synchronous_commit', 'on', true), \
                    set_config('idle_in_transaction_session_timeout', '60s', true), \
                    set_config('statement_timeout', '10min', true)",
        )
        .execute(&mut *connection)
        .await?;
        let tables = self.tables(&rules).await?;
        let mut round = Round {
            relations: tables.keys().copied().collect(),
            ..Round::default()
        };
        for rule in rules
            .iter()
            .filter(|rule| matches!(rule.kind, Kind::Total(_)) && !rule.is_over)
        {
            let of = tables
                .iter()
                .filter(|(_, of)| of.table.path() == rule.table);
            let of: BTreeSet<u32> = of.map(|(relation, _)| *relation).collect();
            round.totals.push((rule.clone(), of));
        }
        let place = match place(connection).await {
            Ok(Some(place)) => place,
            Ok(None) => {
                round.is_taken = true;
                return Ok(round);
            }
            // Another was at it a moment ago.
            Err(error) if sqlstate(&error) == SERIALIZATION => {
                round.is_taken = true;
                return Ok(round);
            }
            Err(error) => return Err(error.into()),
        };
        let Some(reach) = place.reach else {
            return Ok(round);
        };
        if !place.is_ours {
            tell::begin_anew(connection, &rules).await?;
            transaction.commit().await?;
            self.moved = None;
            round.has_more = true;
            return Ok(round);
        }
        let from = beginning(&place.seen, &rules);
        let lost: Vec<&Rule> = rules
            .iter()
            .filter(|rule| place.purged_below > from.xmin.max(rule.since.xmin))
            .collect();
        let left_out: Vec<&Rule> = rules
            .iter()
            .filter(|rule| self.failures.is_left_out(rule.id, self.begun))
            .collect();
        let shapes = shape::look(&self.parts, &rules, &tables).await?;
        let looked = look(self, connection, &rules, &tables, &from, &reach).await?;
        round.has_more = looked.has_more;
        let is_still = self.moved.is_some_and(|moved| moved.elapsed() < STANDS);
        let is_nothing = lost.is_empty() && left_out.is_empty() && shapes.is_empty();
        if looked.rows == 0 && is_nothing && is_still {
            return Ok(round);
        }
        let queued = tell::tell(connection, &rules, &looked).await?;
        tell::miss(connection, &lost, words::PURGED).await?;
        tell::miss(connection, &left_out, words::SLOW).await?;
        tell::note_missed(connection, &self.refused, words::REFUSED).await?;
        shape::remember(connection, &rules, &shapes).await?;
        rule::forget_gaps(connection, &rules, &looked.seen).await?;
        sqlx::query(
            "UPDATE rowcast.watch_cursor SET seen = $1::text::pg_snapshot, \
                    looked_at = CASE WHEN $2 THEN looked_at \
                                     WHEN rowcast.is_replicated() \
                                     THEN (SELECT c.at FROM rowcast.copied c) ELSE now() END",
        )
        .bind(looked.seen.to_string())
        .bind(looked.has_more)
        .execute(&mut *connection)
        .await?;
        transaction.commit().await?;
        self.moved = Some(Instant::now());
        if queued {
            self.parts.watching.queued.notify_one();
        }
        Ok(round)
    }

    /// The tables of the rules, by all relations that they are made of. What is no table has none.
    async fn tables(&self, rules: &[Rule]) -> Result<HashMap<u32, Arc<TableMeta>>, Failed> {
        let paths: BTreeSet<&str> = rules.iter().map(|rule| rule.table.as_str()).collect();
        let mut tables = HashMap::new();
        for path in paths {
            let table = match self.parts.catalog.table(path).await {
                Ok(table) => table,
                Err(error) if is_lasting(&error) => continue,
                Err(_) => return Err(Failed::Passing),
            };
            for partition in &table.partitions {
                tables.insert(*partition, Arc::clone(&table));
            }
            tables.insert(table.oid, table);
        }
        Ok(tables)
    }

    /// What is looked for in a table, and for whom, by what each of them may see now.
    pub(super) async fn watches(
        &mut self,
        rules: &[Rule],
        table: &Arc<TableMeta>,
    ) -> Result<Vec<Watch>, Failed> {
        let path = table.table.path();
        let is_watched = |rule: &Rule| {
            let is_total = matches!(rule.kind, Kind::Total(_));
            rule.table == path && !is_total && !self.failures.is_left_out(rule.id, self.begun)
        };
        let of: Vec<usize> = (0..rules.len())
            .filter(|at| is_watched(&rules[*at]))
            .collect();
        let audience = self.audience(of.iter().map(|at| &rules[*at])).await?;
        let mut watches: Vec<Watch> = Vec::new();
        for at in of {
            let rule = &rules[at];
            let begin = watches.len();
            for recipient in audience.of(rule, table) {
                let identity = &audience.identities[&recipient.account];
                let Some(condition) = self.condition(rule, identity, table).await? else {
                    if rule.role.is_none() {
                        self.refused.insert(rule.id);
                    }
                    continue;
                };
                let mut known = watches[begin..].iter_mut();
                let same =
                    known.find(|watch| watch.condition.bound.identity == condition.bound.identity);
                match same {
                    Some(watch) => watch.to.push(recipient),
                    None => watches.push(Watch {
                        rule: at,
                        condition,
                        to: vec![recipient],
                    }),
                }
            }
        }
        Ok(watches)
    }

    /// What a rule looks for as somebody sees it; `None` if they may not see it.
    pub(super) async fn condition(
        &mut self,
        rule: &Rule,
        identity: &Identity,
        table: &Arc<TableMeta>,
    ) -> Result<Option<Arc<Condition>>, Failed> {
        let account = identity.account.map_or(0, |AccountId(id)| id);
        if let Some(known) = self.known.get(&(rule.id, account))
            && known.since.elapsed() < REMEMBERED
            && known.fingerprint == table.fingerprint
            && (known.rule.0 == rule.query && known.rule.1 == rule.kind)
            && known.identity == *identity
        {
            return Ok(known.condition.clone());
        }
        let seen = Seen::new(&self.parts.catalog, identity);
        let pool = self.parts.readers.ours();
        let condition = match Condition::new(seen, pool, table, &rule.query, &rule.kind).await {
            Ok(condition) => Some(Arc::new(condition)),
            Err(error) if is_lasting(&error) => None,
            Err(error) if error.code != "too_slow" && is_passing(&error) => {
                return Err(Failed::Passing);
            }
            Err(_) => return Err(Failed::Rules(vec![rule.id])),
        };
        let known = Known {
            rule: (rule.query.clone(), rule.kind.clone()),
            identity: identity.clone(),
            fingerprint: table.fingerprint.clone(),
            since: Instant::now(),
            condition: condition.clone(),
        };
        self.known.insert((rule.id, account), known);
        Ok(condition)
    }
}
