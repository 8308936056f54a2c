//! All queries of one database, and what becomes of their windows.
//!
//! Three kinds of input move the engine: what changed ([`Engine::apply`]), rows that it asked
//! for ([`Engine::rows`]) and answers to its questions ([`Engine::answer`]).
//!
//! **Why a list is never wrong.** Rows are read at a snapshot, and what the log brings while
//! they are being read is held back; of that, exactly the changes that the snapshot does not
//! show are then applied. A window never publishes before its run covers its slice at a
//! version to which its query has been taken whole. What contradicts itself is read again.

use std::{mem, sync::Arc};

use rowcast_protocol::{PgSnapshot, message};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    predicate::Truth,
    predicate_index::{PredicateIndex, QueryId},
    query::{Answer, Effect, Missing, PendingRead, Query, QuerySpec, Question, QuestionId},
    record::{Key, Record},
    run::{Contradiction, Run},
    schema::TableId,
    transaction::{NetChange, TableChanges, Transaction, net_effect},
    window::{Fetch, Held, RequestId, RowsRead, RowsWanted, Window, WindowId, WindowSpec, row},
};

/// What an engine holds at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows' images held back for one window while its rows are being read. What comes
    /// beyond has the rows read once more.
    pub held_images: usize,
    /// Changes of one query that wait for PostgreSQL's verdict. What comes beyond has the
    /// query read again.
    pub pending_changes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_images: 200_000,
            pending_changes: 50_000,
        }
    }
}

/// What the engine wants done or told.
#[derive(Debug)]
pub enum Output {
    /// A window's first list is there: [`Engine::list`] has it.
    Ready(WindowId),
    /// A window's list changed.
    Patch {
        /// Which window.
        window: WindowId,
        /// The version before. The list was the same from the patch before this one on.
        from: PgSnapshot,
        /// The steps.
        patch: EnginePatch,
    },
    /// Rows are needed.
    Read {
        /// For which window.
        window: WindowId,
        /// To be given back with the rows.
        request: RequestId,
        /// Which rows.
        wanted: RowsWanted,
    },
    /// The log has to be read up to the present before rows that came can be used.
    CatchUp,
    /// PostgreSQL has to be asked.
    Ask {
        /// About which query.
        query: QueryId,
        /// What.
        question: Question,
    },
}

/// A patch with its version as the engine knows it.
#[derive(Debug)]
pub struct EnginePatch {
    /// The steps, as clients see them.
    pub ops: Vec<message::Op>,
    /// How many rows match afterwards.
    pub total: u64,
    /// The version afterwards.
    pub to: PgSnapshot,
    /// When the newest change in it was logged: microseconds since 1970.
    pub changed_at: i64,
}

/// A window's list, as its clients hold it.
#[derive(Debug)]
pub struct ListState {
    /// The rows, in order.
    pub rows: Vec<message::Row>,
    /// How many rows match.
    pub total: u64,
    /// The version up to which the list is exact.
    pub version: PgSnapshot,
}

/// Figures about what an engine holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Queries that are live.
    pub queries: usize,
    /// Windows that are live.
    pub windows: usize,
    /// Rows asked for after the first ones of a window.
    pub refills: u64,
    /// Windows read again because a change could not tell what became of them.
    pub rereads: u64,
    /// Questions to PostgreSQL.
    pub questions: u64,
    /// Changes that contradicted the rows that were held. Anything but 0 is a defect, of
    /// capture or of the engine, that reading again has mended.
    pub contradictions: u64,
}

/// All live queries of one database.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    version: PgSnapshot,
    tables: FxHashMap<TableId, TableState>,
    queries: FxHashMap<QueryId, Query>,
    identities: FxHashMap<Arc<str>, QueryId>,
    windows: FxHashMap<WindowId, Window>,
    requests: FxHashMap<RequestId, WindowId>,
    /// Windows whose rows came before the log had been read far enough.
    early: FxHashSet<WindowId>,
    next_id: u64,
    figures: Figures,
    outputs: Vec<Output>,
}

#[derive(Debug, Default)]
struct TableState {
    index: PredicateIndex,
    queries: FxHashSet<QueryId>,
    /// Windows whose rows are being read.
    waiting: FxHashSet<WindowId>,
}

