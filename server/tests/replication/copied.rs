//! What is copied is what the triggers would have logged.

use rowcast::capture::ChangeKind;

use crate::{
    copier::{Copier, catch_up, follow, replicated, triggers},
    replica::{Replica, connect, execute},
};

#[tokio::test]
async fn what_is_committed_arrives_whole_and_once_without_a_trigger() {
    let database = replicated().await;
    database
        .execute(
            "CREATE TABLE public.item (id int PRIMARY KEY, n text, at timestamptz, price numeric, ok boolean); \
             ALTER TABLE public.item REPLICA IDENTITY FULL; \
             SELECT rowcast.watch('public.item')",
        )
        .await;
    assert_eq!(triggers(&database, "public.item").await, 0);
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut replica = Replica::default();
    let mut connection = connect(&database).await;
    for write in [
        "INSERT INTO public.item SELECT g, 'first', now(), g / 3.0, g % 2 = 0 FROM generate_series(1, 30) g",
        "UPDATE public.item SET n = NULL, price = 'NaN' WHERE id < 20",
        "UPDATE public.item SET id = id + 100 WHERE id = 1",
        "UPDATE public.item SET n = n",
        "BEGIN; DELETE FROM public.item WHERE id = 2; ROLLBACK",
        "BEGIN; INSERT INTO public.item (id) VALUES (500); SAVEPOINT s; DELETE FROM public.item; \
         ROLLBACK TO s; UPDATE public.item SET n = 'kept' WHERE id = 500; SAVEPOINT s; \
         INSERT INTO public.item (id) VALUES (501); COMMIT",
        // What is stored elsewhere and unchanged is told all the same.
        "INSERT INTO public.item (id, n) SELECT 600, string_agg(md5(g::text), '') FROM generate_series(1, 1000) g",
        "UPDATE public.item SET price = 1 WHERE id = 600",
        "DELETE FROM public.item WHERE id > 25",
    ] {
        execute(&mut connection, write).await;
        catch_up(&mut tail, &mut replica, &mut connection).await;
        replica.check(&mut connection, "public.item", write).await;
    }
    assert_eq!(replica.notes, []);
    execute(&mut connection, "TRUNCATE public.item").await;
    catch_up(&mut tail, &mut replica, &mut connection).await;
    let kinds: Vec<_> = replica.notes.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [ChangeKind::Truncate]);
}

#[tokio::test]
async fn what_the_write_ahead_log_does_not_tell_whole_is_told_by_key_or_as_unknown() {
    let database = replicated().await;
    database
        .execute(
            "CREATE TABLE public.plain (id int PRIMARY KEY, n text); \
             CREATE TABLE public.net (id int PRIMARY KEY, a inet); \
             ALTER TABLE public.net REPLICA IDENTITY FULL; \
             CREATE TABLE public.whole (id int NOT NULL, n int) PARTITION BY RANGE (id); \
             CREATE TABLE public.half PARTITION OF public.whole FOR VALUES FROM (0) TO (10); \
             ALTER TABLE public.whole ADD PRIMARY KEY (id); \
             SELECT rowcast.watch('public.plain'), rowcast.watch('public.net'), rowcast.watch('public.whole')",
        )
        .await;
    let _copier = Copier::start(&database);
    let mut tail = follow(&database).await;
    let mut connection = connect(&database).await;
    for (write, told) in [
        ("INSERT INTO public.plain VALUES (1, 'a')", &[][..]),
        ("UPDATE public.plain SET n = 'b'", &[ChangeKind::Keys]),
        ("UPDATE public.plain SET id = 2", &[ChangeKind::Keys]),
        ("DELETE FROM public.plain", &[ChangeKind::Keys]),
        (
            "INSERT INTO public.net VALUES (1, '::1')",
            &[ChangeKind::Keys],
        ),
        ("INSERT INTO public.whole VALUES (1, 1)", &[]),
        ("TRUNCATE public.half", &[ChangeKind::Unknown]),
    ] {
        let mut replica = Replica::default();
        execute(&mut connection, write).await;
        catch_up(&mut tail, &mut replica, &mut connection).await;
        let kinds: Vec<_> = replica.notes.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(kinds, told, "{write}");
    }
}

#[tokio::test]
async fn a_table_whose_writers_publishing_would_stop_is_refused() {
    let database = replicated().await;
    database
        .execute("CREATE TABLE public.loose (id int NOT NULL UNIQUE)")
        .await;
    let mut connection = connect(&database).await;
    let watch = "SELECT rowcast.watch('public.loose')";
    let failure = crate::replica::failure(&mut connection, watch).await;
    assert!(failure.contains("replica identity"), "{failure}");
    execute(
        &mut connection,
        "ALTER TABLE public.loose REPLICA IDENTITY FULL; SELECT rowcast.watch('public.loose')",
    )
    .await;
}
