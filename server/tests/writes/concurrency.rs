//! Writers at the same time.

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::{server::Server, text};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, x text);
    INSERT INTO t VALUES (1, 0, 'a');";

#[tokio::test]
async fn of_writers_who_saw_the_same_one_wins_and_the_others_are_told() {
    let server = Server::new(TABLE).await;
    for round in 0..5 {
        let writes = (0..8).map(|writer| {
            let body =
                json!({"set": {"n": round + 1, "x": format!("w{writer}")}, "expect": {"n": round}});
            let server = &server;
            async move {
                server
                    .write("PATCH", "/api/rows/t/1", &body.to_string())
                    .await
                    .json()
            }
        });
        let answers = join_all(writes).await;
        let won: Vec<_> = answers
            .iter()
            .filter(|(status, _)| *status == 200)
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        for (status, body) in &answers {
            if *status != 200 {
                assert_eq!((*status, &body["changed"]), (409, &json!(["n"])), "{body}");
                assert_eq!(body["row"], won[0].1);
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_writer_that_waits_for_another_compares_with_what_that_one_wrote() {
    let server = Server::new(TABLE).await;
    let mut other = holding(&server, "UPDATE t SET n = 5 WHERE id = 1").await;
    let body = r#"{"set":{"x":"mine"},"expect":{"n":0}}"#;
    let write = server.write("PATCH", "/api/rows/t/1", body);
    let commit = async {
        wait_for_a_waiter(&server).await;
        end(&mut other, "COMMIT").await;
    };
    let (answer, ()) = tokio::join!(write, commit);
    let (status, body) = answer.json();
    assert_eq!((status, &body["changed"]), (409, &json!(["n"])));
    assert_eq!(body["row"], json!({"id": 1, "n": 5, "x": "a"}));
    server.stop().await;
}

#[tokio::test]
async fn a_row_that_others_hold_is_locked_and_is_written_when_they_let_go() {
    let server = Server::new(TABLE).await;
    let mut other = holding(&server, "SELECT FROM t FOR UPDATE").await;
    let body = r#"{"set":{"x":"b"}}"#;
    let answer = server.write("PATCH", "/api/rows/t/1", body).await;
    assert_eq!((answer.status, &*answer.error().1), (503, "locked"));
    // Reading is not held up.
    assert_eq!(server.json("/api/rows/t").await["total"], 1);
    end(&mut other, "ROLLBACK").await;
    assert_eq!(
        server.write("PATCH", "/api/rows/t/1", body).await.status,
        200
    );
    server.stop().await;
}

#[tokio::test]
async fn a_row_that_moves_to_another_partition_meanwhile_is_found_there() {
    let server = Server::new(
        "CREATE TABLE p (id int, region text, x text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
         CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu');
         CREATE TABLE p_us PARTITION OF p FOR VALUES IN ('us');
         INSERT INTO p VALUES (1, 'eu', 'a');",
    )
    .await;
    let mut other = holding(&server, "UPDATE p SET region = 'us'").await;
    let write = server.write("PATCH", "/api/rows/p/1,eu", r#"{"set":{"x":"b"}}"#);
    let commit = async {
        wait_for_a_waiter(&server).await;
        end(&mut other, "COMMIT").await;
    };
    let (answer, ()) = tokio::join!(write, commit);
    assert_eq!((answer.status, &*answer.error().1), (404, "unknown_row"));
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_is_dropped_leaves_no_transaction_and_no_waiting_statement() {
    let server = Server::new(TABLE).await;
    let mut other = holding(&server, "SELECT FROM t FOR UPDATE").await;
    {
        let write = server.write("PATCH", "/api/rows/t/1", r#"{"set":{"x":"b"}}"#);
        // The client goes away while its statement waits.
        tokio::select! {
            _ = write => panic!("it waits for the lock"),
            () = wait_for_a_waiter(&server) => {}
        }
    }
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while text(&server, waiting).await.as_deref() != Some("0") {
        tokio::task::yield_now().await;
    }
    end(&mut other, "ROLLBACK").await;
    let x = text(&server, "SELECT x FROM t").await;
    assert_eq!(
        x.as_deref(),
        Some("a"),
        "what was dropped is not written later"
    );
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(text(&server, open).await.as_deref(), Some("0"));
    server.stop().await;
}

#[tokio::test]
async fn a_batch_that_is_dropped_is_undone() {
    let server = Server::new(&format!("{TABLE} INSERT INTO t VALUES (2, 0, 'a')")).await;
    let mut other = holding(&server, "SELECT FROM t WHERE id = 2 FOR UPDATE").await;
    {
        let body = r#"{"changes":[{"op":"update","key":[1],"set":{"x":"b"}},
                                  {"op":"update","key":[2],"set":{"x":"b"}}]}"#;
        let write = server.write("POST", "/api/batch/t", body);
        tokio::select! {
            _ = write => panic!("it waits for the lock"),
            () = wait_for_a_waiter(&server) => {}
        }
    }
    // The row that it had changed is free again, so its transaction has ended.
    end(
        &mut other,
        "UPDATE t SET x = 'theirs' WHERE id = 1 AND x = 'a'; COMMIT",
    )
    .await;
    let rows = text(&server, "SELECT string_agg(x, ',' ORDER BY id) FROM t").await;
    assert_eq!(rows.as_deref(), Some("theirs,a"));
    server.stop().await;
}

#[tokio::test]
async fn a_table_that_is_altered_meanwhile_is_written_as_it_is_then() {
    let server = Server::new(&format!(
        "{TABLE} CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY, m int)"
    ))
    .await;
    let alter = async {
        for n in 0..20 {
            let of_type = if n % 2 == 0 { "numeric(9,1)" } else { "int" };
            let sql = format!(
                "ALTER TABLE t ALTER n TYPE {of_type}, ADD IF NOT EXISTS c{n} int;
                 ALTER TABLE made ALTER m TYPE {of_type}, ADD IF NOT EXISTS c{n} int"
            );
            server.database.execute(&sql).await;
        }
    };
    let write = async {
        for n in 0..40 {
            let body = json!({"set": {"n": n}, "expect": {"x": "a"}}).to_string();
            let (status, body) = persist(&server, "PATCH", "/api/rows/t/1", &body).await;
            assert_eq!(status, 200, "{body}");
            assert_eq!(body["n"].as_f64(), Some(f64::from(n)), "{body}");
            let body = json!({"m": n}).to_string();
            let (status, body) = persist(&server, "POST", "/api/rows/made", &body).await;
            assert_eq!(status, 201, "{body}");
        }
    };
    tokio::join!(alter, write);
    // None was written twice.
    let made = text(&server, "SELECT count(*) FROM made").await;
    assert_eq!(made.as_deref(), Some("40"));
    server.stop().await;
}

/// Somebody who has begun a transaction with this statement and not ended it.
async fn holding(server: &Server, sql: &str) -> PgConnection {
    let mut other = server.database.connect().await;
    end(&mut other, &format!("BEGIN; {sql}")).await;
    other
}

/// Goes on with it, to its end.
async fn end(other: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(other)
        .await
        .unwrap();
}

/// Writes again what was not written because the table was altered again and again.
async fn persist(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    loop {
        let (status, answer) = server.write(method, path, body).await.json();
        if answer["error"]["code"] != "catalog_changed" {
            return (status, answer);
        }
        assert_eq!(status, 503);
    }
}

/// Until somebody waits for a lock.
pub async fn wait_for_a_waiter(server: &Server) {
    let mut connection = server.database.connect().await;
    loop {
        let waiting: i64 = sqlx::query(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE NOT l.granted AND a.datname = current_database()",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}
