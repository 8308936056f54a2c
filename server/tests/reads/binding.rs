//! What values, operators and orders are taken, and what is said of the others.

use rowcast_engine::datum::Datum;

use crate::support::Fixture;

const TYPES: &str = "
    CREATE EXTENSION citext; CREATE EXTENSION hstore;
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TABLE t (
        id int PRIMARY KEY, i2 smallint, i8 bigint, f4 real, f8 float8, d numeric(8, 2),
        b boolean, t text, v varchar(3), c char(4), n name, y bytea, da date, ti time, ts timestamp,
        tz timestamptz, u uuid, m mood, j json, jb jsonb, a int[], p pair, iv interval, ip inet,
        r int4range, ci citext, h hstore, pos positive, x xml, po point, bi bit(3), mo money,
        ta text[], ja json[]);
    INSERT INTO t VALUES (
        1, 2, 3, 1.5, 0.1, 12.50, true, 'text', 'abc', 'ab', 'name', '\\x00ff', '2024-02-29',
        '23:59:59.5', '2024-02-29 12:00', '2024-02-29 12:00+02',
        '00112233-4455-6677-8899-aabbccddeeff', 'ok', '{\"a\" : 1}', '{\"a\": 1}', '{1,2}',
        '(1,x)', '1 day', '10.0.0.1', '[1,5)', 'CaSe', 'a=>1', 5, '<a/>', '(1,2)', '101', '$1.50',
        '{a,\"b c\"}', ARRAY['1'::json]);
    INSERT INTO t (id) VALUES (2);";

