//! `rowcast watch` and `rowcast unwatch`

use std::time::{Duration, Instant};

use anyhow::bail;
use sqlx::{PgPool, postgres::PgDatabaseError};

use super::Database;
use crate::{
    config::Config,
    database::{catalog::Catalog, pool::writers},
    serve::reason,
};

/// How long a table that others hold locked is tried again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two attempts, so that those who wait behind ours get their turn.
const PAUSE: Duration = Duration::from_millis(500);

/// `lock_not_available`
const LOCKED: &str = "55P03";

pub async fn watch(config: &Config, tables: &[String]) -> anyhow::Result<()> {
    each(config, tables, "SELECT rowcast.watch($1::oid::regclass)").await
}

pub async fn unwatch(config: &Config, tables: &[String]) -> anyhow::Result<()> {
    each(config, tables, "SELECT rowcast.unwatch($1::oid::regclass)").await
}

async fn each(config: &Config, tables: &[String], sql: &'static str) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let pool = writers(database.options.clone(), 1);
    let catalog = Catalog::new(pool.clone());
    let mut failed = 0;
    for name in tables {
        let outcome = match catalog.table(name).await {
            Ok(table) => call(&pool, sql, table.oid).await,
            Err(error) if error.code == "unknown_table" => {
                Err("there is no such table (rowcast tables lists them)".to_owned())
            }
            Err(error) => Err(error.message),
        };
        match outcome {
            Ok(true) => println!("{name} is live"),
            Ok(false) => println!("{name} is not live any more"),
            Err(why) => {
                failed += 1;
                eprintln!("{name}: {why}");
            }
        }
    }
    pool.close().await;
    if failed > 0 {
        bail!("{failed} of {} tables failed", tables.len());
    }
    Ok(())
}

/// Whether the table is live then: a view stays it while all that it reads is watched.
async fn call(pool: &PgPool, sql: &'static str, oid: u32) -> Result<bool, String> {
    let begun = Instant::now();
    loop {
        let outcome = sqlx::query(sql).bind(i64::from(oid)).execute(pool).await;
        let Err(error) = outcome else {
            return sqlx::query_scalar("SELECT rowcast.is_live($1::oid)")
                .bind(i64::from(oid))
                .fetch_one(pool)
                .await
                .map_err(|error| told(&error));
        };
        let locked = error
            .as_database_error()
            .is_some_and(|error| error.code().as_deref() == Some(LOCKED));
        if !locked {
            return Err(told(&error));
        }
        if begun.elapsed() > PATIENCE {
            return Err("others have held it locked for a minute; try again later".to_owned());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What PostgreSQL says, with its hint.
fn told(error: &sqlx::Error) -> String {
    let hint = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .and_then(PgDatabaseError::hint);
    match hint {
        Some(hint) => format!("{} ({hint})", reason(error)),
        None => reason(error),
    }
}
