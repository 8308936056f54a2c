//! What only newer versions of PostgreSQL have.

use serde_json::json;

use crate::{
    cluster::{Cluster, Database},
    server::Server,
    socket::Socket,
};

async fn start(tables: &str) -> (Database, Server) {
    let database = Cluster::shared().database().await;
    Server::start(&database.url).await.stop().await;
    database.execute(tables).await;
    let server = Server::start(&database.url).await;
    (database, server)
}

#[tokio::test]
async fn a_column_that_is_computed_when_it_is_read_is_live() {
    if !Cluster::shared().has(18, "virtual generated columns") {
        return;
    }
    let (database, server) = start(
        "CREATE TABLE t (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) VIRTUAL); \
         INSERT INTO t SELECT g, g FROM generate_series(1, 5) g; SELECT rowcast.watch('t')",
    )
    .await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket
        .subscribe(1, "t", "twice=gte.8&order=twice.desc")
        .await;
    assert_eq!(list["rows"][0]["cells"], json!([5, 5, 10]));
    assert_eq!(list["rows"].as_array().unwrap().len(), 2);
    database.execute("UPDATE t SET n = 50 WHERE id = 1").await;
    let patch = socket.next("patch").await;
    assert_eq!(patch["ops"].as_array().unwrap().len(), 1, "{patch}");
    assert_eq!(patch["ops"][0]["op"], "insert");
    assert_eq!(patch["ops"][0]["cells"], json!([1, 50, 100]));
    // Another expression gives rows other values though none is written.
    database
        .execute("ALTER TABLE t ALTER COLUMN twice SET EXPRESSION AS (n * 3)")
        .await;
    let list = socket.next_of(1, "snapshot").await;
    assert_eq!(list["rows"][0]["cells"], json!([1, 50, 150]));
    assert_eq!(list["rows"].as_array().unwrap().len(), 4, "{list}");
}

#[tokio::test]
async fn a_key_with_a_period_tells_rows_apart_and_one_to_periods_is_no_reference() {
    if !Cluster::shared().has(18, "keys without overlaps") {
        return;
    }
    let (database, server) = start(
        "CREATE EXTENSION btree_gist; \
         CREATE TABLE price (item int, valid daterange, cents int, \
             PRIMARY KEY (item, valid WITHOUT OVERLAPS)); \
         CREATE TABLE stay (id int PRIMARY KEY, item int, valid daterange, \
             FOREIGN KEY (item, PERIOD valid) REFERENCES price (item, PERIOD valid)); \
         INSERT INTO price VALUES (1, '[2020-01-01,2021-01-01)', 10), \
             (1, '[2021-01-01,2022-01-01)', 20); \
         INSERT INTO stay VALUES (1, 1, '[2020-06-01,2021-06-01)'); \
         SELECT rowcast.watch('price'), rowcast.watch('stay')",
    )
    .await;
    let mut socket = Socket::open(&server.address).await;
    let list = socket.subscribe(1, "price", "order=cents").await;
    assert_eq!(list["key"], json!(["item", "valid"]));
    database
        .execute("UPDATE price SET cents = 30 WHERE cents = 20")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": [1, "[2021-01-01,2022-01-01)"], "cells": {"cents": 30}}])
    );
    // Two prices hold during the stay, so there is none that it refers to.
    let message = json!({"type": "subscribe", "id": 2, "table": "stay",
        "query": "select=id,price(cents)&order=id"});
    socket.send(&message.to_string()).await;
    socket.next_of(2, "error").await;
}
