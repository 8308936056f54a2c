//! What the servers of one database tell each other of who has asked much, so that asking several
//! of them gives nobody more than asking one.
//!
//! Only of whoever has used up more than half of what may come at once, twice a second at the most:
//! nobody who asks as people do is ever told of. A notification of the database carries it, sealed with
//! a secret of the database's, for everybody who can connect there may hear and send notifications.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use ring::{aead, hkdf};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use super::{Kind, Limits, Subject};
use crate::error::sqlstate;

/// What the notifications are called.
pub const CHANNEL: &str = "rowcast_limits";

/// How long it is gathered what is told at once.
const GATHERED: Duration = Duration::from_millis(500);

/// How long the database has to take it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of how many it is told at once, those who asked most first: a notification has 8,000 bytes at
/// the most.
const TOLD: usize = 200;

/// Of how many it is remembered until it is told.
const GATHERING: usize = 4_096;

/// By how many seconds the time of a message may differ from ours, for that it was on its way and
/// for clocks that are not set alike. What somebody has recorded counts no longer afterwards.
const DIFFERENCE: u64 = 30;

/// How many servers are remembered, so that nothing of theirs is counted twice.
const SERVERS: usize = 256;

/// What the secret is used for here.
const PURPOSE: &[u8] = b"rowcast limits 1";

/// What somebody asked of one server since it last told.
type Asked = (Subject, Kind, u32);

/// What is told at once.
#[derive(Serialize, Deserialize)]
struct Message {
    /// Which server tells, by a number of chance.
    server: u64,
    /// Which of its messages it is: each has a higher one than those before.
    number: u64,
    /// When it was sealed, in seconds since 1970.
    at: u64,
    asked: Vec<Asked>,
}

/// What is to be told, and what was heard.
pub struct Across {
    key: aead::LessSafeKey,
    server: u64,
    number: AtomicU64,
    asked: Mutex<HashMap<(Subject, Kind), u32>>,
    news: Notify,
    /// The number of the last message of each server.
    heard: Mutex<HashMap<u64, u64>>,
}

impl fmt::Debug for Across {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Across").finish_non_exhaustive()
    }
}

impl Across {
    /// What is sealed with this secret. `None` if there is no chance to be had from the system.
    pub fn new(secret: &[u8]) -> Option<Self> {
        let mut server = [0; 8];
        getrandom::fill(&mut server).ok()?;
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
        let derived = salt.extract(secret);
        let derived = derived.expand(&[PURPOSE], &aead::CHACHA20_POLY1305).ok()?;
        Some(Self {
            key: aead::LessSafeKey::new(aead::UnboundKey::from(derived)),
            server: u64::from_le_bytes(server),
            number: AtomicU64::new(0),
            asked: Mutex::default(),
            news: Notify::new(),
            heard: Mutex::default(),
        })
    }

    /// That somebody asked once, who has asked much.
    pub fn note(&self, subject: Subject, kind: Kind) {
        let mut asked = lock(&self.asked);
        let is_first = asked.is_empty();
        if asked.len() < GATHERING || asked.contains_key(&(subject, kind)) {
            *asked.entry((subject, kind)).or_default() += 1;
        }
        drop(asked);
        if is_first {
            self.news.notify_one();
        }
    }

    /// The next message; `None` if there is nothing to tell.
    fn next(&self) -> Option<String> {
        self.next_at(now())
    }

    fn next_at(&self, at: u64) -> Option<String> {
        let mut asked = lock(&self.asked);
        let mut most: Vec<Asked> = asked.iter().map(|(&(s, k), &n)| (s, k, n)).collect();
        most.sort_unstable_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        most.truncate(TOLD);
        for (subject, kind, _) in &most {
            asked.remove(&(*subject, *kind));
        }
        drop(asked);
        (!most.is_empty()).then(|| self.seal(most, at)).flatten()
    }

