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
    /// Since when changes are followed, by the browser's clock.
    since: RwSignal<f64>,
}

impl Default for LiveStatus {
    fn default() -> Self {
        Self {
            link: RwSignal::new(Link::default()),
            delay: RwSignal::new(None),
            ahead: RwSignal::new(None),
            since: RwSignal::new(0.0),
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

    /// By how many milliseconds the database's clock is ahead of the browser's, as far as that
    /// is known.
    pub fn ahead(self) -> Option<f64> {
        self.ahead.get_untracked()
    }

    /// Changes are followed from now on, `browser` by our clock. What was known of the
    /// database's is forgotten: the connection may be to another server, after a sleep, with
    /// either clock set anew.
    pub fn follows(&self, browser: f64) {
        self.ahead.set(None);
        self.since.set(browser);
        self.link.set(Link::Live);
    }

    /// A change logged at `changed` by the database's clock arrives at `browser` by ours.
    ///
    /// One from before the connection was there waited for that, which says nothing about
    /// how fast changes are.
    pub fn arrived(&self, changed: f64, browser: f64) {
        if let Some(ahead) = self.ahead.get_untracked()
            && changed - ahead >= self.since.get_untracked()
        {
            self.delay.set(Some((browser + ahead - changed).max(0.0)));
        }
    }
}
