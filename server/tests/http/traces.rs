//! What a collector of traces is told, and that nobody waits for it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::trace::v1::Span;
use rcgen::CertifiedKey;
use rowcast::cli::Settings;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::{
    cluster::Cluster,
    collector::{Collector, Manner, attributes},
    server::Server,
};

const TABLE: &str = "CREATE TABLE t (id text PRIMARY KEY, name text); SELECT rowcast.watch('t');";

/// What must not be found anywhere in what is sent.
const SECRET: &str = "secret-word";

/// A server that tells this one of all that it is at, unless `change` says otherwise.
async fn telling(collector: &Collector, change: impl FnOnce(&mut Settings)) -> Server {
    let database = Cluster::shared().database().await;
    let url = collector.url();
    Server::set(database, TABLE, |settings| {
        settings.auth = "off".to_owned();
        settings.traces.otlp_endpoint = url;
        settings.traces.otel_traces_sampler = Some("always_on".to_owned());
        change(settings);
    })
    .await
}

fn has(span: &Span, name: &str, value: &str) -> bool {
    attributes(&span.attributes).get(name).map(String::as_str) == Some(value)
}

async fn figure(server: &Server, name: &str) -> u64 {
    let text = server.get("/metrics").await.text();
    let line = text.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

const SENT: &str = "rowcast_trace_spans_sent_total ";
const DROPPED: &str = "rowcast_trace_spans_dropped_total ";

/// Asks until so many spans were dropped, and says how many.
async fn until_dropped(server: &Server, number: u64) -> u64 {
    let asking = async {
        loop {
            let dropped = figure(server, DROPPED).await;
            if dropped >= number {
                return dropped;
            }
        }
    };
    timeout(Duration::from_secs(120), asking)
        .await
        .expect("what there is no room for is dropped")
}

#[tokio::test]
async fn a_request_is_told_by_its_route_and_nothing_that_is_in_it() {
    let mut collector = Collector::start(Manner::Takes).await;
    let server = telling(&collector, |settings| {
        let traces = &mut settings.traces;
        traces.otlp_headers = Some(format!("x-key=key%2D{SECRET}"));
        traces.otel_service_name = Some("orders".to_owned());
        traces.otel_resource_attributes = Some("deployment.environment.name=test".to_owned());
    })
    .await;
    let row = format!("INSERT INTO t VALUES ('key-{SECRET}', 'value-{SECRET}')");
    server.database.execute(&row).await;
    let headers = [
        ("X-Request-Id", "the-first"),
        ("Authorization", &*format!("Bearer {SECRET}")),
        ("User-Agent", SECRET),
    ];
    let path = format!("/tables/t?name=eq.value-{SECRET}");
    let page = server.send("GET", &path, &headers).await;
    assert!(page.status == 200 && page.text().contains(SECRET));
    let read = format!("/api/rows/t?name=like.*{SECRET}");
    assert!(server.get(&read).await.text().contains(SECRET));
    let key = format!("/api/rows/t/key-{SECRET}");
    let change = format!("{{\"set\":{{\"name\":\"new-{SECRET}\"}}}}");
    let written = server.write("PATCH", &key, &change).await;
    assert_eq!(written.status, 200, "{}", written.text());
    assert_eq!(server.get(&format!("/{SECRET}")).await.status, 404);
    assert_eq!(server.get(&format!("/api/{SECRET}")).await.status, 404);

    let page = collector
        .until("the page", |span| {
            has(span, "rowcast.request_id", "the-first")
        })
        .await;
    assert_eq!(page.name, "GET /tables/{table}");
    assert!(page.parent_span_id.is_empty() && page.kind == 2);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/tables/{table}"),
        ("http.response.status_code", "200"),
        ("url.path", "/tables/t"),
        ("url.scheme", "http"),
    ] {
        assert!(has(&page, name, value), "{name}: {page:?}");
    }
    assert!(page.end_time_unix_nano > page.start_time_unix_nano);
    // Its rows come from the live list, which is read for it.
    let of_page = |span: &Span| span.trace_id == page.trace_id;
    let filled = collector
        .until("the list", |span| {
            of_page(span) && span.name == "fill a list"
        })
        .await;
    assert_eq!(filled.parent_span_id, page.span_id);
    assert!(has(&filled, "rowcast.table", "t") && has(&filled, "rowcast.reason", "first"));
    let read = collector
        .until("its read", |span| of_page(span) && span.name == "read rows")
        .await;
    assert_eq!(read.parent_span_id, filled.span_id);

    let write = collector
        .until("the write", |span| {
            span.name == "PATCH /api/rows/{table}/{key}"
        })
        .await;
    assert!(has(&write, "url.path", "/api/rows/t/{key}"), "{write:?}");
    collector
        .until("its statement", |span| {
            span.name == "write a row" && span.parent_span_id == write.span_id
        })
        .await;
    collector
        .until("nowhere", |span| {
            span.name.starts_with("GET") && has(span, "http.response.status_code", "404")
        })
        .await;
    server.stop().await;
    collector.look();
    assert_eq!(collector.resource["service.name"], "orders");
    assert_eq!(collector.resource["deployment.environment.name"], "test");
    assert!(collector.resource.contains_key("service.version"));
    for batch in &collector.seen {
        assert_eq!(batch.line, "POST /v1/traces HTTP/1.1");
        assert_eq!(batch.headers["content-type"], "application/x-protobuf");
        assert_eq!(batch.headers["x-key"], format!("key-{SECRET}"));
        let text = String::from_utf8_lossy(&batch.bytes);
        assert!(!text.contains(SECRET), "{:#?}", collector.spans);
    }
}

