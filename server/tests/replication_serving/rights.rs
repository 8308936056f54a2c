//! With which rights changes are copied.

use crate::{
    cluster::Database,
    follower::Follower,
    server::Server,
    world::{LIST, REPLICATION, TABLE, cluster, ended, failure, until_equal_without_a_reset},
};

/// What the documentation says a role needs that serves.
const DOCUMENTED: &str = include_str!("../../../docs/sql.md");

fn granted(begins: &str, role: &str) -> String {
    let granted = DOCUMENTED
        .split("```sql\n")
        .find(|block| block.contains(begins))
        .and_then(|block| block.split("```").next())
        .expect("the grants are documented");
    granted
        .replace("rowcast_reader", role)
        .replace("orders, customers", "t")
        .replace("orders", "t")
}

/// A role that has the rights to serve, and where it connects.
async fn reader(database: &Database) -> (String, String) {
    let role = format!("reader_{}", database.name);
    let rights = granted("GRANT USAGE ON SCHEMA rowcast TO rowcast_reader", &role);
    database
        .execute(&format!("CREATE ROLE {role} LOGIN; {rights}"))
        .await;
    let url = database.url.replace("postgres@", &format!("{role}@"));
    (role, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_serves_alone_copies_with_what_the_documentation_gives_it() {
    let database = cluster().database().await;
    Server::with(&database.url, &[]).await.stop().await;
    database.execute(TABLE).await;
    let (role, url) = reader(&database).await;
    let told = failure("serve", &url, &[REPLICATION]).await;
    assert!(
        told.contains(&format!("the role {role} may not replicate")),
        "{told}"
    );
    assert!(told.contains("may not make one in"), "{told}");
    database
        .execute(&format!(
            "ALTER ROLE {role} REPLICATION; GRANT CREATE ON DATABASE {} TO {role}",
            database.name
        ))
        .await;
    // It owns no table.
    let told = failure("serve", &url, &[REPLICATION]).await;
    assert!(
        told.contains("run rowcast migrate with this setting"),
        "{told}"
    );
    database
        .execute(&format!(
            "REVOKE CREATE ON DATABASE {} FROM {role}",
            database.name
        ))
        .await;

    let moved = ended("migrate", &database.url, &[REPLICATION]).await;
    assert!(moved.status.success(), "{moved:?}");
    let doctor = ended("doctor", &url, &[REPLICATION]).await;
    let found = String::from_utf8(doctor.stdout).unwrap();
    assert!(!found.contains("WRONG"), "{found}");
    let server = Server::with(&url, &[REPLICATION]).await;
    let follower = Follower::new(&server.address, LIST).await;
    let mut connection = database.connect().await;
    database
        .execute("INSERT INTO t VALUES (1, 1), (2, 2); DELETE FROM t WHERE id = 1")
        .await;
    until_equal_without_a_reset(&follower, &mut connection).await;
    let doctor = ended("doctor", &url, &[REPLICATION]).await;
    let found = String::from_utf8(doctor.stdout).unwrap();
    assert!(found.contains("changes come from replication; "), "{found}");
    server.stop().await;

    // Without one of them it is told which.
    database
        .execute(&format!("REVOKE INSERT ON rowcast.change_log FROM {role}"))
        .await;
    let doctor = ended("doctor", &url, &[REPLICATION]).await;
    let found = String::from_utf8(doctor.stdout).unwrap();
    assert!(
        found.contains(&format!("GRANT INSERT ON rowcast.change_log TO {role}")),
        "{found}"
    );
    database
        .execute(&granted("REPLICATION;\nGRANT INSERT", &role))
        .await;
    let server = Server::with(&url, &[REPLICATION]).await;
    server.stop().await;
}
