//! Lists with columns of the rows that theirs refer to.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Database},
    moving::rereads,
    server::Server,
    socket::Socket,
};

const TABLES: &str = "CREATE TABLE people (id int PRIMARY KEY, name text, age int); \
    CREATE TABLE tasks (id int PRIMARY KEY, title text, \
        assignee int REFERENCES people ON DELETE SET NULL ON UPDATE CASCADE, \
        parent int REFERENCES tasks ON DELETE SET NULL); \
    INSERT INTO people SELECT g, 'person ' || g, g FROM generate_series(1, 9) g; \
    INSERT INTO tasks SELECT g, 'task ' || g, 1 + g % 8, nullif(g / 2, 0) \
        FROM generate_series(1, 40) g; \
    SELECT rowcast.watch('tasks'), rowcast.watch('people')";

async fn start() -> (Database, Server) {
    let database = Cluster::shared().database().await;
    Server::start(&database.url).await.stop().await;
    database.execute(TABLES).await;
    let server = Server::start(&database.url).await;
    (database, server)
}

/// What a client holds.
struct List {
    id: u32,
    columns: Vec<Value>,
    rows: Vec<Value>,
    total: Value,
}

impl List {
    async fn open(socket: &mut Socket, id: u32, query: &str) -> Self {
        let mut list = Self {
            id,
            columns: Vec::new(),
            rows: Vec::new(),
            total: Value::Null,
        };
        let snapshot = socket.subscribe(id, "tasks", query).await;
        list.take(&snapshot);
        list
    }

    fn take(&mut self, message: &Value) {
        if message["id"] != self.id {
            return;
        }
        match message["type"].as_str().unwrap() {
            "snapshot" => {
                let columns = message["columns"].as_array().unwrap();
                self.columns = columns
                    .iter()
                    .map(|column| column["name"].clone())
                    .collect();
                self.rows = message["rows"].as_array().unwrap().clone();
            }
            "patch" => {
                for op in message["ops"].as_array().unwrap() {
                    self.step(op);
                }
            }
            "reset" => return,
            other => panic!("{other}: {message}"),
        }
        self.total = message["total"].clone();
    }

    fn step(&mut self, op: &Value) {
        let at = self.rows.iter().position(|row| row["key"] == op["key"]);
        let index = |name: &str| op[name].as_u64().unwrap() as usize;
        match op["op"].as_str().unwrap() {
            "insert" => {
                assert_eq!(at, None, "a key that is there already: {op}");
                let row = json!({"key": op["key"], "cells": op["cells"]});
                self.rows.insert(index("at"), row);
            }
            "update" => {
                for (name, value) in op["cells"].as_object().unwrap() {
                    let column = self.columns.iter().position(|column| column == name);
                    self.rows[at.unwrap()]["cells"][column.unwrap()] = value.clone();
                }
            }
            "move" => {
                let row = self.rows.remove(at.unwrap());
                self.rows.insert(index("to"), row);
            }
            "remove" => drop(self.rows.remove(at.unwrap())),
            other => panic!("{other}"),
        }
    }

    fn cells(&self) -> Value {
        self.rows.iter().map(|row| row["cells"].clone()).collect()
    }

    /// Takes patches until the list is this one.
    async fn becomes(&mut self, socket: &mut Socket, cells: Value) {
        while self.cells() != cells {
            let message = socket.any().await;
            self.take(&message);
        }
    }
}

#[tokio::test]
async fn a_row_shows_what_it_refers_to_as_that_is_now() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let query = "select=id,by:people(name)&id=lte.2&order=id";
    let mut list = List::open(&mut socket, 1, query).await;
    assert_eq!(list.columns, ["id", "by.name"]);
    assert_eq!(list.cells(), json!([[1, "person 2"], [2, "person 3"]]));
    // A referenced row is renamed: that cell changes, and nothing else.
    database
        .execute("UPDATE people SET name = 'Bob' WHERE id = 2")
        .await;
    let patch = socket.next("patch").await;
    assert_eq!(
        patch["ops"],
        json!([{"op": "update", "key": [1], "cells": {"by.name": "Bob"}}])
    );
    list.take(&patch);
    // Another row is referred to, then none.
    database
        .execute("UPDATE tasks SET assignee = 2 WHERE id = 2")
        .await;
    list.becomes(&mut socket, json!([[1, "Bob"], [2, "Bob"]]))
        .await;
    database
        .execute("UPDATE tasks SET assignee = NULL WHERE id = 1")
        .await;
    list.becomes(&mut socket, json!([[1, null], [2, "Bob"]]))
        .await;
    // The key of what is referred to changes with the reference: nothing is seen of it.
    database
        .execute(
            "UPDATE people SET id = 200 WHERE id = 2; UPDATE tasks SET title = 'x' WHERE id = 1; \
                  UPDATE people SET name = 'Bert' WHERE id = 200",
        )
        .await;
    list.becomes(&mut socket, json!([[1, null], [2, "Bert"]]))
        .await;
    // What is referred to goes, and the references with it.
    database.execute("DELETE FROM people WHERE id = 200").await;
    list.becomes(&mut socket, json!([[1, null], [2, null]]))
        .await;
    assert_eq!(list.total, 2);
}

