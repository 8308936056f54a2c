//! Every list that the engine gives is what the query says, at the version it names, whatever
//! the interleaving of commits, reads of the log, reads of rows and answers.

#[path = "windows/aggregates.rs"]
mod aggregates;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
};

use proptest::prelude::*;
use rowcast_engine::{
    Engine, Output,
    datum::{Codec, Datum},
    engine::Limits,
    order::{Order, SortKey},
    predicate::{Comparison, Predicate},
    predicate_index::QueryId,
    query::{Answer, QuerySpec, Question},
    record::Record,
    run::Slice,
    schema::{Collation, ColumnSchema, Schema, TableId},
    tally::{Aggregate, AggregatesRead},
    transaction::{Image, Side, TableChanges, Transaction},
    window::{RequestId, RowsRead, RowsWanted, WindowId, WindowSpec, row},
};
use rowcast_protocol::{PgSnapshot, list::List, message};

const ID: usize = 0;
const NUMBER: usize = 1;
const NAME: usize = 2;

/// A row of the model: the key, a nullable number, a text that only "PostgreSQL" compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Values {
    number: Option<u8>,
    name: u8,
}

type Rows = BTreeMap<u8, Values>;

#[derive(Clone, Debug)]
enum Action {
    Begin,
    Commit {
        nth: u8,
        writes: Vec<Write>,
    },
    ReadLog,
    Execute {
        nth: u8,
    },
    Deliver {
        nth: u8,
    },
    Answer {
        nth: u8,
    },
    Open {
        query: u8,
        offset: u8,
        limit: u8,
        aggregates: u8,
    },
    Close {
        nth: u8,
    },
}

#[derive(Clone, Debug)]
enum Write {
    Put(u8, Values),
    Delete(u8),
    Truncate,
}

fn values() -> impl Strategy<Value = Values> {
    (proptest::option::weighted(0.8, 0u8..6), 0u8..8)
        .prop_map(|(number, name)| Values { number, name })
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        60 => (any::<u8>(), values()).prop_map(|(id, values)| Write::Put(id % 120, values)),
        30 => any::<u8>().prop_map(|id| Write::Delete(id % 120)),
        2 => Just(Write::Truncate),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Begin),
        8 => (any::<u8>(), proptest::collection::vec(write(), 1..30))
            .prop_map(|(nth, writes)| Action::Commit { nth, writes }),
        5 => Just(Action::ReadLog),
        4 => any::<u8>().prop_map(|nth| Action::Execute { nth }),
        4 => any::<u8>().prop_map(|nth| Action::Deliver { nth }),
        3 => any::<u8>().prop_map(|nth| Action::Answer { nth }),
        3 => (any::<u8>(), 0u8..60, 0u8..12, 0..aggregates::SELECTIONS).prop_map(
            |(query, offset, limit, aggregates)| Action::Open { query, offset, limit, aggregates },
        ),
        1 => any::<u8>().prop_map(|nth| Action::Close { nth }),
    ]
}

/// A database that remembers every version, the log of its changes, and clients.
struct World {
    engine: Engine,
    schema: Arc<Schema>,
    next_xid: u64,
    open: Vec<u64>,
    rows: Rows,
    versions: HashMap<PgSnapshot, Rows>,
    log: Vec<(u64, Vec<Image>, bool)>,
    cursor: PgSnapshot,
    windows: Vec<Client>,
    requested: Vec<(RequestId, WindowId, RowsWanted)>,
    executed: Vec<(RequestId, RowsRead)>,
    questions: Vec<(QueryId, Question)>,
    changes: i64,
}

struct Client {
    id: WindowId,
    query: u8,
    slice: Slice,
    aggregates: Arc<[Aggregate]>,
    list: Option<List>,
}

