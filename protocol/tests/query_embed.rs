//! Embeddings in the grammar: how they are read, named and refused.

use rowcast_protocol::query::{Embed, MAX_EMBEDS, OrderBy, Query, Selected};

fn parsed(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn embed(alias: Option<&str>, target: &str, hint: Option<&str>, columns: &[&str]) -> Selected {
    Selected::Embed(Embed {
        alias: alias.map(String::from),
        target: target.into(),
        hint: hint.map(String::from),
        columns: match columns {
            ["*"] => None,
            names => Some(names.iter().map(|name| String::from(*name)).collect()),
        },
    })
}

fn column(name: &str) -> Selected {
    Selected::Column(name.into())
}

#[test]
fn embeddings_stand_among_columns() {
    for (text, selected) in [
        ("people(name)", vec![embed(None, "people", None, &["name"])]),
        (
            "title,assignee:people(name, age)",
            vec![
                column("title"),
                embed(Some("assignee"), "people", None, &["name", "age"]),
            ],
        ),
        (
            "*,people!reporter_id(name)",
            vec![
                Selected::All,
                embed(None, "people", Some("reporter_id"), &["name"]),
            ],
        ),
        (
            "by:people!reporter_id(*),id",
            vec![
                embed(Some("by"), "people", Some("reporter_id"), &["*"]),
                column("id"),
            ],
        ),
        (
            "a.b(c),\"x,y\":\"p(q)\"!\"r!s\"(\"t.u\",\"*\")",
            vec![
                embed(None, "a.b", None, &["c"]),
                embed(Some("x,y"), "p(q)", Some("r!s"), &["t.u", "*"]),
            ],
        ),
        (
            "people(name),people(name)",
            vec![embed(None, "people", None, &["name"])],
        ),
        ("people(name,*)", vec![embed(None, "people", None, &["*"])]),
    ] {
        let query = parsed(&format!("select={text}"));
        assert_eq!(query.select, Some(selected), "{text}");
        assert_eq!(parsed(&query.to_query_string()), query);
    }
}

#[test]
fn names_that_look_like_embeddings_are_columns() {
    for (text, name) in [
        ("a:b", "a:b"),
        ("a!b", "a!b"),
        ("\"a(b)\"", "a(b)"),
        ("\"a.b\"", "a.b"),
        ("\"*\"", "*"),
    ] {
        let query = parsed(&format!("select={text}"));
        assert_eq!(query.select, Some(vec![column(name)]), "{text}");
        assert_eq!(parsed(&query.to_query_string()), query);
    }
}

#[test]
fn an_embedded_column_is_ordered_and_filtered_by() {
    let text = "assignee.name=eq.Ann&or=(assignee.name.not.eq.Bob,and(assignee.age.in.(1,2),id.eq.3))\
        &order=assignee(name).desc,id&select=title,assignee:people(name,age)";
    let query = parsed(text);
    assert_eq!(query.to_query_string(), text);
    assert_eq!(
        query.order[0],
        OrderBy {
            column: "assignee.name".into(),
            descending: true,
            nulls_first: true
        }
    );
    let tested: Vec<&str> = query.tests().iter().map(|test| &*test.column).collect();
    assert_eq!(
        tested,
        ["assignee.name", "assignee.name", "assignee.age", "id"]
    );
    let (embed, column) = query.embedded("assignee.name").expect("it is embedded");
    assert_eq!((&*embed.target, column), ("people", "name"));
    assert_eq!(query.embedded("assignee"), None);
    assert_eq!(query.embedded("people.name"), None);
}

#[test]
fn an_operator_after_a_column_s_name_is_not_an_embedded_column() {
    for (text, column) in [
        ("and=(a.eq.eq.1)", "a"),
        ("and=(a.not.eq.not.1)", "a"),
        ("and=(a.b.eq.eq.1)", "a.b"),
        ("and=(\"a.eq\".eq.1)", "a.eq"),
        ("and=(\"a\".\"b.c\".eq.1)", "a.b.c"),
    ] {
        let query = parsed(text);
        assert_eq!(query.tests()[0].column, column, "{text}");
        assert_eq!(parsed(&query.to_query_string()), query);
    }
    let error = Query::parse("and=(a.equals.1)").expect_err("there is no such operator");
    assert_eq!(error.code, "unknown_operator");
}

#[test]
fn what_is_wrong_is_refused() {
    let many: Vec<String> = (0..=MAX_EMBEDS).map(|at| format!("a{at}:p(n)")).collect();
    for (text, code) in [
        ("select=people()", "invalid_select"),
        ("select=people(name", "invalid_select"),
        ("select=people(name))", "invalid_select"),
        ("select=people(team(name))", "invalid_select"),
        ("select=people(name)x", "invalid_select"),
        ("order=people(name", "invalid_order"),
        ("order=people()", "invalid_order"),
        ("order=people(name)desc", "invalid_order"),
        (&format!("select={}", many.join(",")), "query_too_large"),
    ] {
        match Query::parse(text) {
            Ok(query) => panic!("{text} was read as {query:?}"),
            Err(error) => assert_eq!(error.code, code, "{text}: {error:?}"),
        }
    }
}
