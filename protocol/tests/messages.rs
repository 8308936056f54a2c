//! The JSON of messages: its exact text, and that reading is the inverse of writing.

use proptest::{collection::vec, option, prelude::*};
use rowcast_protocol::{
    ApiError, Cell, Column, ColumnKind, RowKey,
    json::{Heading, message_id, read_event, read_message, write_event},
    list::{List, Misfit},
    message::{AggregateValue, ClientMessage, Event, Op, Patch, Row, ServerMessage, Snapshot},
    table::Reference,
};

fn column(name: &str) -> Column {
    Column {
        name: name.into(),
        type_name: "text".into(),
        kind: ColumnKind::Text,
        nullable: false,
        has_default: false,
        generated: false,
        labels: Vec::new(),
        references: None,
        comment: None,
    }
}

fn heading(columns: &[&str], aggregates: &[&str]) -> Heading {
    Heading {
        columns: columns.iter().map(|name| column(name)).collect(),
        aggregates: aggregates.iter().map(|&name| name.into()).collect(),
    }
}

fn written(event: &Event, heading: &Heading, id: Option<u32>) -> String {
    let mut out = Vec::new();
    write_event(event, heading, id, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn patch(ops: Vec<Op>) -> Event {
    Event::Patch(Patch {
        ops,
        total: 124,
        aggregates: Vec::new(),
        cursor: "c\"1".into(),
        changed_at: 1_767_323_045_600_000,
    })
}

#[test]
fn a_snapshot_is_as_the_contract_has_it() {
    let snapshot = Event::Snapshot(Snapshot {
        columns: vec![column("title")],
        key: vec!["id".into()],
        rows: vec![Row {
            key: RowKey::new([Cell::integer(7)]),
            cells: vec![Cell::text("Buy \"milk\"\n"), Cell::Null, Cell::Bool(true)],
        }],
        total: 123,
        aggregates: Vec::new(),
        cursor: "c".into(),
    });
    let columns = r#""columns":[{"name":"title","type":"text","kind":"text","nullable":false,"has_default":false,"generated":false,"labels":[],"references":null,"comment":null}]"#;
    let rest = r#""key":["id"],"rows":[{"key":[7],"cells":["Buy \"milk\"\n",null,true]}],"total":123,"cursor":"c"}"#;
    assert_eq!(
        written(&snapshot, &Heading::default(), None),
        format!("{{{columns},{rest}")
    );
    assert_eq!(
        written(&snapshot, &Heading::default(), Some(3)),
        format!(r#"{{"type":"snapshot","id":3,{columns},{rest}"#)
    );
}

#[test]
fn a_patch_is_as_the_contract_has_it() {
    let key = || RowKey::new([Cell::integer(7), Cell::text("a")]);
    let event = patch(vec![
        Op::Insert {
            at: 0,
            row: Row {
                key: key(),
                cells: vec![Cell::Json("{\"a\": 1}".into())],
            },
        },
        Op::Update {
            key: key(),
            cells: vec![(1, Cell::Number("1.50".into())), (0, Cell::text("x"))],
        },
        Op::Move { key: key(), to: 3 },
        Op::Remove { key: key() },
    ]);
    assert_eq!(
        written(&event, &heading(&["title", "pri\"ce"], &[]), Some(1)),
        concat!(
            r#"{"type":"patch","id":1,"ops":["#,
            r#"{"op":"insert","at":0,"key":[7,"a"],"cells":[{"a": 1}]},"#,
            r#"{"op":"update","key":[7,"a"],"cells":{"pri\"ce":1.50,"title":"x"}},"#,
            r#"{"op":"move","key":[7,"a"],"to":3},"#,
            r#"{"op":"remove","key":[7,"a"]}"#,
            r#"],"total":124,"cursor":"c\"1","changed_at":"2026-01-02T03:04:05.6+00:00"}"#
        )
    );
}

#[test]
fn aggregates_stand_in_a_snapshot_and_in_a_patch_those_that_changed() {
    let value = |name: &str, value| AggregateValue {
        name: name.into(),
        value,
    };
    let snapshot = Snapshot {
        columns: Vec::new(),
        key: Vec::new(),
        rows: Vec::new(),
        total: 15,
        aggregates: vec![
            value("sum(amount)", Cell::Number("1234.50".into())),
            value("max(at)", Cell::Null),
            value(
                "count_by(status)",
                Cell::Json(r#"[["open", 12], [null, 3]]"#.into()),
            ),
        ],
        cursor: "c".into(),
    };
    let heading = Heading::of(&snapshot);
    let mut list = List::new(snapshot.clone());
    assert_eq!(
        written(&Event::Snapshot(snapshot), &heading, None),
        concat!(
            r#"{"columns":[],"key":[],"rows":[],"total":15,"aggregates":{"sum(amount)":1234.50,"#,
            r#""max(at)":null,"count_by(status)":[["open", 12], [null, 3]]},"cursor":"c"}"#
        )
    );
    let patch = Patch {
        ops: Vec::new(),
        total: 15,
        aggregates: vec![(1, Cell::text("2026-01-02"))],
        cursor: "d".into(),
        changed_at: 0,
    };
    assert_eq!(list.apply(&patch), Ok(()));
    assert_eq!(
        list.aggregates[1],
        value("max(at)", Cell::text("2026-01-02"))
    );
    let misfit = Patch {
        aggregates: vec![(3, Cell::Null)],
        ..patch.clone()
    };
    assert_eq!(list.apply(&misfit), Err(Misfit::Aggregate));
    assert_eq!(
        written(&Event::Patch(patch), &heading, None),
        concat!(
            r#"{"ops":[],"total":15,"aggregates":{"max(at)":"2026-01-02"},"cursor":"d","#,
            r#""changed_at":"1970-01-01T00:00:00+00:00"}"#
        )
    );
}

#[test]
fn resets_and_errors_are_as_the_contract_has_them() {
    let reset = Event::Reset {
        reason: "too slow".into(),
    };
    assert_eq!(
        written(&reset, &Heading::default(), None),
        r#"{"reason":"too slow"}"#
    );
    assert_eq!(
        written(&reset, &Heading::default(), Some(2)),
        r#"{"type":"reset","id":2,"reason":"too slow"}"#
    );
    let error = Event::Error(ApiError::new("unknown_table", "no", "yes"));
    assert_eq!(
        written(&error, &Heading::default(), Some(2)),
        r#"{"type":"error","id":2,"error":{"code":"unknown_table","message":"no","hint":"yes"}}"#
    );
}

#[test]
fn client_messages_are_read() {
    assert_eq!(
        ClientMessage::from_json(
            r#"{"type":"subscribe","id":1,"table":"orders","query":"a=eq.1","cursor":"c","more":[1]}"#
        ),
        Ok(ClientMessage::Subscribe {
            id: 1,
            table: "orders".into(),
            query: "a=eq.1".into(),
            cursor: Some("c".into()),
        })
    );
    assert_eq!(
        ClientMessage::from_json(r#"{"table":"orders","id":0,"type":"subscribe","cursor":null}"#),
        Ok(ClientMessage::Subscribe {
            id: 0,
            table: "orders".into(),
            query: String::new(),
            cursor: None,
        })
    );
    assert_eq!(
        ClientMessage::from_json(r#"{"type":"unsubscribe","id":4294967295}"#),
        Ok(ClientMessage::Unsubscribe { id: u32::MAX })
    );
}

#[test]
fn malformed_client_messages_are_refused() {
    for text in [
        "",
        "null",
        "[]",
        "\"subscribe\"",
        "{",
        "{}",
        r#"{"type":7,"id":1}"#,
        r#"{"type":"shout","id":1}"#,
        r#"{"type":"subscribe","table":"orders"}"#,
        r#"{"type":"subscribe","id":1}"#,
        r#"{"type":"subscribe","id":1,"table":7}"#,
        r#"{"type":"subscribe","id":1,"table":"a","query":7}"#,
        r#"{"type":"subscribe","id":1,"table":"a","cursor":{}}"#,
        r#"{"type":"unsubscribe","id":-1}"#,
        r#"{"type":"unsubscribe","id":1.5}"#,
        r#"{"type":"unsubscribe","id":4294967296}"#,
        r#"{"type":"unsubscribe","id":"1"}"#,
        &"[".repeat(100_000),
    ] {
        let error = ClientMessage::from_json(text).expect_err(text);
        assert_eq!(error.code, "invalid_message", "{text}");
        assert!(!error.message.is_empty() && !error.hint.is_empty());
    }
    assert_eq!(message_id(r#"{"type":"shout","id":7}"#), Some(7));
    assert_eq!(message_id(r#"{"type":"shout","id":-7}"#), None);
}

#[test]
fn malformed_events_are_refused() {
    let mut heading = heading(&["a"], &["sum(a)"]);
    for (name, text) in [
        ("gossip", "{}"),
        ("snapshot", "{}"),
        (
            "patch",
            r#"{"ops":[],"total":1,"cursor":"c","changed_at":"yesterday"}"#,
        ),
        (
            "patch",
            r#"{"ops":[{"op":"update","key":[1],"cells":{"b":1}}],"total":1,"cursor":"c","changed_at":"2026-01-01T00:00:00+00:00"}"#,
        ),
        (
            "patch",
            r#"{"ops":[{"op":"move","key":[1]}],"total":1,"cursor":"c","changed_at":"2026-01-01T00:00:00+00:00"}"#,
        ),
        (
            "patch",
            r#"{"ops":[],"total":1,"aggregates":{"sum(b)":1},"cursor":"c","changed_at":"2026-01-01T00:00:00+00:00"}"#,
        ),
    ] {
        assert!(read_event(name, text, &mut heading).is_err(), "{text}");
    }
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Null),
        any::<bool>().prop_map(Cell::Bool),
        any::<i64>().prop_map(Cell::integer),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?".prop_map(|text| Cell::Number(text.into())),
        any::<String>().prop_map(|text| Cell::Text(text.into())),
        Just(Cell::Json("{\"a\": [1, \"\\\"\", null]}".into())),
        Just(Cell::Json("[]".into())),
    ]
}

fn key() -> impl Strategy<Value = RowKey> {
    vec(cell(), 1..3).prop_map(RowKey::new)
}

fn row(width: usize) -> impl Strategy<Value = Row> {
    (key(), vec(cell(), width)).prop_map(|(key, cells)| Row { key, cells })
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    let extras = (
        any::<String>(),
        any::<bool>(),
        vec(any::<String>(), 0..2),
        any::<bool>(),
    );
    vec(extras, 1..5).prop_map(|columns| {
        let column =
            |(at, (name, flag, labels, refers)): (usize, (String, bool, Vec<String>, bool))| {
                Column {
                    name: format!("{name}{at}"),
                    type_name: name.clone(),
                    kind: ColumnKind::Timestamp,
                    nullable: flag,
                    has_default: !flag,
                    generated: flag,
                    labels,
                    references: refers.then(|| Reference {
                        table: name.clone(),
                        column: name.clone(),
                    }),
                    comment: flag.then_some(name),
                }
            };
        columns.into_iter().enumerate().map(column).collect()
    })
}

fn op(width: usize) -> impl Strategy<Value = Op> {
    prop_oneof![
        (any::<u32>(), row(width)).prop_map(|(at, row)| Op::Insert { at, row }),
        (
            key(),
            prop::collection::btree_map(0..width as u16, cell(), 1..=width)
        )
            .prop_map(|(key, cells)| Op::Update {
                key,
                cells: cells.into_iter().collect(),
            }),
        (key(), any::<u32>()).prop_map(|(key, to)| Op::Move { key, to }),
        key().prop_map(|key| Op::Remove { key }),
    ]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(any::<String>(), 0..4).prop_map(|names| {
        let named = |(at, name): (usize, String)| format!("{name}{at}");
        names.into_iter().enumerate().map(named).collect()
    })
}

fn event() -> impl Strategy<Value = (Heading, Event)> {
    (columns(), names()).prop_flat_map(|(columns, names)| {
        let heading = Heading {
            columns: columns.clone(),
            aggregates: names.clone(),
        };
        let width = columns.len();
        let aggregates = vec(cell(), names.len())
            .prop_map(move |values| {
                let named = names.iter().cloned().zip(values);
                named
                    .map(|(name, value)| AggregateValue { name, value })
                    .collect::<Vec<_>>()
            })
            .boxed();
        let changed = aggregates.clone().prop_map(|all| {
            let placed = all.into_iter().enumerate().skip(1);
            placed
                .map(|(at, of)| (at as u16, of.value))
                .collect::<Vec<_>>()
        });
        let snapshot = {
            let columns = columns.clone();
            (
                vec(any::<String>(), 0..3),
                vec(row(width), 0..4),
                any::<u64>(),
                aggregates,
                any::<String>(),
            )
                .prop_map(move |(key, rows, total, aggregates, cursor)| {
                    Event::Snapshot(Snapshot {
                        columns: columns.clone(),
                        key,
                        rows,
                        total,
                        aggregates,
                        cursor,
                    })
                })
        };
        let moment = -50_000_000_000_000_000..200_000_000_000_000_000_i64;
        let ops = vec(op(width), 0..5);
        let patch = (ops, any::<u64>(), changed, any::<String>(), moment).prop_map(
            |(ops, total, aggregates, cursor, changed_at)| {
                Event::Patch(Patch {
                    ops,
                    total,
                    aggregates,
                    cursor,
                    changed_at,
                })
            },
        );
        let reset = any::<String>().prop_map(|reason| Event::Reset { reason });
        let error = any::<[String; 3]>()
            .prop_map(|[code, message, hint]| Event::Error(ApiError::new(code, message, hint)));
        (Just(heading), prop_oneof![snapshot, patch, reset, error])
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back((heading, event) in event(), id in option::of(any::<u32>())) {
        let mut known = heading.clone();
        let text = written(&event, &heading, id);
        if id.is_some() {
            let (read_id, read) = read_message(&text, |_| &mut known).expect("it was written");
            prop_assert_eq!(read_id, id);
            prop_assert_eq!(read, event);
        } else {
            let name = rowcast_protocol::json::event_name(&event);
            prop_assert_eq!(read_event(name, &text, &mut known).expect("it was written"), event);
        }
        prop_assert_eq!(known, heading);
    }

    #[test]
    fn the_compact_encoding_round_trips((_, event) in event(), id: u32) {
        let message = ServerMessage::Event { id, event };
        let bytes = postcard::to_allocvec(&message).expect("a message has a compact form");
        prop_assert_eq!(postcard::from_bytes::<ServerMessage>(&bytes), Ok(message));
    }

    #[test]
    fn compact_bytes_are_a_message_or_refused(bytes in vec(any::<u8>(), 0..64)) {
        let _ = postcard::from_bytes::<ServerMessage>(&bytes);
        let _ = postcard::from_bytes::<ClientMessage>(&bytes);
    }

    #[test]
    fn client_messages_round_trip(id: u32, table: String, query: String, cursor: Option<String>) {
        for message in [
            ClientMessage::Unsubscribe { id },
            ClientMessage::Subscribe { id, table, query, cursor },
        ] {
            let text = message.to_json();
            prop_assert_eq!(message_id(&text), Some(id));
            prop_assert_eq!(ClientMessage::from_json(&text), Ok(message));
        }
    }

    #[test]
    fn any_text_is_a_message_or_refused(text: String) {
        let _ = ClientMessage::from_json(&text);
        let _ = message_id(&text);
        for name in ["snapshot", "patch", "reset", "error"] {
            let _ = read_event(name, &text, &mut Heading::default());
        }
    }

    #[test]
    fn a_patch_that_fits_a_list_does_the_same_after_a_round_trip(
        wanted in vec((0..12_i64, 0..3_i64), 0..10),
        held in vec((0..12_i64, 0..3_i64), 0..10),
    ) {
        let (held, wanted) = (distinct(&held), distinct(&wanted));
        let mut heading = heading(&["id", "value"], &[]);
        let mut list = List {
            rows: held.clone(),
            total: 0,
            aggregates: Vec::new(),
            cursor: String::new(),
        };
        let event = patch(difference(&held, &wanted));
        let text = written(&event, &heading, None);
        let read = read_event("patch", &text, &mut heading).expect("it was written");
        let Event::Patch(patch) = read else { panic!("a patch was written") };
        prop_assert_eq!(list.apply(&patch), Ok(()));
        prop_assert_eq!(list.rows, wanted);
        prop_assert_eq!((list.total, list.cursor), (124, String::from("c\"1")));
    }
}

fn distinct(pairs: &[(i64, i64)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (id, value) in pairs {
        let key = RowKey::new([Cell::integer(*id)]);
        if rows.iter().all(|row| row.key != key) {
            rows.push(Row {
                key,
                cells: vec![Cell::integer(*id), Cell::integer(*value)],
            });
        }
    }
    rows
}

/// The plainest patch from one list to another: removes, then each place in turn.
fn difference(held: &[Row], wanted: &[Row]) -> Vec<Op> {
    let mut ops = Vec::new();
    let mut rows = held.to_vec();
    rows.retain(|row| {
        let stays = wanted.iter().any(|other| other.key == row.key);
        if !stays {
            ops.push(Op::Remove {
                key: row.key.clone(),
            });
        }
        stays
    });
    for (at, row) in wanted.iter().enumerate() {
        let key = row.key.clone();
        match rows.iter().position(|other| other.key == key) {
            None => {
                ops.push(Op::Insert {
                    at: at as u32,
                    row: row.clone(),
                });
                rows.insert(at, row.clone());
            }
            Some(from) => {
                if from != at {
                    ops.push(Op::Move {
                        key: key.clone(),
                        to: at as u32,
                    });
                    let moved = rows.remove(from);
                    rows.insert(at, moved);
                }
                if rows[at] != *row {
                    ops.push(Op::Update {
                        key,
                        cells: vec![(1, row.cells[1].clone())],
                    });
                    rows[at] = row.clone();
                }
            }
        }
    }
    ops
}
