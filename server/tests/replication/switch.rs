//! One source in place of the other: what it does to those who write, and what it leaves.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::{
    copier::{cluster, triggers},
    replica::{connect, execute, failure, prepared},
};

const TABLES: &str = "CREATE TABLE public.a (id int PRIMARY KEY, n int); \
     CREATE TABLE public.b (id int PRIMARY KEY, n int); \
     INSERT INTO public.a VALUES (1, 1); INSERT INTO public.b VALUES (1, 1); \
     SELECT rowcast.watch('public.a'), rowcast.watch('public.b')";

#[tokio::test]
async fn nobody_who_writes_is_the_victim_of_a_change_of_the_source() {
    let database = prepared(cluster()).await;
    database.execute(TABLES).await;
    let mut writer = connect(&database).await;
    // What waits for long enough that a deadlock is looked for has met one.
    execute(
        &mut writer,
        "SET deadlock_timeout = '300ms'; BEGIN; UPDATE public.b SET n = n + 1",
    )
    .await;
    let mut switching = connect(&database).await;
    let switch = tokio::spawn(async move {
        execute(&mut switching, "SET application_name = 'switching'").await;
        loop {
            let asked = "SELECT rowcast.set_source('replication')";
            match sqlx::query_scalar::<_, bool>(asked)
                .fetch_one(&mut switching)
                .await
            {
                Ok(is_changed) => return is_changed,
                Err(error) => {
                    let code = error.as_database_error().and_then(|error| error.code());
                    assert_eq!(code.as_deref(), Some("55P03"), "{error}");
                }
            }
        }
    });
    let mut looking = connect(&database).await;
    let is_waited_for = "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
        WHERE NOT l.granted AND a.application_name = 'switching' AND l.relation = 'public.b'::regclass)";
    while !sqlx::query_scalar::<_, bool>(is_waited_for)
        .fetch_one(&mut looking)
        .await
        .unwrap()
    {}
    execute(&mut writer, "UPDATE public.a SET n = n + 1; COMMIT").await;
    assert!(switch.await.unwrap());
    assert_eq!(triggers(&database, "public.a").await, 0);
    assert_eq!(triggers(&database, "public.b").await, 0);
}

async fn value(connection: &mut PgConnection, sql: &str) -> i64 {
    let sql = format!("SELECT ({sql})::int8");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .unwrap()
}

const WORKS_FROM: &str = "SELECT works_from FROM rowcast.state";

#[tokio::test]
async fn the_way_back_lets_programs_of_before_work_again() {
    let database = prepared(cluster()).await;
    let mut connection = connect(&database).await;
    let before = value(&mut connection, WORKS_FROM).await;
    assert!(before < 25);
    let switch = "SELECT rowcast.set_source('replication')";
    let back = "SELECT rowcast.set_source('triggers')";
    execute(&mut connection, switch).await;
    assert_eq!(value(&mut connection, WORKS_FROM).await, 25);
    execute(&mut connection, back).await;
    assert_eq!(value(&mut connection, WORKS_FROM).await, before);
    // But not those that a later schema does not work with.
    execute(&mut connection, switch).await;
    execute(&mut connection, "UPDATE rowcast.state SET works_from = 30").await;
    execute(&mut connection, back).await;
    assert_eq!(value(&mut connection, WORKS_FROM).await, 30);
}

#[tokio::test]
async fn a_publication_of_somebody_else_is_let_be() {
    let database = prepared(cluster()).await;
    let mut connection = connect(&database).await;
    let switch = "SELECT rowcast.set_source('replication')";
    let back = "SELECT rowcast.set_source('triggers')";
    let there = "SELECT count(*) FROM pg_publication WHERE pubname = 'rowcast'";
    execute(
        &mut connection,
        "CREATE TABLE public.own (id int PRIMARY KEY); CREATE PUBLICATION rowcast FOR TABLE public.own",
    )
    .await;
    let told = failure(&mut connection, switch).await;
    assert!(told.contains("that Rowcast did not make"), "{told}");
    execute(&mut connection, back).await;
    assert_eq!(value(&mut connection, there).await, 1);
    execute(&mut connection, "DROP PUBLICATION rowcast").await;
    execute(&mut connection, switch).await;
    assert_eq!(value(&mut connection, there).await, 1);
    execute(&mut connection, back).await;
    assert_eq!(value(&mut connection, there).await, 0);
}