#[tokio::test]
async fn a_filter_on_what_is_referred_to_lets_rows_in_and_out() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let query = "select=id,by:people(name)&by.name=eq.Ann&order=id&limit=3";
    let mut list = List::open(&mut socket, 1, query).await;
    assert_eq!((list.cells(), &list.total), (json!([]), &json!(0)));
    database
        .execute("UPDATE people SET name = 'Ann' WHERE id = 2")
        .await;
    list.becomes(&mut socket, json!([[1, "Ann"], [9, "Ann"], [17, "Ann"]]))
        .await;
    assert_eq!(list.total, 5);
    database
        .execute("UPDATE tasks SET assignee = 3 WHERE id = 9")
        .await;
    list.becomes(&mut socket, json!([[1, "Ann"], [17, "Ann"], [25, "Ann"]]))
        .await;
    database
        .execute("UPDATE people SET name = NULL WHERE id = 2; UPDATE people SET name = 'Ann' WHERE id = 3")
        .await;
    list.becomes(&mut socket, json!([[2, "Ann"], [9, "Ann"], [10, "Ann"]]))
        .await;
    assert_eq!(list.total, 6);
}

#[tokio::test]
async fn an_order_by_what_is_referred_to_moves_rows() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let query = "select=id,by:people(age)&order=by(age).desc.nullslast,id&limit=2";
    let mut list = List::open(&mut socket, 1, query).await;
    assert_eq!(list.cells(), json!([[7, 8], [15, 8]]));
    database
        .execute("UPDATE people SET age = 100 WHERE id = 1")
        .await;
    list.becomes(&mut socket, json!([[8, 100], [16, 100]]))
        .await;
    database
        .execute(
            "UPDATE tasks SET assignee = 9 WHERE id = 40; UPDATE people SET age = 101 WHERE id = 9",
        )
        .await;
    list.becomes(&mut socket, json!([[40, 101], [8, 100]]))
        .await;
}

#[tokio::test]
async fn transactions_that_overlap_are_seen_when_they_commit() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let query =
        "select=id,by:people(name),parent(title)&or=(by.name.eq.new,parent.title.eq.new)&order=id";
    let mut list = List::open(&mut socket, 1, query).await;
    let (mut one, mut other) = (database.connect().await, database.connect().await);
    let run = async |connection: &mut sqlx::PgConnection, sql: &'static str| {
        sqlx::raw_sql(sql).execute(connection).await.unwrap();
    };
    run(
        &mut one,
        "BEGIN; UPDATE people SET name = 'new' WHERE id = 4",
    )
    .await;
    run(
        &mut other,
        "BEGIN; UPDATE tasks SET title = 'new' WHERE id = 4",
    )
    .await;
    run(
        &mut other,
        "UPDATE tasks SET assignee = 4 WHERE id = 1; COMMIT",
    )
    .await;
    let with_parent = json!([[8, "person 1", "new"], [9, "person 2", "new"]]);
    list.becomes(&mut socket, with_parent).await;
    run(&mut one, "DELETE FROM tasks WHERE id = 8; COMMIT").await;
    let all = json!([
        [1, "new", null],
        [3, "new", "task 1"],
        [9, "person 2", "new"],
        [11, "new", "task 5"],
        [19, "new", "task 9"],
        [27, "new", "task 13"],
        [35, "new", "task 17"]
    ]);
    list.becomes(&mut socket, all).await;
    assert_eq!(list.total, 7);
}

#[tokio::test]
async fn a_change_of_a_row_that_nothing_shown_refers_to_is_passed_over() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    List::open(&mut socket, 1, "select=id,people(name)&order=id&limit=3").await;
    socket.subscribe(2, "people", "").await;
    let before = rereads(&server).await;
    for (sql, more) in [
        ("UPDATE people SET name = 'x' WHERE id = 9", 0),
        ("UPDATE people SET age = 99 WHERE id = 2", 0),
        ("INSERT INTO people VALUES (10, 'y')", 0),
        ("UPDATE people SET name = 'z' WHERE id = 2", 1),
    ] {
        database.execute(sql).await;
        socket.next_of(2, "patch").await;
        assert_eq!(rereads(&server).await, before + more, "{sql}");
    }
    assert_eq!(
        socket.next_of(1, "patch").await["ops"],
        json!([{"op": "update", "key": [1], "cells": {"people.name": "z"}}])
    );
}

