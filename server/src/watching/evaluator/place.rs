//! Where all rules stand.

use rowcast_protocol::PgSnapshot;
use sqlx::{PgConnection, Row};

use crate::watching::rule::Rule;

/// How far the log goes.
pub struct Reach {
    /// The version that it is whole up to.
    pub version: PgSnapshot,
    /// Whether it has changes of later ones, too, though not all: they are copied from the write-ahead
    /// log.
    has_later: bool,
}

impl Reach {
    /// The version that what is read has to be limited to; `None`: the log has nothing of later ones.
    pub fn bound(&self) -> Option<&PgSnapshot> {
        self.has_later.then_some(&self.version)
    }
}

/// Where all rules stand.
pub struct Place {
    /// Whether it is of this database, not of one that it is a copy of.
    pub is_ours: bool,
    /// What has been looked at.
    pub seen: PgSnapshot,
    /// The transactions below this may be gone from the log.
    pub purged_below: u64,
    /// How far it goes; `None`: that is not known yet.
    pub reach: Option<Reach>,
}

/// Takes the cursor for this transaction; `None` if another has it.
///
/// # Errors
/// The database's.
pub async fn place(connection: &mut PgConnection) -> Result<Option<Place>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT c.epoch = s.epoch, c.seen::text, s.purged_below::text, \
                rowcast.version()::text, s.source = 'replication' \
           FROM rowcast.watch_cursor c, rowcast.state s FOR UPDATE OF c SKIP LOCKED",
    )
    .fetch_optional(connection)
    .await?;
    let decoded = |what: &'static str| sqlx::Error::Decode(what.into());
    let snapshot = |text: &str| -> Result<PgSnapshot, sqlx::Error> {
        text.parse().map_err(|_| decoded("no snapshot"))
    };
    row.map(|row| {
        let version = row
            .try_get::<Option<&str>, _>(3)?
            .map(snapshot)
            .transpose()?;
        let has_later = row.try_get(4)?;
        Ok(Place {
            is_ours: row.try_get(0)?,
            seen: snapshot(row.try_get(1)?)?,
            reach: version.map(|version| Reach { version, has_later }),
            purged_below: row
                .try_get::<&str, _>(2)?
                .parse()
                .map_err(|_| decoded("no transaction's number"))?,
        })
    })
    .transpose()
}

/// From where the log is looked at: what was before all rules is of no concern.
pub fn beginning(seen: &PgSnapshot, rules: &[Rule]) -> PgSnapshot {
    let mut rules = rules.iter().map(|rule| &rule.since);
    let first = rules.next().map(|first| {
        rules.fold(first, |oldest, since| match oldest.covers(since) {
            true => since,
            false => oldest,
        })
    });
    match first {
        Some(oldest) if oldest.covers(seen) => oldest.clone(),
        _ => seen.clone(),
    }
}
