//! Whoever writes, with whatever settings: an image is the same, and no statement fails.

use rowcast::capture::{ChangeKind, TailEvent, migrate::migrate};

use crate::{
    cluster::{Cluster, Database},
    replica::{Reader, Replica, connect, database, execute, follow, next, version},
};

/// Types whose text depends on the session.
const TABLE: &str = "CREATE TYPE mood AS ENUM ('süß', 'sad'); \
     CREATE TYPE pair AS (at timestamptz, span interval); \
     CREATE TABLE item (id int PRIMARY KEY, word text, at timestamptz, span interval, \
         bytes bytea, floats float8[], stamps timestamptz[], during tstzrange, mood mood, \
         duo pair, rel regclass, many bytea[], day date, spot point, net inet, tag \"char\", \
         doc json, docb jsonb); \
     SELECT rowcast.watch('item')";

const ROW: &str = "'grün', '2026-03-29 02:30+02', '1 year 2 days 03:04:05', '\\xdeadbeef', \
     '{0.1,1e-300}', '{2026-03-29 02:30+02,infinity}', '[2026-03-29 02:30+02,)', 'süß', \
     ROW('2026-03-29 02:30+02'::timestamptz, '1 year'::interval)::pair, 'public.item', \
     '{\"\\\\xff\"}', '2026-03-29', '(0.1,0.2)', '10.0.0.1', 'c', '{\"b\":1,\"a\":1.50}', \
     '{\"b\":1,\"a\":1.50}'";

const SETTINGS: &[&str] = &[
    "SET TimeZone = 'America/St_Johns'",
    "SET DateStyle = 'German, DMY'; SET IntervalStyle = 'iso_8601'",
    "SET DateStyle = 'SQL'; SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape'",
    "SET extra_float_digits = -10; SET xmloption = document",
    "SET search_path = nowhere",
    "SET client_encoding = 'LATIN1'",
    "SET client_encoding = 'SQL_ASCII'",
    "SET session_replication_role = replica",
    "SET standard_conforming_strings = off; SET quote_all_identifiers = on",
    "SET default_transaction_isolation = 'serializable'; SET transform_null_equals = on",
    "SET plpgsql.variable_conflict = 'use_column'; SET plpgsql.extra_errors = 'all'",
    "SET statement_timeout = '60s'; SET lock_timeout = '1ms'",
];

#[tokio::test]
async fn an_image_does_not_depend_on_the_writers_settings() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut reader = Reader::new(&database).await;
    for (n, settings) in SETTINGS.iter().enumerate() {
        let mut writer = database.connect().await;
        execute(
            &mut writer,
            &format!(
                "CREATE TEMP TABLE parked AS SELECT {n} AS id, v.* FROM \
             (VALUES ({ROW})) v; SET search_path = pg_catalog"
            ),
        )
        .await;
        let insert = "INSERT INTO public.item SELECT id, column1, column2::timestamptz, \
             column3::interval, column4::bytea, column5::float8[], column6::timestamptz[], \
             column7::tstzrange, column8::public.mood, column9, column10::regclass, \
             column11::bytea[], column12::date, column13::point, column14::inet, \
             column15::\"char\", column16::json, column17::jsonb FROM pg_temp.parked";
        execute(&mut writer, settings).await;
        for statement in [
            insert,
            "UPDATE public.item SET word = word || '.' WHERE id = (SELECT id FROM pg_temp.parked)",
            "UPDATE public.item SET word = word || '.'",
        ] {
            execute(&mut writer, statement).await;
            let what = format!("{settings}: {statement}");
            let read = reader.check("public.item", &what).await;
            assert_eq!(read.rows.len(), 1, "{what}");
        }
    }
    assert_eq!(reader.replica.notes, []);
}