#[tokio::test]
async fn an_aggregate_of_related_rows_is_of_all_rows_of_the_query() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    // Two windows of one query: the one shows rows, the other adds up all of them.
    let query = "select=id,by:people(name)&order=id&limit=2";
    List::open(&mut socket, 1, query).await;
    let added = format!("{query}&aggregate=sum(by.age),count_by(by.name)&id=gt.0");
    let plain = format!("{query}&id=gt.0");
    List::open(&mut socket, 2, &plain).await;
    let snapshot = socket.subscribe(3, "tasks", &added).await;
    let sum = |message: &Value| {
        let aggregates = message["aggregates"].as_object().unwrap();
        aggregates
            .iter()
            .find(|(name, _)| name.starts_with("sum"))
            .map(|(_, sum)| sum.clone())
    };
    assert_eq!(sum(&snapshot), Some(json!(180)));
    // Nothing that is shown refers to this one.
    database
        .execute("UPDATE people SET age = 108 WHERE id = 8")
        .await;
    assert_eq!(sum(&socket.next_of(3, "patch").await), Some(json!(680)));
}

#[tokio::test]
async fn rows_leave_as_the_time_of_what_they_refer_to_passes() {
    let (database, server) = start().await;
    database
        .execute(
            "ALTER TABLE people ADD at timestamptz; \
             UPDATE people SET at = now() + interval '3 s' WHERE id = 2",
        )
        .await;
    let mut socket = Socket::open(&server.address).await;
    let query = "select=id,people(name)&people.at=gt.now&order=id&limit=2";
    let mut list = List::open(&mut socket, 1, query).await;
    assert_eq!(list.cells(), json!([[1, "person 2"], [9, "person 2"]]));
    list.becomes(&mut socket, json!([])).await;
    assert_eq!(list.total, 0);
}

#[tokio::test]
async fn lists_come_to_be_what_their_sql_gives_however_the_tables_change() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let queries = [
        (
            "select=id,by:people(name,age),up:tasks(title)&order=id&limit=8&offset=4",
            "SELECT jsonb_build_array(t.id, p.name, p.age, u.title) FROM tasks t \
             LEFT JOIN people p ON p.id = t.assignee LEFT JOIN tasks u ON u.id = t.parent \
             ORDER BY t.id LIMIT 8 OFFSET 4",
            "SELECT count(*) FROM tasks",
        ),
        (
            "select=id,title&order=id&limit=8&offset=4",
            "SELECT jsonb_build_array(id, title) FROM tasks ORDER BY id LIMIT 8 OFFSET 4",
            "SELECT count(*) FROM tasks",
        ),
        (
            "select=id,by:people(name,age)&order=by(name).desc,id&limit=10&offset=3",
            "SELECT jsonb_build_array(t.id, p.name, p.age) FROM tasks t \
             LEFT JOIN people p ON p.id = t.assignee ORDER BY p.name DESC, t.id LIMIT 10 OFFSET 3",
            "SELECT count(*) FROM tasks",
        ),
        (
            "select=title,by:people(age),up:tasks(title)&by.age=gt.4&up.title=like.t*&order=up(title),id",
            "SELECT jsonb_build_array(t.title, p.age, u.title) FROM tasks t \
             LEFT JOIN people p ON p.id = t.assignee LEFT JOIN tasks u ON u.id = t.parent \
             WHERE p.age > 4 AND u.title LIKE 't%' ORDER BY u.title, t.id LIMIT 50",
            "SELECT count(*) FROM tasks t LEFT JOIN people p ON p.id = t.assignee \
             LEFT JOIN tasks u ON u.id = t.parent WHERE p.age > 4 AND u.title LIKE 't%'",
        ),
        (
            "select=id,people(name)&people.name=is.null&order=id.desc",
            "SELECT jsonb_build_array(t.id, p.name) FROM tasks t \
             LEFT JOIN people p ON p.id = t.assignee WHERE p.name IS NULL ORDER BY t.id DESC LIMIT 50",
            "SELECT count(*) FROM tasks t LEFT JOIN people p ON p.id = t.assignee WHERE p.name IS NULL",
        ),
        (
            "select=id,people(name)&not.or=(people.age.lt.5,id.gt.30)&order=id",
            "SELECT jsonb_build_array(t.id, p.name) FROM tasks t \
             LEFT JOIN people p ON p.id = t.assignee WHERE NOT (p.age < 5 OR t.id > 30) ORDER BY t.id LIMIT 50",
            "SELECT count(*) FROM tasks t LEFT JOIN people p ON p.id = t.assignee WHERE NOT (p.age < 5 OR t.id > 30)",
        ),
    ];
    let mut lists = Vec::new();
    for (at, (query, ..)) in queries.iter().enumerate() {
        lists.push(List::open(&mut socket, at as u32 + 1, query).await);
    }
    let mut connection = database.connect().await;
    // A fixed sequence: a linear congruential generator's.
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    for _ in 0..30 {
        let mut sql = String::from("BEGIN;");
        for _ in 0..=draw(4) {
            let (n, m) = (draw(10) + 1, draw(40) + 1);
            sql.push_str(&match draw(9) {
                0 => format!("UPDATE people SET name = 'p{m}' WHERE id = {n};"),
                1 => format!("UPDATE people SET name = NULL, age = {m} WHERE id = {n};"),
                2 => format!("UPDATE people SET age = {n} WHERE id % 3 = {};", n % 3),
                3 => format!("DELETE FROM people WHERE id = {n};"),
                4 => format!("INSERT INTO people VALUES ({n}, 'again {m}', {m}) ON CONFLICT DO NOTHING;"),
                5 => format!("UPDATE tasks SET assignee = (SELECT id FROM people WHERE id >= {n} LIMIT 1) WHERE id = {m};"),
                6 => format!("UPDATE tasks SET title = 't{n}', parent = nullif({n}, 10) WHERE id = {m} AND EXISTS (SELECT FROM tasks WHERE id = {n});"),
                7 => format!("DELETE FROM tasks WHERE id = {m};"),
                _ => format!("INSERT INTO tasks VALUES ({m}, 'made {m}', (SELECT max(id) FROM people)) ON CONFLICT DO NOTHING;"),
            });
        }
        sql.push_str(if draw(5) == 0 { "ROLLBACK" } else { "COMMIT" });
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
        if draw(6) > 0 {
            continue;
        }
        for (at, (_, rows, count)) in queries.iter().enumerate() {
            let sql = format!("SELECT coalesce(jsonb_agg(r), '[]')::text FROM ({rows}) AS q (r)");
            let wanted: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            let wanted: Value = serde_json::from_str(&wanted).unwrap();
            let total: i64 = sqlx::query_scalar(*count)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            while lists[at].cells() != wanted || lists[at].total != total {
                let message = socket.any().await;
                lists.iter_mut().for_each(|list| list.take(&message));
            }
        }
    }
}

