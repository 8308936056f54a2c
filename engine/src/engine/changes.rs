//! From a read of the log to the windows that it concerns.

use smallvec::SmallVec;

use super::{fetch::unseen, route::Routed, *};
use crate::datum::Datum;

impl Engine {
    /// Hands one table's changes to the queries and windows that they may concern.
    pub(super) fn apply_table(&mut self, turn: &Turn, changes: &Arc<TableChanges>) {
        self.hold_back(turn, changes);
        let Some(table) = self.tables.get(&changes.table) else {
            return;
        };
        if changes.reread {
            for id in table.queries.iter().copied().collect::<Vec<_>>() {
                self.reread(id, turn, None, None);
            }
            return;
        }
        let net = net_effect(&changes.images);
        let routed = table.route(
            net.iter()
                .map(|change| (change.old.as_deref(), change.new.as_deref())),
        );
        self.touch(&routed);
        let numbers: Vec<Option<RowId>> = net
            .iter()
            .map(|change| self.rows.find(changes.table, change.old.as_ref()?))
            .collect();
        for (id, concerning) in routed.by_query() {
            let concerning = concerning.map(|at| (&net[at], numbers[at]));
            self.apply_to_query(id, turn, changes, concerning);
        }
    }

    /// Looks at what the queries will be found with, all of them before the first is worked
    /// on: so the memory's delays for them run side by side rather than one after another.
    ///
    /// Each step follows the addresses that the one before has found, for all queries.
    fn touch(&self, routed: &Routed) {
        let queries = routed.by_query().take(TOUCHED_AHEAD);
        let windows: SmallVec<[WindowId; 16]> = queries
            .filter_map(|(id, _)| self.queries.get(id.0)?.windows.first().copied())
            .collect();
        let runs: SmallVec<[&[RowId]; 16]> = windows
            .iter()
            .filter_map(|id| Some(self.windows.get(id.0)?.run.as_ref()?.rows.as_slice()))
            .collect();
        // Where a search for a row's place looks first.
        let rows: SmallVec<[RowId; 32]> = runs
            .iter()
            .flat_map(|run| [run.len() / 2, run.len() / 4, run.len() / 4 * 3].map(|at| run.get(at)))
            .flatten()
            .copied()
            .collect();
        let records: SmallVec<[&Record; 32]> =
            rows.iter().map(|id| &**self.rows.get(*id)).collect();
        let values: SmallVec<[&Datum; 32]> = records
            .iter()
            .filter_map(|record| record.values().first())
            .collect();
        let nulls = values.iter().filter(|value| value.is_null());
        std::hint::black_box(nulls.count());
    }

    /// Hands the net changes that may concern a query to it.
    fn apply_to_query<'a>(
        &mut self,
        id: QueryId,
        turn: &Turn,
        changes: &TableChanges,
        net: impl Iterator<Item = (&'a NetChange, Option<RowId>)> + Clone,
    ) {
        let Some(query) = self.queries.get_mut(id.0) else {
            return;
        };
        if query.spec.reread {
            let net = net.map(|(change, _)| change);
            match query.spec.concern(changes.table, net) {
                Concern::None => {}
                Concern::Shown(related) => self.reread(id, turn, Some(changes), Some(&related)),
                Concern::All => self.reread(id, turn, Some(changes), None),
            }
            return;
        }
        if let Some(moment) = &mut query.moment {
            if turn.changed_at >= moment.turns {
                let turned = moment.turns;
                self.pass_time(id, turned);
                self.reread(id, turn, None, None);
                return;
            }
            let spec = &query.spec;
            moment.advance(&spec.predicate, &spec.schema, turn.changed_at);
            self.take_in_time(id, changes.table, net.clone().map(|(change, _)| change));
        }
        let Some(query) = self.queries.get_mut(id.0) else {
            return;
        };
        if query.is_at_rest() {
            let mut missing = Missing::default();
            let effects = query.effects(net.clone(), &mut missing);
            if missing.is_empty() {
                self.apply_to_windows(id, turn, &effects);
                if query_waits(&self.queries, id) {
                    self.settle_query(id);
                }
                return;
            }
        }
        let Some(query) = self.queries.get_mut(id.0) else {
            return;
        };
        let concerning: Vec<NetChange> = net
            .map(|(change, _)| change)
            .filter(|change| query.spec.is_concerned_by(changes.table, change))
            .cloned()
            .collect();
        if concerning.is_empty() {
            return;
        }
        let waiting = query.pending_changes() + concerning.len();
        if waiting > self.limits.pending_changes
            || self.pending_changes + concerning.len() > self.limits.pending_changes_in_all
        {
            self.reread(id, turn, None, None);
            return;
        }
        self.pending_changes += concerning.len();
        query.defer(turn.clone(), concerning);
        self.advance(id);
    }

