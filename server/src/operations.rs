//! What the servers of a database are at: rows that each writes about itself, which administrators
//! read as any table.
//!
//! They are written at the start, every few seconds as long as somebody follows them on any server, and
//! else once a minute. Who follows them is known here by the live queries, and elsewhere by the rows
//! themselves, which say when they were last followed where they were written.

mod sample;
mod store;

use std::{net::SocketAddr, time::Duration};

use sqlx::PgPool;
use tokio::{sync::oneshot, time::Instant};

pub use self::sample::Parts;
use self::sample::Sampler;
use crate::error::sqlstate;

/// How often rows are written while somebody follows them, and how often it is looked who does.
pub const OFTEN: Duration = Duration::from_secs(5);

/// How often they are written while nobody does.
pub const SELDOM: Duration = Duration::from_secs(60);

/// How long after its last word a server is silent, where all write often.
pub const SILENT: Duration = Duration::from_secs(20);

/// How long it takes at most until all servers write often.
const HEARD: Duration = Duration::from_secs(3 * OFTEN.as_secs());

/// The shortest time between two writings, however often somebody begins to follow them.
const APART: Duration = Duration::from_secs(1);

/// How many lists are told at most.
const MOST: usize = 20;

/// Writes what the server is at, until `ended` says so or is dropped; then its rows are gone.
pub async fn run(
    parts: Parts,
    pool: PgPool,
    address: SocketAddr,
    mut ended: oneshot::Receiver<()>,
) {
    let mut looking = parts.live.figures().looking.subscribe();
    let mut told = Told::default();
    let mut followed = Followed::default();
    let mut sampler = Sampler::new(parts, name(address));
    let mut number = None;
    loop {
        let is_followed_here = *looking.borrow_and_update() > 0;
        let is_draining = sampler.is_draining();
        let writing = async {
            let is_followed = is_followed_here || store::is_followed(&pool).await?;
            if let Some(silent) = followed.silent_after(Instant::now(), is_followed) {
                store::mark_silent(&pool, number, silent).await?;
            }
            if !told.is_due(Instant::now(), is_followed_here, is_followed, is_draining) {
                return Ok(false);
            }
            let (figures, queries) = sampler.take(is_followed_here).await;
            let own = store::tell(&pool, number, &figures, &queries).await?;
            if number.replace(own).is_none() {
                store::replace(&pool, own).await?;
            }
            Ok::<_, sqlx::Error>(true)
        };
        // Not broken off by the end: what was written then would stay behind.
        match writing.await {
            Ok(true) => told.told(Instant::now(), is_followed_here, is_draining),
            Ok(false) => {}
            Err(error) => {
                let reason = sqlstate(&error);
                tracing::debug!(reason, "what the server is at was not written");
            }
        }
        tokio::select! {
            () = next(&mut looking, is_followed_here) => {}
            _ = &mut ended => break,
        }
    }
    if let Some(number) = number
        && let Err(error) = store::leave(&pool, number).await
    {
        let reason = sqlstate(&error);
        tracing::debug!(reason, "what the server was at was not removed");
    }
}

/// Waits until it is to be looked again: after a while, or when somebody begins to follow the rows
/// here.
async fn next(looking: &mut tokio::sync::watch::Receiver<usize>, is_followed: bool) {
    let begins = async {
        if is_followed || looking.wait_for(|windows| *windows > 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = tokio::time::sleep(OFTEN) => {}
        () = begins => {}
    }
}

/// What was told last.
#[derive(Debug, Default)]
struct Told {
    /// When; `None`: nothing was.
    at: Option<Instant>,
    was_followed_here: bool,
    was_draining: bool,
}

impl Told {
    fn told(&mut self, at: Instant, is_followed_here: bool, is_draining: bool) {
        *self = Self {
            at: Some(at),
            was_followed_here: is_followed_here,
            was_draining: is_draining,
        };
    }

    fn is_due(
        &self,
        now: Instant,
        is_followed_here: bool,
        is_followed: bool,
        is_draining: bool,
    ) -> bool {
        let Some(at) = self.at else {
            return true;
        };
        let passed = now.duration_since(at);
        let begins = is_followed_here && !self.was_followed_here;
        let is_news = (begins && passed >= APART) || is_draining != self.was_draining;
        is_news || passed >= if is_followed { OFTEN } else { SELDOM }
    }
}

/// Since when somebody follows the rows, on whichever server.
#[derive(Debug, Default)]
struct Followed(Option<Instant>);

impl Followed {
    /// How long after its last word a server is silent, where anybody sees that; `None` where nobody does.
    fn silent_after(&mut self, now: Instant, is_followed: bool) -> Option<Duration> {
        if !is_followed {
            self.0 = None;
            return None;
        }
        let since = *self.0.get_or_insert(now);
        Some(match now.duration_since(since) >= HEARD {
            true => SILENT,
            // It may not know yet that somebody looks.
            false => SELDOM + SILENT,
        })
    }
}

/// What a server is called: by its machine, where that has a name, and its port.
fn name(address: SocketAddr) -> String {
    let system = rustix::system::uname();
    match system.nodename().to_string_lossy().trim() {
        "" | "(none)" => address.to_string(),
        host => format!("{host}:{}", address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_often_only_while_somebody_looks() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut told = Told::default();
        assert!(told.is_due(start, false, false, false));
        told.told(start, false, false);
        let told = told;
        let is_due = |seconds, here, anywhere| told.is_due(after(seconds), here, anywhere, false);
        assert!(!is_due(5, false, false) && !is_due(59, false, false));
        assert!(is_due(60, false, false));
        assert!(!is_due(4, false, true) && is_due(5, false, true));
        // Whoever begins to look here does not wait, but is no way to have it told without end.
        assert!(is_due(1, true, true) && !is_due(0, true, true));
        let mut told = told;
        told.told(after(10), true, false);
        assert!(!told.is_due(after(12), true, true, false));
        assert!(told.is_due(after(15), true, true, false));
        // That it sends its clients elsewhere is told whoever looks, once.
        assert!(told.is_due(after(11), false, false, true));
        told.told(after(11), false, true);
        assert!(!told.is_due(after(16), false, false, true));
    }

    #[test]
    fn nobody_is_silent_before_they_could_know_that_somebody_looks() {
        let start = Instant::now();
        let mut followed = Followed::default();
        let mut silent_after = |seconds, is_followed| {
            followed.silent_after(start + Duration::from_secs(seconds), is_followed)
        };
        let patient = Some(SELDOM + SILENT);
        assert_eq!(silent_after(0, false), None);
        assert_eq!(silent_after(5, true), patient);
        assert_eq!(silent_after(19, true), patient);
        assert_eq!(silent_after(20, true), Some(SILENT));
        // They are not heard of as often once nobody looks.
        assert_eq!(silent_after(25, false), None);
        assert_eq!(silent_after(30, true), patient);
    }
}
