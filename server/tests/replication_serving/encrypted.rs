//! The way of the write-ahead log is encrypted, and proven, as the URL says.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use crate::{
    cluster::{Cluster, Database},
    follower::Follower,
    server::Server,
    world::{LIST, REPLICATION, TABLE, until_equal_without_a_reset},
};

/// Writes a file of the database server's.
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    let owner = fs::metadata(path.parent().unwrap()).unwrap();
    chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A cluster into which a role comes only with a password, and encrypted, and the certificate.
async fn strict(role: &str, password: &str) -> (Cluster, Database, PathBuf) {
    let cluster = Cluster::start(&[]);
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = cluster.directory();
    let certificate = directory.join("certificate.pem");
    write(&certificate, &key.cert.pem());
    write(&directory.join("key.pem"), &key.signing_key.serialize_pem());
    write(
        &directory.join("data/pg_hba.conf"),
        &format!(
            "local all all trust\n\
             host all postgres 127.0.0.1/32 trust\n\
             hostssl all {role} 127.0.0.1/32 scram-sha-256\n\
             host all {role} 127.0.0.1/32 reject\n"
        ),
    );
    let database = cluster.database().await;
    database
        .execute(&format!(
            "CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{password}'"
        ))
        .await;
    for (name, value) in [
        ("ssl_cert_file", certificate.display().to_string()),
        (
            "ssl_key_file",
            directory.join("key.pem").display().to_string(),
        ),
        ("ssl", "on".to_owned()),
    ] {
        let sql = format!("ALTER SYSTEM SET {name} = '{value}'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut database.connect().await)
            .await
            .unwrap();
    }
    cluster.stop();
    cluster.resume();
    (cluster, database, certificate)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_is_encrypted_and_proven_as_the_url_says() {
    let (cluster, database, certificate) = strict("guarded", "p@ss/ %w:").await;
    let trusted = format!("sslmode=verify-full&sslrootcert={}", certificate.display());
    let mut connection = database.connect().await;
    let mut is_made = false;
    for how in [&*trusted, "sslmode=require", "sslmode=prefer"] {
        let url = format!(
            "postgres://guarded:p%40ss%2F%20%25w%3A@localhost:{}/{}?{how}",
            cluster.port, database.name
        );
        let server = Server::with(&url, &[REPLICATION]).await;
        if !is_made {
            database.execute(TABLE).await;
            is_made = true;
        }
        let follower = Follower::new(&server.address, LIST).await;
        database
            .execute("INSERT INTO t SELECT count(*), 0 FROM t")
            .await;
        until_equal_without_a_reset(&follower, &mut connection).await;
        let is_encrypted: Vec<bool> = sqlx::query_scalar(
            "SELECT s.ssl FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert!(
            !is_encrypted.is_empty() && is_encrypted.iter().all(|is| *is),
            "{how}"
        );
        server.stop().await;
    }
}

/// Where the log's way is not the one that was asked for, nothing is copied over it.
#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_not_encrypted_is_not_taken_where_it_has_to_be() {
    use rowcast::database::tunnel::Tunnel;
    use tokio::io::AsyncReadExt;

    let cluster = Cluster::shared();
    let database = cluster.database().await;
    let options = database.options.clone();
    let tunnel = Tunnel::start(
        "DATABASE_URL",
        &options.ssl_mode(sqlx::postgres::PgSslMode::Require),
    );
    let tunnel = tunnel.unwrap();
    let socket = tunnel
        .directory()
        .join(format!(".s.PGSQL.{}", tunnel.port()));
    let mode = fs::metadata(tunnel.directory())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
    // It is closed without a word having been sent to the database.
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"");
}
