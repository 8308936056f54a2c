//! Lists that depend on the time are what the query says at the version and the moment that
//! they name, whatever the interleaving of commits, reads, and time that passes.

use std::{collections::BTreeMap, mem, sync::Arc};

use proptest::prelude::*;
use rowcast_engine::{
    Engine, Output,
    datum::{Codec, Datum},
    engine::Limits,
    moving::{Distance, Moving, MovingComparison},
    order::{Order, SortKey},
    predicate::{Comparison, Predicate, Truth},
    query::QuerySpec,
    record::Record,
    run::Slice,
    schema::{Collation, ColumnSchema, Schema, TableId},
    tally::AggregatesRead,
    transaction::{Image, Side, TableChanges, Transaction},
    window::{ReadTime, RequestId, RowsRead, RowsWanted, WindowId, WindowSpec, row},
};
use rowcast_protocol::{PgSnapshot, list::List, message};

const ID: usize = 0;
const AT: usize = 1;
const KIND: usize = 2;

/// Where the model's clock begins; rows lie a few seconds around it.
const START: i64 = 1_700_000_000_000_000;
const SECOND: i64 = 1_000_000;
const EPOCH: i64 = 946_684_800_000_000;

/// When, if known, and of what kind a row is.
type Values = (Option<i64>, u8);
type Rows = BTreeMap<i64, Values>;

#[derive(Clone, Debug)]
enum Action {
    Commit {
        lag: i64,
        writes: Vec<(u8, Option<Values>)>,
    },
    Truncate,
    Pass(i64),
    ReadLog(u8),
    Execute(u8),
    Deliver(u8),
    Turn,
}

fn action() -> impl Strategy<Value = Action> {
    let values = (
        proptest::option::weighted(0.9, (-40i64..60).prop_map(|tenth| tenth * SECOND / 10)),
        0u8..3,
    );
    let write = (0u8..120, proptest::option::weighted(0.7, values));
    prop_oneof![
        10 => (0i64..2, proptest::collection::vec(write, 1..24))
            .prop_map(|(lag, writes)| Action::Commit { lag: lag * SECOND / 2, writes }),
        1 => Just(Action::Truncate),
        6 => (0i64..20).prop_map(|tenth| Action::Pass(tenth * SECOND / 10)),
        6 => (1u8..4).prop_map(Action::ReadLog),
        6 => any::<u8>().prop_map(Action::Execute),
        6 => any::<u8>().prop_map(Action::Deliver),
        6 => Just(Action::Turn),
    ]
}

struct World {
    engine: Engine,
    schema: Arc<Schema>,
    query: QuerySpec,
    slice: Slice,
    clock: i64,
    rows: Rows,
    /// The rows of each version: after so many commits.
    versions: Vec<Rows>,
    /// Commits that the engine has not been told of.
    log: Vec<(i64, TableChanges)>,
    told: u64,
    window: WindowId,
    requested: Vec<(RequestId, RowsWanted)>,
    executed: Vec<(RequestId, RowsRead)>,
    turns: Option<i64>,
    list: Option<List>,
    moment: i64,
    rereads: u64,
}

fn version(commits: u64) -> PgSnapshot {
    PgSnapshot {
        xmin: commits + 1,
        xmax: commits + 1,
        running: Vec::new(),
    }
}

