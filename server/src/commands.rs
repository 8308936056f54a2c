//! The commands of the program.

mod demo;
mod doctor;
mod listen;
mod migrate;
mod notify;
mod post;
mod prompt;
mod serve;
mod tables;
mod tail;
mod token;
mod user;
mod watch;

use anyhow::Context;
use rustix::process::{Resource, getrlimit, setrlimit};
use sqlx::postgres::PgConnectOptions;

use crate::{
    cli::{Cli, Command},
    config::{Config, DatabaseConfig},
    database::embedded::{self, Embedded},
    notification::New,
    serve::{StartError, prepare},
    starting::patiently,
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
    telemetry::start(cli.settings.log_format.as_deref())?;
    let config = match cli.command {
        Some(Command::Listen { .. }) => Config::of_reader(&cli.settings),
        _ => Config::new(&cli.settings),
    }?;
    if let (Some(""), DatabaseConfig::Embedded(directory)) =
        (cli.settings.database_url.as_deref(), &config.database)
    {
        tracing::warn!(
            directory = %directory.display(),
            "DATABASE_URL is empty, which is as if it were not set: the database is an embedded one"
        );
    }
    allow_many_files();
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&config).await,
        Command::Migrate => migrate::run(&config).await,
        Command::Watch(tables) => watch::watch(&config, &tables.tables).await,
        Command::Unwatch(tables) => watch::unwatch(&config, &tables.tables).await,
        Command::Tables => tables::run(&config).await,
        Command::Tail { table, query } => tail::run(&config, &table, &query).await,
        Command::Listen { health_addr } => listen::run(&config, health_addr.as_deref()).await,
        Command::User(command) => user::run(&config, &command).await,
        Command::Token(command) => token::run(&config, &command).await,
        Command::Notify {
            user,
            title,
            body,
            link,
        } => {
            let new = New {
                user: None,
                title,
                body,
                link,
            };
            notify::run(&config, &user, &new).await
        }
        Command::Post { channel, body } => post::run(&config, &channel, &body).await,
        Command::Doctor => doctor::run(&config).await,
        Command::Demo { rate, serve } => demo::run(&config, rate, serve).await,
        // Answered above.
        Command::EmbeddedKeeper { .. } => Ok(()),
    }
}

/// Takes as many open files as the system lets this process have: each client is one, and
/// what a shell allows at first is often 1,024.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() {
        tracing::debug!("the limit of open files stays as it is");
    }
}

/// The database, running and with our schema in it.
struct Database {
    options: PgConnectOptions,
    /// How many versions further the schema is than it was.
    applied: usize,
    /// Keeps an embedded one running.
    _embedded: Option<Embedded>,
}

impl Database {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let database = Self::as_it_is(config).await?;
        let applied = prepare(&database.options).await;
        database.prepared(applied)
    }

    /// The same for a server, which waits for one that is there and can't be used yet. Where nobody
    /// answers at all the address may be wrong, which is told at once.
    async fn wait_for(config: &Config) -> anyhow::Result<Self> {
        let database = Self::as_it_is(config).await?;
        let applied = match prepare(&database.options).await {
            Err(error) if error.was_answered() => patiently(|| prepare(&database.options)).await,
            done => done,
        };
        database.prepared(applied)
    }

    fn prepared(mut self, applied: Result<usize, StartError>) -> anyhow::Result<Self> {
        self.applied = applied.with_context(|| match self._embedded {
            Some(_) => "the embedded PostgreSQL",
            None => "DATABASE_URL",
        })?;
        Ok(self)
    }

    /// The same without having looked at what is in it.
    async fn as_it_is(config: &Config) -> anyhow::Result<Self> {
        let (options, embedded) = match &config.database {
            DatabaseConfig::Url(options) => ((**options).clone(), None),
            DatabaseConfig::Embedded(directory) => {
                let embedded = embedded::start(directory)
                    .await
                    .context("the embedded PostgreSQL can't be started")?;
                (embedded.options().clone(), Some(embedded))
            }
        };
        Ok(Self {
            options,
            applied: 0,
            _embedded: embedded,
        })
    }
}
