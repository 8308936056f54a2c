//! Passwords: hashed so that guessing them is slow, here as anywhere.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, PasswordVerifier, Version,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use rowcast_protocol::ApiError;
use tokio::{sync::Semaphore, time::timeout};
use zxcvbn::{Score, zxcvbn};

use crate::{error::internal, state::too_busy};

/// The fewest characters of a password.
pub const SHORTEST: usize = 10;

/// The most bytes of one.
pub const LONGEST: usize = 1024;

/// How many are hashed at once. Each takes 19 MiB and one processor.
const AT_ONCE: usize = 2;

/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes of salt a hash has.
const SALT: usize = 16;

/// How many of what is looked at for how easily it is guessed: more makes it no easier.
const LOOKED_AT: usize = 100;

/// Words that whoever guesses a password of this server tries in it, beside the account's name.
const WORDS: [&str; 5] = [
    "rowcast",
    "postgres",
    "postgresql",
    "administrator",
    "database",
];

/// A password that may be set.
pub struct NewPassword(String);

impl NewPassword {
    /// Checks one that `name` chooses.
    ///
    /// # Errors
    /// `invalid_password`.
    pub fn new(password: String, name: &str) -> Result<Self, ApiError> {
        let why = if password.chars().count() < SHORTEST {
            format!("it has fewer than {SHORTEST} characters")
        } else if password.len() > LONGEST {
            format!("it has more than {LONGEST} bytes")
        } else if password.contains('\0') {
            "it holds a character that can't be typed".to_owned()
        } else if is_mostly(&password.to_lowercase(), &name.to_lowercase()) {
            "it is little more than the name".to_owned()
        } else if is_guessed(&password, name) {
            "it is one of those that are tried first".to_owned()
        } else {
            return Ok(Self(password));
        };
        Err(ApiError::new(
            "invalid_password",
            format!("that password can't be taken: {why}"),
            "a few words that do not belong together are long and easily remembered",
        ))
    }
}

/// Whether more than half of it is the name.
fn is_mostly(password: &str, name: &str) -> bool {
    !name.is_empty() && password.contains(name) && name.len() * 2 > password.len()
}

/// Whether a program that knows common passwords, words, keyboards, `name` and [`WORDS`], and how
/// people vary them, has it among its first million guesses.
fn is_guessed(password: &str, name: &str) -> bool {
    let looked_at: String = password.chars().take(LOOKED_AT).collect();
    let mut words = WORDS.to_vec();
    words.push(name);
    zxcvbn(&looked_at, &words).score() < Score::Two
}

/// What hashes passwords, a bounded number at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Hashing {
    /// The hash to be kept of a password.
    ///
    /// # Errors
    /// `too_busy`.
    pub async fn hash(&self, password: NewPassword) -> Result<String, ApiError> {
        self.run(move || hash(password.0.as_bytes()))
            .await?
            .ok_or_else(internal)
    }

    /// Whether the password is the one of `hash`. Without one it is not, and that takes as long.
    ///
    /// # Errors
    /// `too_busy`.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, ApiError> {
        self.run(move || {
            let known = hash.as_deref().unwrap_or(&NOBODYS);
            // One that is longer than any is none, and takes as long.
            let end = password.floor_char_boundary(LONGEST);
            let fits = argon2()
                .verify_password(&password.as_bytes()[..end], known)
                .is_ok();
            fits && hash.is_some() && end == password.len()
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = Arc::clone(&self.0).acquire_owned();
        let Ok(Ok(turn)) = timeout(PATIENCE, turn).await else {
            return Err(too_busy().0);
        };
        let work = tokio::task::spawn_blocking(move || {
            let result = work();
            // Not before it is done, even if nobody waits for it any more.
            drop(turn);
            result
        });
        work.await.map_err(|_| internal())
    }
}

/// OWASP's parameters: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("parameters in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &[u8]) -> Option<String> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).ok()?;
    let hash: PasswordHash = argon2().hash_password_with_salt(password, &salt).ok()?;
    Some(hash.to_string())
}

/// The hash of a password that nobody has, for accounts that do not exist.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let mut password = [0; 32];
    getrandom::fill(&mut password).expect("the system's random numbers");
    hash(&password).expect("it can be hashed")
});

/// Makes ready what refusals need, so that the first one takes no longer than others.
pub fn prepare() {
    LazyLock::force(&NOBODYS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(password: &str) -> Result<NewPassword, String> {
        NewPassword::new(password.to_owned(), "annabella").map_err(|error| error.message)
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let hashing = Hashing::default();
        let hash = hashing.hash(new("correct horse").expect("long enough"));
        let hash = hash.await.expect("hashed");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        for (password, is_right) in [
            ("correct horse", true),
            ("correct hors", false),
            ("Correct horse", false),
            ("correct horse ", false),
            ("", false),
        ] {
            let verified = hashing.verify(password.to_owned(), Some(hash.clone()));
            assert_eq!(verified.await, Ok(is_right), "{password}");
        }
        let none = hashing.verify("correct horse".to_owned(), None);
        assert_eq!(none.await, Ok(false));
        let broken = hashing.verify("x".to_owned(), Some("x".to_owned()));
        assert_eq!(broken.await, Ok(false));
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let (one, other) = (hash(b"correct horse"), hash(b"correct horse"));
        assert!(one.is_some() && one != other);
    }

    #[tokio::test]
    async fn what_is_longer_than_any_is_none() {
        let pieces = (1..=LONGEST / 8).map(|n| format!("ä{:06x}", n * 7_654_321 % 0xff_ffff));
        let longest: String = pieces.collect();
        assert_eq!(longest.len(), LONGEST);
        let hashing = Hashing::default();
        let hash = hashing.hash(new(&longest).expect("not too long")).await;
        let hash = hash.expect("hashed");
        let verify = |password| hashing.verify(password, Some(hash.clone()));
        assert_eq!(verify(longest.clone()).await, Ok(true));
        assert_eq!(verify(longest + "ä").await, Ok(false));
    }

    #[test]
    fn what_is_guessed_first_can_not_be_set() {
        for wrong in [
            "",
            "short",
            "123456789",
            "aaaaaaaaaaaaaaa",
            "abababababab",
            "PassWord123",
            "qwertyuiop",
            "1qaz2wsx3edc",
            "P@ssw0rd2026",
            "Rowcast2026",
            "r0wcast!!!",
            "postgresql1",
            "iloveyou123",
            "abcdefghijklmnop",
            "annabella1",
            "annabella2026",
            &"a1b2".repeat(300),
            "correct\0horse",
        ] {
            assert!(new(wrong).is_err(), "{wrong}");
        }
        for right in [
            "correct horse",
            "ünïcödé-wörds",
            "annabella and a horse on a hill",
        ] {
            assert!(new(right).is_ok(), "{right}");
        }
        assert!(NewPassword::new("correct horse".to_owned(), "").is_ok());
    }
}
