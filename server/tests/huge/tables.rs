//! Tables of many columns and of many rows.

use super::{documents, follower::Follower, rows, start};

/// As many as PostgreSQL allows.
const COLUMNS: usize = 1600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_may_have_as_many_columns_as_postgresql_allows() {
    let columns: Vec<String> = (1..COLUMNS).map(|n| format!("c{n} int2")).collect();
    let sql = format!(
        "CREATE TABLE wide (id int PRIMARY KEY, {}); SELECT rowcast.watch('wide'); \
         INSERT INTO wide (id, c1, c1599) SELECT g, g, -g FROM generate_series(1, 30) g",
        columns.join(", ")
    );
    let (database, server) = start(&sql, &[]).await;
    let mut client = Follower::open(&server.address).await;
    client.subscribe(1, "wide", "order=c1599&limit=10").await;
    client
        .subscribe(2, "wide", "select=id,c800&c1599=lt.-5")
        .await;
    assert_eq!(client.list(1).await.rows[0].cells.len(), COLUMNS);
    client.list(2).await;
    let cells: Vec<String> = std::iter::once("to_jsonb(id)::text".to_owned())
        .chain((1..COLUMNS).map(|n| format!("to_jsonb(c{n})::text")))
        .collect();
    // More than a hundred elements are no argument list.
    let cells: Vec<String> = cells
        .chunks(100)
        .map(|few| format!("ARRAY[{}]", few.join(", ")))
        .collect();
    let all = format!(
        "SELECT count(*) OVER (), {} FROM wide ORDER BY c1599, id LIMIT 10",
        cells.join(" || ")
    );
    for sql in [
        "UPDATE wide SET c800 = 5 WHERE id = 30",
        "UPDATE wide SET c1599 = 7, c2 = 1 WHERE id % 3 = 0",
        "INSERT INTO wide (id, c1599) VALUES (31, -100)",
        "DELETE FROM wide WHERE id = 29",
    ] {
        database.execute(sql).await;
        client.until_equal(1, &database, &all).await;
        let some = "SELECT count(*) OVER (), ARRAY[to_jsonb(id)::text, to_jsonb(c800)::text] \
                    FROM wide WHERE c1599 < -5 ORDER BY id";
        client.until_equal(2, &database, some).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_at_a_long_tables_end_is_live_without_counting_again() {
    let rows = rows();
    let sql = format!(
        "CREATE TABLE long (id int PRIMARY KEY, n int, filler text); \
         INSERT INTO long SELECT g, 0, 'filler' FROM generate_series(1, {rows}) g; \
         ANALYZE long; SELECT rowcast.watch('long')"
    );
    let (database, server) = start(&sql, &[]).await;
    let mut client = Follower::open(&server.address).await;
    let offset = rows - 50;
    client
        .subscribe(
            1,
            "long",
            &format!("select=id,n&order=id&limit=50&offset={offset}"),
        )
        .await;
    client.list(1).await;
    let end = format!(
        "SELECT (SELECT count(*) FROM long), ARRAY[to_jsonb(id)::text, to_jsonb(n)::text] \
         FROM long ORDER BY id OFFSET {offset} LIMIT 50"
    );
    client.until_equal(1, &database, &end).await;
    let mut next = rows;
    for round in 0..30 {
        next += 1;
        let sql = match round % 4 {
            0 => format!("INSERT INTO long VALUES ({next}, {round})"),
            1 => format!("UPDATE long SET n = {round} WHERE id = {}", rows - 3),
            2 => format!("DELETE FROM long WHERE id = {}", 1 + round * 17),
            _ => format!(
                "DELETE FROM long WHERE id = (SELECT max(id) FROM long); INSERT INTO long VALUES (-{next}, 1)"
            ),
        };
        database.execute(&sql).await;
        client.until_equal(1, &database, &end).await;
    }
    // Counting and skipping were for the first list alone.
    let metrics = documents::get(&server.address, "/metrics").await.1;
    for name in ["rowcast_rereads_total", "rowcast_contradictions_total"] {
        assert!(metrics.contains(&format!("\n{name} 0\n")), "{metrics}");
    }
    println!("{} patches", client.patches(1));
    server.stop().await;
}
