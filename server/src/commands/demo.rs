//! `rowcast demo`

use std::future::pending;

use anyhow::Context;
use sqlx::{ConnectOptions, Connection};

use super::{Database, serve};
use crate::{
    config::Config,
    database::pool::{session, writers},
    demo,
    shutdown::on_signals,
    starting::unless_stopped,
};

/// The most connections that the demo writes over.
const CONNECTIONS: u32 = 8;

pub async fn run(config: &Config, rate: f64, serving: bool) -> anyhow::Result<()> {
    let shutdown = on_signals(config.drain).context("signals can't be received")?;
    let socket = match serving {
        true => Some(serve::bind(config)?),
        false => None,
    };
    let Some(database) = unless_stopped(&shutdown, Database::wait_for(config)).await else {
        return Ok(());
    };
    let database = database?;
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
    match socket {
        None => {
            if rate > 0.0 {
                tracing::info!(rate, "writing to todo_items and people");
            }
            writing.await;
        }
        Some(socket) => {
            let beside = async {
                writing.await;
                pending().await
            };
            tokio::select! {
                served = serve::run_on(config, &database, socket, shutdown) => served?,
                never = beside => never,
            }
        }
    }
    Ok(())
}
