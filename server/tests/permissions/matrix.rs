//! Every route and every message × everybody who may come: which status each gets, and that what
//! they may not see is in no byte of what they get, while others write it.
//!
//! The router's own list is read from its source and the messages are matched one by one, so what
//! is added to either is added here, or these tests fail.

#[path = "matrix/follow.rs"]
mod follow;
#[path = "matrix/messages.rs"]
mod messages;
#[path = "matrix/people.rs"]
mod people;
#[path = "matrix/routes.rs"]
mod routes;
#[path = "matrix/table.rs"]
mod table;

use crate::server::Answer;

use self::{
    people::{NAMES, People},
    routes::{declared, known},
    table::{HTTP, Request},
};

#[test]
fn every_route_is_in_the_table_and_the_table_has_no_others() {
    let mut listed: Vec<String> = HTTP.iter().map(|row| row.0.to_owned()).collect();
    listed.sort();
    listed.dedup();
    let declared = declared();
    assert!(declared.len() > 60, "the routes are found: {declared:?}");
    let missing: Vec<_> = declared.iter().filter(|of| !listed.contains(of)).collect();
    assert!(
        missing.is_empty(),
        "say in the table who gets what: {missing:?}"
    );
    let gone: Vec<_> = listed.iter().filter(|of| !declared.contains(of)).collect();
    assert!(gone.is_empty(), "there are no such routes: {gone:?}");
}

#[test]
fn what_is_not_found_among_the_routes_is_noticed() {
    let source = r#"Router::new().route("/a", get(x).post(y)).route(
        "/b/{id}",
        axum::routing::any(z),
    )
    "#
    .to_owned()
        + "#[cfg(test)]\nmod tests { Router::new().route(\"/c\", get(x)) }";
    assert_eq!(known(&source), ["ANY /b/{id}", "GET /a", "POST /a"]);
    for odd in [
        ".route(PATH, get(x))",
        ".nest(\"/a\", b)",
        ".route(\"/a\", c)",
    ] {
        let found = std::panic::catch_unwind(|| known(odd));
        assert!(found.is_err(), "{odd}");
    }
}

#[tokio::test]
async fn everybody_gets_from_every_route_what_is_theirs() {
    let people = People::new().await;
    people.end_those_who_are_to_end().await;
    let mut wrong = Vec::new();
    for (route, request, expected) in HTTP {
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(expected.len(), NAMES.len(), "{route}");
        for (who, expected) in expected.into_iter().enumerate() {
            let request = people.fill(request, who).await;
            // Others write what may not be seen, before, meanwhile and after.
            people.write().await;
            let (answer, ()) = tokio::join!(send(&people, route, &request, who), people.write());
            let name = NAMES[who];
            let got = cell(&answer);
            if got != expected {
                wrong.push(format!(
                    "{route}, {}: {name} gets {got}, not {expected}",
                    request.path
                ));
            }
            if answer.header("cache-control") != Some("no-store") {
                let said = answer.header("cache-control").unwrap_or("nothing");
                wrong.push(format!(
                    "{route}, {}: {name} may keep it: {said}",
                    request.path
                ));
            }
            let headers = answer.headers.iter().map(|(_, value)| value.as_bytes());
            for bytes in headers.chain([answer.body.as_slice()]) {
                if let Some(mark) = people.forbidden_in(who, bytes) {
                    wrong.push(format!("{route}, {}: {name} gets {mark}", request.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Who may see everything does, so the marks are found where they are.
    let all = people.fill("GET /api/rows/ticket.csv", people::ADMIN).await;
    let all = send(&people, "GET /api/rows/{table}", &all, people::ADMIN).await;
    for mark in [people::ROW, people::VALUE] {
        assert!(all.text().contains(mark), "{mark}");
    }
    people.server.stop().await;
}

/// A status; where it leads to signing in, `in`.
fn cell(answer: &Answer) -> String {
    match answer.header("location") {
        Some(to) if to.starts_with("/login") => "in".to_owned(),
        _ => answer.status.to_string(),
    }
}

async fn send(people: &People, route: &str, request: &Request, who: usize) -> Answer {
    let server = &people.server;
    let mut headers: Vec<(&str, &str)> = Vec::new();
    if let Some((name, value)) = &people.proofs[who] {
        headers.push((name, value));
    }
    if route == "GET /api/live/{table}" {
        return follow::head(server, &request.path, &headers).await;
    }
    if request.method == "GET" {
        return server.send("GET", &request.path, &headers).await;
    }
    headers.push(("Content-Type", request.kind()));
    let (method, path, body) = (&request.method, &request.path, &request.body);
    server.write_with(method, path, body, &headers).await
}