#[tokio::test]
async fn the_writers_settings_stay_as_they_were() {
    let database = database().await;
    database.execute(TABLE).await;
    let mut writer = database.connect().await;
    let settings = "SELECT concat_ws('/', current_setting('client_encoding'), \
         current_setting('TimeZone'), current_setting('search_path'))";
    execute(
        &mut writer,
        "SET client_encoding = 'LATIN1'; SET TimeZone = 'Asia/Tokyo'",
    )
    .await;
    execute(
        &mut writer,
        "INSERT INTO item (id, word) VALUES (1, 'a'), (2, 'b'); UPDATE item SET word = 'c'; \
         UPDATE item SET word = 'd' WHERE id = 1; UPDATE item SET word = 'd' WHERE id = 99",
    )
    .await;
    let after: String = sqlx::query_scalar(settings)
        .fetch_one(&mut writer)
        .await
        .unwrap();
    assert_eq!(after, "LATIN1/Asia/Tokyo/\"$user\", public");
}

#[tokio::test]
async fn a_writer_needs_no_rights_on_our_schema() {
    let database = database().await;
    let role = format!("writer_{}", database.name);
    database.execute(TABLE).await;
    database
        .execute(&format!("CREATE ROLE {role}; GRANT ALL ON item TO {role}"))
        .await;
    let mut reader = Reader::new(&database).await;
    let mut writer = database.connect().await;
    execute(&mut writer, &format!("SET ROLE {role}")).await;
    for statement in [
        "INSERT INTO item (id, word) VALUES (1, 'a'), (2, 'b')",
        "UPDATE item SET word = 'c'",
        "UPDATE item SET word = 'd' WHERE id = 1",
        "DELETE FROM item",
    ] {
        execute(&mut writer, statement).await;
        reader.check("public.item", statement).await;
    }
    execute(&mut writer, "TRUNCATE item").await;
    assert_eq!(reader.read().await.rows.len(), 1);
    let refused = crate::replica::failure(&mut writer, "TABLE rowcast.change_log").await;
    assert!(refused.contains("permission denied"), "{refused}");
}

#[tokio::test]
async fn what_can_not_be_imaged_fails_nobody() {
    let database = database().await;
    // A type whose way to JSON fails for some values.
    database
        .execute(
            "CREATE TYPE odd AS (n int); \
             CREATE TABLE item (id int PRIMARY KEY, n int, big text); \
             ALTER TABLE item ALTER big SET STORAGE EXTERNAL; \
             UPDATE rowcast.setting SET value = 20 WHERE name = 'statement_rows'; \
             SELECT rowcast.watch('item')",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    // A value past the bound: the row by its key.
    for statement in [
        "INSERT INTO item VALUES (1, 1, repeat('x', 300000))",
        "UPDATE item SET n = 2 WHERE id = 1",
        "UPDATE item SET big = 'small' WHERE id = 1",
        "INSERT INTO item VALUES (2, 1, 'small'), (3, 1, repeat('x', 300000))",
        "DELETE FROM item WHERE id IN (2, 3)",
    ] {
        database.execute(statement).await;
        let read = reader.read().await;
        let kinds: Vec<_> = read.rows.iter().map(|row| row.kind).collect();
        assert_eq!(kinds, [ChangeKind::Keys], "{statement}");
        let size = read.rows[0].old.len() + read.rows[0].new.len();
        assert!((16..=32).contains(&size), "{statement}: {size}");
    }
    // More rows than the bound.
    database
        .execute("INSERT INTO item SELECT g FROM generate_series(10, 40) g")
        .await;
    assert_eq!(reader.read().await.rows[0].kind, ChangeKind::Unknown);
    // A trigger that does not fit its table.
    database
        .execute(
            "ALTER EVENT TRIGGER rowcast_ddl DISABLE; ALTER EVENT TRIGGER rowcast_drop DISABLE; \
             ALTER TABLE item DROP COLUMN n",
        )
        .await;
    for statement in [
        "UPDATE item SET big = 'a' WHERE id = 10",
        "UPDATE item SET big = 'b'",
        "INSERT INTO item VALUES (100)",
        "DELETE FROM item",
    ] {
        database.execute(statement).await;
        let read = reader.read().await;
        assert_eq!(read.rows.len(), 1, "{statement}");
        assert_eq!(read.rows[0].kind, ChangeKind::Unknown, "{statement}");
    }
}

#[tokio::test]
async fn an_owner_who_is_no_superuser_can_do_it_all() {
    let database = Cluster::shared().database().await;
    let role = format!("owner_{}", database.name);
    database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {} TO {role}; \
             CREATE SCHEMA mine AUTHORIZATION {role}",
            database.name
        ))
        .await;
    let theirs = Database {
        options: database.options.clone().username(&role),
        ..database
    };
    let mut connection = connect(&theirs).await;
    migrate(&mut connection).await.unwrap();
    execute(
        &mut connection,
        "CREATE TABLE mine.item (id int PRIMARY KEY); SELECT rowcast.watch('mine.item')",
    )
    .await;
    let mut tail = follow(&theirs).await;
    let mut replica = Replica::default();
    for statement in [
        "INSERT INTO mine.item SELECT generate_series(1, 9)",
        "ALTER TABLE mine.item ADD n int; UPDATE mine.item SET n = 1",
        "UPDATE mine.item SET n = id",
        "UPDATE mine.item SET n = 0 WHERE id = 4",
    ] {
        execute(&mut connection, statement).await;
        let end = version(&mut connection).await;
        let mut told = !statement.starts_with("ALTER");
        loop {
            let TailEvent::Read(read) = next(&mut tail).await else {
                panic!("{statement}: the tail was lost")
            };
            replica.apply(&read);
            told |= !read.changed_schemas.is_empty();
            if told && read.to.covers(&end) {
                break;
            }
            tail.handle.nudge();
        }
        if statement.starts_with("ALTER") {
            replica.load(&mut connection, "mine.item").await;
        }
    }
    replica
        .check(&mut connection, "mine.item", "without a superuser")
        .await;
}

