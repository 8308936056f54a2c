//! Many at once, over few sessions.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::Value;

use crate::{
    browser::{account, bearer, token},
    serving::{TABLE, behind},
    socket::Socket,
};

/// Each under a name of their own, so that a session that kept one would tell it of another.
#[tokio::test]
async fn everybody_gets_what_is_theirs() {
    const PEOPLE: usize = 12;
    let (_pooler, server) = behind(3, TABLE, "on").await;
    let mut tokens = Vec::new();
    for n in 0..PEOPLE {
        let roles: &[&str] = if n % 2 == 0 { &["administrator"] } else { &[] };
        let owner = account(&server, &format!("person {n}"), roles).await;
        let scope = if n % 2 == 0 { "admin" } else { "write" };
        tokens.push(token(&server, owner, scope).await);
    }
    let server = &server;
    let each = tokens.iter().enumerate().map(|(n, token)| async move {
        let bearer = bearer(token);
        let headers = [("Authorization", bearer.as_str())];
        for turn in 0..10 {
            let id = 1000 + n * 100 + turn;
            let body = format!(r#"{{"id":{id},"name":"of {n}"}}"#);
            let answer = server
                .write_with("POST", "/api/rows/t", &body, &headers)
                .await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            let path = format!("/api/rows/t?name=eq.of%20{n}&order=id.desc");
            let rows = server.send("GET", &path, &headers).await.json().1;
            let rows: &Vec<Value> = rows["rows"].as_array().unwrap();
            assert_eq!(rows.len(), turn + 1);
            assert!(rows.iter().all(|row| row["cells"][1] == format!("of {n}")));
            if n % 2 == 0 {
                let invited =
                    server.write_with("POST", "/api/invitations", "{\"roles\":[]}", &headers);
                assert_eq!(invited.await.status, 201);
            }
            let me = server.send("GET", "/api/me", &headers).await.json().1;
            assert_eq!(me["name"], format!("person {n}"));
        }
    });
    join_all(each).await;
    let noted: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT action, coalesce(name, '?'), count(*) FROM rowcast.audit \
          WHERE means = 'token' GROUP BY 1, 2 ORDER BY 1, 2",
    )
    .fetch_all(&server.database.pool(1).await)
    .await
    .unwrap();
    let actions: BTreeSet<&str> = noted.iter().map(|(action, ..)| &**action).collect();
    assert_eq!(actions.len(), 2, "{noted:?}");
    assert_eq!(noted.len(), PEOPLE + PEOPLE / 2, "{noted:?}");
    let each = noted
        .iter()
        .all(|(_, name, count)| name.starts_with("person ") && *count == 10);
    assert!(each, "each is noted as whose it is: {noted:?}");
}

#[tokio::test]
async fn a_hundred_lists_are_right_over_two_sessions() {
    let (_pooler, server) = behind(2, TABLE, "off").await;
    let address = server.addr.to_string();
    let address = &address;
    let opened = join_all((0..100).map(|n| async move {
        let mut socket = Socket::open(address).await;
        let query = format!("order=id&id=gt.{}&limit=200", n % 50);
        let snapshot = socket.subscribe(1, "t", &query).await;
        assert_eq!(snapshot["total"], 50 - n % 50);
        (n, socket)
    }))
    .await;
    server
        .database
        .execute("INSERT INTO t VALUES (500, 'came')")
        .await;
    join_all(opened.into_iter().map(|(n, mut socket)| async move {
        let patch = socket.next_of(1, "patch").await;
        assert_eq!(patch["total"], 51 - n % 50);
    }))
    .await;
    server.stop().await;
}
