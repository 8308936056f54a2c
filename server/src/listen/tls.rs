//! Encrypted connections, for those who have no proxy that does it.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
    },
};

use super::{Certificate, Patient, Stream, TlsFiles};
use crate::{config::InvalidSetting, shutdown::Shutdown};

/// What the first byte of a client that encrypts is: that of a handshake.
const HANDSHAKE: u8 = 22;

/// How much waits encrypted for a client to take it. What waits otherwise may be shared by many.
const ENCRYPTED_MAX: usize = 16 * 1024;

/// How much of what a client says unencrypted is taken off the connection, so that it gets to
/// read why it is refused.
const UNREAD_MAX: u64 = 64 * 1024;

/// What a client is answered that does not encrypt.
const REFUSAL: &str = concat!(
    "{\"error\":{\"code\":\"https_required\",",
    "\"message\":\"this address is for HTTPS, and the request is not encrypted\",",
    "\"hint\":\"open it with https:// instead of http://\"}}"
);

/// Encrypts connections.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// How it is encrypted. Not the process' default, which nobody has set.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Tls {
    /// With the certificate of these files, which are read again whenever they change, in a
    /// task of its own, until the shutdown.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn start(files: &TlsFiles, shutdown: Shutdown) -> Result<Self, InvalidSetting> {
        let provider = provider();
        let certificate = Arc::new(Certificate::new(files.clone(), Arc::clone(&provider))?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3 are compiled in")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<_>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        tokio::spawn(certificate.keep_up(shutdown));
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Encrypts a connection; `None` where its client does not want to, which it is told.
    ///
    /// # Errors
    /// Those of the connection and of the handshake.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Option<Stream>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Ok(None);
        }
        if first != [HANDSHAKE] {
            refuse(stream).await?;
            return Ok(None);
        }
        let mut stream = self.0.accept(Patient::new(stream)).await?;
        stream.get_mut().1.set_buffer_limit(Some(ENCRYPTED_MAX));
        Ok(Some(Stream::Tls(Box::new(stream))))
    }
}

async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let length = REFUSAL.len();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{REFUSAL}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(UNREAD_MAX), &mut tokio::io::sink()).await?;
    Ok(())
}
