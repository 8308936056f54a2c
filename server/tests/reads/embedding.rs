//! Columns of the rows that foreign keys refer to: what is read, and what is refused.

use rowcast_protocol::ApiError;

use crate::{cluster::Cluster, support::Fixture};

const TABLES: &str = "
    CREATE TABLE people (id bigint PRIMARY KEY, name text, age int, \"odd.name\" text, doc json);
    CREATE TABLE places (country text COLLATE \"C\", code int, name text, PRIMARY KEY (country, code));
    CREATE TABLE other (id int PRIMARY KEY, secret text);
    CREATE SCHEMA s;
    CREATE TABLE s.kinds (id int PRIMARY KEY, label text);
    CREATE TABLE tasks (
        id int PRIMARY KEY, title text,
        assignee_id int REFERENCES people, reporter_id int,
        country text, code int, kind int REFERENCES s.kinds, other_id int REFERENCES other,
        parent int REFERENCES tasks,
        \"a.b\" text DEFAULT 'dotted',
        CONSTRAINT reported FOREIGN KEY (reporter_id) REFERENCES people,
        CONSTRAINT placed FOREIGN KEY (country, code) REFERENCES places);
    INSERT INTO people VALUES (1, 'Ann', 30, 'x', '{}'), (2, 'Bob', 20, 'y', NULL), (3, NULL, 10, 'z', NULL);
    INSERT INTO places VALUES ('at', 1, 'Wien'), ('de', 1, 'Berlin');
    INSERT INTO s.kinds VALUES (1, 'bug');
    INSERT INTO tasks (id, title, assignee_id, reporter_id, country, code, kind, parent) VALUES
        (1, 'one', 1, 2, 'at', 1, 1, NULL), (2, 'two', 2, 1, 'de', 1, NULL, 1),
        (3, 'three', NULL, 2, 'de', NULL, 1, 2), (4, 'four', 3, NULL, NULL, NULL, NULL, 1);";

/// The shown cells of the rows, as JSON texts.
async fn rows(fixture: &Fixture, query: &str) -> Vec<Vec<String>> {
    let bound = fixture.bind("tasks", query).await.unwrap();
    let read = fixture.read("tasks", query).await.unwrap();
    let cells = |row: &Vec<rowcast_engine::datum::Datum>| {
        let shown = bound.select.iter();
        shown.map(|at| row[*at].to_cell().to_json()).collect()
    };
    assert_eq!(read.total, Some(read.rows.len() as u64), "{query}");
    read.rows.iter().map(cells).collect()
}

async fn names(fixture: &Fixture, query: &str) -> Vec<String> {
    let bound = fixture.bind("tasks", query).await.unwrap();
    let names = bound.select.iter();
    names
        .map(|at| bound.table.table.columns[*at].name.clone())
        .collect()
}

async fn refused(fixture: &Fixture, query: &str) -> ApiError {
    match fixture.bind("tasks", query).await {
        Ok(_) => panic!("{query} was bound"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_row_has_columns_of_what_it_refers_to() {
    let fixture = Fixture::new(TABLES).await;
    let query = "select=id,by:people!assignee_id(name,age),placed(name),kind(label)";
    assert_eq!(
        names(&fixture, query).await,
        ["id", "by.name", "by.age", "placed.name", "kind.label"]
    );
    assert_eq!(
        rows(&fixture, query).await,
        [
            ["1", "\"Ann\"", "30", "\"Wien\"", "\"bug\""],
            ["2", "\"Bob\"", "20", "\"Berlin\"", "null"],
            ["3", "null", "null", "null", "\"bug\""],
            ["4", "null", "10", "null", "null"],
        ]
    );
    let table = fixture.bind("tasks", query).await.unwrap().table;
    let (_, column) = table.table.column("by.age").unwrap();
    assert_eq!(column.type_name, "integer");
    assert!(column.nullable && column.generated);
    assert_eq!(table.base().table.columns.len(), 10);
}

#[tokio::test]
async fn a_foreign_key_is_named_by_table_column_or_name() {
    let fixture = Fixture::new(TABLES).await;
    for (query, first) in [
        ("select=places(name)", "Wien"),
        ("select=public.places(name)", "Wien"),
        ("select=places!placed(name)", "Wien"),
        ("select=s.kinds(label)", "bug"),
        ("select=kind(label)", "bug"),
        ("select=people!assignee_id(name)", "Ann"),
        ("select=people!reported(name)", "Bob"),
        ("select=reporter_id(name)", "Bob"),
        ("select=reported(name)", "Bob"),
        ("select=assignee_id(\"odd.name\")", "x"),
    ] {
        let rows = rows(&fixture, query).await;
        assert_eq!(rows[0], [format!("{first:?}")], "{query}");
    }
    let all = "select=*,boss:tasks(title),assignee_id(*)";
    let names = names(&fixture, all).await;
    assert_eq!(names.len(), 10 + 1 + 5);
    assert_eq!(names[9..12], ["a.b", "boss.title", "assignee_id.id"]);
    let rows = rows(&fixture, all).await;
    assert_eq!(rows[1][10..12], ["\"one\"", "2"]);
}

#[tokio::test]
async fn rows_are_filtered_and_ordered_by_what_they_refer_to() {
    let fixture = Fixture::new(TABLES).await;
    for (query, ids) in [
        ("by.name=eq.Ann", &["1"][..]),
        ("by.name=neq.Ann", &["2"]),
        ("by.name=is.null", &["3", "4"]),
        ("by.id=is.null", &["3"]),
        ("by.age=gte.20&id=gt.1", &["2"]),
        (
            "or=(by.name.eq.Bob,and(by.age.lt.15,title.eq.four))",
            &["2", "4"],
        ),
        ("by.age=in.(10,30)", &["1", "4"]),
        ("by.name=ilike.*O*", &["2"]),
        ("not.or=(by.age.eq.30,by.age.eq.20)", &["4"]),
        (
            "order=by(name).desc.nullslast,id.desc",
            &["2", "1", "4", "3"],
        ),
        ("order=by(name),by(age)", &["1", "2", "4", "3"]),
        ("order=by(age).desc", &["3", "1", "2", "4"]),
        // Words are looked for in the table's own columns.
        ("q=ann", &[]),
        ("q=dotted", &["1", "2", "3", "4"]),
        ("a.b=eq.dotted&by.age=eq.10", &["4"]),
        ("and=(\"a.b\".eq.dotted,a.b.eq.dotted,by.age.eq.10)", &["4"]),
    ] {
        let query = format!("{query}&select=id,by:assignee_id(name)");
        let rows = rows(&fixture, &query).await;
        let found: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
        assert_eq!(found, ids, "{query}");
        assert_eq!(rows.first().map_or(2, Vec::len), 2);
    }
}

#[tokio::test]
async fn what_can_not_be_embedded_is_named() {
    let fixture = Fixture::new(TABLES).await;
    for (query, code, message, hint) in [
        (
            "select=people(name)",
            "ambiguous_relation",
            "tasks refers to people in several ways",
            "people!reporter_id(name) or people!assignee_id(name)",
        ),
        (
            "select=nobody(name)",
            "unknown_relation",
            "tasks refers to nothing called \"nobody\"",
            "country and code to places",
        ),
        ("select=title(name)", "unknown_relation", "\"title\"", ""),
        (
            "select=people!kind(name)",
            "unknown_relation",
            "people!kind",
            "",
        ),
        (
            "select=assignee_id(nmae)",
            "unknown_column",
            "people has no column \"nmae\"",
            "name",
        ),
        (
            "select=assignee_id(name)&assignee_id.title=eq.x",
            "unknown_column",
            "people has no column \"title\"",
            "",
        ),
        (
            "assignee_id.name=eq.Ann",
            "unknown_column",
            "tasks has no column \"assignee_id.name\"",
            "select=*,relation(column)",
        ),
        (
            "order=assignee_id(name)",
            "unknown_column",
            "assignee_id.name",
            "",
        ),
        (
            "select=b:assignee_id(age),b:reporter_id(name)",
            "invalid_select",
            "two \"b\"",
            "select=other:reporter_id",
        ),
        (
            "select=b:assignee_id(age)&order=b(doc)",
            "invalid_order",
            "b.doc",
            "",
        ),
        (
            "select=b:assignee_id(age)&b.age=eq.x",
            "invalid_value",
            "b.age",
            "",
        ),
    ] {
        let error = refused(&fixture, query).await;
        assert_eq!(error.code, code, "{query}: {error:?}");
        assert!(error.message.contains(message), "{query}: {error:?}");
        assert!(error.hint.contains(hint), "{query}: {error:?}");
    }
    // A name that would mean two columns.
    fixture
        .database
        .execute("ALTER TABLE people ADD b text")
        .await;
    let error = refused(&fixture, "select=a:assignee_id(b)").await;
    assert_eq!(error.code, "invalid_select");
    let own = "select=a:assignee_id(age)&a.b=eq.dotted&order=\"a.b\",id";
    assert_eq!(rows(&fixture, own).await.len(), 4);
}

#[tokio::test]
async fn a_table_that_may_not_be_read_is_not_referred_to() {
    let mut fixture = Fixture::new(TABLES).await;
    fixture
        .database
        .execute(
            "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
             GRANT SELECT ON tasks, people TO reader;
             GRANT USAGE ON SCHEMA rowcast TO reader; GRANT SELECT ON rowcast.watched TO reader;",
        )
        .await;
    let options = fixture.database.options.clone().username("reader");
    fixture.pool = rowcast::database::pool::readers(options, 2);
    fixture.catalog = rowcast::database::catalog::Catalog::new(fixture.pool.clone());
    assert_eq!(rows(&fixture, "select=assignee_id(name)").await.len(), 4);
    for target in ["other", "other_id", "s.kinds"] {
        let error = refused(&fixture, &format!("select={target}(id)")).await;
        assert_eq!(error.code, "unknown_relation");
        assert_eq!(
            error.message,
            format!("tasks refers to nothing called {target:?}")
        );
    }
}

#[tokio::test]
async fn what_is_read_is_one_version_of_all_tables() {
    let fixture = Fixture::new(TABLES).await;
    let query = "select=id,by:assignee_id(name)";
    let bound = fixture.bind("tasks", query).await.unwrap();
    for sql in [
        "ALTER TABLE people RENAME name TO title",
        "ALTER TABLE people ADD more text",
        "ALTER TABLE tasks DROP CONSTRAINT tasks_assignee_id_fkey",
    ] {
        let bound = if sql.contains("DROP") {
            fixture
                .bind("tasks", "select=id,by:assignee_id(title)")
                .await
                .unwrap()
        } else {
            bound.clone()
        };
        fixture.database.execute(sql).await;
        let range = rowcast::query::read::Range::Offset {
            offset: 0,
            limit: 9,
        };
        let read = rowcast::query::read::window(
            &fixture.pool.clone().into(),
            &bound,
            &range,
            rowcast::query::read::Totals::Shown,
        )
        .await;
        assert_eq!(read.unwrap_err().code, "catalog_changed", "{sql}");
    }
    let error = refused(&fixture, "select=by:assignee_id(title)").await;
    assert_eq!(error.code, "unknown_relation");
}

#[tokio::test]
async fn a_foreign_key_refers_to_its_table_alone_and_by_its_own_comparison() {
    // From 18 on one is not compared by another collation than its own where that folds.
    let own = if Cluster::shared().major() < 18 {
        "\"C\""
    } else {
        "folded"
    };
    let fixture = Fixture::new(&format!(
        "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE parent (id int PRIMARY KEY, name text);
         CREATE TABLE child () INHERITS (parent);
         CREATE TABLE coded (code text COLLATE folded PRIMARY KEY, name text);
         CREATE TABLE parts (id int, name text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
         CREATE TABLE tasks (id int PRIMARY KEY, part bigint REFERENCES parts,
             p int REFERENCES parent, code text COLLATE {own} REFERENCES coded);
         INSERT INTO parent VALUES (1, 'own'); INSERT INTO child VALUES (1, 'inherited');
         INSERT INTO coded VALUES ('Abc', 'folded'); INSERT INTO parts VALUES (7, 'part');
         INSERT INTO tasks VALUES (1, 7, 1, 'aBC');",
    ))
    .await;
    assert_eq!(
        rows(
            &fixture,
            "select=p(name),parts(name),by:part(id),code(code,name)&code.name=eq.folded"
        )
        .await,
        [["\"own\"", "\"part\"", "7", "\"Abc\"", "\"folded\""]]
    );
}

#[tokio::test]
async fn a_table_without_a_key_embeds_too() {
    let fixture = Fixture::new(
        "CREATE TABLE people (id int PRIMARY KEY, name text);
         CREATE TABLE tasks (n int, who int REFERENCES people);
         INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob');
         INSERT INTO tasks VALUES (1, 1), (1, 1), (2, 2), (3, NULL);",
    )
    .await;
    assert_eq!(
        rows(&fixture, "select=n,who(name)&order=who(name).desc,n").await,
        [
            ["3", "null"],
            ["2", "\"Bob\""],
            ["1", "\"Ann\""],
            ["1", "\"Ann\""]
        ]
    );
}
