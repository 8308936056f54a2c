//! How the page stands with the server.

use leptos::prelude::*;

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Link {
    /// Not there yet.
    #[default]
    Connecting,
    /// Changes arrive.
    Live,
    /// Lost; being tried again.
    Offline,
    /// The server is there, but does not reach its database: what is shown may be old.
    Stale,
}

impl Link {
    /// The state as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Offline => "offline",
            Self::Stale => "stale",
        }
    }
}

/// What is known of the connection, as signals: a context of the application.
#[derive(Clone, Copy)]
pub struct LiveStatus {
    /// Its state.
    pub link: RwSignal<Link>,
    /// How long the newest change took from the log to this page, in milliseconds.
    pub delay: RwSignal<Option<f64>>,
    /// By how many milliseconds the database's clock is ahead of the browser's, at least.
    ///
    /// Every message that tells the database's time is older when it arrives than when it
    /// was sent, so the largest difference seen is the nearest.
    ahead: RwSignal<Option<f64>>,
}

impl Default for LiveStatus {
    fn default() -> Self {
        Self {
            link: RwSignal::new(Link::default()),
            delay: RwSignal::new(None),
            ahead: RwSignal::new(None),
        }
    }
}

impl LiveStatus {
    /// The database's clock read `database` when the browser's reads `browser`, both in
    /// milliseconds since 1970.
    pub fn clock(&self, database: f64, browser: f64) {
        let ahead = database - browser;
        if self.ahead.get_untracked().is_none_or(|known| ahead > known) {
            self.ahead.set(Some(ahead));
        }
    }

    /// Forgets the clock: the next connection may be to another server, after a sleep, with
    /// either clock set anew.
    pub fn forget_clock(&self) {
        self.ahead.set(None);
    }

    /// A change logged at `changed` by the database's clock arrives at `browser` by ours.
    pub fn arrived(&self, changed: f64, browser: f64) {
        if let Some(ahead) = self.ahead.get_untracked() {
            self.delay.set(Some((browser + ahead - changed).max(0.0)));
        }
    }
}
