//! Cells of ten megabytes.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{follower::Follower, memory, start};

const CELL: u64 = 10_000_000;

const TABLE: &str = "CREATE TABLE doc (id int PRIMARY KEY, title text, body text); \
     SELECT rowcast.watch('doc'); \
     INSERT INTO doc SELECT g, 'title ' || g, 'short' FROM generate_series(1, 40) g";

const ALL: &str = "SELECT count(*) OVER (), ARRAY[to_jsonb(id)::text, to_jsonb(title)::text, \
     to_jsonb(body)::text] FROM doc ORDER BY id";

fn fill(condition: &str) -> String {
    format!("UPDATE doc SET body = repeat(md5(id::text), {CELL} / 32) WHERE {condition}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_of_ten_megabytes_is_a_cell() {
    let (database, server) = start(TABLE, &[]).await;
    let mut client = Follower::open(&server.address).await;
    client.subscribe(1, "doc", "limit=50").await;
    client.list(1).await;
    memory::forget_peak(server.pid());
    let before = memory::of(server.pid()).0;
    for sql in [
        fill("id = 7"),
        "UPDATE doc SET title = 'another' WHERE id = 7".to_owned(),
        "UPDATE doc SET body = body || 'x' WHERE id = 7".to_owned(),
        "UPDATE doc SET id = 1007 WHERE id = 7".to_owned(),
        "DELETE FROM doc WHERE id = 1007".to_owned(),
        fill("id = 8"),
    ] {
        database.execute(&sql).await;
        client.until_equal(1, &database, ALL).await;
    }
    // Whatever way it is asked for, it comes whole.
    for path in [
        "/api/rows/doc?limit=50",
        "/api/rows/doc.csv",
        "/tables/doc?limit=50",
    ] {
        let (status, text) = get(&server.address, path).await;
        let length = text.len() as u64;
        assert_eq!(status, 200, "{path}");
        println!("{path}: {length} bytes");
        assert!(
            path.starts_with("/tables") || length > CELL,
            "{path}: {length}"
        );
    }
    let stream = stream(&server.address, "doc?limit=50", CELL).await;
    assert!(stream.starts_with("HTTP/1.1 200"), "{stream}");
    let grown = memory::of(server.pid()).1.saturating_sub(before) >> 20;
    println!("memory grew by {grown} MiB");
    // Some copies of the one cell: read, decoded, held, encoded, on its way.
    assert!(grown < 250, "{grown} MiB");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_beyond_the_bound_is_an_error_that_says_so() {
    let bound = ("ROWCAST_LIST_BYTES", "33554432");
    let (database, server) = start(TABLE, &[bound]).await;
    let mut client = Follower::open(&server.address).await;
    client.subscribe(1, "doc", "limit=50").await;
    client.subscribe(2, "doc", "select=title&id=lt.3").await;
    client.list(1).await;
    client.list(2).await;
    memory::forget_peak(server.pid());
    let before = memory::of(server.pid()).0;
    database.execute(&fill("id > 2")).await;
    assert_eq!(client.error(1).await, "too_large");
    client.subscribe(3, "doc", "limit=50").await;
    assert_eq!(client.error(3).await, "too_large");
    assert_eq!(get(&server.address, "/api/rows/doc?limit=50").await.0, 413);
    assert_eq!(get(&server.address, "/tables/doc?limit=50").await.0, 413);
    // Others go on, and so does this one when it is asked for less.
    database
        .execute("UPDATE doc SET title = 'new' WHERE id = 1")
        .await;
    client.until_first_is(2, "\"new\"").await;
    assert_eq!(
        get(&server.address, "/api/rows/doc?limit=3&order=id")
            .await
            .0,
        200
    );
    let grown = memory::of(server.pid()).1.saturating_sub(before) >> 20;
    println!("memory grew by {grown} MiB");
    assert!(grown < 120, "{grown} MiB");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_larger_than_what_may_wait_begins_anew() {
    let (database, server) = start(TABLE, &[]).await;
    database.execute(&fill("id = 7")).await;
    let mut client = Follower::open(&server.address).await;
    // Two of them, which do not fit beside one another either.
    for (id, query) in [(1, "limit=50&order=id"), (2, "limit=40&order=id")] {
        client.subscribe(id, "doc", query).await;
        client.list(id).await;
    }
    database
        .execute("ALTER TABLE doc RENAME COLUMN title TO name")
        .await;
    database
        .execute("UPDATE doc SET name = 'new' WHERE id = 1")
        .await;
    for id in [1, 2] {
        client
            .until_equal(id, &database, &ALL.replace("title", "name"))
            .await;
    }
    // Who comes back from another history is told so, and all of the list.
    let resume = "doc?limit=50&cursor=0123456789abcdef.1:1:";
    let stream = stream(&server.address, resume, CELL).await;
    assert!(stream.contains("event: reset"), "{stream}");
    server.stop().await;
}

/// The status of a page, and all that comes with it.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    (text[9..12].parse().unwrap(), text)
}

/// The head of an event stream, after so many bytes of it have come.
async fn stream(address: &str, path: &str, length: u64) -> String {
    let request = format!("GET /api/live/{path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.take(length).read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..1000]).into_owned()
}
