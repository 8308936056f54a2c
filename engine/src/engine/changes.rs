//! From a read of the log to what each window's clients are told.

use super::{fetch::unseen, *};

impl Engine {
    /// Hands one table's changes to the queries and windows that they may concern.
    pub(super) fn apply_table(
        &mut self,
        transaction: &Transaction,
        changes: &Arc<TableChanges>,
        touched: &mut Vec<QueryId>,
    ) {
        let Some(table) = self.tables.get(&changes.table) else {
            return;
        };
        let waiting: Vec<WindowId> = table.waiting.iter().copied().collect();
        self.hold_back(transaction, changes, &waiting);

        if changes.reread {
            let queries: Vec<QueryId> = self
                .tables
                .get(&changes.table)
                .map(|table| table.queries.iter().copied().collect())
                .unwrap_or_default();
            for id in queries {
                self.reread(id, transaction, None);
            }
            return;
        }
        for (id, net) in self.route(changes) {
            let Some(query) = self.queries.get_mut(&id) else {
                continue;
            };
            if query.spec.reread {
                self.reread(id, transaction, Some(changes));
                continue;
            }
            if query.pending_changes() + net.len() > self.limits.pending_changes {
                self.reread(id, transaction, None);
                continue;
            }
            query.pending.push_back(PendingRead {
                from: transaction.from.clone(),
                to: transaction.to.clone(),
                changed_at: transaction.changed_at,
                changes: net,
            });
            touched.push(id);
        }
    }

    /// The queries that a table's net changes may concern, each with those changes.
    pub(super) fn route(&self, changes: &TableChanges) -> FxHashMap<QueryId, Vec<NetChange>> {
        let mut routed: FxHashMap<QueryId, Vec<NetChange>> = FxHashMap::default();
        let Some(table) = self.tables.get(&changes.table) else {
            return routed;
        };
        let mut found: FxHashSet<QueryId> = FxHashSet::default();
        for change in net_effect(&changes.images) {
            found.clear();
            for side in [&change.old, &change.new].into_iter().flatten() {
                table.index.candidates(side, |id| {
                    found.insert(id);
                });
            }
            for &id in &found {
                if self
                    .queries
                    .get(&id)
                    .is_some_and(|query| query.spec.is_concerned_by(changes.table, &change))
                {
                    routed.entry(id).or_default().push(change.clone());
                }
            }
        }
        routed
    }

    /// Takes a query through its pending reads, as far as PostgreSQL has answered.
    pub(super) fn advance(&mut self, id: QueryId) {
        loop {
            let Some(query) = self.queries.get(&id) else {
                return;
            };
            let Some(read) = query.pending.front() else {
                break;
            };
            let mut missing = Missing::default();
            let effects = query.effects(&read.changes, &mut missing);
            if missing.is_empty() {
                missing.rankings = self.unranked(query, &effects);
            }
            if !missing.is_empty() {
                self.ask(id);
                break;
            }
            let Some(read) = self
                .queries
                .get_mut(&id)
                .and_then(|query| query.pending.pop_front())
            else {
                return;
            };
            let windows = self
                .queries
                .get(&id)
                .map(|query| query.windows.clone())
                .unwrap_or_default();
            for window in windows {
                self.apply_to_window(window, &read, &effects);
            }
        }
        self.settle_query(id);
        if let Some(query) = self.queries.get_mut(&id)
            && query
                .windows
                .iter()
                .all(|id| self.windows.get(id).is_none_or(|w| w.fetch.is_none()))
        {
            query.forget_verdicts();
        }
    }

    /// What has to be ranked before these effects can be placed in the query's windows.
    pub(super) fn unranked(
        &self,
        query: &Query,
        effects: &[Effect],
    ) -> Vec<(usize, Vec<crate::datum::Datum>)> {
        if !query.spec.order.is_asked() || effects.is_empty() {
            return Vec::new();
        }
        let rows: Vec<Arc<Record>> = self.rows_in_use(query).chain(records(effects)).collect();
        query.unranked(rows.iter())
    }

