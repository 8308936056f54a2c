//! Messages and frames that are wrong, and how a connection ends.

use serde_json::json;

use crate::{
    event_stream::EventStream,
    frames::{Frames, frame},
    socket::Socket,
    start,
};

#[tokio::test]
async fn what_is_wrong_is_answered_and_the_connection_stays() {
    let (_, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    for (message, id, code) in [
        ("not json", json!(0), "invalid_message"),
        (r#"{"type":"dance","id":3}"#, json!(3), "invalid_message"),
        (
            r#"{"type":"subscribe","id":4}"#,
            json!(4),
            "invalid_message",
        ),
        (
            r#"{"type":"subscribe","id":0,"table":"t","query":""}"#,
            json!(0),
            "invalid_message",
        ),
        (
            r#"{"type":"subscribe","id":-1,"table":"t"}"#,
            json!(0),
            "invalid_message",
        ),
        (
            r#"{"type":"subscribe","id":5,"table":"nowhere","query":""}"#,
            json!(5),
            "unknown_table",
        ),
        (
            r#"{"type":"subscribe","id":6,"table":"t","query":"nope=eq.1"}"#,
            json!(6),
            "unknown_column",
        ),
        (
            r#"{"type":"subscribe","id":7,"table":"t","query":"id=eq.x"}"#,
            json!(7),
            "invalid_value",
        ),
        (
            r#"{"type":"unsubscribe","id":8}"#,
            json!(8),
            "unknown_subscription",
        ),
    ] {
        socket.send(message).await;
        let answer = socket.next("error").await;
        assert_eq!(answer["error"]["code"], code, "{message}: {answer}");
        assert_eq!(answer["id"], id, "{message}: {answer}");
    }
    socket.subscribe(5, "t", "").await;
    socket
        .send(r#"{"type":"subscribe","id":5,"table":"t","query":""}"#)
        .await;
    assert_eq!(socket.next("error").await["error"]["code"], "id_in_use");
    socket.send(r#"{"type":"unsubscribe","id":5}"#).await;
    socket.subscribe(5, "t", "limit=1").await;
}

#[tokio::test]
async fn a_message_too_large_ends_its_connection_and_no_other() {
    let (database, server) = start().await;
    let mut good = Socket::open(&server.address).await;
    good.subscribe(1, "t", "id=eq.1").await;
    let mut bad = Socket::open(&server.address).await;
    bad.send(&"x".repeat(100_000)).await;
    assert!(bad.is_closed().await);
    database.execute("UPDATE t SET n = -1 WHERE id = 1").await;
    good.next("patch").await;
}

#[tokio::test]
async fn messages_come_in_pieces_and_with_pings_between_them() {
    let (_, server) = start().await;
    let message = br#"{"type":"subscribe","id":1,"table":"t","query":"id=eq.1"}"#;
    let (begin, rest) = message.split_at(20);
    // The beginning comes with the request, the rest byte by byte.
    let mut client = Frames::open(&server.address, &frame(0x01, begin)).await;
    let ping = frame(0x89, b"are you there");
    let end = frame(0x80, rest);
    for byte in ping.iter().chain(&end) {
        client.send(&[*byte]).await;
    }
    let pong = client.next().await;
    assert_eq!((pong.opcode, &*pong.payload), (10, &b"are you there"[..]));
    let snapshot = client.next().await;
    assert_eq!(snapshot.opcode, 1);
    assert!(
        snapshot
            .payload
            .starts_with(br#"{"type":"snapshot","id":1,"#)
    );
    client.send(&frame(0x88, &1000u16.to_be_bytes())).await;
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn who_breaks_the_protocol_is_told_so_and_cut_off() {
    let (_, server) = start().await;
    let large = frame(0x81, &[b'x'; 40_000]);
    for (what, bytes, code) in [
        ("no mask", vec![0x81, 1, b'x'], 1002),
        ("a reserved bit", frame(0xc1, b"x"), 1002),
        ("an end without a beginning", frame(0x80, b"x"), 1002),
        (
            "two beginnings",
            [frame(0x01, b"x"), frame(0x01, b"x")].concat(),
            1002,
        ),
        ("no text", frame(0x81, &[0xff]), 1007),
        (
            "too much in pieces",
            [frame(0x01, &[b'x'; 40_000]), frame(0x80, &[b'x'; 40_000])].concat(),
            1009,
        ),
        (
            "too much at once",
            [&[0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0], &*large].concat(),
            1009,
        ),
    ] {
        let mut client = Frames::open(&server.address, &[]).await;
        client.send(&bytes).await;
        assert_eq!(client.close_code().await, code, "{what}");
    }
}

#[tokio::test]
async fn a_page_of_another_build_is_told_to_load_itself_again() {
    let (_, server) = start().await;
    for query in [
        "?encoding=postcard",
        "?encoding=postcard&wire=0&build=",
        "?encoding=postcard&wire=1&build=another",
    ] {
        let mut socket = Socket::open_with(&server.address, query).await;
        assert_eq!(socket.close_code().await, Some(4001), "{query}");
    }
}

#[tokio::test]
async fn a_stopping_server_tells_its_clients_and_ends_in_time() {
    let (_, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    socket.subscribe(1, "t", "").await;
    let mut stream = EventStream::open(&server.address, "t", None).await;
    stream.next("snapshot").await;
    let (code, ()) = tokio::join!(socket.close_code(), server.stop());
    assert_eq!(code, Some(1001));
    assert!(stream.is_over().await);
}
