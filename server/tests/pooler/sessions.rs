//! What a connection through a pooler is, to the rest of the server.

use rowcast::database::{
    pool::{self, keep_setting, parse_url},
    pooler::{Pooled, Pooler},
};
use sqlx::{Connection, Executor, PgPool};

use crate::{
    cluster::{Cluster, Database},
    server::pgbouncer::PgBouncer,
};

/// What depends on them, and is kept by nobody else.
const SETTINGS: &str = "SELECT string_agg(name || '=' || current_setting(name), ' ' ORDER BY name) \
     FROM pg_settings WHERE name = ANY ('{search_path,transaction_read_only,statement_timeout,jit,\
     transaction_isolation,IntervalStyle,bytea_output,xmloption,lc_monetary,client_min_messages,\
     plan_cache_mode,extra_float_digits,TimeZone,DateStyle,client_encoding,lock_timeout,\
     idle_in_transaction_session_timeout,application_name}')";

async fn pooled(database: &Database, sessions: u32) -> (PgBouncer, Pooled) {
    let pooler = PgBouncer::start(Cluster::shared(), database, sessions).await;
    let url = pooler.url(database);
    let way = Pooler::new(&url, parse_url("DATABASE_URL", &url).unwrap()).unwrap();
    let pooled = way.start_beside(&database.options).await.unwrap();
    (pooler, pooled)
}

async fn text(executor: impl Executor<'_, Database = sqlx::Postgres>, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(executor).await.unwrap()
}

#[tokio::test]
async fn what_a_session_has_set_holds_in_each_transaction() {
    let database = Cluster::shared().database().await;
    // What the database says itself is another.
    let sql = format!(
        "ALTER DATABASE {0} SET search_path = nowhere; ALTER DATABASE {0} SET IntervalStyle = \
         'iso_8601'; ALTER DATABASE {0} SET TimeZone = 'Asia/Tokyo'",
        database.name
    );
    database.execute(&sql).await;
    let (_pooler, pooled) = pooled(&database, 2).await;
    type Pools = [(&'static str, PgPool); 4];
    let pools = |options: &sqlx::postgres::PgConnectOptions| -> Pools {
        [
            ("readers", pool::readers(options.clone(), 3)),
            ("editors", pool::editors(options.clone(), 3)),
            ("housekeepers", pool::housekeepers(options.clone())),
            ("accounts", pool::accounts(options.clone())),
        ]
    };
    for ((name, through), (_, directly)) in pools(pooled.options())
        .iter()
        .zip(pools(&database.options).iter())
    {
        let expected = text(directly, SETTINGS).await;
        for _ in 0..3 {
            assert_eq!(
                text(through, SETTINGS).await,
                expected,
                "{name}, a statement"
            );
            let mut transaction = through.begin().await.unwrap();
            assert_eq!(
                text(&mut *transaction, SETTINGS).await,
                expected,
                "{name}, a transaction"
            );
            transaction.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_written_where_only_is_read() {
    let database = Cluster::shared().database().await;
    database.execute("CREATE TABLE t (id int)").await;
    let (_pooler, pooled) = pooled(&database, 1).await;
    let readers = pool::readers(pooled.options().clone(), 2);
    let editors = pool::editors(pooled.options().clone(), 2);
    let insert = "INSERT INTO public.t VALUES (1)";
    for _ in 0..2 {
        let refused = sqlx::query(insert).execute(&readers).await.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("25006"));
        // Over the same session.
        sqlx::query(insert).execute(&editors).await.unwrap();
    }
    assert_eq!(
        text(&readers, "SELECT count(*)::text FROM public.t").await,
        "2"
    );
}

#[tokio::test]
async fn what_is_kept_is_kept_by_one_connection_alone() {
    let database = Cluster::shared().database().await;
    let (_pooler, pooled) = pooled(&database, 1).await;
    let ours = pool::session(pooled.options().clone());
    let actor = "SELECT coalesce(current_setting('rowcast.actor', true), '')";
    let mut one = sqlx::PgConnection::connect_with(&ours).await.unwrap();
    let mut other = sqlx::PgConnection::connect_with(&ours).await.unwrap();
    keep_setting(&mut one, "rowcast.actor", "o'ne \\ \"x\"")
        .await
        .unwrap();
    for _ in 0..2 {
        assert_eq!(text(&mut one, actor).await, "o'ne \\ \"x\"");
        assert_eq!(text(&mut other, actor).await, "");
    }
    // What fails is not kept.
    assert!(
        keep_setting(&mut one, "statement_timeout", "never")
            .await
            .is_err()
    );
    assert_eq!(text(&mut one, "SELECT 'goes on'").await, "goes on");
}

/// A statement whose table was altered gives something else than its client would read.
#[tokio::test]
async fn what_a_statement_gives_is_never_misread() {
    let database = Cluster::shared().database().await;
    database.execute("CREATE TABLE t AS SELECT 1 AS n").await;
    let (_pooler, pooled) = pooled(&database, 1).await;
    let readers = pool::readers(pooled.options().clone(), 1);
    let read = || sqlx::query_scalar::<_, i32>("SELECT n FROM public.t").fetch_one(&readers);
    assert_eq!(read().await.unwrap(), 1);
    database.execute("ALTER TABLE t ALTER n TYPE float4").await;
    assert!(read().await.is_err());
    database.execute("ALTER TABLE t ALTER n TYPE int").await;
    assert_eq!(read().await.unwrap(), 1, "over another connection");
}

/// A session is given back only when its transaction is over, also of a client that is not there
/// any more.
#[tokio::test]
async fn a_transaction_that_is_left_is_rolled_back() {
    let database = Cluster::shared().database().await;
    database.execute("CREATE TABLE t (id int)").await;
    let (_pooler, pooled) = pooled(&database, 1).await;
    let editors = pool::editors(pooled.options().clone(), 3);
    for is_closed in [false, true] {
        let mut connection = editors.acquire().await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        transaction
            .execute("INSERT INTO public.t VALUES (1)")
            .await
            .unwrap();
        drop(transaction);
        if is_closed {
            drop(connection.detach());
        } else {
            drop(connection);
        }
        assert_eq!(
            text(&editors, "SELECT count(*)::text FROM public.t").await,
            "0"
        );
    }
    let failed = sqlx::query("SELECT 1 / $1::int")
        .bind(0)
        .execute(&editors)
        .await;
    assert!(failed.is_err());
    assert_eq!(text(&editors, "SELECT 'goes on'").await, "goes on");
}
