//! `rowcast listen`

use std::{io::Write, time::Duration};

use anyhow::{Context, bail};

use super::Database;
use crate::{config::Config, serve, shutdown::on_signals, starting::unless_stopped};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let Some(bus) = config.bus.clone() else {
        bail!(
            "ROWCAST_BUS is unset, so there is nobody to read the log for: set it as the servers have it"
        );
    };
    let shutdown = on_signals(Duration::ZERO).context("signals can't be received")?;
    let Some(database) = unless_stopped(&shutdown, Database::wait_for(config)).await else {
        return Ok(());
    };
    let begun = || {
        // Whoever started this may have closed its output.
        let said = b"Rowcast reads the log for the servers on its bus\n";
        let _ = std::io::stdout().write_all(said);
    };
    serve::lead(&database?.options, bus, config, shutdown, begun).await?;
    Ok(())
}
