//! Who asks too much.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt, future::join_all};
use rowcast::cli::Settings;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::{
    cluster::Cluster,
    people::{TABLE, account, bearer},
    server::{Answer, Server},
};

/// More than ten seconds' worth of one a second, whatever the machine takes to send them.
const MANY: usize = 60;

const FOR: &str = "X-Forwarded-For";

/// A server that takes one a second of each kind, and knows who comes by a proxy.
async fn limited(change: impl FnOnce(&mut Settings)) -> Server {
    let database = Cluster::shared().database().await;
    Server::set(database, TABLE, |settings| {
        let one = || Some("1".to_owned());
        let entrance = &mut settings.entrance;
        entrance.trusted_proxy = Some("127.0.0.1".to_owned());
        (entrance.rate_reads, entrance.rate_writes) = (one(), one());
        (entrance.rate_opens, entrance.rate_messages) = (one(), one());
        change(settings);
    })
    .await
}

/// Another such server on the same database.
async fn limited_too(other: &Server) -> Server {
    let set = |settings: &mut Settings| {
        let one = || Some("1".to_owned());
        let entrance = &mut settings.entrance;
        (entrance.rate_reads, entrance.rate_writes) = (one(), one());
    };
    Server::set(other.database.clone(), "", set).await
}

/// So many requests at once.
async fn many(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<Answer> {
    join_all((0..MANY).map(|_| server.send(method, path, headers))).await
}

/// The same, and how many of them were too many.
async fn spend(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> usize {
    let answers = many(server, method, path, headers).await;
    let refused: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    for answer in &refused {
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=10).contains(&wait), "{wait}");
        if path.starts_with("/api") {
            let (_, code, message) = answer.error();
            assert_eq!(code, "too_many_requests");
            assert!(message.contains("than the server takes"), "{message}");
        }
    }
    refused.len()
}

#[tokio::test]
async fn an_address_that_asks_too_much_takes_nothing_from_anybody_else() {
    let server = limited(|_| {}).await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &[]).await;
    let (ann, bob) = (bearer(&server, ann).await, bearer(&server, bob).await);
    let from = |address| [(FOR, address)];
    let status = async |headers: &[(&str, &str)]| {
        let answer = server.send("GET", "/api/me", headers).await;
        answer.status
    };
    // Nobody: not even to be told so.
    assert!(spend(&server, "GET", "/api/me", &from("9.9.9.9")).await > 0);
    assert_eq!(status(&from("9.9.9.8")).await, 401);
    // What proves nobody is counted as well.
    let nonsense = format!("Bearer rc_{}", "A".repeat(43));
    let wrong = [(FOR, "9.9.9.7"), ("Authorization", nonsense.as_str())];
    assert!(spend(&server, "GET", "/api/me", &wrong).await > 0);
    // Whoever has signed in is let in from there all the same, whom nobody has seen before.
    for address in ["9.9.9.9", "9.9.9.7"] {
        let headers = [(FOR, address), ("Authorization", ann.as_str())];
        assert_eq!(status(&headers).await, 200);
    }
    // Who has an address of IPv6 has all of its network.
    assert!(spend(&server, "GET", "/api/me", &from("2001:db8::1")).await > 0);
    let addresses: Vec<String> = (2..30).map(|n| format!("2001:db8::{n}:1")).collect();
    let network = join_all(addresses.iter().map(|address| {
        let server = &server;
        async move {
            server
                .send("GET", "/api/me", &[(FOR, address)])
                .await
                .status
        }
    }));
    assert!(network.await.contains(&429));
    assert_eq!(status(&from("2001:db8:0:1::1")).await, 401);
    // An account is counted by itself, wherever it comes from.
    let by_ann = |address| [(FOR, address), ("Authorization", ann.as_str())];
    assert!(spend(&server, "GET", "/api/me", &by_ann("9.9.9.6")).await > 0);
    let by_bob = [(FOR, "9.9.9.6"), ("Authorization", bob.as_str())];
    assert_eq!(status(&by_bob).await, 200);
    assert_eq!(status(&from("9.9.9.6")).await, 401);
    server.stop().await;
}

