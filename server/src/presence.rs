//! Who looks at which table, and at which of its cells.
//!
//! It is told by rows of `rowcast.presence`, one for each open page, that are live like any
//! table's: who shows it follows `table_path=eq.T&seen_at=gte.now-60s`, and a page that is gone
//! without a word ceases to match by itself. What pages say is gathered and written by one
//! statement, at most four times a second however many there are; what is lost is said again.

mod seen;
mod write;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rowcast_protocol::ApiError;
use sqlx::PgPool;
use tokio::sync::{Notify, watch};

pub use self::seen::{Said, Seen, Session};
use crate::{error::sqlstate, state::too_busy};

/// How long what pages say is gathered.
const GATHERED: Duration = Duration::from_millis(250);

/// After what time without a word a row is removed.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);

/// What pages have said. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Presence(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    said: Mutex<Gathered>,
    /// Something is to be written.
    news: Notify,
    /// How many pages may be there at once.
    places: usize,
}

#[derive(Debug, Default)]
struct Gathered {
    /// What is to be written of each page: that it is there, or that it has left.
    waiting: HashMap<Session, Option<Seen>>,
    /// When each page was last heard of.
    heard: HashMap<Session, Instant>,
}

impl Presence {
    /// For so many pages at once.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Shared {
            said: Mutex::default(),
            news: Notify::new(),
            places,
        }))
    }

    /// A page is there.
    ///
    /// # Errors
    /// `too_busy` if there are as many as there may be.
    pub fn show(&self, session: Session, seen: Seen) -> Result<(), ApiError> {
        let mut said = self.said();
        let now = Instant::now();
        if !said.heard.contains_key(&session) && said.heard.len() >= self.0.places {
            said.heard
                .retain(|_, heard| now.duration_since(*heard) < FORGOTTEN);
            if said.heard.len() >= self.0.places {
                return Err(too_busy().0);
            }
        }
        said.heard.insert(session.clone(), now);
        said.waiting.insert(session, Some(seen));
        self.0.news.notify_one();
        Ok(())
    }

    /// A page has left. One that is not known of here may have been there by another server.
    pub fn leave(&self, session: Session) {
        let mut said = self.said();
        said.heard.remove(&session);
        // Whoever makes names up takes no room but this.
        if said.waiting.contains_key(&session) || said.waiting.len() < 2 * self.0.places {
            said.waiting.insert(session, None);
            self.0.news.notify_one();
        }
    }

    fn take(&self) -> HashMap<Session, Option<Seen>> {
        std::mem::take(&mut self.said().waiting)
    }

    fn said(&self) -> MutexGuard<'_, Gathered> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what pages say, until `stop` says so.
pub async fn run(presence: Presence, pool: PgPool, mut stop: watch::Receiver<bool>) {
    // Rows of pages that went with a server are removed by the next one.
    let mut is_clean = false;
    loop {
        tokio::select! {
            () = presence.0.news.notified() => is_clean = false,
            () = tokio::time::sleep(FORGOTTEN), if !is_clean => is_clean = true,
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = write::batch(&pool, presence.take()).await {
            tracing::debug!(reason = sqlstate(&error), "presence was not written");
        }
        tokio::select! {
            () = tokio::time::sleep(GATHERED) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Identity;

    fn session(name: &str) -> Session {
        Session::new(name, &Identity::everyone()).expect("a session")
    }

    fn seen() -> Seen {
        Seen {
            table: "t".into(),
            name: "Ann".into(),
            key: None,
            column: None,
            editing: false,
        }
    }

    #[test]
    fn what_is_said_last_is_written_and_pages_are_bounded() {
        let presence = Presence::new(2);
        presence.show(session("a"), seen()).expect("room");
        presence.show(session("a"), seen()).expect("the same page");
        presence.show(session("b"), seen()).expect("room");
        assert!(presence.show(session("c"), seen()).is_err());
        presence.leave(session("a"));
        presence
            .show(session("c"), seen())
            .expect("a place is free");
        let taken = presence.take();
        assert_eq!(taken[&session("a")], None);
        assert!(taken[&session("b")].is_some() && taken[&session("c")].is_some());
        assert!(presence.take().is_empty());
    }
}
