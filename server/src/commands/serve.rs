//! `rowcast serve`

use std::io::Write;

use anyhow::Context;
use tokio::net::TcpListener;

use super::Database;
use crate::{
    config::Config,
    serve,
    shutdown::{Shutdown, on_signals},
};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let shutdown = on_signals().context("signals can't be received")?;
    let listener = listen(config).await?;
    let database = Database::open(config).await?;
    run_on(config, &database, listener, shutdown).await
}

/// The listener is there before the database is opened: an address that is taken is told at
/// once.
pub async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    TcpListener::bind(config.addr).await.with_context(|| {
        format!(
            "ROWCAST_ADDR is \"{}\", which can't be listened on (choose another port)",
            config.addr
        )
    })
}

pub async fn run_on(
    config: &Config,
    database: &Database,
    listener: TcpListener,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let addr = listener.local_addr()?;
    // Whoever started this may have closed its output.
    let _ = writeln!(std::io::stdout(), "Rowcast is on http://{addr}");
    serve::serve(config, &database.options, listener, shutdown).await?;
    Ok(())
}
