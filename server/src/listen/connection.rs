//! Connections, from when they are accepted until they end.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc},
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::{Stream, Tls, Way};
use crate::{
    limit::{Network, Share, Shares},
    peer::Peer,
    proxy::Proxies,
    shutdown::Shutdown,
    traces::request::TRACEPARENT,
};

/// How long a client may take for a request's head, and keep a connection without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take until the connection is encrypted.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of a request's head.
const HEAD_MAX: usize = 64 * 1024;

/// How long, once the end is told, a connection stays over which nothing is asked. Whoever keeps
/// connections, as proxies do, may have sent a request before it hears that one is closed; what
/// may change something is not sent again by itself then, and fails.
const LINGER: Duration = Duration::from_millis(500);

/// What all connections have in common.
pub(super) struct Connections {
    router: Router,
    http: http1::Builder,
    tls: Option<Tls>,
    per_network: PerNetwork,
    shutdown: Shutdown,
    /// Each holds a copy.
    open: mpsc::Sender<()>,
}

impl Connections {
    pub fn new(router: Router, way: Way, shutdown: Shutdown, open: mpsc::Sender<()>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_MAX);
        Self {
            router,
            http,
            tls: way.tls,
            per_network: PerNetwork {
                shares: Shares::of(way.connections),
                proxies: way.proxies,
            },
            shutdown,
            open,
        }
    }

    /// Serves one in a task of its own, if its address may have one more.
    pub fn begin(&self, stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit) {
        let direct = Peer {
            address: address.ip().to_canonical(),
            is_secure: self.tls.is_some(),
        };
        // Nothing is answered: that would be one more thing to do for it.
        let Ok(share) = self.per_network.take(direct.address) else {
            return;
        };
        let proxies = Arc::clone(&self.per_network.proxies);
        let leaving = self.shutdown.clone();
        let service = self
            .router
            .clone()
            .map_request(move |request: Request<_>| {
                let mut request = request.map(Body::new);
                let peer = proxies.peer(direct, request.headers());
                request.extensions_mut().insert(peer);
                if !proxies.trusts(direct.address) {
                    request.headers_mut().remove(TRACEPARENT);
                }
                request
            })
            .map_response(move |response| say_whether_it_stays(response, &leaving));
        let service = TowerToHyperService::new(service);
        let (http, tls) = (self.http.clone(), self.tls.clone());
        let (shutdown, open) = (self.shutdown.clone(), self.open.clone());
        tokio::spawn(async move {
            let mut over = std::pin::pin!(over(shutdown));
            let stream = tokio::select! {
                biased;
                stream = encrypted(stream, tls) => stream,
                () = &mut over => return,
            };
            let Some(stream) = stream else { return };
            let connection = http
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            // A client that breaks off or sends nonsense is none of our errors.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = over => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop((place, share, open));
        });
    }
}

/// Waits until nothing new is to be asked over a connection.
async fn over(mut shutdown: Shutdown) {
    shutdown.wait().await;
    sleep(LINGER).await;
}

/// Tells a client of a server that is about to stop to take another connection for what it asks
/// next: so whoever keeps connections has none here in the end.
fn say_whether_it_stays(mut response: Response, shutdown: &Shutdown) -> Response {
    if shutdown.is_leaving() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// The connection, encrypted if it is to be; `None` where that comes to nothing in time.
async fn encrypted(stream: TcpStream, tls: Option<Tls>) -> Option<Stream> {
    let Some(tls) = tls else {
        return Some(stream.into());
    };
    let accepted = timeout(HANDSHAKE_TIMEOUT, Box::pin(tls.accept(stream))).await;
    // A client that breaks off or sends nonsense is none of our errors.
    accepted.ok()?.ok()?
}

/// How many of the connections an address has, where it stands for one client.
#[derive(Clone)]
struct PerNetwork {
    shares: Shares<Network>,
    proxies: Arc<Proxies>,
}

impl PerNetwork {
    /// A connection's share, of an address that has one.
    ///
    /// # Errors
    /// If it has as many as it may.
    fn take(&self, address: IpAddr) -> Result<Option<Share<Network>>, TooMany> {
        // Behind a proxy, and perhaps on this machine, are many.
        if address.is_loopback() || self.proxies.trusts(address) {
            return Ok(None);
        }
        self.shares.take(address.into()).map(Some).ok_or(TooMany)
    }
}

/// An address has as many connections as it may.
#[derive(Debug, PartialEq, Eq)]
struct TooMany;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leaves_the_others_theirs_and_a_proxy_has_no_end() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let per_network = PerNetwork {
            shares: Shares::of(8),
            proxies: Arc::new(Proxies::parse("10.0.0.1").expect("a proxy")),
        };
        let taken: Vec<_> = ["2001:db8::1", "2001:db8::2"]
            .map(|text| per_network.take(address(text)))
            .into();
        assert!(taken.iter().all(|share| matches!(share, Ok(Some(_)))));
        assert!(per_network.take(address("2001:db8::3")).is_err());
        assert!(per_network.take(address("2001:db8:0:1::1")).is_ok());
        drop(taken);
        assert!(per_network.take(address("2001:db8::3")).is_ok());
        for shared in ["10.0.0.1", "127.0.0.1", "::1"] {
            let all: Vec<_> = (0..100)
                .map(|_| per_network.take(address(shared)))
                .collect();
            assert!(
                all.iter().all(|share| matches!(share, Ok(None))),
                "{shared}"
            );
        }
    }
}
