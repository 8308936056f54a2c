//! Sending hits to a receiver, signed.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::body::Body;
use http::{Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig,
        crypto::ring as provider,
        pki_types::{CertificateDer, ServerName},
    },
};

use super::{
    Due, PATIENCE,
    target::{Target, is_public},
    trust,
};
use crate::config::WatchConfig;

/// The most bytes of an answer's head. Its body is not read.
const HEAD_MAX: usize = 64 * 1024;

/// Sends to receivers.
pub struct Hooks {
    tls: TlsConnector,
    may_be_private: bool,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

impl Hooks {
    /// Trusting the public authorities and these.
    pub fn new(config: &WatchConfig, own: &[CertificateDer<'static>]) -> Self {
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3 are compiled in")
            .with_root_certificates(trust::roots(own))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            tls: TlsConnector::from(Arc::new(tls)),
            may_be_private: config.private_webhooks,
        }
    }

    /// Whether receivers may be in a network of one's own.
    pub fn may_be_private(&self) -> bool {
        self.may_be_private
    }

    /// Sends it there, with the secret's signature.
    ///
    /// # Errors
    /// Why it was not received, in words that say nothing of the address but its host.
    pub async fn send(
        &self,
        url: &str,
        secret: &str,
        due: &Due,
        origin: &str,
    ) -> Result<(), String> {
        let target = Target::parse(url, self.may_be_private)?;
        let request = request(&target, secret, due, origin)?;
        let sending = async {
            let stream = self.connect(&target).await?;
            if !target.is_secure {
                return exchange(stream, request).await;
            }
            let name = ServerName::try_from(target.host.clone());
            let name = name.map_err(|_| "no certificate is for such a host")?;
            let stream = self.tls.connect(name, stream).await;
            let stream = stream.map_err(|error| {
                trust::reason(&error).unwrap_or("the connection can't be encrypted")
            })?;
            exchange(stream, request).await
        };
        timeout(PATIENCE, sending)
            .await
            .unwrap_or_else(|_| Err(format!("it took longer than {} s", PATIENCE.as_secs())))
    }

    /// To an address that was looked at, whatever the name means a moment later.
    async fn connect(&self, target: &Target) -> Result<TcpStream, String> {
        let found = lookup_host((target.host.as_str(), target.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|_| "its host is unknown")?.collect();
        let allowed: Vec<SocketAddr> = found
            .iter()
            .copied()
            .filter(|address| self.may_be_private || is_public(address.ip()))
            .collect();
        // One that is both is somebody's attempt.
        if allowed.len() < found.len() {
            return Err(
                "its host is this machine or in a network of its own (ROWCAST_PRIVATE_WEBHOOKS)"
                    .to_owned(),
            );
        }
        // Plain text stays on this machine.
        if !target.is_secure && !found.iter().all(|address| address.ip().is_loopback()) {
            return Err("its host is not this machine".to_owned());
        }
        TcpStream::connect(&allowed[..])
            .await
            .map_err(|_| "it can't be reached".to_owned())
    }
}

fn request(
    target: &Target,
    secret: &str,
    due: &Due,
    origin: &str,
) -> Result<Request<Body>, String> {
    let body = body(due, origin).to_string();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or(Duration::ZERO).as_secs().to_string();
    Request::builder()
        .method("POST")
        .uri(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "rowcast")
        .header(header::CONNECTION, "close")
        .header("Rowcast-Delivery", &due.token)
        .header("Rowcast-Timestamp", &now)
        .header("Rowcast-Signature", signature(secret, &now, &body))
        .body(Body::from(body))
        .map_err(|_| "its address is none".to_owned())
}

/// The same each time that it is sent.
fn body(due: &Due, origin: &str) -> Value {
    let mut body = due.content.clone();
    let link = body["link"].as_str().unwrap_or_default().to_owned();
    if link.starts_with('/') {
        body["link"] = json!(format!("{origin}{link}"));
    }
    body["id"] = json!(due.token);
    body["at"] = json!(due.created_at);
    body
}

/// `v1=` and HMAC-SHA256 of the time, a dot and the body.
pub fn signature(secret: &str, time: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("v1={hex}")
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<(), String> {
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| "it can't be reached")?;
    let answered = async {
        let response = sender.send_request(request).await;
        let status = response.map_err(|_| "it ended the connection")?.status();
        if status.is_success() {
            return Ok(());
        }
        Err(match status.is_redirection() {
            true => format!("it answered {}, which is not followed", status.as_u16()),
            false => format!("it answered {}", status.as_u16()),
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
    use super::*;

    #[test]
    fn the_signature_is_what_anybody_can_compute() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
        let tag = signature("key", "1700000000", "{}");
        let known = "9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae";
        assert_eq!(tag, format!("v1={known}"));
        assert_ne!(tag, signature("other", "1700000000", "{}"));
        assert_ne!(tag, signature("key", "1700000001", "{}"));
    }
}
