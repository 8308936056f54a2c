//! What is counted, what the docs say is counted, and the names of requests.

use std::collections::BTreeSet;

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::server::Server;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int); SELECT rowcast.watch('t');";

#[tokio::test]
async fn health_and_figures_are_told() {
    let server = Server::new(TABLE).await;
    assert_eq!(server.json("/healthz").await, json!({"status": "ok"}));
    assert_eq!(
        server.json("/readyz").await,
        json!({"status": "ready", "database": true, "following": true, "draining": false})
    );
    server.get("/api/nosuch").await;
    let answer = server.get("/metrics").await;
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for line in [
        "rowcast_http_requests_total{status=\"2xx\"} 2",
        "rowcast_http_requests_total{status=\"4xx\"} 1",
        "rowcast_http_request_duration_seconds_bucket{status=\"2xx\",le=\"+Inf\"} 2",
        "rowcast_http_request_duration_seconds_count{status=\"4xx\"} 1",
        "rowcast_following 1",
        "rowcast_clients 0",
        "rowcast_delivery_seconds_count 0",
        "# TYPE rowcast_patches_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_change_is_counted_from_its_row_to_its_client() {
    let server = Server::new(TABLE).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET /api/live/t HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut until = async |words: &str| {
        while !lines.next_line().await.unwrap().unwrap().contains(words) {}
    };
    until("event: snapshot").await;
    server
        .database
        .execute("INSERT INTO t VALUES (1, 2), (2, 3)")
        .await;
    until("event: patch").await;
    let text = server.get("/metrics").await.text();
    let figure = |name: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(figure("rowcast_delivery_seconds_count") == 1.0);
    let took = figure("rowcast_delivery_seconds_sum");
    assert!((0.0..60.0).contains(&took), "{took}");
    assert!(figure("rowcast_log_lag_seconds_count") >= 1.0);
    assert!(figure("rowcast_log_rows_total") >= 1.0);
    assert!(figure("rowcast_log_reads_total") >= 1.0);
    assert!(figure("rowcast_rows_held") == 2.0);
    assert!(figure("rowcast_clients") == 1.0);
    // All that there was has been sent.
    assert!(figure("rowcast_outbox_events") == 0.0);
    assert!(figure("rowcast_outbox_bytes") == 0.0);
    assert!(figure("process_resident_memory_bytes") > 1e6);
    server.stop().await;
}

/// The names of all figures that the server tells.
async fn told(server: &Server) -> BTreeSet<String> {
    let text = server.get("/metrics").await.text();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    names
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_docs_name_every_figure_and_no_other() {
    let server = Server::new(TABLE).await;
    let docs = include_str!("../../../docs/api.md");
    let table = docs.split("`GET /metrics` is text").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<String> = cells
        .flat_map(|line| line.split(" |").next().unwrap().split('`'))
        .filter(|word| word.contains('_'))
        .map(str::to_owned)
        .collect();
    assert_eq!(told(&server).await, documented);
    server.stop().await;
}

#[tokio::test]
async fn alerts_and_dashboard_ask_for_figures_that_there_are() {
    let server = Server::new(TABLE).await;
    let text = server.get("/metrics").await.text();
    let told = told(&server).await;
    for (file, asked) in [
        (
            "rules.yml",
            include_str!("../../../deploy/prometheus/rules.yml"),
        ),
        (
            "rowcast.json",
            include_str!("../../../deploy/grafana/rowcast.json"),
        ),
    ] {
        let words = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let ours = |word: &&str| word.starts_with("rowcast_") || word.starts_with("process_");
        let names: BTreeSet<&str> = words.filter(ours).collect();
        assert!(names.len() > 5, "{file}: {names:?}");
        for name in names {
            // A histogram is asked for by its parts.
            let whole = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|part| name.strip_suffix(*part));
            let is_told = told.contains(name) || whole.is_some_and(|whole| told.contains(whole));
            assert!(is_told, "{file}: {name}");
        }
        // Of labels in quotes, which JSON has behind a backslash.
        let asked = asked.replace('\\', "");
        for label in ["purpose=\"", "reason=\"", "state=\"", "status=\""] {
            for after in asked.split(label).skip(1) {
                let value = after.split('"').next().unwrap();
                let pair = format!("{label}{value}\"");
                assert!(text.contains(&pair), "{file}: {pair}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_answer_names_its_request() {
    let server = Server::new(TABLE).await;
    let named = async |name: &str| {
        let answer = server
            .send("GET", "/healthz", &[("X-Request-Id", name)])
            .await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(named("from-a-proxy.7").await, "from-a-proxy.7");
    let own = named("what \"others\" wrote").await;
    assert!(
        own.len() == 16 && own.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{own}"
    );
    server.stop().await;
}
