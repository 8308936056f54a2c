//! Figures over all rows of a query, live.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{begin_with, event_stream::EventStream, socket::Socket};

const TABLE: &str = "CREATE TYPE status AS ENUM ('open', 'paid', 'shipped'); \
    CREATE TABLE t (id int PRIMARY KEY, status status, amount numeric(10, 2), weight float8, \
                    took interval, at timestamptz); \
    INSERT INTO t SELECT g, (ARRAY['open', 'paid'])[1 + g % 2]::status, g, g / 4.0, \
                         g * interval '1 second', '2026-01-01'::timestamptz + g * interval '1 day' \
      FROM generate_series(1, 200) g; \
    SELECT rowcast.watch('t')";

#[tokio::test]
async fn a_patch_carries_the_figures_that_changed_wherever_the_row_is() {
    let (database, server) = begin_with(TABLE).await;
    let mut socket = Socket::open(&server.address).await;
    let query = "order=id&limit=1&aggregate=sum(amount),avg(amount),max(at),count_by(status)";
    let snapshot = socket.subscribe(1, "t", query).await;
    assert_eq!(
        snapshot["aggregates"],
        json!({
            "sum(amount)": 20100.00,
            "avg(amount)": 100.5,
            "max(at)": "2026-07-20T00:00:00+00:00",
            "count_by(status)": [["open", 100], ["paid", 100]],
        })
    );
    // A row far outside the slice: no step, the same total.
    database
        .execute("UPDATE t SET status = 'shipped' WHERE id = 150")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"], json!([]));
    assert_eq!(
        patch["aggregates"],
        json!({"count_by(status)": [["open", 99], ["paid", 100], ["shipped", 1]]})
    );
    // One that no figure looks at is not told; the next one that is brings its own alone.
    database
        .execute("UPDATE t SET took = '1 hour' WHERE id = 151")
        .await;
    database
        .execute("UPDATE t SET amount = amount + 0.05 WHERE id = 152")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["aggregates"],
        json!({"sum(amount)": 20100.05, "avg(amount)": 100.50025})
    );
    database.execute("DELETE FROM t WHERE id <> 1").await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["aggregates"],
        json!({
            "sum(amount)": 1.00,
            "avg(amount)": 1.0,
            "max(at)": "2026-01-02T00:00:00+00:00",
            "count_by(status)": [["paid", 1]],
        })
    );
    database.execute("DELETE FROM t").await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["aggregates"],
        json!({"sum(amount)": null, "avg(amount)": null, "max(at)": null, "count_by(status)": []})
    );
}

#[tokio::test]
async fn a_query_without_aggregates_has_no_such_member() {
    let (database, server) = begin_with(TABLE).await;
    let mut socket = Socket::open(&server.address).await;
    let snapshot = socket.subscribe(1, "t", "order=id&limit=1").await;
    assert_eq!(snapshot.get("aggregates"), None);
    database.execute("UPDATE t SET amount = 0").await;
    let patch = socket.next("patch").await;
    assert_eq!(patch.get("aggregates"), None);
}

/// Applies what comes until the figures are those of the SQL.
async fn until_equal(
    socket: &mut Socket,
    held: &mut Value,
    connection: &mut PgConnection,
    sql: &str,
) {
    let expected: Vec<Value> = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!(
        "SELECT to_jsonb(f)::text FROM ({sql}) AS f"
    )))
    .fetch_all(connection)
    .await
    .unwrap()
    .iter()
    .map(|text| serde_json::from_str(text).unwrap())
    .collect();
    while *held != expected[0] {
        let patch = socket.next("patch").await;
        for (name, value) in patch["aggregates"].as_object().unwrap() {
            held[name] = value.clone();
        }
    }
}

