//! A server whose role may do no more than serve, and loses a right.

use crate::{
    cluster::{Cluster, Database},
    server::Server,
    socket::Socket,
};

/// What docs/sql.md says that serving needs, with two tables to read.
const RIGHTS: &str = "CREATE TABLE t (id int PRIMARY KEY, name text); \
    CREATE TABLE other (id int PRIMARY KEY); \
    INSERT INTO t VALUES (1, 'one'); INSERT INTO other VALUES (1); \
    SELECT rowcast.watch('t'), rowcast.watch('other'); \
    CREATE ROLE serving LOGIN; \
    GRANT USAGE ON SCHEMA rowcast TO serving; \
    GRANT SELECT ON ALL TABLES IN SCHEMA rowcast TO serving; \
    GRANT UPDATE, DELETE ON rowcast.change_log TO serving; \
    GRANT UPDATE ON rowcast.state TO serving; \
    GRANT SELECT ON t, other TO serving";

async fn start(cluster: &Cluster) -> (Database, Server) {
    let database = cluster.database().await;
    Server::start(&database.url).await.stop().await;
    database.execute(RIGHTS).await;
    let url = database.url.replace("postgres@", "serving@");
    (database, Server::start(&url).await)
}

#[tokio::test]
async fn a_table_that_may_no_longer_be_read_ends_its_lists_and_no_others() {
    let cluster = Cluster::start(&[]);
    for (sql, code) in [
        ("REVOKE SELECT ON t FROM serving", "unknown_table"),
        // A list would lack what the log has.
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "not_live"),
    ] {
        let (database, server) = start(&cluster).await;
        let mut socket = Socket::open(&server.address).await;
        socket.subscribe(1, "t", "").await;
        socket.subscribe(2, "other", "").await;
        database.execute(sql).await;
        let error = socket.next_of(1, "error").await;
        assert_eq!(error["error"]["code"], code, "{sql}: {error}");
        socket
            .send(r#"{"type":"subscribe","id":3,"table":"t","query":""}"#)
            .await;
        let error = socket.next_of(3, "error").await;
        assert_eq!(error["error"]["code"], code, "{sql}: {error}");
        database
            .execute("INSERT INTO t VALUES (2, 'secret'); INSERT INTO other VALUES (2)")
            .await;
        let patch = socket.next("patch").await;
        assert_eq!(patch["id"], 2, "{sql}: {patch}");
        drop(server);
        // Roles are the cluster's.
        database
            .execute("DROP OWNED BY serving; DROP ROLE serving")
            .await;
    }
}
