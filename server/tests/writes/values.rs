//! Values of every kind, in and out.

use serde_json::{Value, json};

use crate::{assert_refused, server::Server};

const KINDS: &str = r#"
    CREATE TYPE colour AS ENUM ('red', 'light green');
    CREATE TYPE place AS (street text, no int);
    CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
    COMMENT ON CONSTRAINT positive_check ON DOMAIN positive IS 'it must be more than nothing';
    CREATE DOMAIN given AS text NOT NULL;
    CREATE TABLE t (
        id int PRIMARY KEY, big bigint, n numeric, m numeric(5,2), f float8, g real, ok boolean,
        s text, v varchar(3), c char(4), j json, b jsonb, tags text[], grid int[][], raw bytea,
        colour colour, place place, pos positive, span int4range, d date, at timestamptz,
        ts timestamp, tm time, iv interval, u uuid, ip inet, bits bit(3), xml xml, money money);
    INSERT INTO t (id) VALUES (1);"#;

#[tokio::test]
async fn what_is_written_is_what_is_read_and_what_may_be_expected() {
    let server = Server::new(KINDS).await;
    for (column, written, read) in [
        ("big", "9007199254740993", "9007199254740993"),
        ("big", "\"-9223372036854775808\"", "-9223372036854775808"),
        (
            "n",
            "12345678901234567890.12345678901234567890",
            "12345678901234567890.12345678901234567890",
        ),
        ("n", "1.10", "1.10"),
        ("n", "\"NaN\"", "\"NaN\""),
        ("n", "1e3", "1000"),
        ("m", "1.005", "1.01"),
        ("f", "0.1", "0.1"),
        ("f", "\"-Infinity\"", "\"-Infinity\""),
        ("g", "1.1", "1.1"),
        ("ok", "true", "true"),
        ("ok", "\"no\"", "false"),
        ("s", r#""a\"b\\c\u00e9\n""#, "\"a\\\"b\\\\cé\\n\""),
        ("s", "\"\"", "\"\""),
        ("s", "\"null\"", "\"null\""),
        ("v", "\"äöü\"", "\"äöü\""),
        ("c", "\"ab\"", "\"ab  \""),
        (
            "j",
            r#"{"b": 1, "a": [1.0, "x"]}"#,
            r#"{"a": [1.0, "x"], "b": 1}"#,
        ),
        ("b", r#"{"b":1,"a":[1.50]}"#, r#"{"a": [1.50], "b": 1}"#),
        ("b", "\"text\"", "\"text\""),
        ("b", "12.50", "12.50"),
        ("b", "true", "true"),
        ("tags", r#"["a,b", null, "{c}"]"#, r#"["a,b", null, "{c}"]"#),
        ("tags", r#""{x,\"y z\"}""#, r#"["x", "y z"]"#),
        ("tags", "[]", "[]"),
        ("grid", "[[1,2],[3,4]]", "[[1, 2], [3, 4]]"),
        ("raw", r#""\\x00ff""#, r#""\\x00ff""#),
        ("colour", "\"light green\"", "\"light green\""),
        (
            "place",
            r#"{"street": "a \"b\"", "no": 7}"#,
            r#"{"no": 7, "street": "a \"b\""}"#,
        ),
        ("pos", "0.5", "0.5"),
        ("span", "\"[1,5]\"", "\"[1,6)\""),
        ("d", "\"2024-02-29\"", "\"2024-02-29\""),
        (
            "at",
            "\"2024-02-29T12:00:00.25+02:00\"",
            "\"2024-02-29T10:00:00.25+00:00\"",
        ),
        (
            "at",
            "\"2024-02-29 12:00\"",
            "\"2024-02-29T12:00:00+00:00\"",
        ),
        ("ts", "\"2024-02-29T12:00:00\"", "\"2024-02-29T12:00:00\""),
        ("ts", "\"infinity\"", "\"infinity\""),
        ("tm", "\"23:59:59.5\"", "\"23:59:59.5\""),
        ("iv", "\"1 day 02:00:00\"", "\"1 day 02:00:00\""),
        (
            "u",
            "\"00112233-4455-6677-8899-AABBCCDDEEFF\"",
            "\"00112233-4455-6677-8899-aabbccddeeff\"",
        ),
        ("ip", "\"10.0.0.1/8\"", "\"10.0.0.1/8\""),
        ("bits", "\"101\"", "\"101\""),
        ("xml", "\"<a>b</a>\"", "\"<a>b</a>\""),
        ("money", "\"$1.50\"", "\"$1.50\""),
        ("s", "null", "null"),
        ("b", "null", "null"),
    ] {
        let body = format!("{{\"set\":{{\"{column}\":{written}}}}}");
        let answer = server.write("PATCH", "/api/rows/t/1", &body).await;
        assert_eq!(answer.status, 200, "{column} {written}: {}", answer.text());
        let member = format!("\"{column}\":{read}");
        assert!(
            answer.text().contains(&member),
            "{column} {written}: {}",
            answer.text()
        );
        // What is shown can be expected, byte for byte as it is shown.
        let body = format!("{{\"set\":{{\"ok\":null}},\"expect\":{{\"{column}\":{read}}}}}");
        if column != "ok" {
            let answer = server.write("PATCH", "/api/rows/t/1", &body).await;
            assert_eq!(answer.status, 200, "{column} {read}: {}", answer.text());
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_expected_is_compared_by_meaning_and_exactly() {
    let server = Server::new(KINDS).await;
    server
        .database
        .execute(
            r#"UPDATE t SET n = 1.0, m = 1.01, s = 'a', j = '{"b":1, "a":2}', b = 'null', c = 'ab',
                 f = 0.1, at = '2024-01-01 12:00+00', big = 9007199254740993"#,
        )
        .await;
    for (column, expected, holds) in [
        ("n", "1.00", true),
        ("n", "1", true),
        ("n", "1.0000000000000000000000000001", false),
        ("m", "1.005", false),
        ("s", "\"a\"", true),
        ("s", "\"A\"", false),
        ("s", "\"a \"", false),
        ("s", "null", false),
        ("v", "null", true),
        ("v", "\"\"", false),
        ("v", "\"much too long\"", false),
        ("j", r#"{"a":2,"b":1.0}"#, true),
        ("j", r#"{"a":2}"#, false),
        // To whoever has seen it, this null is like any other.
        ("b", "null", true),
        ("c", "\"ab\"", true),
        ("c", "\"abc\"", false),
        ("f", "0.1", true),
        ("f", "0.10000000000000002", false),
        ("at", "\"2024-01-01T13:00:00+01:00\"", true),
        ("big", "9007199254740992", false),
    ] {
        let body = format!("{{\"set\":{{\"ok\":true}},\"expect\":{{\"{column}\":{expected}}}}}");
        let (status, body) = server.write("PATCH", "/api/rows/t/1", &body).await.json();
        if holds {
            assert_eq!(status, 200, "{column} {expected}: {body}");
        } else {
            assert_eq!(status, 409, "{column} {expected}: {body}");
            assert_eq!(body["changed"], json!([column]), "{expected}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn values_that_do_not_fit_are_named_by_column() {
    let server = Server::new(KINDS).await;
    for (column, value, code, message) in [
        (
            "big",
            "\"x\"",
            "invalid_value",
            "\"big\" takes a whole number, not \"x\"",
        ),
        (
            "big",
            "1.5",
            "invalid_value",
            "\"big\" takes a whole number, not \"1.5\"",
        ),
        (
            "big",
            "9223372036854775808",
            "invalid_value",
            "the number is out of range for \"big\", a bigint",
        ),
        (
            "m",
            "1000",
            "invalid_value",
            "the number is out of range for \"m\", a numeric(5,2)",
        ),
        (
            "ok",
            "\"maybe\"",
            "invalid_value",
            "\"ok\" takes true or false, not \"maybe\"",
        ),
        (
            "v",
            "\"abcd\"",
            "invalid_value",
            "the text is too long for \"v\", a character varying(3)",
        ),
        (
            "colour",
            "\"blue\"",
            "invalid_value",
            "\"colour\" takes one of red, light green, not \"blue\"",
        ),
        (
            "d",
            "\"2024-02-30\"",
            "invalid_value",
            "\"d\" takes a date such as 2026-03-02, not \"2024-02-30\"",
        ),
        (
            "tags",
            "{\"a\": 1}",
            "invalid_value",
            "\"tags\" takes a list, text[], not \"{\"a\": 1}\"",
        ),
        (
            "s",
            "\"a\\u0000b\"",
            "invalid_value",
            "\"s\" takes text, not \"a\0b\"",
        ),
        (
            "pos",
            "-1",
            "check",
            "\"pos\": it must be more than nothing",
        ),
    ] {
        let body = format!("{{\"set\":{{\"g\":1,\"{column}\":{value}}}}}");
        let status = if code == "check" { 422 } else { 400 };
        let request = ("PATCH", "/api/rows/t/1", &*body);
        assert_refused(&server, request, (status, code, message), json!([column])).await;
    }
    // All that are wrong are named.
    for (method, path, body, code, columns) in [
        (
            "POST",
            "/api/rows/t",
            r#"{"id":"x","n":"y","s":"fine","d":"z"}"#,
            "invalid_value",
            json!(["id", "n", "d"]),
        ),
        (
            "PATCH",
            "/api/rows/t/1",
            r#"{"set":{"ok":true},"expect":{"n":"y"}}"#,
            "invalid_value",
            json!(["n"]),
        ),
        (
            "PATCH",
            "/api/rows/t/1",
            r#"{"set":{"nosuch":1,"ok":true,"nor":2}}"#,
            "unknown_column",
            json!(["nosuch", "nor"]),
        ),
    ] {
        let (status, answer) = server.write(method, path, body).await.json();
        assert_eq!(
            (status, &answer["error"]["code"], &answer["columns"]),
            (400, &json!(code), &columns),
            "{body}: {answer}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn what_the_database_computes_is_not_written() {
    let server = Server::new(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             other int GENERATED BY DEFAULT AS IDENTITY, a int,
             twice int GENERATED ALWAYS AS (a * 2) STORED);",
    )
    .await;
    let (status, body) = server
        .write("POST", "/api/rows/t", r#"{"id": 7, "a": 1, "twice": 2}"#)
        .await
        .json();
    assert_eq!(
        (status, &body["error"]["code"]),
        (422, &json!("generated_column"))
    );
    assert_eq!(body["columns"], json!(["id", "twice"]));
    let answer = server
        .write("POST", "/api/rows/t", r#"{"other": 7, "a": 1}"#)
        .await;
    assert_eq!(answer.text(), r#"{"id":1,"other":7,"a":1,"twice":2}"#);
    let (status, body) = server
        .write("PATCH", "/api/rows/t/1", r#"{"set":{"twice":3}}"#)
        .await
        .json();
    assert_eq!((status, &body["columns"]), (422, &json!(["twice"])));
    // But what it has computed may be expected.
    let answer = server
        .write(
            "PATCH",
            "/api/rows/t/1",
            r#"{"set":{"a":5},"expect":{"id":1,"twice":2}}"#,
        )
        .await;
    assert_eq!(answer.json().1["twice"], json!(10));
    server.stop().await;
}

#[tokio::test]
async fn types_of_extensions_and_collations_are_written() {
    let server = Server::new(
        "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE t (id int PRIMARY KEY, s text COLLATE folded);
         INSERT INTO t VALUES (1, 'Abc');",
    )
    .await;
    // Equal to the column's collation, but not what the writer saw.
    let body = r#"{"set":{"s":"x"},"expect":{"s":"abc"}}"#;
    let (status, body): (u16, Value) = server.write("PATCH", "/api/rows/t/1", body).await.json();
    assert_eq!((status, &body["changed"]), (409, &json!(["s"])));
    let body = r#"{"set":{"s":"abc"},"expect":{"s":"Abc"}}"#;
    let answer = server.write("PATCH", "/api/rows/t/1", body).await;
    assert_eq!(answer.text(), r#"{"id":1,"s":"abc"}"#);
    server.stop().await;
}