impl World {
    fn new(filter: Predicate, by_time: bool, slice: Slice, reread: bool) -> Self {
        let column = |name: &str, codec| ColumnSchema {
            name: name.into(),
            codec,
            collation: Collation::C,
        };
        let schema = Arc::new(Schema {
            table: TableId(1),
            columns: [
                column("id", Codec::Int8),
                column("at", Codec::TimestampTz),
                column("kind", Codec::Int4),
            ]
            .into(),
            key: [ID].into(),
        });
        let key = |column, descending| SortKey {
            column,
            descending,
            nulls_first: descending,
            asked: false,
        };
        let mut order = vec![key(ID, false)];
        if by_time {
            order.insert(0, key(AT, true));
        }
        let query = QuerySpec {
            identity: "query".into(),
            schema: Arc::clone(&schema),
            predicate: filter,
            order: Order(order),
            reread,
            sources: Vec::new(),
        };
        let limits = Limits {
            held_images: 60,
            ..Limits::default()
        };
        let mut engine = Engine::with_limits(version(0), limits);
        let spec = WindowSpec {
            slice,
            select: [ID, AT, KIND].into(),
            aggregates: [].into(),
        };
        let (window, outputs) = engine.open(&query, spec);
        let mut world = Self {
            engine,
            schema,
            query,
            slice,
            clock: START,
            rows: Rows::new(),
            versions: vec![Rows::new()],
            log: Vec::new(),
            told: 0,
            window,
            requested: Vec::new(),
            executed: Vec::new(),
            turns: None,
            list: None,
            moment: 0,
            rereads: 0,
        };
        world.take(outputs);
        world
    }

    fn record(&self, id: i64, (at, kind): Values) -> Arc<Record> {
        let at = at.map_or(Datum::Null, |at| Datum::TimestampTz(at - EPOCH));
        let values = vec![Datum::Int(id), at, Datum::Int(kind.into())];
        Record::new(&self.schema, values)
    }

    /// The query's rows at a moment, as SQL has them.
    fn result(&self, rows: &Rows, moment: i64) -> Vec<Arc<Record>> {
        let filter = self.query.predicate.at(&self.schema.columns, moment);
        let mut result: Vec<_> = rows
            .iter()
            .map(|(id, values)| self.record(*id, *values))
            .filter(|row| filter.evaluate(&self.schema.columns, row.values()) == Truth::True)
            .collect();
        result.sort_by(|a, b| self.compare(a, b));
        result
    }

    fn compare(&self, a: &Record, b: &Record) -> std::cmp::Ordering {
        let order = &self.query.order;
        order
            .compare(&self.schema.columns, None, a, b)
            .expect("a decided order")
    }

    fn act(&mut self, action: &Action) {
        let nth = |nth: u8, of: usize| (of > 0).then(|| usize::from(nth) % of);
        match action {
            Action::Commit { lag, writes } => self.commit(*lag, writes),
            Action::Truncate => {
                self.rows.clear();
                self.committed(self.clock, Vec::new(), true);
            }
            Action::Pass(time) => self.clock += time,
            Action::ReadLog(commits) => self.read_log((*commits).into()),
            Action::Execute(at) => {
                if let Some(at) = nth(*at, self.requested.len()) {
                    self.execute(at);
                }
            }
            Action::Deliver(at) => {
                if let Some(at) = nth(*at, self.executed.len()) {
                    let (request, read) = self.executed.remove(at);
                    let outputs = self.engine.rows(request, read);
                    self.take(outputs);
                }
            }
            Action::Turn => {
                if let Some(at) = self.turns.take_if(|at| *at <= self.clock) {
                    let outputs = self.engine.time_passed(self.window, at);
                    self.take(outputs);
                }
            }
        }
    }

    fn commit(&mut self, lag: i64, writes: &[(u8, Option<Values>)]) {
        let xid = self.versions.len() as u64;
        let mut images = Vec::new();
        for (id, after) in writes {
            let id = i64::from(*id);
            // Rows lie around the moment at which they are written.
            let after = after.map(|(at, kind)| (at.map(|at| self.clock + at), kind));
            let before = self.rows.get(&id).copied();
            for (side, values) in [(Side::Old, before), (Side::New, after)] {
                if let Some(values) = values {
                    let record = self.record(id, values);
                    images.push(Image { xid, side, record });
                }
            }
            match after {
                Some(values) => self.rows.insert(id, values),
                None => self.rows.remove(&id),
            };
        }
        let logged = self.clock;
        self.clock += lag;
        self.committed(logged, images, false);
    }

    fn committed(&mut self, logged: i64, images: Vec<Image>, reread: bool) {
        self.versions.push(self.rows.clone());
        let changes = TableChanges {
            table: TableId(1),
            images,
            reread,
        };
        self.log.push((logged, changes));
    }

