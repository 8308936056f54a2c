//! What is read in any way is what the role gives.

use serde_json::json;

use crate::world::{NOTES, World};

#[tokio::test]
async fn rows_totals_aggregates_and_what_is_found_are_the_roles() {
    let world = World::new(NOTES).await;
    let path = "/api/rows/note?order=id&aggregate=sum(size),count_by(body)";
    let anns = world.json(&world.ann, path).await;
    assert_eq!(anns["total"], 2);
    assert_eq!(anns["aggregates"]["sum(size)"], json!(4), "{anns}");
    assert!(!anns.to_string().contains("bobsnote"), "{anns}");
    let (keys, total) = world.keys(&world.bob, "/api/rows/note?order=id").await;
    assert_eq!((keys, total), (vec![json!(2), json!(4)], 2));
    // What is filtered, searched and skipped is of one's own rows.
    for (query, total) in [
        ("q=bobsnote", 0),
        ("q=annsnote", 2),
        ("id=eq.2", 0),
        ("id=in.(1,2,3,4)", 2),
        ("limit=1&offset=1&order=id", 2),
        ("or=(size.gt.1,body.like.*three*)", 1),
    ] {
        let (_, found) = world
            .keys(&world.ann, &format!("/api/rows/note?{query}"))
            .await;
        assert_eq!(found, total, "{query}");
    }
    let tables = world.json(&world.ann, "/api/tables").await;
    let note = &tables["tables"][0];
    assert_eq!(
        (&note["name"], &note["estimated_rows"]),
        (&json!("note"), &json!(null))
    );
}

