//! `rowcast listen`

use std::{io::Write, time::Duration};

use anyhow::{Context, bail};

use super::Database;
use crate::{config::Config, serve, shutdown::on_signals};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let Some(bus) = config.bus.clone() else {
        bail!(
            "ROWCAST_BUS is unset, so there is nobody to read the log for: set it as the servers have it"
        );
    };
    let shutdown = on_signals(Duration::ZERO).context("signals can't be received")?;
    let database = Database::open(config).await?;
    // Whoever started this may have closed its output.
    let said = b"Rowcast reads the log for the servers on its bus\n";
    let _ = std::io::stdout().write_all(said);
    serve::lead(&database.options, bus, config, shutdown).await?;
    Ok(())
}