    fn read_log(&mut self, commits: usize) {
        let news: Vec<_> = self.log.drain(..commits.min(self.log.len())).collect();
        if news.is_empty() {
            return;
        }
        let from = version(self.told);
        self.told += news.len() as u64;
        let changes = TableChanges {
            table: TableId(1),
            reread: news.iter().any(|(_, changes)| changes.reread),
            images: news
                .iter()
                .flat_map(|(_, changes)| changes.images.clone())
                .collect(),
        };
        let outputs = self.engine.apply(Transaction {
            from,
            to: version(self.told),
            changed_at: news.iter().map(|(logged, _)| *logged).max().unwrap_or(0),
            tables: vec![Arc::new(changes)],
        });
        self.take(outputs);
    }

    fn execute(&mut self, at: usize) {
        let (request, wanted) = self.requested.remove(at);
        let result = self.result(&self.rows, self.clock);
        let place =
            |anchor: &Record| result.partition_point(|record| self.compare(record, anchor).is_lt());
        let (rows, total): (&[Arc<Record>], _) = match &wanted {
            RowsWanted::Places {
                start,
                count,
                total,
            } => {
                let from = (*start as usize).min(result.len());
                let to = (from + *count as usize).min(result.len());
                (&result[from..to], total.then_some(result.len() as u64))
            }
            RowsWanted::From { anchor, count } => {
                let from = place(anchor);
                let to = (from + *count as usize).min(result.len());
                (&result[from..to], None)
            }
            RowsWanted::UpTo { anchor, count } => {
                let mut to = place(anchor);
                if result
                    .get(to)
                    .is_some_and(|row| self.compare(row, anchor).is_eq())
                {
                    to += 1;
                }
                (&result[to.saturating_sub(*count as usize)..to], None)
            }
        };
        let turns = self.rows.iter().filter_map(|(id, values)| {
            let record = self.record(*id, *values);
            self.query
                .predicate
                .turns_after(record.values(), self.clock)
        });
        let read = RowsRead {
            snapshot: version(self.versions.len() as u64 - 1),
            rows: rows.to_vec(),
            total,
            aggregates: AggregatesRead::default(),
            time: Some(ReadTime {
                moment: self.clock,
                turns: turns.min(),
            }),
        };
        self.executed.push((request, read));
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Read {
                    request, wanted, ..
                } => {
                    self.rereads += 1;
                    self.requested.push((request, wanted));
                }
                Output::Ask { .. } => panic!("nothing here is PostgreSQL's to decide"),
                Output::CatchUp | Output::Regained { .. } => {}
                Output::Turns { at, .. } => self.turns = at,
                Output::Ready(id) => {
                    let state = self.engine.list(id).expect("a ready window has a list");
                    self.moment = state.moment.expect("its moment");
                    let list = List {
                        rows: state.rows,
                        total: state.total,
                        aggregates: Vec::new(),
                        cursor: state.version.to_string(),
                    };
                    self.check(&list, self.moment);
                    self.list = Some(list);
                }
                Output::Patch { from, patch, .. } => {
                    let mut list = self.list.take().expect("a patch after the first list");
                    let time = patch.time.expect("its time");
                    assert!(time.to >= self.moment, "moments do not go back");
                    // What clients held was exact up to here.
                    list.cursor = from.to_string();
                    self.check(&list, time.from);
                    list.apply(&message::Patch {
                        ops: patch.ops,
                        total: patch.total,
                        aggregates: patch.aggregates,
                        cursor: patch.to.to_string(),
                        changed_at: patch.changed_at,
                    })
                    .expect("the patch fits");
                    self.check(&list, time.to);
                    self.moment = time.to;
                    self.list = Some(list);
                }
            }
        }
    }

    /// The list is what the query says at its version and this moment.
    fn check(&self, list: &List, moment: i64) {
        let version: PgSnapshot = list.cursor.parse().expect("our own cursor");
        let rows = &self.versions[version.xmax as usize - 1];
        let result = self.result(rows, moment);
        let expected: Vec<_> = result
            .iter()
            .skip(self.slice.offset as usize)
            .take(self.slice.limit as usize)
            .map(|record| row(record, &[ID, AT, KIND]))
            .collect();
        assert_eq!(list.rows, expected, "at {version}, {}", moment - START);
        assert_eq!(list.total, result.len() as u64);
    }

    /// Lets everything that is under way finish: the list is that of now, and stays it until
    /// the moment that was told.
    fn finish(&mut self) {
        self.read_log(usize::MAX);
        loop {
            self.act(&Action::Turn);
            if self.requested.is_empty() && self.executed.is_empty() {
                break;
            }
            while !self.requested.is_empty() {
                self.execute(0);
            }
            self.act(&Action::Deliver(0));
            self.read_log(usize::MAX);
        }
        assert_eq!(self.engine.figures().contradictions, 0);
        let mut list = self.list.clone().expect("the window is ready");
        list.cursor = version(self.told).to_string();
        self.check(&list, self.clock);
        let turns = self.turns.unwrap_or(self.clock + 3600 * SECOND);
        self.check(&list, turns - 1);
    }
}

