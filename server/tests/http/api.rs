//! Tables and rows as JSON.

use serde_json::json;

use crate::server::Server;

const SHOP: &str = "
    CREATE SCHEMA shop;
    CREATE TYPE status AS ENUM ('open', 'paid');
    CREATE TABLE shop.region (country text, code int, PRIMARY KEY (country, code));
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text, code int,
        FOREIGN KEY (country, code) REFERENCES shop.region);
    CREATE TABLE orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers,
        status status NOT NULL DEFAULT 'open', total numeric, at timestamptz, note text,
        extra jsonb);
    CREATE TABLE nokey (n int);
    CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';
    INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bob');
    INSERT INTO orders (customer, status, total, at, note, extra) VALUES
        (1, 'open', 12345678901234567890.12345678901234567890, '2024-02-29 12:00:00.5+02', '', NULL),
        (2, 'paid', NULL, 'infinity', NULL, '{\"b\": 1, \"a\": [1.0, \"x\"]}'),
        (1, 'paid', 'NaN', NULL, 'a \"quoted\" word', '3');
    INSERT INTO nokey SELECT generate_series(1, 3);
    SELECT rowcast.watch('orders');";

#[tokio::test]
async fn tables_are_listed_and_described() {
    let server = Server::new(SHOP).await;
    let list = server.json("/api/tables").await;
    let tables: Vec<(&str, &str, bool)> = list["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| {
            let text = |name: &str| table[name].as_str().unwrap();
            (
                text("schema"),
                text("name"),
                table["live"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        tables,
        [
            ("public", "customers", false),
            ("public", "nokey", false),
            ("public", "open_orders", true),
            ("public", "orders", true),
            ("shop", "region", false),
        ]
    );
    let orders = server.json("/api/tables/orders").await;
    assert_eq!(orders["key"], json!(["id"]));
    assert_eq!(orders["live"], json!(true));
    assert_eq!(orders["kind"], json!("table"));
    let view = server.json("/api/tables/open_orders").await;
    assert_eq!((&view["kind"], &view["key"]), (&json!("view"), &json!([])));
    assert_eq!(orders["columns"][2]["type"], json!("status"));
    assert_eq!(orders["columns"][2]["labels"], json!(["open", "paid"]));
    assert_eq!(
        orders["foreign_keys"],
        json!([{"name": "orders_customer_fkey", "columns": ["customer"], "references": {"table": "customers", "columns": ["id"]}}])
    );
    let customers = server.json("/api/tables/public.customers").await;
    assert_eq!(
        customers["foreign_keys"][0]["references"],
        json!({"table": "shop.region", "columns": ["country", "code"]})
    );
    assert_eq!(server.json("/api/tables/nokey").await["key"], json!([]));
    let unknown = server.error("/api/tables/region").await;
    assert_eq!((unknown.0, &*unknown.1), (404, "unknown_table"));
    server.stop().await;
}

#[tokio::test]
async fn rows_have_every_digit_and_their_key() {
    let server = Server::new(SHOP).await;
    let answer = server.get("/api/rows/orders?order=id&limit=2").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = answer.text();
    assert!(
        text.contains(
            r#"{"key":[1],"cells":[1,1,"open",12345678901234567890.12345678901234567890,"2024-02-29T10:00:00.5+00:00","",null]}"#
        ),
        "{text}"
    );
    assert!(
        text.contains(r#""infinity",null,{"a": [1.0, "x"], "b": 1}]"#),
        "{text}"
    );
    let rows = server.json("/api/rows/orders?order=id&limit=2").await;
    assert_eq!(rows["total"], json!(3));
    assert_eq!(rows["key"], json!(["id"]));
    assert_eq!(rows["columns"].as_array().unwrap().len(), 7);
    assert!(rows["cursor"].as_str().unwrap().len() > 17);
    let ids = |rows: &serde_json::Value| -> Vec<i64> {
        let rows = rows["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| row["key"][0].as_i64().unwrap())
            .collect()
    };
    for (query, expected) in [
        ("status=eq.paid&order=id.desc", vec![3, 2]),
        ("total=eq.NaN", vec![3]),
        ("order=total.desc,id", vec![2, 3, 1]),
        ("order=total.asc.nullsfirst", vec![2, 1, 3]),
        ("limit=1&offset=1&order=id", vec![2]),
        ("offset=7", vec![]),
        ("limit=0", vec![]),
        ("or=(id.eq.1,note.like.*quoted*)&order=id", vec![1, 3]),
        ("q=QUOTED%20word", vec![3]),
        ("q=quoted+word", vec![3]),
        ("note=eq.", vec![1]),
        ("", vec![1, 2, 3]),
    ] {
        let rows = server.json(&format!("/api/rows/orders?{query}")).await;
        assert_eq!(ids(&rows), expected, "{query}");
    }
    let selected = server
        .json("/api/rows/orders?select=note,id&order=id&limit=1")
        .await;
    assert_eq!(selected["rows"], json!([{"key": [1], "cells": ["", 1]}]));
    assert_eq!(selected["columns"][0]["name"], json!("note"));
    let embedded = server
        .json("/api/rows/orders?select=id,by:customers(name)&by.name=eq.Bob&order=by(name)")
        .await;
    assert_eq!(embedded["rows"], json!([{"key": [2], "cells": [2, "Bob"]}]));
    assert_eq!(embedded["total"], json!(1));
    assert_eq!(
        embedded["columns"][1],
        json!({"name": "by.name", "type": "text", "kind": "text", "nullable": true,
               "has_default": false, "generated": true, "labels": [], "references": null,
               "comment": null})
    );
    let keyless = server.json("/api/rows/nokey?order=n.desc").await;
    assert_eq!(keyless["key"], json!([]));
    assert_eq!(keyless["rows"][0]["cells"], json!([3]));
    assert_eq!(keyless["rows"][0]["key"][1], json!(0));
    let view = server.json("/api/rows/open_orders").await;
    assert_eq!(view["total"], json!(1));
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_query_is_answered_with_400_and_the_part_that_is_wrong() {
    let server = Server::new(SHOP).await;
    for (query, code, named) in [
        ("nosuch=eq.1", "unknown_column", "nosuch"),
        ("id=xx.1", "unknown_operator", "xx"),
        ("id=eq.x", "invalid_value", "id"),
        ("id=eq.1%00", "invalid_value", "id"),
        ("status=eq.lost", "invalid_value", "status"),
        ("total=gt.1e", "invalid_value", "total"),
        ("select=nobody(name)", "unknown_relation", "nobody"),
        ("select=customers(nmae)", "unknown_column", "nmae"),
        ("select=customers(name", "invalid_select", "customers(name"),
        ("id=1", "", "id"),
        ("limit=1001", "invalid_limit", "1001"),
        ("limit=-1", "invalid_limit", "-1"),
        ("limit=1&limit=2", "invalid_limit", "limit"),
        ("offset=x", "invalid_offset", "x"),
        ("order=id&order=note", "invalid_order", "order"),
        ("order=id.up", "invalid_order", "up"),
        ("or=(id.eq.1", "invalid_filter", "or"),
        ("or=()", "invalid_filter", "()"),
        ("select=nosuch", "unknown_column", "nosuch"),
        ("id=like.1", "invalid_operator", "id"),
        ("id=%FF", "", ""),
    ] {
        let (status, got, message) = server.error(&format!("/api/rows/orders?{query}")).await;
        assert_eq!(status, 400, "{query}: {message}");
        assert!(code.is_empty() || got == code, "{query}: {got}: {message}");
        assert!(message.contains(named), "{query}: {message}");
        assert!(
            !message.to_uppercase().contains("SELECT "),
            "{query}: {message}"
        );
    }
    let nested = |depth: usize| {
        let (open, close) = ("or(".repeat(depth - 1), ")".repeat(depth - 1));
        format!("/api/rows/orders?or=({open}id.eq.1{close})")
    };
    assert_eq!(server.json(&nested(16)).await["total"], json!(1));
    let (status, code, _) = server.error(&nested(17)).await;
    assert_eq!((status, &*code), (400, "query_too_deep"));
    for path in [
        "/api/rows/nosuch",
        "/api/rows/nosuch?id=eq.1",
        "/api/rows/pg_catalog.pg_class",
        "/api/rows/rowcast.change_log",
        "/api/rows/orders%00",
        "/api/rows/%22orders%22",
        "/api/tables/orders;drop",
    ] {
        let (status, code, _) = server.error(path).await;
        assert_eq!((status, &*code), (404, "unknown_table"), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_table_that_is_altered_is_read_as_it_is_now() {
    let server =
        Server::new("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 2)")
            .await;
    for (ddl, cells) in [
        ("SELECT", json!([1, 2])),
        (
            "ALTER TABLE t ADD COLUMN b text DEFAULT 'x'",
            json!([1, 2, "x"]),
        ),
        ("ALTER TABLE t ALTER a TYPE text", json!([1, "2", "x"])),
        ("ALTER TABLE t RENAME a TO c", json!([1, "2", "x"])),
        ("ALTER TABLE t DROP COLUMN c", json!([1, "x"])),
        (
            "DROP TABLE t; CREATE TABLE t (z date PRIMARY KEY); INSERT INTO t VALUES ('2024-01-01')",
            json!(["2024-01-01"]),
        ),
    ] {
        server.database.execute(ddl).await;
        let rows = server.json("/api/rows/t").await;
        assert_eq!(rows["rows"][0]["cells"], cells, "{ddl}");
    }
    server.stop().await;
}

#[tokio::test]
async fn other_methods_and_addresses_are_answered_as_json() {
    let server = Server::new(SHOP).await;
    for (method, path, status, code) in [
        ("PUT", "/api/rows/orders", 405, "method_not_allowed"),
        ("GET", "/api/rows/orders/1", 405, "method_not_allowed"),
        ("POST", "/api/rows/orders/1", 405, "method_not_allowed"),
        ("PUT", "/api/tables", 405, "method_not_allowed"),
        ("GET", "/api/nosuch", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("GET", "/api/rows", 404, "not_found"),
    ] {
        let answer = server.send(method, path, &[]).await;
        let (got, got_code, _) = answer.error();
        assert_eq!((got, &*got_code), (status, code), "{method} {path}");
    }
    let head = server.send("HEAD", "/api/rows/orders", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    server.stop().await;
}

#[tokio::test]
async fn a_view_that_fails_for_a_row_is_no_fault_of_the_query() {
    let server = Server::new(
        "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 0);
         CREATE VIEW share AS SELECT id, 10 / n AS part FROM t;",
    )
    .await;
    let (status, code, message) = server.error("/api/rows/share").await;
    assert_eq!((status, &*code), (500, "failing_row"), "{message}");
    assert_eq!(server.json("/api/rows/share?id=eq.1").await["total"], 1);
    let (status, code, _) = server.error("/api/rows/share?part=eq.x").await;
    assert_eq!((status, &*code), (400, "invalid_value"));
    server.stop().await;
}
