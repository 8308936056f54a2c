//! A pooler between us and PostgreSQL that hands out a session for one transaction at a time, as
//! PgBouncer does in transaction mode.
//!
//! What a session would keep is not there in the next transaction: settings, and statements that
//! were prepared. Worse, it may be there of somebody else. So every connection of a pool of ours
//! goes over a socket of this process, behind which [`session`] speaks with the pooler in its
//! place, such that no session of the database keeps anything:
//!
//! - Statements are prepared without a name, in the same [`group`] of messages in which they are
//!   executed. Up to its end a group is one transaction, and poolers give it one session. It is
//!   compared that a statement is what the client was told when it prepared it.
//! - What the client's session has set is set anew, for the transaction alone, in the group that
//!   begins one.
//!
//! So a statement takes one round trip, as it does without a pooler, and is a transaction by
//! itself exactly if it would be one. What needs a session, such as `LISTEN` and advisory locks,
//! goes to PostgreSQL directly.

mod answers;
mod group;
mod message;
mod session;
mod settings;
mod statement;

use std::{io, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Row,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{net::UnixListener, task::JoinHandle, time::timeout};

use super::{
    pool,
    private_socket::{PORT, PrivateSocket},
    upstream::{SharedUpstream, Upstream},
};
use crate::{config::InvalidSetting, starting::is_away};

/// How long each of the two ways may take to be looked at.
const PATIENCE: Duration = Duration::from_secs(15);

/// A pooler, and how it is spoken with.
#[derive(Clone, Debug)]
pub struct Pooler {
    options: PgConnectOptions,
    upstream: SharedUpstream,
}

/// Why a pooler can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PoolerError {
    /// There is no place for our socket.
    #[error("no socket for the pooler's connections can be made: {0}")]
    Socket(#[from] io::Error),
    /// One of the two ways is none.
    #[error("{setting} leads to no database that can be used: {reason}")]
    Way {
        /// Which of them.
        setting: &'static str,
        /// What was said.
        reason: String,
        /// Whether that is only that it can't be reached now.
        is_away: bool,
    },
    /// They lead to different databases.
    #[error(
        "DATABASE_URL and ROWCAST_DIRECT_URL lead to different databases: allowed is the pooler of \
         that database, and the database itself"
    )]
    Different,
    /// The pooler leads to a standby.
    #[error(
        "DATABASE_URL leads to a standby, which can't be written to: allowed is a pooler of the \
         primary"
    )]
    Standby,
    /// Transactions begin in a way that can't be changed any more.
    #[error(
        "default_transaction_isolation over DATABASE_URL is another than read committed, which a \
         pooler's sessions can't be told"
    )]
    Isolation,
}

/// A pooler whose connections may be used, as long as this lives.
#[derive(Debug)]
pub struct Pooled {
    options: PgConnectOptions,
    task: JoinHandle<()>,
    _socket: PrivateSocket,
}

impl Pooler {
    /// The one of a URL that was read.
    ///
    /// # Errors
    /// What is wrong with the files of certificates that it names.
    pub fn new(url: &str, options: PgConnectOptions) -> Result<Self, InvalidSetting> {
        let upstream = Arc::new(Upstream::new("DATABASE_URL", url, options.clone())?);
        Ok(Self { options, upstream })
    }

    /// Where it is, for what is said of it.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Lets connections go through it.
    ///
    /// # Errors
    /// Where there is no place for the socket.
    pub fn start(&self) -> Result<Pooled, PoolerError> {
        let (socket, listener) = PrivateSocket::make("pooler")?;
        let options = self.options.clone();
        let options = options.socket(socket.directory()).port(PORT);
        Ok(Pooled {
            options: options.ssl_mode(PgSslMode::Disable),
            task: tokio::spawn(accept(listener, Arc::clone(&self.upstream))),
            _socket: socket,
        })
    }

    /// The same, once it is known that it leads to the database that `direct` leads to.
    ///
    /// # Errors
    /// Why it can't be used.
    pub async fn start_beside(&self, direct: &PgConnectOptions) -> Result<Pooled, PoolerError> {
        let pooled = self.start()?;
        pooled.compare(direct).await?;
        Ok(pooled)
    }
}

impl Pooled {
    /// How a pool of ours connects.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Finds out whether it leads to the database that `direct` leads to, and can be used.
    ///
    /// # Errors
    /// Why not.
    pub async fn compare(&self, direct: &PgConnectOptions) -> Result<(), PoolerError> {
        let direct = reached("ROWCAST_DIRECT_URL", direct).await?;
        let pooled = reached("DATABASE_URL", &self.options).await?;
        if pooled.identity != direct.identity {
            return Err(PoolerError::Different);
        }
        if pooled.is_standby {
            return Err(PoolerError::Standby);
        }
        match pooled.isolation.as_str() {
            "read committed" => Ok(()),
            _ => Err(PoolerError::Isolation),
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: UnixListener, upstream: SharedUpstream) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let upstream = Arc::clone(&upstream);
                tokio::spawn(async move {
                    if let Err(error) = session::run(client, &upstream).await {
                        tracing::debug!(reason = %error.kind(), "a pooled connection has ended");
                    }
                });
            }
            // Out of files, most likely, of which some may be closed in a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// What a way leads to.
struct Reached {
    identity: (String, String),
    is_standby: bool,
    isolation: String,
}

async fn reached(
    setting: &'static str,
    options: &PgConnectOptions,
) -> Result<Reached, PoolerError> {
    let wrong = |reason, is_away| PoolerError::Way {
        setting,
        reason,
        is_away,
    };
    let asked = async {
        let mut connection = pool::session(options.clone()).connect().await?;
        let row = sqlx::query(
            "SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), \
                    (SELECT oid::text FROM pg_catalog.pg_database \
                      WHERE datname = pg_catalog.current_database()), \
                    pg_catalog.pg_is_in_recovery(), \
                    pg_catalog.current_setting('default_transaction_isolation')",
        )
        .fetch_one(&mut connection)
        .await?;
        let reached = Reached {
            identity: (row.try_get(0)?, row.try_get(1)?),
            is_standby: row.try_get(2)?,
            isolation: row.try_get(3)?,
        };
        connection.close().await?;
        Ok::<_, sqlx::Error>(reached)
    };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(reached)) => Ok(reached),
        Ok(Err(error)) => Err(wrong(crate::serve::reason(&error), is_away(&error))),
        Err(_) => Err(wrong("it does not answer".to_owned(), true)),
    }
}
