//! The identities that are remembered.
//!
//! What is remembered is used only while news of the database is heard (see
//! [`follow`](super::follow)), and while it is not being read again. So nobody is let in by what
//! held before a change was told; and whoever is connected is told by their [`Standing`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rowcast_protocol::ApiError;
use sqlx::PgPool;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    identity::{AccountId, Identity},
    look_up::{Found, look_up, public_rights, touch},
    password::Hashing,
    secret::Digest,
    standing::Standing,
};
use crate::{
    database::impersonation::DatabaseRoles,
    error::{read_error, sqlstate},
    permission::Rights,
};

/// How often what is used is written down and read again, changed or not.
const ROUND: Duration = Duration::from_secs(60);

/// After what time a read that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How many are remembered that nobody is connected by.
const ROOM: usize = 50_000;

/// How often a look-up is repeated that changes came in the way of.
const ATTEMPTS: u32 = 10;

/// The accounts of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    is_required: bool,
    database: DatabaseRoles,
    hashing: Hashing,
    known: Mutex<Known>,
    /// Something is to be done earlier than was known.
    news: Notify,
    /// One reads again at a time, so that what was read last is remembered.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// Whether changes are heard of.
    is_told: bool,
    /// Counts the changes: what was asked before one may be older than it.
    changes: u64,
    round: Option<Instant>,
    /// When what could not be read is to be read again.
    again: Option<Instant>,
    entries: HashMap<Digest, Entry>,
    /// Those who have not signed in, if what is remembered of them may be used.
    is_public_known: bool,
    public: watch::Sender<Option<Arc<Identity>>>,
}

#[derive(Debug)]
struct Entry {
    account: Option<AccountId>,
    until: Instant,
    /// Whether it was used in this round.
    is_used: bool,
    /// Whether it may have changed.
    is_stale: bool,
    told: watch::Sender<Option<Arc<Identity>>>,
}

impl Entry {
    fn is_held(&self) -> bool {
        self.told.receiver_count() > 0
    }
}

impl Accounts {
    /// Those of the database of `pool`; `is_required`: whether anybody has to sign in.
    pub fn new(pool: PgPool, is_required: bool) -> Self {
        Self::with_roles(pool, is_required, DatabaseRoles::Off)
    }

    /// The same, where the database is asked for their rows under roles of theirs.
    pub fn with_roles(pool: PgPool, is_required: bool, database: DatabaseRoles) -> Self {
        Self(Arc::new(Shared {
            pool,
            is_required,
            database,
            hashing: Hashing::default(),
            known: Mutex::default(),
            news: Notify::new(),
            reading: tokio::sync::Mutex::default(),
        }))
    }

    /// Whether anybody has to sign in.
    pub fn is_required(&self) -> bool {
        self.0.is_required
    }

    /// Those who have not signed in: they may do what the role `public` may.
    ///
    /// # Errors
    /// `database_unavailable`, `too_slow`.
    pub async fn nobody(&self) -> Result<Standing, ApiError> {
        for attempt in 1.. {
            let changes = {
                let known = self.known();
                if let Some(standing) = known.public_standing() {
                    return Ok(standing);
                }
                known.changes
            };
            let rights = public_rights(&self.0.pool)
                .await
                .map_err(|error| read_error(&error, ""))?;
            let mut known = self.known();
            if known.changes == changes || attempt == ATTEMPTS {
                let is_current = known.changes == changes;
                return Ok(known.remember_public(self.public(rights), is_current));
            }
        }
        Ok(Standing::fixed(Arc::new(self.public(Rights::None))))
    }

    fn public(&self, rights: Rights) -> Identity {
        let nobody = Identity::nobody(rights);
        let database = self.0.database.of_public(&nobody.roles);
        nobody.asking_as(database)
    }

    /// As whom the database is asked for rows.
    pub fn database(&self) -> &DatabaseRoles {
        &self.0.database
    }

    /// Connections for what is kept of accounts.
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// What hashes passwords.
    pub fn hashing(&self) -> &Hashing {
        &self.0.hashing
    }

