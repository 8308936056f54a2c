//! `rowcast migrate`

use std::io::Write;

use super::Database;
use crate::{capture::migrate::newest, config::Config};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let version = newest();
    let said = match database.applied {
        0 => format!("The schema rowcast is at version {version} already.\n"),
        applied => format!("The schema rowcast is at version {version} now, {applied} further.\n"),
    };
    // Whoever started this may have closed its output.
    let _ = std::io::stdout().write_all(said.as_bytes());
    Ok(())
}
