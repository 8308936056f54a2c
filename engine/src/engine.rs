//! All queries of one database, and what becomes of their windows.
//!
//! Three kinds of input move the engine: what changed ([`Engine::apply`]), rows that it asked
//! for ([`Engine::rows`]) and answers to its questions ([`Engine::answer`]).
//!
//! **Why a list is never wrong.** Rows are read at a snapshot, and what the log brings while
//! they are being read is held back; of that, exactly the changes that the snapshot does not
//! show are then applied. A window never publishes before its run covers its slice at a
//! version to which its query has been taken whole. What contradicts itself is read again.

mod changes;
mod fetch;
#[cfg(test)]
mod peak;
mod publish;
mod reread;
mod route;
mod time;

use std::{mem, sync::Arc};

use rowcast_protocol::{Cell, PgSnapshot, message};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    order::Order,
    predicate_index::{PredicateIndex, QueryId},
    query::{
        Answer, Concern, Effect, HeldSpec, Missing, Query, QuerySpec, Question, QuestionId, Turn,
    },
    record::{Key, Record},
    room::Roomy,
    rows::{RowId, Rows},
    run::{Contradiction, Run},
    schema::TableId,
    shared::Shared,
    slab::Slab,
    transaction::{NetChange, TableChanges, Transaction, net_effect},
    window::{
        Fetch, Held, List, RequestId, RowsRead, RowsWanted, Sent, Window, WindowId, WindowSpec,
        ops, row,
    },
};

/// What an engine holds at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows' images held back for one window while its rows are being read. What comes
    /// beyond has the rows read once more.
    pub held_images: usize,
    /// The bytes that these take. What comes beyond has the rows read once more.
    pub held_bytes: usize,
    /// Images held back for all windows together, those that several hold counted as often.
    /// What comes beyond has the rows of the window that it would be held for read once more.
    pub held_images_in_all: usize,
    /// The bytes that these take, counted and bounded alike.
    pub held_bytes_in_all: usize,
    /// Changes of one query that wait for PostgreSQL's verdict. What comes beyond has the
    /// query read again.
    pub pending_changes: usize,
    /// Those of all queries together. What comes beyond has the query that it would wait for
    /// read again.
    pub pending_changes_in_all: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_images: 200_000,
            held_bytes: 64 << 20,
            held_images_in_all: 2_000_000,
            held_bytes_in_all: 512 << 20,
            pending_changes: 50_000,
            pending_changes_in_all: 1_000_000,
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
        from: Arc<PgSnapshot>,
        /// The steps.
        patch: EnginePatch,
    },
    /// A window's list was not known for a while, and is what it was before. What it was
    /// in between is not known.
    Regained {
        /// Which window.
        window: WindowId,
        /// The version before.
        from: Arc<PgSnapshot>,
        /// The version from which on it is known again.
        to: Arc<PgSnapshot>,
        /// Of a list that depends on the time.
        time: Option<PatchTime>,
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
    /// A window's list is next changed by the time alone at this moment, if by nothing before:
    /// [`Engine::time_passed`] is to be called then. It replaces what was said before.
    Turns {
        /// Which window.
        window: WindowId,
        /// The moment; `None`: never.
        at: Option<i64>,
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
    /// The aggregates that changed, by position in the window's.
    pub aggregates: Vec<(u16, Cell)>,
    /// The version afterwards.
    pub to: Arc<PgSnapshot>,
    /// When the newest change in it was logged, or time made it: microseconds since 1970.
    pub changed_at: i64,
    /// Where the list depends on the time, of which it is.
    pub time: Option<PatchTime>,
}

/// Of which time a list is, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchTime {
    /// Up to which moment the list before was exact, at its version.
    pub from: i64,
    /// The moment of the list afterwards.
    pub to: i64,
}

/// A window's list, as its clients hold it.
#[derive(Debug)]
pub struct ListState {
    /// The rows, in order.
    pub rows: Vec<message::Row>,
    /// How many rows match.
    pub total: u64,
    /// The values of the window's aggregates.
    pub aggregates: Vec<Cell>,
    /// The version up to which the list is exact.
    pub version: PgSnapshot,
    /// Where it depends on the time, the moment that it is of.
    pub moment: Option<i64>,
}