    /// Whether that can be told without asking the database.
    pub fn knows(&self, digest: &Digest) -> bool {
        self.known().standing(digest).is_some()
    }

    /// Whose session or token this is; `None` if it holds no more, or never did.
    ///
    /// # Errors
    /// `database_unavailable`, `too_slow`.
    pub async fn identify(&self, digest: Digest) -> Result<Option<Standing>, ApiError> {
        for attempt in 1.. {
            let changes = {
                let mut known = self.known();
                if let Some(standing) = known.standing(&digest) {
                    return Ok(Some(standing));
                }
                known.changes
            };
            let found = look_up(&self.0.pool, &self.0.database, &[digest])
                .await
                .map_err(|error| read_error(&error, ""))?;
            let mut known = self.known();
            // What was read may be older than a change that has been told since.
            if known.changes != changes && attempt < ATTEMPTS {
                continue;
            }
            let is_current = known.changes == changes;
            let Some(found) = found.into_iter().next() else {
                known.end(&digest);
                return Ok(None);
            };
            let standing = known.remember(found, is_current);
            drop(known);
            self.0.news.notify_one();
            return Ok(Some(standing));
        }
        Ok(None)
    }

    /// Something of this account has changed; of all of them, without one. Once this has
    /// returned, nobody is let in here by what was before, and those who are connected by what
    /// holds no more have been told.
    pub async fn changed(&self, account: Option<AccountId>) {
        let is_about = |entry: &Entry| account.is_none() || entry.account == account;
        self.known().doubt(is_about);
        self.read_again().await;
    }

    /// When [`Accounts::keep_up`] is due; `None`: not before somebody comes.
    pub(super) fn due(&self) -> Option<Instant> {
        let known = self.known();
        let ends = known.entries.values().filter(|entry| entry.is_held());
        let ends = ends.map(|entry| entry.until).min();
        let round = known.round.filter(|_| !known.entries.is_empty());
        [ends, round, known.again].into_iter().flatten().min()
    }

    /// Waits for somebody to come.
    pub(super) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Ends what has expired, reads again what could not be read, and once a minute writes down
    /// who was here and reads all of it again.
    pub(super) async fn keep_up(&self) {
        let now = Instant::now();
        let used = {
            let mut known = self.known();
            known.doubt(|entry| entry.until <= now);
            known.begin_round(now)
        };
        if let Some(used) = used {
            self.seen(&used).await;
            self.known().doubt(|_| true);
        }
        self.read_again().await;
    }

    /// Writes down who was here since that was done last, before it would be.
    pub async fn write_down(&self) {
        let used = self.known().take_used();
        self.seen(&used).await;
    }

    async fn seen(&self, used: &[Digest]) {
        if let Err(error) = touch(&self.0.pool, used).await {
            tracing::debug!(
                reason = sqlstate(&error),
                "who was here was not written down"
            );
        }
    }

    /// Changes are heard of from now on, or not any more.
    pub(super) async fn set_told(&self, is_told: bool) {
        {
            let mut known = self.known();
            known.is_told = is_told;
            if is_told {
                known.doubt(|_| true);
            }
        }
        if is_told {
            self.read_again().await;
        }
    }

