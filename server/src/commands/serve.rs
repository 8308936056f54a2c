//! `rowcast serve`

use std::io::Write;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;

use super::Database;
use crate::{
    auth::{link, openid::OpenId},
    config::{Auth, Config},
    database::pool,
    serve::{self, reason},
    shutdown::{Shutdown, on_signals},
};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let shutdown = on_signals(config.drain).context("signals can't be received")?;
    let listener = listen(config).await?;
    let database = Database::open(config).await?;
    run_on(config, &database, listener, shutdown).await
}

/// The listener is there before the database is opened: an address that is taken is told at
/// once. So is what is wrong with the certificate, which is read again to be shown, and with the
/// provider's files.
pub async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    if let Some(files) = &config.entrance.tls {
        files.load()?;
    }
    if let Some(openid) = &config.openid {
        OpenId::new(openid)?;
    }
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
    let link = match config.auth {
        Auth::On => first_administrator(database).await?,
        Auth::Off => None,
    };
    let base = config.entrance.address(addr);
    let mut said = match config.entrance.own_address(addr) {
        own if own == base => format!("Rowcast is on {base}\n"),
        own => format!("Rowcast is on {base}, listening on {own}\n"),
    };
    match (config.auth, link) {
        (Auth::On, None) => {}
        (Auth::On, Some(path)) => {
            said += &format!(
                "Nobody sees to accounts yet. Whoever opens this, within a day, is the first \
                 administrator:\n{base}{path}\n"
            );
        }
        (Auth::Off, _) => {
            said += "Nobody has to sign in (ROWCAST_AUTH=off): whoever can connect may read and \
                     write\n";
        }
    }
    if config.entrance.is_overheard() {
        tracing::warn!(
            "others reach this without encryption (ROWCAST_ORIGIN): whoever is between sees \
             passwords and rows; ROWCAST_TLS_CERT or a proxy with TLS helps"
        );
    }
    // Whoever started this may have closed its output.
    let _ = std::io::stdout().write_all(said.as_bytes());
    serve::serve(config, &database.options, listener, shutdown).await?;
    Ok(())
}

/// The path by which somebody becomes the first administrator, if there is none. Those that were
/// printed before lead nowhere then.
async fn first_administrator(database: &Database) -> anyhow::Result<Option<String>> {
    let pool = pool::accounts(database.options.clone());
    let link = link::first_administrator(&pool).await;
    pool.close().await;
    let link = link.map_err(|error| anyhow!("accounts can't be kept: {}", reason(&error)))?;
    Ok(link.map(|secret| link::path(&secret)))
}