#[tokio::test]
async fn a_writer_can_plant_nothing_that_runs_with_our_rights() {
    let database = database().await;
    database
        .execute(
            "CREATE TABLE item (id int PRIMARY KEY, name text, span int4range); \
             SELECT rowcast.watch('item'); \
             CREATE ROLE eve LOGIN; GRANT INSERT, UPDATE, DELETE, SELECT ON item TO eve; \
             CREATE SCHEMA eve AUTHORIZATION eve; \
             CREATE TABLE loot (who text); GRANT INSERT ON loot TO PUBLIC",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    let mut eve = database.connect().await;
    for sql in [
        "SET SESSION AUTHORIZATION eve",
        "CREATE FUNCTION eve.spy(\"any\") RETURNS boolean LANGUAGE sql AS \
         'INSERT INTO public.loot VALUES (current_user); SELECT true'",
        "CREATE FUNCTION eve.spy(text) RETURNS boolean LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO public.loot VALUES (current_user); RETURN true; END $$",
        "CREATE FUNCTION eve.same(\"char\", \"char\") RETURNS boolean LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO public.loot VALUES (current_user); RETURN true; END $$",
        "CREATE OPERATOR eve.= (LEFTARG = \"char\", RIGHTARG = \"char\", FUNCTION = eve.same)",
        "CREATE DOMAIN eve.text AS pg_catalog.text CHECK (eve.spy(VALUE))",
        "CREATE DOMAIN eve.bytea AS int4",
        "CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (eve.spy(VALUE))",
        "CREATE DOMAIN pg_temp.bytea AS int4",
        "SET search_path = eve, pg_temp, pg_catalog, public",
        "INSERT INTO item VALUES (1, 'a', '[1,2)'), (2, 'b', NULL)",
        "UPDATE item SET name = 'c'",
        "UPDATE item SET name = 'd' WHERE id = 1",
        "DELETE FROM item WHERE id = 2",
    ] {
        let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&mut eve)
            .await;
        // The first of them PostgreSQL itself does not allow.
        assert!(ran.is_ok() || sql.contains("\"any\""), "{sql}: {ran:?}");
    }
    let loot: i64 = sqlx::query_scalar("SELECT count(*) FROM loot")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(loot, 0, "something of the writer's ran in a trigger");
    reader.check("public.item", "a hostile writer").await;
}