    fn apply_to_windows(&mut self, id: QueryId, turn: &Turn, effects: &[Effect]) {
        if effects.is_empty() {
            return;
        }
        let mut nth = 0;
        while let Some(window) = self
            .queries
            .get(id.0)
            .and_then(|query| query.windows.get(nth).copied())
        {
            self.apply_to_window(window, turn, effects);
            nth += 1;
        }
    }

    /// Takes a query through its pending reads, as far as PostgreSQL has answered.
    pub(super) fn advance(&mut self, id: QueryId) {
        loop {
            let Some(query) = self.queries.get(id.0) else {
                return;
            };
            let Some(read) = query.pending().next() else {
                break;
            };
            let mut missing = Missing::default();
            let effects = query.effects(unnumbered(&read.changes), &mut missing);
            if missing.is_empty() {
                missing.rankings = self.unranked(query, &effects);
            }
            if !missing.is_empty() {
                self.ask(id);
                break;
            }
            let Some(read) = self
                .queries
                .get_mut(id.0)
                .and_then(|query| query.open.as_mut()?.pending.pop_front())
            else {
                return;
            };
            self.pending_changes -= read.changes.len();
            if let Some(query) = self.queries.get(id.0) {
                let table = query.spec.schema.table;
                self.take_in_time(id, table, read.changes.iter());
            }
            let effects = match self.queries.get(id.0) {
                Some(query) => query.effects(unnumbered(&read.changes), &mut missing),
                None => return,
            };
            self.apply_to_windows(id, &read.turn, &effects);
        }
        self.settle_query(id);
        if let Some(query) = self.queries.get_mut(id.0)
            && query.reading == 0
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
        let rows: Vec<&Arc<Record>> = self.rows_in_use(query).chain(records(effects)).collect();
        query.unranked(rows.iter().copied())
    }

    /// Every row that the query's windows hold or are about to hold.
    fn rows_in_use<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Arc<Record>> {
        query
            .windows
            .iter()
            .filter_map(|id| self.windows.get(id.0))
            .flat_map(|window| {
                let run = window.run.iter().flat_map(|run| &run.rows);
                let arrived = window
                    .fetch
                    .iter()
                    .filter_map(|fetch| fetch.arrived.as_ref())
                    .flat_map(|read| &read.rows);
                run.map(|id| self.rows.get(*id)).chain(arrived)
            })
    }

    /// Asks all that the query has open, unless a question is under way.
    pub(super) fn ask(&mut self, id: QueryId) {
        let Some(query) = self.queries.get(id.0) else {
            return;
        };
        if query.question().is_some() {
            return;
        }
        let mut missing = Missing::default();
        let held: Vec<NetChange> = query
            .windows
            .iter()
            .filter_map(|id| self.windows.get(id.0)?.fetch.as_ref())
            .filter_map(|fetch| Some((fetch, fetch.arrived.as_ref()?)))
            .flat_map(|(fetch, read)| {
                let held = fetch.held.iter();
                held.flat_map(|held| unseen(held, &read.snapshot))
            })
            .collect();
        let pending = query.pending().flat_map(|read| &read.changes);
        let effects = query.effects(unnumbered(pending.chain(&held)), &mut missing);
        let mut rankings = Vec::new();
        if query.spec.order.is_asked() {
            // Rows whose verdict is open may turn out to match: rank them along.
            let rows: Vec<&Arc<Record>> = self
                .rows_in_use(query)
                .chain(records(&effects))
                .chain(&missing.verdicts)
                .collect();
            rankings = query.unranked(rows.iter().copied());
        }
        let mut seen = FxHashSet::default();
        missing
            .verdicts
            .retain(|record| seen.insert(Arc::as_ptr(record)));
        let question = Question {
            id: QuestionId(self.next_id()),
            verdicts: missing.verdicts,
            rankings,
        };
        self.figures.questions += 1;
        if let Some(query) = self.queries.get_mut(id.0) {
            query.open.get_or_insert_default().question = Some(question.clone());
        }
        self.outputs.push(Output::Ask {
            query: id,
            question,
        });
    }

