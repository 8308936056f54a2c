//! Turning it on, off, and giving roles.

use rowcast::{cli::Settings, config::Config};
use serde_json::json;

use crate::{
    follower::Follower,
    world::{NOTES, World},
};

#[tokio::test]
async fn without_the_setting_a_role_means_nothing() {
    let world = World::with(NOTES, |_, settings| settings.database_roles = None).await;
    for token in [&world.ann, &world.bob, &world.nil] {
        assert_eq!(world.keys(token, "/api/rows/note").await.1, 4);
        assert_eq!(world.get(token, "/api/history/note/1").await.status, 200);
    }
    let bob = Follower::new(&world.server, &world.bob, "/api/live/note?order=id");
    bob.until_keys(&[1, 2, 3, 4]).await;
    let written = world
        .send(
            &world.bob,
            "PATCH",
            "/api/rows/note/1",
            r#"{"set":{"size":9}}"#,
        )
        .await;
    assert_eq!(written.status, 200, "{}", written.text());
    let (_, taken): (String, String) = {
        let pool = world.server.database.pool(1).await;
        sqlx::query_as("SELECT current_user::text, current_setting('role')")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    assert_eq!(taken, "none");
}

#[tokio::test]
async fn a_role_is_given_by_administrators_and_tells_at_once() {
    let world = World::new(NOTES).await;
    let users = world.json(&world.ann, "/api/users").await;
    let of = |name: &str| {
        let users = users["users"].as_array().unwrap();
        let user = users.iter().find(|user| user["name"] == name).unwrap();
        (
            format!("/api/users/{}", user["id"]),
            user["database_role"].clone(),
        )
    };
    let (nil, none) = of("nil");
    assert_eq!((none, of("bob").1), (json!(null), json!(world.role("bob"))));
    let nils = Follower::new(&world.server, &world.nil, "/api/live/note?order=id");
    nils.until_end("unknown_table").await;
    let body = json!({"database_role": world.role("bob")}).to_string();
    assert_eq!(
        world.send(&world.bob, "PATCH", &nil, &body).await.status,
        403
    );
    let given = world.send(&world.ann, "PATCH", &nil, &body).await;
    assert_eq!(given.status, 200, "{}", given.text());
    nils.until_keys(&[2, 4]).await;
    for wrong in ["postgres", "nobody at all", "pg_read_all_data\"; --"] {
        let body = json!({"database_role": wrong}).to_string();
        let (status, code, _) = world.send(&world.ann, "PATCH", &nil, &body).await.error();
        assert_eq!((status, &*code), (400, "invalid_database_role"), "{wrong}");
    }
    let taken = world
        .send(&world.ann, "PATCH", &nil, r#"{"database_role":""}"#)
        .await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    assert_eq!(world.get(&world.nil, "/api/rows/note").await.status, 404);
    let pool = world.server.database.pool(1).await;
    let noted: Vec<String> = sqlx::query_scalar(
        "SELECT details #>> '{database_role,1}' FROM rowcast.audit \
          WHERE action = 'account_changed' AND subject_name = 'nil' \
            AND details #>> '{database_role,1}' IS NOT NULL",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(noted, [world.role("bob")]);
}

#[tokio::test]
async fn those_without_a_role_of_their_own_have_the_members() {
    let world = World::with(NOTES, |name, settings| {
        settings.member_database_role = Some(format!("{name}_bob"));
    })
    .await;
    let (keys, _) = world.keys(&world.nil, "/api/rows/note?order=id").await;
    assert_eq!(keys, [json!(2), json!(4)]);
    let (keys, _) = world.keys(&world.ann, "/api/rows/note?order=id").await;
    assert_eq!(keys, [json!(1), json!(3)]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let refusal = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings {
            database_url: Some("postgres://a@localhost/b".to_owned()),
            addr: "127.0.0.1:0".to_owned(),
            auth: "on".to_owned(),
            retention: "24h".to_owned(),
            connections: "8".to_owned(),
            max_clients: "1000".to_owned(),
            read_bytes: "33554432".to_owned(),
            list_bytes: "67108864".to_owned(),
            import_bytes: "1048576".to_owned(),
            ..Settings::default()
        };
        settings.database_roles = Some("on".to_owned());
        change(&mut settings);
        Config::new(&settings).err().map(|error| error.to_string())
    };
    assert_eq!(refusal(&|_| {}), None);
    let wrong: [&dyn Fn(&mut Settings); 4] = [
        &|settings| settings.auth = "off".to_owned(),
        &|settings| settings.database_roles = Some("yes".to_owned()),
        &|settings| settings.member_database_role = Some("x".repeat(64)),
        &|settings| {
            settings.database_roles = None;
            settings.public_database_role = Some("anon".to_owned());
        },
    ];
    for change in wrong {
        let said = refusal(change).expect("a refusal");
        assert!(
            said.contains("_DATABASE_ROLE") && said.contains("allowed is"),
            "{said}"
        );
    }
}
