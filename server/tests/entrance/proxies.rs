//! Whom a request is of, where something stands before the server.

use crate::{
    cluster::Cluster,
    people::{account, bearer, session, sign_in},
    server::Server,
};

/// A server that trusts these proxies.
async fn behind(proxies: Option<&str>) -> Server {
    let database = Cluster::shared().database().await;
    let proxies = proxies.map(str::to_owned);
    Server::set(database, "", |settings| {
        settings.entrance.trusted_proxy = proxies
    })
    .await
}

/// Signs in with these headers: the address that the session is of, and whether its cookie is for
/// encrypted connections alone.
async fn seen(server: &Server, headers: &[(&str, &str)]) -> (String, bool) {
    let answer = sign_in(server, "ann", headers).await;
    let cookie = session(&answer);
    let is_secure = cookie.starts_with("__Host-rowcast=");
    assert_eq!(is_secure, cookie.contains("; Secure"));
    let pair = cookie.split(';').next().unwrap();
    let mut all = vec![("Cookie", pair)];
    all.extend_from_slice(headers);
    let (status, body) = server.send("GET", "/api/sessions", &all).await.json();
    assert_eq!(status, 200);
    let sessions = body["sessions"].as_array().unwrap();
    let own = sessions.iter().find(|session| session["current"] == true);
    let address = own.unwrap()["address"].as_str().unwrap();
    (address.split('/').next().unwrap().to_owned(), is_secure)
}

const FOR: &str = "X-Forwarded-For";
const PROTO: &str = "X-Forwarded-Proto";

#[tokio::test]
async fn a_trusted_proxy_is_believed_who_is_behind_it() {
    let server = behind(Some("127.0.0.1, 10.0.0.0/8, ::1")).await;
    account(&server, "ann", &[]).await;
    let long = format!("{}9.9.9.9", "1.1.1.1, ".repeat(1000));
    let ours = "10.0.0.1, ".repeat(1000) + "10.0.0.1";
    for (headers, address, is_secure) in [
        (&[][..], "127.0.0.1", false),
        (&[(FOR, "9.9.9.9")], "9.9.9.9", false),
        (&[(FOR, "9.9.9.9"), (PROTO, "https")], "9.9.9.9", true),
        (&[(FOR, "9.9.9.9"), (PROTO, "http")], "9.9.9.9", false),
        (&[(FOR, "6.6.6.6, 9.9.9.9, 10.1.1.1")], "9.9.9.9", false),
        (&[(FOR, "6.6.6.6"), (FOR, "9.9.9.9")], "9.9.9.9", false),
        (&[(FOR, "127.0.0.1, 9.9.9.9:80")], "9.9.9.9", false),
        (&[(FOR, "[2001:db8::7]:4711")], "2001:db8::7", false),
        (&[(FOR, &long)], "9.9.9.9", false),
        // What can't be read is nobody's address, and not the proxy's.
        (&[(FOR, &ours)], "0.0.0.0", false),
        (&[(FOR, "garbage")], "0.0.0.0", false),
        (&[(FOR, "")], "0.0.0.0", false),
        (
            &[(FOR, "9.9.9.9"), (PROTO, "https"), (PROTO, "http")],
            "9.9.9.9",
            false,
        ),
    ] {
        let shown: String = format!("{headers:?}").chars().take(100).collect();
        let expected = (address.to_owned(), is_secure);
        assert_eq!(seen(&server, headers).await, expected, "{shown}");
    }
    server.stop().await;
}

#[tokio::test]
async fn anybody_else_is_not() {
    for proxies in [None, Some("10.0.0.0/8, ::1, 127.0.0.2")] {
        let server = behind(proxies).await;
        account(&server, "ann", &[]).await;
        for headers in [
            &[(FOR, "9.9.9.9"), (PROTO, "https")][..],
            &[(FOR, "10.0.0.1")],
            &[(FOR, "garbage"), (PROTO, "garbage")],
        ] {
            let told = seen(&server, headers).await;
            assert_eq!(told, ("127.0.0.1".to_owned(), false), "{headers:?}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn what_is_for_this_machine_is_not_for_who_comes_through_a_proxy_on_it() {
    for proxies in [None, Some("127.0.0.1")] {
        let server = behind(proxies).await;
        assert_eq!(server.get("/metrics").await.status, 200);
        for client in ["9.9.9.9", "127.0.0.1", "garbage", ""] {
            let answer = server.send("GET", "/metrics", &[(FOR, client)]).await;
            assert_eq!(answer.status, 401, "{client}");
        }
        let ann = account(&server, "ann", &[]).await;
        let bearer = bearer(&server, ann).await;
        let headers = [(FOR, "9.9.9.9"), ("Authorization", bearer.as_str())];
        assert_eq!(server.send("GET", "/metrics", &headers).await.status, 200);
        server.stop().await;
    }
}
