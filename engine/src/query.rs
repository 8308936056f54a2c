//! One query: its filter, its order, and what of the log it has not taken in yet.

use std::{collections::VecDeque, sync::Arc};

use rowcast_protocol::PgSnapshot;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::{
    datum::Datum,
    moment::Moment,
    order::{Order, Rankings},
    predicate::{Predicate, Truth},
    record::Record,
    related::{Reference, Related},
    rows::RowId,
    run::Compare,
    schema::{Schema, TableId},
    shared::Shared,
    transaction::NetChange,
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
    /// How the query's rows refer to its rows, where a row of it concerns only the lists that
    /// show a row which refers to it, or an aggregate of it: neither filter nor order look at
    /// it. Values that are equal must be written alike.
    pub shown_by: Option<Reference>,
}

/// One table of a query, as its changes are looked at.
#[derive(Clone, Copy)]
struct Part<'a> {
    schema: &'a Schema,
    predicate: &'a Predicate,
    columns: Option<&'a [usize]>,
    shown_by: Option<&'a Reference>,
}

/// What changes of a table mean for a query's lists.
pub(crate) enum Concern {
    /// Nothing.
    None,
    /// Those that show a row which refers to one of these are concerned.
    Shown(Related),
    /// All are.
    All,
}

/// A [`QuerySpec`] as it is held, its order shared with other queries'.
#[derive(Debug)]
pub(crate) struct HeldSpec {
    pub identity: Arc<str>,
    pub schema: Arc<Schema>,
    pub predicate: Predicate,
    pub order: Arc<Order>,
    pub reread: bool,
    sources: Box<[Source]>,
}

impl HeldSpec {
    pub fn new(spec: &QuerySpec, orders: &mut Shared<Order>) -> Self {
        Self {
            identity: Arc::clone(&spec.identity),
            schema: Arc::clone(&spec.schema),
            predicate: spec.predicate.clone(),
            order: orders.one(Arc::new(spec.order.clone())),
            reread: spec.reread,
            sources: spec.sources.clone().into(),
        }
    }

    /// The tables that it is made of, its own first.
    pub fn tables(&self) -> impl Iterator<Item = (&Schema, &Predicate)> {
        self.parts().map(|part| (part.schema, part.predicate))
    }

    /// Its filter of a table's rows, if it looks at that table in one way only.
    pub fn only_filter_of(&self, table: TableId) -> Option<&Predicate> {
        let mut filters = self
            .parts()
            .filter(|part| part.schema.table == table)
            .map(|part| part.predicate);
        let only = filters.next()?;
        filters.next().is_none().then_some(only)
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let own = Part {
            schema: &self.schema,
            predicate: &self.predicate,
            columns: None,
            shown_by: None,
        };
        let sources = self.sources.iter().map(|source| Part {
            schema: &source.schema,
            predicate: &source.predicate,
            columns: source.columns.as_deref(),
            shown_by: source.shown_by.as_ref(),
        });
        std::iter::once(own).chain(sources)
    }

    /// Whether a net change of a table may concern the query's lists.
    pub fn is_concerned_by(&self, table: TableId, change: &NetChange) -> bool {
        self.parts()
            .filter(|part| part.schema.table == table)
            .any(|part| part.is_concerned_by(change))
    }

    /// Which of the query's lists net changes of a table may concern.
    pub fn concern<'a>(
        &self,
        table: TableId,
        changes: impl Iterator<Item = &'a NetChange> + Clone,
    ) -> Concern {
        let mut concern = Concern::None;
        for part in self.parts().filter(|part| part.schema.table == table) {
            let mut concerning = changes
                .clone()
                .filter(|change| part.is_concerned_by(change))
                .peekable();
            if concerning.peek().is_none() {
                continue;
            }
            let Some(reference) = part.shown_by else {
                return Concern::All;
            };
            let mut related = match concern {
                Concern::Shown(related) => related,
                _ => Related::default(),
            };
            related.add(reference, concerning);
            concern = Concern::Shown(related);
        }
        concern
    }

    /// Whether a row of a table may concern the query's lists.
    pub fn is_concerned_with(&self, table: TableId, record: &Record) -> bool {
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
    pub spec: HeldSpec,
    pub windows: SmallVec<[WindowId; 4]>,
    /// How many of its windows have rows being read.
    pub reading: u32,
    /// What it waits for; `None` where it never had to, or has what it needs.
    pub open: Option<Box<Open>>,
    /// Where its lists are in time, if they depend on that.
    pub moment: Option<Box<Moment>>,
}

/// What a query needs PostgreSQL for.
#[derive(Debug, Default)]
pub(crate) struct Open {
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
    pub turn: Turn,
    pub changes: Vec<NetChange>,
}