impl Engine {
    /// An engine at this version of the database, without queries.
    pub fn new(version: PgSnapshot) -> Self {
        Self::with_limits(version, Limits::default())
    }

    /// The same with limits of the caller's.
    pub fn with_limits(version: PgSnapshot, limits: Limits) -> Self {
        Self {
            limits,
            version,
            tables: FxHashMap::default(),
            queries: FxHashMap::default(),
            identities: FxHashMap::default(),
            windows: FxHashMap::default(),
            requests: FxHashMap::default(),
            early: FxHashSet::default(),
            next_id: 0,
            figures: Figures::default(),
            outputs: Vec::new(),
        }
    }

    /// Forgets every query and begins anew at a version of another history. Names are not
    /// used again, so what was asked for before is told from what is asked for after.
    pub fn restart(&mut self, version: PgSnapshot) {
        *self = Self {
            next_id: self.next_id,
            figures: self.figures,
            ..Self::with_limits(version, self.limits)
        };
    }

    /// Whether rows for this request are still wanted.
    pub fn wants_rows(&self, request: RequestId) -> bool {
        self.requests.contains_key(&request)
    }

    /// Whether the answer to this question is still wanted.
    pub fn wants_answer(&self, id: QueryId, question: QuestionId) -> bool {
        self.queries
            .get(&id)
            .and_then(|query| query.question.as_ref())
            .is_some_and(|open| open.id == question)
    }

    /// The version that the log has been applied to.
    pub fn version(&self) -> &PgSnapshot {
        &self.version
    }

    /// What it holds and did.
    pub fn figures(&self) -> Figures {
        Figures {
            queries: self.queries.len(),
            windows: self.windows.len(),
            ..self.figures
        }
    }