impl World {
    fn new(limits: Limits) -> Self {
        let column = |name: &str, codec, collation| ColumnSchema {
            name: name.into(),
            codec,
            collation,
        };
        let schema = Arc::new(Schema {
            table: TableId(1),
            columns: [
                column("id", Codec::Int4, Collation::C),
                column("number", Codec::Int4, Collation::C),
                column("name", Codec::Text, Collation::Nondeterministic),
            ]
            .into(),
            key: [ID].into(),
        });
        let mut world = Self {
            engine: Engine::new(PgSnapshot::default()),
            schema,
            next_xid: 10,
            open: Vec::new(),
            rows: (0..90)
                .map(|id| {
                    let number = (id % 7 != 0).then_some(id % 5);
                    let name = id % 8;
                    (id, Values { number, name })
                })
                .collect(),
            versions: HashMap::new(),
            log: Vec::new(),
            cursor: PgSnapshot::default(),
            windows: Vec::new(),
            requested: Vec::new(),
            executed: Vec::new(),
            questions: Vec::new(),
            changes: 0,
        };
        world.cursor = world.snapshot();
        world.engine = Engine::with_limits(world.cursor.clone(), limits);
        world
    }

    fn record(&self, id: u8, values: Values) -> Arc<Record> {
        Record::new(
            &self.schema,
            vec![
                Datum::Int(id.into()),
                values
                    .number
                    .map_or(Datum::Null, |number| Datum::Int(number.into())),
                Datum::Text(name_text(values.name).into()),
            ],
        )
    }

