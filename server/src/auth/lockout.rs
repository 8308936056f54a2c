//! Slowing down who guesses passwords, without locking out who knows theirs.
//!
//! An attempt is counted before its password is looked at, by each of its *subjects*. Once one of
//! them has failed as often as it may, the next attempt has to wait, longer after each. Who has
//! to wait is not let in even with the right password, and that is not counted.
//!
//! A browser that has signed in to the account before is counted by itself alone, and so is
//! untouched by what strangers do from wherever: by address and account, by address, and over all
//! addresses by account. That last one grows to little: an account is never closed, not even to
//! its owner's new browser.

use std::{net::IpAddr, time::Duration};

use sqlx::{PgPool, Row};

use super::secret::Digest;

/// After what time failures are forgotten, in seconds.
const FORGOTTEN: f64 = 86_400.0;

/// How many failures from one address cost nothing.
const FROM_FREE: i32 = 20;

/// By what failures are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    key: Digest,
    /// How many failures cost nothing.
    free: i32,
    /// The longest wait.
    longest: Duration,
    /// Whether success makes what failed before forgotten.
    is_cleared: bool,
}

/// An attempt that may be made, and that counts as failed until it is known to have succeeded.
#[derive(Debug)]
pub struct Attempt(Vec<Subject>);

/// Too much failed: for how long there is no point in trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slowed(pub Duration);

/// What an attempt to sign in as `name` is counted by. `device` is the browser, if it has signed
/// in to that account before.
pub fn subjects(name: &str, address: IpAddr, device: Option<Digest>) -> Vec<Subject> {
    let name = name.to_lowercase();
    let subject = |kind: &str, of: &[u8], free, longest, is_cleared| Subject {
        key: Digest::of(&[kind.as_bytes(), b"\0", of].concat()),
        free,
        longest: Duration::from_secs(longest),
        is_cleared,
    };
    if let Some(device) = device {
        return vec![subject("device", device.bytes(), 5, 900, true)];
    }
    let network = network(address);
    let both = [network.as_slice(), name.as_bytes()].concat();
    vec![
        subject("name from", &both, 5, 900, true),
        subject("from", &network, FROM_FREE, 300, false),
        subject("name", name.as_bytes(), 10, 20, false),
    ]
}

/// What an answer of a provider is counted by: with wrong passwords, by the address alone. Whose
/// account it is about is known only once it has been believed.
pub fn subjects_of_answer(address: IpAddr) -> Vec<Subject> {
    let mut subjects = subjects("", address, None);
    subjects.retain(|subject| subject.free == FROM_FREE);
    subjects
}

/// What is one client's as far as addresses tell: of IPv6, whoever has one has 2^64.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

/// How much longer a subject has to wait that has failed so often, the last time `since` seconds
/// ago. Each failure beyond the free ones doubles the time.
fn wait(subject: &Subject, failures: i32, since: f64) -> Duration {
    let beyond = failures - subject.free;
    if beyond < 0 || since >= FORGOTTEN {
        return Duration::ZERO;
    }
    let whole = Duration::from_secs(1 << beyond.min(20)).min(subject.longest);
    // A clock that went back makes nobody wait for longer.
    whole.saturating_sub(Duration::from_secs_f64(since.max(0.0)))
}

/// Begins an attempt, which counts as failed.
///
/// # Errors
/// [`Slowed`] inside; those of the database outside.
pub async fn begin(
    pool: &PgPool,
    subjects: Vec<Subject>,
) -> Result<Result<Attempt, Slowed>, sqlx::Error> {
    // In one order, so that two attempts never wait for each other.
    let mut subjects = subjects;
    subjects.sort_by_key(|subject| *subject.key.bytes());
    let keys: Vec<&[u8]> = subjects
        .iter()
        .map(|subject| &subject.key.bytes()[..])
        .collect();
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "INSERT INTO rowcast.attempt (subject, failures, last_at) \
         SELECT subject, 0, now() FROM unnest($1::bytea[]) AS subject ORDER BY subject \
         ON CONFLICT DO NOTHING",
    )
    .bind(&keys)
    .execute(&mut *transaction)
    .await?;
    let rows = sqlx::query(
        "SELECT a.subject, a.failures, \
                extract(epoch FROM clock_timestamp() - a.last_at)::float8 \
           FROM rowcast.attempt a WHERE a.subject = ANY ($1) ORDER BY a.subject FOR UPDATE",
    )
    .bind(&keys)
    .fetch_all(&mut *transaction)
    .await?;
    let mut longest = Duration::ZERO;
    for row in &rows {
        let key: &[u8] = row.try_get(0)?;
        let (failures, since): (i32, f64) = (row.try_get(1)?, row.try_get(2)?);
        let subject = subjects.iter().find(|subject| subject.key.bytes() == key);
        longest = longest.max(subject.map_or(Duration::ZERO, |s| wait(s, failures, since)));
    }
    if longest > Duration::ZERO {
        transaction.rollback().await?;
        return Ok(Err(Slowed(longest)));
    }
    sqlx::query(
        "UPDATE rowcast.attempt a SET last_at = clock_timestamp(), failures = 1 + \
                CASE WHEN a.last_at < clock_timestamp() - make_interval(secs => $2) THEN 0 \
                     ELSE least(a.failures, 1000000) END \
          WHERE a.subject = ANY ($1)",
    )
    .bind(&keys)
    .bind(FORGOTTEN)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Ok(Attempt(subjects)))
}

