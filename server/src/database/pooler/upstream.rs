//! The way to the pooler.

use std::{io, sync::Arc, time::Duration};

use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    message::broken,
    tls::{self, Files},
};
use crate::config::InvalidSetting;

/// How long the pooler may take to be connected to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What asks whether a connection can be encrypted.
const ENCRYPT: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Both directions of a connection.
pub trait Way: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Way for T {}

/// Where the pooler is, and how it is spoken with.
#[derive(Clone)]
pub struct Upstream {
    options: PgConnectOptions,
    connector: Option<TlsConnector>,
}

impl Upstream {
    /// The one of a URL that was read.
    ///
    /// # Errors
    /// What is wrong with the files of certificates that it names.
    pub fn new(url: &str, options: PgConnectOptions) -> Result<Self, InvalidSetting> {
        let connector = match options.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow => None,
            mode => Some(tls::connector(mode, &files(url))?),
        };
        Ok(Self { options, connector })
    }

    /// A connection of its own.
    ///
    /// # Errors
    /// Those of connecting and of encrypting.
    pub async fn connect(&self) -> io::Result<Box<dyn Way>> {
        timeout(CONNECT_TIMEOUT, self.open())
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn open(&self) -> io::Result<Box<dyn Way>> {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        let named = host.starts_with('/').then(|| host.into());
        if let Some(directory) = self.options.get_socket().cloned().or(named) {
            let path = directory.join(format!(".s.PGSQL.{port}"));
            return Ok(Box::new(UnixStream::connect(path).await?));
        }
        let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        stream.set_nodelay(true)?;
        let Some(connector) = &self.connector else {
            return Ok(Box::new(stream));
        };
        stream.write_all(&ENCRYPT).await?;
        match (stream.read_u8().await?, self.options.get_ssl_mode()) {
            (b'S', _) => {}
            (b'N', PgSslMode::Prefer) => return Ok(Box::new(stream)),
            _ => return Err(broken("the pooler does not encrypt")),
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| broken("a host that no certificate can name"))?;
        Ok(Box::new(connector.connect(name, stream).await?))
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstream").finish_non_exhaustive()
    }
}

/// The files of certificates that a URL names, or else the environment, as for the driver.
fn files(url: &str) -> Files {
    let (_, queries) = url.split_once('?').unwrap_or_default();
    let queries = queries.split('#').next().unwrap_or_default();
    let named = |names: &[&str], variable: &str| {
        let mut pairs = queries.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.rfind(|(name, _)| names.contains(name));
        let found = found.map(|(_, value)| {
            let value = value.replace('+', " ");
            percent_decode_str(&value).decode_utf8_lossy().into_owned()
        });
        found
            .or_else(|| std::env::var(variable).ok())
            .map(Into::into)
    };
    Files {
        authorities: named(&["sslrootcert", "ssl-root-cert", "ssl-ca"], "PGSSLROOTCERT"),
        certificate: named(&["sslcert", "ssl-cert"], "PGSSLCERT"),
        key: named(&["sslkey", "ssl-key"], "PGSSLKEY"),
    }
}

/// The same, for many connections.
pub type SharedUpstream = Arc<Upstream>;