    /// The version that a read would see now.
    fn snapshot(&mut self) -> PgSnapshot {
        let mut running = self.open.clone();
        running.sort_unstable();
        let snapshot = PgSnapshot {
            xmin: running.first().copied().unwrap_or(self.next_xid),
            xmax: self.next_xid,
            running,
        };
        self.versions.insert(snapshot.clone(), self.rows.clone());
        snapshot
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Begin => {
                self.open.push(self.next_xid);
                self.next_xid += 1;
            }
            Action::Commit { nth, writes } => {
                if !self.open.is_empty() {
                    let xid = self.open.remove(usize::from(*nth) % self.open.len());
                    self.commit(xid, writes);
                }
            }
            Action::ReadLog => self.read_log(),
            Action::Execute { nth } => {
                if !self.requested.is_empty() {
                    let at = usize::from(*nth) % self.requested.len();
                    self.execute(at);
                }
            }
            Action::Deliver { nth } => {
                if !self.executed.is_empty() {
                    let at = usize::from(*nth) % self.executed.len();
                    let (request, read) = self.executed.remove(at);
                    let outputs = self.engine.rows(request, read);
                    self.take(outputs);
                }
            }
            Action::Answer { nth } => {
                if !self.questions.is_empty() {
                    let at = usize::from(*nth) % self.questions.len();
                    self.answer(at);
                }
            }
            Action::Open {
                query,
                offset,
                limit,
                aggregates,
            } => {
                let aggregates = aggregates::selection(*aggregates);
                let query = query % QUERIES;
                let slice = Slice {
                    offset: (*offset).into(),
                    limit: (*limit).into(),
                };
                let spec = WindowSpec {
                    slice,
                    select: [ID, NUMBER, NAME].into(),
                    aggregates: Arc::clone(&aggregates),
                };
                let (id, outputs) = self.engine.open(&query_spec(&self.schema, query), spec);
                self.windows.push(Client {
                    id,
                    query,
                    slice,
                    aggregates,
                    list: None,
                });
                self.take(outputs);
            }
            Action::Close { nth } => {
                if !self.windows.is_empty() {
                    let at = usize::from(*nth) % self.windows.len();
                    let client = self.windows.remove(at);
                    self.engine.close(client.id);
                }
            }
        }
    }

    fn commit(&mut self, xid: u64, writes: &[Write]) {
        let mut images = Vec::new();
        let mut truncated = false;
        for write in writes {
            let (id, after) = match write {
                Write::Put(id, values) => (*id, Some(*values)),
                Write::Delete(id) => (*id, None),
                Write::Truncate => {
                    self.rows.clear();
                    truncated = true;
                    continue;
                }
            };
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
        // Order inside a read means nothing.
        images.reverse();
        self.log.push((xid, images, truncated));
    }

    fn read_log(&mut self) {
        let to = self.snapshot();
        let from = std::mem::replace(&mut self.cursor, to.clone());
        let news: Vec<_> = self
            .log
            .iter()
            .filter(|(xid, ..)| to.sees(*xid) && !from.sees(*xid))
            .cloned()
            .collect();
        if news.is_empty() {
            let outputs = self.engine.nothing_until(to);
            return self.take(outputs);
        }
        self.changes += 1;
        let changes = TableChanges {
            table: TableId(1),
            reread: news.iter().any(|(.., truncated)| *truncated),
            images: news.into_iter().flat_map(|(_, images, _)| images).collect(),
        };
        let outputs = self.engine.apply(Transaction {
            from,
            to,
            changed_at: self.changes,
            tables: vec![Arc::new(changes)],
        });
        self.take(outputs);
    }

    fn execute(&mut self, at: usize) {
        let (request, window, wanted) = self.requested.remove(at);
        let Some((query, wanted_aggregates)) = self
            .windows
            .iter()
            .find(|client| client.id == window)
            .map(|client| (client.query, Arc::clone(&client.aggregates)))
        else {
            return;
        };
        let snapshot = self.snapshot();
        let result = self.result(query, &self.rows);
        let anchor_place = |anchor: &Record| {
            let place = |record: &Record| compare(query, record, anchor).is_lt();
            result.partition_point(|record| place(record))
        };
        let (rows, total) = match wanted {
            RowsWanted::Places {
                start,
                count,
                total,
            } => (
                result
                    .iter()
                    .skip(start as usize)
                    .take(count as usize)
                    .cloned()
                    .collect(),
                total.then_some(result.len() as u64),
            ),
            RowsWanted::From { anchor, count } => {
                let from = anchor_place(&anchor);
                let rows = result[from..].iter().take(count as usize);
                (rows.cloned().collect(), None)
            }
            RowsWanted::UpTo { anchor, count } => {
                let mut to = anchor_place(&anchor);
                if result.get(to).is_some_and(|row| {
                    row.key() == anchor.key() && compare(query, row, &anchor).is_eq()
                }) {
                    to += 1;
                }
                let from = to.saturating_sub(count as usize);
                (result[from..to].to_vec(), None)
            }
        };
        self.executed.push((
            request,
            RowsRead {
                snapshot,
                rows,
                total,
                time: None,
                aggregates: match total {
                    Some(_) => aggregates::read(&wanted_aggregates, &self.schema, &result),
                    None => AggregatesRead::default(),
                },
            },
        ));
    }

    fn answer(&mut self, at: usize) {
        let (query_id, question) = self.questions.remove(at);
        let Some(query) = self
            .windows
            .iter()
            .find(|client| self.engine.query_of(client.id) == Some(query_id))
            .map(|client| client.query)
        else {
            return;
        };
        let answer = Answer {
            verdicts: question
                .verdicts
                .iter()
                .map(|record| matches(query, record))
                .collect(),
            rankings: question
                .rankings
                .iter()
                .map(|(_, values)| values.iter().map(rank).collect())
                .collect(),
        };
        let outputs = self.engine.answer(query_id, question.id, &answer);
        self.take(outputs);
    }

    fn result(&self, query: u8, rows: &Rows) -> Vec<Arc<Record>> {
        let mut result: Vec<_> = rows
            .iter()
            .map(|(id, values)| self.record(*id, *values))
            .filter(|record| matches(query, record))
            .collect();
        result.sort_by(|a, b| compare(query, a, b));
        result
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Read {
                    window,
                    request,
                    wanted,
                } => self.requested.push((request, window, wanted)),
                Output::Ask { query, question } => self.questions.push((query, question)),
                Output::CatchUp | Output::Turns { .. } => {}
                Output::Ready(id) => {
                    let state = self.engine.list(id).expect("a ready window has a list");
                    let list = List {
                        rows: state.rows,
                        total: state.total,
                        aggregates: aggregates::named(state.aggregates),
                        cursor: state.version.to_string(),
                    };
                    self.check(id, &list);
                    self.client(id).list = Some(list);
                }
                Output::Patch {
                    window,
                    from,
                    patch,
                } => {
                    let Some(mut list) = self.client(window).list.take() else {
                        panic!("a patch before the first list");
                    };
                    let held: PgSnapshot = list.cursor.parse().expect("our own cursor");
                    assert!(
                        from.covers(&held),
                        "a patch reaches back behind the one before: {from} behind {held}, to {}",
                        patch.to
                    );
                    list.apply(&message::Patch {
                        ops: patch.ops,
                        total: patch.total,
                        aggregates: patch.aggregates,
                        cursor: patch.to.to_string(),
                        changed_at: patch.changed_at,
                    })
                    .expect("the patch fits");
                    self.check(window, &list);
                    self.client(window).list = Some(list);
                }
                Output::Regained {
                    window, from, to, ..
                } => {
                    let Some(mut list) = self.client(window).list.take() else {
                        panic!("a list is regained before the first one");
                    };
                    let held: PgSnapshot = list.cursor.parse().expect("our own cursor");
                    assert!(from.covers(&held), "{from} is behind {held}");
                    // What was held at the one version is right at the other.
                    list.cursor = from.to_string();
                    self.check(window, &list);
                    list.cursor = to.to_string();
                    self.check(window, &list);
                    self.client(window).list = Some(list);
                }
            }
        }
    }

    fn client(&mut self, id: WindowId) -> &mut Client {
        self.windows
            .iter_mut()
            .find(|client| client.id == id)
            .expect("output names an open window")
    }

    /// The list is what the query says at the list's own version.
    fn check(&mut self, id: WindowId, list: &List) {
        let version: PgSnapshot = list.cursor.parse().expect("our own cursor");
        let rows = self
            .versions
            .get(&version)
            .expect("the version is one that was read")
            .clone();
        let (query, slice, aggregates) = {
            let client = self.client(id);
            (client.query, client.slice, Arc::clone(&client.aggregates))
        };
        let result = self.result(query, &rows);
        let expected: Vec<_> = result
            .iter()
            .skip(slice.offset as usize)
            .take(slice.limit as usize)
            .map(|record| row(record, &[ID, NUMBER, NAME]))
            .collect();
        assert_eq!(list.rows, expected, "rows of query {query} {slice:?}");
        assert_eq!(list.total, result.len() as u64, "total of query {query}");
        let values = aggregates::named(aggregates::values(&aggregates, &result));
        assert_eq!(list.aggregates, values, "aggregates of query {query}");
    }

    /// Lets everything that is under way finish, and checks that all lists are current.
    fn finish(&mut self) {
        self.read_log();
        while !(self.requested.is_empty() && self.executed.is_empty() && self.questions.is_empty())
        {
            while !self.requested.is_empty() {
                self.execute(0);
            }
            self.act(&Action::Deliver { nth: 0 });
            self.act(&Action::Answer { nth: 0 });
            self.read_log();
        }
        assert_eq!(self.engine.figures().contradictions, 0);
        let rows = self.rows.clone();
        for at in 0..self.windows.len() {
            let Client {
                id, query, slice, ..
            } = self.windows[at];
            let list = self.windows[at]
                .list
                .clone()
                .expect("every window is ready");
            let result = self.result(query, &rows);
            let expected: Vec<_> = result
                .iter()
                .skip(slice.offset as usize)
                .take(slice.limit as usize)
                .map(|record| row(record, &[ID, NUMBER, NAME]))
                .collect();
            assert_eq!(list.rows, expected, "window {id:?} is behind");
            assert_eq!(list.total, result.len() as u64);
            let state = self.engine.list(id).expect("a ready window has a list");
            assert_eq!(state.rows, expected);
        }
    }
}

