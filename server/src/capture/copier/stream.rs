//! What the slot brings, taken in and added to the log.

use std::{collections::HashMap, convert::Infallible, str::FromStr, time::Duration};

use futures::FutureExt;
use pgwire_replication::{Lsn, ReplicationClient, ReplicationEvent};
use rowcast_protocol::PgSnapshot;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row, postgres::types::Oid};
use tokio::time::{Instant, sleep};

use super::{
    ANSWERING, CopierOptions, Failure, LOOK, Standing, is_too_much,
    pgoutput::{Message, Relation, parse},
    shape::Shape,
    slot,
    transaction::{Bounds, Change, Logged, Transaction},
    within,
};

/// What marks of ours begin with.
const PREFIX: &str = "rowcast";

/// How long it is waited until it is known whose a relation is: who made it is told before others see
/// what they did. No longer, for they may wait for this one, if PostgreSQL takes it for a standby.
const MAKING: Duration = Duration::from_secs(1);

/// How often it is looked whether what was told is seen: at first, and at last.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(100);

/// How long after somebody was in the way it is tried again to notify.
const LAST_RING: Duration = Duration::from_millis(500);

/// `lock_not_available`
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// How many transactions are waited for to be seen; of more it is not told at once when they are.
const UNSEEN: usize = 10_000;

/// How much is added to the log at once, unless one transaction has more.
const BATCH_BYTES: usize = 8 << 20;

/// What PostgreSQL counts from, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// What is copied, and how far.
pub struct Copier {
    pub connection: PgConnection,
    secret: Vec<u8>,
    bounds: Bounds,
    pub reached: Lsn,
    version: Version,
    relations: HashMap<u32, Relation>,
    shapes: HashMap<u32, Vec<Shape>>,
    /// The same as they were before the open transaction, where it is not seen what that did.
    guessed: HashMap<u32, Vec<Shape>>,
    /// What was told of one that has not ended.
    open: Option<Transaction>,
    batch: Batch,
    bell: Bell,
}

/// What is to be added to the log.
#[derive(Default)]
struct Batch {
    reached: Option<Lsn>,
    rows: Vec<Logged>,
    bytes: usize,
    version: Option<Version>,
    /// Of which transactions, and when, it was not seen whose a relation is.
    owed: Vec<(u32, i64, (u32, u32))>,
}

/// Who is to be told of what was copied.
struct Bell {
    /// Whether it is to be rung.
    is_due: bool,
    /// Transactions that were copied and that others do not see yet: when they do it is rung.
    unseen: Vec<i64>,
    /// When it is looked at, and how long after that again.
    at: Instant,
    beat: Duration,
}

/// A version that a mark vouches for.
#[derive(Clone, Debug)]
struct Version {
    shown: PgSnapshot,
    /// When it was, by the database's clock: microseconds since 1970.
    at: i64,
}

impl Bell {
    /// Whether there is anything to be told, or to be seen.
    fn waits(&self) -> bool {
        self.is_due || !self.unseen.is_empty()
    }

    /// What these transactions did was copied.
    fn wait_for(&mut self, xids: impl Iterator<Item = u32>, is_due: bool) {
        self.unseen.extend(xids.map(i64::from));
        self.unseen.sort_unstable();
        self.unseen.dedup();
        self.unseen.truncate(UNSEEN);
        self.is_due |= is_due;
        if !self.is_kept_waiting() {
            self.beat = LOOK_AGAIN;
        }
    }

    /// Whether somebody was in the way when it was rung last.
    fn is_kept_waiting(&self) -> bool {
        self.beat == LAST_RING
    }
}

impl Copier {
    /// From where was copied last.
    pub async fn begin(mut connection: PgConnection) -> Result<Self, Failure> {
        let row = sqlx::query(
            "SELECT c.lsn::text, c.version::text, s.bus_secret, \
                    (extract(epoch FROM c.at) * 1000000)::int8 \
               FROM rowcast.copied c, rowcast.state s",
        )
        .fetch_one(&mut connection)
        .await?;
        let reached = Lsn::from_str(row.try_get(0)?).map_err(|_| Failure::Overtaken)?;
        let shown = row
            .try_get::<&str, _>(1)?
            .parse()
            .map_err(|_| Failure::Overtaken)?;
        let version = Version {
            shown,
            at: row.try_get(3)?,
        };
        let secret = row.try_get(2)?;
        let mut bound = HashMap::new();
        for row in sqlx::query("SELECT name, value FROM rowcast.setting")
            .fetch_all(&mut connection)
            .await?
        {
            let value: i64 = row.try_get(1)?;
            bound.insert(
                row.try_get::<String, _>(0)?,
                usize::try_from(value).unwrap_or(usize::MAX),
            );
        }
        let bound = |name: &str, usual| bound.get(name).copied().unwrap_or(usual);
        Ok(Self {
            connection,
            secret,
            bounds: Bounds {
                value_bytes: bound("value_bytes", 262_144),
                rows: bound("statement_rows", 10_000),
                bytes: bound("statement_bytes", 16 << 20),
            },
            reached,
            version,
            relations: HashMap::new(),
            shapes: HashMap::new(),
            guessed: HashMap::new(),
            open: None,
            batch: Batch::default(),
            bell: Bell {
                // Whoever copied before may not have come to it.
                is_due: true,
                unseen: Vec::new(),
                at: Instant::now(),
                beat: LOOK_AGAIN,
            },
        })
    }