#[tokio::test]
async fn a_change_is_told_from_the_log_to_what_is_read_for_it() {
    let mut collector = Collector::start(Manner::Takes).await;
    let server = telling(&collector, |_| {}).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let path = format!("/api/live/t?name=eq.{SECRET}");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut until = async |words: &str| {
        while !lines.next_line().await.unwrap().unwrap().contains(words) {}
    };
    until("event: snapshot").await;
    let row = format!("INSERT INTO t VALUES ('key-{SECRET}', '{SECRET}')");
    server.database.execute(&row).await;
    until("event: patch").await;
    // What the server tells of itself at its start is read, too: that is two rows.
    let read = collector
        .until("the read", |span| {
            span.name == "read the log" && has(span, "rowcast.rows", "1")
        })
        .await;
    assert!(read.parent_span_id.is_empty());
    let told = attributes(&read.attributes);
    assert!(told["rowcast.bytes"].parse::<u64>().unwrap() > 10);
    assert!(told["rowcast.lag_seconds"].parse::<f64>().unwrap() < 60.0);
    let evaluated = collector
        .until("what came of it", |span| {
            span.name == "evaluate changes" && span.parent_span_id == read.span_id
        })
        .await;
    assert_eq!(evaluated.trace_id, read.trace_id);
    for (name, value) in [
        ("tables", "1"),
        ("lists", "1"),
        ("patches", "1"),
        ("reads", "0"),
    ] {
        assert!(
            has(&evaluated, &format!("rowcast.{name}"), value),
            "{evaluated:?}"
        );
    }
    // What images don't tell is read again.
    server.database.execute("TRUNCATE t").await;
    let filled = collector
        .until("the list", |span| has(span, "rowcast.reason", "again"))
        .await;
    assert_eq!(filled.name, "fill a list");
    collector
        .until("why", |span| {
            span.name == "evaluate changes" && span.span_id == filled.parent_span_id
        })
        .await;
    server.stop().await;
    collector.look();
    for batch in &collector.seen {
        assert!(!String::from_utf8_lossy(&batch.bytes).contains(SECRET));
    }
}

#[tokio::test]
async fn who_is_no_trusted_proxy_can_have_nothing_kept() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (proxies, is_kept) in [
        (None, false),
        (Some("10.0.0.1"), false),
        (Some("127.0.0.1"), true),
    ] {
        let mut collector = Collector::start(Manner::Takes).await;
        let server = telling(&collector, |settings| {
            settings.entrance.trusted_proxy = proxies.map(str::to_owned);
            settings.traces.otel_traces_sampler = Some("parentbased_always_off".to_owned());
        })
        .await;
        let headers = [("traceparent", parent), ("tracestate", "a=b")];
        server.send("GET", "/healthz", &headers).await;
        // Nobody has asked to keep this one.
        server.get("/readyz").await;
        if is_kept {
            let span = collector.until("the request", |_| true).await;
            assert_eq!(span.name, "GET /healthz");
            assert_eq!(
                span.trace_id,
                0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes()
            );
            assert_eq!(span.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
        }
        server.stop().await;
        collector.look();
        assert_eq!(collector.spans.len(), usize::from(is_kept), "{proxies:?}");
    }
}

