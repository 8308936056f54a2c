//! Lists of related rows are read again for what they show, and for nothing else.

use std::sync::Arc;

use rowcast_engine::{
    Engine, Output,
    datum::{Codec, Datum},
    order::{Order, SortKey},
    predicate::Predicate,
    query::{QuerySpec, Source},
    record::Record,
    related::Reference,
    run::Slice,
    schema::{Collation, ColumnSchema, Schema, TableId},
    tally::AggregatesRead,
    transaction::{Image, Side, TableChanges, Transaction},
    window::{RequestId, RowsRead, WindowId, WindowSpec},
};
use rowcast_protocol::PgSnapshot;

const ORDERS: TableId = TableId(1);
const PEOPLE: TableId = TableId(2);

/// A table of integers whose first column is its key.
fn table(table: TableId, names: &[&str]) -> Arc<Schema> {
    let column = |name: &&str| ColumnSchema {
        name: (*name).into(),
        codec: Codec::Int8,
        collation: Collation::C,
    };
    Arc::new(Schema {
        table,
        columns: names.iter().map(column).collect(),
        key: [0].into(),
    })
}

/// Orders, each with its person's name behind its own columns.
fn orders() -> Arc<Schema> {
    table(ORDERS, &["id", "person", "person.name"])
}

fn people() -> Arc<Schema> {
    table(PEOPLE, &["id", "name", "seen"])
}

fn record(schema: &Schema, values: [i64; 3]) -> Arc<Record> {
    Record::new(schema, values.map(Datum::Int).to_vec())
}

fn version(commits: u64) -> PgSnapshot {
    PgSnapshot {
        xmin: commits + 1,
        xmax: commits + 1,
        running: Vec::new(),
    }
}

/// An engine with one list, its rows asked for.
fn followed() -> (Engine, WindowId, RequestId) {
    let query = QuerySpec {
        identity: "orders with people".into(),
        schema: orders(),
        predicate: Predicate::And(Vec::new()),
        order: Order(vec![SortKey {
            column: 0,
            descending: false,
            nulls_first: false,
            asked: false,
        }]),
        reread: true,
        sources: vec![Source {
            schema: people(),
            predicate: Predicate::And(Vec::new()),
            columns: Some([0, 1].into()),
            shown_by: Some(Reference {
                on: [(1, 0)].into(),
                columns: 2..3,
            }),
        }],
    };
    let window = WindowSpec {
        slice: Slice {
            offset: 0,
            limit: 50,
        },
        select: [0, 1, 2].into(),
        aggregates: [].into(),
    };
    let mut engine = Engine::new(version(0));
    let (id, outputs) = engine.open(&query, window);
    let [request] = requested(&outputs)[..] else {
        panic!("its rows are asked for");
    };
    (engine, id, request)
}

fn requested(outputs: &[Output]) -> Vec<RequestId> {
    let request = |output: &Output| match output {
        Output::Read { request, .. } => Some(*request),
        _ => None,
    };
    outputs.iter().filter_map(request).collect()
}

/// One order of person 7, as of a version.
fn rows(at: u64) -> RowsRead {
    RowsRead {
        snapshot: version(at),
        rows: vec![record(&orders(), [1, 7, 70])],
        total: Some(1),
        aggregates: AggregatesRead::default(),
        time: None,
    }
}

/// A commit in which a person becomes another.
fn person(commit: u64, old: [i64; 3], new: [i64; 3]) -> Transaction {
    let image = |side, values| Image {
        xid: commit,
        side,
        record: record(&people(), values),
    };
    Transaction {
        from: version(commit - 1),
        to: version(commit),
        changed_at: 0,
        tables: vec![Arc::new(TableChanges {
            table: PEOPLE,
            images: vec![image(Side::Old, old), image(Side::New, new)],
            reread: false,
        })],
    }
}

/// How often the list is read after its first read, over which this commit fell.
fn reads_after(old: [i64; 3], new: [i64; 3]) -> usize {
    let (mut engine, _, request) = followed();
    let mut reads = requested(&engine.apply(person(1, old, new))).len();
    reads += requested(&engine.rows(request, rows(0))).len();
    reads
}

/// How often the list, once it is there, is read for this commit.
fn reads_at_rest(old: [i64; 3], new: [i64; 3]) -> usize {
    let (mut engine, id, request) = followed();
    engine.rows(request, rows(0));
    assert!(engine.is_ready(id));
    requested(&engine.apply(person(1, old, new))).len()
}

#[test]
fn a_column_that_is_not_shown_concerns_no_list_however_often_it_changes() {
    let (old, new) = ([7, 70, 1], [7, 70, 2]);
    assert_eq!(reads_at_rest(old, new), 0);
    assert_eq!(reads_after(old, new), 0);
}

#[test]
fn a_row_that_no_shown_row_refers_to_concerns_no_list() {
    let (old, new) = ([8, 80, 1], [8, 81, 1]);
    assert_eq!(reads_at_rest(old, new), 0);
    assert_eq!(reads_after(old, new), 0);
}

#[test]
fn what_a_list_shows_of_a_related_row_has_it_read_again() {
    let (old, new) = ([7, 70, 1], [7, 71, 1]);
    assert_eq!(reads_at_rest(old, new), 1);
    assert_eq!(reads_after(old, new), 1);
}

#[test]
fn a_list_that_is_what_it_was_is_told_to_have_been_unknown() {
    let (mut engine, id, request) = followed();
    engine.rows(request, rows(0));
    let outputs = engine.apply(person(1, [7, 70, 1], [7, 71, 1]));
    let [request] = requested(&outputs)[..] else {
        panic!("its rows are asked for again");
    };
    engine.apply(person(2, [7, 71, 1], [7, 70, 1]));
    let outputs = engine.rows(request, rows(2));
    let is_told = |output: &Output| match output {
        Output::Regained {
            window, from, to, ..
        } => *window == id && **from == version(0) && **to == version(2),
        _ => false,
    };
    assert_eq!(outputs.iter().filter(|of| is_told(of)).count(), 1);
}

/// A standby may show the second of two transactions before the first, and the primary the first
/// before the second.
#[test]
fn rows_of_a_version_in_another_order_wait_until_both_are_there() {
    let (mut engine, id, request) = followed();
    engine.apply(person(1, [8, 80, 1], [8, 81, 1]));
    let mut read = rows(0);
    read.snapshot = "1:3:1".parse().expect("a version");
    assert!(read.snapshot.sees(2) && !read.snapshot.sees(1));
    let outputs = engine.rows(request, read);
    assert!(!engine.is_ready(id));
    assert!(outputs.iter().any(|of| matches!(of, Output::CatchUp)));
    engine.apply(person(2, [9, 90, 1], [9, 91, 1]));
    assert!(engine.is_ready(id));
    let list = engine.list(id).expect("a ready window has a list");
    assert_eq!(list.version, version(2));
}
