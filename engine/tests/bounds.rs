//! What an engine keeps is bounded, whatever comes.

use std::sync::Arc;

use rowcast_engine::{
    Engine, Output,
    datum::{Codec, Datum},
    engine::Limits,
    order::{Order, SortKey},
    predicate::Predicate,
    query::QuerySpec,
    record::Record,
    run::Slice,
    schema::{Collation, ColumnSchema, Schema, TableId},
    tally::AggregatesRead,
    transaction::{Image, Side, TableChanges, Transaction, net_effect},
    window::{RequestId, RowsRead, WindowSpec},
};
use rowcast_protocol::PgSnapshot;

const TABLE: TableId = TableId(1);

fn schema() -> Arc<Schema> {
    let column = |name: &str, codec| ColumnSchema {
        name: name.into(),
        codec,
        collation: Collation::C,
    };
    Arc::new(Schema {
        table: TABLE,
        columns: [column("id", Codec::Int8), column("n", Codec::Int8)].into(),
        key: [0].into(),
    })
}

fn record(id: i64, n: i64) -> Arc<Record> {
    Record::new(&schema(), vec![Datum::Int(id), Datum::Int(n)])
}

fn version(commits: u64) -> PgSnapshot {
    PgSnapshot {
        xmin: commits + 1,
        xmax: commits + 1,
        running: Vec::new(),
    }
}

fn query(identity: &str, predicate: Predicate, descending: bool, reread: bool) -> QuerySpec {
    QuerySpec {
        identity: identity.into(),
        schema: schema(),
        predicate,
        order: Order(vec![SortKey {
            column: 0,
            descending,
            nulls_first: descending,
            asked: false,
        }]),
        reread,
        sources: Vec::new(),
    }
}

fn window(offset: u64, limit: u64) -> WindowSpec {
    WindowSpec {
        slice: Slice { offset, limit },
        select: [0, 1].into(),
        aggregates: [].into(),
    }
}

fn inserts(from: u64, to: u64, ids: impl IntoIterator<Item = i64>) -> Transaction {
    let images = ids.into_iter().map(|id| Image {
        xid: to,
        side: Side::New,
        record: record(id, 0),
    });
    Transaction {
        from: version(from),
        to: version(to),
        changed_at: 0,
        tables: vec![Arc::new(TableChanges {
            table: TABLE,
            images: images.collect(),
            reread: false,
        })],
    }
}

fn requested(outputs: &[Output]) -> Vec<RequestId> {
    let request = |output: &Output| match output {
        Output::Read { request, .. } => Some(*request),
        _ => None,
    };
    outputs.iter().filter_map(request).collect()
}

/// An empty table, read at a version.
fn nothing(at: u64) -> RowsRead {
    RowsRead {
        snapshot: version(at),
        rows: Vec::new(),
        total: Some(0),
        aggregates: AggregatesRead::default(),
        time: None,
    }
}

#[test]
fn a_window_that_shows_nothing_holds_little_however_many_rows_come() {
    for (slice, descending) in [((0, 0), true), ((0, 0), false), ((1_000_000, 50), false)] {
        let mut engine = Engine::new(version(0));
        let spec = query("all", Predicate::And(Vec::new()), descending, false);
        let (id, outputs) = engine.open(&spec, window(slice.0, slice.1));
        for request in requested(&outputs) {
            engine.rows(request, nothing(0));
        }
        for commit in 0..2_000 {
            engine.apply(inserts(commit, commit + 1, [commit as i64]));
        }
        let list = engine.list(id).expect("a list");
        assert_eq!((list.rows.len(), list.total), (0, 2_000));
        let held = engine.figures().rows;
        assert!(held <= 200, "{held} rows held for {slice:?}");
    }
}

#[test]
fn a_row_that_changes_often_within_one_read_costs_in_proportion() {
    const CHANGES: i64 = 300_000;
    let mut images = vec![];
    for n in 0..CHANGES {
        for (side, n) in [(Side::Old, n), (Side::New, n + 1)] {
            images.push(Image {
                xid: 1,
                side,
                record: record(1, n),
            });
        }
    }
    // Quadratic, this would be 90 billion comparisons.
    let net = net_effect(&images);
    let [change] = net.as_slice() else {
        panic!("one row changed");
    };
    let value = |record: &Option<Arc<Record>>| record.as_ref().map(|row| row.values()[1].clone());
    assert_eq!(value(&change.old), Some(Datum::Int(0)));
    assert_eq!(value(&change.new), Some(Datum::Int(CHANGES)));
}

#[test]
fn changes_that_wait_for_verdicts_are_bounded_for_all_queries_together() {
    let limits = Limits {
        pending_changes_in_all: 100,
        ..Limits::default()
    };
    let mut engine = Engine::with_limits(version(0), limits);
    for n in 0..20 {
        let spec = query(&format!("asked {n}"), Predicate::Asked, false, false);
        let (_, outputs) = engine.open(&spec, window(0, 50));
        for request in requested(&outputs) {
            engine.rows(request, nothing(0));
        }
    }
    let outputs = engine.apply(inserts(0, 1, 0..30));
    let asked = outputs.iter().filter_map(|output| match output {
        Output::Ask { question, .. } => Some(question.verdicts.len()),
        _ => None,
    });
    // Three queries wait, and the others are read again.
    assert_eq!(asked.collect::<Vec<_>>(), [30; 3]);
    assert_eq!(requested(&outputs).len(), 17);
}

#[test]
fn a_gap_in_the_log_has_what_is_being_read_read_once_more() {
    for reread in [false, true] {
        let mut engine = Engine::new(version(0));
        let spec = query("all", Predicate::And(Vec::new()), false, reread);
        let (_, mut outputs) = engine.open(&spec, window(0, 50));
        outputs.extend(engine.apply(inserts(5, 6, [1])));
        let first = requested(&outputs)[0];
        let again = if engine.wants_rows(first) {
            let outputs = engine.rows(first, nothing(0));
            requested(&outputs).len()
        } else {
            requested(&outputs).len() - 1
        };
        assert_eq!(again, 1, "reread: {reread}");
    }
}
