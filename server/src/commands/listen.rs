//! `rowcast listen`

use std::{io::Write, time::Duration};

use anyhow::{Context, bail};

use super::Database;
use crate::{
    config::{Config, HEALTH_ADDR, health_address},
    listen::BoundSocket,
    serve,
    shutdown::on_signals,
    starting::unless_stopped,
};

pub async fn run(config: &Config, health: Option<&str>) -> anyhow::Result<()> {
    let Some(bus) = config.bus.clone() else {
        bail!(
            "ROWCAST_BUS is unset, so there is nobody to read the log for: set it as the servers have it"
        );
    };
    let health = match health {
        None | Some("") => None,
        Some(address) => Some(BoundSocket::at(HEALTH_ADDR, health_address(address)?)?),
    };
    let shutdown = on_signals(Duration::ZERO).context("signals can't be received")?;
    let Some(database) = unless_stopped(&shutdown, Database::wait_for(config)).await else {
        return Ok(());
    };
    let mut said = "Rowcast reads the log for the servers on its bus".to_owned();
    if let Some(socket) = &health {
        said += &format!(", and says how it does on http://{}", socket.address());
    }
    said.push('\n');
    let begun = || {
        // Whoever started this may have closed its output.
        let _ = std::io::stdout().write_all(said.as_bytes());
    };
    serve::lead(&database?.options, bus, config, health, shutdown, begun).await?;
    Ok(())
}