    /// Reads what may have changed.
    async fn read_again(&self) {
        let _reading = self.0.reading.lock().await;
        let is_public_held = self.known().public.receiver_count() > 0;
        let has_failed = is_public_held && self.nobody().await.is_err();
        let again = || has_failed.then(|| Instant::now() + AGAIN);
        let (changes, stale) = {
            let known = self.known();
            (known.changes, known.stale())
        };
        if stale.is_empty() {
            self.known().again = again();
            return;
        }
        let read = look_up(&self.0.pool, &self.0.database, &stale).await;
        let mut known = self.known();
        let Ok(found) = read else {
            known.again = Some(Instant::now() + AGAIN);
            // What has come to its end meanwhile has, whatever the database would say.
            known.end_expired(Instant::now());
            return;
        };
        let mut found: HashMap<Digest, Found> = found
            .into_iter()
            .map(|found| (found.digest, found))
            .collect();
        let is_current = known.changes == changes;
        for digest in stale {
            match found.remove(&digest) {
                Some(found) => drop(known.remember(found, is_current)),
                None => known.end(&digest),
            }
        }
        // Whoever told of the other change reads it.
        known.again = again();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Somebody's, if what is remembered of them may be used.
    fn standing(&mut self, digest: &Digest) -> Option<Standing> {
        if !self.is_told {
            return None;
        }
        let entry = self.entries.get_mut(digest)?;
        if entry.is_stale || entry.until <= Instant::now() {
            return None;
        }
        entry.is_used = true;
        let told = entry.told.subscribe();
        let identity = told.borrow().clone()?;
        Some(Standing::new(identity, told))
    }

    fn remember(&mut self, found: Found, is_current: bool) -> Standing {
        let Found {
            digest,
            identity,
            left,
        } = found;
        let until = Instant::now() + left;
        if self.entries.len() >= ROOM && !self.entries.contains_key(&digest) {
            self.entries.retain(|_, entry| entry.is_held());
        }
        if self.entries.is_empty() {
            self.round = Some(Instant::now() + ROUND);
        }
        let account = identity.account;
        let identity = Arc::new(identity);
        let entry = self.entries.entry(digest).or_insert_with(|| Entry {
            account,
            until,
            is_used: true,
            is_stale: false,
            told: watch::Sender::new(Some(Arc::clone(&identity))),
        });
        (entry.account, entry.until, entry.is_stale) = (account, until, !is_current);
        if !is_current {
            self.again.get_or_insert_with(Instant::now);
        }
        entry.told.send_if_modified(|now| {
            let is_other = now.as_ref() != Some(&identity);
            if is_other {
                *now = Some(Arc::clone(&identity));
            }
            is_other
        });
        Standing::new(identity, entry.told.subscribe())
    }

    /// Theirs who have not signed in, if what is remembered may be used.
    fn public_standing(&self) -> Option<Standing> {
        if !self.is_told || !self.is_public_known {
            return None;
        }
        let told = self.public.subscribe();
        let identity = told.borrow().clone()?;
        Some(Standing::new(identity, told))
    }

    fn remember_public(&mut self, identity: Identity, is_current: bool) -> Standing {
        let identity = Arc::new(identity);
        self.is_public_known = is_current;
        if !is_current {
            self.again.get_or_insert_with(Instant::now);
        }
        self.public.send_if_modified(|now| {
            let is_other = now.as_ref() != Some(&identity);
            if is_other {
                *now = Some(Arc::clone(&identity));
            }
            is_other
        });
        Standing::new(identity, self.public.subscribe())
    }

    /// What is remembered of these may not hold any more.
    fn doubt(&mut self, which: impl Fn(&Entry) -> bool) {
        self.changes += 1;
        self.is_public_known = false;
        self.entries.retain(|_, entry| {
            let is_meant = which(entry);
            entry.is_stale |= is_meant;
            !is_meant || entry.is_held()
        });
    }

    fn stale(&self) -> Vec<Digest> {
        let stale = self.entries.iter().filter(|(_, entry)| entry.is_stale);
        stale.map(|(digest, _)| *digest).collect()
    }

    fn end(&mut self, digest: &Digest) {
        if let Some(entry) = self.entries.remove(digest) {
            entry.told.send_replace(None);
        }
    }

    fn end_expired(&mut self, now: Instant) {
        let expired = self.entries.iter().filter(|(_, entry)| entry.until <= now);
        let expired: Vec<Digest> = expired.map(|(digest, _)| *digest).collect();
        for digest in &expired {
            self.end(digest);
        }
    }

    /// Where a round is over, who was here in it.
    fn begin_round(&mut self, now: Instant) -> Option<Vec<Digest>> {
        if self.round.is_none_or(|round| now < round) {
            return None;
        }
        self.round = Some(now + ROUND);
        Some(self.take_used())
    }

    fn take_used(&mut self) -> Vec<Digest> {
        let mut used = Vec::new();
        for (digest, entry) in &mut self.entries {
            if std::mem::take(&mut entry.is_used) || entry.is_held() {
                used.push(*digest);
            }
        }
        used
    }
}
