//! `/api/notifications`.

use serde_json::json;

use crate::{
    browser::{account, token},
    world::World,
};

const SEND: &str = "/api/notifications";

#[tokio::test]
async fn administrators_tell_everybody_and_others_themselves() {
    let world = World::new().await;
    let told = json!({"user": "bob", "title": "The export is done", "body": "1,200 rows",
        "link": "/tables/item"});
    let told = told.to_string();
    world.ok(&world.ann, "POST", SEND, &told).await;
    let (status, code, _) = world.send(&world.eve, "POST", SEND, &told).await.error();
    assert_eq!((status, code.as_str()), (403, "not_allowed"));
    let own = world
        .ok(&world.bob, "POST", SEND, r#"{"title":"mine"}"#)
        .await;
    assert!(own["id"].is_i64());
    let named = r#"{"user":"bob","title":"by name"}"#;
    world.ok(&world.bob, "POST", SEND, named).await;
    let path = "/api/rows/rowcast.notification?select=title,body,link,sender,read_at&order=id";
    let rows = world.ok(&world.bob, "GET", path, "").await;
    assert_eq!(
        rows["rows"][0]["cells"],
        json!([
            "The export is done",
            "1,200 rows",
            "/tables/item",
            "ann",
            null
        ])
    );
    assert_eq!(rows["rows"][1]["cells"][3], "bob");
    assert_eq!(rows["total"], 3);
    // A token that reads sends nothing, an administrator's that writes nothing to others.
    let ann = account(&world.server, "amy", &["administrator"]).await;
    for (scope, expected) in [("read", "insufficient_scope"), ("write", "not_allowed")] {
        let token = token(&world.server, ann, scope).await;
        let (status, code, _) = world.send(&token, "POST", SEND, &told).await.error();
        assert_eq!((status, code.as_str()), (403, expected));
    }
    world.stop().await;
}

#[tokio::test]
async fn what_is_sent_is_noted_without_what_it_says() {
    let world = World::new().await;
    world.execute("TRUNCATE rowcast.audit CASCADE").await;
    let sent = r#"{"user":"bob","title":"zanzibar","body":"zanzibar"}"#;
    let id = world.ok(&world.ann, "POST", SEND, sent).await["id"].clone();
    let entries = world
        .ok(
            &world.ann,
            "GET",
            "/api/rows/rowcast.audit.json?action=eq.notification_sent",
            "",
        )
        .await;
    let [entry] = &entries.as_array().unwrap()[..] else {
        panic!("{entries}");
    };
    assert_eq!(
        (&entry["name"], &entry["subject_name"], &entry["details"]),
        (&json!("ann"), &json!("bob"), &json!({"notification": id}))
    );
    assert!(!entries.to_string().contains("zanzibar"));
    world.stop().await;
}

#[tokio::test]
async fn what_cant_be_told_is_refused_in_words() {
    let world = World::new().await;
    for (body, status, code) in [
        (r#"{"user":"nobody","title":"x"}"#, 404, "unknown_account"),
        (r#"{"user":"bob","title":" "}"#, 400, "invalid_notification"),
        (
            r#"{"user":"bob","title":"x","link":"//x"}"#,
            400,
            "invalid_notification",
        ),
        (
            r#"{"user":"bob","title":"x","colour":"red"}"#,
            400,
            "invalid_json",
        ),
        (r#"{"user":"bob"}"#, 400, "invalid_json"),
        (r#"{"user":"bob","title":"\u0000"}"#, 400, "invalid_value"),
    ] {
        let answer = world.send(&world.ann, "POST", SEND, body).await.error();
        assert_eq!((answer.0, answer.1.as_str()), (status, code), "{body}");
    }
    let large = json!({"user": "bob", "title": "x", "body": "x".repeat(70_000)}).to_string();
    let (status, code, _) = world.send(&world.ann, "POST", SEND, &large).await.error();
    assert_eq!((status, code.as_str()), (413, "too_large"));
    assert_eq!(world.unread(&world.bob).await, 0);
    world.stop().await;
}

#[tokio::test]
async fn each_is_read_unread_and_removed_by_whose_it_is() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let body = json!({"title": format!("n{n}")}).to_string();
        let sent = world.ok(&world.bob, "POST", SEND, &body).await;
        ids.push(sent["id"].as_i64().unwrap());
    }
    let at = |id: i64| format!("/api/notifications/{id}");
    for (method, body) in [("PATCH", r#"{"read":true}"#), ("DELETE", "")] {
        for token in [&world.ann, &world.eve] {
            let answer = world.send(token, method, &at(ids[0]), body).await.error();
            assert_eq!((answer.0, answer.1.as_str()), (404, "unknown_notification"));
        }
    }
    let others = json!({"ids": ids}).to_string();
    let read = "/api/notifications/read";
    assert_eq!(world.ok(&world.eve, "POST", read, &others).await["read"], 0);
    assert_eq!(
        world.ok(&world.ann, "POST", read, r#"{"all":true}"#).await["read"],
        0
    );
    assert_eq!(world.unread(&world.bob).await, 4);

    world
        .ok(&world.bob, "PATCH", &at(ids[0]), r#"{"read":true}"#)
        .await;
    let two = json!({"ids": &ids[..2]}).to_string();
    assert_eq!(world.ok(&world.bob, "POST", read, &two).await["read"], 1);
    assert_eq!(world.unread(&world.bob).await, 2);
    world
        .ok(&world.bob, "PATCH", &at(ids[0]), r#"{"read":false}"#)
        .await;
    assert_eq!(world.unread(&world.bob).await, 3);
    world.ok(&world.bob, "DELETE", &at(ids[0]), "").await;
    assert_eq!(world.unread(&world.bob).await, 2);
    assert_eq!(
        world.ok(&world.bob, "POST", read, r#"{"all":true}"#).await["read"],
        2
    );
    assert_eq!(world.unread(&world.bob).await, 0);
    assert_eq!(world.titles(&world.bob).await, ["n1", "n2", "n3"]);

    let many = json!({"ids": (0..1001).collect::<Vec<_>>()}).to_string();
    for body in ["{}", r#"{"ids":[1],"all":true}"#, &many] {
        let answer = world.send(&world.bob, "POST", read, body).await.error();
        assert_eq!((answer.0, answer.1.as_str()), (400, "invalid_notification"));
    }
    for path in ["/api/notifications/x", "/api/notifications/-1"] {
        let answer = world.send(&world.bob, "DELETE", path, "").await.error();
        assert_eq!(answer.0, 404, "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn quiet_hours_are_kept_for_each_account() {
    let world = World::new().await;
    let set = "/api/notifications/settings";
    let night = r#"{"quiet":{"from":"22:00","to":"07:30"}}"#;
    world.ok(&world.bob, "PUT", set, night).await;
    let kept = world.ok(&world.bob, "GET", SEND, "").await;
    assert_eq!(kept["quiet"], json!({"from": "22:00", "to": "07:30"}));
    assert_eq!(
        world.ok(&world.eve, "GET", SEND, "").await["quiet"],
        json!(null)
    );
    for wrong in [
        r#"{"quiet":{"from":"22:00","to":"22:00"}}"#,
        r#"{"quiet":{"from":"25:00","to":"07:00"}}"#,
    ] {
        let answer = world.send(&world.bob, "PUT", set, wrong).await.error();
        assert_eq!((answer.0, answer.1.as_str()), (400, "invalid_quiet_hours"));
    }
    world.ok(&world.bob, "PUT", set, r#"{"quiet":null}"#).await;
    assert_eq!(
        world.ok(&world.bob, "GET", SEND, "").await["quiet"],
        json!(null)
    );
    world.stop().await;
}
