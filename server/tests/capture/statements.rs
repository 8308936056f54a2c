//! Every kind of statement is logged exactly: what the log says is what the table became.

use rowcast::capture::ChangeKind;

use crate::{
    cluster::Cluster,
    replica::{Reader, database, execute},
};

/// Each entry is what one connection sends at once; after each, log and table agree.
const STATEMENTS: &[&str] = &[
    "INSERT INTO item VALUES (1, 'one', 1.50, '{\"b\":1,\"a\":[1,2]}')",
    "INSERT INTO item SELECT g, 'n' || g, g, NULL FROM generate_series(2, 300) g",
    "COPY item (id, title) FROM PROGRAM 'seq 1000 1100 | sed s/$/,copied/' (FORMAT csv)",
    "COPY item (id, title) FROM PROGRAM 'echo 2000,one' (FORMAT csv)",
    "UPDATE item SET title = 'ONE' WHERE id = 1",
    "UPDATE item SET amount = amount + 1 WHERE id < 100",
    "UPDATE item SET title = CASE WHEN id = 7 THEN 'seven' ELSE title END",
    "UPDATE item SET id = id + 100000",
    "UPDATE item SET id = id - 100000 WHERE id = 100001",
    "INSERT INTO item VALUES (1, 'again') ON CONFLICT (id) DO NOTHING",
    "INSERT INTO item VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    "INSERT INTO item SELECT g, 'upsert' FROM generate_series(1, 40) g \
     ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    "WITH gone AS (DELETE FROM item WHERE id BETWEEN 2 AND 5 RETURNING *) \
     INSERT INTO item SELECT id + 500000, title FROM gone",
    "WITH a AS (UPDATE item SET title = 'cte' WHERE id = 6), \
          b AS (DELETE FROM item WHERE id = 8), \
          c AS (INSERT INTO item VALUES (800000, 'cte')) SELECT 1",
    "BEGIN; INSERT INTO item VALUES (900, 'x'); UPDATE item SET title = 'y' WHERE id = 900; \
     UPDATE item SET id = 901 WHERE id = 900; DELETE FROM item WHERE id = 901; COMMIT",
    "BEGIN; DELETE FROM item WHERE id = 1; INSERT INTO item VALUES (1, 'reborn'); COMMIT",
    "BEGIN; INSERT INTO item VALUES (910, 'kept'); SAVEPOINT s; DELETE FROM item; \
     ROLLBACK TO s; UPDATE item SET title = 'after' WHERE id = 910; COMMIT",
    "BEGIN; SAVEPOINT a; INSERT INTO item VALUES (911, 'a'); SAVEPOINT b; \
     INSERT INTO item VALUES (912, 'b'); RELEASE b; RELEASE a; COMMIT",
    "BEGIN; UPDATE item SET title = 'never'; ROLLBACK",
    // Keys that change places.
    "BEGIN; UPDATE item SET id = -1 WHERE id = 1; UPDATE item SET id = 1 WHERE id = 910; \
     UPDATE item SET id = 910 WHERE id = -1; COMMIT",
    "DELETE FROM item WHERE id > 100050",
    "DELETE FROM item",
];

const TABLE: &str = "CREATE TABLE item (id int8 PRIMARY KEY, title text, amount numeric, doc json); \
     SELECT rowcast.watch('item')";

#[tokio::test]
async fn every_kind_of_statement_is_logged_exactly() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut reader = Reader::new(&database).await;
    for statement in STATEMENTS {
        database.execute(statement).await;
        reader.check("public.item", statement).await;
    }
    assert_eq!(reader.replica.notes, []);
}

#[tokio::test]
async fn merge_is_logged_exactly_where_the_server_has_it() {
    if !Cluster::shared().has(15, "MERGE") {
        return;
    }
    let database = database().await;
    database.execute(TABLE).await;
    let mut reader = Reader::new(&database).await;
    database
        .execute("INSERT INTO item SELECT g, 'old' FROM generate_series(1, 20) g")
        .await;
    let merge = "MERGE INTO item USING generate_series(10, 30) g ON item.id = g \
         WHEN MATCHED AND g < 15 THEN DELETE \
         WHEN MATCHED THEN UPDATE SET title = 'merged' \
         WHEN NOT MATCHED THEN INSERT VALUES (g, 'new')";
    database.execute(merge).await;
    let read = reader.check("public.item", merge).await;
    assert_eq!(read.rows.len(), 4);
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    let database = database().await;
    database.execute(TABLE).await;
    database
        .execute("INSERT INTO item SELECT g, 'x', 1, '{\"a\": 1}' FROM generate_series(1, 50) g")
        .await;
    let mut reader = Reader::new(&database).await;
    for statement in [
        "UPDATE item SET title = title WHERE id = 1",
        "UPDATE item SET doc = doc",
        "UPDATE item SET title = 'y' WHERE id = 999",
        "DELETE FROM item WHERE false",
        "INSERT INTO item SELECT 1 WHERE false",
        "INSERT INTO item VALUES (1) ON CONFLICT DO NOTHING",
        "BEGIN; DELETE FROM item; ROLLBACK",
    ] {
        database.execute(statement).await;
        assert_eq!(reader.read().await.rows, [], "{statement}");
    }
    // Of many rows, those that changed.
    database
        .execute("UPDATE item SET title = CASE id WHEN 3 THEN 'z' ELSE title END")
        .await;
    let read = reader.read().await;
    assert_eq!(read.rows.len(), 1);
    assert!(read.rows[0].old.len() < 100 && read.rows[0].new.len() < 100);
}