#[tokio::test]
async fn a_cast_to_json_never_runs_with_our_rights() {
    let database = database().await;
    let role = format!("mallory_{}", database.name);
    database
        .execute(&format!(
            "CREATE ROLE {role}; CREATE SCHEMA m AUTHORIZATION {role}; \
             CREATE TABLE loot (who text); GRANT INSERT ON loot TO PUBLIC; \
             CREATE TYPE trusted AS ENUM ('a')"
        ))
        .await;
    let mut mallory = database.connect().await;
    let tricks = [
        "SELECT 1",
        "SET rowcast.busy = 'on'",
        // Those of an owner who is no superuser are not there at all.
        "RESET SESSION AUTHORIZATION; ALTER EVENT TRIGGER rowcast_ddl DISABLE; \
         ALTER EVENT TRIGGER rowcast_drop DISABLE",
    ];
    for (n, trick) in tricks.iter().enumerate() {
        let plain = "RESET SESSION AUTHORIZATION; RESET rowcast.busy";
        let theirs = format!("SET SESSION AUTHORIZATION {role}");
        execute(&mut mallory, &theirs).await;
        execute(
            &mut mallory,
            &format!(
                "CREATE TYPE m.mood{n} AS ENUM ('a'); \
                 CREATE TYPE m.pair{n} AS (n int, mood m.mood{n}); \
                 CREATE DOMAIN m.some{n} AS m.mood{n}[]; {plain}; \
                 CREATE TABLE moods{n} (id int PRIMARY KEY, many m.mood{n}[], lot m.some{n}, \
                     duo m.pair{n}, word text); \
                 GRANT ALL ON moods{n} TO {role}; SELECT rowcast.watch('moods{n}')"
            ),
        )
        .await;
        let mut reader = Reader::new(&database).await;
        execute(&mut mallory, trick).await;
        execute(&mut mallory, &theirs).await;
        execute(
            &mut mallory,
            &format!(
                "CREATE FUNCTION m.spy(m.mood{n}) RETURNS json LANGUAGE plpgsql AS \
                 $$ BEGIN INSERT INTO public.loot VALUES (current_user); RETURN 'null'; END $$; \
                 CREATE CAST (m.mood{n} AS json) WITH FUNCTION m.spy(m.mood{n})"
            ),
        )
        .await;
        for statement in [
            format!(
                "INSERT INTO moods{n} VALUES (1, '{{a}}', '{{a}}', '(1,a)', 'x'), (2, NULL, NULL, NULL, NULL)"
            ),
            format!("UPDATE moods{n} SET word = 'y'"),
            format!("UPDATE moods{n} SET word = 'z' WHERE id = 1"),
            format!("DELETE FROM moods{n} WHERE id = 1"),
        ] {
            execute(&mut mallory, &statement).await;
        }
        execute(&mut mallory, plain).await;
        let loot: Vec<String> = sqlx::query_scalar("SELECT who FROM loot")
            .fetch_all(&mut mallory)
            .await
            .unwrap();
        assert_eq!(loot, Vec::<String>::new(), "after {trick}");
        let read = reader.read().await;
        let kinds: Vec<_> = read.rows.iter().map(|row| row.kind).collect();
        let told = kinds.iter().filter(|kind| **kind == ChangeKind::Keys);
        assert_eq!(told.count(), 4, "after {trick}: {kinds:?}");
        execute(
            &mut mallory,
            &format!("DROP CAST (m.mood{n} AS json); DROP FUNCTION m.spy"),
        )
        .await;
    }
    // What only we could give a cast is imaged whole.
    execute(
        &mut mallory,
        "ALTER EVENT TRIGGER rowcast_ddl ENABLE ALWAYS; \
         CREATE TABLE fine (id int PRIMARY KEY, many trusted[]); SELECT rowcast.watch('fine')",
    )
    .await;
    let mut reader = Reader::new(&database).await;
    execute(&mut mallory, "INSERT INTO fine VALUES (1, '{a}')").await;
    reader.check("public.fine", "a type of ours").await;
    assert_eq!(reader.replica.notes, []);
}