    /// The windows of a query.
    pub fn windows_of(&self, query: QueryId) -> impl Iterator<Item = WindowId> + '_ {
        self.queries
            .get(&query)
            .into_iter()
            .flat_map(|query| query.windows.iter().copied())
    }

    /// The version up to which the list of a window's clients is exact.
    pub fn exact_version_of(&self, window: WindowId) -> Option<&PgSnapshot> {
        self.exact_version(self.windows.get(&window)?)
    }

    /// The query that a window is of.
    pub fn query_of(&self, window: WindowId) -> Option<QueryId> {
        self.windows.get(&window).map(|window| window.query)
    }

    /// Opens a window. Its rows are asked for at once; [`Output::Ready`] says when they are
    /// there.
    pub fn open(&mut self, query: &QuerySpec, spec: WindowSpec) -> (WindowId, Vec<Output>) {
        let query_id = match self.identities.get(&query.identity) {
            Some(id) => *id,
            None => self.add_query(query.clone()),
        };
        let id = WindowId(self.next_id() as u32);
        let window = Window {
            query: query_id,
            spec,
            run: None,
            version: self.version.clone(),
            sent: None,
            stale_since: None,
            changed_at: 0,
            fetch: None,
        };
        self.windows.insert(id, window);
        if let Some(query) = self.queries.get_mut(&query_id) {
            query.windows.push(id);
        }
        self.read_whole(id);
        (id, mem::take(&mut self.outputs))
    }

    /// Closes a window and forgets it.
    pub fn close(&mut self, id: WindowId) {
        self.cancel_fetch(id);
        let Some(window) = self.windows.remove(&id) else {
            return;
        };
        let Some(query) = self.queries.get_mut(&window.query) else {
            return;
        };
        query.windows.retain(|other| *other != id);
        if query.windows.is_empty() {
            self.remove_query(window.query);
        }
    }

    /// Closes all windows of a table, whose shape has changed.
    pub fn close_table(&mut self, table: TableId) -> Vec<WindowId> {
        let windows: Vec<WindowId> = self
            .tables
            .get(&table)
            .into_iter()
            .flat_map(|table| &table.queries)
            .filter_map(|query| self.queries.get(query))
            .flat_map(|query| query.windows.iter().copied())
            .collect();
        for window in &windows {
            self.close(*window);
        }
        windows
    }

    /// Whether a window's first list is there.
    pub fn is_ready(&self, id: WindowId) -> bool {
        self.windows
            .get(&id)
            .is_some_and(|window| window.sent.is_some())
    }

    /// The list that a window's clients hold; `None` before the first rows are there.
    pub fn list(&self, id: WindowId) -> Option<ListState> {
        let window = self.windows.get(&id)?;
        let sent = window.sent.as_ref()?;
        Some(ListState {
            rows: sent
                .rows
                .iter()
                .map(|record| row(record, &window.spec.select))
                .collect(),
            total: sent.total,
            version: self.exact_version(window)?.clone(),
        })
    }

    /// The version up to which what a window's clients hold is exact.
    fn exact_version<'a>(&'a self, window: &'a Window) -> Option<&'a PgSnapshot> {
        if let Some(version) = &window.stale_since {
            return Some(version);
        }
        let query = self.queries.get(&window.query)?.version(&self.version);
        Some(if window.version.covers(query) {
            &window.version
        } else {
            query
        })
    }

    /// Takes in what changed.
    ///
    /// A transaction that does not begin where the last one ended leaves a gap: everything is
    /// then read again.
    pub fn apply(&mut self, transaction: Transaction) -> Vec<Output> {
        let follows = transaction.from == self.version;
        let before = mem::replace(&mut self.version, transaction.to.clone());
        if !follows {
            self.figures.contradictions += 1;
            let transaction = Transaction {
                from: before,
                tables: Vec::new(),
                ..transaction
            };
            for id in self.queries.keys().copied().collect::<Vec<_>>() {
                self.reread(id, &transaction, None);
            }
            return mem::take(&mut self.outputs);
        }
        let mut touched = Vec::new();
        for changes in &transaction.tables {
            self.apply_table(&transaction, changes, &mut touched);
        }
        for query in touched {
            self.advance(query);
        }
        self.settle_early();
        mem::take(&mut self.outputs)
    }

    /// Takes in that nothing that is watched changed up to this version.
    pub fn nothing_until(&mut self, version: PgSnapshot) -> Vec<Output> {
        if version.covers(&self.version) {
            self.version = version;
        }
        self.settle_early();
        mem::take(&mut self.outputs)
    }

    /// Takes in rows that were asked for. A request that has been superseded is ignored.
    pub fn rows(&mut self, request: RequestId, read: RowsRead) -> Vec<Output> {
        if let Some(id) = self.requests.remove(&request)
            && let Some(fetch) = self
                .windows
                .get_mut(&id)
                .and_then(|window| window.fetch.as_mut())
        {
            fetch.arrived = Some(read);
            self.settle(id);
        }
        mem::take(&mut self.outputs)
    }

    /// Takes in the answer to a question. One that is no longer open is ignored.
    pub fn answer(&mut self, id: QueryId, question: QuestionId, answer: &Answer) -> Vec<Output> {
        if let Some(query) = self.queries.get_mut(&id)
            && let Some(open) = query.question.take_if(|open| open.id == question)
        {
            query.learn(open, answer);
            self.advance(id);
        }
        mem::take(&mut self.outputs)
    }

    fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn add_query(&mut self, spec: QuerySpec) -> QueryId {
        let id = QueryId(self.next_id() as u32);
        let table = self.tables.entry(spec.schema.table).or_default();
        table
            .index
            .insert(id, &spec.predicate, &spec.schema.columns);
        table.queries.insert(id);
        self.identities.insert(Arc::clone(&spec.identity), id);
        self.queries.insert(id, Query::new(spec));
        id
    }

    fn remove_query(&mut self, id: QueryId) {
        let Some(query) = self.queries.remove(&id) else {
            return;
        };
        let spec = query.spec;
        self.identities.remove(&spec.identity);
        if let Some(table) = self.tables.get_mut(&spec.schema.table) {
            table
                .index
                .remove(id, &spec.predicate, &spec.schema.columns);
            table.queries.remove(&id);
            if table.queries.is_empty() {
                self.tables.remove(&spec.schema.table);
            }
        }
    }

    /// Hands one table's changes to the queries and windows that they may concern.
    fn apply_table(
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
    fn route(&self, changes: &TableChanges) -> FxHashMap<QueryId, Vec<NetChange>> {
        let mut routed: FxHashMap<QueryId, Vec<NetChange>> = FxHashMap::default();
        let Some(table) = self.tables.get(&changes.table) else {
            return routed;
        };
        let Some(schema) = table
            .queries
            .iter()
            .next()
            .and_then(|id| self.queries.get(id))
            .map(|query| Arc::clone(&query.spec.schema))
        else {
            return routed;
        };
        let mut found: FxHashSet<QueryId> = FxHashSet::default();
        for change in net_effect(&changes.images) {
            found.clear();
            for side in [&change.old, &change.new].into_iter().flatten() {
                table.index.candidates(&schema.columns, side, |id| {
                    found.insert(id);
                });
            }
            for &id in &found {
                let concerns = |side: &Option<Arc<Record>>| {
                    side.as_ref().is_some_and(|record| {
                        self.queries.get(&id).is_some_and(|query| {
                            matches!(
                                query
                                    .spec
                                    .predicate
                                    .evaluate(&schema.columns, record.values()),
                                Truth::True | Truth::Unknown
                            )
                        })
                    })
                };
                if concerns(&change.old) || concerns(&change.new) {
                    routed.entry(id).or_default().push(change.clone());
                }
            }
        }
        routed
    }

    /// Takes a query through its pending reads, as far as PostgreSQL has answered.
    fn advance(&mut self, id: QueryId) {
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
    fn unranked(
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
    fn rows_in_use<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = Arc<Record>> + 'a {
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
    fn ask(&mut self, id: QueryId) {
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
    fn apply_to_window(&mut self, id: WindowId, read: &PendingRead, effects: &[Effect]) {
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
    fn publish(&mut self, id: WindowId, from: &PgSnapshot) {
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

    /// Reads a query's windows again: its changes do not tell what became of them. `changes`
    /// are given where a window that shows all of them already may be left as it is.
    fn reread(&mut self, id: QueryId, transaction: &Transaction, changes: Option<&TableChanges>) {
        let Some(query) = self.queries.get_mut(&id) else {
            return;
        };
        let from = query.version(&transaction.from).clone();
        query.pending.clear();
        query.question = None;
        let on_every_change = query.spec.reread;
        for window_id in query.windows.clone() {
            let Some(window) = self.windows.get_mut(&window_id) else {
                continue;
            };
            if window.fetch.is_none()
                && changes.is_some_and(|changes| {
                    let mut images = changes.images.iter();
                    images.all(|image| window.version.sees(image.xid))
                })
            {
                continue;
            }
            window.changed_at = window.changed_at.max(transaction.changed_at);
            if window.sent.is_some() {
                // Rows that were just read may be newer than the log has been read to.
                let exact = if window.version.covers(&from) {
                    &window.version
                } else {
                    &from
                };
                window.stale_since.get_or_insert_with(|| exact.clone());
            }
            // What is being read for such a query decides, once it is there, whether it has
            // to be read once more.
            if on_every_change && window.fetch.is_some() {
                continue;
            }
            window.run = None;
            // A read under way is not begun anew by whatever comes: it would never end.
            if window
                .fetch
                .as_ref()
                .is_some_and(|fetch| fetch.wanted.is_whole() && fetch.arrived.is_none())
            {
                self.outrun(window_id);
                continue;
            }
            self.figures.rereads += 1;
            self.read_whole(window_id);
        }
    }

    fn read_whole(&mut self, id: WindowId) {
        if let Some(window) = self.windows.get(&id) {
            let wanted = window.whole(true);
            self.start_fetch(id, wanted);
        }
    }

    fn start_fetch(&mut self, id: WindowId, wanted: RowsWanted) {
        self.cancel_fetch(id);
        let request = RequestId(self.next_id());
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        window.fetch = Some(Fetch {
            request,
            wanted: wanted.clone(),
            held: Vec::new(),
            held_images: 0,
            is_outrun: false,
            arrived: None,
        });
        if let Some(query) = self.queries.get(&window.query) {
            self.tables
                .entry(query.spec.schema.table)
                .or_default()
                .waiting
                .insert(id);
        }
        self.requests.insert(request, id);
        self.outputs.push(Output::Read {
            window: id,
            request,
            wanted,
        });
    }

    fn cancel_fetch(&mut self, id: WindowId) {
        self.early.remove(&id);
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        if let Some(fetch) = window.fetch.take() {
            self.requests.remove(&fetch.request);
            if let Some(query) = self.queries.get(&window.query)
                && let Some(table) = self.tables.get_mut(&query.spec.schema.table)
            {
                table.waiting.remove(&id);
            }
        }
    }

    /// Keeps what concerns windows whose rows are being read until they have come.
    fn hold_back(
        &mut self,
        transaction: &Transaction,
        changes: &Arc<TableChanges>,
        waiting: &[WindowId],
    ) {
        let mut relevant: FxHashMap<QueryId, Arc<TableChanges>> = FxHashMap::default();
        for &id in waiting {
            let Some(window) = self.windows.get_mut(&id) else {
                continue;
            };
            let Some(query) = self.queries.get(&window.query) else {
                continue;
            };
            let Some(fetch) = window.fetch.as_mut() else {
                continue;
            };
            if fetch.is_outrun {
                continue;
            }
            let changes = relevant
                .entry(window.query)
                .or_insert_with(|| query.concerned(changes));
            if changes.images.is_empty() && !changes.reread {
                continue;
            }
            fetch.held_images += changes.images.len();
            fetch.held.push(Held {
                to: transaction.to.clone(),
                changed_at: transaction.changed_at,
                changes: Arc::clone(changes),
            });
            if fetch.held_images > self.limits.held_images {
                self.outrun(id);
            }
        }
    }

    /// Rows that are being read will not show what came meanwhile, and that is not held: they
    /// are shown as they come, and read once more.
    fn outrun(&mut self, id: WindowId) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        let is_prefetch = window.run.is_some();
        let Some(fetch) = window.fetch.as_mut() else {
            return;
        };
        if fetch.wanted.is_whole() {
            fetch.is_outrun = true;
            fetch.held.clear();
        } else if is_prefetch {
            // The run is maintained without them; they are asked for again when they are due.
            self.cancel_fetch(id);
        } else {
            self.read_whole(id);
        }
    }

    fn settle_early(&mut self) {
        if self.early.is_empty() {
            return;
        }
        for id in self.early.iter().copied().collect::<Vec<_>>() {
            self.settle(id);
        }
    }

    fn settle_query(&mut self, id: QueryId) {
        let Some(query) = self.queries.get(&id) else {
            return;
        };
        for window in query.windows.clone() {
            self.settle(window);
        }
    }

    /// Makes a run of rows that arrived and the changes that they do not show.
    fn settle(&mut self, id: WindowId) {
        let Some(window) = self.windows.get(&id) else {
            return;
        };
        let Some(query) = self.queries.get(&window.query) else {
            return;
        };
        let Some(fetch) = &window.fetch else { return };
        let Some(read) = &fetch.arrived else { return };
        if query.spec.reread || fetch.is_outrun {
            self.settle_reread(id);
            return;
        }
        let version = query.version(&self.version).clone();
        if !version.covers(&read.snapshot) {
            self.early.insert(id);
            // If it is an answer that is waited for, reading the log brings nothing.
            if !self.version.covers(&read.snapshot) {
                self.outputs.push(Output::CatchUp);
            }
            return;
        }

        let mut missing = Missing::default();
        let mut effects = Vec::new();
        let mut changed_at = window.changed_at;
        for held in fetch.held.iter().filter(|held| version.covers(&held.to)) {
            effects.push(query.effects(&unseen(held, &read.snapshot), &mut missing));
            changed_at = changed_at.max(held.changed_at);
        }
        if missing.is_empty() {
            let all: Vec<Effect> = effects.iter().flatten().cloned().collect();
            missing.rankings = self.unranked(query, &all);
        }
        if !missing.is_empty() {
            self.ask(window.query);
            return;
        }

        let known = window.run.as_ref();
        let run = query.with_order(|compare| {
            let mut run = fresh_run(&fetch.wanted, read, known);
            for effects in &effects {
                apply_effects(&mut run, effects, compare)?;
            }
            place(run, &fetch.wanted, read, known)
        });
        let from = self.exact_version(window).unwrap_or(&version).clone();
        self.cancel_fetch(id);
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        window.changed_at = changed_at;
        match run {
            Ok(Some(run)) => {
                window.run = Some(run);
                window.version = version;
                self.publish(id, &from);
            }
            // The rows that came share none with those held: their place is not known.
            Ok(None) => {
                let wanted = window.whole(false);
                self.start_fetch(id, wanted);
            }
            Err(Contradiction) => {
                self.figures.contradictions += 1;
                window.stale_since.get_or_insert(from);
                window.run = None;
                self.read_whole(id);
            }
        }
    }

    /// Takes rows as they came, where the changes since do not tell what became of them.
    fn settle_reread(&mut self, id: WindowId) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        let Some(fetch) = window.fetch.as_mut() else {
            return;
        };
        let Some(read) = fetch.arrived.take() else {
            return;
        };
        let dirty = fetch.is_outrun
            || fetch.held.iter().any(|held| {
                let images = &held.changes.images;
                held.changes.reread || images.iter().any(|image| !read.snapshot.sees(image.xid))
            });
        let total = read.total.unwrap_or(read.rows.len() as u64);
        let before = match &fetch.wanted {
            RowsWanted::Places { start, .. } => (*start).min(total),
            RowsWanted::From { .. } | RowsWanted::UpTo { .. } => 0,
        };
        let from = window.stale_since.clone().unwrap_or(read.snapshot.clone());
        window.run = Some(Run {
            before,
            total,
            rows: read.rows,
            lost: false,
        });
        window.version = read.snapshot.clone();
        self.cancel_fetch(id);
        self.publish(id, &from);
        if dirty && let Some(window) = self.windows.get_mut(&id) {
            window.stale_since.get_or_insert(read.snapshot);
            // What the log brings does not begin where these rows are.
            window.run = None;
            self.figures.rereads += 1;
            self.read_whole(id);
        }
    }
}

/// The net changes of a held read that the snapshot does not show.
fn unseen(held: &Held, snapshot: &PgSnapshot) -> Vec<NetChange> {
    net_effect(
        held.changes
            .images
            .iter()
            .filter(|image| !snapshot.sees(image.xid)),
    )
}

fn records(effects: &[Effect]) -> impl Iterator<Item = Arc<Record>> + '_ {
    effects
        .iter()
        .flat_map(|effect| [&effect.leaves, &effect.enters])
        .flatten()
        .cloned()
}

fn apply_effects(
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

/// More rows than any result has: stands for "some, not counted" on a side of a run.
const UNCOUNTED: u64 = 1 << 40;

/// A run of the rows that arrived, at the version they are of. Where they lie in the result
/// may not be known yet: then enough rows are assumed on the open sides.
fn fresh_run(wanted: &RowsWanted, read: &RowsRead, known: Option<&Run>) -> Run {
    let len = read.rows.len() as u64;
    let (before, after) = match wanted {
        RowsWanted::Places { start, count, .. } => match read.total {
            Some(total) if len == 0 => (total, 0),
            Some(total) => (*start, total.saturating_sub(start + len)),
            None if len == 0 => (known.map_or(*start, |_| UNCOUNTED), 0),
            None => (*start, if len < *count { 0 } else { UNCOUNTED }),
        },
        RowsWanted::From { count, .. } => (UNCOUNTED, if len < *count { 0 } else { UNCOUNTED }),
        RowsWanted::UpTo { count, .. } => (if len < *count { 0 } else { UNCOUNTED }, UNCOUNTED),
    };
    Run {
        before,
        total: before + len + after,
        rows: read.rows.clone(),
        lost: false,
    }
}

/// Finds the place of a run that was read beside a `known` run of the same version; `None`
/// if the two have no row in common.
fn place(
    mut run: Run,
    wanted: &RowsWanted,
    read: &RowsRead,
    known: Option<&Run>,
) -> Result<Option<Run>, Contradiction> {
    if read.total.is_some() {
        return Ok(Some(run));
    }
    let known = known.ok_or(Contradiction)?;
    run.total = known.total;
    match wanted {
        RowsWanted::Places { .. } => {
            if run.rows.is_empty() {
                run.before = run.total;
                run.lost = false;
            }
        }
        RowsWanted::From { .. } | RowsWanted::UpTo { .. } => {
            let places: FxHashMap<&Key, usize> = known
                .rows
                .iter()
                .enumerate()
                .map(|(at, record)| (record.key(), at))
                .collect();
            let common = run
                .rows
                .iter()
                .enumerate()
                .find_map(|(at, record)| places.get(record.key()).map(|&was| (at, was)));
            let Some((at, was)) = common else {
                return Ok(None);
            };
            if known.lost {
                return Ok(None);
            }
            run.before = (known.before + was as u64)
                .checked_sub(at as u64)
                .ok_or(Contradiction)?;
        }
    }
    if run.before + run.rows.len() as u64 > run.total {
        return Err(Contradiction);
    }
    Ok(Some(run))
}
