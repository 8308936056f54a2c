//! Trying for a while.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::random::Random;

/// How many are tried however slow this machine is.
const LEAST: usize = 50;

/// What panicked that is not a test.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// For how long, and from which seed.
pub struct Trial {
    pub random: Random,
    seed: u64,
    until: Instant,
    tried: usize,
}

impl Trial {
    pub fn new() -> Self {
        watch_panics();
        let read = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = read("FUZZ_SEED").unwrap_or(now.as_nanos() as u64);
        let seconds = read("FUZZ_SECONDS").unwrap_or(3);
        Self {
            random: Random::new(seed),
            seed,
            until: Instant::now() + Duration::from_secs(seconds),
            tried: 0,
        }
    }

    /// Whether one more is to be tried.
    pub fn goes_on(&mut self) -> bool {
        self.tried += 1;
        self.tried <= LEAST || Instant::now() < self.until
    }

    /// Fails with what replays it.
    pub fn fail(&self, input: &[u8], why: &str) -> ! {
        panic!(
            "FUZZ_SEED={} ({} tried): {why}\n{}",
            self.seed,
            self.tried,
            input.escape_ascii()
        );
    }

    /// Tries `judge` with whatever `make` makes of chance, until the time is over.
    pub fn run(
        mut self,
        make: impl Fn(&mut Random) -> Vec<u8>,
        judge: impl Fn(&[u8]) -> Result<(), String>,
    ) {
        while self.goes_on() {
            let input = make(&mut self.random);
            let judged = catch_unwind(AssertUnwindSafe(|| judge(&input)));
            let why = match judged {
                Ok(Ok(())) => continue,
                Ok(Err(why)) => why,
                Err(_) => format!("it panicked: {:?}", panics().last()),
            };
            self.fail(&input, &why);
        }
        assert!(self.tried > LEAST);
    }

    /// Fails if anything of the server's has panicked.
    pub fn expect_no_panic(&self, input: &[u8]) {
        if let Some(panic) = panics().last() {
            self.fail(input, panic);
        }
    }
}

fn panics() -> MutexGuard<'static, Vec<String>> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what panics, but for the tests themselves: a task's panic is otherwise only a
/// connection that ends.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_ours = panic
                .location()
                .is_none_or(|at| !at.file().contains("tests/"));
            if is_ours {
                panics().push(panic.to_string());
            }
            told(panic);
        }));
    });
}