#[tokio::test]
async fn a_definition_that_changes_is_told_whatever_a_session_claims() {
    let database = database().await;
    database
        .execute("CREATE TABLE item (id int PRIMARY KEY); SELECT rowcast.watch('item')")
        .await;
    let mut reader = Reader::new(&database).await;
    database
        .execute("SET rowcast.busy = 'on'; ALTER TABLE item ADD COLUMN n int")
        .await;
    let read = reader.read().await;
    assert_eq!(read.rows.len(), 1);
    assert_eq!(read.rows[0].kind, ChangeKind::Definition);
}

#[tokio::test]
async fn values_that_are_small_when_stored_and_huge_when_read_fail_nobody() {
    let database = database().await;
    database
        .execute(
            "CREATE TABLE tall (id int PRIMARY KEY, n int, body text); \
             INSERT INTO tall SELECT g, 0, repeat('a', 20000000) FROM generate_series(1, 30) g; \
             CREATE TABLE wide (id int PRIMARY KEY, n int, a text, b text, c text, d json); \
             INSERT INTO wide SELECT 1, 0, body, body, body, to_json(body) FROM tall WHERE id = 1; \
             SELECT rowcast.watch('tall'), rowcast.watch('wide')",
        )
        .await;
    let mut reader = Reader::new(&database).await;
    for statement in [
        "UPDATE tall SET n = n + 1",
        "UPDATE wide SET n = n + 1",
        "UPDATE wide SET n = n + 1 WHERE id = 1",
        "INSERT INTO wide SELECT 2, n, a, b, c, d FROM wide",
        "DELETE FROM wide",
    ] {
        database.execute(statement).await;
        let read = reader.read().await;
        assert_eq!(read.rows.len(), 1, "{statement}");
        assert_eq!(read.rows[0].kind, ChangeKind::Unknown, "{statement}");
    }
    // As large as it may be.
    database
        .execute("UPDATE tall SET n = n + 1 WHERE id = 1")
        .await;
    let read = reader.read().await;
    assert_eq!(read.rows[0].kind, ChangeKind::Images);
}

#[tokio::test]
async fn who_may_look_into_our_schema_can_forge_no_change() {
    let database = database().await;
    let role = format!("forger_{}", database.name);
    database
        .execute(&format!(
            "CREATE TABLE item (id int PRIMARY KEY); SELECT rowcast.watch('item'); \
             CREATE ROLE {role}; GRANT USAGE ON SCHEMA rowcast TO {role}; \
             CREATE SCHEMA f AUTHORIZATION {role}"
        ))
        .await;
    let mut connection = database.connect().await;
    // Those of the table, not of what is ours.
    let capture: Vec<String> = sqlx::query_scalar(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'rowcast'::regnamespace \
           AND p.prosecdef AND p.prorettype = 'trigger'::regtype \
           AND p.proname LIKE 'capture\\_' || 'item'::regclass::oid || '\\_%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(capture.len(), 5);
    execute(
        &mut connection,
        &format!("SET ROLE {role}; CREATE TABLE f.mine (id int)"),
    )
    .await;
    for function in capture {
        let refused = crate::replica::failure(
            &mut connection,
            &format!(
                "CREATE TRIGGER forged AFTER TRUNCATE ON f.mine \
                 FOR EACH STATEMENT EXECUTE FUNCTION rowcast.{function}()"
            ),
        )
        .await;
        assert!(
            refused.contains("permission denied"),
            "{function}: {refused}"
        );
    }
}
