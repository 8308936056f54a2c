//! The commands of the program.

mod demo;
mod serve;
mod tables;
mod tail;
mod watch;

use anyhow::Context;
use sqlx::postgres::PgConnectOptions;

use crate::{
    cli::{Cli, Command},
    config::{Config, DatabaseConfig},
    database::embedded::{self, Embedded},
    serve::prepare,
    telemetry,
};

/// Runs the command line's command to its end.
///
/// # Errors
/// What went wrong, as one line for the terminal.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    if let Some(Command::EmbeddedKeeper { directory }) = &cli.command {
        return Ok(embedded::keep(directory)?);
    }
    telemetry::start()?;
    let config = Config::new(&cli.settings)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&config).await,
        Command::Watch(tables) => watch::watch(&config, &tables.tables).await,
        Command::Unwatch(tables) => watch::unwatch(&config, &tables.tables).await,
        Command::Tables => tables::run(&config).await,
        Command::Tail { table, query } => tail::run(&config, &table, &query).await,
        Command::Demo { rate, serve } => demo::run(&config, rate, serve).await,
        // Answered above.
        Command::EmbeddedKeeper { .. } => Ok(()),
    }
}

/// The database, running and with our schema in it.
struct Database {
    options: PgConnectOptions,
    /// Keeps an embedded one running.
    _embedded: Option<Embedded>,
}

impl Database {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let (options, embedded) = match &config.database {
            DatabaseConfig::Url(options) => ((**options).clone(), None),
            DatabaseConfig::Embedded(directory) => {
                let embedded = embedded::start(directory)
                    .await
                    .context("the embedded PostgreSQL can't be started")?;
                (embedded.options().clone(), Some(embedded))
            }
        };
        prepare(&options).await.with_context(|| match embedded {
            Some(_) => "the embedded PostgreSQL",
            None => "DATABASE_URL",
        })?;
        Ok(Self {
            options,
            _embedded: embedded,
        })
    }
}
