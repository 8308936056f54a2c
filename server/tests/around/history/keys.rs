//! Whose past it is: keys of any type, and keys that change.

use super::*;

#[tokio::test]
async fn a_key_that_changes_is_followed_where_it_is_certain() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database
        .execute("INSERT INTO task SELECT g, 't' FROM generate_series(1, 3) g")
        .await;
    database
        .execute("UPDATE task SET id = 70 WHERE id = 1")
        .await;
    database
        .execute("UPDATE task SET id = id + 100, title = 'x' WHERE id < 10")
        .await;
    let row = |id: i32, title: &str| json!({"id": id, "title": title, "done": null, "n": null});
    for key in ["1", "70"] {
        let moved = step("update", json!({"id": 1}), json!({"id": 70}));
        assert!(
            past(&server, &format!("task/{key}")).await.contains(&moved),
            "{key}"
        );
    }
    assert_eq!(
        past(&server, "task/2").await,
        [
            step("insert", Value::Null, row(2, "t")),
            step("delete", row(2, "t"), Value::Null)
        ]
    );
    assert_eq!(
        past(&server, "task/102").await,
        [step("insert", Value::Null, row(102, "x"))]
    );
    server.stop().await;
}

#[tokio::test]
async fn keys_of_any_type_and_text_name_their_row() {
    let server = Server::new(
        "CREATE DOMAIN code AS text; CREATE TABLE t (note text, k text PRIMARY KEY); \
         CREATE TABLE d (k code PRIMARY KEY, n int); CREATE TABLE c (k char(4) PRIMARY KEY, n int); \
         CREATE TABLE p (k numeric(9,2) PRIMARY KEY, n int); \
         CREATE TABLE a (k int[] PRIMARY KEY, n int); \
         CREATE TABLE two (n int, b text, a int, PRIMARY KEY (a, b)); \
         CREATE TABLE s (k timestamptz PRIMARY KEY, n int); \
         CREATE TABLE part (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); \
         CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10); \
         SELECT rowcast.watch(x::regclass) \
           FROM unnest(ARRAY['t', 'd', 'c', 'p', 'a', 'two', 's', 'part']) x",
    )
    .await;
    let database = &server.database;
    let odd = [
        "",
        "a,b",
        "a/b",
        "50%",
        "'; DROP TABLE t; --",
        "ä😀",
        "\\",
        "\u{1}",
    ];
    let mut connection = database.connect().await;
    for key in odd {
        sqlx::query("INSERT INTO t VALUES ('x', $1)")
            .bind(key)
            .execute(&mut connection)
            .await
            .unwrap();
        // A value like the key in another column is not the key.
        sqlx::query("INSERT INTO t VALUES ($1, $1 || 'y')")
            .bind(key)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    for key in odd.into_iter().filter(|key| !key.is_empty()) {
        let found = past(&server, &format!("t/{}", encoded(key))).await;
        assert_eq!(
            found,
            [step("insert", Value::Null, json!({"note": "x", "k": key}))],
            "{key:?}"
        );
    }
    database
        .execute(
            "INSERT INTO d VALUES ('x', 1); INSERT INTO c VALUES ('ab', 1); \
             INSERT INTO p VALUES (1, 1), (10, 2); INSERT INTO a VALUES ('{1,2}', 1); \
             INSERT INTO two VALUES (1, 'x,y', 2), (2, 'x', 2), (2, 'x', 1); \
             INSERT INTO s VALUES ('2026-01-02 03:04:05.6+09', 1); \
             INSERT INTO part_1 VALUES (3, 1); UPDATE part SET n = 2; \
             DELETE FROM p WHERE k = 10",
        )
        .await;
    for (path, count) in [
        ("d/x", 1),
        ("c/ab", 1),
        ("c/ab%20%20", 1),
        ("p/1", 1),
        ("p/1.00", 1),
        // It is gone, so only the key as it was stored names it.
        ("p/10.00", 2),
        ("a/%5B1,2%5D", 1),
        ("a/%5B1%5D", 0),
        ("two/2,x%2Cy", 1),
        ("two/2,x", 1),
        ("two/1,x", 1),
        ("two/3,x", 0),
        ("s/2026-01-01T18:04:05.6+00:00", 1),
        ("part/3", 2),
    ] {
        assert_eq!(past(&server, path).await.len(), count, "{path}");
    }
    server.stop().await;
}

/// Percent-encoded, every byte that is no letter or digit.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