#[tokio::test]
async fn a_value_of_every_type_is_understood_as_postgresql_does() {
    let fixture = Fixture::new(TYPES).await;
    for (query, found) in [
        ("id=eq.1", 1),
        ("id=eq.%201%20", 1),
        ("id=eq.%2B1", 1),
        ("i2=eq.2", 1),
        ("i8=eq.3", 1),
        ("f4=eq.1.5", 1),
        ("f4=eq.15e-1", 1),
        ("f8=eq.0.1", 1),
        ("f8=lt.NaN", 1),
        ("d=eq.12.5", 1),
        ("d=eq.12.500", 1),
        ("d=lt.Infinity", 1),
        ("b=eq.true", 1),
        ("b=eq.yes", 1),
        ("b=is.true", 1),
        ("b=is.null", 1),
        ("b=not.is.true", 1),
        ("t=eq.text", 1),
        ("t=neq.other", 1),
        ("t=like.te*", 1),
        ("t=ilike.T*T", 1),
        ("v=eq.abc", 1),
        ("v=eq.abcd", 0),
        ("c=eq.ab", 1),
        ("c=eq.ab%20%20%20%20%20", 1),
        ("n=eq.name", 1),
        ("n=like.n*", 1),
        ("y=eq.\\x00ff", 1),
        ("y=eq.\\000\\377", 1),
        ("da=eq.2024-02-29", 1),
        ("da=eq.February 29, 2024", 1),
        ("da=lt.today", 1),
        ("ti=eq.23:59:59.5", 1),
        ("ts=eq.2024-02-29T12:00:00", 1),
        ("tz=eq.2024-02-29T10:00:00Z", 1),
        ("tz=eq.2024-02-29 10:00", 1),
        ("tz=lt.now", 1),
        ("u=eq.00112233-4455-6677-8899-aabbccddeeff", 1),
        ("u=eq.{00112233445566778899AABBCCDDEEFF}", 1),
        ("m=eq.ok", 1),
        ("m=gt.sad", 1),
        ("m=in.(ok,happy)", 1),
        ("jb=eq.{\"a\":1}", 1),
        ("jb=in.(\"{\\\"a\\\":1}\",1)", 1),
        ("a=eq.{1,2}", 1),
        ("a=in.(\"{1,2}\",\"{}\")", 1),
        ("a=not.in.(\"{1,2}\")", 0),
        ("ta=eq.{a,\"b c\"}", 1),
        ("p=eq.(1,x)", 1),
        ("iv=eq.24:00", 1),
        ("ip=eq.10.0.0.1/32", 1),
        ("r=eq.[1,4]", 1),
        ("ci=eq.case", 1),
        ("ci=like.cas*", 1),
        ("ci=in.(CASE,x)", 1),
        ("h=eq.\"a\"=>\"1\"", 1),
        ("pos=eq.5", 1),
        ("pos=neq.-1", 1),
        ("bi=eq.101", 1),
        ("bi=neq.1011", 1),
        ("mo=eq.1.5", 1),
        ("j=is.null", 1),
        ("x=is.null", 1),
        ("q=ext%20CASE", 1),
        ("q=ext%20nothing", 0),
        ("q=%25", 0),
        ("id=in.(1,2,3)", 2),
        ("or=(id.eq.1,id.eq.2)", 2),
        ("not.or=(id.eq.1,b.is.null)", 0),
        ("id=gt.1&id=lt.2", 0),
        ("order=m.desc,jb,a,ip,iv,r,ci,mo,p,h", 2),
        ("order=po.desc", 999),
        ("limit=0", 2),
        ("offset=9000000000000000000", 2),
    ] {
        match fixture.read("t", query).await {
            Ok(read) => assert_eq!(read.total, Some(found), "{query}"),
            Err(error) => assert!(found == 999, "{query}: {error}"),
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let fixture = Fixture::new(TYPES).await;
    for (query, code, named) in [
        ("id=eq.x", "invalid_value", "id"),
        ("id=eq.", "invalid_value", "id"),
        ("id=eq.99999999999", "invalid_value", "id"),
        ("id=eq.1.5", "invalid_value", "id"),
        ("i2=in.(1,70000)", "invalid_value", "i2"),
        ("id=eq.1&f8=gt.abc", "invalid_value", "f8=gt.abc"),
        ("f4=eq.1e300", "invalid_value", "f4"),
        ("da=eq.2023-02-29", "invalid_value", "da"),
        ("tz=eq.25:00", "invalid_value", "tz"),
        ("u=eq.1", "invalid_value", "u"),
        ("m=eq.furious", "invalid_value", "m"),
        ("jb=eq.{", "invalid_value", "jb"),
        ("a=eq.1", "invalid_value", "a"),
        ("a=in.({1},x)", "invalid_value", "a"),
        ("y=eq.\\xzz", "invalid_value", "y"),
        ("ip=eq.10.0.0.300", "invalid_value", "ip"),
        ("t=eq.%00", "invalid_value", "t"),
        ("t=like.a\\", "invalid_value", "t"),
        ("nosuch=eq.1", "unknown_column", "nosuch"),
        ("order=nosuch", "unknown_column", "nosuch"),
        ("select=id,nosuch", "unknown_column", "nosuch"),
        ("order=po", "invalid_order", "po"),
        ("order=x.desc", "invalid_order", "x"),
        ("order=ja", "invalid_order", "ja"),
        ("x=eq.<a/>", "invalid_operator", "x"),
        ("po=gt.(1,2)", "invalid_operator", "po"),
        ("id=eq.1&ja=eq.{1}", "invalid_operator", "ja"),
        ("id=like.1*", "invalid_operator", "id"),
        ("id=is.true", "invalid_operator", "id"),
    ] {
        let error = match fixture.read("t", query).await {
            Ok(_) => panic!("{query} is taken"),
            Err(error) => error,
        };
        assert_eq!(error.code, code, "{query}: {error}");
        assert!(error.message.contains(named), "{query}: {error}");
        assert!(!error.message.contains("SELECT"), "{query}: {error}");
    }
}

#[tokio::test]
async fn names_and_values_are_never_sql() {
    let fixture = Fixture::new(
        "CREATE TABLE \"Ta\"\"ble; --\" (
             \"select\" int PRIMARY KEY, \"a\"\"b\" text, \"sp ace\" text, \"Ünï\" text,
             \"x'; DROP TABLE y; --\" text, \"a.b\" text, \"t\" text);
         INSERT INTO \"Ta\"\"ble; --\" VALUES
             (1, '''; DROP TABLE y; --', 'a''b', '\\', '$1', '%', 't'),
             (2, NULL, '\"', '\\x', '$$', '_', NULL);
         CREATE TABLE y ();",
    )
    .await;
    let table = "Ta\"ble; --";
    for (query, found) in [
        ("and=(\"select\".eq.1)", "1"),
        ("and=(\"a\\\"b\".eq.\"'; DROP TABLE y; --\")", "1"),
        ("sp%20ace=eq.a'b", "1"),
        ("sp%20ace=eq.%22", "2"),
        ("%C3%9Cn%C3%AF=eq.\\", "1"),
        ("and=(\"x'; DROP TABLE y; --\".eq.$$)", "2"),
        ("x'%3B%20DROP%20TABLE%20y%3B%20--=eq.$1", "1"),
        ("t=eq.t", "1"),
        ("q=%27%3B%20DROP", "1"),
        ("q=%25", "1"),
        ("q=_", "2"),
        ("q=\\x", "2"),
    ] {
        assert_eq!(fixture.firsts(table, query).await, [found], "{query}");
    }
    let ordered = fixture.firsts(table, "order=sp%20ace.desc").await;
    assert_eq!(ordered.len(), 2);
    fixture.database.execute("SELECT FROM y").await;
}

#[tokio::test]
async fn an_operator_planted_in_a_schema_is_not_used() {
    let fixture = Fixture::new(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1, 'x');
         CREATE FUNCTION public.trap(varchar, varchar) RETURNS bool LANGUAGE plpgsql
           AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
         CREATE OPERATOR public.= (FUNCTION = public.trap, LEFTARG = varchar, RIGHTARG = varchar);",
    )
    .await;
    assert_eq!(fixture.firsts("t", "v=eq.x").await, ["1"]);
}

#[tokio::test]
async fn the_same_meaning_has_the_same_identity() {
    let fixture = Fixture::new(TYPES).await;
    for (one, other, same) in [
        ("id=eq.1", "id=eq.%201", true),
        ("id=eq.1&b=is.true", "b=is.true&id=eq.1&id=eq.1", true),
        ("and=(id.eq.1,b.is.true)", "b=is.true&id=eq.1", true),
        ("m=in.(ok,sad)", "m=in.(sad,ok,ok)", true),
        ("da=eq.2024-01-01", "da=eq.1 jan 2024", true),
        ("order=id,m", "order=id", true),
        ("order=id.nullsfirst", "order=id.nullslast", true),
        ("limit=5", "offset=7&select=id", true),
        ("c=eq.a", "c=eq.a%20", true),
        ("order=m", "order=m.nullsfirst", false),
        ("order=m", "order=m.desc", false),
        ("id=eq.1", "id=neq.1", false),
        ("id=eq.1", "id=not.eq.1", false),
        ("t=eq.a", "v=eq.a", false),
        ("t=eq.a", "t=like.a", false),
        ("q=a%20b", "q=ab", false),
        ("or=(t.eq.a,t.eq.b)", "and=(t.eq.a,t.eq.b)", false),
    ] {
        let one_bound = fixture.bind("t", one).await.unwrap();
        let other_bound = fixture.bind("t", other).await.unwrap();
        assert_eq!(
            one_bound.identity == other_bound.identity,
            same,
            "{one} and {other}: {} {}",
            one_bound.identity,
            other_bound.identity
        );
    }
}

#[tokio::test]
async fn rows_are_whole_and_of_the_snapshot_that_is_named() {
    let fixture = Fixture::new(TYPES).await;
    let read = fixture.read("t", "order=id&limit=1").await.unwrap();
    assert_eq!(read.total, Some(2));
    let [row] = read.rows.as_slice() else {
        panic!("one row")
    };
    assert_eq!(row[0], Datum::Int(1));
    assert_eq!(row.len(), 34);
    let mut connection = fixture.database.connect().await;
    sqlx::query("SET TimeZone = 'UTC'")
        .execute(&mut connection)
        .await
        .unwrap();
    let expected: String = sqlx::query_scalar(
        "SELECT string_agg(to_jsonb(v.value)::text, E'\\n' ORDER BY v.ordinality)
           FROM t, ROWS FROM (json_each(row_to_json(t.*))) WITH ORDINALITY AS v (key, value)
          WHERE id = 1",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    for (datum, expected) in row.iter().zip(expected.lines()) {
        assert_eq!(datum.to_cell().to_json(), expected);
    }
    let none = fixture.read("t", "id=eq.7").await.unwrap();
    assert_eq!((none.rows.len(), none.total), (0, Some(0)));
    assert!(none.snapshot.covers(&read.snapshot));
}
