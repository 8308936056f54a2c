//! Tables to look at for whoever has none yet, and somebody who keeps writing to them.

mod chance;
mod content;

use std::future::Future;
use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::MissedTickBehavior;

use chance::Chance;
use content::{Item, PEOPLE};

/// How many entries the list begins with.
const ITEMS: usize = 400;

/// The list shrinks from here on, and grows below [`ITEMS`].
const ITEMS_MAX: i64 = 450;

/// Commits that one connection is asked for each second, at most.
const RATE_OF_ONE: f64 = 200.0;

/// Connections that write, at most.
const WRITERS_MAX: usize = 8;

/// Why the demo tables can't be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The user has a table of that name.
    #[error(
        "the table public.{0} exists already and is not the demo's: use another database \
         (DATABASE_URL), or leave it unset for an embedded one"
    )]
    Taken(String),
    /// The database says no.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes the tables `people` and `todo_items` in the schema `public`, fills them and makes
/// them live. What is there already stays as it is. Rowcast's own schema must be there.
pub async fn create(connection: &mut PgConnection) -> Result<(), DemoError> {
    let mut transaction = connection.begin().await?;
    // Two who start at once: the second waits and finds the tables made.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('rowcast.demo'))")
        .execute(&mut *transaction)
        .await?;
    let existing: Vec<(String, bool)> = sqlx::query_as(
        "SELECT relname::text, coalesce(obj_description(oid, 'pg_class') LIKE 'Demo: %', false) \
         FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relname IN ('people', 'todo_items')",
    )
    .fetch_all(&mut *transaction)
    .await?;
    if let Some((name, _)) = existing.iter().find(|(_, ours)| !ours) {
        return Err(DemoError::Taken(name.clone()));
    }
    if existing.is_empty() {
        sqlx::raw_sql(include_str!("demo/tables.sql"))
            .execute(&mut *transaction)
            .await?;
        fill(&mut transaction).await?;
    }
    for table in ["public.people", "public.todo_items"] {
        sqlx::query("SELECT rowcast.watch($1::text::regclass)")
            .bind(table)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn fill(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut chance = Chance::new(1);
    for (name, team, city) in PEOPLE {
        let first = name.split(' ').next().unwrap_or(name);
        let mailbox = first.to_lowercase().replace('á', "a");
        sqlx::query(
            "INSERT INTO public.people (name, email, team, city, joined) \
             VALUES ($1, $2 || '@example.com', $3, $4, current_date - $5::int4)",
        )
        .bind(name)
        .bind(mailbox)
        .bind(team)
        .bind(city)
        .bind(30 + chance.below(2000) as i32)
        .execute(&mut *connection)
        .await?;
    }
    for index in 0..ITEMS {
        let item = Item::imagine(&mut chance);
        // The oldest first, the last one a few minutes ago.
        let age = ((ITEMS - index) * 170 + chance.below(160)) as i32;
        insert(&mut *connection, &item, age).await?;
    }
    Ok(())
}

/// `age`: minutes since somebody wrote it down.
async fn insert(
    connection: impl sqlx::PgExecutor<'_>,
    item: &Item,
    age: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO public.todo_items \
         (title, notes, done, priority, due, assignee, estimate, tags, created_at, updated_at) \
         VALUES ($1, $2, $3, $4::text::public.todo_priority, current_date + $5::int4, \
         (SELECT id FROM public.people ORDER BY id OFFSET $6::int8 LIMIT 1), \
         $7::text::numeric, $8, now() - $9::int4 * interval '1 minute', \
         now() - $9::int4 * interval '30 seconds')",
    )
    .bind(&item.title)
    .bind(item.notes)
    .bind(item.done)
    .bind(item.priority)
    .bind(item.due_in)
    // Nobody: past the last person, for an OFFSET that is NULL is none.
    .bind(item.assignee.map_or(i64::MAX, |index| index as i64))
    .bind(&item.estimate)
    .bind(&item.tags)
    .bind(age)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps changing the demo tables, at `rate` commits a second, until `shutdown` completes.
/// The list keeps about its length. A database that is away is waited for. At a rate of 0
/// nothing is written.
pub async fn write(pool: PgPool, rate: f64, shutdown: impl Future<Output = ()>) {
    if rate <= 0.0 {
        return shutdown.await;
    }
    let writers = ((rate / RATE_OF_ONE).ceil() as usize).clamp(1, WRITERS_MAX);
    let period = Duration::from_secs_f64((writers as f64 / rate).clamp(0.0001, 3600.0));
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..writers {
        let mut chance = Chance::new(2 + index as u64);
        let pool = pool.clone();
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval(period);
            // A pause is not made up for by a storm.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut away = false;
            loop {
                ticks.tick().await;
                match change(&pool, &mut chance).await {
                    Ok(()) => away = false,
                    Err(error) => {
                        if !away {
                            tracing::warn!(%error, "the demo can't write; it tries again");
                        }
                        away = true;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        });
    }
    shutdown.await;
    tasks.shutdown().await;
}

/// One thing that somebody does, as one transaction.
async fn change(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM public.todo_items")
        .fetch_one(pool)
        .await?;
    match chance.below(100) {
        _ if count < ITEMS as i64 => add(pool, chance).await,
        _ if count > ITEMS_MAX => clear_away(pool).await,
        0..15 => add(pool, chance).await,
        15..27 => clear_away(pool).await,
        27..52 => tick_off(pool, chance).await,
        52..66 => estimate(pool, chance).await,
        66..78 => prioritise(pool, chance).await,
        78..88 => postpone(pool, chance).await,
        88..95 => remark(pool, chance).await,
        95..99 => hand_over(pool, chance).await,
        _ => move_house(pool, chance).await,
    }
}

async fn add(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let item = Item {
        done: false,
        ..Item::imagine(chance)
    };
    insert(pool, &item, 0).await
}

/// Removes the entry that has been done for longest.
async fn clear_away(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM public.todo_items WHERE id = (SELECT id FROM public.todo_items \
         ORDER BY done DESC, updated_at, id LIMIT 1)",
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn tick_off(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    // Now and then something turns out not to be done after all.
    let done = chance.percent(75);
    update(pool, chance, "done = $2", done).await
}

async fn estimate(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let hours = content::estimate(chance);
    update(pool, chance, "estimate = $2::text::numeric", hours).await
}

async fn prioritise(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let priority = content::priority(chance);
    let set = "priority = $2::text::public.todo_priority";
    update(pool, chance, set, priority).await
}

async fn postpone(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let days = 1 + chance.below(7) as i32;
    let set = "due = greatest(coalesce(due, current_date), current_date) + $2::int4";
    update(pool, chance, set, days).await
}

async fn remark(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let note = chance.percent(80).then(|| content::note(chance));
    update(pool, chance, "notes = $2", note).await
}

async fn hand_over(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let person = chance.below(PEOPLE.len()) as i64;
    let set = "assignee = (SELECT id FROM public.people ORDER BY id OFFSET $2::int8 LIMIT 1)";
    update(pool, chance, set, person).await
}

/// Sets something of an entry that chance picks, more often an early one than a late one:
/// those are what a page shows that nobody has sorted yet.
async fn update<'q, T>(
    pool: &PgPool,
    chance: &mut Chance,
    set: &'static str,
    value: T,
) -> Result<(), sqlx::Error>
where
    T: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + 'q,
{
    let statement = format!(
        "UPDATE public.todo_items SET {set}, updated_at = now() \
         WHERE id = (SELECT id FROM public.todo_items ORDER BY id \
         OFFSET floor($1::float8 * (SELECT count(*) FROM public.todo_items))::int8 LIMIT 1)"
    );
    // Made of constants of this file alone.
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(chance.fraction().powi(2))
        .bind(value)
        .execute(pool)
        .await?;
    Ok(())
}

async fn move_house(pool: &PgPool, chance: &mut Chance) -> Result<(), sqlx::Error> {
    let (_, _, city) = PEOPLE[chance.below(PEOPLE.len())];
    sqlx::query(
        "UPDATE public.people SET city = $2 \
         WHERE id = (SELECT id FROM public.people ORDER BY id OFFSET $1::int8 LIMIT 1)",
    )
    .bind(chance.below(PEOPLE.len()) as i64)
    .bind(city)
    .execute(pool)
    .await?;
    Ok(())
}
