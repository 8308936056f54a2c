//! Sending to a collector, over a connection for each batch.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, to_bytes};
use http::{HeaderValue, Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use crate::config::{CollectorAddress, TraceConfig};

/// How long it may take to take a batch.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take to say what of a batch it did not want.
const SAYING: Duration = Duration::from_secs(2);

/// The most bytes of an answer's head.
const HEAD_MAX: usize = 64 * 1024;

/// The most bytes of an answer that are looked at.
const ANSWER_MAX: usize = 64 * 1024;

/// Whoever takes traces.
pub(super) struct Collector {
    address: CollectorAddress,
    headers: http::HeaderMap,
    tls: TlsConnector,
}

impl Collector {
    /// That of the settings.
    pub fn new(config: &TraceConfig) -> Self {
        let roots = match &config.authorities {
            Some(own) => {
                let mut roots = RootCertStore::empty();
                // They can be added, or their file would be none.
                roots.add_parsable_certificates(own.iter().cloned());
                roots
            }
            None => RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            },
        };
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3 are compiled in")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            address: config.collector.clone(),
            headers: config.headers.clone(),
            tls: TlsConnector::from(Arc::new(tls)),
        }
    }

    /// Hands it a batch, and says how many spans of it it did not want.
    ///
    /// # Errors
    /// Why it did not take the batch, without what it said.
    pub async fn send(&self, batch: Vec<u8>) -> Result<u64, String> {
        let mut request = Request::new(Body::from(batch));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self
            .address
            .path
            .parse()
            .map_err(|_| "its address is none")?;
        *request.headers_mut() = self.headers.clone();
        let host = HeaderValue::from_str(&self.address.authority);
        for (name, value) in [
            (header::HOST, host.map_err(|_| "its address is none")?),
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-protobuf"),
            ),
            (header::USER_AGENT, HeaderValue::from_static("rowcast")),
            (header::CONNECTION, HeaderValue::from_static("close")),
        ] {
            request.headers_mut().insert(name, value);
        }
        let sending = async {
            let stream = TcpStream::connect((self.address.host.as_str(), self.address.port));
            let stream = stream.await.map_err(|_| "it can't be reached")?;
            if !self.address.is_secure {
                return exchange(stream, request).await;
            }
            let name = ServerName::try_from(self.address.host.clone());
            let name = name.map_err(|_| "no certificate is for such a host")?;
            let stream = self.tls.connect(name, stream).await;
            let stream = stream.map_err(
                |_| "its certificate is not trusted, or the connection can't be encrypted",
            )?;
            exchange(stream, request).await
        };
        timeout(PATIENCE, sending)
            .await
            .unwrap_or_else(|_| Err(format!("it took longer than {} s", PATIENCE.as_secs())))
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<u64, String> {
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| "it can't be reached")?;
    let answered = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|_| "it ended the connection")?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered {}", status.as_u16()));
        }
        // The batch was taken, whatever else it says, and whether it says it soon.
        let body = to_bytes(Body::new(response.into_body()), ANSWER_MAX);
        let body = timeout(SAYING, body).await.ok().and_then(Result::ok);
        let answer = body.and_then(|body| ExportTraceServiceResponse::decode(body).ok());
        let unwanted = answer.and_then(|answer| answer.partial_success);
        Ok(unwanted.map_or(0, |of| u64::try_from(of.rejected_spans).unwrap_or(0)))
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
