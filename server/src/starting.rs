//! A database that is away while a server starts: one that itself starts, stops or is restarted just
//! then. Where nobody listens at all the address may be wrong, which is told at once, and whoever
//! starts the server tries again.

use std::{io::ErrorKind, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{serve::StartError, shutdown::Shutdown};

/// How long it may be away before the start is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause before it is tried again, at first and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

/// Does what needs the database; again, after a pause, while it is away.
///
/// # Errors
/// One that no further attempt would mend, at once; that the database is away, once it has been
/// for [`PATIENCE`].
pub async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StartError>
where
    F: Future<Output = Result<T, StartError>>,
{
    let mut patience = Patience::default();
    loop {
        let error = match attempt().await {
            Err(error) if error.is_away() => error,
            done => return done,
        };
        let Some(pause) = patience.pause(Instant::now()) else {
            return Err(error);
        };
        tracing::warn!(%error, again_in = ?pause, "the start waits for the database");
        sleep(pause).await;
    }
}

/// Since when a database has been away, and how often that was found.
#[derive(Debug, Default)]
struct Patience {
    since: Option<Instant>,
    found: u32,
}

impl Patience {
    /// How long to wait before it is tried again, of one that was found away now; `None` if that
    /// is enough.
    fn pause(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let pause = PAUSES.0.saturating_mul(2_u32.saturating_pow(self.found));
        let pause = pause.min(PAUSES.1);
        self.found += 1;
        (now + pause <= since + PATIENCE).then_some(pause)
    }
}

/// What comes of a part of the start; `None` if the server was told to stop before. Nobody is
/// there yet who would have to be sent elsewhere.
pub async fn unless_stopped<T>(shutdown: &Shutdown, part: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = part => Some(done),
        () = shutdown.told() => None,
    }
}

/// Whether an error says no more than that the database can't be reached now.
pub fn is_away(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        Error::Io(error) => error.kind() != ErrorKind::PermissionDenied,
        Error::PoolTimedOut | Error::WorkerCrashed => true,
        // What a connection says that broke in the middle of a message.
        Error::Protocol(_) => true,
        Error::Database(error) => error.code().is_some_and(|code| is_of_absence(&code)),
        _ => false,
    }
}

/// Whether somebody was at the database's address, whatever became of it.
pub fn was_answered(error: &sqlx::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error {
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
        ),
        // What speaks another protocol is no database. Of a connection that was closed at once sqlx
        // 0.9 says that this byte came.
        sqlx::Error::Protocol(said) => said.contains("SSLRequest: 0x00"),
        sqlx::Error::PoolTimedOut => false,
        _ => true,
    }
}

/// Connections that fail or are too many; a database that starts, stops or has crashed. Not one
/// that refuses this client, as poolers do that don't know its database.
fn is_of_absence(sqlstate: &str) -> bool {
    match sqlstate {
        "08004" | "08P01" => false,
        "57P01" | "57P02" | "57P03" | "57P05" => true,
        _ => matches!(sqlstate.get(..2), Some("08" | "53")),
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, io};

    use super::*;
    use crate::shutdown;

    #[test]
    fn a_database_is_waited_for_half_a_minute_more_and_more_slowly() {
        let begun = Instant::now();
        let (mut now, mut patience) = (begun, Patience::default());
        let mut pauses = Vec::new();
        while let Some(pause) = patience.pause(now) {
            now += pause;
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses[..6], [250, 500, 1000, 2000, 4000, 4000]);
        let waited = now - begun;
        assert!(waited <= PATIENCE && waited > PATIENCE - PAUSES.1);
        // One that takes long to say that it is away is not asked again for ever.
        let mut patience = Patience::default();
        assert!(patience.pause(begun).is_some());
        assert!(patience.pause(begun + PATIENCE).is_none());
    }

    #[tokio::test]
    async fn what_waiting_mends_is_tried_again_and_what_it_does_not_mend_is_not() {
        let attempts = Cell::new(0);
        let refused = || sqlx::Error::Io(ErrorKind::ConnectionRefused.into());
        let attempt = || {
            attempts.set(attempts.get() + 1);
            let is_there = attempts.get() == 2;
            async move { is_there.then_some(()).ok_or_else(|| refused().into()) }
        };
        patiently(attempt).await.expect("it is there in the end");
        assert_eq!(attempts.get(), 2);
        let other = io::Error::other("the certificate is of another host");
        for error in [
            sqlx::Error::Io(ErrorKind::PermissionDenied.into()),
            sqlx::Error::Tls(Box::new(other)),
            sqlx::Error::PoolClosed,
        ] {
            let mut error = Some(StartError::from(error));
            let attempt = || {
                let error = error.take().expect("it is tried once");
                async move { Err::<(), _>(error) }
            };
            patiently(attempt).await.expect_err("it is refused");
        }
    }

    #[test]
    fn an_absence_is_told_from_a_refusal() {
        for (sqlstate, expected) in [
            ("57P03", true),
            ("57P01", true),
            ("53300", true),
            ("08006", true),
            ("08004", false),
            ("08P01", false),
            // The password, the role, the database, a right, a lock, and one that is gone.
            ("28P01", false),
            ("28000", false),
            ("3D000", false),
            ("42501", false),
            ("55P03", false),
            ("57P04", false),
            ("57014", false),
        ] {
            assert_eq!(is_of_absence(sqlstate), expected, "{sqlstate}");
        }
    }

    #[test]
    fn nobody_is_known_to_be_where_a_connection_is_refused() {
        for (kind, expected) in [
            (ErrorKind::ConnectionRefused, false),
            (ErrorKind::HostUnreachable, false),
            (ErrorKind::Other, false),
            (ErrorKind::ConnectionReset, true),
            (ErrorKind::UnexpectedEof, true),
        ] {
            let error = sqlx::Error::Io(kind.into());
            assert!(is_away(&error));
            assert_eq!(was_answered(&error), expected, "{kind}");
        }
        assert!(!was_answered(&sqlx::Error::Protocol(
            "no PostgreSQL".into()
        )));
    }

    #[tokio::test]
    async fn a_start_that_waits_ends_when_it_is_told_to_whatever_time_clients_have() {
        let (trigger, shutdown) = shutdown::channel();
        assert_eq!(unless_stopped(&shutdown, async { 1 }).await, Some(1));
        let start = tokio::spawn(async move {
            let never = std::future::pending::<()>();
            unless_stopped(&shutdown, never).await
        });
        trigger.drain(Duration::from_secs(365 * 86_400));
        assert_eq!(start.await.expect("it ends"), None);
    }
}
