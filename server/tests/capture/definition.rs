//! DDL on a watched table: it is told, and from then on images are of the new columns.

use rowcast::capture::{ChangeKind, TailEvent, fingerprint};

use crate::{
    cluster::Database,
    replica::{Reader, connect, database, execute, follow, next, version},
};

const DDL: &[&str] = &[
    "ALTER TABLE item ADD COLUMN extra int DEFAULT 7",
    "ALTER TABLE item RENAME COLUMN title TO name",
    "ALTER TABLE item ALTER COLUMN n TYPE text",
    "ALTER TABLE item ALTER COLUMN n TYPE text USING n || '!'",
    "ALTER TABLE item DROP COLUMN extra",
    "ALTER TYPE mood ADD VALUE 'new'",
    "ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (id, name)",
];

const TABLE: &str = "CREATE TYPE mood AS ENUM ('a', 'b'); \
     CREATE TABLE item (id int PRIMARY KEY, title text, n int, mood mood); \
     INSERT INTO item SELECT g, 't', g, 'a' FROM generate_series(1, 20) g; \
     SELECT rowcast.watch('item')";

async fn table() -> Database {
    let database = database().await;
    database.execute(TABLE).await;
    database
}

#[tokio::test]
async fn ddl_is_told_and_later_images_fit() {
    let database = table().await;
    let mut reader = Reader::new(&database).await;
    for statement in DDL {
        reader.replica.notes.clear();
        database.execute(statement).await;
        reader.read().await;
        assert!(!reader.replica.notes.is_empty(), "{statement}");
        assert!(
            reader
                .replica
                .notes
                .iter()
                .all(|note| note.1 == ChangeKind::Definition),
            "{statement}: {:?}",
            reader.replica.notes
        );
        let mut connection = connect(&database).await;
        reader.replica.load(&mut connection, "public.item").await;
        for write in [
            "UPDATE item SET id = id + 100 WHERE id < 5",
            "UPDATE item SET id = id - 100 WHERE id > 100",
            "UPDATE item SET mood = 'b' WHERE id = 9",
            "UPDATE item SET mood = 'a' WHERE id = 9",
        ] {
            database.execute(write).await;
            let read = reader.check("public.item", statement).await;
            assert_eq!(read.rows.len(), 1, "{statement}: {write}");
        }
    }
    // Nothing of it concerns what is not watched.
    reader.replica.notes.clear();
    database
        .execute(
            "CREATE TABLE other (id int); ALTER TABLE other ADD n int; CREATE INDEX ON item (n); \
             CREATE TEMP TABLE t (id int); DROP TABLE t; DROP TABLE other; ANALYZE item",
        )
        .await;
    reader.read().await;
    assert_eq!(reader.replica.notes, []);
    // A table that is gone, and one that has lost its key.
    database
        .execute("ALTER TABLE item DROP CONSTRAINT item_pkey")
        .await;
    reader.read().await;
    assert_eq!(reader.replica.notes.len(), 1);
    database.execute("DELETE FROM item; DROP TABLE item").await;
    let watched: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM rowcast.watched WHERE NOT rowcast.is_followed(relation)",
    )
    .fetch_one(&mut reader.connection)
    .await
    .unwrap();
    assert_eq!(watched, 0);
}

#[tokio::test]
async fn dropping_a_watched_table_is_told() {
    let database = table().await;
    let mut reader = Reader::new(&database).await;
    database
        .execute("CREATE SCHEMA s; ALTER TABLE item SET SCHEMA s")
        .await;
    reader.read().await;
    assert_eq!(reader.replica.notes.len(), 1);
    database.execute("DROP SCHEMA s CASCADE").await;
    reader.read().await;
    assert_eq!(reader.replica.notes.len(), 2);
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_proc WHERE proname LIKE 'capture\\_%' \
           AND NOT rowcast.is_followed(split_part(proname, '_', 2)::oid)",
    )
    .fetch_one(&mut reader.connection)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn without_event_triggers_the_catalog_is_compared() {
    let database = table().await;
    database
        .execute("DROP EVENT TRIGGER rowcast_ddl; DROP EVENT TRIGGER rowcast_drop")
        .await;
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    let relation: i64 = sqlx::query_scalar("SELECT 'public.item'::regclass::oid::int8")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let relation = u32::try_from(relation).unwrap();
    for statement in DDL.iter().chain(&["DROP TABLE item"]) {
        database.execute(statement).await;
        if !statement.starts_with("DROP") {
            database
                .execute("UPDATE item SET mood = CASE mood WHEN 'a' THEN 'b' ELSE 'a' END::mood WHERE id = 1")
                .await;
        }
        let end = version(&mut connection).await;
        let mut told = false;
        loop {
            let TailEvent::Read(read) = next(&mut tail).await else {
                panic!("{statement}: the tail was lost")
            };
            told |= read.changed_schemas.contains(&relation);
            assert!(
                told || read.rows.iter().all(|row| row.kind != ChangeKind::Images),
                "{statement}: images of unknown columns"
            );
            if told && read.to.covers(&end) {
                break;
            }
        }
        // Triggers fit again, so what is written now is imaged.
        if !statement.starts_with("DROP") {
            let mut reader = Reader::new(&database).await;
            let mut other = connect(&database).await;
            reader.replica.load(&mut other, "public.item").await;
            execute(
                &mut other,
                "UPDATE public.item SET id = id + 50 WHERE id = 20; \
                UPDATE public.item SET id = 20 WHERE id = 70",
            )
            .await;
            reader.check("public.item", statement).await;
            let seen = reader.cursor.clone();
            loop {
                tail.handle.nudge();
                let TailEvent::Read(read) = next(&mut tail).await else {
                    panic!("{statement}: the tail was lost")
                };
                if read.to.covers(&seen) {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_table_that_can_not_be_refitted_keeps_no_other_from_it_and_is_tried_again() {
    let database = database().await;
    database
        .execute(
            "CREATE TABLE held (id int PRIMARY KEY); CREATE TABLE free (id int PRIMARY KEY); \
             SELECT rowcast.watch('held'), rowcast.watch('free'); \
             ALTER EVENT TRIGGER rowcast_drop DISABLE; DROP TRIGGER rowcast_insert ON held",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    let held = fingerprint::all(&mut reader.connection).await.unwrap();
    let mut writer = database.connect().await;
    execute(&mut writer, "BEGIN; UPDATE held SET id = 1").await;
    database.execute("ALTER TABLE free ADD COLUMN n int").await;
    database.execute("INSERT INTO free VALUES (1, 1)").await;
    reader.check("public.free", "beside one that is held").await;
    // A tail sees by this that there is something to be done.
    let now = fingerprint::all(&mut reader.connection).await.unwrap();
    assert_eq!(fingerprint::differences(&held, &now).len(), 2);
    execute(&mut writer, "ROLLBACK").await;
    let mut tail = follow(&database).await;
    database.execute("INSERT INTO held VALUES (1)").await;
    let TailEvent::Read(read) = next(&mut tail).await else {
        panic!("the tail was lost")
    };
    assert_eq!(read.rows.len(), 1);
}
