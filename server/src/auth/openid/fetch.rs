//! Asking a provider: with a bound on how long it takes and how much comes, and going nowhere
//! else.

use std::{path::Path, sync::Arc, time::Duration};

use axum::body::Body;
use futures::StreamExt;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use super::Address;
use crate::config::{InvalidSetting, authorities};

/// How long a provider has for an answer, from the first to the last.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of an answer.
pub const ANSWER_MAX: usize = 256 * 1024;

/// The most bytes of an answer's head.
const HEAD_MAX: usize = 64 * 1024;

const AUTHORITIES: &str = "ROWCAST_OPENID_CA";

/// Why a provider gave no answer that can be looked at. None of these says what it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It can't be connected to, or ended the connection.
    #[error("the provider can't be reached")]
    Unreachable,
    /// The connection can't be encrypted, or not with whom it should be.
    #[error("the provider's certificate is not trusted, or the connection can't be encrypted")]
    Untrusted,
    /// It takes too long.
    #[error("the provider took longer than 10 s")]
    Slow,
    /// It says too much.
    #[error("the provider's answer is larger than 256 KiB")]
    TooLarge,
    /// It says to ask elsewhere.
    #[error("the provider's answer leads elsewhere, where it is not followed")]
    Elsewhere,
    /// It says something else than what was asked for.
    #[error("the provider answered with the status {0}")]
    Status(u16),
}

/// What a provider answered: a status that is neither a success nor of one who asked wrongly is a
/// [`FetchError`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether it is what was asked for.
    pub is_success: bool,
    /// All of it.
    pub body: Vec<u8>,
}

/// Asks a provider.
#[derive(Clone)]
pub struct Fetch {
    tls: TlsConnector,
    patience: Duration,
}

impl Fetch {
    /// Trusting the authorities of that file, or else the public ones.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn new(authorities: Option<&Path>) -> Result<Self, InvalidSetting> {
        let roots = match authorities {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                // They can be added, or the file would be none.
                roots.add_parsable_certificates(authorities::read(AUTHORITIES, path)?);
                roots
            }
            None => RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            },
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3 are compiled in")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            patience: PATIENCE,
        })
    }

    /// Reads what is at an address.
    ///
    /// # Errors
    /// Why there is nothing to be read.
    pub async fn get(&self, address: &Address) -> Result<Vec<u8>, FetchError> {
        let answer = self
            .ask(address, Method::GET, Body::empty(), None, false)
            .await?;
        match answer.is_success {
            true => Ok(answer.body),
            false => Err(FetchError::Status(StatusCode::BAD_REQUEST.as_u16())),
        }
    }

    /// Sends a form, with this authorization.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post(
        &self,
        address: &Address,
        form: String,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, FetchError> {
        self.ask(address, Method::POST, Body::from(form), authorization, true)
            .await
    }

    async fn ask(
        &self,
        address: &Address,
        method: Method,
        body: Body,
        authorization: Option<HeaderValue>,
        is_form: bool,
    ) -> Result<Answer, FetchError> {
        let mut request = Request::builder()
            .method(method)
            .uri(address.path())
            .header(header::HOST, address.authority())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "rowcast")
            .header(header::CONNECTION, "close");
        if is_form {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(body).map_err(|_| FetchError::Unreachable)?;
        let asked = async {
            let stream = TcpStream::connect((address.host(), address.port()));
            let stream = stream.await.map_err(|_| FetchError::Unreachable)?;
            if !address.is_secure() {
                return exchange(stream, request).await;
            }
            let name = ServerName::try_from(address.host().to_owned());
            let name = name.map_err(|_| FetchError::Unreachable)?;
            let stream = self.tls.connect(name, stream).await;
            exchange(stream.map_err(|_| FetchError::Untrusted)?, request).await
        };
        timeout(self.patience, asked)
            .await
            .unwrap_or(Err(FetchError::Slow))
    }
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetch")
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Answer, FetchError> {
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| FetchError::Unreachable)?;
    let answered = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|_| FetchError::Unreachable)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(FetchError::Elsewhere);
        }
        // A form that is refused is answered with why (RFC 6749, 5.2).
        let is_refusal = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
        if status != StatusCode::OK && !is_refusal {
            return Err(FetchError::Status(status.as_u16()));
        }
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > ANSWER_MAX as u64) {
            return Err(FetchError::TooLarge);
        }
        let mut parts = Body::new(response.into_body()).into_data_stream();
        let mut body = Vec::new();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|_| FetchError::Unreachable)?;
            if body.len() + part.len() > ANSWER_MAX {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer {
            is_success: status == StatusCode::OK,
            body,
        })
    };
    let driven = async {
        // It may end before all that came of it has been read.
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = answered => answer,
        never = driven => never,
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What comes of asking one that begins to answer so, and then says nothing more.
    async fn asked(begin: &'static str) -> FetchError {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.expect("a request"));
            }
            let _ = stream.write_all(begin.as_bytes()).await;
            std::future::pending::<()>().await
        };
        let address = Address::issuer(&format!("http://{address}")).expect("an address");
        let fetch = Fetch {
            patience: Duration::from_millis(200),
            ..Fetch::new(None).expect("the public authorities")
        };
        tokio::select! {
            found = fetch.get(&address) => found.expect_err("it never ends"),
            () = serving => unreachable!("it never ends"),
        }
    }

    #[tokio::test]
    async fn a_provider_that_is_slow_is_not_waited_for() {
        for begin in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            assert_eq!(asked(begin).await, FetchError::Slow, "{begin:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_asked_for_is_not_waited_for() {
        let huge = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
        assert_eq!(asked(huge).await, FetchError::TooLarge);
        let elsewhere = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(asked(elsewhere).await, FetchError::Elsewhere);
        let broken = "HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(asked(broken).await, FetchError::Status(503));
        assert_eq!(asked("no HTTP\r\n\r\n").await, FetchError::Unreachable);
    }
}
