//! The way to PostgreSQL, or to a pooler before it, below what is spoken there.

mod tls;

use std::{io, sync::Arc, time::Duration};

use percent_encoding::percent_decode_str;
use rustix::net::sockopt::set_tcp_user_timeout;
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use self::tls::Files;
use crate::config::InvalidSetting;

/// How long it may take to be connected to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What asks whether a connection can be encrypted.
const ENCRYPT: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Both directions of a connection.
pub trait Way: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Way for T {}

/// Where somebody is who speaks PostgreSQL, and whether the way there is encrypted.
#[derive(Clone)]
pub struct Upstream {
    options: PgConnectOptions,
    connector: Option<TlsConnector>,
    unanswered: Option<u32>,
}

impl Upstream {
    /// The one of that setting's URL, which was read.
    ///
    /// # Errors
    /// What is wrong with the files of certificates that it names.
    pub fn new(
        setting: &'static str,
        url: &str,
        options: PgConnectOptions,
    ) -> Result<Self, InvalidSetting> {
        let connector = match options.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow => None,
            mode => Some(tls::connector(setting, mode, &files(url))?),
        };
        Ok(Self {
            options,
            connector,
            unanswered: None,
        })
    }

    /// The same of options alone.
    ///
    /// # Errors
    /// As there.
    pub fn of(setting: &'static str, options: PgConnectOptions) -> Result<Self, InvalidSetting> {
        let url = leading_nowhere(&options).to_url_lossy().to_string();
        Self::new(setting, &url, options)
    }

    /// The same, but that a connection ends of which nobody takes for so many milliseconds what is
    /// sent.
    pub fn ending_unanswered(self, milliseconds: u32) -> Self {
        Self {
            unanswered: Some(milliseconds),
            ..self
        }
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
        if let Some(milliseconds) = self.unanswered {
            set_tcp_user_timeout(&stream, milliseconds)?;
        }
        let Some(connector) = &self.connector else {
            return Ok(Box::new(stream));
        };
        stream.write_all(&ENCRYPT).await?;
        match (stream.read_u8().await?, self.options.get_ssl_mode()) {
            (b'S', _) => {}
            (b'N', PgSslMode::Prefer) => return Ok(Box::new(stream)),
            _ => return Err(broken("who is there does not encrypt")),
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

/// The password that goes with options, from wherever they have it. They tell it only as a part of
/// a URL.
pub fn password_of(options: &PgConnectOptions) -> String {
    let url = leading_nowhere(options).to_url_lossy();
    let password = url.password().unwrap_or_default();
    percent_decode_str(password)
        .decode_utf8_lossy()
        .into_owned()
}

/// The same options, but that they name nobody: of names that are none of a URL the driver can't
/// make one.
fn leading_nowhere(options: &PgConnectOptions) -> PgConnectOptions {
    let nowhere = options.clone().username("nobody").host("localhost");
    nowhere.database("none")
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
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
            let value = percent_decode_str(&value).decode_utf8_lossy();
            // So the driver tells it.
            let path = value.strip_prefix("file: ").unwrap_or(&value);
            path.to_owned()
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

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn a_password_is_what_the_url_says_whatever_is_in_it() {
        for (url, password) in [
            ("postgres://me:p%40ss%2F%25%3A%20@db/shop", "p@ss/%: "),
            ("postgres://me@db/shop?password=a+b%2Bc", "a b+c"),
            ("postgres://a%3Ab%2Fc:p@[::1]:5433/x", "p"),
            ("postgres://me:p@%2Fvar%2Frun/x", "p"),
        ] {
            let options = PgConnectOptions::from_str(url).expect("a URL");
            assert_eq!(password_of(&options), password, "{url}");
        }
    }

    #[test]
    fn files_of_certificates_are_those_of_the_url() {
        let url = "postgres://me@db/shop?sslmode=verify-full&sslrootcert=/nowhere/a+b%26.pem";
        let options = PgConnectOptions::from_str(url).expect("a URL");
        let wrong = Upstream::of("DATABASE_URL", options).expect_err("there is no such file");
        let text = wrong.to_string();
        assert!(text.contains("\"/nowhere/a b&.pem\""), "{text}");
    }
}
