//! Queries against a table's columns: what is refused, and that nothing is that PostgreSQL
//! would take.

use rowcast_protocol::{
    ApiError, Column, ColumnKind, May, Table, TableKind,
    query::{MAX_LIMIT, Query},
};

fn column(name: &str, type_name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.into(),
        type_name: type_name.into(),
        kind,
        nullable: true,
        has_default: false,
        generated: false,
        labels: Vec::new(),
        references: None,
        comment: None,
    }
}

fn table() -> Table {
    let mut status = column("status", "order_status", ColumnKind::Enum);
    status.labels = vec!["open".into(), "closed".into()];
    Table {
        schema: "public".into(),
        name: "orders".into(),
        kind: TableKind::Table,
        live: true,
        key: vec!["id".into()],
        columns: vec![
            column("id", "bigint", ColumnKind::Integer),
            column("count", "integer", ColumnKind::Integer),
            column("small", "smallint", ColumnKind::Integer),
            column("oid", "oid", ColumnKind::Integer),
            column("title", "text", ColumnKind::Text),
            column("done", "boolean", ColumnKind::Boolean),
            column("token", "uuid", ColumnKind::Uuid),
            column("price", "numeric(10,2)", ColumnKind::Numeric),
            column("at", "timestamp with time zone", ColumnKind::TimestampTz),
            column("raw", "json", ColumnKind::Json),
            column("doc", "jsonb", ColumnKind::Json),
            column("tags", "text[]", ColumnKind::Array),
            status,
        ],
        estimated_rows: None,
        comment: None,
        may: May::default(),
    }
}

fn parse_for(text: &str, table: &Table) -> Result<Query, ApiError> {
    let query = Query::parse(text)?;
    query.check(table)?;
    Ok(query)
}

fn refused(text: &str) -> ApiError {
    match parse_for(text, &table()) {
        Ok(query) => panic!("{text} was read as {query:?}"),
        Err(error) => error,
    }
}

#[test]
fn what_does_not_fit_the_columns_is_refused() {
    for (text, code) in [
        ("nope=eq.1", "unknown_column"),
        ("or=(id.eq.1,and(nope.is.null))", "unknown_column"),
        ("order=nope", "unknown_column"),
        ("select=id,nope", "unknown_column"),
        ("aggregate=sum(nope)", "unknown_column"),
        ("aggregate=sum(title)", "invalid_aggregate"),
        ("aggregate=sum(oid)", "invalid_aggregate"),
        ("aggregate=avg(at)", "invalid_aggregate"),
        ("aggregate=max(done)", "invalid_aggregate"),
        ("aggregate=min(doc)", "invalid_aggregate"),
        ("aggregate=distinct(raw)", "invalid_aggregate"),
        ("aggregate=count_by(raw)", "invalid_aggregate"),
        ("id=like.1*", "invalid_operator"),
        ("doc=ilike.1*", "invalid_operator"),
        ("title=is.true", "invalid_operator"),
        ("raw=eq.1", "invalid_operator"),
        ("raw=in.(1)", "invalid_operator"),
        ("order=raw", "invalid_order"),
        ("id=eq.one", "invalid_value"),
        ("id=eq.", "invalid_value"),
        ("id=eq.1.5", "invalid_value"),
        ("id=in.(1,x)", "invalid_value"),
        ("id=eq.9223372036854775808", "invalid_value"),
        ("count=gt.2147483648", "invalid_value"),
        ("small=lt.-32769", "invalid_value"),
        ("done=eq.maybe", "invalid_value"),
        ("done=eq.o", "invalid_value"),
        ("token=eq.123", "invalid_value"),
        ("status=eq.Open", "invalid_value"),
    ] {
        let error = refused(text);
        assert_eq!(error.code, code, "{text}");
        assert!(!error.hint.is_empty(), "{error:?}");
    }
}

#[test]
fn what_postgresql_takes_is_not_refused() {
    for text in [
        "id=eq.%2012%20",
        "id=eq.%2B7",
        "id=eq.-9223372036854775808",
        "id=eq.1_000",
        "id=eq.0x1F",
        "oid=eq.-1",
        "done=eq.YES",
        "done=eq.%20tr%20",
        "done=eq.of",
        "done=is.true",
        "token=eq.%7Ba0eebc99-9c0b4ef8-bb6d6bb9-bd380a11%7D",
        "token=eq.A0EEBC999C0B4EF8BB6D6BB9BD380A11",
        "at=gt.today",
        "at=lt.infinity",
        "price=eq.NaN",
        "price=eq.1e3",
        "status=in.(open,closed)",
        "raw=is.null",
        "raw=not.is.null",
        "doc=eq.%7B%7D",
        "tags=eq.%7Ba,b%7D",
        "order=doc,tags.desc",
        "select=raw",
        "aggregate=sum(small),avg(price),min(at),max(title),count(raw),distinct(doc),count_by(tags)",
        "aggregate=min(tags),max(status),min(token),count_by(done)",
    ] {
        parse_for(text, &table()).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
}

#[test]
fn an_unknown_column_is_answered_with_the_nearest_one_or_all() {
    let error = refused("titel=eq.x");
    assert_eq!(error.message, "orders has no column \"titel\"");
    assert_eq!(error.hint, "did you mean \"title\"?");
    assert!(
        refused("something_else=eq.x")
            .hint
            .starts_with("its columns are id, count")
    );
    assert!(
        refused("assignee.name=eq.x")
            .hint
            .contains("select=*,relation(column)")
    );
    assert!(parse_for(&format!("limit={MAX_LIMIT}"), &table()).is_ok());
}
