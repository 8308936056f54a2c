//! `rowcast doctor`: what it finds, with which rights.

use std::process::{Command, Output, Stdio};

use rowcast::{capture::migrate::migrate, database::pool::session};
use sqlx::ConnectOptions;

use crate::cluster::{Cluster, Database};

/// The grants that the documentation says a role needs that serves.
const DOCUMENTED: &str = include_str!("../../../docs/sql.md");

fn doctor(url: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowcast"));
    command
        .arg("doctor")
        .env("DATABASE_URL", url)
        .env_remove("ROWCAST_AUTH")
        .stdin(Stdio::null());
    command.output().unwrap()
}

/// The same, where each has a role of their own.
fn doctor_of_roles(url: &str, member: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowcast"));
    command
        .arg("doctor")
        .env("DATABASE_URL", url)
        .env("ROWCAST_DATABASE_ROLES", "on")
        .env("ROWCAST_MEMBER_DATABASE_ROLE", member)
        .env_remove("ROWCAST_AUTH")
        .stdin(Stdio::null());
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines about something, of a level.
fn lines(output: &Output, level: &str, subject: &str) -> Vec<String> {
    let text = text(output);
    let of = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next() == Some(level) && words.next() == Some(subject)
    };
    text.lines().filter(of).map(str::to_owned).collect()
}

/// A database that a superuser set up, with two tables, of which one is live.
async fn set_up() -> Database {
    let database = Cluster::shared().database().await;
    let mut connection = session(database.options.clone()).connect().await.unwrap();
    migrate(&mut connection).await.unwrap();
    database
        .execute(
            "CREATE TABLE orders (id int PRIMARY KEY, note text);
             CREATE TABLE customers (id int PRIMARY KEY);
             SELECT rowcast.watch('orders');",
        )
        .await;
    database
}

/// The role of that name with the documented rights, and the URL by which it connects.
async fn reader(database: &Database, role: &str) -> String {
    let granted = DOCUMENTED
        .split("```sql\n")
        .find(|block| block.contains("GRANT USAGE ON SCHEMA rowcast TO rowcast_reader"))
        .and_then(|block| block.split("```").next())
        .expect("the grants are documented");
    let granted = granted.replace("rowcast_reader", role);
    // Roles are the cluster's, which other tests share.
    database
        .execute(&format!("CREATE ROLE {role} LOGIN; {granted}"))
        .await;
    database.url.replace("postgres@", &format!("{role}@"))
}

#[tokio::test]
async fn a_database_that_is_as_it_should_be_has_nothing_wrong() {
    let database = set_up().await;
    let output = doctor(&database.url);
    assert!(output.status.success(), "{output:?}");
    for subject in [
        "version",
        "settings",
        "encryption",
        "clock",
        "connections",
        "bell",
        "schema",
        "definitions",
        "tables",
        "log",
    ] {
        assert_eq!(
            lines(&output, "ok", subject).len(),
            1,
            "{subject}: {}",
            text(&output)
        );
    }
    assert!(lines(&output, "note", "rights")[0].contains("superuser"));
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_no_more_than_that() {
    let database = set_up().await;
    let url = reader(&database, "doctor_least").await;
    let output = doctor(&url);
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        lines(&output, "ok", "rights")[0].contains("no more"),
        "{}",
        text(&output)
    );
}

#[tokio::test]
async fn each_right_that_is_missing_is_told_with_its_grant() {
    let database = set_up().await;
    let url = reader(&database, "doctor_lacking").await;
    database
        .execute(
            "REVOKE DELETE ON rowcast.change_log FROM doctor_lacking;
             REVOKE UPDATE, INSERT ON rowcast.session FROM doctor_lacking;
             REVOKE INSERT ON rowcast.presence FROM doctor_lacking;
             REVOKE SELECT ON orders FROM doctor_lacking",
        )
        .await;
    let output = doctor(&url);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let wrong = lines(&output, "WRONG", "rights").join("\n");
    for grant in [
        "GRANT DELETE ON rowcast.change_log TO doctor_lacking",
        "GRANT INSERT, UPDATE ON rowcast.session TO doctor_lacking",
    ] {
        assert!(wrong.contains(grant), "{grant}: {wrong}");
    }
    let warned = lines(&output, "warning", "rights").join("\n");
    assert!(
        warned.contains("GRANT INSERT ON rowcast.presence"),
        "{warned}"
    );
    let tables = lines(&output, "WRONG", "tables").join("\n");
    assert!(
        tables.contains("orders are live and may not be read"),
        "{tables}"
    );
    // Nobody has to sign in: what accounts need is not looked at.
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowcast"));
    let off = command
        .args(["doctor", "--auth", "off"])
        .env("DATABASE_URL", &url)
        .output()
        .unwrap();
    assert!(!text(&off).contains("rowcast.session"), "{}", text(&off));
}

