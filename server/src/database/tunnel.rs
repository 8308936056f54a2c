//! A way to PostgreSQL for a program that speaks with it and does not encrypt: a socket of this
//! process, behind which connections go on as `sslmode` says.

use std::{io, path::Path, sync::Arc, time::Duration};

use sqlx::postgres::PgConnectOptions;
use tokio::{io::copy_bidirectional, net::UnixListener, task::JoinHandle};

use super::{
    private_socket::{PORT, PrivateSocket},
    upstream::{SharedUpstream, Upstream},
};
use crate::config::InvalidSetting;

/// For how many milliseconds nothing may be taken of what is sent. Who streams says every second
/// how far they are, and would else not hear for hours of a machine that is gone.
const UNANSWERED: u32 = 30_000;

/// Why there is no such way.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// There is no place for the socket.
    #[error("no socket for the way to the database can be made: {0}")]
    Socket(#[from] io::Error),
    /// The files of certificates that the database's URL names.
    #[error(transparent)]
    Files(#[from] InvalidSetting),
}

/// Such a way, as long as this lives.
#[derive(Debug)]
pub struct Tunnel {
    socket: PrivateSocket,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// The way that these options lead; `setting` is what they are of.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start(setting: &'static str, options: &PgConnectOptions) -> Result<Self, TunnelError> {
        let upstream = Upstream::of(setting, options.clone())?;
        let upstream = Arc::new(upstream.ending_unanswered(UNANSWERED));
        let (socket, listener) = PrivateSocket::make("tunnel")?;
        let task = tokio::spawn(accept(listener, upstream));
        Ok(Self { socket, task })
    }

    /// The directory of the socket.
    pub fn directory(&self) -> &Path {
        self.socket.directory()
    }

    /// The port in its name.
    pub fn port(&self) -> u16 {
        PORT
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: UnixListener, upstream: SharedUpstream) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            // Out of files, most likely, of which some may be closed in a moment.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move {
            let led = async {
                let mut way = upstream.connect().await?;
                copy_bidirectional(&mut client, &mut way).await
            };
            if let Err(error) = led.await {
                tracing::debug!(reason = %error.kind(), "a connection to the database has ended");
            }
        });
    }
}