fn moving(comparison: MovingComparison, seconds: i64) -> Predicate {
    Predicate::Moving {
        column: AT,
        moving: Moving {
            comparison,
            distance: Distance::Seconds(seconds),
        },
    }
}

fn filter() -> impl Strategy<Value = Predicate> {
    use MovingComparison::*;
    let term = (
        prop_oneof![
            Just(Greater),
            Just(GreaterOrEqual),
            Just(Less),
            Just(LessOrEqual)
        ],
        -3i64..3,
    )
        .prop_map(|(comparison, seconds)| moving(comparison, seconds));
    let kind = |comparison| Predicate::Compare {
        column: KIND,
        comparison,
        value: Datum::Int(1),
    };
    (term.clone(), term, 0u8..5).prop_map(move |(one, other, shape)| match shape {
        0 => one,
        1 => Predicate::And(vec![one, kind(Comparison::Equal)]),
        2 => Predicate::And(vec![one, other]),
        3 => Predicate::Or(vec![
            Predicate::And(vec![kind(Comparison::NotEqual), one]),
            Predicate::Not(Box::new(other)),
        ]),
        _ => Predicate::Not(Box::new(Predicate::And(vec![
            one,
            kind(Comparison::Less),
            other,
        ]))),
    })
}

proptest! {
    #[test]
    fn every_list_is_the_querys_at_its_version_and_moment(
        filter in filter(),
        by_time: bool,
        slice in (0u64..6, 1u64..8).prop_map(|(offset, limit)| Slice { offset, limit }),
        reread in proptest::bool::weighted(0.2),
        actions in proptest::collection::vec(action(), 1..120),
    ) {
        let mut world = World::new(filter, by_time, slice, reread);
        for action in &actions {
            world.act(action);
        }
        world.finish();
    }
}

#[test]
fn changes_of_rows_are_told_without_a_read_while_none_turns() {
    let filter = moving(MovingComparison::GreaterOrEqual, -900);
    let slice = Slice {
        offset: 0,
        limit: 50,
    };
    let mut world = World::new(filter, true, slice, false);
    world.finish();
    let before = mem::take(&mut world.rereads);
    for id in 0..40 {
        world.act(&Action::Pass(SECOND));
        world.act(&Action::Commit {
            lag: 0,
            writes: vec![(id, Some((Some(0), 1)))],
        });
        world.act(&Action::ReadLog(1));
    }
    assert_eq!((before, world.rereads), (1, 0));
    assert_eq!(world.list.as_ref().map(|list| list.total), Some(40));
    // The first of them leaves a quarter of an hour after it came, by a read of its own.
    let turns = START + SECOND + 900 * SECOND + 1;
    assert_eq!(world.turns, Some(turns));
    world.act(&Action::Pass(turns - world.clock));
    world.finish();
    assert_eq!(world.rereads, 1);
    assert_eq!(world.list.as_ref().map(|list| list.total), Some(39));
}
