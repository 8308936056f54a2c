//! Why copying stopped, and what may be told of it.

use pgwire_replication::PgWireError;

use super::pgoutput::Malformed;
use crate::database::tunnel::TunnelError;

/// What the stream's client calls a password that is asked for as MD5.
const MD5: &str = "code: 5";

/// Why copying stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database failed.
    #[error("the database can't be asked")]
    Database(#[from] sqlx::Error),
    /// What it streams failed.
    #[error("the write-ahead log can't be followed")]
    Stream(#[from] PgWireError),
    /// What it streams is not understood.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Somebody else has copied.
    #[error("another server copies")]
    Overtaken,
    /// Changes come from triggers.
    #[error("changes do not come from the write-ahead log any more")]
    Unwanted,
    /// The database does not answer.
    #[error("the database does not answer")]
    Silence,
    /// More was kept for the slot than may be.
    #[error("more of the write-ahead log is kept for the slot than ROWCAST_SLOT_MAX allows")]
    TooMuchKept,
    /// There is no way to the database that can be streamed over.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
}

impl Failure {
    /// What may be logged of it: nothing of a row is in it.
    pub fn reason(&self) -> String {
        match self {
            Self::Database(error @ sqlx::Error::Database(_)) => format!(
                "{} ({})",
                crate::serve::reason(error),
                crate::error::sqlstate(error)
            ),
            Self::Database(error) => crate::error::sqlstate(error).to_string(),
            Self::Stream(error) => format!("{self}: {}", told(error)),
            other => other.to_string(),
        }
    }

    /// How to mend it, where no connection for replication can be opened.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Tunnel(_) => {
                "have TMPDIR be a directory that the server can write to, and see the files of \
                 certificates that the URL names"
            }
            Self::Stream(PgWireError::Auth(said)) if said.ends_with(MD5) => {
                "set password_encryption to scram-sha-256, set the role's password again, and have \
                 scram-sha-256 in pg_hba.conf"
            }
            Self::Stream(PgWireError::Server(said)) => match sqlstate(said) {
                Some("53300") => {
                    "raise max_wal_senders and max_connections and restart PostgreSQL, or the \
                     role's CONNECTION LIMIT"
                }
                Some("28000") => {
                    "let the role connect to this database in pg_hba.conf, from here and as the \
                     URL's sslmode says, and let it replicate"
                }
                Some("28P01") => "see the password of the URL",
                _ => USUAL_FIX,
            },
            _ => USUAL_FIX,
        }
    }
}

const USUAL_FIX: &str = "lead DATABASE_URL, or beside a pooler ROWCAST_DIRECT_URL, to PostgreSQL \
                         itself, and see its log";

/// What the database says may hold what is in rows, so it is only told which error it is.
fn told(error: &PgWireError) -> String {
    match error {
        PgWireError::Server(said) => {
            format!("the database's error {}", sqlstate(said).unwrap_or("none"))
        }
        PgWireError::Auth(said) if said.ends_with(MD5) => {
            "the password is asked for as md5, which is not known here".to_owned()
        }
        PgWireError::Auth(_) => "the password can't be proven as the database asks".to_owned(),
        PgWireError::Io(error) => error.kind().to_string(),
        PgWireError::MessageTooLarge { payload_bytes, .. } => {
            format!("a message has {payload_bytes} bytes")
        }
        _ => "what comes is not understood".to_owned(),
    }
}

/// Which error it is, in what the stream's client makes of it.
fn sqlstate(said: &str) -> Option<&str> {
    let (_, code) = said.rsplit_once("(SQLSTATE ")?;
    let code = code.strip_suffix(')')?;
    let is_one = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_the_database_says_only_the_code_is_told() {
        let error = |said: &str| Failure::from(PgWireError::Server(said.to_owned()));
        let reason = error("invalid value \"secret\" (SQLSTATE 22P02)").reason();
        assert!(
            reason.ends_with("the database's error 22P02") && !reason.contains("secret"),
            "{reason}"
        );
        for said in [
            "secret",
            "secret (SQLSTATE secret)",
            "(SQLSTATE 22P02) secret",
        ] {
            let reason = error(said).reason();
            assert!(!reason.contains("secret"), "{reason}");
        }
        for error in [
            PgWireError::Protocol("secret".to_owned()),
            PgWireError::Auth("secret".to_owned()),
        ] {
            let reason = Failure::from(error).reason();
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}
