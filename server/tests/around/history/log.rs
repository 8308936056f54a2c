//! What the log holds of a row: much of it, in an order of its own, or no more.

use super::*;

#[tokio::test]
async fn many_changes_come_in_pages_without_gap_or_double() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database
        .execute(
            "INSERT INTO task VALUES (1, 't', false, 0), (2, 't', false, 0); \
             DO $$ BEGIN FOR i IN 1..100 LOOP \
                 UPDATE task SET n = i WHERE id = 1; UPDATE task SET n = i WHERE id = 2; \
             END LOOP; END $$; UPDATE task SET n = 101",
        )
        .await;
    for n in 102..=110 {
        database
            .execute(&format!("UPDATE task SET n = {n} WHERE id = 1"))
            .await;
    }
    let expected: Vec<f64> = (0..=110).rev().map(f64::from).collect();
    for limit in [1, 7, 50, 200] {
        assert_eq!(numbers(&server, limit).await, expected, "{limit}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_transaction_larger_than_a_part_is_told_up_to_a_bound() {
    let server = Server::new(TASKS).await;
    for sql in [
        "INSERT INTO task VALUES (1, 't', false, 0)",
        "DO $$ BEGIN FOR i IN 1..2100 LOOP UPDATE task SET n = i WHERE id = 1; END LOOP; END $$",
    ] {
        server.database.execute(sql).await;
    }
    let mut expected: Vec<f64> = (101..=2100).rev().map(f64::from).collect();
    expected.push(0.0);
    assert!(numbers(&server, 200).await == expected);
    server.stop().await;
}

/// What the row's number became, the newest first, read in pages of so many changes.
async fn numbers(server: &Server, limit: usize) -> Vec<f64> {
    let mut found = Vec::new();
    let mut before = String::new();
    loop {
        let path = format!("/api/history/task/1?limit={limit}{before}");
        let answer = server.json(&path).await;
        let changes = answer["changes"].as_array().unwrap();
        assert!(changes.len() <= limit, "{limit}");
        found.extend(
            changes
                .iter()
                .filter_map(|change| change["after"]["n"].as_f64()),
        );
        assert_eq!(answer["more"], answer["next"].is_string());
        match answer["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn what_a_trigger_did_to_its_own_row_follows_what_it_was_called_for() {
    let server = Server::new(&format!(
        "{TASKS} CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.n IS NULL THEN UPDATE task SET n = 5 WHERE id = NEW.id; END IF; \
             RETURN NULL; END $$; \
         CREATE TRIGGER a_touch AFTER INSERT ON task FOR EACH ROW EXECUTE FUNCTION touch()"
    ))
    .await;
    server
        .database
        .execute("INSERT INTO task VALUES (1, 't', false)")
        .await;
    let kinds: Vec<String> = past(&server, "task/1")
        .await
        .into_iter()
        .map(|(kind, ..)| kind)
        .collect();
    assert_eq!(kinds, ["insert", "update"]);
    server.stop().await;
}

#[tokio::test]
async fn a_log_of_many_bytes_is_read_in_parts() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database
        .execute("INSERT INTO task VALUES (1, 'first')")
        .await;
    // More than one part reads; none of it compresses.
    database
        .execute(
            "CREATE TABLE large (id int PRIMARY KEY, data bytea); SELECT rowcast.watch('large'); \
             ALTER TABLE large ALTER data SET STORAGE EXTERNAL",
        )
        .await;
    let insert = "INSERT INTO large SELECT g, decode(repeat(md5(g::text), 12000), 'hex') \
        FROM generate_series($1, $1 + 39) g";
    let mut connection = database.connect().await;
    for from in (0..400).step_by(40) {
        sqlx::query(insert)
            .bind(from)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    database.execute("UPDATE task SET title = 'last'").await;
    let kinds = past(&server, "task/1").await;
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    // A page each, across the parts.
    let answer = server.json("/api/history/task/1?limit=1").await;
    assert_eq!(answer["changes"][0]["after"], json!({"title": "last"}));
    let next = answer["next"].as_str().unwrap();
    let answer = server
        .json(&format!("/api/history/task/1?limit=1&before={next}"))
        .await;
    assert_eq!(answer["changes"][0]["kind"], "insert");
    // Of rows that large a part brings few.
    let large = past(&server, "large/399").await;
    assert_eq!(large.len(), 1);
    assert_eq!(large[0].2["data"].as_str().unwrap().len(), 2 + 12_000 * 32);
    server.stop().await;
}

#[tokio::test]
async fn the_log_says_from_when_on_it_is_whole() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    database.execute("INSERT INTO task VALUES (1)").await;
    let watched = since(&server).await;
    assert_eq!(Some(watched), {
        let mut connection = database.connect().await;
        let sql = "SELECT (extract(epoch FROM since) * 1000000)::int8 FROM rowcast.watched \
            WHERE relation = 'task'::regclass";
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .ok()
    });
    let newest: i64 = purge_all(database).await;
    assert_eq!(since(&server).await, newest);
    assert!(newest > watched);
    assert_eq!(past(&server, "task/1").await, []);
    // A table that was not watched for a while has no past from before.
    database.execute("SELECT rowcast.unwatch('task')").await;
    let (status, code, _) = server.error("/api/history/task/1").await;
    assert_eq!((status, &*code), (409, "not_live"));
    database
        .execute("UPDATE task SET n = 1; SELECT rowcast.watch('task')")
        .await;
    assert!(since(&server).await > newest);
    server.stop().await;
}

async fn since(server: &Server) -> i64 {
    let answer = server.json("/api/history/task/1").await;
    let text = answer["since"].as_str().unwrap();
    rowcast_protocol::calendar::parse_unix_text(text).unwrap()
}

/// Empties the log as retention does, and says when the newest change in it was logged.
async fn purge_all(database: &Database) -> i64 {
    let mut connection = database.connect().await;
    let newest: i64 = sqlx::query_scalar(
        "SELECT (extract(epoch FROM max(at)) * 1000000)::int8 FROM rowcast.change_log",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    let emptied = async {
        loop {
            // What runs elsewhere in the cluster keeps what it may not have seen.
            execute(
                &mut connection,
                "UPDATE rowcast.state SET settled_at = now() - interval '1 minute'",
            )
            .await;
            execute(&mut connection, "SELECT rowcast.purge('0 s', 5000)").await;
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.change_log")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if left == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), emptied)
        .await
        .expect("the log is emptied");
    newest
}

#[tokio::test]
async fn an_altered_table_tells_what_came_since_and_that_it_was_altered() {
    let server = Server::new(TASKS).await;
    let database = &server.database;
    for sql in [
        "INSERT INTO task VALUES (1, 'before')",
        "ALTER TABLE task RENAME title TO name; ALTER TABLE task DROP n, ADD extra int DEFAULT 5",
        "UPDATE task SET name = 'after' WHERE id = 1",
    ] {
        database.execute(sql).await;
    }
    let answer = server.json("/api/history/task/1").await;
    let changes = answer["changes"].as_array().unwrap();
    assert_eq!(changes[0]["before"], json!({"name": "before"}));
    assert_eq!(changes[0]["after"], json!({"name": "after"}));
    assert_eq!(changes[1]["kind"], "definition");
    assert!(
        changes.iter().all(|change| change["kind"] != "insert"),
        "columns of then are not taken for those of now: {changes:?}"
    );
    // A label that is gone: the value can't be told, that something happened can.
    database
        .execute(
            "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE m (id int PRIMARY KEY, mood mood); \
             SELECT rowcast.watch('m'); INSERT INTO m VALUES (1, 'a'); \
             ALTER TYPE mood RENAME VALUE 'a' TO 'z'; UPDATE m SET mood = 'b'",
        )
        .await;
    let kinds = past(&server, "m/1").await;
    assert_eq!(
        kinds,
        [
            step("unknown", Value::Null, Value::Null),
            step("update", json!({"mood": "z"}), json!({"mood": "b"}))
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn what_no_image_tells_is_told_as_such() {
    let server = Server::new(&format!(
        "UPDATE rowcast.setting SET value = 100 WHERE name = 'value_bytes'; \
         UPDATE rowcast.setting SET value = 5 WHERE name = 'statement_rows'; {TASKS}"
    ))
    .await;
    let database = &server.database;
    for sql in [
        "INSERT INTO task VALUES (1, 'a'), (2, 'b')",
        // By its key alone: a value is too large.
        "UPDATE task SET title = repeat(md5('1'), 9) WHERE id = 1",
        "DELETE FROM task WHERE id = 1",
        "INSERT INTO task VALUES (1, repeat(md5('1'), 9))",
        // Too many rows.
        "INSERT INTO task SELECT g FROM generate_series(10, 20) g",
        "TRUNCATE task",
    ] {
        database.execute(sql).await;
    }
    let row = |id: i32, title: &str| json!({"id": id, "title": title, "done": null, "n": null});
    let (null, bare) = (Value::Null, |kind| step(kind, Value::Null, Value::Null));
    assert_eq!(
        past(&server, "task/1").await,
        [
            step("insert", null.clone(), row(1, "a")),
            bare("update"),
            bare("delete"),
            bare("insert"),
            bare("unknown"),
            bare("truncate"),
        ]
    );
    // Of another row, what may have concerned it.
    assert_eq!(
        past(&server, "task/2").await,
        [
            step("insert", null, row(2, "b")),
            bare("unknown"),
            bare("truncate"),
        ]
    );
    server.stop().await;
}