    /// Copies until that fails.
    pub async fn follow(
        &mut self,
        mut client: ReplicationClient,
        options: &CopierOptions,
        slot: &str,
        standing: &Standing,
    ) -> Result<Infallible, Failure> {
        let mut look_at = Instant::now() + LOOK;
        loop {
            let event = tokio::select! {
                event = client.recv() => event?,
                () = tokio::time::sleep_until(self.bell.at), if self.bell.waits() => {
                    within(ANSWERING, self.ring()).await?;
                    continue;
                }
                () = tokio::time::sleep_until(look_at) => {
                    look_at = Instant::now() + LOOK;
                    let looked = is_too_much(&mut self.connection, slot, options, standing);
                    if within(ANSWERING, looked).await? {
                        return Err(Failure::TooMuchKept);
                    }
                    let asked = slot::is_wanted(&mut self.connection);
                    if !within(ANSWERING, asked).await? {
                        return Err(Failure::Unwanted);
                    }
                    continue;
                }
            };
            let mut next = event;
            loop {
                let Some(event) = next else {
                    return Err(Failure::Overtaken);
                };
                within(ANSWERING, self.take(event, &client)).await?;
                if self.batch.bytes >= BATCH_BYTES {
                    break;
                }
                match client.recv().now_or_never() {
                    Some(event) => next = event?,
                    None => break,
                }
            }
            if self.batch.reached.is_some() {
                within(ANSWERING, self.append()).await?;
                client.update_applied_lsn(self.reached);
                if self.bell.is_due && !self.bell.is_kept_waiting() {
                    within(ANSWERING, self.ring()).await?;
                }
            }
        }
    }

    /// Takes in what was told.
    async fn take(
        &mut self,
        event: ReplicationEvent,
        client: &ReplicationClient,
    ) -> Result<(), Failure> {
        match event {
            ReplicationEvent::Begin {
                xid,
                commit_time_micros,
                ..
            } => {
                let at = commit_time_micros.saturating_add(POSTGRES_EPOCH);
                self.guessed.clear();
                self.open = Some(Transaction::new(xid, at));
            }
            ReplicationEvent::Commit { end_lsn, .. } => {
                if let Some(transaction) = self.open.take()
                    && end_lsn > self.reached
                {
                    self.batch.bytes += transaction.bytes();
                    let owed = transaction.owed.iter();
                    let owed = owed.map(|owed| (transaction.xid, transaction.at, *owed));
                    self.batch.owed.extend(owed);
                    self.batch.rows.extend(transaction.logged());
                    self.batch.reached = Some(end_lsn);
                }
            }
            ReplicationEvent::Message {
                transactional: true,
                prefix,
                content,
                ..
            } if prefix == PREFIX => self.marked(&content),
            ReplicationEvent::XLogData { data, .. } => self.told(parse(&data)?).await?,
            // Nothing before it is to come, but what has not ended, which the slot keeps.
            ReplicationEvent::KeepAlive { wal_end, .. }
                if self.open.is_none() && self.batch.reached.is_none() =>
            {
                client.update_applied_lsn(wal_end);
            }
            _ => {}
        }
        Ok(())
    }

    /// A mark: what its snapshot shows has been told, if it is from one of us.
    fn marked(&mut self, content: &[u8]) {
        let Some((words, signature)) = std::str::from_utf8(content)
            .ok()
            .and_then(|content| content.rsplit_once(' '))
        else {
            return;
        };
        let mut hasher = Sha256::new();
        for part in [&self.secret[..], words.as_bytes(), &self.secret[..]] {
            hasher.update(part);
        }
        let expected: String = hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let Some((Ok(shown), Ok(at))) = words
            .split_once(' ')
            .map(|(seen, at)| (seen.parse::<PgSnapshot>(), at.parse()))
        else {
            return;
        };
        let newest = self.batch.version.as_ref().unwrap_or(&self.version);
        // One that was marked later may have seen less; it is not the log's version then.
        if expected == signature && shown.covers(&newest.shown) {
            let at = newest.at.max(at);
            self.batch.version = Some(Version { shown, at });
        }
    }