    /// Keeps what concerns windows whose rows are being read until they have come.
    fn hold_back(&mut self, turn: &Turn, changes: &Arc<TableChanges>) {
        let Some(table) = self.tables.get(&changes.table) else {
            return;
        };
        if table.reading == 0 {
            return;
        }
        if changes.reread {
            // Whatever the images say, the rows have to be read once more.
            let bare = Arc::new(TableChanges {
                table: changes.table,
                images: Vec::new(),
                reread: true,
            });
            let is_read = |id: &&QueryId| {
                let query = self.queries.get(id.0);
                query.is_some_and(|query| query.reading > 0)
            };
            let queries: Vec<QueryId> = table.queries.iter().filter(is_read).copied().collect();
            for id in queries {
                self.hold_back_for(id, turn, &bare);
            }
            return;
        }
        // The rows that come may show some of the read's transactions and not others, so
        // what counts is each image, not their net effect.
        let images = changes.images.iter();
        let routed = table.route(images.map(|image| (Some(&*image.record), None)));
        for (id, numbers) in routed.by_query() {
            let Some(query) = self.queries.get(id.0).filter(|query| query.reading > 0) else {
                continue;
            };
            let images: Vec<_> = numbers
                .map(|at| &changes.images[at])
                .filter(|image| query.spec.is_concerned_with(changes.table, &image.record))
                .cloned()
                .collect();
            if !images.is_empty() {
                let concerning = TableChanges {
                    table: changes.table,
                    images,
                    reread: false,
                };
                self.hold_back_for(id, turn, &Arc::new(concerning));
            }
        }
    }

    fn hold_back_for(&mut self, id: QueryId, turn: &Turn, changes: &Arc<TableChanges>) {
        let Some(query) = self.queries.get(id.0) else {
            return;
        };
        let bytes: usize = changes.images.iter().map(|image| image.record.size()).sum();
        let mut beyond = Vec::new();
        for window_id in &query.windows {
            let Some(fetch) = self
                .windows
                .get_mut(window_id.0)
                .and_then(|window| window.fetch.as_mut())
                .filter(|fetch| !fetch.is_outrun)
            else {
                continue;
            };
            fetch.held_images += changes.images.len();
            self.held_images += changes.images.len();
            fetch.held_bytes += bytes;
            self.held_bytes += bytes;
            fetch.held.push(Held {
                to: Arc::clone(&turn.to),
                changed_at: turn.changed_at,
                changes: Arc::clone(changes),
            });
            if fetch.held_images > self.limits.held_images
                || self.held_images > self.limits.held_images_in_all
                || fetch.held_bytes > self.limits.held_bytes
                || self.held_bytes > self.limits.held_bytes_in_all
            {
                beyond.push(*window_id);
            }
        }
        for window in beyond {
            self.outrun(window);
        }
    }
}

/// How many queries are looked at ahead: what the processor's caches hold.
const TOUCHED_AHEAD: usize = 256;

/// Changes of which it is not known under which numbers their rows are held.
pub(super) fn unnumbered<'a>(
    changes: impl IntoIterator<Item = &'a NetChange>,
) -> impl Iterator<Item = (&'a NetChange, Option<RowId>)> {
    changes.into_iter().map(|change| (change, None))
}

fn query_waits(queries: &Slab<Query>, id: QueryId) -> bool {
    queries.get(id.0).is_some_and(|query| query.reading > 0)
}

fn records<'a>(effects: &[Effect<'a>]) -> impl Iterator<Item = &'a Arc<Record>> {
    effects
        .iter()
        .flat_map(|effect| [effect.leaves, effect.enters])
        .flatten()
}
