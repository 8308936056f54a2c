//! A server whose role may not write everything.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    cluster::{Cluster, Database},
    server::Server,
};

/// Serves a database as a role that may read `t`, and write what `grants` say.
async fn serve(cluster: &Cluster, tables: &str) -> Server {
    let database = cluster.database().await;
    rowcast::serve::prepare(&database.options).await.unwrap();
    database
        .execute(&format!(
            "{tables}; CREATE ROLE serving LOGIN; GRANT USAGE ON SCHEMA rowcast TO serving; \
             GRANT SELECT ON ALL TABLES IN SCHEMA rowcast TO serving; \
             GRANT UPDATE, DELETE ON rowcast.change_log TO serving; \
             GRANT UPDATE ON rowcast.state TO serving; \
             GRANT INSERT, UPDATE, DELETE ON rowcast.audit, rowcast.refusal TO serving"
        ))
        .await;
    let serving = Database {
        options: database.options.clone().username("serving"),
        url: database.url.replace("postgres@", "serving@"),
        name: database.name.clone(),
    };
    Server::on(serving, "SELECT 1", PathBuf::new()).await
}

#[tokio::test]
async fn what_the_role_may_not_write_is_not_editable() {
    let cluster = Cluster::start(&[]);
    let server = serve(
        &cluster,
        "CREATE TABLE t (id int PRIMARY KEY, x text, y text); INSERT INTO t VALUES (1, 'a', 'b');
         CREATE ROLE reading; GRANT SELECT, UPDATE (x) ON t TO PUBLIC",
    )
    .await;
    for (method, path, body) in [
        ("POST", "/api/rows/t", r#"{"id":2}"#),
        ("PATCH", "/api/rows/t/1", r#"{"set":{"y":"c"}}"#),
        ("DELETE", "/api/rows/t/1", "{}"),
    ] {
        let (status, body) = server.write(method, path, body).await.json();
        assert_eq!(
            (status, &body["error"]["code"]),
            (422, &json!("not_editable")),
            "{method}"
        );
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("role may not write"), "{message}");
    }
    let answer = server
        .write(
            "PATCH",
            "/api/rows/t/1",
            r#"{"set":{"x":"c"},"expect":{"y":"b"}}"#,
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    server.stop().await;
}

#[tokio::test]
async fn row_level_security_holds_for_writes() {
    let cluster = Cluster::start(&[]);
    let server = serve(
        &cluster,
        "CREATE TABLE t (id int PRIMARY KEY, tier text, x text);
         INSERT INTO t VALUES (1, 'open', 'a'), (2, 'shown', 'a'), (3, 'hidden', 'a');
         ALTER TABLE t ENABLE ROW LEVEL SECURITY;
         CREATE POLICY read ON t FOR SELECT USING (tier <> 'hidden');
         CREATE POLICY change ON t FOR UPDATE USING (tier = 'open') WITH CHECK (tier = 'open');
         CREATE POLICY remove ON t FOR DELETE USING (tier = 'open');
         CREATE POLICY add ON t FOR INSERT WITH CHECK (tier = 'open');
         GRANT SELECT, INSERT, UPDATE, DELETE ON t TO PUBLIC",
    )
    .await;
    let set = r#"{"set":{"x":"b"}}"#;
    for (method, path, body, status, code) in [
        ("PATCH", "/api/rows/t/3", set, 404, "unknown_row"),
        ("DELETE", "/api/rows/t/3", "{}", 404, "unknown_row"),
        ("PATCH", "/api/rows/t/2", set, 422, "not_editable"),
        ("DELETE", "/api/rows/t/2", "{}", 422, "not_editable"),
        (
            "PATCH",
            "/api/rows/t/1",
            r#"{"set":{"tier":"shown"}}"#,
            422,
            "not_editable",
        ),
        (
            "POST",
            "/api/rows/t",
            r#"{"id":4,"tier":"shown"}"#,
            422,
            "not_editable",
        ),
    ] {
        let answer = server.write(method, path, body).await;
        assert_eq!(
            (answer.status, &*answer.error().1),
            (status, code),
            "{method} {path}"
        );
    }
    assert_eq!(
        server.write("PATCH", "/api/rows/t/1", set).await.status,
        200
    );
    assert_eq!(
        server.write("DELETE", "/api/rows/t/1", "{}").await.status,
        204
    );
    server.stop().await;
}