/// One read of the log: from which version to which.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub from: Arc<PgSnapshot>,
    pub to: Arc<PgSnapshot>,
    /// When the newest change in it was logged.
    pub changed_at: i64,
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect<'a> {
    /// The row that was in the result.
    pub leaves: Option<&'a Arc<Record>>,
    /// The number of that row, where it is known: most lists hold it under this one.
    pub number: Option<RowId>,
    /// The row that now is.
    pub enters: Option<&'a Arc<Record>>,
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
    pub fn new(spec: HeldSpec) -> Self {
        Self {
            moment: Moment::new(&spec.predicate),
            spec,
            windows: SmallVec::new(),
            reading: 0,
            open: None,
        }
    }

    /// The version that the query has been taken to.
    pub fn version<'a>(&'a self, engine: &'a Arc<PgSnapshot>) -> &'a Arc<PgSnapshot> {
        self.pending().next().map_or(engine, |read| &read.turn.from)
    }

    /// The reads of the log that wait.
    pub fn pending(&self) -> impl Iterator<Item = &PendingRead> {
        self.open.iter().flat_map(|open| &open.pending)
    }

    /// Has a read of the log wait.
    pub fn defer(&mut self, turn: Turn, changes: Vec<NetChange>) {
        let open = self.open.get_or_insert_default();
        open.pending.push_back(PendingRead { turn, changes });
    }

    /// What has been asked and not been answered.
    pub fn question(&self) -> Option<&Question> {
        self.open.as_ref()?.question.as_ref()
    }

    /// Whether changes can be taken in at once, as far as their rows' verdicts are known.
    pub fn is_at_rest(&self) -> bool {
        self.open
            .as_ref()
            .is_none_or(|open| open.pending.is_empty())
            && !self.spec.order.is_asked()
    }

    /// What the filter says of a row, without PostgreSQL.
    pub fn truth(&self, record: &Record) -> Truth {
        let moment = self.moment.as_ref();
        moment
            .map_or(&self.spec.predicate, |moment| &moment.filter)
            .evaluate(&self.spec.schema.columns, record.values())
    }

    /// Whether the filter holds for a row; `None` where PostgreSQL has not said yet.
    pub fn verdict(&self, record: &Arc<Record>) -> Option<bool> {
        match self.truth(record) {
            Truth::True => Some(true),
            Truth::False | Truth::Null => Some(false),
            Truth::Unknown => self
                .open
                .as_ref()?
                .verdicts
                .get(&address(record))
                .map(|(_, verdict)| *verdict),
        }
    }

    /// What the changes mean for the result; what is unknown goes to `missing`.
    pub fn effects<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a NetChange, Option<RowId>)>,
        missing: &mut Missing,
    ) -> Vec<Effect<'a>> {
        let mut matching = |side: &'a Option<Arc<Record>>| {
            let record = side.as_ref()?;
            match self.verdict(record) {
                Some(true) => Some(record),
                Some(false) => None,
                None => {
                    missing.verdicts.push(Arc::clone(record));
                    None
                }
            }
        };
        changes
            .into_iter()
            .map(|(change, number)| Effect {
                leaves: matching(&change.old),
                number,
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
        match &self.open {
            Some(open) => self.spec.order.missing(&open.rankings, records),
            None => self.spec.order.missing(&Rankings::default(), records),
        }
    }

    /// The query's order, as far as the rankings go.
    pub fn with_order<T>(&self, with: impl FnOnce(Compare) -> T) -> T {
        let rankings = self.open.as_ref().map(|open| &open.rankings);
        with(&|a, b| {
            self.spec
                .order
                .compare(&self.spec.schema.columns, rankings, a, b)
        })
    }

    /// Takes in the answers to the question that was asked.
    pub fn learn(&mut self, question: Question, answer: &Answer) {
        let open = self.open.get_or_insert_default();
        for (record, verdict) in question.verdicts.into_iter().zip(&answer.verdicts) {
            open.verdicts.insert(address(&record), (record, *verdict));
        }
        for ((column, values), ranks) in question.rankings.into_iter().zip(&answer.rankings) {
            open.rankings.learn(column, values, ranks);
        }
    }

    /// How many changes wait for answers.
    pub fn pending_changes(&self) -> usize {
        self.pending().map(|read| read.changes.len()).sum()
    }

    /// Forgets the verdicts that no pending change needs any more. Nothing else holds changes
    /// of the query.
    pub fn forget_verdicts(&mut self) {
        let Some(open) = &mut self.open else {
            return;
        };
        if open.pending.is_empty() {
            open.verdicts.clear();
            if open.question.is_none() && open.rankings.is_empty() {
                self.open = None;
            }
            return;
        }
        let needed: FxHashSet<usize> = open
            .pending
            .iter()
            .flat_map(|read| &read.changes)
            .flat_map(|change| [&change.old, &change.new])
            .flatten()
            .map(address)
            .collect();
        open.verdicts.retain(|address, _| needed.contains(address));
    }
}

/// A row's identity while it is held: the map's value keeps it from being freed and its
/// address from naming another.
fn address(record: &Arc<Record>) -> usize {
    Arc::as_ptr(record) as usize
}
