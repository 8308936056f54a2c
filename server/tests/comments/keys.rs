//! Which row a comment is about, whatever becomes of its table.

use crate::threads::{bodies, comment, refused, world};

#[tokio::test]
async fn a_key_is_the_row_s_however_it_is_written() {
    let world = world().await;
    let odd = "x%2Cy%2Fz%20%252C%20%22q%22,1.5";
    comment(&world, &world.ann, &format!("pair/{odd}"), "odd").await;
    comment(&world, &world.ann, "pair/%C3%A4,2.000", "plain").await;
    // In a query the address is a value, encoded once more.
    let in_query = "x%252Cy%252Fz%2520%25252C%2520%2522q%2522,1.50";
    assert_eq!(bodies(&world, &world.bob, "pair", in_query).await, ["odd"]);
    assert_eq!(
        bodies(&world, &world.bob, "pair", "%25C3%25A4,2").await,
        ["plain"]
    );
    comment(&world, &world.ann, "ticket/0003", "three").await;
    assert_eq!(bodies(&world, &world.bob, "ticket", "3").await, ["three"]);
    world.stop().await;
}

#[tokio::test]
async fn who_manages_a_table_clears_what_was_written_about_a_row_that_is_gone() {
    let world = world().await;
    comment(&world, &world.eve, "ticket/2", "@ann zanzibar").await;
    comment(&world, &world.ann, "ticket/3", "kept").await;
    world.execute("DELETE FROM ticket WHERE id = 2").await;
    let path = "/api/comments/ticket/2";
    for token in [&world.bob, &world.eve] {
        let answer = refused(&world, token, "DELETE", path, "").await;
        assert_eq!(answer, (404, "unknown_comment".to_owned()));
    }
    world.ok(&world.ann, "DELETE", path, "").await;
    let answer = refused(&world, &world.ann, "DELETE", path, "").await;
    assert_eq!(answer.0, 404, "there is none any more");
    world
        .execute("INSERT INTO ticket VALUES (2, 'bob', 'another')")
        .await;
    assert!(bodies(&world, &world.bob, "ticket", "2").await.is_empty());
    assert_eq!(bodies(&world, &world.bob, "ticket", "3").await, ["kept"]);
    let path = "/api/rows/rowcast.comment_count?table=eq.ticket&key=in.(2,3)";
    assert_eq!(world.ok(&world.bob, "GET", path, "").await["total"], 1);
    let path = "/api/rows/rowcast.notification?select=body";
    let told = world.ok(&world.ann, "GET", path, "").await;
    assert_eq!(told["rows"][0]["cells"], serde_json::json!([""]));
    world.stop().await;
}

#[tokio::test]
async fn a_table_that_is_renamed_keeps_what_was_written_and_another_of_its_name_has_none() {
    let world = world().await;
    let id = comment(&world, &world.ann, "pair/%C3%A4,2", "kept").await;
    world.execute("ALTER TABLE pair RENAME TO couple").await;
    let key = "%25C3%25A4,2";
    assert_eq!(bodies(&world, &world.bob, "couple", key).await, ["kept"]);
    let path = format!("/api/comments/{id}");
    world
        .ok(&world.ann, "PATCH", &path, r#"{"body":"changed"}"#)
        .await;
    world
        .execute(
            "CREATE TABLE pair (a text, b numeric, PRIMARY KEY (a, b)); \
             INSERT INTO pair VALUES ('ä', 2); SELECT rowcast.watch('pair')",
        )
        .await;
    assert!(bodies(&world, &world.bob, "pair", key).await.is_empty());
    world
        .execute("DROP TABLE couple; ALTER TABLE pair RENAME TO couple")
        .await;
    assert!(bodies(&world, &world.bob, "couple", key).await.is_empty());
    let answer = refused(&world, &world.ann, "PATCH", &path, r#"{"body":"x"}"#).await;
    assert_eq!(answer.0, 404);
    // What is about a table that is gone goes.
    let pool = world.server.database.pool(1).await;
    rowcast::comment::tidy::tidy(&pool).await.unwrap();
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM rowcast.comment) + (SELECT count(*) FROM rowcast.comment_count) \
              + (SELECT count(*) FROM rowcast.comment_told)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
    world.stop().await;
}