#[tokio::test]
async fn what_an_account_asks_of_one_server_counts_at_the_others() {
    let one = limited(|_| {}).await;
    let ann = account(&one, "ann", &["administrator"]).await;
    let bob = account(&one, "bob", &[]).await;
    let (ann, bob) = (bearer(&one, ann).await, bearer(&one, bob).await);
    let (by_ann, by_bob) = ([("Authorization", &*ann)], [("Authorization", &*bob)]);
    let other = limited_too(&one).await;
    // Who has used up what one server gives alone may ask it again within a second: it is more
    // than that only if what others gave counts. To be refused costs nothing.
    let begun = Instant::now();
    many(&other, "GET", "/api/me", &by_ann).await;
    loop {
        many(&one, "GET", "/api/me", &by_ann).await;
        let answer = other.send("GET", "/api/me", &by_ann).await;
        let wait = answer.header("retry-after").map(|wait| wait.parse::<u64>());
        if let Some(wait) = wait.transpose().unwrap()
            && wait > 1
        {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing counted");
        tokio::task::yield_now().await;
    }
    // Nothing of anybody else's does, nor of another kind.
    let answer = other.send("GET", "/api/me", &by_bob).await;
    assert_eq!(answer.status, 200);
    let written = other.send("POST", "/api/rows/t", &by_ann).await;
    assert_ne!(written.status, 429);
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn reads_writes_and_opened_connections_are_counted_apart() {
    let server = limited(|_| {}).await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let bearer = bearer(&server, ann).await;
    let headers = [("Authorization", bearer.as_str())];
    assert!(spend(&server, "POST", "/api/rows/t", &headers).await > 0);
    assert_eq!(
        server.send("GET", "/api/rows/t", &headers).await.status,
        200
    );
    assert!(spend(&server, "GET", "/api/ws", &headers).await > 0);
    assert_eq!(
        server.send("GET", "/api/rows/t", &headers).await.status,
        200
    );
    // Pages say it in words; whether the server is up may be asked for ever.
    assert!(spend(&server, "GET", "/login", &[(FOR, "9.9.9.9")]).await > 0);
    assert!(spend(&server, "POST", "/login", &[(FOR, "9.9.9.9")]).await > 0);
    assert_eq!(
        spend(&server, "GET", "/healthz", &[(FOR, "9.9.9.9")]).await,
        0
    );
    server.stop().await;
}

#[tokio::test]
async fn who_is_on_this_machine_and_need_not_sign_in_is_not_counted() {
    let server = limited(|settings| settings.auth = "off".to_owned()).await;
    for path in ["/api/me", "/api/rows/t", "/"] {
        assert_eq!(spend(&server, "GET", path, &[]).await, 0, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_rate_can_be_turned_off() {
    let server = limited(|settings| settings.entrance.rate_reads = Some("off".to_owned())).await;
    assert_eq!(spend(&server, "GET", "/api/me", &[]).await, 0);
    assert!(spend(&server, "POST", "/api/rows/t", &[]).await > 0);
    server.stop().await;
}

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(server: &Server, bearer: &str) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/api/ws", server.addr).into_client_request()?;
    request
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    Ok(connect_async(request).await?.0)
}

/// The code of the next error.
async fn error(socket: &mut Socket) -> String {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            let message: Value = serde_json::from_str(&text).unwrap();
            return message["error"]["code"].as_str().unwrap().to_owned();
        }
    }
}

fn unsubscribe(id: usize) -> Message {
    Message::text(json!({"type": "unsubscribe", "id": id}).to_string())
}

#[tokio::test]
async fn a_socket_with_too_many_messages_is_read_more_slowly() {
    let server = limited(|settings| {
        settings.entrance.rate_messages = Some("2".to_owned());
    })
    .await;
    let ann = account(&server, "ann", &[]).await;
    let mut socket = socket(&server, &bearer(&server, ann).await).await.unwrap();
    let begun = Instant::now();
    // Twenty at once, and the others half a second apart.
    for id in 1..=24 {
        socket.send(unsubscribe(id)).await.unwrap();
    }
    for _ in 1..=24 {
        assert_eq!(error(&mut socket).await, "unknown_subscription");
    }
    assert!(
        begun.elapsed() > Duration::from_millis(1900),
        "{:?}",
        begun.elapsed()
    );
    server.stop().await;
}

#[tokio::test]
async fn messages_over_many_sockets_are_counted_together_and_refused() {
    let server = limited(|settings| {
        settings.entrance.rate_opens = Some("off".to_owned());
        settings.max_clients = "400".to_owned();
    })
    .await;
    let ann = account(&server, "ann", &[]).await;
    let bearer = bearer(&server, ann).await;
    let mut sockets = Vec::new();
    for _ in 0..MANY {
        sockets.push(socket(&server, &bearer).await.unwrap());
    }
    join_all(sockets.iter_mut().map(|socket| socket.send(unsubscribe(1)))).await;
    let told = join_all(sockets.iter_mut().map(error)).await;
    let refused = told
        .iter()
        .filter(|code| *code == "too_many_requests")
        .count();
    // Those who were in time, and those who could wait for it.
    assert!(refused > 0, "{told:?}");
    assert!(told.len() - refused >= 10, "{told:?}");
    server.stop().await;
}

#[tokio::test]
async fn one_leaves_the_others_places_for_live_connections() {
    let server = limited(|settings| {
        settings.entrance.rate_opens = Some("off".to_owned());
        settings.max_clients = "8".to_owned();
    })
    .await;
    let ann = account(&server, "ann", &[]).await;
    let bob = account(&server, "bob", &[]).await;
    let (ann, bob) = (bearer(&server, ann).await, bearer(&server, bob).await);
    let _first = socket(&server, &ann).await.unwrap();
    let second = socket(&server, &ann).await.unwrap();
    match socket(&server, &ann).await {
        Err(tungstenite::Error::Http(answer)) => {
            assert_eq!(answer.status(), 429);
            assert_eq!(answer.headers()["retry-after"], "1");
        }
        other => panic!("{other:?}"),
    }
    let _other = socket(&server, &bob).await.unwrap();
    drop(second);
    while socket(&server, &ann).await.is_err() {}
    server.stop().await;
}

#[tokio::test]
async fn one_leaves_the_others_places_for_exports() {
    let server = Server::guarded(
        "CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1);
         CREATE VIEW slow AS SELECT id FROM one WHERE pg_sleep(600) IS NOT NULL;",
    )
    .await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &["administrator"]).await;
    let (ann, bob) = (bearer(&server, ann).await, bearer(&server, bob).await);
    let request = |bearer: &str| {
        format!(
            "GET /api/rows/slow.csv HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\n\r\n"
        )
    };
    let mut connection = server.database.connect().await;
    let mut held = Vec::new();
    for (bearer, running) in [(&ann, 1_i64), (&bob, 2)] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(request(bearer).as_bytes()).await.unwrap();
        held.push(stream);
        let begun = async {
            let asleep = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event = 'PgSleep'";
            while sqlx::query_scalar::<_, i64>(asleep)
                .fetch_one(&mut connection)
                .await
                .unwrap()
                != running
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), begun)
            .await
            .expect("the export begins");
        let headers = [("Authorization", bearer.as_str())];
        let another = server.send("GET", "/api/rows/slow.csv", &headers).await;
        assert_eq!(
            (another.status, another.error().1.as_str()),
            (429, "too_many_requests")
        );
        // What is no export has nothing to do with it.
        assert_eq!(
            server.send("GET", "/api/rows/one", &headers).await.status,
            200
        );
    }
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn one_leaves_the_others_connections_that_rows_are_read_over() {
    let server = Server::guarded(
        "CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1);
         CREATE VIEW slow AS SELECT id FROM one WHERE pg_sleep(600) IS NOT NULL;",
    )
    .await;
    let ann = account(&server, "ann", &["administrator"]).await;
    let bob = account(&server, "bob", &["administrator"]).await;
    let (ann, bob) = (bearer(&server, ann).await, bearer(&server, bob).await);
    let mut connection = server.database.connect().await;
    let mut held = Vec::new();
    // Of 8 connections, each may have two; more than there are is asked for.
    for (name, running) in [(&ann, 2_i64), (&bob, 4)] {
        for nth in 0..12 {
            // Charts go through a table, for which there is less room.
            let path = if nth < 10 {
                "rows/slow"
            } else {
                "chart/slow?chart=id"
            };
            let mut stream = TcpStream::connect(server.addr).await.unwrap();
            let request = format!(
                "GET /api/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {name}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            held.push(stream);
        }
        let charts = running / 2;
        let begun = async {
            let asleep = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event = 'PgSleep'";
            loop {
                let asleep: i64 = sqlx::query_scalar(asleep)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                assert!(asleep <= running + charts, "{asleep} of {running}");
                if asleep == running + charts {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), begun)
            .await
            .expect("as many run as may");
    }
    let eve = account(&server, "eve", &["administrator"]).await;
    let eve = bearer(&server, eve).await;
    let headers = [("Authorization", eve.as_str())];
    let read = server.send("GET", "/api/rows/one", &headers).await;
    assert_eq!(read.status, 200, "{}", read.text());
    drop(held);
    server.stop().await;
}
