//! That the log does not grow without end.

use std::time::Duration;

use rowcast::audit::tidy;
use serde_json::json;
use sqlx::Connection;

use crate::world::{World, actions};

#[tokio::test]
async fn refusals_from_everywhere_are_counted_in_few_entries() {
    let world = World::new().await;
    let mut connection = world.server.database.connect().await;
    for n in 0..230 {
        let actor = json!({"address": format!("10.0.0.{n}")}).to_string();
        for _ in 0..3 {
            let mut transaction = connection.begin().await.unwrap();
            sqlx::query("SELECT set_config('rowcast.actor', $1, true)")
                .bind(&actor)
                .execute(&mut *transaction)
                .await
                .unwrap();
            sqlx::query("SELECT rowcast.note_counted('sign_in_refused', NULL)")
                .execute(&mut *transaction)
                .await
                .unwrap();
            transaction.commit().await.unwrap();
        }
    }
    let pool = world.server.database.pool(1).await;
    tidy::count(&pool).await.unwrap();
    let noted = world.noted().await;
    assert_eq!(noted.len(), 201);
    let (last, others) = noted.split_last().unwrap();
    assert_eq!(
        (
            &last["action"],
            &last["rows"],
            &last["address"],
            &last["subject"]
        ),
        (&json!("others"), &json!(90), &json!(null), &json!(null))
    );
    for entry in others {
        assert_eq!(
            (&entry["action"], &entry["rows"]),
            (&json!("sign_in_refused"), &json!(3))
        );
        assert!(entry["details"]["until"].is_string());
    }
    // An hour later others are told again.
    world
        .execute("UPDATE rowcast.refusal SET since = since - interval '61 min'")
        .await;
    tidy::count(&pool).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM rowcast.refusal").await, 0);
    world
        .execute("SELECT rowcast.note_counted('sign_in_refused', NULL)")
        .await;
    assert_eq!(world.noted().await.len(), 202);
    world.server.stop().await;
}

#[tokio::test]
async fn counting_takes_no_place_in_the_change_log() {
    let world = World::new().await;
    let entries =
        "SELECT count(*) FROM rowcast.change_log WHERE relation = 'rowcast.audit'::regclass";
    let before = world.count(entries).await;
    let mut connection = world.server.database.connect().await;
    for _ in 0..1000 {
        sqlx::query("SELECT rowcast.note_counted('sign_in_slowed', NULL)")
            .execute(&mut connection)
            .await
            .unwrap();
    }
    // At 1, 2, 4 … 512 times.
    assert_eq!(world.count(entries).await - before, 10);
    assert_eq!(world.last().await["rows"], 512);
    world.server.stop().await;
}

#[tokio::test]
async fn old_entries_are_removed_and_only_those() {
    let world = World::new().await;
    world
        .execute(
            "SELECT rowcast.note('old') FROM generate_series(1, 12000);
             UPDATE rowcast.audit SET at = at - interval '8 days';
             SELECT rowcast.note('new')",
        )
        .await;
    let pool = world.server.database.pool(1).await;
    tidy::forget(&pool, Duration::from_secs(7 * 86_400))
        .await
        .unwrap();
    let noted = world.noted().await;
    assert_eq!(actions(&noted), ["new"]);
    world.server.stop().await;
}

#[tokio::test]
async fn details_are_of_a_bounded_size() {
    let world = World::new().await;
    world
        .execute(
            "SELECT rowcast.note('x', details => jsonb_build_object(
                'short', 1, 'long', repeat('ä', 100000), 'list', (SELECT jsonb_agg(n) FROM generate_series(1, 9999) n)))",
        )
        .await;
    let entry = world.last().await;
    assert_eq!(entry["details"]["short"], 1);
    assert!(entry["details"]["long"].as_str().unwrap().ends_with('…'));
    assert!(entry["details"].to_string().len() < 4096);
    world.server.stop().await;
}
