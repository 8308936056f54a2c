//! What the catalog says of tables.

use rowcast_protocol::ColumnKind;

use crate::{cluster::Cluster, support::Fixture};

#[tokio::test]
async fn a_table_is_described_as_it_is() {
    let fixture = Fixture::new(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
         CREATE DOMAIN short AS varchar(5) NOT NULL;
         CREATE TABLE people (id int PRIMARY KEY);
         CREATE TABLE todo (
             gone int, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             title varchar(40) NOT NULL, note short, mood mood DEFAULT 'ok',
             owner int REFERENCES people, twice int GENERATED ALWAYS AS (owner * 2) STORED,
             tags text[], at timestamptz, code char(3) COLLATE \"C\");
         ALTER TABLE todo DROP COLUMN gone;
         COMMENT ON TABLE todo IS 'What to do'; COMMENT ON COLUMN todo.title IS 'In short';
         INSERT INTO people VALUES (1); INSERT INTO todo (title, note) VALUES ('a', 'b');
         ANALYZE todo;",
    )
    .await;
    let todo = fixture.catalog.table("todo").await.unwrap();
    let table = &todo.table;
    assert_eq!(table.path(), "todo");
    assert_eq!(table.key, ["id"]);
    assert_eq!(todo.key, [0]);
    assert_eq!(table.comment.as_deref(), Some("What to do"));
    assert_eq!(table.estimated_rows, Some(1));
    assert!(!table.live);
    let described: Vec<(&str, &str, ColumnKind)> = table
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.type_name.as_str(), c.kind))
        .collect();
    assert_eq!(
        described,
        [
            ("id", "bigint", ColumnKind::Integer),
            ("title", "character varying(40)", ColumnKind::Text),
            ("note", "short", ColumnKind::Text),
            ("mood", "mood", ColumnKind::Enum),
            ("owner", "integer", ColumnKind::Integer),
            ("twice", "integer", ColumnKind::Integer),
            ("tags", "text[]", ColumnKind::Array),
            ("at", "timestamp with time zone", ColumnKind::TimestampTz),
            ("code", "character(3)", ColumnKind::Text),
        ]
    );
    let column = |name: &str| table.column(name).unwrap().1;
    assert!(column("id").generated && column("id").has_default && !column("id").nullable);
    assert!(!column("title").has_default && !column("title").nullable);
    assert!(!column("note").nullable, "its domain forbids NULL");
    assert_eq!(column("mood").labels, ["sad", "ok", "happy"]);
    assert!(column("mood").has_default && column("mood").nullable);
    assert!(column("twice").generated);
    let reference = column("owner").references.as_ref().unwrap();
    assert_eq!((&*reference.table, &*reference.column), ("people", "id"));
    assert_eq!(column("title").comment.as_deref(), Some("In short"));
    assert_eq!(column("note").comment, None);
}

#[tokio::test]
async fn a_name_is_a_table_of_public_or_of_the_schema_it_names() {
    let fixture = Fixture::new(
        "CREATE SCHEMA shop; CREATE SCHEMA \"a.b\";
         CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE shop.orders (id int PRIMARY KEY);
         CREATE TABLE shop.only_here (id int PRIMARY KEY);
         CREATE TABLE \"with.dot\" (id int PRIMARY KEY); CREATE TABLE \"a.b\".c (id int);
         CREATE TABLE \"We\"\"ird; DROP TABLE orders; --\" (\"Sel ect\" int PRIMARY KEY);
         CREATE TEMP TABLE gone (id int);",
    )
    .await;
    let catalog = &fixture.catalog;
    let path = |name: &'static str| async move {
        catalog.table(name).await.map(|table| table.table.path())
    };
    assert_eq!(path("orders").await.unwrap(), "orders");
    assert_eq!(path("public.orders").await.unwrap(), "orders");
    assert_eq!(path("shop.orders").await.unwrap(), "shop.orders");
    assert_eq!(path("with.dot").await.unwrap(), "with.dot");
    assert_eq!(path("a.b.c").await.unwrap(), "a.b.c");
    let weird = "We\"ird; DROP TABLE orders; --";
    assert_eq!(path(weird).await.unwrap(), weird);
    for name in [
        "only_here",
        "Orders",
        "shop.",
        ".orders",
        "",
        "pg_class",
        "pg_catalog.pg_class",
        "gone",
        "rowcast.watched",
        "information_schema.tables",
        "orders\0",
        "'; SELECT 1",
        "orders ",
    ] {
        let error = catalog.table(name).await.unwrap_err();
        assert_eq!(error.code, "unknown_table", "{name:?}");
    }
    let listed: Vec<String> = catalog
        .tables()
        .await
        .unwrap()
        .iter()
        .map(|table| table.path())
        .collect();
    assert_eq!(
        listed,
        [
            "a.b.c",
            weird,
            "orders",
            "with.dot",
            "shop.only_here",
            "shop.orders"
        ]
    );
}

