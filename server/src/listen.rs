//! Serving connections.
//!
//! Beside what axum's own `serve` does: the time for a request's head and the number of
//! connections are bounded, as is how long a client may leave unread what waits for it; and the
//! end is bounded too.

mod bound_socket;
mod certificate;
mod connection;
mod patience;
mod stream;
mod tls;

pub use bound_socket::{BoundSocket, Taken};
pub use certificate::{Certificate, TlsFiles};
pub use patience::Patient;
pub use stream::Stream;
pub use tls::Tls;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use rustix::{
    net::sockopt::set_tcp_user_timeout,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};

use self::connection::Connections;
use crate::{proxy::Proxies, shutdown::Shutdown};

/// How long what was sent may go unacknowledged, in milliseconds: who has vanished without a word
/// is otherwise waited for until the system gives up, a quarter of an hour or more.
const UNANSWERED: u32 = 90_000;

/// How long requests under way have once the end is told. With what follows it, the process
/// ends within ten seconds.
const GRACE: Duration = Duration::from_secs(6);

/// Of how many it is found out at the end whether they have connected: more than a system lets wait.
const WAITING: usize = 65_536;

/// How connections are taken.
pub struct Way {
    /// The most at once. Further clients wait to be accepted.
    pub connections: usize,
    /// What encrypts them, if this server does.
    pub tls: Option<Tls>,
    /// Who is believed whom a request is of.
    pub proxies: Arc<Proxies>,
}

/// Serves until the shutdown: then no connection is accepted any more, and requests under
/// way, or on their way over connections that there are, are finished, for as long as the grace
/// lasts. `sessions` completes when those who have left HTTP have ended too.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    way: Way,
    mut shutdown: Shutdown,
    sessions: impl Future,
) {
    let connections = way.connections;
    raise_open_files(connections);
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    // Closed when the last connection has dropped its copy.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    let connections = Connections::new(router, way, shutdown.clone(), open);
    loop {
        let accepted = tokio::select! {
            () = shutdown.wait() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, address, place)) => connections.begin(stream, address, place),
            Err(error) => {
                // Out of file descriptors, mostly: some will be free again.
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    for (stream, address) in last(listener) {
        // Whoever waits for a place waits in vain.
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            connections.begin(stream, address, place);
        }
    }
    drop(connections);
    let ended = async {
        all_closed.recv().await;
        sessions.await;
    };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::warn!("requests that were still under way are cut off");
    }
}

/// Ends listening. Those are returned who have connected by then and were not accepted yet: they
/// may have asked for something already.
fn last(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else {
        return Vec::new();
    };
    let accepted = waiting(|| listener.accept()).filter_map(|(stream, address)| {
        stream.set_nonblocking(true).ok()?;
        let stream = TcpStream::from_std(stream).ok()?;
        set_up(&stream).ok()?;
        Some((stream, address))
    });
    accepted.collect()
}

/// Who has connected by now. Whoever went away before that is not the last.
fn waiting<T>(mut accept: impl FnMut() -> io::Result<T>) -> impl Iterator<Item = T> {
    let tried = (0..WAITING).map(move |_| accept());
    let until = tried.take_while(|accepted| match accepted {
        Ok(_) => true,
        Err(error) => is_gone(error),
    });
    until.filter_map(Result::ok)
}

/// Whether a client went away before it was accepted.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
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
                set_up(&stream)?;
                return Ok((stream, address, place));
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    // Patches are small and are to leave at once.
    stream.set_nodelay(true)?;
    set_tcp_user_timeout(stream, UNANSWERED)?;
    Ok(())
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
    fn who_went_away_keeps_nobody_from_being_accepted() {
        use io::ErrorKind::{ConnectionAborted, WouldBlock};
        let mut come = [
            Ok(1),
            Err(ConnectionAborted),
            Err(ConnectionAborted),
            Ok(2),
            Err(WouldBlock),
            Ok(3),
        ]
        .into_iter();
        let accepted = waiting(|| come.next().expect("no more is asked").map_err(Into::into));
        assert_eq!(accepted.collect::<Vec<_>>(), [1, 2]);
        let forever = waiting(|| Err::<(), _>(ConnectionAborted.into()));
        assert_eq!(forever.count(), 0);
    }

    #[tokio::test]
    async fn who_has_connected_before_the_end_is_there_after_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.expect("a connection"));
        }
        let accepted = last(listener);
        let of_clients = clients.iter().map(TcpStream::local_addr);
        let of_clients: io::Result<Vec<_>> = of_clients.collect();
        let known: Vec<_> = accepted.iter().map(|(_, address)| *address).collect();
        assert_eq!(of_clients.expect("their addresses"), known);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
