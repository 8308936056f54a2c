//! One query: its filter, its order, and what of the log it has not taken in yet.

use std::{collections::VecDeque, sync::Arc};

use rowcast_protocol::PgSnapshot;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    datum::Datum,
    order::{Order, Rankings},
    predicate::{Predicate, Truth},
    record::Record,
    run::Compare,
    schema::{Schema, TableId},
    transaction::{Image, NetChange, TableChanges},
    window::WindowId,
};

/// What defines a query. Windows of equal identity share one.
#[derive(Clone, Debug)]
pub struct QuerySpec {
    /// Equal for queries that mean the same: table, filter, order, and what the reader may
    /// see.
    pub identity: Arc<str>,
    /// The table.
    pub schema: Arc<Schema>,
    /// Which rows.
    pub predicate: Predicate,
    /// In which order.
    pub order: Order,
    /// Whether its lists are read again after each change, because neither Rust nor
    /// PostgreSQL can tell from a row's image what becomes of them.
    pub reread: bool,
    /// Further tables whose changes concern its lists. A query that has some is read again
    /// after each change, so `reread` holds.
    pub sources: Vec<Source>,
}

/// A table that a query's lists are made of, beside the one that it is named after.
#[derive(Clone, Debug)]
pub struct Source {
    /// The table.
    pub schema: Arc<Schema>,
    /// Rows for which this is false are of no concern.
    pub predicate: Predicate,
    /// Positions of the columns that are of concern; `None`: all.
    pub columns: Option<Arc<[usize]>>,
}

/// One table of a query, as its changes are looked at.
#[derive(Clone, Copy)]
struct Part<'a> {
    schema: &'a Schema,
    predicate: &'a Predicate,
    columns: Option<&'a [usize]>,
}

impl QuerySpec {
    /// The tables that it is made of, its own first.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&Schema, &Predicate)> {
        self.parts().map(|part| (part.schema, part.predicate))
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let own = Part {
            schema: &self.schema,
            predicate: &self.predicate,
            columns: None,
        };
        let sources = self.sources.iter().map(|source| Part {
            schema: &source.schema,
            predicate: &source.predicate,
            columns: source.columns.as_deref(),
        });
        std::iter::once(own).chain(sources)
    }

    /// Whether a net change of a table may concern the query's lists.
    pub(crate) fn is_concerned_by(&self, table: TableId, change: &NetChange) -> bool {
        self.parts()
            .filter(|part| part.schema.table == table)
            .any(|part| part.is_concerned_by(change))
    }

    /// Whether a row of a table may concern the query's lists.
    pub(crate) fn is_concerned_with(&self, table: TableId, record: &Record) -> bool {
        self.parts()
            .filter(|part| part.schema.table == table)
            .any(|part| part.may_match(record))
    }
}

impl Part<'_> {
    fn is_concerned_by(self, change: &NetChange) -> bool {
        if let (Some(columns), Some(old), Some(new)) = (self.columns, &change.old, &change.new)
            && columns
                .iter()
                .all(|&at| old.values()[at].same(&new.values()[at]))
        {
            return false;
        }
        [&change.old, &change.new]
            .into_iter()
            .flatten()
            .any(|record| self.may_match(record))
    }

    fn may_match(self, record: &Record) -> bool {
        matches!(
            self.predicate
                .evaluate(&self.schema.columns, record.values()),
            Truth::True | Truth::Unknown
        )
    }
}

/// Names a question within the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct QuestionId(pub u64);

/// A live query's state.
#[derive(Debug)]
pub(crate) struct Query {
    pub spec: QuerySpec,
    pub windows: Vec<WindowId>,
    /// Reads of the log that touch the query and wait for PostgreSQL's answers, in order.
    pub pending: VecDeque<PendingRead>,
    /// What has been asked and not been answered.
    pub question: Option<Question>,
    verdicts: FxHashMap<usize, (Arc<Record>, bool)>,
    rankings: Rankings,
}

/// The part of one read of the log that may concern a query.
#[derive(Debug)]
pub(crate) struct PendingRead {
    pub from: PgSnapshot,
    pub to: PgSnapshot,
    pub changed_at: i64,
    pub changes: Vec<NetChange>,
}

/// What PostgreSQL is asked about one query, all of it about values alone.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its name.
    pub id: QuestionId,
    /// Rows: does the filter hold for each?
    pub verdicts: Vec<Arc<Record>>,
    /// Columns with values: what is each one's rank among them in the column's ascending
    /// order?
    pub rankings: Vec<(usize, Vec<Datum>)>,
}

/// PostgreSQL's answers, in the question's order.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For each row, whether the filter holds: NULL is no.
    pub verdicts: Vec<bool>,
    /// For each column, the ranks of its values: equal values, equal ranks.
    pub rankings: Vec<Vec<u32>>,
}