#[tokio::test]
async fn every_change_of_a_table_is_seen_at_once() {
    let fixture = Fixture::new(
        "CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN d AS int;
         CREATE TABLE p (id int PRIMARY KEY, at date) PARTITION BY RANGE (id);
         CREATE TABLE t (id int, mood mood, d d);",
    )
    .await;
    let mut before = fixture.catalog.table("t").await.unwrap();
    assert!(before.key.is_empty());
    for ddl in [
        "ALTER TABLE t ADD COLUMN extra text",
        "ALTER TABLE t RENAME COLUMN extra TO more",
        "ALTER TABLE t ALTER COLUMN more TYPE int USING 1",
        "ALTER TABLE t ALTER COLUMN id SET NOT NULL",
        "CREATE UNIQUE INDEX t_id ON t (id)",
        "ALTER TABLE t ALTER COLUMN more SET DEFAULT 3",
        "ALTER TABLE t DROP COLUMN more",
        "ALTER TYPE mood ADD VALUE 'happy'",
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy'",
        "ALTER DOMAIN d SET NOT NULL",
        "COMMENT ON TABLE t IS 'x'",
        "COMMENT ON TABLE t IS 'y'",
        "COMMENT ON COLUMN t.d IS 'x'",
        "COMMENT ON COLUMN t.d IS 'y'",
        "SELECT rowcast.watch('t')",
        "SELECT rowcast.unwatch('t')",
        "CREATE TABLE r (id int PRIMARY KEY); ALTER TABLE t ADD FOREIGN KEY (d) REFERENCES r",
        "ALTER TABLE r RENAME TO r2",
    ] {
        fixture.database.execute(ddl).await;
        let after = fixture.catalog.table("t").await.unwrap();
        assert_ne!(before, after, "{ddl}");
        assert_ne!(before.fingerprint, after.fingerprint, "{ddl}");
        before = after;
    }
    let again = fixture.catalog.table("t").await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&before, &again), "remembered");
    let root = fixture.catalog.table("p").await.unwrap();
    assert!(root.partitions.is_empty());
    fixture
        .database
        .execute(
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10) PARTITION BY RANGE (id);
             CREATE TABLE p11 PARTITION OF p1 DEFAULT;",
        )
        .await;
    assert_eq!(
        fixture.catalog.table("p").await.unwrap().partitions.len(),
        2
    );
    fixture.database.execute("ALTER TABLE t RENAME TO t2").await;
    assert_eq!(
        fixture.catalog.table("t").await.unwrap_err().code,
        "unknown_table"
    );
}

