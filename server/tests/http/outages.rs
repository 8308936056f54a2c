//! A database that goes away and comes back, and a server that ends.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{cluster::Cluster, server::Server};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
                     SELECT rowcast.watch('t');";

#[tokio::test]
async fn a_lost_database_is_503_until_it_is_back() {
    let cluster = Cluster::start(&[]);
    let server = Server::on(cluster.database().await, TABLE, "".into()).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    cluster.kill();
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.header("content-type"), Some("application/json"));
    for path in [
        "/api/rows/t",
        "/api/tables",
        "/api/tables/t",
        "/api/rows/t.csv",
    ] {
        let (status, code, _) = server.error(path).await;
        assert_eq!((status, &*code), (503, "database_unavailable"), "{path}");
    }
    for path in ["/", "/tables/t?id=gt.0"] {
        let page = server.get(path).await;
        let text = page.text();
        assert_eq!(page.status, 503, "{path}");
        let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>";
        assert!(text.contains(refresh), "{path}: {text}");
        let again = text.split_once(">Try again</a>").map(|(before, _)| before);
        let link = again.and_then(|before| before.rsplit_once("<a ")).unwrap();
        assert!(link.1.contains(&format!("href=\"{path}\"")), "{text}");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
    cluster.resume();
    let since = Instant::now();
    while server.get("/readyz").await.status != 200 {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "it does not recover"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(server.json("/api/rows/t").await["total"], 1);
    server.stop().await;
}

#[tokio::test]
async fn the_end_comes_in_time_though_clients_stay() {
    let server = Server::new(TABLE).await;
    let mut idle = TcpStream::connect(server.addr).await.unwrap();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET /api/live/t HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let addr = server.addr;
    let since = Instant::now();
    server.stop().await;
    assert!(since.elapsed() < Duration::from_secs(9));
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(addr).await.is_err());
}