#[tokio::test]
async fn a_nested_trigger_that_updates_its_own_row_nets_out() {
    let database = database().await;
    database.execute(TABLE).await;
    database
        .execute(
            "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               UPDATE item SET title = title || '!' WHERE id = NEW.id; RETURN NULL; END $$; \
             CREATE TRIGGER a_stamp AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION stamp()",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    for statement in [
        "INSERT INTO item VALUES (1, 'a')",
        "INSERT INTO item VALUES (2, 'b'), (3, 'c'); UPDATE item SET title = 'd' WHERE id = 2",
    ] {
        database.execute(statement).await;
        reader.check("public.item", statement).await;
    }
}

#[tokio::test]
async fn cascades_are_logged() {
    let database = database().await;
    database
        .execute(
            "CREATE TABLE parent (id int PRIMARY KEY); \
             CREATE TABLE child (id int PRIMARY KEY, \
                 p int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE, \
                 q int REFERENCES parent ON DELETE SET NULL); \
             SELECT rowcast.watch('child')",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    for statement in [
        "INSERT INTO parent SELECT generate_series(1, 9); \
         INSERT INTO child SELECT g, g % 9 + 1, g % 7 + 1 FROM generate_series(1, 99) g",
        "UPDATE parent SET id = 100 WHERE id = 9",
        "DELETE FROM parent WHERE id IN (1, 2)",
        "DELETE FROM child; DELETE FROM parent",
    ] {
        database.execute(statement).await;
        let read = reader.check("public.child", statement).await;
        assert_ne!(read.rows, [], "{statement}");
    }
}

#[tokio::test]
async fn truncate_is_told() {
    let database = database().await;
    database.execute(TABLE).await;
    database
        .execute("CREATE TABLE other (id int PRIMARY KEY, item int8 REFERENCES item)")
        .await;
    let mut reader = Reader::new(&database).await;
    database
        .execute("INSERT INTO item VALUES (1); TRUNCATE other, item")
        .await;
    reader.read().await;
    let kinds: Vec<_> = reader.replica.notes.iter().map(|note| note.1).collect();
    assert_eq!(kinds, [ChangeKind::Truncate]);
    database.execute("TRUNCATE item CASCADE").await;
    assert_eq!(reader.read().await.rows[0].kind, ChangeKind::Truncate);
}

#[tokio::test]
async fn a_partitioned_table_is_logged_whatever_a_statement_names() {
    let database = database().await;
    // The second partition has its columns in another order and a dropped one among them.
    database
        .execute(
            "CREATE TABLE part (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k); \
             CREATE TABLE low PARTITION OF part FOR VALUES FROM (0) TO (10); \
             CREATE TABLE high (v text, gone int, k int NOT NULL, id int NOT NULL) \
                 PARTITION BY LIST (k); \
             ALTER TABLE high DROP COLUMN gone; \
             CREATE TABLE high_10 PARTITION OF high FOR VALUES IN (10, 11, 12); \
             ALTER TABLE part ATTACH PARTITION high FOR VALUES FROM (10) TO (20); \
             SELECT rowcast.watch('part')",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    for statement in [
        "INSERT INTO part VALUES (1, 1, 'a'), (2, 10, 'b'), (3, 11, 'c')",
        "INSERT INTO high_10 (id, k, v) VALUES (4, 12, 'd'), (5, 12, 'e')",
        "INSERT INTO high (id, k, v) VALUES (6, 12, 'f')",
        "UPDATE low SET v = 'g'",
        "UPDATE high_10 SET v = 'h' WHERE id = 4",
        "UPDATE part SET v = v || '.'",
        // Rows that move to another partition.
        "UPDATE part SET k = 12 WHERE id = 1",
        "UPDATE part SET k = k - 10, v = 'moved' WHERE k >= 10",
        "DELETE FROM low WHERE id = 1",
        // A partition that comes later, named directly.
        "CREATE TABLE top PARTITION OF part FOR VALUES FROM (20) TO (30); \
         INSERT INTO top VALUES (9, 20, 'z')",
        "UPDATE top SET v = 'y'",
        "DELETE FROM part WHERE k < 3",
    ] {
        database.execute(statement).await;
        let read = reader.check("public.part", statement).await;
        assert_ne!(read.rows, [], "{statement}");
    }
    // One that is attached brings rows that no trigger saw: the definition changed.
    reader.replica.notes.clear();
    database
        .execute(
            "CREATE TABLE late (LIKE part); INSERT INTO late VALUES (1, 30, 'late'); \
             ALTER TABLE part ATTACH PARTITION late FOR VALUES FROM (30) TO (40)",
        )
        .await;
    reader.read().await;
    assert_eq!(reader.replica.notes[0].1, ChangeKind::Definition);
    let mut connection = database.connect().await;
    reader.replica.load(&mut connection, "public.part").await;
    execute(&mut connection, "UPDATE late SET v = 'l'").await;
    reader.check("public.part", "an attached partition").await;
    // A part of the table that is emptied is not the table.
    reader.replica.notes.clear();
    execute(&mut connection, "TRUNCATE low").await;
    reader.read().await;
    assert_eq!(reader.replica.notes[0].1, ChangeKind::Unknown);
}