#[tokio::test]
async fn what_is_wrong_with_triggers_is_told() {
    let database = set_up().await;
    database
        .execute(
            "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9);
             SELECT rowcast.watch('parted'), rowcast.watch('customers');",
        )
        .await;
    assert!(doctor(&database.url).status.success());
    database
        .execute(
            // With the event triggers there, what follows would be mended at once.
            "DROP EVENT TRIGGER rowcast_ddl;
             ALTER EVENT TRIGGER rowcast_drop DISABLE;
             ALTER TABLE orders DISABLE TRIGGER rowcast_update;
             DROP TRIGGER rowcast_insert ON part;
             ALTER TABLE customers ADD extra int;",
        )
        .await;
    let output = doctor(&database.url);
    assert_eq!(output.status.code(), Some(1));
    let tables = lines(&output, "WRONG", "tables");
    let deaf = tables.iter().find(|line| line.contains("does not arrive"));
    let deaf = deaf.unwrap_or_else(|| panic!("{tables:?}"));
    assert!(deaf.contains("orders") && deaf.contains("parted"), "{deaf}");
    let unfit = tables.iter().find(|line| line.contains("altered")).unwrap();
    assert!(unfit.contains("customers"), "{unfit}");
    let told = lines(&output, "warning", "definitions");
    assert!(
        told[0].contains("rowcast_ddl, rowcast_drop are"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_database_without_the_schema_is_told_what_will_happen_and_left_alone() {
    let database = Cluster::shared().database().await;
    let output = doctor(&database.url);
    assert!(output.status.success(), "{}", text(&output));
    assert!(lines(&output, "note", "schema")[0].contains("the first command"));
    let name = &database.name;
    database
        .execute(&format!(
            "CREATE ROLE doctor_nobody LOGIN; REVOKE ALL ON DATABASE {name} FROM PUBLIC;
             GRANT CONNECT ON DATABASE {name} TO doctor_nobody"
        ))
        .await;
    let url = database.url.replace("postgres@", "doctor_nobody@");
    let output = doctor(&url);
    assert_eq!(output.status.code(), Some(1));
    let wrong = lines(&output, "WRONG", "schema");
    let grant = format!("GRANT CREATE ON DATABASE {name} TO doctor_nobody");
    assert!(wrong[0].contains(&grant), "{wrong:?}");
    let mut connection = database.connect().await;
    let is_there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'rowcast')")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(!is_there);
}

#[tokio::test]
async fn a_role_that_may_not_use_the_schema_and_a_database_that_is_not_there_are_told() {
    let database = set_up().await;
    database.execute("CREATE ROLE doctor_stranger LOGIN").await;
    let output = doctor(&database.url.replace("postgres@", "doctor_stranger@"));
    assert_eq!(output.status.code(), Some(1));
    let wrong = lines(&output, "WRONG", "schema");
    assert!(
        wrong[0].contains("GRANT USAGE ON SCHEMA rowcast TO doctor_stranger"),
        "{wrong:?}"
    );
    let output = doctor("postgres://me:hunter2@127.0.0.1:1/shop");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output, "WRONG", "connection").len(), 1);
    assert!(!format!("{output:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_newer_schema_and_a_read_only_role_are_told() {
    let database = set_up().await;
    database
        .execute(
            "CREATE ROLE doctor_reading LOGIN SUPERUSER;
             ALTER ROLE doctor_reading SET default_transaction_read_only = on;
             INSERT INTO rowcast.migration (version, name) VALUES (9999, 'of the future')",
        )
        .await;
    assert!(lines(&doctor(&database.url), "ok", "schema")[0].contains("works with it"));
    database
        .execute("UPDATE rowcast.state SET works_from = 9999")
        .await;
    let output = doctor(&database.url.replace("postgres@", "doctor_reading@"));
    assert_eq!(output.status.code(), Some(1));
    assert!(lines(&output, "WRONG", "schema")[0].contains("9999"));
    assert_eq!(
        lines(&output, "WRONG", "settings").len(),
        1,
        "{}",
        text(&output)
    );
}

#[tokio::test]
async fn roles_that_people_have_are_looked_at() {
    let database = set_up().await;
    let name = &database.name;
    database
        .execute(&format!(
            "CREATE ROLE {name}_fine; CREATE ROLE {name}_passes BYPASSRLS; CREATE ROLE {name}_super SUPERUSER;
             CREATE ROLE {name}_owner; ALTER TABLE orders OWNER TO {name}_owner;"
        ))
        .await;
    // Off, nothing is said of them.
    assert!(!text(&doctor(&database.url)).contains(" roles "));
    let of = |role: &str| doctor_of_roles(&database.url, &format!("{name}_{role}"));
    let fine = of("fine");
    assert!(fine.status.success(), "{}", text(&fine));
    assert_eq!(lines(&fine, "ok", "roles").len(), 1, "{}", text(&fine));
    for (role, level) in [
        ("gone", "WRONG"),
        ("super", "WRONG"),
        ("passes", "warning"),
        ("owner", "warning"),
    ] {
        let output = of(role);
        let found = lines(&output, level, "roles");
        assert!(
            found
                .iter()
                .any(|line| line.contains(&format!("{name}_{role}"))),
            "{role}: {}",
            text(&output)
        );
        assert_eq!(output.status.success(), level != "WRONG", "{role}");
    }
    // A server that is no superuser has to be granted them.
    let url = reader(&database, &format!("{name}_server")).await;
    let refused = doctor_of_roles(&url, &format!("{name}_fine"));
    assert_eq!(
        lines(&refused, "WRONG", "roles").len(),
        1,
        "{}",
        text(&refused)
    );
    database
        .execute(&format!("GRANT {name}_fine TO {name}_server"))
        .await;
    let granted = doctor_of_roles(&url, &format!("{name}_fine"));
    assert_eq!(
        lines(&granted, "ok", "roles").len(),
        1,
        "{}",
        text(&granted)
    );
    // What a policy looks at has to be live.
    database
        .execute(
            "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
             CREATE POLICY known ON orders USING (id IN (SELECT id FROM customers));",
        )
        .await;
    let found = lines(&of("fine"), "warning", "roles");
    assert!(
        found[0].contains("public.orders looks at public.customers"),
        "{found:?}"
    );
}