    async fn told(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Relation(relation) => {
                self.shapes.remove(&relation.oid);
                self.guessed.remove(&relation.oid);
                self.relations.insert(relation.oid, relation);
            }
            Message::Row {
                relation,
                is_new,
                old,
                new,
            } => {
                let bounds = self.bounds;
                self.learn(relation).await?;
                let change = Change { is_new, old, new };
                let shapes = self.shapes.get(&relation);
                let shapes = shapes.or_else(|| self.guessed.get(&relation));
                if let (Some(open), Some(shapes)) = (&mut self.open, shapes) {
                    for shape in shapes {
                        open.row(shape, &change, bounds);
                    }
                }
            }
            Message::Truncate(relations) => {
                for relation in relations {
                    self.learn(relation).await?;
                    let shapes = self.shapes.get(&relation);
                    let shapes = shapes.or_else(|| self.guessed.get(&relation));
                    if let (Some(open), Some(shapes)) = (&mut self.open, shapes) {
                        shapes.iter().for_each(|shape| open.emptied(shape));
                    }
                }
            }
            Message::Other => {}
        }
        Ok(())
    }

    /// Finds out how rows of a relation are imaged. Where it is not seen what the open transaction did,
    /// that is as it was before, and looked at again once it is.
    async fn learn(&mut self, oid: u32) -> Result<(), Failure> {
        let (Some(open), Some(relation)) = (&mut self.open, self.relations.get(&oid)) else {
            return Ok(());
        };
        if self.shapes.contains_key(&oid) || self.guessed.contains_key(&oid) {
            return Ok(());
        }
        let begun = Instant::now();
        loop {
            let (shapes, is_seen) = Shape::load(&mut self.connection, relation, open.xid).await?;
            if is_seen {
                self.shapes.insert(oid, shapes);
                return Ok(());
            }
            if !shapes.is_empty() || begun.elapsed() > MAKING {
                let roots = shapes.iter().map(|shape| shape.root);
                open.owed.extend(roots.map(|root| (oid, root)));
                if shapes.is_empty() {
                    open.owed.insert((oid, 0));
                }
                self.guessed.insert(oid, shapes);
                return Ok(());
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Has read what was copied, by those who see it by now. Whoever notifies and has not ended is not
    /// waited for: they may wait for what is copied next.
    async fn ring(&mut self) -> Result<(), Failure> {
        let bell = &mut self.bell;
        let rung = sqlx::query_scalar(
            "SELECT rowcast.rouse_for($1, $2) \
               FROM set_config('lock_timeout', '100ms', true) AS patience, \
                    set_config('synchronous_commit', 'off', true) AS durability",
        )
        .bind(&bell.unseen)
        .bind(bell.is_due)
        .fetch_one(&mut self.connection)
        .await;
        bell.beat = match bell.is_kept_waiting() {
            true => LOOK_AGAIN,
            false => (bell.beat * 2).min(LAST_LOOK),
        };
        match rung {
            Ok(unseen) => {
                bell.unseen = unseen;
                bell.is_due = false;
            }
            Err(error) if crate::error::sqlstate(&error) == LOCK_NOT_AVAILABLE => {
                bell.beat = LAST_RING;
            }
            Err(error) => return Err(error.into()),
        }
        bell.at = Instant::now() + bell.beat;
        Ok(())
    }

    /// Adds what was gathered to the log.
    async fn append(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        let reached = batch.reached.unwrap_or(self.reached);
        let version = batch.version.unwrap_or_else(|| self.version.clone());
        let rows = &batch.rows;
        let owed = &batch.owed;
        let appended: Option<bool> = sqlx::query_scalar(
            "SELECT rowcast.append($1::text::pg_lsn, $2::text::pg_lsn, $3::text::pg_snapshot, \
                                   $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(self.reached.to_pg_string())
        .bind(reached.to_pg_string())
        .bind(version.shown.to_string())
        .bind(version.at)
        .bind(
            rows.iter()
                .map(|row| i64::from(row.xid))
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| Oid(row.relation)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.kind).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.layout).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.old.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|row| row.new.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            owed.iter()
                .map(|(xid, ..)| i64::from(*xid))
                .collect::<Vec<_>>(),
        )
        .bind(owed.iter().map(|(_, at, _)| *at).collect::<Vec<_>>())
        .bind(
            owed.iter()
                .map(|(.., (relation, _))| Oid(*relation))
                .collect::<Vec<_>>(),
        )
        .bind(
            owed.iter()
                .map(|(.., (_, root))| Oid(*root))
                .collect::<Vec<_>>(),
        )
        .fetch_one(&mut self.connection)
        .await?;
        let Some(has_more) = appended else {
            return Err(Failure::Overtaken);
        };
        let xids = rows.iter().map(|row| row.xid);
        let xids = xids.chain(owed.iter().map(|(xid, ..)| *xid));
        self.bell.wait_for(xids, has_more);
        if !rows.is_empty() {
            // A definition may have changed that the stream does not tell of.
            self.shapes.clear();
        }
        self.reached = reached;
        self.version = version;
        Ok(())
    }
}
