//! Saved views and presence, of whoever has signed in.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    browser::{Browser, account, token},
    stream::Stream,
    world::{World, actions},
};

fn names(views: &Value) -> Vec<&str> {
    let views = views["views"].as_array().unwrap();
    views
        .iter()
        .map(|view| view["name"].as_str().unwrap())
        .collect()
}

async fn save(world: &World, bearer: &str, name: &str, owner: Value) -> i64 {
    let view = json!({"name": name, "query": "id=eq.1", "owner": owner}).to_string();
    let answer = world
        .send(bearer, "POST", "/api/views/item", &view)
        .await
        .json();
    assert_eq!(answer.0, 201, "{}", answer.1);
    answer.1["id"].as_i64().unwrap()
}

/// The status and the code of the error.
async fn refused(
    world: &World,
    bearer: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String) {
    let answer = world.send(bearer, method, path, body).await;
    let (status, code, _) = answer.error();
    (status, code)
}

#[tokio::test]
async fn a_view_is_changed_by_its_account_alone_and_seen_by_nobody_else_if_it_is_private() {
    let world = World::new().await;
    let eve = account(&world.server, "eve", &[]).await;
    let eve = token(&world.server, eve, "write").await;
    let shared = save(&world, &world.bob, "for all", Value::Null).await;
    // Whatever owner is said, it is whoever asks.
    let own = save(&world, &world.bob, "bob's own", json!("eve")).await;
    let list = "/api/views/item?owner=bob";
    assert_eq!(
        names(&world.bob("GET", list, "").await),
        ["for all", "bob's own"]
    );
    let views = world.bob("GET", "/api/views/item", "").await;
    assert_eq!(views["views"][1]["owner"], "bob");
    for bearer in [&eve, &world.ann] {
        let views = world.send(bearer, "GET", list, "").await.json().1;
        assert_eq!(names(&views), ["for all"]);
        let path = "/api/rows/rowcast.saved_view?table_path=eq.item&select=name";
        let rows = world.send(bearer, "GET", path, "").await.text();
        assert!(
            rows.contains("for all") && !rows.contains("bob's own"),
            "{rows}"
        );
    }
    let path = "/api/rows/rowcast.saved_view?table_path=eq.item&or=(owner.is.null,owner.eq.bob)";
    assert_eq!(world.bob("GET", path, "").await["total"], 2);

    let (shared, own) = (
        format!("/api/views/item/{shared}"),
        format!("/api/views/item/{own}"),
    );
    for (path, refusal) in [
        (&shared, (403, "not_allowed".to_owned())),
        (&own, (404, "unknown_view".to_owned())),
    ] {
        for (method, body) in [
            ("PATCH", r#"{"name":"taken"}"#),
            ("PATCH", r#"{"owner":"eve"}"#),
            ("PATCH", r#"{"owner":null}"#),
            ("DELETE", ""),
        ] {
            assert_eq!(
                refused(&world, &eve, method, path, body).await,
                refusal,
                "{method} {body}"
            );
        }
    }
    let history = format!(
        "/api/history/rowcast.saved_view/{}",
        own.rsplit('/').next().unwrap()
    );
    assert_eq!(
        refused(&world, &world.ann, "GET", &history, "").await.0,
        404
    );

    // An administrator may, and it stays bob's.
    let renamed = world.ann("PATCH", &own, r#"{"name":"renamed"}"#).await;
    assert_eq!(
        (&renamed["name"], &renamed["owner"]),
        (&json!("renamed"), &json!("bob"))
    );
    let made_own = world.ann("PATCH", &shared, r#"{"owner":"ann"}"#).await;
    assert_eq!(made_own["owner"], "bob");
    let views = world.bob("GET", "/api/views/item", "").await;
    assert_eq!(names(&views), ["for all", "renamed"]);
    world.bob("DELETE", &shared, "").await;
    world.ann("DELETE", &own, "").await;
    let noted = world.noted().await;
    let views: Vec<Value> = noted
        .iter()
        .filter(|entry| entry["action"].as_str().unwrap().starts_with("view_"))
        .cloned()
        .collect();
    assert_eq!(
        actions(&views),
        [
            "view_made",
            "view_made",
            "view_changed",
            "view_changed",
            "view_removed",
            "view_removed"
        ]
    );
    assert_eq!(
        (&views[0]["name"], &views[2]["name"]),
        (&json!("bob"), &json!("ann"))
    );
    assert_eq!(views[2]["details"]["changed"], json!(["name"]));
    world.server.stop().await;
}

#[tokio::test]
async fn what_was_saved_before_there_were_accounts_is_whose_it_says() {
    let world = World::new().await;
    world
        .execute(
            "INSERT INTO rowcast.saved_view (table_path, name, owner, query)
             VALUES ('item', 'old, for all', NULL, ''), ('item', 'old, bob''s', 'bob', ''),
                    ('item', 'old, of a Zoe', 'Zoe', '')",
        )
        .await;
    let views = world.bob("GET", "/api/views/item", "").await;
    assert_eq!(names(&views), ["old, for all", "old, bob's"]);
    let path = |nth: usize| format!("/api/views/item/{}", views["views"][nth]["id"]);
    let refusal = refused(&world, &world.bob, "PATCH", &path(0), r#"{"name":"x"}"#).await;
    assert_eq!(refusal, (403, "not_allowed".to_owned()));
    world
        .bob("PATCH", &path(1), r#"{"name":"now bob's"}"#)
        .await;
    world
        .ann("PATCH", &path(0), r#"{"name":"kept for all"}"#)
        .await;
    let owned = world
        .count("SELECT count(*) FROM rowcast.saved_view WHERE name = 'now bob''s' AND account IS NOT NULL")
        .await;
    assert_eq!(owned, 1);
    world.server.stop().await;
}

#[tokio::test]
async fn a_table_opens_with_one_s_account_s_own_default() {
    let world = World::new().await;
    let mut bob = Browser::of(&world.server, "bob").await;
    let view = r#"{"name":"d","query":"id=eq.3","owner":"bob","default":true}"#;
    let made = bob.json("POST", "/api/views/item", view).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let answer = bob.get("/tables/item").await;
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").unwrap().contains("id=eq.3"));
    // The cookie with a name is believed of nobody who has an account.
    let mut ann = Browser::of(&world.server, "ann").await;
    ann.cookies.insert("rowcast.name".into(), "bob".into());
    assert_eq!(ann.get("/tables/item").await.status, 200);
    world.server.stop().await;
}

#[tokio::test]
async fn who_is_there_is_called_as_their_account_is() {
    let world = World::new().await;
    let path = "/api/live/rowcast.presence?table_path=eq.item&select=session,name";
    let mut stream = Stream::open(&world.server, &world.ann, path).await;
    assert_eq!(stream.next().await.unwrap().1["total"], 0);
    let said = |name: &str| json!({"session": "page1", "name": name}).to_string();
    world.bob("POST", "/api/presence/item", &said("ann")).await;
    let (_, patch) = stream.next().await.unwrap();
    assert_eq!(patch["ops"][0]["cells"], json!(["page1", "bob"]));
    // Nobody speaks for somebody else's page, nor ends it.
    world.ann("POST", "/api/presence/item", &said("ann")).await;
    world
        .ann("DELETE", "/api/presence/item?session=page1", "")
        .await;
    world
        .ann("POST", "/api/presence/item", r#"{"session":"page2"}"#)
        .await;
    let heard = async {
        while !stream.heard.contains("page2") {
            stream.next().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), heard)
        .await
        .expect("the other page is there");
    let mut connection = world.server.database.connect().await;
    let there: Vec<(String, String)> =
        sqlx::query_as("SELECT session, name FROM rowcast.presence ORDER BY session")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let pair = |session: &str, name: &str| (session.to_owned(), name.to_owned());
    assert_eq!(there, [pair("page1", "bob"), pair("page2", "ann")]);
    world.server.stop().await;
}