    /// Every row that the query's windows hold or are about to hold.
    pub(super) fn rows_in_use<'a>(
        &'a self,
        query: &'a Query,
    ) -> impl Iterator<Item = Arc<Record>> + 'a {
        query
            .windows
            .iter()
            .filter_map(|id| self.windows.get(id))
            .flat_map(|window| {
                let run = window.run.iter().flat_map(|run| &run.rows);
                let arrived = window
                    .fetch
                    .iter()
                    .filter_map(|fetch| fetch.arrived.as_ref())
                    .flat_map(|read| &read.rows);
                run.chain(arrived).cloned()
            })
    }

    /// Asks all that the query has open, unless a question is under way.
    pub(super) fn ask(&mut self, id: QueryId) {
        let Some(query) = self.queries.get(&id) else {
            return;
        };
        if query.question.is_some() {
            return;
        }
        let mut missing = Missing::default();
        let mut effects = Vec::new();
        for read in &query.pending {
            effects.extend(query.effects(&read.changes, &mut missing));
        }
        for window in query.windows.iter().filter_map(|id| self.windows.get(id)) {
            if let Some(fetch) = &window.fetch
                && let Some(read) = &fetch.arrived
            {
                for held in &fetch.held {
                    let net = unseen(held, &read.snapshot);
                    effects.extend(query.effects(&net, &mut missing));
                }
            }
        }
        if query.spec.order.is_asked() {
            // Rows whose verdict is open may turn out to match: rank them along.
            let rows: Vec<Arc<Record>> = self
                .rows_in_use(query)
                .chain(records(&effects))
                .chain(missing.verdicts.iter().cloned())
                .collect();
            missing.rankings = query.unranked(rows.iter());
        }
        let mut seen = FxHashSet::default();
        missing
            .verdicts
            .retain(|record| seen.insert(Arc::as_ptr(record)));
        let question = Question {
            id: QuestionId(self.next_id()),
            verdicts: missing.verdicts,
            rankings: missing.rankings,
        };
        self.figures.questions += 1;
        if let Some(query) = self.queries.get_mut(&id) {
            query.question = Some(question.clone());
        }
        self.outputs.push(Output::Ask {
            query: id,
            question,
        });
    }

    /// Takes a window through one read of the log.
    pub(super) fn apply_to_window(&mut self, id: WindowId, read: &PendingRead, effects: &[Effect]) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        if window.version.covers(&read.to) {
            return;
        }
        window.changed_at = window.changed_at.max(read.changed_at);
        let Some(run) = window.run.as_mut() else {
            return;
        };
        let Some(query) = self.queries.get(&window.query) else {
            return;
        };
        let applied = query.with_order(|compare| apply_effects(run, effects, compare));
        window.version = read.to.clone();
        match applied {
            Ok(()) => self.publish(id, &read.from),
            Err(Contradiction) => {
                self.figures.contradictions += 1;
                window.stale_since.get_or_insert_with(|| read.from.clone());
                window.run = None;
                self.read_whole(id);
            }
        }
    }

    /// Tells a window's clients what is new, or asks for the rows that this takes. `from` is
    /// the version before.
    pub(super) fn publish(&mut self, id: WindowId, from: &PgSnapshot) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        let Some(run) = &window.run else { return };
        if !run.covers(window.spec.slice) {
            window.stale_since.get_or_insert_with(|| from.clone());
            if window.fetch.is_none() {
                let wanted = window.refill(run);
                self.figures.refills += 1;
                self.start_fetch(id, wanted);
            }
            return;
        }
        let from = window.stale_since.take().unwrap_or_else(|| from.clone());
        let first = window.sent.is_none();
        let news = window.catch_up();
        let changed_at = mem::take(&mut window.changed_at);
        if first {
            self.outputs.push(Output::Ready(id));
        } else if let Some((ops, total)) = news {
            self.outputs.push(Output::Patch {
                window: id,
                from,
                patch: EnginePatch {
                    ops,
                    total,
                    to: window.version.clone(),
                    changed_at,
                },
            });
        }
        if let Some(run) = &window.run
            && window.fetch.is_none()
            && run.thin(window.spec.slice).is_some()
        {
            let wanted = window.refill(run);
            self.figures.refills += 1;
            self.start_fetch(id, wanted);
        }
    }
}

fn records(effects: &[Effect]) -> impl Iterator<Item = Arc<Record>> + '_ {
    effects
        .iter()
        .flat_map(|effect| [&effect.leaves, &effect.enters])
        .flatten()
        .cloned()
}

pub(super) fn apply_effects(
    run: &mut Run,
    effects: &[Effect],
    compare: crate::run::Compare,
) -> Result<(), Contradiction> {
    for record in effects.iter().filter_map(|effect| effect.leaves.as_ref()) {
        run.remove(record, compare)?;
    }
    for record in effects.iter().filter_map(|effect| effect.enters.as_ref()) {
        run.add(record, compare)?;
    }
    Ok(())
}
