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

/// How long what is told may not be seen until that is said, and how often it is looked.
const UNSEEN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

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
    /// What was told of one that has not ended.
    open: Option<Transaction>,
    batch: Batch,
}

/// What is to be added to the log.
#[derive(Default)]
struct Batch {
    reached: Option<Lsn>,
    rows: Vec<Logged>,
    bytes: usize,
    version: Option<Version>,
}

/// A version that a mark vouches for.
#[derive(Clone, Debug)]
struct Version {
    shown: PgSnapshot,
    /// When it was, by the database's clock: microseconds since 1970.
    at: i64,
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
            open: None,
            batch: Batch::default(),
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
                self.open = Some(Transaction::new(xid, at));
            }
            ReplicationEvent::Commit { end_lsn, .. } => {
                if let Some(transaction) = self.open.take()
                    && end_lsn > self.reached
                {
                    self.batch.bytes += transaction.bytes();
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
                if let (Some(open), Some(shapes)) = (&mut self.open, self.shapes.get(&relation)) {
                    for shape in shapes {
                        open.row(shape, &change, bounds);
                    }
                }
            }
            Message::Truncate(relations) => {
                for relation in relations {
                    self.learn(relation).await?;
                    if let (Some(open), Some(shapes)) = (&mut self.open, self.shapes.get(&relation))
                    {
                        shapes.iter().for_each(|shape| open.emptied(shape));
                    }
                }
            }
            Message::Other => {}
        }
        Ok(())
    }

    /// Finds out how rows of a relation are imaged, once what the open transaction did is seen: that
    /// is a moment after it is told, or when a standby that commits wait for has it.
    async fn learn(&mut self, oid: u32) -> Result<(), Failure> {
        let (Some(open), Some(relation)) = (&self.open, self.relations.get(&oid)) else {
            return Ok(());
        };
        if self.shapes.contains_key(&oid) {
            return Ok(());
        }
        let begun = Instant::now();
        loop {
            let loaded = Shape::load(&mut self.connection, relation, open.xid).await?;
            if let Some(shapes) = loaded {
                self.shapes.insert(oid, shapes);
                return Ok(());
            }
            if begun.elapsed() > UNSEEN {
                return Err(Failure::Unseen);
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Adds what was gathered to the log.
    async fn append(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        let reached = batch.reached.unwrap_or(self.reached);
        let version = batch.version.unwrap_or_else(|| self.version.clone());
        let rows = &batch.rows;
        let appended: bool = sqlx::query_scalar(
            "SELECT rowcast.append($1::text::pg_lsn, $2::text::pg_lsn, $3::text::pg_snapshot, \
                                   $4, $5, $6, $7, $8, $9, $10, $11)",
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
        .fetch_one(&mut self.connection)
        .await?;
        if !appended {
            return Err(Failure::Overtaken);
        }
        if !rows.is_empty() {
            // A definition may have changed that the stream does not tell of.
            self.shapes.clear();
        }
        self.reached = reached;
        self.version = version;
        Ok(())
    }
}
