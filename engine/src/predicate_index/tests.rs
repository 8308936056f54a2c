//! The index never misses a query, and forgets what is removed.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    datum::{Codec, Datum},
    predicate::{Comparison, Truth},
    schema::{Collation, Schema, TableId},
};

const NUMBER: usize = 0;
const FLOAT: usize = 1;
const TEXT: usize = 2;
const FLAG: usize = 3;

fn schema() -> Schema {
    let column = |name: &str, codec| ColumnSchema {
        name: name.into(),
        codec,
        collation: Collation::C,
    };
    Schema {
        table: TableId(1),
        columns: [
            column("number", Codec::Int4),
            column("float", Codec::Float8),
            column("text", Codec::Text),
            column("flag", Codec::Bool),
        ]
        .into(),
        key: [NUMBER].into(),
    }
}

fn datum(column: usize) -> BoxedStrategy<Datum> {
    match column {
        NUMBER => (0i64..8).prop_map(Datum::Int).boxed(),
        FLOAT => prop_oneof![
            Just(f64::NAN),
            Just(-0.0),
            Just(0.0),
            Just(-2.5),
            Just(7.0),
            Just(f64::INFINITY)
        ]
        .prop_map(Datum::Float8)
        .boxed(),
        TEXT => "[abcdABKi\u{130}\u{212a}é]{0,6}"
            .prop_map(|text| Datum::Text(text.as_str().into()))
            .boxed(),
        _ => any::<bool>().prop_map(Datum::Bool).boxed(),
    }
}

fn nullable(column: usize) -> impl Strategy<Value = Datum> {
    prop_oneof![1 => Just(Datum::Null), 6 => datum(column)]
}

fn leaf() -> impl Strategy<Value = Predicate> {
    let comparison = prop_oneof![
        4 => Just(Comparison::Equal),
        1 => Just(Comparison::NotEqual),
        1 => Just(Comparison::Less),
        1 => Just(Comparison::LessOrEqual),
        1 => Just(Comparison::Greater),
        1 => Just(Comparison::GreaterOrEqual),
    ];
    prop_oneof![
        6 => (0usize..4, comparison).prop_flat_map(|(column, comparison)| {
            datum(column).prop_map(move |value| Predicate::Compare { column, comparison, value })
        }),
        2 => (0usize..4).prop_flat_map(|column| {
            proptest::collection::vec(datum(column), 0..4)
                .prop_map(move |values| Predicate::In { column, values })
        }),
        1 => (0usize..4).prop_map(Predicate::IsNull),
        1 => any::<bool>().prop_map(|flag| Predicate::Is(FLAG, flag)),
        4 => ("[abcdik%_]{0,5}", any::<bool>()).prop_map(|(pattern, ignores_case)| {
            Predicate::Like { column: TEXT, pattern, ignores_case }
        }),
        1 => Just(Predicate::Asked),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            3 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Predicate::And),
            2 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Predicate::Or),
            1 => inner.prop_map(|part| Predicate::Not(Box::new(part))),
        ]
    })
}

fn record() -> impl Strategy<Value = Arc<Record>> {
    (
        nullable(NUMBER),
        nullable(FLOAT),
        nullable(TEXT),
        nullable(FLAG),
    )
        .prop_map(|(number, float, text, flag)| {
            Record::new(&schema(), vec![number, float, text, flag])
        })
}

/// Whether PostgreSQL could find the predicate true, or false, of the row.
fn may_be(truth: bool, predicate: &Predicate, schema: &Schema, record: &Record) -> bool {
    let part = |part: &Predicate| may_be(truth, part, schema, record);
    match predicate {
        Predicate::Not(inner) => may_be(!truth, inner, schema, record),
        Predicate::And(parts) if truth => parts.iter().all(part),
        Predicate::Or(parts) if !truth => parts.iter().all(part),
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(part),
        leaf => match leaf.evaluate(&schema.columns, record.values()) {
            Truth::Unknown => true,
            decided => decided == Truth::from(truth),
        },
    }
}

