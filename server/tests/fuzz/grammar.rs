//! Queries and messages: whatever is taken means the same when it is written again.

use rowcast_protocol::{
    Column, ColumnKind, May, Table, TableKind,
    json::message_id,
    message::ClientMessage,
    query::{Fault, Query},
};

use crate::{
    mutate::{broken, broken_text},
    trial::Trial,
};

const QUERIES: [&str; 16] = [
    "id=eq.1&title=ilike.*a*&or=(id.eq.1,id.is.null)",
    "status=in.(open,\"pa,id\")&order=created_at.desc.nullslast,id&limit=10&offset=20",
    "and=(id.gt.1,or(title.like.a*,title.not.is.null))",
    "q=two%20words&select=id,title",
    "select=title,assignee:people(name)&people.name=eq.x",
    "aggregate=sum(id),avg(id),count(status)&id=not.in.(1,2,3)",
    "at=gte.now-15m&at=lt.now+1d",
    "title=eq.%22%5C%22quoted%5C%22%22",
    "id=gte.-9223372036854775808&id=lte.9223372036854775807",
    "number=eq.1e400&number=neq.NaN",
    "raw=eq.{}&array=in.({a,b},{})",
    "day=gt.2024-02-30&at=eq.infinity",
    "not.or=(id.eq.1,not.and(id.eq.2,title.eq.\"\"))",
    "limit=0&offset=18446744073709551615",
    "title=ilike.%25_%5C*&title=like.",
    "order=id.asc.nullsfirst,title.desc,status",
];

const MESSAGES: [&str; 8] = [
    r#"{"type":"subscribe","id":1,"table":"orders","query":"id=eq.1"}"#,
    r#"{"type":"subscribe","id":4294967295,"table":"a.b","query":"","cursor":"c"}"#,
    r#"{"type":"unsubscribe","id":2}"#,
    r#"{"type":"ping"}"#,
    r#"{"id":3,"type":"subscribe","query":"q=\u00e4\ud83d\ude00","table":"\""}"#,
    r#"{"type":"subscribe","id":1.0,"table":null,"query":[]}"#,
    r#"[{"type":"ping"}]"#,
    r#"{"type":"ping","type":"unsubscribe","id":-1}"#,
];

fn table() -> Table {
    let column = |name: &str, kind| Column {
        name: name.to_owned(),
        type_name: "text".to_owned(),
        kind,
        nullable: true,
        has_default: false,
        generated: false,
        labels: vec!["open".to_owned(), "pa,id".to_owned()],
        references: None,
        comment: None,
    };
    Table {
        schema: "public".to_owned(),
        name: "orders".to_owned(),
        kind: TableKind::Table,
        live: true,
        key: vec!["id".to_owned()],
        columns: vec![
            column("id", ColumnKind::Integer),
            column("title", ColumnKind::Text),
            column("status", ColumnKind::Enum),
            column("raw", ColumnKind::Json),
            column("number", ColumnKind::Numeric),
            column("at", ColumnKind::TimestampTz),
            column("day", ColumnKind::Date),
        ],
        estimated_rows: None,
        comment: None,
        may: May::default(),
    }
}

#[test]
fn queries() {
    let table = table();
    Trial::new().run(
        |random| broken_text(random, &QUERIES).into_bytes(),
        |input| {
            let text = std::str::from_utf8(input).unwrap();
            if let Some(fault) = Fault::first(text, &table)
                && text.get(fault.at.clone()).is_none()
            {
                return Err(format!(
                    "a fault is at {:?}, which is no part of it",
                    fault.at
                ));
            }
            let query = match Query::parse(text) {
                Ok(query) => query,
                Err(error) if error.code.is_empty() || error.message.is_empty() => {
                    return Err("it is refused without a reason".to_owned());
                }
                Err(_) => return Ok(()),
            };
            // Whether it fits the table must be decided too.
            let _ = query.check(&table);
            let written = query.to_query_string();
            match Query::parse(&written) {
                Ok(again) if again == query => Ok(()),
                Ok(_) => Err(format!("written again it means something else: {written}")),
                Err(error) => Err(format!("written again it is refused: {written}: {error:?}")),
            }
        },
    );
}

#[test]
fn messages() {
    Trial::new().run(
        |random| broken_text(random, &MESSAGES).into_bytes(),
        |input| {
            let text = std::str::from_utf8(input).unwrap();
            let _ = message_id(text);
            let Ok(message) = ClientMessage::from_json(text) else {
                return Ok(());
            };
            let written = message.to_json();
            match ClientMessage::from_json(&written) {
                Ok(again) if again == message => Ok(()),
                _ => Err(format!("written again it is another: {written}")),
            }
        },
    );
}

/// What a page of ours would read, were it sent by somebody else.
#[test]
fn what_a_page_reads() {
    let message = postcard::to_allocvec(&rowcast_protocol::ApiError::new("code", "text", "hint"));
    let corpus = [message.unwrap(), vec![0; 64], vec![255; 64]];
    let corpus: Vec<&[u8]> = corpus.iter().map(Vec::as_slice).collect();
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let _ = postcard::from_bytes::<rowcast_protocol::message::ServerMessage>(input);
            Ok(())
        },
    );
}