impl Attempt {
    /// It was the right password: this one did not fail.
    ///
    /// # Errors
    /// Those of a write.
    pub async fn succeed(self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let keys = |is_cleared| -> Vec<&[u8]> {
            let meant = self
                .0
                .iter()
                .filter(|subject| subject.is_cleared == is_cleared);
            meant.map(|subject| &subject.key.bytes()[..]).collect()
        };
        sqlx::query("DELETE FROM rowcast.attempt a WHERE a.subject = ANY ($1)")
            .bind(keys(true))
            .execute(pool)
            .await?;
        sqlx::query(
            "UPDATE rowcast.attempt a SET failures = greatest(a.failures - 1, 0) \
              WHERE a.subject = ANY ($1)",
        )
        .bind(keys(false))
        .execute(pool)
        .await?;
        Ok(())
    }
}

/// Removes what is forgotten.
///
/// # Errors
/// Those of a write.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM rowcast.attempt a WHERE a.last_at < now() - make_interval(secs => $1)",
    )
    .bind(FORGOTTEN)
    .execute(pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn subject() -> Subject {
        subjects("ann", HOME, None).remove(0)
    }

    #[test]
    fn waits_grow_to_a_bound_and_pass() {
        let subject = subject();
        let seconds = |failures, since| wait(&subject, failures, since).as_secs_f64();
        assert_eq!(seconds(4, 0.0), 0.0);
        assert_eq!(seconds(5, 0.0), 1.0);
        assert_eq!(seconds(6, 0.5), 1.5);
        assert_eq!(seconds(10, 0.0), 32.0);
        assert_eq!(seconds(10, 32.0), 0.0);
        assert_eq!(seconds(1_000_000, 0.0), 900.0);
        assert_eq!(seconds(i32::MAX, 0.0), 900.0);
        assert_eq!(seconds(1_000_000, FORGOTTEN), 0.0);
        assert_eq!(seconds(5, -100.0), 1.0);
    }

    #[test]
    fn answers_of_a_provider_are_counted_with_passwords_by_the_address() {
        let both = subjects("ann", HOME, None);
        assert_eq!(subjects_of_answer(HOME), [both[1].clone()]);
    }

    #[test]
    fn an_account_is_never_closed_for_long() {
        let account = subjects("ann", HOME, None).remove(2);
        assert_eq!(wait(&account, i32::MAX, 0.0), Duration::from_secs(20));
    }

    #[test]
    fn a_known_browser_is_counted_by_itself_alone() {
        let device = Digest::of(b"device");
        let known = subjects("ann", HOME, Some(device));
        let strangers = subjects("ann", HOME, None);
        assert_eq!(known.len(), 1);
        assert!(strangers.iter().all(|subject| subject.key != known[0].key));
        let elsewhere = subjects("ann", [10, 0, 0, 2].into(), Some(device));
        assert_eq!(known, elsewhere);
    }

    #[test]
    fn names_are_the_same_in_any_case_and_addresses_by_their_network() {
        assert_eq!(subjects("Ann", HOME, None), subjects("ann", HOME, None));
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), network(HOME));
        let keys = |name| subjects(name, HOME, None).into_iter().map(|s| s.key);
        assert!(
            keys("ann")
                .zip(keys("bob"))
                .filter(|(one, other)| one == other)
                .count()
                == 1
        );
    }
}
