//! Signing in, accounts and permissions.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, secret},
    world::{World, actions},
};

/// What was noted of one word.
fn of<'a>(noted: &'a [Value], action: &str) -> Vec<&'a Value> {
    noted
        .iter()
        .filter(|entry| entry["action"] == action)
        .collect()
}

#[tokio::test]
async fn sign_ins_and_refusals_are_noted_with_how_often() {
    let world = World::new().await;
    let mut browser = Browser::new(&world.server);
    for _ in 0..4 {
        assert_eq!(browser.sign_in("Bob", "the wrong one").await.status, 403);
        let nobody = "what may have been a password";
        assert_eq!(browser.sign_in(nobody, "x").await.status, 403);
    }
    browser.sign_in("bob", PASSWORD).await;
    assert_eq!(browser.cookies.len(), 2);
    browser.post("/logout", &[]).await;
    let noted = world.noted().await;
    assert_eq!(
        actions(&noted),
        ["sign_in_refused", "sign_in_refused", "sign_in", "sign_out"]
    );
    let parts = |entry: &Value| {
        json!([
            entry["name"],
            entry["subject_name"],
            entry["rows"],
            entry["address"]
        ])
    };
    assert_eq!(parts(&noted[0]), json!([null, "bob", 4, "127.0.0.1"]));
    assert_eq!(parts(&noted[1]), json!([null, null, 4, "127.0.0.1"]));
    assert_eq!(parts(&noted[2]), json!(["bob", "bob", null, "127.0.0.1"]));
    assert_eq!(noted[2]["means"], "session");
    assert_eq!(noted[3]["means_id"], noted[2]["means_id"]);

    let mut stranger = Browser::new(&world.server);
    let mut answer = stranger.sign_in("ann", "wrong").await;
    while answer.status == 403 {
        answer = stranger.sign_in("ann", "wrong").await;
    }
    assert_eq!(answer.status, 429);
    let noted = world.noted().await;
    let slowed = of(&noted, "sign_in_slowed");
    assert_eq!(slowed.len(), 1);
    assert_eq!(slowed[0]["subject_name"], "ann");
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_done_to_accounts_and_permissions_is_noted_with_who_did_it() {
    let world = World::new().await;
    let bob = world
        .count("SELECT id FROM rowcast.account WHERE name = 'bob'")
        .await;
    let user = format!("/api/users/{bob}");
    let new = r#"{"name":"eve","password":"quite a long one","roles":["administrator"]}"#;
    world.ann("POST", "/api/users", new).await;
    world
        .ann(
            "PATCH",
            &user,
            r#"{"attributes":{"team":"x"},"email":"b@x.yz"}"#,
        )
        .await;
    world
        .ann("PATCH", &user, r#"{"roles":["administrator"]}"#)
        .await;
    world.ann("PATCH", &user, r#"{"roles":[]}"#).await;
    world.ann("PATCH", &user, r#"{"disabled":true}"#).await;
    world.ann("PATCH", &user, r#"{"disabled":false}"#).await;
    world.ann("POST", "/api/invitations", "{}").await;
    let link = json!({ "user": bob }).to_string();
    world.ann("POST", "/api/invitations", &link).await;
    let token = r#"{"name":"ci","scopes":["read"],"expires":"1d"}"#;
    let token = world.ann("POST", "/api/tokens", token).await;
    let path = format!("/api/tokens/{}", token["id"]);
    world.ann("DELETE", &path, "").await;
    world.ann("POST", "/api/roles", r#"{"name":"desk"}"#).await;
    let grant = r#"{"read":true,"rows":"id=eq.1"}"#;
    world.ann("PUT", "/api/permissions/desk/item", grant).await;
    // To say what is said already changes nothing.
    world.ann("PUT", "/api/permissions/desk/item", grant).await;
    world
        .ann("PUT", "/api/permissions/desk/item", r#"{"read":true}"#)
        .await;
    world.ann("DELETE", "/api/permissions/desk/item", "").await;
    world.ann("DELETE", "/api/roles/desk", "").await;
    let noted = world.noted().await;
    assert_eq!(
        actions(&noted),
        [
            "account_made",
            "role_given",
            "password_set",
            "account_changed",
            "role_given",
            "role_taken",
            "account_disabled",
            "account_enabled",
            "invitation_made",
            "password_link_made",
            "token_made",
            "token_revoked",
            "role_made",
            "permission_set",
            "permission_set",
            "permission_removed",
            "role_removed"
        ]
    );
    for entry in &noted {
        assert_eq!(
            (&entry["name"], &entry["means"]),
            (&json!("ann"), &json!("token")),
            "{entry}"
        );
    }
    assert_eq!(noted[0]["subject_name"], "eve");
    assert_eq!(noted[3]["subject_name"], "bob");
    assert_eq!(
        noted[3]["details"],
        json!({"attributes": [{}, {"team": "x"}], "email": [null, "b@x.yz"]})
    );
    assert_eq!(noted[4]["details"], json!({"role": "administrator"}));
    assert_eq!(noted[10]["details"]["name"], "ci");
    assert_eq!(noted[14]["table_path"], "public.item");
    assert_eq!(noted[14]["details"]["before"]["row_filter"], "id=eq.1");
    assert_eq!(noted[14]["details"]["after"]["row_filter"], Value::Null);
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_changed_in_sql_is_noted_as_that() {
    let world = World::new().await;
    world
        .execute(
            "SET application_name = 'the night shift'; SET rowcast.actor = 'no JSON {';
             UPDATE rowcast.account SET disabled_at = now() WHERE name = 'bob'",
        )
        .await;
    let entry = world.last().await;
    assert_eq!(entry["action"], "account_disabled");
    assert_eq!(
        (&entry["name"], &entry["means"]),
        (&Value::Null, &json!("sql"))
    );
    assert_eq!(entry["details"]["program"], "the night shift");
    assert!(entry["details"]["role"].is_string());
    world.server.stop().await;
}

#[tokio::test]
async fn no_secret_is_ever_in_the_log() {
    let world = World::new().await;
    let mut secrets = vec![world.ann.clone(), world.bob.clone(), PASSWORD.to_owned()];
    let invited = world.ann("POST", "/api/invitations", "{}").await;
    let path = invited["path"].as_str().unwrap();
    let link = path.split('=').nth(1).unwrap().to_owned();
    let mut eve = Browser::new(&world.server);
    let chosen = "eve's very own words";
    let form = [
        ("token", &*link),
        ("name", "eve"),
        ("password", chosen),
        ("again", chosen),
    ];
    assert_eq!(eve.post("/join", &form).await.status, 303);
    secrets.extend([link, chosen.to_owned()]);
    secrets.extend(eve.cookies.values().cloned());
    let next = "other words of eve's";
    let wrong = "not what it is now";
    for (now, status) in [(wrong, 403), (chosen, 303)] {
        let form = [("now", now), ("password", next), ("again", next)];
        assert_eq!(eve.post("/account/password", &form).await.status, status);
    }
    secrets.extend([next.to_owned(), wrong.to_owned()]);
    let form = [("name", "t"), ("scope", "write"), ("expires", "1d")];
    let page = eve.post("/account/tokens", &form).await;
    secrets.push(secret(&page.text()));
    let mut typo = Browser::new(&world.server);
    typo.sign_in("pa55word put in the wrong field", "guess of eve's")
        .await;
    typo.sign_in("eve", "guess of eve's").await;
    typo.get("/join?token=0000").await;
    secrets.extend(["pa55word put", "guess of eve's"].map(str::to_owned));
    eve.post("/logout", &[]).await;
    let noted = world.noted().await;
    for needed in [
        "account_made",
        "password_set",
        "sign_in",
        "password_refused",
        "token_made",
        "link_used",
        "sign_in_refused",
        "sign_out",
    ] {
        assert!(
            !of(&noted, needed).is_empty(),
            "{needed}: {:?}",
            actions(&noted)
        );
    }
    assert_eq!(of(&noted, "account_made")[0]["means"], "link");
    let mut connection = world.server.database.connect().await;
    let kept: String = sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(a::text, '') FROM rowcast.audit a), \
                (SELECT string_agg(r::text, '') FROM rowcast.refusal r), \
                (SELECT string_agg(encode(coalesce(old, ''), 'escape') || encode(coalesce(new, ''), 'escape'), '') \
                   FROM rowcast.change_log WHERE relation = 'rowcast.audit'::regclass))",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(kept.contains("eve"));
    let hashes: Vec<String> = sqlx::query_scalar(
        "SELECT hash FROM rowcast.password UNION ALL SELECT encode(token_hash, 'hex') FROM rowcast.token \
         UNION ALL SELECT encode(token_hash, 'hex') FROM rowcast.link \
         UNION ALL SELECT encode(token_hash, 'hex') FROM rowcast.device",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(hashes.len() >= 5);
    for secret in secrets.iter().chain(&hashes) {
        assert!(!kept.contains(secret.as_str()), "{secret}");
    }
    assert!(!kept.contains("argon2"));
    world.server.stop().await;
}
