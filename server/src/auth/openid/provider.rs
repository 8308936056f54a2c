//! What is known of a provider, asked of it seldom.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{Address, OpenIdError, fetch::Fetch, keys::Keys, metadata::Metadata};

/// How long what it says of itself is believed without asking again.
const KEPT: Duration = Duration::from_secs(3600);

/// How soon it is asked for its keys again because of a token that names another.
const RENEWED: Duration = Duration::from_secs(30);

/// A provider. One asks it at a time, and those who wait have the same answer.
#[derive(Debug)]
pub struct Provider {
    issuer: Address,
    fetch: Fetch,
    metadata: Mutex<Held<Metadata>>,
    keys: Mutex<Held<Keys>>,
}

#[derive(Debug)]
struct Held<T> {
    found: Option<(Instant, Arc<T>)>,
    failed: Option<(Instant, OpenIdError)>,
    /// When it was asked for again before it was old.
    renewed: Option<Instant>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self {
            found: None,
            failed: None,
            renewed: None,
        }
    }
}

impl<T> Held<T> {
    /// What is there already for somebody who began to wait then.
    fn ready(&self, since: Instant) -> Option<Result<Arc<T>, OpenIdError>> {
        match (&self.found, &self.failed) {
            (Some((at, found)), _) if at.elapsed() < KEPT => Some(Ok(Arc::clone(found))),
            (_, Some((at, error))) if *at >= since => Some(Err(*error)),
            _ => None,
        }
    }

    fn keep(&mut self, read: Result<T, OpenIdError>) -> Result<Arc<T>, OpenIdError> {
        match read {
            Ok(found) => {
                let found = Arc::new(found);
                self.found = Some((Instant::now(), Arc::clone(&found)));
                Ok(found)
            }
            Err(error) => {
                self.failed = Some((Instant::now(), error));
                Err(error)
            }
        }
    }
}

impl Provider {
    /// The one of that name.
    pub fn new(issuer: Address, fetch: Fetch) -> Self {
        Self {
            issuer,
            fetch,
            metadata: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, OpenIdError> {
        let since = Instant::now();
        let mut held = self.metadata.lock().await;
        if let Some(ready) = held.ready(since) {
            return ready;
        }
        let read = async {
            let bytes = self.fetch.get(&self.issuer.discovery()).await?;
            Ok(Metadata::read(&bytes, &self.issuer)?)
        };
        let read = read.await;
        held.keep(read)
    }

    /// Its keys.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn keys(&self, metadata: &Metadata) -> Result<Arc<Keys>, OpenIdError> {
        let since = Instant::now();
        let mut held = self.keys.lock().await;
        match held.ready(since) {
            Some(ready) => ready,
            None => {
                let read = self.read_keys(metadata).await;
                held.keep(read)
            }
        }
    }

    /// Newer keys than these; `None` if it was asked for newer ones a moment ago.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn newer_keys(
        &self,
        metadata: &Metadata,
        than: &Arc<Keys>,
    ) -> Result<Option<Arc<Keys>>, OpenIdError> {
        let mut held = self.keys.lock().await;
        if let Some((_, found)) = &held.found
            && !Arc::ptr_eq(found, than)
        {
            return Ok(Some(Arc::clone(found)));
        }
        if held.renewed.is_some_and(|at| at.elapsed() < RENEWED) {
            return Ok(None);
        }
        held.renewed = Some(Instant::now());
        let read = self.read_keys(metadata).await;
        held.keep(read).map(Some)
    }

    async fn read_keys(&self, metadata: &Metadata) -> Result<Keys, OpenIdError> {
        let bytes = self.fetch.get(&metadata.keys).await?;
        Keys::read(&bytes).ok_or(OpenIdError::Keys)
    }
}
