//! Makes a plan that fails smaller, as long as it fails.
//!
//! Each attempt carries the smaller plan out on tables of its own. Any failure will do:
//! what is looked for is the least that is wrong.

use std::time::{Duration, Instant};

use super::{
    Tally,
    cluster::Cluster,
    conditions::Condition,
    plan::{Plan, Step},
    queries::Query,
    statements::Statement,
    world::{Failure, Ground, Manner, run_on},
};

/// How much may be spent on it.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub runs: u32,
    pub time: Duration,
}

#[derive(Debug)]
pub struct Shrunk {
    pub plan: Plan,
    pub failure: Failure,
    pub runs: u32,
    /// Whether it failed a second time at all.
    pub is_repeatable: bool,
}

/// The smallest plan found that fails as well.
pub async fn shrink(
    cluster: &Cluster,
    plan: &Plan,
    failure: Failure,
    manner: Manner,
    budget: Budget,
) -> Shrunk {
    let mut shrinker = Shrinker {
        cluster,
        manner: Manner {
            quiet: manner.quiet.min(Duration::from_secs(3)),
            deadline: None,
            ..manner
        },
        until: Instant::now() + budget.time,
        budget,
        ground: None,
        best: Shrunk {
            plan: plan.clone(),
            failure,
            runs: 0,
            is_repeatable: false,
        },
    };
    shrinker.shrink().await;
    if let Some(ground) = shrinker.ground.take() {
        ground.leave(cluster).await;
    }
    shrinker.best
}

struct Shrinker<'a> {
    cluster: &'a Cluster,
    manner: Manner,
    until: Instant,
    budget: Budget,
    ground: Option<Ground>,
    best: Shrunk,
}

impl Shrinker<'_> {
    async fn shrink(&mut self) {
        // What depends on the interleaving may need a second chance.
        for _ in 0..3 {
            let plan = self.best.plan.clone();
            if self.attempt(plan).await {
                self.best.is_repeatable = true;
                break;
            }
        }
        if !self.best.is_repeatable {
            return;
        }
        self.calm().await;
        self.only_who_failed().await;
        self.without(|step| !matches!(step, Step::Write(..) | Step::Follow(_) | Step::Check))
            .await;
        self.plain().await;
        loop {
            let before = self.size();
            self.fewer_steps().await;
            self.fewer_rows().await;
            self.simpler_queries().await;
            self.simpler_tables().await;
            if self.size() == before || self.is_spent() {
                break;
            }
        }
    }

    /// Carries a plan out; if it fails, it is the best so far.
    async fn attempt(&mut self, plan: Plan) -> bool {
        if self.is_spent() {
            return false;
        }
        self.best.runs += 1;
        let tally = &mut Tally::default();
        match run_on(&mut self.ground, self.cluster, &plan, self.manner, tally).await {
            Ok(()) => false,
            Err(failure) => {
                self.best.plan = plan;
                self.best.plan.steps.truncate(failure.step + 1);
                self.best.failure = failure;
                true
            }
        }
    }

    fn is_spent(&self) -> bool {
        self.best.runs >= self.budget.runs || Instant::now() >= self.until
    }

    async fn only_who_failed(&mut self) {
        if let Some(failed) = self.best.failure.subscription {
            self.without(
                |step| matches!(step, Step::Follow(nth) | Step::Leave(nth) if *nth != failed),
            )
            .await;
        }
    }

    async fn without(&mut self, superfluous: impl Fn(&Step) -> bool) {
        let mut plan = self.best.plan.clone();
        plan.steps.retain(|step| !superfluous(step));
        if plan.steps.len() < self.best.plan.steps.len() {
            self.attempt(plan).await;
        }
    }

    /// Waits for the lists after every transaction and every subscription, if it fails so as
    /// well: then it no longer depends on the timing.
    async fn calm(&mut self) {
        let mut plan = self.best.plan.clone();
        let mut steps = std::mem::take(&mut plan.steps).into_iter().peekable();
        while let Some(step) = steps.next() {
            let next_follows = matches!(steps.peek(), Some(Step::Follow(_)));
            let waits = match &step {
                Step::Follow(_) => !next_follows,
                Step::Write(_, Statement::Control(sql)) => sql == "COMMIT",
                _ => false,
            };
            plan.steps.push(step);
            plan.steps.extend(waits.then_some(Step::Check));
        }
        self.attempt(plan).await;
    }

    /// Without steps that are not needed. Waiting stays, for what does not depend on the timing
    /// is not to begin to.
    async fn fewer_steps(&mut self) {
        let places = |plan: &Plan| -> Vec<usize> {
            let steps = plan.steps.iter().enumerate();
            steps
                .filter(|(_, step)| **step != Step::Check)
                .map(|(at, _)| at)
                .collect()
        };
        let mut chunks = Chunks::new(places(&self.best.plan).len());
        loop {
            let places = places(&self.best.plan);
            let Some((from, to)) = chunks.next(places.len()) else {
                break;
            };
            let mut plan = self.best.plan.clone();
            for at in places[from..to].iter().rev() {
                plan.steps.remove(*at);
            }
            plan.steps
                .dedup_by(|next, before| *next == Step::Check && *before == Step::Check);
            if !self.attempt(plan).await {
                chunks.keep();
            }
        }
    }

    async fn fewer_rows(&mut self) {
        for at in 0..self.best.plan.steps.len() {
            let count = |plan: &Plan| match plan.steps.get(at) {
                Some(Step::Write(_, Statement::Insert { rows, .. })) => rows.len(),
                _ => 0,
            };
            let mut chunks = Chunks::new(count(&self.best.plan));
            while count(&self.best.plan) > 1
                && let Some((from, to)) = chunks.next(count(&self.best.plan))
            {
                let mut plan = self.best.plan.clone();
                if let Step::Write(_, Statement::Insert { rows, .. }) = &mut plan.steps[at]
                    && to - from < rows.len()
                {
                    rows.drain(from..to);
                    if self.attempt(plan).await {
                        continue;
                    }
                }
                chunks.keep();
            }
        }
    }

    async fn simpler_queries(&mut self) {
        let followed: Vec<usize> = self
            .best
            .plan
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Follow(nth) => Some(*nth),
                _ => None,
            })
            .collect();
        for nth in followed {
            let mut at = 0;
            // Each that succeeds makes room for others at its place.
            while let Some(query) = simpler(&self.best.plan, nth).get(at).cloned() {
                let mut plan = self.best.plan.clone();
                plan.subscriptions[nth].query = query;
                if !self.attempt(plan).await {
                    at += 1;
                }
            }
        }
    }

    /// Tables and settings as most have them.
    async fn plain(&mut self) {
        let mut plan = self.best.plan.clone();
        plan.settings.clear();
        let of_views: Vec<usize> = plan
            .followed()
            .filter(|query| query.is_of_view)
            .map(|query| query.table)
            .collect();
        for (at, table) in plan.tables.iter_mut().enumerate() {
            table.is_partitioned = false;
            table.has_trigger = false;
            table.has_view = of_views.contains(&at);
        }
        self.attempt(plan).await;
    }

    async fn simpler_tables(&mut self) {
        let needed: Vec<usize> = self.best.plan.needed_tables().collect();
        for at in needed {
            for column in (0..self.best.plan.tables[at].columns.len()).rev() {
                let mut plan = self.best.plan.clone();
                let is_named = plan
                    .followed()
                    .any(|query| query.needs(&plan.tables, at, column));
                if plan.tables[at].is_spare(column) && !is_named {
                    plan.tables[at].columns[column].is_left_out = true;
                    self.attempt(plan).await;
                }
            }
        }
    }

    fn size(&self) -> (usize, usize) {
        let plan = &self.best.plan;
        (plan.steps.len(), format!("{plan:?}").len())
    }
}

