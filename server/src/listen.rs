//! Serving connections.
//!
//! Beside what axum's own `serve` does: the time for a request's head and the number of
//! connections are bounded, as is how long a client may leave unread what waits for it; and the
//! end is bounded too.

mod certificate;
mod patience;
mod stream;
mod tls;

pub use certificate::{Certificate, TlsFiles};
pub use patience::Patient;
pub use stream::Stream;
pub use tls::Tls;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body};
use http::Request;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::{
    net::sockopt::set_tcp_user_timeout,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};

use tower::ServiceExt;

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

/// How long what was sent may go unacknowledged, in milliseconds: who has vanished without a word
/// is otherwise waited for until the system gives up, a quarter of an hour or more.
const UNANSWERED: u32 = 90_000;

/// The most bytes of a request's head.
const HEAD_MAX: usize = 64 * 1024;

/// How long requests under way have once the end is told. With what follows it, the process
/// ends within ten seconds.
const GRACE: Duration = Duration::from_secs(6);

/// How connections are taken.
pub struct Way {
    /// The most at once. Further clients wait to be accepted.
    pub connections: usize,
    /// What encrypts them, if this server does.
    pub tls: Option<Tls>,
    /// Who is believed whom a request is of.
    pub proxies: Arc<Proxies>,
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

/// Serves until the shutdown: then no connection is accepted any more, and requests under
/// way are finished, for as long as the grace lasts. `sessions` completes when those who have
/// left HTTP have ended too.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    way: Way,
    mut shutdown: Shutdown,
    sessions: impl Future,
) {
    let Way {
        connections,
        tls,
        proxies,
    } = way;
    raise_open_files(connections);
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX);
    let per_network = PerNetwork {
        shares: Shares::of(connections),
        proxies: Arc::clone(&proxies),
    };
    // Closed when the last connection has dropped its copy.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            () = shutdown.wait() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, address, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: some will be free again.
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let direct = Peer {
            address: address.ip().to_canonical(),
            is_secure: tls.is_some(),
        };
        // Nothing is answered: that would be one more thing to do for it.
        let Ok(share) = per_network.take(direct.address) else {
            continue;
        };
        let proxies = Arc::clone(&proxies);
        let service = router.clone().map_request(move |request: Request<_>| {
            let mut request = request.map(Body::new);
            let peer = proxies.peer(direct, request.headers());
            request.extensions_mut().insert(peer);
            if !proxies.trusts(direct.address) {
                request.headers_mut().remove(TRACEPARENT);
            }
            request
        });
        let service = TowerToHyperService::new(service);
        let (open, mut shutdown) = (open.clone(), shutdown.clone());
        let (http, tls) = (http.clone(), tls.clone());
        tokio::spawn(async move {
            let stream = tokio::select! {
                () = shutdown.wait() => return,
                stream = begin(stream, tls) => stream,
            };
            let Some(stream) = stream else { return };
            let connection = http
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            // A client that breaks off or sends nonsense is none of our errors.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = shutdown.wait() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop((place, share, open));
        });
    }
    drop((listener, open));
    let ended = async {
        all_closed.recv().await;
        sessions.await;
    };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::warn!("requests that were still under way are cut off");
    }
}

/// The connection, encrypted if it is to be; `None` where that comes to nothing in time.
async fn begin(stream: TcpStream, tls: Option<Tls>) -> Option<Stream> {
    let Some(tls) = tls else {
        return Some(stream.into());
    };
    let accepted = tokio::time::timeout(HANDSHAKE_TIMEOUT, Box::pin(tls.accept(stream))).await;
    // A client that breaks off or sends nonsense is none of our errors.
    accepted.ok()?.ok()?
}

/// Lets this process have as many files open as the system allows it, and says where that is
/// fewer than there may be connections.
fn raise_open_files(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    if let Some(allowed) = allowed.filter(|allowed| *allowed < connections as u64) {
        tracing::warn!(
            allowed,
            connections,
            "fewer files may be open than connections are taken: raise the limit (ulimit -Hn)"
        );
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Patches are small and are to leave at once.
                stream.set_nodelay(true)?;
                set_tcp_user_timeout(&stream, UNANSWERED)?;
                return Ok((stream, address, place));
            }
            // The client went away before it was accepted.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_vanished_is_not_waited_for_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let _client = TcpStream::connect(address).await.expect("a connection");
        let places = Arc::new(Semaphore::new(1));
        let (stream, ..) = accept(&listener, &places).await.expect("the client");
        let timeout = rustix::net::sockopt::tcp_user_timeout(&stream);
        assert_eq!(timeout, Ok(UNANSWERED));
    }

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
