//! The query grammar: what is read, what is refused, and that printing and parsing are
//! inverse.

use proptest::{collection::vec, option, prelude::*};
use rowcast_protocol::query::{
    Aggregate, Embed, Filter, Function, Is, MAX_AGGREGATES, MAX_DEPTH, MAX_LIMIT, MAX_TESTS,
    MAX_VALUES, Operator, OrderBy, Query, Selected, Test, like_pattern,
};

fn parsed(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn refused(text: &str) -> String {
    match Query::parse(text) {
        Ok(query) => panic!("{text} was read as {query:?}"),
        Err(error) => {
            assert!(!error.hint.is_empty(), "{error:?}");
            error.code
        }
    }
}

fn test(column: &str, operator: Operator) -> Filter {
    Filter::Test(Test {
        column: column.into(),
        negated: false,
        operator,
    })
}

#[test]
fn every_operator_is_read() {
    let value = || String::from("1");
    for (text, operator) in [
        ("eq.1", Operator::Eq(value())),
        ("neq.1", Operator::Neq(value())),
        ("gt.1", Operator::Gt(value())),
        ("gte.1", Operator::Gte(value())),
        ("lt.1", Operator::Lt(value())),
        ("lte.1", Operator::Lte(value())),
        ("like.1", Operator::Like(value())),
        ("ilike.1", Operator::Ilike(value())),
        ("in.(1)", Operator::In(vec![value()])),
        ("is.null", Operator::Is(Is::Null)),
        ("is.true", Operator::Is(Is::True)),
        ("is.FALSE", Operator::Is(Is::False)),
    ] {
        assert_eq!(
            parsed(&format!("a={text}")).filter,
            [test("a", operator.clone())]
        );
        let negated = Filter::Test(Test {
            column: "a".into(),
            negated: true,
            operator,
        });
        assert_eq!(parsed(&format!("a=not.{text}")).filter, [negated]);
    }
}

#[test]
fn a_value_outside_a_group_is_taken_as_it_is() {
    for (text, value) in [
        ("a=eq.", ""),
        ("a=eq.x.y,z(\"w\")", "x.y,z(\"w\")"),
        ("a=eq.b=c", "b=c"),
        ("a=eq.1+2%2B3", "1 2+3"),
        ("a=eq.%C3%A9%26%3D", "é&="),
    ] {
        assert_eq!(parsed(text).filter, [test("a", Operator::Eq(value.into()))]);
    }
}

#[test]
fn lists_take_quotes_and_escapes() {
    let values = ["a", "b,c", "d\"e\\f", "", " g"].map(String::from);
    assert_eq!(
        parsed(r#"a=in.(a,"b,c","d\"e\\f",, g)"#).filter,
        [test("a", Operator::In(values.into()))]
    );
}

#[test]
fn groups_nest_and_quote() {
    let query =
        parsed(r#"or=(a.eq.1, not.and("b.c".gt."2,)",d.is.null),e.in.(3,"4)"),f.eq.{5,6})"#);
    assert_eq!(
        query.filter,
        [Filter::Or {
            negated: false,
            of: vec![
                test("a", Operator::Eq("1".into())),
                Filter::And {
                    negated: true,
                    of: vec![
                        test("b.c", Operator::Gt("2,)".into())),
                        test("d", Operator::Is(Is::Null)),
                    ],
                },
                test("e", Operator::In(vec!["3".into(), "4)".into()])),
                test("f", Operator::Eq("{5,6}".into())),
            ],
        }]
    );
    assert_eq!(
        query.to_query_string(),
        "or=(a.eq.1,not.and(b.c.gt.%222,)%22,d.is.null),e.in.(3,%224)%22),f.eq.%22%7B5,6%7D%22)"
    );
}

#[test]
fn a_conjunction_outside_is_the_same_as_its_members() {
    assert_eq!(parsed("and=(a.eq.1,b.eq.2)"), parsed("a=eq.1&b=eq.2"));
}

#[test]
fn columns_named_like_the_grammar_s_words_are_filtered_in_a_group() {
    for word in [
        "and",
        "or",
        "order",
        "limit",
        "offset",
        "select",
        "aggregate",
        "q",
        "cursor",
        "not",
    ] {
        let query = parsed(&format!("and=({word}.eq.1)"));
        assert_eq!(query.filter, [test(word, Operator::Eq("1".into()))]);
        assert_eq!(parsed(&query.to_query_string()), query);
    }
    let query = parsed(r#"and=("not.or".not.eq.1)"#);
    assert_eq!(parsed(&query.to_query_string()), query);
}

#[test]
fn nulls_stand_in_an_order_as_in_postgresql() {
    let order = |column: &str, descending, nulls_first| OrderBy {
        column: column.into(),
        descending,
        nulls_first,
    };
    assert_eq!(
        parsed("order=a,b.desc,c.asc.nullsfirst,d.desc.nullslast,e.nullsfirst,\"f.g\".desc").order,
        [
            order("a", false, false),
            order("b", true, true),
            order("c", false, true),
            order("d", true, false),
            order("e", false, true),
            order("f.g", true, true),
        ]
    );
    assert_eq!(parsed("order=a.desc,b,a"), parsed("order=a.desc,b"));
}

#[test]
fn aggregates_are_read_and_named() {
    let query = parsed(r#"aggregate=sum(a), count_by("b.c)"),sum(a),distinct(é)"#);
    let aggregate = |function, column: &str| Aggregate {
        function,
        column: column.into(),
    };
    assert_eq!(
        query.aggregates,
        [
            aggregate(Function::Sum, "a"),
            aggregate(Function::CountBy, "b.c)"),
            aggregate(Function::Distinct, "é"),
        ]
    );
    assert_eq!(
        query.aggregate_names(),
        ["sum(a)", r#"count_by("b.c)")"#, "distinct(é)"]
    );
    assert_eq!(parsed("aggregate="), Query::default());
    for function in Function::ALL {
        let text = format!("aggregate={}(a)", function.word());
        assert_eq!(parsed(&text).to_query_string(), text);
    }
    assert_eq!(
        parsed("aggregate=sum(a)&offset=50")
            .with_page(0)
            .to_query_string(),
        "aggregate=sum(a)"
    );
}

#[test]
fn the_slice_and_the_rest() {
    let query = parsed("limit=0&offset=7&select=b,a&q=+two++words+&cursor=x&");
    assert_eq!((query.limit, query.offset), (0, 7));
    assert_eq!(
        query.select,
        Some(["b", "a"].map(|name| Selected::Column(name.into())).into())
    );
    assert_eq!(query.search.as_deref(), Some("two words"));
    assert_eq!(parsed(""), Query::default());
    assert_eq!(
        parsed("limit=&offset=&order=&select=*&q="),
        Query::default()
    );
    assert_eq!(Query::default().to_query_string(), "");
    assert_eq!(Query::default().limit, 50);
}

#[test]
fn the_canonical_text_is_readable() {
    for text in [
        "status=eq.open&limit=20",
        "price=gte.10.5&name=like.*a*&order=price.desc.nullslast,id&select=id,name&offset=40",
        "or=(a.eq.1,and(b.gt.2,c.is.null))&id=in.(1,2,3)&at=lt.2024-01-01T00:00:00",
        "q=two%20words",
    ] {
        assert_eq!(parsed(text).to_query_string(), text);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, code) in [
        ("a", "unknown_operator"),
        ("a=1", "unknown_operator"),
        ("a=equals.1", "unknown_operator"),
        ("a=not.not.eq.1", "unknown_operator"),
        ("a=eq", "invalid_filter"),
        ("=eq.1", "invalid_filter"),
        ("a=in.1", "invalid_filter"),
        ("a=in.(1", "invalid_filter"),
        ("a=in.(1)2", "invalid_filter"),
        ("a=in.(\"1\"2)", "invalid_filter"),
        ("a=in.(\"1)", "invalid_filter"),
        ("a=is.maybe", "invalid_value"),
        ("a=like.x%5C", "invalid_value"),
        ("or=(a.like.x%5C%5C%5C)", "invalid_value"),
        ("a=eq.%00", "invalid_value"),
        ("a=eq.%zz", "invalid_filter"),
        ("a=eq.%F", "invalid_filter"),
        ("a=eq.%ff", "invalid_filter"),
        ("or=a.eq.1", "invalid_filter"),
        ("or=()", "invalid_filter"),
        ("or=(a.eq.1", "invalid_filter"),
        ("or=(a.eq.1))", "invalid_filter"),
        ("or=(a.eq.1,)", "invalid_filter"),
        ("or=(a)", "invalid_filter"),
        ("order=a.down", "invalid_order"),
        ("order=a.desc.nullslast.x", "invalid_order"),
        ("order=a,,b", "invalid_order"),
        ("order=a&order=b", "invalid_order"),
        ("select=a,,b", "invalid_select"),
        ("select=a.b", "invalid_select"),
        ("aggregate=sum", "invalid_aggregate"),
        ("aggregate=sum()", "invalid_aggregate"),
        ("aggregate=total(a)", "invalid_aggregate"),
        ("aggregate=sum(a),", "invalid_aggregate"),
        ("aggregate=sum(a,b)", "invalid_aggregate"),
        ("aggregate=sum(a", "invalid_aggregate"),
        ("aggregate=sum(a)b", "invalid_aggregate"),
        ("aggregate=sum(a)&aggregate=max(a)", "invalid_aggregate"),
        ("limit=1001", "invalid_limit"),
        ("limit=-1", "invalid_limit"),
        ("limit=x", "invalid_limit"),
        ("limit=1&limit=1", "invalid_limit"),
        ("offset=-1", "invalid_offset"),
        ("offset=9223372036854775808", "invalid_offset"),
    ] {
        assert_eq!(refused(text), code, "{text}");
    }
    assert_eq!(parsed("a=like.x%5C%5C").filter.len(), 1);
}

#[test]
fn a_query_is_bounded() {
    let nested = |depth: usize| format!("{}a.eq.1{}", "or(".repeat(depth), ")".repeat(depth));
    parsed(&nested(MAX_DEPTH).replacen("or(", "or=(", 1));
    assert_eq!(
        refused(&nested(MAX_DEPTH + 1).replacen("or(", "or=(", 1)),
        "query_too_deep"
    );
    let tests = |count: usize| vec!["a=eq.1"; count].join("&");
    parsed(&tests(MAX_TESTS));
    assert_eq!(refused(&tests(MAX_TESTS + 1)), "query_too_large");
    let values = |count: usize| format!("a=in.({})", vec!["1"; count].join(","));
    parsed(&values(MAX_VALUES));
    assert_eq!(refused(&values(MAX_VALUES + 1)), "query_too_large");
    assert_eq!(
        refused(&format!("a=eq.{}", "x".repeat(17_000))),
        "query_too_large"
    );
    assert_eq!(
        refused(&format!("q={}", "x+".repeat(100))),
        "query_too_large"
    );
    parsed(&format!("limit={MAX_LIMIT}"));
    let aggregates = |count: usize| {
        let calls: Vec<String> = (0..count).map(|at| format!("max(a{at})")).collect();
        format!("aggregate={}", calls.join(","))
    };
    parsed(&aggregates(MAX_AGGREGATES));
    assert_eq!(refused(&aggregates(MAX_AGGREGATES + 1)), "query_too_large");
}

#[test]
fn stars_are_the_wildcard() {
    assert_eq!(like_pattern(r"a*b_%\c"), r"a%b_%\c");
}

#[test]
fn sorting_by_clicks_goes_round() {
    let query = parsed("offset=50&limit=25");
    let once = query.with_sort_toggled("a", false);
    assert_eq!(once.to_query_string(), "order=a&limit=25");
    let twice = once.with_sort_toggled("a", false);
    assert_eq!(twice.to_query_string(), "order=a.desc&limit=25");
    assert_eq!(
        twice.with_sort_toggled("a", false).to_query_string(),
        "limit=25"
    );
    let both = twice.with_sort_toggled("b", true);
    assert_eq!(both.to_query_string(), "order=a.desc,b&limit=25");
    let kept = both.with_sort_toggled("b", true);
    assert_eq!(kept.to_query_string(), "order=a.desc,b.desc&limit=25");
    assert_eq!(
        kept.with_sort_toggled("a", true).to_query_string(),
        "order=b.desc&limit=25"
    );
    assert_eq!(
        kept.with_sort_toggled("c", false).to_query_string(),
        "order=c&limit=25"
    );
}

#[test]
fn editing_returns_to_the_first_page() {
    let query = parsed("a=eq.1&b=eq.2&q=x&offset=50");
    assert_eq!(query.without_test(0).to_query_string(), "b=eq.2&q=x");
    assert_eq!(query.without_test(9).filter.len(), 2);
    assert_eq!(query.with_search("  ").to_query_string(), "a=eq.1&b=eq.2");
    assert_eq!(query.with_search(" y z ").search.as_deref(), Some("y z"));
    assert_eq!(query.without_filters(), Query::default());
    assert_eq!(
        query.with_limit(20).to_query_string(),
        "a=eq.1&b=eq.2&q=x&limit=20"
    );
    assert_eq!(query.with_page(100).offset, 100);
    let Filter::Test(last) = &query.filter[1] else {
        panic!("a test was written");
    };
    assert_eq!(query.with_test(last.clone()).filter.len(), 3);
}

fn column() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z_][a-z0-9_]{0,6}",
        1 => prop::sample::select(vec!["and", "or", "not", "order", "q", "limit", "not.and", "cursor"])
            .prop_map(String::from),
        1 => "[^\0]{1,6}",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-zA-Z0-9 .:-]{0,8}",
        1 => "[^\0]{0,8}",
        1 => r#"[,()"\\{}&=%+*#é ]{0,6}"#,
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    value().prop_map(|value| value.replace('\\', "\\\\"))
}

fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![
        value().prop_map(Operator::Eq),
        value().prop_map(Operator::Neq),
        value().prop_map(Operator::Gt),
        value().prop_map(Operator::Gte),
        value().prop_map(Operator::Lt),
        value().prop_map(Operator::Lte),
        pattern().prop_map(Operator::Like),
        pattern().prop_map(Operator::Ilike),
        vec(value(), 1..5).prop_map(Operator::In),
        prop::sample::select(vec![Is::Null, Is::True, Is::False]).prop_map(Operator::Is),
    ]
}

fn any_test() -> impl Strategy<Value = Filter> {
    (column(), any::<bool>(), operator()).prop_map(|(column, negated, operator)| {
        Filter::Test(Test {
            column,
            negated,
            operator,
        })
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    any_test().prop_recursive(4, 16, 4, |inner| {
        (any::<bool>(), any::<bool>(), vec(inner, 1..4)).prop_map(|(all, negated, of)| {
            if all {
                Filter::And { negated, of }
            } else {
                Filter::Or { negated, of }
            }
        })
    })
}

fn selected() -> impl Strategy<Value = Selected> {
    let embed = (
        option::of(column()),
        column(),
        option::of(column()),
        option::of(vec(column(), 1..4)),
    )
        .prop_map(|(alias, target, hint, mut columns)| {
            let mut known = std::collections::HashSet::new();
            if let Some(columns) = &mut columns {
                columns.retain(|column| known.insert(column.clone()));
            }
            Selected::Embed(Embed {
                alias,
                target,
                hint,
                columns,
            })
        });
    prop_oneof![
        4 => column().prop_map(Selected::Column),
        1 => Just(Selected::All),
        2 => embed,
    ]
}

/// Queries as parsing gives them.
fn query() -> impl Strategy<Value = Query> {
    let order =
        (column(), any::<bool>(), any::<bool>()).prop_map(|(column, descending, nulls_first)| {
            OrderBy {
                column,
                descending,
                nulls_first,
            }
        });
    (
        vec(filter(), 0..4),
        option::of(vec("[^\0 \t\n\r\\p{White_Space}]{1,5}", 1..4)),
        vec(order, 0..4),
        0..=MAX_LIMIT,
        0..=i64::MAX as u64,
        option::of(vec(selected(), 1..4)),
        vec((prop::sample::select(&Function::ALL[..]), column()), 0..4),
    )
        .prop_map(
            |(filter, words, mut order, limit, offset, mut select, aggregates)| {
                let filter = filter
                    .into_iter()
                    .flat_map(|filter| match filter {
                        Filter::And { negated: false, of } => of,
                        other => vec![other],
                    })
                    .filter(|filter| !matches!(filter, Filter::And { negated: false, .. }))
                    .collect();
                let mut known = std::collections::HashSet::new();
                order.retain(|order| known.insert(order.column.clone()));
                if let Some(columns) = &mut select {
                    let mut known = std::collections::HashSet::new();
                    columns.retain(|column| known.insert(column.clone()));
                }
                if select.as_deref() == Some(&[Selected::All]) {
                    select = None;
                }
                // An order may be by what is embedded.
                if let Some(Selected::Embed(embed)) = select.iter().flatten().last()
                    && let Some(first) = order.first_mut()
                {
                    first.column = embed.column(&first.column);
                }
                let mut aggregates: Vec<Aggregate> = aggregates
                    .into_iter()
                    .map(|(function, column)| Aggregate { function, column })
                    .collect();
                let mut named = std::collections::HashSet::new();
                aggregates.retain(|aggregate| named.insert(aggregate.clone()));
                Query {
                    filter,
                    search: words.map(|words| words.join(" ")),
                    order,
                    limit,
                    offset,
                    select,
                    aggregates,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn printing_then_parsing_gives_the_query(query in query()) {
        let text = query.to_query_string();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{}", text);
        prop_assert_eq!(Query::parse(&text), Ok(query), "{}", text);
    }

    #[test]
    fn whatever_is_read_prints_to_what_reads_the_same(text in ".{0,80}") {
        check_text(&text);
    }

    #[test]
    fn text_made_of_the_grammar_s_pieces_is_read_or_refused(
        pieces in vec(prop::sample::select(vec![
            "a", "b", "and", "or", "not", "not.", "=", "&", ".", ",", "(", ")", "\"", "\\", "{", "}",
            "eq", "in", "is", "null", "like", "order", "desc", "nullslast", "limit", "offset", "select",
            "q", "1", "aggregate", "sum(", "%", ":", "!", "select=a(b)", "a.b.eq.1", "%20", "%22", "%C3", "+", "é", "*", "a=eq.1", "or=(a.eq.1,", "in.(", " ",
        ]), 0..24),
    ) {
        check_text(&pieces.concat());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..120)) {
        check_text(&String::from_utf8_lossy(&bytes));
    }
}

fn check_text(text: &str) {
    match Query::parse(text) {
        Ok(query) => {
            let printed = query.to_query_string();
            assert_eq!(
                Query::parse(&printed).as_ref(),
                Ok(&query),
                "{text} -> {printed}"
            );
        }
        Err(error) => assert!(!error.code.is_empty() && !error.message.is_empty()),
    }
}