/// Which parts of a sequence to try to do without: halves, quarters, and so on to single ones.
struct Chunks {
    size: usize,
    at: usize,
}

impl Chunks {
    fn new(len: usize) -> Self {
        Self {
            size: len.div_ceil(2),
            at: 0,
        }
    }

    /// The next part of what is `len` long by now.
    fn next(&mut self, len: usize) -> Option<(usize, usize)> {
        if self.at >= len {
            if self.size <= 1 {
                return None;
            }
            self.size /= 2;
            self.at = 0;
        }
        (self.at < len).then(|| (self.at, (self.at + self.size).min(len)))
    }

    /// The last part is needed.
    fn keep(&mut self) {
        self.at += self.size;
    }
}

/// The query with one thing less.
fn simpler(plan: &Plan, nth: usize) -> Vec<Query> {
    let query = &plan.subscriptions[nth].query;
    let mut simpler = Vec::new();
    let mut push = |change: &dyn Fn(&mut Query)| {
        let mut query = query.clone();
        change(&mut query);
        simpler.push(query);
    };
    for at in 0..query.conditions.len() {
        push(&|query| drop(query.conditions.remove(at)));
        if let Condition::Group { parts, .. } = &query.conditions[at].0 {
            for part in parts {
                push(&|query| query.conditions[at].0 = part.clone());
            }
        }
    }
    for at in 0..query.order.len() {
        push(&|query| {
            query.order.remove(at);
        });
    }
    if query.is_of_view {
        push(&|query| query.is_of_view = false);
    }
    if query.related.is_some() {
        let own = plan.tables[query.table].columns.len();
        push(&|query| query.leave_related(own));
    }
    if query.select.is_some() {
        push(&|query| query.select = None);
    }
    for at in 0..query.aggregates.len() {
        push(&|query| {
            query.aggregates.remove(at);
        });
    }
    if query.offset > 0 {
        push(&|query| query.offset = 0);
    }
    if query.limit != 50 {
        push(&|query| query.limit = 50);
    }
    simpler
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of `0..len` if everything can be done without but these.
    fn left(len: usize, needed: &[usize]) -> (Vec<usize>, usize) {
        let mut all: Vec<usize> = (0..len).collect();
        let mut chunks = Chunks::new(len);
        let mut attempts = 0;
        while let Some((from, to)) = chunks.next(all.len()) {
            attempts += 1;
            if all[from..to].iter().any(|one| needed.contains(one)) {
                chunks.keep();
            } else {
                all.drain(from..to);
            }
        }
        (all, attempts)
    }

    #[test]
    fn what_is_needed_is_left_after_few_attempts() {
        for needed in [vec![], vec![0], vec![999], vec![3, 500, 501], vec![0, 999]] {
            let (all, attempts) = left(1000, &needed);
            assert_eq!(all, needed);
            assert!(attempts < 25 * (1 + needed.len()), "{attempts}");
        }
        assert_eq!(left(0, &[]).0, Vec::<usize>::new());
        assert_eq!(left(1, &[0]).0, [0]);
    }
}