proptest! {
    #[test]
    fn no_query_is_missed_and_what_is_removed_is_gone(
        predicates in proptest::collection::vec(predicate(), 1..120),
        records in proptest::collection::vec(record(), 2..8),
        removed in proptest::collection::vec(any::<bool>(), 120),
    ) {
        let schema = schema();
        let mut index = PredicateIndex::default();
        let filter_of = |id: QueryId| predicates.get(id.0 as usize);
        for (id, predicate) in predicates.iter().enumerate() {
            index.insert(QueryId(id as u32), predicate, &schema.columns, &filter_of);
        }
        for (id, predicate) in predicates.iter().enumerate() {
            if removed[id] {
                index.remove(QueryId(id as u32), predicate, &schema.columns);
            }
        }
        for pair in records.windows(2) {
            let [record, other] = pair else { continue };
            let mut found = Vec::new();
            index.candidates(Some(record), Some(other), &mut |id| found.push(id.0 as usize));
            for (id, predicate) in predicates.iter().enumerate() {
                if removed[id] {
                    prop_assert!(!found.contains(&id), "{predicate:?} is still found");
                } else if may_be(true, predicate, &schema, record)
                    || may_be(true, predicate, &schema, other)
                {
                    prop_assert!(found.contains(&id), "{predicate:?} is missed by {record:?}");
                }
            }
        }
        for (id, predicate) in predicates.iter().enumerate() {
            index.remove(QueryId(id as u32), predicate, &schema.columns);
        }
        prop_assert!(index.is_empty());
    }

    #[test]
    fn words_are_found_in_texts_however_many_came_and_went(
        words in proptest::collection::hash_set("[abcik]{1,4}", 1..150),
        removed in proptest::collection::vec(any::<bool>(), 150),
        texts in proptest::collection::vec("[abcABCikIK\u{130}\u{212a}é]{0,12}", 1..6),
        ignores_case in any::<bool>(),
    ) {
        let schema = schema();
        let pattern = |word: &String| Predicate::Like {
            column: TEXT,
            pattern: format!("%{word}%"),
            ignores_case,
        };
        let predicates: Vec<Predicate> = words.iter().map(pattern).collect();
        let mut index = PredicateIndex::default();
        let filter_of = |id: QueryId| predicates.get(id.0 as usize);
        // Some come again, so that gaps are filled too.
        for round in 0..2 {
            for (id, predicate) in predicates.iter().enumerate() {
                if round == 0 || removed[id] {
                    index.insert(QueryId(id as u32), predicate, &schema.columns, &filter_of);
                }
            }
            for (id, predicate) in predicates.iter().enumerate() {
                if removed[id] {
                    index.remove(QueryId(id as u32), predicate, &schema.columns);
                }
            }
        }
        for text in &texts {
            let row = vec![
                Datum::Null,
                Datum::Null,
                Datum::Text(text.as_str().into()),
                Datum::Null,
            ];
            let record = Record::new(&schema, row);
            let mut found = Vec::new();
            index.candidates(None, Some(&record), &mut |id| found.push(id.0 as usize));
            found.sort_unstable();
            let expected: Vec<usize> = (0..predicates.len())
                .filter(|id| !removed[*id] && may_be(true, &predicates[*id], &schema, &record))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_conjunction_is_looked_at_only_where_its_conjuncts_meet(
        number in 0i64..100, other in 100i64..200
    ) {
        // A thousand queries agree in one column: the other tells them apart.
        let schema = schema();
        let predicates: Vec<Predicate> = (0..1000)
            .map(|value| {
                let equal = |column, value| Predicate::Compare {
                    column,
                    comparison: Comparison::Equal,
                    value,
                };
                Predicate::And(vec![
                    equal(FLAG, Datum::Bool(true)),
                    equal(NUMBER, Datum::Int(value % 100)),
                ])
            })
            .collect();
        let mut index = PredicateIndex::default();
        for (id, predicate) in predicates.iter().enumerate() {
            index.insert(QueryId(id as u32), predicate, &schema.columns, &|id| {
                predicates.get(id.0 as usize)
            });
        }
        let found = |value| {
            let row = vec![
                Datum::Int(value),
                Datum::Null,
                Datum::Null,
                Datum::Bool(true),
            ];
            let mut count = 0;
            index.candidates(None, Some(&Record::new(&schema, row)), &mut |_| count += 1);
            count
        };
        prop_assert!((10..10 + 16).contains(&found(number)));
        prop_assert!(found(other) < 2 * 16);
    }
}

fn equal(column: usize, value: Datum) -> Predicate {
    Predicate::Compare {
        column,
        comparison: Comparison::Equal,
        value,
    }
}

#[test]
fn lists_of_values_do_not_multiply_each_other() {
    const VALUES: usize = 40;
    let schema = schema();
    let list = |column, value: fn(usize) -> Datum| Predicate::In {
        column,
        values: (0..VALUES).map(value).collect(),
    };
    let filter = Predicate::And(vec![
        list(NUMBER, |n| Datum::Int(n as i64)),
        list(FLOAT, |n| Datum::Float8(n as f64)),
        list(TEXT, |n| Datum::Text(format!("text {n}").as_str().into())),
    ]);
    let mut index = PredicateIndex::default();
    for id in 0..64 {
        index.insert(QueryId(id), &filter, &schema.columns, &|_| Some(&filter));
    }
    assert!(index.root.size() <= 1 + 3 * VALUES, "{}", index.root.size());
    for id in 0..64 {
        index.remove(QueryId(id), &filter, &schema.columns);
    }
    assert!(index.is_empty());
}

#[test]
fn queries_that_nothing_tells_apart_do_not_keep_later_ones_from_being_told_apart() {
    let schema = schema();
    let open = || equal(FLAG, Datum::Bool(true));
    let level = |comparison, value| Predicate::Compare {
        column: NUMBER,
        comparison,
        value: Datum::Int(value),
    };
    let mut predicates = vec![open(); 16];
    predicates.extend((0..2_000).map(|n| {
        Predicate::And(vec![
            open(),
            level(Comparison::GreaterOrEqual, 4 * n),
            level(Comparison::Less, 4 * n + 8),
        ])
    }));
    let mut index = PredicateIndex::default();
    for (id, predicate) in predicates.iter().enumerate() {
        index.insert(QueryId(id as u32), predicate, &schema.columns, &|id| {
            predicates.get(id.0 as usize)
        });
    }
    let row = vec![
        Datum::Int(4_001),
        Datum::Null,
        Datum::Null,
        Datum::Bool(true),
    ];
    let mut found = 0;
    index.candidates(None, Some(&Record::new(&schema, row)), &mut |_| found += 1);
    assert!((18..=18 + 2 * 16).contains(&found), "{found}");
}
