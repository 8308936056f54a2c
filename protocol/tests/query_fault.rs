//! Where in a query's text a fault is.

use proptest::prelude::*;
use rowcast_protocol::{
    Column, ColumnKind, May, Table, TableKind,
    query::{Fault, Query},
};

fn table() -> Table {
    let column = |name: &str, type_name: &str, kind, labels: &[&str]| Column {
        name: name.into(),
        type_name: type_name.into(),
        kind,
        nullable: true,
        has_default: false,
        generated: false,
        labels: labels.iter().map(|label| (*label).into()).collect(),
        references: None,
        comment: None,
    };
    Table {
        schema: "public".into(),
        name: "orders".into(),
        kind: TableKind::Table,
        live: true,
        key: vec!["id".into()],
        columns: vec![
            column("id", "bigint", ColumnKind::Integer, &[]),
            column("title", "text", ColumnKind::Text, &[]),
            column(
                "status",
                "order_status",
                ColumnKind::Enum,
                &["open", "paid"],
            ),
            column("raw", "json", ColumnKind::Json, &[]),
        ],
        estimated_rows: None,
        comment: None,
        may: May::default(),
    }
}

/// What is wrong in a text: the error's code, and the part of the text.
fn found(text: &str) -> Option<(String, &str)> {
    Fault::first(text, &table()).map(|fault| (fault.error.code, &text[fault.at]))
}

fn fault<'a>(code: &str, part: &'a str) -> Option<(String, &'a str)> {
    Some((code.into(), part))
}

#[test]
fn a_fault_is_told_with_the_part_of_the_text_that_it_is_in() {
    assert_eq!(
        found("id=eq.1&title=ilike.*a*&or=(id.eq.1,id.is.null)"),
        None
    );
    assert_eq!(
        found("id=eq.1&titel=eq.x"),
        fault("unknown_column", "titel")
    );
    assert_eq!(found("id=equals.1"), fault("unknown_operator", "equals"));
    assert_eq!(found("title=eq.a&id=eq.x"), fault("invalid_value", "x"));
    assert_eq!(found("id=like.1*"), fault("invalid_operator", "like"));
    assert_eq!(found("raw=eq.{}"), fault("invalid_operator", "eq"));
    assert_eq!(
        found("status=in.(open,opne)"),
        fault("invalid_value", "(open,opne)")
    );
    assert_eq!(found("status=is.open"), fault("invalid_value", "open"));
    assert_eq!(found("limit=many"), fault("invalid_limit", "limit=many"));
}

#[test]
fn inside_groups_too() {
    assert_eq!(
        found("or=(id.eq.1,titel.eq.x)"),
        fault("unknown_column", "titel")
    );
    assert_eq!(
        found("or=(id.eq.1,and(title.eq.a,id.not.equals.x))"),
        fault("unknown_operator", "not.equals")
    );
    assert_eq!(
        found("or=(id.eq.1,id.gt.many,id.lt.more)"),
        fault("invalid_value", "many")
    );
    assert_eq!(found("or=(id.eq.1 x)"), fault("invalid_value", "1 x"));
    assert_eq!(found("or=(id.eq.1)y"), fault("invalid_filter", "y"));
    // What is missing is missing at the end.
    assert_eq!(found("or=(id.eq.1"), fault("invalid_filter", ""));
    assert_eq!(
        Fault::first("or=(id.eq.1", &table()).map(|fault| fault.at),
        Some(11..11)
    );
}

#[test]
fn what_is_encoded_is_found_where_it_is_written() {
    assert_eq!(
        found("title=eq.%20&id=eq.%78"),
        fault("invalid_value", "%78")
    );
    assert_eq!(
        found("or=(title.eq.%22%C3%BC%22,n%C3%BC.eq.1)"),
        fault("unknown_column", "n%C3%BC")
    );
    assert_eq!(
        found("id=eq.1&title=eq.%zz"),
        fault("invalid_filter", "title=eq.%zz")
    );
}

#[test]
fn what_no_part_shows_is_the_whole_text_s() {
    assert_eq!(
        found("order=id&order=title"),
        fault("invalid_order", "order=id&order=title")
    );
}

proptest! {
    #[test]
    fn there_is_one_exactly_where_a_query_is_refused(
        text in "((id|title|status|raw|or|x)=(not\\.)?(eq|gt|in|is|like|or)?\\.?[()a-c1,.\"% &é]{0,8}&?){0,3}"
    ) {
        let refused = Query::parse(&text).and_then(|query| query.check(&table())).err();
        let fault = Fault::first(&text, &table());
        prop_assert_eq!(fault.is_some(), refused.is_some());
        if let Some(fault) = fault {
            prop_assert!(fault.at.start <= fault.at.end && fault.at.end <= text.len());
            prop_assert!(text.is_char_boundary(fault.at.start));
            prop_assert!(text.is_char_boundary(fault.at.end));
        }
    }
}