#[tokio::test]
async fn what_refers_and_what_is_referred_to_may_be_altered() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let query = "select=id,by:people(*)&id=eq.1";
    let mut list = List::open(&mut socket, 1, query).await;
    assert_eq!(list.columns, ["id", "by.id", "by.name", "by.age"]);
    database
        .execute("ALTER TABLE people ADD mail text DEFAULT 'm', DROP age")
        .await;
    list.becomes(&mut socket, json!([[1, 2, "person 2", "m"]]))
        .await;
    assert_eq!(list.columns, ["id", "by.id", "by.name", "by.mail"]);
    database
        .execute("UPDATE people SET mail = 'n' WHERE id = 2")
        .await;
    list.becomes(&mut socket, json!([[1, 2, "person 2", "n"]]))
        .await;
    database
        .execute("ALTER TABLE tasks DROP CONSTRAINT tasks_assignee_fkey")
        .await;
    let error = loop {
        let message = socket.any().await;
        if message["type"] == "error" {
            break message;
        }
    };
    assert_eq!(error["error"]["code"], "unknown_relation");
}

#[tokio::test]
async fn a_list_is_live_only_if_what_it_refers_to_is() {
    let (database, server) = start().await;
    let mut socket = Socket::open(&server.address).await;
    let query = "select=id,by:people(name)&id=eq.1";
    List::open(&mut socket, 1, query).await;
    database.execute("SELECT rowcast.unwatch('people')").await;
    let error = loop {
        let message = socket.any().await;
        if message["type"] == "error" {
            break message;
        }
    };
    assert_eq!(error["error"]["code"], "not_live");
    let subscribe = json!({"type": "subscribe", "id": 2, "table": "tasks", "query": query});
    socket.send(&subscribe.to_string()).await;
    let error = socket.next("error").await;
    assert_eq!(
        error["error"]["message"],
        "the table \"people\" is not live"
    );
    assert_eq!(
        error["error"]["hint"],
        "make it live with: rowcast watch people"
    );
    // Without it the table is live as before.
    List::open(&mut socket, 3, "select=id&id=eq.1").await;
}