#[tokio::test]
async fn what_can_t_be_kept_is_read_again_and_ends_up_exact() {
    let (database, server) = begin_with(TABLE).await;
    let mut socket = Socket::open(&server.address).await;
    let query = "limit=0&aggregate=sum(weight),avg(weight),sum(took),min(took),distinct(took)";
    let mut held = socket.subscribe(1, "t", query).await["aggregates"].take();
    let sql = "SELECT sum(weight) AS \"sum(weight)\", avg(weight) AS \"avg(weight)\", \
                      sum(took) AS \"sum(took)\", min(took) AS \"min(took)\", \
                      count(DISTINCT took) AS \"distinct(took)\" FROM t";
    let mut connection = database.connect().await;
    until_equal(&mut socket, &mut held, &mut connection, sql).await;
    for nth in 0..30 {
        let change = format!(
            "UPDATE t SET weight = weight + 0.25, took = took + interval '1 min' WHERE id = {}",
            1 + nth * 7
        );
        database.execute(&change).await;
    }
    until_equal(&mut socket, &mut held, &mut connection, sql).await;
    // A change that leaves those columns alone has nothing read.
    database
        .execute("UPDATE t SET status = 'shipped' WHERE id = 1")
        .await;
    database.execute("DELETE FROM t WHERE id = 2").await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["total"], 199);
    for (name, value) in patch["aggregates"].as_object().unwrap() {
        held[name] = value.clone();
    }
    until_equal(&mut socket, &mut held, &mut connection, sql).await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_the_figures_that_it_missed() {
    let (database, server) = begin_with(TABLE).await;
    let path = "t?order=id&limit=1&aggregate=sum(amount),min(id)";
    let mut stream = EventStream::open(&server.address, path, None).await;
    let snapshot = stream.next("snapshot").await;
    assert_eq!(
        snapshot.data["aggregates"],
        json!({"sum(amount)": 20100.00, "min(id)": 1})
    );
    drop(stream);
    // Somebody keeps the window open.
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", &path[2..]).await;
    database
        .execute("UPDATE t SET amount = 0.00 WHERE id = 200")
        .await;
    socket.next("patch").await;
    database.execute("DELETE FROM t WHERE id = 1").await;
    socket.next("patch").await;
    let mut stream = EventStream::open(&server.address, path, Some(&snapshot.id)).await;
    let patch = stream.next("patch").await;
    assert_eq!(patch.data["aggregates"], json!({"sum(amount)": 19900.00}));
    let patch = stream.next("patch").await;
    assert_eq!(
        patch.data["aggregates"],
        json!({"sum(amount)": 19899.00, "min(id)": 2})
    );
    // Whoever comes new sees the same.
    let snapshot = socket.subscribe(2, "t", &path[2..]).await;
    assert_eq!(
        snapshot["aggregates"],
        json!({"sum(amount)": 19899.00, "min(id)": 2})
    );
}

#[tokio::test]
async fn a_truncate_and_a_bulk_load_leave_the_figures_exact() {
    let (database, server) = begin_with(TABLE).await;
    let mut socket = Socket::open(&server.address).await;
    let query = "status=eq.open&limit=2&aggregate=sum(amount),count_by(status),distinct(at)";
    let mut held = socket.subscribe(1, "t", query).await["aggregates"].take();
    let sql = "SELECT sum(amount) AS \"sum(amount)\", \
                      (SELECT coalesce(jsonb_agg(jsonb_build_array(g.status, g.n)), '[]') \
                         FROM (SELECT status, count(*) AS n FROM t WHERE status = 'open' \
                               GROUP BY status) AS g) AS \"count_by(status)\", \
                      count(DISTINCT at) AS \"distinct(at)\" FROM t WHERE status = 'open'";
    let mut connection = database.connect().await;
    database.execute("TRUNCATE t").await;
    until_equal(&mut socket, &mut held, &mut connection, sql).await;
    database
        .execute(
            "INSERT INTO t SELECT g, 'open', 0.01 * g, 0, NULL, \
                    '2026-01-01'::timestamptz + g * interval '1 s' \
               FROM generate_series(1, 20000) g",
        )
        .await;
    until_equal(&mut socket, &mut held, &mut connection, sql).await;
    database
        .execute("UPDATE t SET amount = 1, at = 'infinity'")
        .await;
    until_equal(&mut socket, &mut held, &mut connection, sql).await;
}