    fn seal(&self, asked: Vec<Asked>, at: u64) -> Option<String> {
        let message = Message {
            server: self.server,
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
            at,
            asked,
        };
        let mut sealed = postcard::to_allocvec(&message).ok()?;
        let mut nonce = [0; aead::NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let unique = aead::Nonce::assume_unique_for_key(nonce);
        let empty = aead::Aad::empty();
        self.key
            .seal_in_place_append_tag(unique, empty, &mut sealed)
            .ok()?;
        Some(STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// What another server tells; nothing if it is no server's word, our own, of
    /// another time, or was heard before.
    pub fn heard(&self, text: &str) -> Vec<Asked> {
        self.open(text).unwrap_or_default()
    }

    fn open(&self, text: &str) -> Option<Vec<Asked>> {
        let mut bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<{ aead::NONCE_LEN }>()?;
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, aead::Aad::empty(), sealed);
        let message: Message = postcard::from_bytes(opened.ok()?).ok()?;
        if message.server == self.server || message.at.abs_diff(now()) > DIFFERENCE {
            return None;
        }
        let mut heard = lock(&self.heard);
        // Servers that are gone are forgotten with all others, now and then.
        if heard.len() >= SERVERS && !heard.contains_key(&message.server) {
            heard.clear();
        }
        let last = heard.entry(message.server).or_default();
        let is_new = message.number > *last;
        *last = message.number.max(*last);
        is_new.then_some(message.asked)
    }
}

/// Tells the other servers, until `stop` says so.
pub async fn run(limits: Limits, pool: PgPool, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = tell(&limits, &pool) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn tell(limits: &Limits, pool: &PgPool) {
    let Some(across) = limits.across() else {
        return;
    };
    loop {
        across.news.notified().await;
        loop {
            sleep(GATHERED).await;
            let Some(message) = across.next() else {
                break;
            };
            let told = sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(message)
                .execute(pool);
            // What is not told is not counted elsewhere, and that is all.
            match timeout(PATIENCE, told).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    let reason = sqlstate(&error);
                    tracing::debug!(reason, "what was asked here was not told to other servers");
                }
                Err(_) => {
                    tracing::debug!("what was asked here was not told to other servers in time");
                }
            }
        }
    }
}

/// The seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock that was never set.
    since.map_or(0, |since| since.as_secs())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::AccountId, limit::Rates};

    fn across(secret: u8) -> Across {
        Across::new(&[secret; 32]).expect("chance")
    }

    fn account(number: i64) -> Subject {
        Subject::Account(AccountId(number))
    }

    #[test]
    fn what_one_server_tells_others_hear_once_and_itself_never() {
        let (one, other) = (across(1), across(1));
        assert_eq!(one.next(), None);
        for _ in 0..3 {
            one.note(account(7), Kind::Write);
        }
        one.note(account(8), Kind::Read);
        let told = one.next().expect("a message");
        assert_eq!(one.next(), None);
        let all = vec![(account(7), Kind::Write, 3), (account(8), Kind::Read, 1)];
        assert_eq!(other.heard(&told), all);
        assert_eq!(other.heard(&told), []);
        assert_eq!(one.heard(&told), []);
    }

    #[test]
    fn only_what_a_server_of_the_database_has_sealed_is_heard() {
        let one = across(1);
        one.note(account(7), Kind::Write);
        let told = one.next().expect("a message");
        assert_eq!(across(2).heard(&told), []);
        assert_eq!(across(1).heard(""), []);
        assert_eq!(across(1).heard("what is this?"), []);
        for at in 0..told.len() {
            let mut changed = told.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("text");
            assert_eq!(across(1).heard(&changed), [], "{at}");
            assert_eq!(across(1).heard(&told[..at]), [], "{at}");
        }
    }

    #[test]
    fn what_was_recorded_is_not_heard_later() {
        let one = across(1);
        let told_at = |at| {
            one.note(account(7), Kind::Write);
            one.next_at(at).expect("a message")
        };
        // A minute, for the test may be slow: less would be as good.
        for at in [0, now() - 60, now() + 60] {
            assert_eq!(across(1).heard(&told_at(at)), [], "{at}");
        }
        let told = told_at(now() - 10);
        // By another server, and by one that has forgotten who was heard.
        for _ in 0..2 {
            let heard = across(1).heard(&told);
            assert_eq!(heard, [(account(7), Kind::Write, 1)]);
        }
    }

    #[test]
    fn a_message_fits_whoever_it_is_about_and_those_who_asked_most_come_first() {
        let (one, other) = (across(1), across(1));
        for number in 0..2 * GATHERING as i64 {
            one.note(account(i64::MAX - number), Kind::Message);
        }
        for _ in 0..1_000_000 {
            one.note(account(i64::MAX), Kind::Message);
        }
        let mut all = 0;
        while let Some(told) = one.next() {
            assert!(told.len() < 8_000, "{}", told.len());
            let heard = other.heard(&told);
            if all == 0 {
                assert_eq!(heard[0], (account(i64::MAX), Kind::Message, 1_000_001));
            }
            all += heard.len();
        }
        assert_eq!(all, GATHERING);
    }

    #[test]
    fn who_asks_two_servers_gets_little_more_than_of_one() {
        let servers = [1, 2].map(|_| Limits::new(Rates::default()).sharing(across(1)));
        let me = account(7);
        // All at once: each server lets in what it would alone, for it has heard nothing yet.
        let alone = 500;
        let taken = |limits: &Limits| {
            let takes = (0..alone).map(|_| limits.take(me, Kind::Write));
            takes.filter(Result::is_ok).count()
        };
        let first = taken(&servers[0]);
        assert!((alone - 1..=alone).contains(&first), "{first}");
        let told = servers[0].across().and_then(Across::next).expect("told");
        servers[1].heard(&told);
        // Half of that was not told, being what anybody may ask.
        let second = taken(&servers[1]);
        assert!((240..=400).contains(&second), "{second}");
        // Others are not concerned.
        assert_eq!(servers[1].take(account(8), Kind::Write), Ok(()));
        assert_eq!(servers[1].take(me, Kind::Read), Ok(()));
    }

    #[test]
    fn who_asks_little_is_not_told_of() {
        let limits = Limits::new(Rates::default()).sharing(across(1));
        for _ in 0..200 {
            assert_eq!(limits.take(account(7), Kind::Write), Ok(()));
        }
        assert_eq!(limits.across().and_then(Across::next), None);
    }
}
