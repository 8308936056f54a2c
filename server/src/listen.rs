//! Serving connections.
//!
//! Beside what axum's own `serve` does: the time for a request's head and the number of
//! connections are bounded, as is how long a client may leave unread what waits for it; and the
//! end is bounded too.

mod patience;

pub use patience::Patient;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};

use crate::shutdown::Shutdown;

/// How long a client may take for a request's head, and keep a connection without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of a request's head.
const HEAD_MAX: usize = 64 * 1024;

/// How long requests under way have once the end is told. With what follows it, the process
/// ends within ten seconds.
const GRACE: Duration = Duration::from_secs(6);

/// Serves until the shutdown: then no connection is accepted any more, and requests under
/// way are finished, for as long as the grace lasts. Further clients than `connections` wait
/// to be accepted. `sessions` completes when those who have left HTTP have ended too.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: usize,
    mut shutdown: Shutdown,
    sessions: impl Future,
) {
    raise_open_files(connections);
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX);
    // Closed when the last connection has dropped its copy.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            () = shutdown.wait() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: some will be free again.
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http
            .serve_connection(TokioIo::new(Patient::new(stream)), service)
            .with_upgrades();
        let (open, mut shutdown) = (open.clone(), shutdown.clone());
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // A client that breaks off or sends nonsense is none of our errors.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = shutdown.wait() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop((place, open));
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
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Patches are small and are to leave at once.
                stream.set_nodelay(true)?;
                return Ok((stream, place));
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