const QUERIES: u8 = 7;

fn query_spec(schema: &Arc<Schema>, query: u8) -> QuerySpec {
    let key = |column, descending, nulls_first, asked| SortKey {
        column,
        descending,
        nulls_first,
        asked,
    };
    let id = key(ID, false, false, false);
    let compare = |comparison, value| Predicate::Compare {
        column: NUMBER,
        comparison,
        value: Datum::Int(value),
    };
    let (predicate, order, reread) = match query {
        0 => (Predicate::And(vec![]), vec![id], false),
        1 => (
            compare(Comparison::GreaterOrEqual, 2),
            vec![key(NUMBER, true, true, false), id],
            false,
        ),
        2 => (
            Predicate::In {
                column: NUMBER,
                values: vec![Datum::Int(1), Datum::Int(3)],
            },
            vec![key(NAME, false, false, true), id],
            false,
        ),
        3 => (
            Predicate::And(vec![Predicate::Asked, compare(Comparison::Less, 4)]),
            vec![key(NUMBER, false, false, false), id],
            false,
        ),
        4 => (
            Predicate::Asked,
            vec![
                key(NUMBER, true, true, false),
                key(NAME, true, true, true),
                id,
            ],
            false,
        ),
        5 => (
            Predicate::IsNull(NUMBER),
            vec![key(ID, true, true, false)],
            false,
        ),
        _ => (
            Predicate::Asked,
            vec![key(NAME, true, true, true), id],
            true,
        ),
    };
    QuerySpec {
        identity: format!("query {query}").into(),
        schema: Arc::clone(schema),
        predicate,
        order: Order(order),
        reread,
        sources: Vec::new(),
    }
}

