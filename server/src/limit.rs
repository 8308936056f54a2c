//! How often somebody may ask, and how much they may have under way.
//!
//! Who has signed in is counted by the account, whatever address they come from; who has not, by
//! the address. So nobody at an address, and no number of strangers, takes anything from what an
//! account may. Where nobody has to sign in nothing is counted: only this machine reaches the
//! server then.
//!
//! What is kept of whoever comes is of a fixed size, see [`table`]. Several servers count as one, see
//! [`across`].

pub mod across;
mod guard;
mod rates;
mod room;
mod share;
mod table;
mod turns;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::{
    across::Across,
    table::{BURST, Table},
};
pub use self::{
    guard::{guard, refused, too_many},
    rates::Rates,
    room::{Place, Room},
    share::{Share, Shares},
    turns::{Turn, Turns},
};
use crate::auth::{AccountId, Identity};

/// For how many accounts it is known how much they have asked lately.
const ACCOUNTS: usize = 16_384;

/// For how many networks.
const NETWORKS: usize = 65_536;

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A request that changes nothing.
    Read,
    /// One that may.
    Write,
    /// A live connection that is opened.
    Open,
    /// A message over one.
    Message,
}

/// By whom it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// An account.
    Account(AccountId),
    /// Somebody who has not signed in.
    Network(Network),
}

/// What is one client's as far as addresses tell: of IPv6, whoever has one has 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Network {
    /// An address of IPv4.
    V4([u8; 4]),
    /// The first half of one of IPv6.
    V6([u8; 8]),
}

/// It was too much: for so long there is no point in asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent(pub Duration);

/// What is counted. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Limits(Option<Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    rates: Rates,
    begun: Instant,
    accounts: Table,
    networks: Table,
    /// For looking up whom somebody claims to be, of networks that have asked too much.
    doubtful: Semaphore,
    refused: AtomicU64,
    /// What other servers count too.
    across: Option<Across>,
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl Subject {
    /// Whoever makes a request from this address.
    pub fn of(identity: &Identity, address: IpAddr) -> Self {
        match identity.account {
            Some(account) => Self::Account(account),
            None => Self::Network(address.into()),
        }
    }
}

impl Limits {
    /// Counts by these rates.
    pub fn new(rates: Rates) -> Self {
        Self(Some(Arc::new(Counted {
            rates,
            begun: Instant::now(),
            accounts: Table::new(ACCOUNTS),
            networks: Table::new(NETWORKS),
            doubtful: Semaphore::new(1),
            refused: AtomicU64::new(0),
            across: None,
        })))
    }

    /// The same, counted together with other servers.
    #[must_use]
    pub fn sharing(self, across: Across) -> Self {
        let counted = self.0.and_then(Arc::into_inner);
        Self(counted.map(|counted| {
            Arc::new(Counted {
                across: Some(across),
                ..counted
            })
        }))
    }

    /// What other servers are told.
    fn across(&self) -> Option<&Across> {
        self.0.as_ref()?.across.as_ref()
    }

    /// Counts what another server has told.
    pub fn heard(&self, text: &str) {
        let Some(counted) = &self.0 else {
            return;
        };
        let told = counted.across.iter().flat_map(|across| across.heard(text));
        for (subject, kind, times) in told {
            if let Some(period) = counted.rates.period(kind) {
                let now = counted.begun.elapsed();
                let table = counted.table(subject);
                table.add(subject, kind, now, period.saturating_mul(times));
            }
        }
    }

    /// Whether anything is counted.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Counts one more.
    ///
    /// # Errors
    /// If it is one too many, which is not counted.
    pub fn take(&self, subject: Subject, kind: Kind) -> Result<(), Spent> {
        self.reserve(subject, kind, Duration::ZERO).map(drop)
    }

    /// Counts one more that may happen after the time that is returned, at most `patience`.
    ///
    /// # Errors
    /// If it would have to wait for longer: then it is not counted.
    pub fn reserve(
        &self,
        subject: Subject,
        kind: Kind,
        patience: Duration,
    ) -> Result<Duration, Spent> {
        let Some(counted) = &self.0 else {
            return Ok(Duration::ZERO);
        };
        let Some(period) = counted.rates.period(kind) else {
            return Ok(Duration::ZERO);
        };
        let (table, now) = (counted.table(subject), counted.begun.elapsed());
        let reserved = table.reserve(subject, kind, now, period, patience);
        match (&reserved, &counted.across) {
            (Err(_), _) => drop(counted.refused.fetch_add(1, Ordering::Relaxed)),
            (Ok(used), Some(across)) if *used > BURST / 2 => across.note(subject, kind),
            (Ok(_), _) => {}
        }
        reserved.map(|used| used.saturating_sub(BURST))
    }

    /// Whether nothing is left for somebody.
    fn is_spent(&self, subject: Subject, kind: Kind) -> bool {
        let Some(counted) = &self.0 else {
            return false;
        };
        let period = counted.rates.period(kind);
        let now = counted.begun.elapsed();
        period.is_some_and(|period| counted.table(subject).is_spent(subject, kind, now, period))
    }

    /// A turn for looking up whom somebody at this address claims to be. One address that tries
    /// very much has all those turns one after another, and leaves the database to the others;
    /// nobody is refused, for it may be an account's own session.
    pub async fn turn(&self, address: IpAddr) -> Option<SemaphorePermit<'_>> {
        let counted = self.0.as_ref()?;
        let network = Subject::Network(address.into());
        match self.is_spent(network, Kind::Read) {
            true => counted.doubtful.acquire().await.ok(),
            false => None,
        }
    }

    /// How much was refused.
    pub fn refused(&self) -> u64 {
        let counted = self.0.as_ref();
        counted.map_or(0, |counted| counted.refused.load(Ordering::Relaxed))
    }
}

impl Counted {
    fn table(&self, subject: Subject) -> &Table {
        match subject {
            Subject::Account(_) => &self.accounts,
            Subject::Network(_) => &self.networks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn networks_are_what_one_client_has() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    }

    #[test]
    fn what_an_account_may_is_not_touched_by_its_address_nor_by_other_accounts() {
        let limits = Limits::new(Rates::default());
        let (ann, bob) = (
            Subject::Account(AccountId(1)),
            Subject::Account(AccountId(2)),
        );
        let home = Subject::Network(network("10.0.0.1"));
        while limits.take(home, Kind::Write).is_ok() {}
        while limits.take(bob, Kind::Write).is_ok() {}
        assert!(limits.take(ann, Kind::Write).is_ok());
        // Nor is what is of another kind.
        assert!(limits.take(bob, Kind::Read).is_ok());
        assert!(limits.refused() >= 2);
    }

    #[test]
    fn where_nothing_is_counted_all_may() {
        let limits = Limits::default();
        let home = Subject::Network(network("10.0.0.1"));
        for _ in 0..100_000 {
            assert_eq!(limits.take(home, Kind::Open), Ok(()));
        }
    }
}