/// What a net change means for a query's result.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    /// The row that was in the result.
    pub leaves: Option<Arc<Record>>,
    /// The row that now is.
    pub enters: Option<Arc<Record>>,
}

/// What is missing before a query can go on.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    pub verdicts: Vec<Arc<Record>>,
    pub rankings: Vec<(usize, Vec<Datum>)>,
}

impl Missing {
    pub fn is_empty(&self) -> bool {
        self.verdicts.is_empty() && self.rankings.is_empty()
    }
}

impl Query {
    pub fn new(spec: QuerySpec) -> Self {
        Self {
            spec,
            windows: Vec::new(),
            pending: VecDeque::new(),
            question: None,
            verdicts: FxHashMap::default(),
            rankings: Rankings::default(),
        }
    }

    /// The version that the query has been taken to.
    pub fn version<'a>(&'a self, engine: &'a PgSnapshot) -> &'a PgSnapshot {
        self.pending.front().map_or(engine, |read| &read.from)
    }

    /// Whether the filter holds for a row; `None` where PostgreSQL has not said yet.
    pub fn verdict(&self, record: &Arc<Record>) -> Option<bool> {
        match self
            .spec
            .predicate
            .evaluate(&self.spec.schema.columns, record.values())
        {
            Truth::True => Some(true),
            Truth::False | Truth::Null => Some(false),
            Truth::Unknown => self
                .verdicts
                .get(&address(record))
                .map(|(_, verdict)| *verdict),
        }
    }

    /// What the changes mean for the result; what is unknown goes to `missing`.
    pub fn effects(&self, changes: &[NetChange], missing: &mut Missing) -> Vec<Effect> {
        let mut matching = |side: &Option<Arc<Record>>| {
            let record = side.as_ref()?;
            match self.verdict(record) {
                Some(true) => Some(Arc::clone(record)),
                Some(false) => None,
                None => {
                    missing.verdicts.push(Arc::clone(record));
                    None
                }
            }
        };
        changes
            .iter()
            .map(|change| Effect {
                leaves: matching(&change.old),
                enters: matching(&change.new),
            })
            .filter(|effect| effect.leaves.is_some() || effect.enters.is_some())
            .collect()
    }

    /// The columns whose values have to be ranked before these rows can be ordered.
    pub fn unranked<'a>(
        &self,
        records: impl Iterator<Item = &'a Arc<Record>> + Clone,
    ) -> Vec<(usize, Vec<Datum>)> {
        self.spec.order.missing(&self.rankings, records)
    }

    /// The query's order, as far as the rankings go.
    pub fn with_order<T>(&self, with: impl FnOnce(Compare) -> T) -> T {
        with(&|a, b| {
            self.spec
                .order
                .compare(&self.spec.schema.columns, &self.rankings, a, b)
        })
    }

    /// Takes in the answers to the question that was asked.
    pub fn learn(&mut self, question: Question, answer: &Answer) {
        for (record, verdict) in question.verdicts.into_iter().zip(&answer.verdicts) {
            self.verdicts.insert(address(&record), (record, *verdict));
        }
        for ((column, values), ranks) in question.rankings.into_iter().zip(&answer.rankings) {
            self.rankings.learn(column, values, ranks);
        }
    }

    /// How many changes wait for answers.
    pub fn pending_changes(&self) -> usize {
        self.pending.iter().map(|read| read.changes.len()).sum()
    }

    /// The changes without the images that the filter certainly excludes: those neither leave
    /// nor enter the result.
    pub fn concerned(&self, changes: &Arc<TableChanges>) -> Arc<TableChanges> {
        let concerns = |image: &&Image| self.spec.is_concerned_with(changes.table, &image.record);
        if changes.images.iter().all(|image| concerns(&image)) {
            return Arc::clone(changes);
        }
        Arc::new(TableChanges {
            table: changes.table,
            images: changes.images.iter().filter(concerns).cloned().collect(),
            reread: changes.reread,
        })
    }

    /// Forgets the verdicts that no pending change needs any more. Nothing else holds changes
    /// of the query.
    pub fn forget_verdicts(&mut self) {
        if self.pending.is_empty() {
            self.verdicts.clear();
            return;
        }
        let needed: FxHashSet<usize> = self
            .pending
            .iter()
            .flat_map(|read| &read.changes)
            .flat_map(|change| [&change.old, &change.new])
            .flatten()
            .map(address)
            .collect();
        self.verdicts.retain(|address, _| needed.contains(address));
    }
}

/// A row's identity while it is held: the map's value keeps it from being freed and its
/// address from naming another.
fn address(record: &Arc<Record>) -> usize {
    Arc::as_ptr(record) as usize
}