/// Figures about what an engine holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Queries that are live.
    pub queries: usize,
    /// Windows that are live.
    pub windows: usize,
    /// Rows held, each once however many lists show it.
    pub rows: usize,
    /// Images held back until rows have been read.
    pub held_images: usize,
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
    version: Arc<PgSnapshot>,
    tables: FxHashMap<TableId, TableState>,
    queries: Slab<Query>,
    identities: FxHashMap<Arc<str>, QueryId>,
    windows: Slab<Window>,
    orders: Shared<Order>,
    selects: Shared<[usize]>,
    rows: Rows,
    requests: FxHashMap<RequestId, WindowId>,
    /// Windows whose rows came before the log had been read far enough.
    early: FxHashSet<WindowId>,
    /// Images held back for all windows.
    held_images: usize,
    /// The bytes that these take.
    held_bytes: usize,
    /// Changes of all queries that wait for PostgreSQL's verdict.
    pending_changes: usize,
    next_id: u64,
    figures: Figures,
    outputs: Vec<Output>,
    /// Windows whose first list is among the outputs: it is read when they have been given.
    just_ready: Vec<WindowId>,
    /// What a window showed before the change that is being taken in.
    shown: Vec<RowId>,
}

#[derive(Debug, Default)]
struct TableState {
    index: PredicateIndex,
    queries: FxHashSet<QueryId>,
    /// How many windows' rows are being read.
    reading: usize,
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
            version: Arc::new(version),
            tables: FxHashMap::default(),
            queries: Slab::default(),
            identities: FxHashMap::default(),
            windows: Slab::default(),
            orders: Shared::default(),
            selects: Shared::default(),
            rows: Rows::default(),
            requests: FxHashMap::default(),
            early: FxHashSet::default(),
            held_images: 0,
            held_bytes: 0,
            pending_changes: 0,
            next_id: 0,
            figures: Figures::default(),
            outputs: Vec::new(),
            just_ready: Vec::new(),
            shown: Vec::new(),
        }
    }

    /// Forgets every query and begins anew at a version of another history. Requests and
    /// questions have new names, so what was asked for before is told from what is asked for
    /// after.
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
            .get(id.0)
            .and_then(Query::question)
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
            rows: self.rows.len(),
            held_images: self.held_images,
            ..self.figures
        }
    }

    /// The windows of a query.
    pub fn windows_of(&self, query: QueryId) -> impl Iterator<Item = WindowId> + '_ {
        self.queries
            .get(query.0)
            .into_iter()
            .flat_map(|query| query.windows.iter().copied())
    }

    /// The version up to which the list of a window's clients is exact.
    pub fn exact_version_of(&self, window: WindowId) -> Option<&PgSnapshot> {
        let version = self.exact_version(self.windows.get(window.0)?)?;
        Some(version)
    }

    /// The query that a window is of.
    pub fn query_of(&self, window: WindowId) -> Option<QueryId> {
        self.windows.get(window.0).map(|window| window.query)
    }

    /// Opens a window. Its rows are asked for at once; [`Output::Ready`] says when they are
    /// there.
    pub fn open(&mut self, query: &QuerySpec, spec: WindowSpec) -> (WindowId, Vec<Output>) {
        let query_id = match self.identities.get(&query.identity) {
            Some(id) => *id,
            None => self.add_query(query),
        };
        let select = self.selects.one(spec.select);
        let id = WindowId(self.windows.insert(Window {
            query: query_id,
            spec: WindowSpec { select, ..spec },
            run: None,
            version: Arc::clone(&self.version),
            sent: Sent::Nothing,
            told: Box::default(),
            stale_since: None,
            changed_at: 0,
            fetch: None,
        }));
        if !self.adopt_run(id) {
            self.read_whole(id);
        }
        if let Some(query) = self.queries.get_mut(query_id.0) {
            query.windows.push(id);
        }
        (id, self.finish())
    }

    /// Closes a window and forgets it. Its number may name another one from then on.
    pub fn close(&mut self, id: WindowId) {
        self.cancel_fetch(id);
        let Some(window) = self.windows.remove(id.0) else {
            return;
        };
        let query_id = window.query;
        window.let_go(&mut self.rows);
        self.rows.sweep();
        self.selects.held_by(self.windows.len());
        if let Some(query) = self.queries.get_mut(query_id.0) {
            query.windows.retain(|other| *other != id);
            query.windows.trim();
            if query.windows.is_empty() {
                self.remove_query(query_id);
            }
        }
    }

    /// Closes all windows that a table, whose shape has changed, has a part in.
    pub fn close_table(&mut self, table: TableId) -> Vec<WindowId> {
        let windows: Vec<WindowId> = self
            .tables
            .get(&table)
            .into_iter()
            .flat_map(|table| &table.queries)
            .filter_map(|query| self.queries.get(query.0))
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
            .get(id.0)
            .is_some_and(|window| !matches!(window.sent, Sent::Nothing))
    }

    /// The list that a window's clients hold; `None` before the first rows are there.
    pub fn list(&self, id: WindowId) -> Option<ListState> {
        let window = self.windows.get(id.0)?;
        let (rows, total) = window.list()?;
        Some(ListState {
            rows: rows
                .iter()
                .map(|id| row(self.rows.get(*id), &window.spec.select))
                .collect(),
            total,
            aggregates: window.told.to_vec(),
            version: PgSnapshot::clone(self.exact_version(window)?),
            moment: self.queries.get(window.query.0).and_then(|query| {
                let moment = query.moment.as_ref()?;
                Some(moment.stale_after.unwrap_or(moment.at))
            }),
        })
    }

    /// The version up to which what a window's clients hold is exact.
    fn exact_version<'a>(&'a self, window: &'a Window) -> Option<&'a Arc<PgSnapshot>> {
        if let Some(version) = &window.stale_since {
            return Some(version);
        }
        let query = self.queries.get(window.query.0)?.version(&self.version);
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
        let follows = transaction.from == *self.version;
        let turn = Turn {
            from: Arc::clone(&self.version),
            to: Arc::new(transaction.to),
            changed_at: transaction.changed_at,
        };
        self.version = Arc::clone(&turn.to);
        if follows {
            for changes in &transaction.tables {
                self.apply_table(&turn, changes);
            }
            self.settle_early();
        } else {
            self.figures.contradictions += 1;
            // What is being read may be older than the gap's end.
            for id in self.windows.numbers() {
                self.outrun(WindowId(id));
            }
            for id in self.queries.numbers() {
                self.reread(QueryId(id), &turn, None, None);
            }
        }
        self.finish()
    }

    /// Takes in that nothing that is watched changed up to this version.
    pub fn nothing_until(&mut self, version: PgSnapshot) -> Vec<Output> {
        if version.covers(&self.version) {
            self.version = Arc::new(version);
        }
        self.settle_early();
        self.finish()
    }

    /// Takes in rows that were asked for. A request that has been superseded is ignored.
    pub fn rows(&mut self, request: RequestId, read: RowsRead) -> Vec<Output> {
        let wanted_by = self.requests.remove(&request);
        self.requests.trim();
        if let Some(id) = wanted_by
            && let Some(fetch) = self
                .windows
                .get_mut(id.0)
                .and_then(|window| window.fetch.as_mut())
        {
            fetch.arrived = Some(read);
            self.settle(id);
        }
        self.finish()
    }

    /// Takes in the answer to a question. One that is no longer open is ignored.
    pub fn answer(&mut self, id: QueryId, question: QuestionId, answer: &Answer) -> Vec<Output> {
        if let Some(query) = self.queries.get_mut(id.0)
            && let Some(open) = &mut query.open
            && let Some(asked) = open.question.take_if(|open| open.id == question)
        {
            query.learn(asked, answer);
            self.advance(id);
        }
        self.finish()
    }

    /// What all inputs end in.
    fn finish(&mut self) -> Vec<Output> {
        self.rows.sweep();
        self.just_ready.clear();
        mem::take(&mut self.outputs)
    }

    fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn add_query(&mut self, spec: &QuerySpec) -> QueryId {
        let spec = HeldSpec::new(spec, &mut self.orders);
        let identity = Arc::clone(&spec.identity);
        let id = QueryId(self.queries.insert(Query::new(spec)));
        self.identities.insert(identity, id);
        let Self {
            queries, tables, ..
        } = self;
        if let Some(query) = queries.get(id.0) {
            for (schema, predicate) in query.spec.tables() {
                let table = tables.entry(schema.table).or_default();
                let of = schema.table;
                let filter_of = |id: QueryId| queries.get(id.0)?.spec.only_filter_of(of);
                table
                    .index
                    .insert(id, predicate, &schema.columns, &filter_of);
                table.queries.insert(id);
            }
        }
        id
    }

    fn remove_query(&mut self, id: QueryId) {
        let Some(query) = self.queries.remove(id.0) else {
            return;
        };
        self.pending_changes -= query.pending_changes();
        let spec = query.spec;
        self.identities.remove(&spec.identity);
        self.identities.trim();
        for (schema, predicate) in spec.tables() {
            if let Some(table) = self.tables.get_mut(&schema.table) {
                table.index.remove(id, predicate, &schema.columns);
                table.queries.remove(&id);
                table.queries.trim();
                if table.queries.is_empty() {
                    self.tables.remove(&schema.table);
                    self.tables.trim();
                }
            }
        }
        drop(spec);
        self.orders.held_by(self.queries.len());
    }
}
