//! A private PostgreSQL for whoever has not set `DATABASE_URL`.
//!
//! One cluster lies in a data directory and is kept between runs. Any number of rowcast
//! processes share it; it runs while one of them lives and is stopped when the last has
//! ended, however that ended: each holds a shared lock on a file ([`lock`]), which the
//! kernel takes back even from a killed process, and a detached [`keeper`] waits for the
//! exclusive one.
//!
//! The order of the locks is what makes a start during a stop right:
//! - a process first takes `users` shared, which waits while a keeper that is stopping the
//!   cluster holds it exclusively;
//! - then, one process at a time (`gate`), it starts a keeper unless one holds `keeper`;
//! - a keeper that has stopped the cluster gives back `keeper` before `users`, so whoever
//!   waited finds no keeper and starts one.
//!
//! Connections go through a socket in a directory that nobody else may enter, so there is
//! no password to keep; the cluster does not listen on the network.

mod account;
mod cluster;
mod keeper;
mod lock;
mod place;
mod programs;
mod revival;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};

pub use keeper::keep;

use cluster::Cluster;
use lock::Lock;
use place::Place;

/// The cluster's one role. Not `rowcast`: a schema of the role's own name is where PostgreSQL
/// makes and looks for tables first, and that schema is ours, not the user's.
const ROLE: &str = "postgres";

/// The database that rowcast makes.
const DATABASE: &str = "rowcast";

/// How long a cluster may take to accept connections, recovery after a crash included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no embedded PostgreSQL. Each message is one line and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// PostgreSQL's server programs are not on this machine.
    #[error(
        "PostgreSQL's programs (initdb, pg_ctl, postgres) were not found: install PostgreSQL \
         14 or later, or run `make setup`, or set DATABASE_URL to a database of your own"
    )]
    ProgramsMissing,
    /// The cluster was made by a version that is no longer installed.
    #[error(
        "the database in {} was made by PostgreSQL {made_by}, which is not installed: install \
         that version, or choose another --data-dir, or set DATABASE_URL", .directory.display()
    )]
    WrongVersion {
        /// The cluster.
        directory: PathBuf,
        /// The major version that made it.
        made_by: String,
    },
    /// Started as root, and there is no other user to run PostgreSQL as.
    #[error(
        "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor a \
         user `nobody`: start rowcast as another user, or set DATABASE_URL"
    )]
    NoAccount,
    /// A file or a directory of ours can't be made or read.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The place of the socket is somebody else's.
    #[error("{} is not a directory that only rowcast may enter: remove it", .0.display())]
    Unsafe(PathBuf),
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Its name.
        program: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// The keeper did not come up.
    #[error("the embedded PostgreSQL did not start: {0}")]
    Keeper(String),
    /// It runs but does not accept connections.
    #[error("the embedded PostgreSQL accepts no connections: {0}")]
    NotReady(String),
}

impl EmbeddedError {
    fn file(path: &Path, source: impl Into<std::io::Error>) -> Self {
        Self::File {
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// A running embedded PostgreSQL; it runs at least as long as this value lives.
#[derive(Debug)]
pub struct Embedded {
    options: PgConnectOptions,
    url: String,
    _user: Lock,
}

impl Embedded {
    /// How to connect.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// The same as an address, for `psql` and other programs of the same user.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Starts the cluster in `data_directory`, or joins those who use it, and waits until it
/// accepts connections.
///
/// The first start in a directory makes the cluster, which takes some seconds. The keeper is
/// this program, started as `rowcast embedded-keeper DIRECTORY`.
pub async fn start(data_directory: &Path) -> Result<Embedded, EmbeddedError> {
    let keeper = Path::new("/proc/self/exe");
    let keeper = match keeper.exists() {
        // Right also where the file was replaced since, as a new build does.
        true => keeper.to_owned(),
        false => std::env::current_exe().map_err(|error| EmbeddedError::file(keeper, error))?,
    };
    start_kept_by(data_directory, &keeper).await
}

/// [`start`], with another program as the keeper.
pub async fn start_kept_by(
    data_directory: &Path,
    keeper: &Path,
) -> Result<Embedded, EmbeddedError> {
    let (data_directory, keeper) = (data_directory.to_owned(), keeper.to_owned());
    let (cluster, user) = tokio::task::spawn_blocking(move || join(&data_directory, &keeper))
        .await
        .map_err(|error| EmbeddedError::Keeper(error.to_string()))??;
    let begun = Instant::now();
    let mut restarted = false;
    loop {
        let failure = match connect(&cluster).await {
            Ok((options, url)) => {
                return Ok(Embedded {
                    options,
                    url,
                    _user: user,
                });
            }
            Err(failure) => failure,
        };
        if begun.elapsed() > PATIENCE {
            return Err(EmbeddedError::NotReady(failure));
        }
        // Its keeper lives, but somebody else stopped it.
        if !restarted && begun.elapsed() > Duration::from_secs(2) {
            restarted = true;
            let cluster = cluster.clone();
            // Whether it was needed shows in the next attempt to connect.
            let _ = tokio::task::spawn_blocking(move || cluster.start()).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Becomes one of the cluster's users and sees to it that it has a keeper.
fn join(data_directory: &Path, keeper: &Path) -> Result<(Cluster, Lock), EmbeddedError> {
    let place = Place::prepare(data_directory)?;
    let cluster = Cluster::find(&place)?;
    let user = Lock::shared(&place.users())?;
    let gate = Lock::exclusive(&place.gate())?;
    if Lock::try_exclusive(&place.keeper())?.is_some() {
        keeper::spawn(keeper, data_directory)?;
    }
    drop(gate);
    Ok((cluster, user))
}

async fn connect(cluster: &Cluster) -> Result<(PgConnectOptions, String), String> {
    let address = cluster
        .address()
        .ok_or_else(|| "it is not running".to_owned())?;
    let options = PgConnectOptions::new_without_pgpass()
        .socket(&address.socket)
        .port(address.port)
        .username(ROLE)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging();
    ensure_database(&options)
        .await
        .map_err(|error| error.to_string())?;
    Ok((options, address.url()))
}

/// Makes our database, where this is the first connection ever.
async fn ensure_database(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    match options.connect().await {
        Ok(connection) => connection.close().await,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("3D000") => {
            let mut connection = options.clone().database("postgres").connect().await?;
            let made = sqlx::query("CREATE DATABASE rowcast")
                .execute(&mut connection)
                .await;
            connection.close().await?;
            match made {
                // Another process was quicker.
                Err(sqlx::Error::Database(error))
                    if matches!(error.code().as_deref(), Some("42P04" | "23505")) =>
                {
                    Ok(())
                }
                other => other.map(drop),
            }
        }
        Err(error) => Err(error),
    }
}
