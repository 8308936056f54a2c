//! After a peak the engine is as small as it would be without it.

use rowcast_protocol::PgSnapshot;

use super::*;
use crate::{
    datum::{Codec, Datum},
    order::SortKey,
    predicate::{Comparison, Predicate},
    record::Record,
    room::LITTLE,
    run::Slice,
    schema::{Collation, ColumnSchema, Schema},
    tally::AggregatesRead,
};

fn schema() -> Arc<Schema> {
    let column = |name: &str, codec| ColumnSchema {
        name: name.into(),
        codec,
        collation: Collation::C,
    };
    Arc::new(Schema {
        table: TableId(1),
        columns: [column("id", Codec::Int8), column("title", Codec::Text)].into(),
        key: [0].into(),
    })
}

fn snapshot() -> PgSnapshot {
    "10:10:".parse().expect("a snapshot")
}

/// A window of a query of its own, over the row that it is about.
fn open(engine: &mut Engine, schema: &Arc<Schema>, n: i64) -> WindowId {
    let word = Predicate::Like {
        column: 1,
        pattern: format!("%word{n};%"),
        ignores_case: true,
    };
    let number = Predicate::Compare {
        column: 0,
        comparison: Comparison::Equal,
        value: Datum::Int(n),
    };
    let query = QuerySpec {
        identity: n.to_string().into(),
        schema: Arc::clone(schema),
        predicate: if n % 2 == 0 { word } else { number },
        order: Order(vec![SortKey {
            column: 0,
            descending: false,
            nulls_first: false,
            asked: false,
        }]),
        reread: false,
        sources: Vec::new(),
    };
    let spec = WindowSpec {
        slice: Slice {
            offset: 0,
            limit: 10,
        },
        select: (0..n as usize % 7).map(|at| at % 2).collect(),
        aggregates: [].into(),
    };
    let (window, outputs) = engine.open(&query, spec);
    for output in outputs {
        if let Output::Read { request, .. } = output {
            let title = Datum::Text(format!("word{n};").into());
            let row = Record::new(schema, vec![Datum::Int(n), title]);
            engine.rows(
                request,
                RowsRead {
                    snapshot: snapshot(),
                    rows: vec![row],
                    total: Some(1),
                    time: None,
                    aggregates: AggregatesRead::default(),
                },
            );
        }
    }
    window
}

/// The most that any of its parts has room for.
fn room(engine: &Engine) -> usize {
    let tables = engine.tables.values().map(|table| table.queries.capacity());
    [
        engine.queries.room(),
        engine.windows.room(),
        engine.rows.room(),
        engine.identities.capacity(),
        engine.requests.capacity(),
        engine.orders.room().1,
        engine.selects.room().1,
    ]
    .into_iter()
    .chain(tables)
    .max()
    .unwrap_or_default()
}

#[test]
fn what_a_peak_took_is_given_back() {
    let schema = schema();
    let mut engine = Engine::new(snapshot());
    let kept: Vec<WindowId> = (0..20).map(|n| open(&mut engine, &schema, n)).collect();
    for _ in 0..2 {
        let windows: Vec<WindowId> = (20..4_000).map(|n| open(&mut engine, &schema, n)).collect();
        assert_eq!(engine.figures().rows, 4_000);
        assert!(room(&engine) >= 4_000);
        for window in windows {
            engine.close(window);
        }
        let figures = engine.figures();
        assert_eq!(
            (figures.queries, figures.windows, figures.rows),
            (20, 20, 20)
        );
        assert!(room(&engine) <= 4 * LITTLE, "{}", room(&engine));
    }
    for window in kept {
        assert!(engine.is_ready(window));
        engine.close(window);
    }
    assert_eq!((engine.rows.len(), engine.tables.len()), (0, 0));
}