#[tokio::test]
async fn a_collector_that_hangs_delays_neither_requests_nor_the_end() {
    // What the end takes on this machine, be it a slow one.
    let collector = Collector::start(Manner::Takes).await;
    let server = telling(&collector, |_| {}).await;
    server.get("/healthz").await;
    let begun = Instant::now();
    server.stop().await;
    let usual = begun.elapsed();
    let mut collector = Collector::start(Manner::Hangs).await;
    let server = telling(&collector, |_| {}).await;
    let begun = Instant::now();
    // A batch is on its way, as many wait as may, and it is not waited for them.
    assert!(until_dropped(&server, 1).await > 0);
    let asked = figure(&server, "rowcast_http_requests_total{status=\"2xx\"} ").await;
    let each = begun.elapsed() / u32::try_from(asked).unwrap();
    assert!(each < Duration::from_millis(500), "{each:?}");
    assert_eq!(figure(&server, SENT).await, 0);
    let begun = Instant::now();
    server.stop().await;
    // It would hang for ten seconds more, and gets one.
    let bound = usual * 4 + Duration::from_secs(6);
    assert!(begun.elapsed() < bound, "{:?}: {usual:?}", begun.elapsed());
    collector.look();
    assert!(collector.connections > 0);
}

#[tokio::test]
async fn what_a_collector_does_not_take_is_counted() {
    for manner in [Manner::Refuses, Manner::Unwilling(1)] {
        let collector = Collector::start(manner).await;
        let server = telling(&collector, |_| {}).await;
        until_dropped(&server, 1).await;
        let is_refused = matches!(manner, Manner::Refuses);
        assert_eq!(figure(&server, SENT).await == 0, is_refused);
        server.stop().await;
    }
    // Nobody is there.
    let nobody = format!("http://127.0.0.1:{}", crate::ports::free());
    let collector = Collector::start(Manner::Takes).await;
    let server = telling(&collector, |settings| {
        settings.traces.otlp_endpoint = Some(nobody)
    })
    .await;
    until_dropped(&server, 1).await;
    assert_eq!(figure(&server, SENT).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn nobody_is_connected_to_where_there_are_to_be_no_traces() {
    let change: [fn(&mut Settings); 3] = [
        |settings| settings.traces.otel_sdk_disabled = Some("true".to_owned()),
        |settings| settings.traces.otlp_endpoint = None,
        |settings| settings.traces.otel_traces_sampler = Some("always_off".to_owned()),
    ];
    for change in change {
        let mut collector = Collector::start(Manner::Takes).await;
        let server = telling(&collector, change).await;
        server.json("/api/rows/t").await;
        assert_eq!(figure(&server, SENT).await, 0);
        server.stop().await;
        // What is connected to is known before it answers, and it answers before the end.
        let own = TcpStream::connect(collector.address).await.unwrap();
        drop(own);
        collector.connected().await;
        assert_eq!(collector.connections, 1);
        assert_eq!(collector.seen.len(), 0);
    }
}

/// A certificate for `localhost` that nobody else trusts, and the file that has it trusted.
fn certificate() -> (TlsAcceptor, PathBuf) {
    let names = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let path = format!(
        "{}/collector-{}.pem",
        env!("CARGO_TARGET_TMPDIR"),
        std::process::id()
    );
    let path = PathBuf::from(path);
    std::fs::write(&path, cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), path)
}

#[tokio::test]
async fn an_encrypted_collector_is_told_only_if_its_certificate_is_trusted() {
    let (tls, authorities) = certificate();
    for (authorities, host, is_trusted) in [
        (Some(&authorities), "localhost", true),
        (Some(&authorities), "127.0.0.1", false),
        (None, "localhost", false),
    ] {
        let mut collector = Collector::with(tls.clone()).await;
        let url = format!("https://{host}:{}", collector.address.port());
        let server = telling(&collector, |settings| {
            settings.traces.otlp_endpoint = Some(url);
            let path = authorities.map(|path| path.to_str().unwrap().to_owned());
            settings.traces.otlp_certificate = path;
        })
        .await;
        server.get("/healthz").await;
        match is_trusted {
            true => {
                let is_asked = |span: &Span| span.name == "GET /healthz";
                collector.until("the request", is_asked).await;
            }
            false => {
                until_dropped(&server, 1).await;
            }
        }
        server.stop().await;
        collector.look();
        assert_eq!(collector.seen.is_empty(), !is_trusted, "{host}");
    }
}
