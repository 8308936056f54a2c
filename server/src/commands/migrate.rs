//! `rowcast migrate`

use std::io::Write;

use sqlx::{ConnectOptions, Connection};

use super::Database;
use crate::{capture::migrate::current, config::Config, database::pool::session, serve};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    // A server's role may not be one that may change it.
    if let Some(wanted) = config.source.said
        && serve::settle_source(&database.options, Some(wanted))
            .await?
            .is_other
    {
        let said = format!("Changes come from {wanted} now.\n");
        let _ = std::io::stdout().write_all(said.as_bytes());
    }
    let mut connection = session(database.options.clone()).connect().await?;
    // It may be of a newer one than this program knows.
    let version = current(&mut connection).await?.unwrap_or_default();
    connection.close().await?;
    let said = match database.applied {
        0 => format!("The schema rowcast is at version {version} already.\n"),
        applied => format!("The schema rowcast is at version {version} now, {applied} further.\n"),
    };
    // Whoever started this may have closed its output.
    let _ = std::io::stdout().write_all(said.as_bytes());
    Ok(())
}