#[tokio::test]
async fn a_key_is_the_primary_one_or_a_unique_one_that_names_every_row() {
    let fixture = Fixture::new(
        "CREATE TABLE a (x int, y int NOT NULL, z int NOT NULL, PRIMARY KEY (z, y));
         CREATE TABLE b (x int UNIQUE, y int NOT NULL, z int NOT NULL, UNIQUE (y, z));
         CREATE TABLE c (x int NOT NULL UNIQUE DEFERRABLE);
         CREATE TABLE d (x int NOT NULL); CREATE UNIQUE INDEX ON d (x) WHERE x > 1;
         CREATE TABLE e (x int NOT NULL); CREATE UNIQUE INDEX ON e ((x + 1));
         CREATE TABLE f (x int NOT NULL, y int); CREATE UNIQUE INDEX ON f (x) INCLUDE (y);
         CREATE TABLE g (x int NOT NULL, y int NOT NULL, UNIQUE (x, y), UNIQUE (y));
         CREATE VIEW v AS SELECT * FROM a;
         CREATE TABLE h (i int NOT NULL, PRIMARY KEY (i) DEFERRABLE);",
    )
    .await;
    for (table, key) in [
        ("a", vec!["z", "y"]),
        ("b", vec!["y", "z"]),
        ("c", vec![]),
        ("d", vec![]),
        ("e", vec![]),
        ("f", vec!["x"]),
        ("g", vec!["y"]),
        ("v", vec![]),
        ("h", vec![]),
    ] {
        assert_eq!(
            fixture.catalog.table(table).await.unwrap().table.key,
            key,
            "{table}"
        );
    }
}

#[tokio::test]
async fn a_column_that_is_not_null_for_rows_to_come_is_no_key() {
    if !Cluster::shared().has(18, "columns that are NOT NULL for rows to come") {
        return;
    }
    let fixture = Fixture::new(
        "CREATE TABLE t (a int UNIQUE, b text); INSERT INTO t VALUES (NULL, 'x'), (NULL, 'y');
         ALTER TABLE t ADD CONSTRAINT has_a NOT NULL a NOT VALID;",
    )
    .await;
    let t = fixture.catalog.table("t").await.unwrap();
    assert!(t.table.key.is_empty() && t.table.columns[0].nullable);
    let mut connection = fixture.database.connect().await;
    let mut key = async || -> Option<Vec<i16>> {
        sqlx::query_scalar("SELECT rowcast.key('t')")
            .fetch_one(&mut connection)
            .await
            .unwrap()
    };
    assert_eq!(key().await, None);
    fixture
        .database
        .execute("DELETE FROM t; ALTER TABLE t VALIDATE CONSTRAINT has_a")
        .await;
    assert_eq!(key().await, Some(vec![1]));
    let t = fixture.catalog.table("t").await.unwrap();
    assert_eq!(t.table.key, ["a"]);
    assert!(!t.table.columns[0].nullable);
}

#[tokio::test]
async fn what_the_role_may_not_read_does_not_exist() {
    let mut fixture = Fixture::new(
        "CREATE TABLE open (id int PRIMARY KEY); CREATE TABLE secret (id int PRIMARY KEY);
         CREATE SCHEMA hidden; CREATE TABLE hidden.t (id int PRIMARY KEY);
         DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
         GRANT SELECT ON open, hidden.t TO reader;
         GRANT USAGE ON SCHEMA rowcast TO reader; GRANT SELECT ON rowcast.watched TO reader;",
    )
    .await;
    let options = fixture.database.options.clone().username("reader");
    fixture.pool = rowcast::database::pool::readers(options, 2);
    fixture.catalog = rowcast::database::catalog::Catalog::new(fixture.pool.clone());
    let tables = fixture.catalog.tables().await.unwrap();
    assert_eq!(tables.len(), 1);
    for name in ["secret", "hidden.t"] {
        let error = fixture.catalog.table(name).await.unwrap_err();
        assert_eq!(error.code, "unknown_table");
    }
    fixture
        .database
        .execute("REVOKE SELECT ON open FROM reader")
        .await;
    assert_eq!(
        fixture.catalog.table("open").await.unwrap_err().code,
        "unknown_table"
    );
}

#[tokio::test]
async fn what_a_function_has_to_say_does_not_reach_our_log() {
    let fixture = Fixture::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let level: String = sqlx::query_scalar("SHOW client_min_messages")
        .fetch_one(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(level, "error");
}
