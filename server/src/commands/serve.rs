//! `rowcast serve`

use std::io::Write;

use anyhow::Context;

use super::Database;
use crate::{
    auth::{link, openid::OpenId},
    config::{ADDR, Auth, Config},
    database::pool,
    listen::BoundSocket,
    serve::{self, StartError},
    shutdown::{Shutdown, on_signals},
    starting::{patiently, unless_stopped},
};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let shutdown = on_signals(config.drain).context("signals can't be received")?;
    let socket = bind(config)?;
    let Some(database) = unless_stopped(&shutdown, Database::wait_for(config)).await else {
        return Ok(());
    };
    run_on(config, &database?, socket, shutdown).await
}

/// The address is bound before the database is opened: one that is taken is told at once. So is
/// what is wrong with the certificate, which is read again to be shown, and with the provider's
/// files. It is listened on when clients can be answered, so nobody waits behind a start.
pub fn bind(config: &Config) -> anyhow::Result<BoundSocket> {
    if let Some(files) = &config.entrance.tls {
        files.load()?;
    }
    if let Some(openid) = &config.openid {
        OpenId::new(openid)?;
    }
    Ok(BoundSocket::at(ADDR, config.addr)?)
}

pub async fn run_on(
    config: &Config,
    database: &Database,
    socket: BoundSocket,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let addr = socket.address();
    let link = match config.auth {
        Auth::On => {
            let link = patiently(|| first_administrator(database));
            match unless_stopped(&shutdown, link).await {
                Some(link) => link.context("accounts can't be kept")?,
                None => return Ok(()),
            }
        }
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
    let listening = || {
        // Whoever started this may have closed its output.
        let _ = std::io::stdout().write_all(said.as_bytes());
    };
    serve::serve(config, &database.options, socket, shutdown, listening).await?;
    Ok(())
}

/// The path by which somebody becomes the first administrator, if there is none. Those that were
/// printed before lead nowhere then.
async fn first_administrator(database: &Database) -> Result<Option<String>, StartError> {
    let pool = pool::accounts(database.options.clone());
    let link = link::first_administrator(&pool).await;
    pool.close().await;
    Ok(link?.map(|secret| link::path(&secret)))
}
