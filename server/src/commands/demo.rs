//! `rowcast demo`

use anyhow::Context;
use sqlx::{ConnectOptions, Connection};

use super::{Database, serve};
use crate::{
    config::Config,
    database::pool::{session, writers},
    demo,
    shutdown::on_signals,
};

/// The most connections that the demo writes over.
const CONNECTIONS: u32 = 8;

pub async fn run(config: &Config, rate: f64, serving: bool) -> anyhow::Result<()> {
    let shutdown = on_signals(config.drain).context("signals can't be received")?;
    let listener = match serving {
        true => Some(serve::listen(config).await?),
        false => None,
    };
    let database = Database::open(config).await?;
    let mut connection = session(database.options.clone()).connect().await?;
    demo::create(&mut connection).await?;
    connection.close().await?;
    let mut told = shutdown.clone();
    let pool = writers(database.options.clone(), CONNECTIONS);
    let writing = async {
        if rate > 0.0 {
            demo::write(pool, rate, async move { told.wait().await }).await;
        } else if serving {
            told.wait().await;
        }
    };
    match listener {
        None => {
            if rate > 0.0 {
                tracing::info!(rate, "writing to todo_items and people");
            }
            writing.await;
        }
        Some(listener) => {
            let (served, ()) = tokio::join!(
                serve::run_on(config, &database, listener, shutdown),
                writing
            );
            served?;
        }
    }
    Ok(())
}