/// What the model's PostgreSQL says of the filter.
fn matches(query: u8, record: &Record) -> bool {
    let number = match record.values()[NUMBER] {
        Datum::Int(number) => Some(number),
        _ => None,
    };
    let asked = rank(&record.values()[NAME]) % 2 == 1;
    match query {
        0 => true,
        1 => number.is_some_and(|number| number >= 2),
        2 => matches!(number, Some(1 | 3)),
        3 => asked && number.is_some_and(|number| number < 4),
        5 => number.is_none(),
        _ => asked,
    }
}

/// What the model's PostgreSQL says of the order.
fn compare(query: u8, a: &Record, b: &Record) -> Ordering {
    let number = |record: &Record| match record.values()[NUMBER] {
        Datum::Int(number) => Some(number),
        _ => None,
    };
    // NULLs last ascending, first descending: `None` is the greatest.
    let numbers = || match (number(a), number(b)) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        (a, b) => a.cmp(&b),
    };
    let names = || rank(&a.values()[NAME]).cmp(&rank(&b.values()[NAME]));
    let ids = || match (&a.values()[ID], &b.values()[ID]) {
        (Datum::Int(a), Datum::Int(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    match query {
        0 => ids(),
        1 => numbers().reverse().then_with(ids),
        2 => names().then_with(ids),
        3 => numbers().then_with(ids),
        4 => numbers()
            .reverse()
            .then_with(|| names().reverse())
            .then_with(ids),
        5 => ids().reverse(),
        _ => names().reverse().then_with(ids),
    }
}

fn name_text(name: u8) -> &'static str {
    ["Zoe", "anna", "Ben", "ärger", "Über", "zoe", "Anna", "ben"][usize::from(name % 8)]
}

/// An order of names that is neither that of their bytes nor strict: case does not count.
fn rank(value: &Datum) -> u32 {
    match value {
        Datum::Text(text) => match text.to_lowercase().as_str() {
            "anna" => 0,
            "ärger" => 1,
            "ben" => 2,
            "über" => 3,
            _ => 4,
        },
        _ => 5,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_list_is_the_querys_at_its_version(
        actions in proptest::collection::vec(action(), 1..150),
        is_tight in proptest::bool::weighted(0.3),
    ) {
        let mut world = World::new(if is_tight {
            Limits {
                held_images: 10,
                held_bytes: 1 << 20,
                held_images_in_all: 25,
                held_bytes_in_all: 2 << 20,
                pending_changes: 10,
                pending_changes_in_all: 20,
            }
        } else {
            Limits::default()
        });
        for action in &actions {
            world.act(action);
        }
        world.finish();
        for client in mem::take(&mut world.windows) {
            world.engine.close(client.id);
        }
        prop_assert_eq!(world.engine.figures().rows, 0, "rows that no list holds");
        prop_assert_eq!(world.engine.figures().held_images, 0, "images that no window waits for");
    }
}