#[tokio::test]
async fn charts_files_and_counts_are_the_roles_and_a_past_is_nobodys() {
    let world = World::new(NOTES).await;
    for path in [
        "/api/rows/note.csv",
        "/api/rows/note.json",
        "/api/chart/note?chart=body",
        "/api/chart/note?chart=size",
        "/api/chart/note?chart=owner",
        "/api/history/note/2",
        "/api/history/note/1",
        "/api/views/note",
        "/api/rows/rowcast.presence?table_path=eq.note",
        "/api/rows/rowcast.saved_view?table_path=eq.note",
    ] {
        let answer = world.get(&world.ann, path).await;
        let text = answer.text();
        let bob = world.role("bob");
        assert!(
            !text.contains("bobsnote") && !text.contains(&bob),
            "{path}: {text}"
        );
        let expected = match path {
            _ if path.contains("history") => 403,
            _ if path.contains("rowcast.") => 404,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{path}: {text}");
        if path.ends_with(".csv") || path.ends_with(".json") || path.ends_with("chart=body") {
            assert!(
                text.contains("annsnote one") && text.contains("annsnote three"),
                "{text}"
            );
        }
    }
    let dry = world
        .send(&world.ann, "POST", "/api/bulk/note", r#"{"dry_run":true}"#)
        .await;
    assert_eq!(dry.text(), r#"{"count":2}"#);
    // What a rule would show is tried as somebody, too.
    let tried = world
        .send(
            &world.ann,
            "POST",
            "/api/permissions/member/note",
            r#"{"grant":{"read":true,"rows":"size=gt.1"}}"#,
        )
        .await;
    let tried: serde_json::Value = serde_json::from_slice(&tried.body).unwrap();
    assert_eq!(
        (&tried["rows"], &tried["of"]),
        (&json!(1), &json!(2)),
        "{tried}"
    );
}

#[tokio::test]
async fn who_has_no_role_reads_nothing_also_behind_somebody_who_does() {
    let world = World::with(NOTES, |_, settings| settings.connections = "1".to_owned()).await;
    for _ in 0..3 {
        let (keys, _) = world.keys(&world.ann, "/api/rows/note?order=id").await;
        assert_eq!(keys, [json!(1), json!(3)]);
        for path in [
            "/api/rows/note",
            "/api/live/note",
            "/api/tables/note",
            "/api/chart/note?chart=body",
        ] {
            let answer = world.get(&world.nil, path).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        }
        assert_eq!(
            world.json(&world.nil, "/api/tables").await,
            json!({"tables": []})
        );
        let (keys, _) = world.keys(&world.bob, "/api/rows/note?order=id").await;
        assert_eq!(keys, [json!(2), json!(4)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_get_their_own() {
    let world = World::with(NOTES, |_, settings| settings.connections = "2".to_owned()).await;
    let asked = (0..60).map(|nth| {
        let world = &world;
        async move {
            let (token, expected) = match nth % 3 {
                0 => (&world.ann, Some([json!(1), json!(3)])),
                1 => (&world.bob, Some([json!(2), json!(4)])),
                _ => (&world.nil, None),
            };
            match expected {
                Some(expected) => {
                    let (keys, _) = world.keys(token, "/api/rows/note?order=id").await;
                    assert_eq!(keys, expected);
                }
                None => assert_eq!(world.get(token, "/api/rows/note").await.status, 404),
            }
        }
    });
    futures::future::join_all(asked).await;
}

#[tokio::test]
async fn those_who_have_not_signed_in_have_the_role_that_is_set_for_them() {
    let sql = format!(
        "{NOTES} CREATE ROLE {{db}}_anon; GRANT SELECT ON note TO {{db}}_anon;
         CREATE POLICY open ON note FOR SELECT TO {{db}}_anon USING (id = 4);"
    );
    let world = World::with(&sql, |name, settings| {
        settings.public_database_role = Some(format!("{name}_anon"));
    })
    .await;
    let grant = r#"{"read":true}"#;
    let given = world
        .send(&world.ann, "PUT", "/api/permissions/public/note", grant)
        .await;
    assert_eq!(given.status, 200, "{}", given.text());
    let list = world.server.json("/api/rows/note").await;
    assert_eq!(
        (&list["total"], &list["rows"][0]["key"][0]),
        (&json!(1), &json!(4))
    );
}

#[tokio::test]
async fn claims_are_told_whatever_is_in_them() {
    let sql = "CREATE ROLE {db}_ann; CREATE ROLE {db}_bob;
        CREATE TABLE claim (id int PRIMARY KEY, team text);
        INSERT INTO claim VALUES (1, 'o''neil \"north\"; RESET ROLE; --'), (2, 'süd 🚀 \\'), (3, '');
        ALTER TABLE claim ENABLE ROW LEVEL SECURITY;
        CREATE POLICY team ON claim USING (team =
            current_setting('request.jwt.claims')::jsonb #>> '{attributes,team}');
        GRANT SELECT ON claim TO {db}_ann, {db}_bob;
        CREATE VIEW me AS SELECT 1 AS id, current_user::text AS role, session_user <> current_user AS taken,
            current_setting('request.jwt.claims')::jsonb AS claims;
        GRANT SELECT ON me TO {db}_ann;
        SELECT rowcast.watch('claim');";
    let world = World::new(sql).await;
    for (team, id) in [
        ("o'neil \"north\"; RESET ROLE; --", 1),
        ("süd 🚀 \\", 2),
        ("", 3),
    ] {
        let body = json!({"attributes": {"team": team}}).to_string();
        let users = world.json(&world.ann, "/api/users").await;
        let ann = users["users"]
            .as_array()
            .unwrap()
            .iter()
            .find(|of| of["name"] == "ann");
        let path = format!("/api/users/{}", ann.unwrap()["id"]);
        let changed = world.send(&world.ann, "PATCH", &path, &body).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!(
            world.keys(&world.ann, "/api/rows/claim").await.0,
            [json!(id)],
            "{team}"
        );
        assert_eq!(world.keys(&world.bob, "/api/rows/claim").await.1, 0);
    }
    let me = world.json(&world.ann, "/api/rows/me").await;
    let cells = &me["rows"][0]["cells"];
    assert_eq!(
        (&cells[1], &cells[2]),
        (&json!(world.role("ann")), &json!(true)),
        "{me}"
    );
    assert_eq!(cells[3]["name"], "ann");
    assert_eq!(cells[3]["roles"], json!(["administrator", "member"]));
}

#[tokio::test]
async fn a_membership_counts_from_its_commit_on_in_sessions_that_knew_another() {
    let sql = format!("{NOTES} CREATE POLICY all_of_it ON note TO {{db}}_eve USING (TRUE);");
    let world = World::with(&sql, |_, settings| settings.connections = "1".to_owned()).await;
    let change = r#"{"set":{"size":0}}"#;
    for _ in 0..3 {
        assert_eq!(world.keys(&world.ann, "/api/rows/note").await.1, 2);
        let other = world.send(&world.ann, "PATCH", "/api/rows/note/2", change);
        assert_eq!(other.await.status, 404);
        world.execute("GRANT {db}_eve TO {db}_ann").await;
        assert_eq!(world.keys(&world.ann, "/api/rows/note").await.1, 4);
        let other = world.send(&world.ann, "PATCH", "/api/rows/note/2", change);
        assert_eq!(other.await.status, 200);
        world.execute("REVOKE {db}_eve FROM {db}_ann").await;
    }
}

#[tokio::test]
async fn a_chart_that_waited_for_a_change_of_the_rules_is_by_those_that_are_now() {
    let world = World::new(NOTES).await;
    let database = &world.server.database;
    let mut migration = database.connect().await;
    sqlx::raw_sql(
        "BEGIN; ALTER TABLE note DISABLE ROW LEVEL SECURITY; DELETE FROM note WHERE size % 2 = 0",
    )
    .execute(&mut migration)
    .await
    .unwrap();
    let chart = world.get(&world.ann, "/api/chart/note?chart=body");
    let commit = async {
        // Behind its snapshot, which shows bob's notes still.
        let mut connection = database.connect().await;
        loop {
            let is_waiting: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'note'::regclass AND NOT granted)",
            )
            .fetch_one(&mut connection)
            .await
            .unwrap();
            if is_waiting {
                break;
            }
        }
        sqlx::raw_sql("COMMIT")
            .execute(&mut migration)
            .await
            .unwrap();
    };
    let (chart, ()) = tokio::join!(chart, commit);
    assert!(!chart.text().contains("bobsnote"), "{}", chart.text());
    let now = world.json(&world.ann, "/api/chart/note?chart=body").await;
    assert!(now.to_string().contains("annsnote"), "{now}");
}
