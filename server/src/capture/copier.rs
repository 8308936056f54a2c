//! Copying changes from the write-ahead log to the change log, in place of triggers.
//!
//! One server of a database copies, whoever holds an advisory lock. What it adds to the log and
//! how far that goes are one transaction, so nothing is lost and nothing comes twice whenever it
//! ends; the slot is told only what has been added.
//!
//! A row of the log has the number of the transaction that made the change, so readers' places
//! remain snapshots. Whoever wants to read further than the log goes marks the write-ahead log
//! with what they see (`rowcast.mark`). A transaction that a snapshot shows has written its
//! commit before, so when the copier comes to the mark it has copied all that the snapshot
//! shows, and the log goes up to that version (`rowcast.version`).

mod failure;
mod pgoutput;
mod seat;
mod shape;
pub mod slot;
mod standing;
mod transaction;
pub mod way;

use std::{
    collections::HashMap, convert::Infallible, fmt, pin::pin, str::FromStr, sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use pgwire_replication::{Lsn, ReplicationClient, ReplicationEvent};
use rowcast_protocol::PgSnapshot;
use sha2::{Digest, Sha256};
use sqlx::{
    PgConnection, Row,
    postgres::{PgConnectOptions, types::Oid},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

pub use self::{
    failure::Failure,
    standing::{Standing, State},
};
use self::{
    pgoutput::{Message, Relation, parse},
    shape::Shape,
    transaction::{Bounds, Change, Logged, Transaction},
};
use super::session;

/// The name of the publication.
const PUBLICATION: &str = "rowcast";

/// What marks of ours begin with.
const PREFIX: &str = "rowcast";

/// How long it takes until it is tried again to copy, or to become who does; after failures more
/// and more, up to the second.
const RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(8);

/// How often it is looked at what is kept for the slot, and whether this one still copies.
const LOOK: Duration = Duration::from_secs(5);

/// How long the database may take to be connected to.
const CONNECTING: Duration = Duration::from_secs(20);

/// How long it may take to answer, but that it waits for transactions to end. None of the
/// statements may run for longer than a minute.
const ANSWERING: Duration = Duration::from_secs(90);

/// How long what is told may not be seen until that is said, and how often it is looked.
const UNSEEN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How much is added to the log at once, unless one transaction has more.
const BATCH_BYTES: usize = 8 << 20;

/// The messages that wait at the most.
const WAITING: usize = 1024;

/// What PostgreSQL counts from, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// What a copier needs to know.
#[derive(Clone)]
pub struct CopierOptions {
    /// The database, with the session settings of all our connections.
    pub database: PgConnectOptions,
    /// The most bytes of the write-ahead log that are kept for the slot.
    pub slot_max: u64,
}

impl fmt::Debug for CopierOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CopierOptions")
            .field("slot_max", &self.slot_max)
            .finish_non_exhaustive()
    }
}

/// Copying beside what follows the log; it ends when this is dropped.
#[derive(Debug)]
pub struct Copying {
    standing: Arc<Standing>,
    task: JoinHandle<()>,
}

impl Copying {
    /// Starts to copy, or to wait for the place of whoever does, until `stop` says so.
    pub fn start(options: CopierOptions, stop: watch::Receiver<bool>) -> Self {
        let standing = Arc::new(Standing::default());
        let task = tokio::spawn(keep(options, Arc::clone(&standing), stop));
        Self { standing, task }
    }

    /// The same, but not before `wanted` says that changes come from there.
    pub fn start_once(
        mut wanted: watch::Receiver<bool>,
        options: CopierOptions,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let standing = Arc::new(Standing::default());
        let theirs = Arc::clone(&standing);
        let task = tokio::spawn(async move {
            // Whoever would say so is gone.
            if wanted.wait_for(|wanted| *wanted).await.is_ok() {
                keep(options, theirs, stop).await;
            }
        });
        Self { standing, task }
    }

    /// Ends before anything was copied: a slot that was made for it would be read by nobody.
    pub async fn give_up(self, database: &PgConnectOptions) {
        self.task.abort();
        if !self.standing.has_made() {
            return;
        }
        let removing = async {
            let mut connection = session::connect(database).await?;
            let slot = slot::name(&mut connection).await?;
            slot::remove(&mut connection, &slot).await?;
            session::close(connection).await;
            Ok::<_, Failure>(())
        };
        if let Err(failure) = within(ANSWERING, removing).await {
            tracing::error!(
                reason = failure.reason(),
                "the replication slot that was made can't be dropped, and the write-ahead log is \
                 kept for it: SELECT pg_drop_replication_slot as a role that may"
            );
        }
    }

    /// How it does.
    pub fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Copies, or waits for the place of whoever does, until `stop` says so.
pub async fn run(options: CopierOptions, stop: watch::Receiver<bool>) {
    keep(options, Arc::default(), stop).await;
}

async fn keep(options: CopierOptions, standing: Arc<Standing>, mut stop: watch::Receiver<bool>) {
    let mut wait = RETRY;
    loop {
        tokio::select! {
            ended = copy(&options, &standing) => match ended {
                Ok(never) => match never {},
                Err(failure) => {
                    let reason = failure.reason();
                    tracing::warn!(
                        reason,
                        "changes are not copied from the write-ahead log; trying again"
                    );
                    wait = match standing.copies() {
                        true => RETRY,
                        false => (wait * 2).min(LAST_RETRY),
                    };
                    standing.becomes(State::Failed(reason));
                }
            },
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn copy(options: &CopierOptions, standing: &Standing) -> Result<Infallible, Failure> {
    let connecting = session::connect(&options.database);
    let mut connection = within(CONNECTING, connecting).await?;
    let slot = slot::name(&mut connection).await?;
    seat::take(&mut connection, &slot, options.slot_max, standing).await?;
    let is_too_much = is_too_much(&mut connection, &slot, options, standing).await?;
    if is_too_much || !slot::leads_on(&mut connection, &slot).await? {
        tracing::warn!("a new replication slot is made: every list is read again");
        standing.becomes(State::Making);
        make(&mut connection, &slot, options, standing).await?;
    }
    // What the slot is told was copied has to outlive a crash; no standby has to have it.
    sqlx::query("SET synchronous_commit = local")
        .execute(&mut connection)
        .await?;
    // Whoever had this seat before may not have let go of the slot yet.
    slot::free(&mut connection, &slot).await?;
    let tunnel = way::tunnel(&options.database)?;
    let mut copier = Copier::begin(connection).await?;
    let config = way::stream(&options.database, &tunnel, &slot, copier.reached);
    let mut client = within(CONNECTING, ReplicationClient::connect(config)).await?;
    // Until then it only tries to.
    within(CONNECTING, client.wait_started()).await?;
    standing.becomes(State::Copying);
    match copier.follow(client, options, &slot, standing).await {
        Err(Failure::TooMuchKept) => {
            slot::remove(&mut copier.connection, &slot).await?;
            Err(Failure::TooMuchKept)
        }
        ended => ended,
    }
}

/// Makes the slot, and looks meanwhile at what is kept for it: while a transaction that ran before is
/// open nothing is read of it.
async fn make(
    connection: &mut PgConnection,
    slot: &str,
    options: &CopierOptions,
    standing: &Standing,
) -> Result<(), Failure> {
    let mut making = pin!(slot::make(connection, slot));
    loop {
        tokio::select! {
            made = &mut making => return Ok(made?),
            () = sleep(LOOK) => {}
        }
        let looked = async {
            let mut beside = session::connect(&options.database).await?;
            let is_too_much = is_too_much(&mut beside, slot, options, standing).await?;
            if is_too_much {
                // With who makes it, for that is who has it.
                slot::remove(&mut beside, slot).await?;
            }
            session::close(beside).await;
            Ok::<_, Failure>(is_too_much)
        };
        match within(ANSWERING, looked).await {
            Ok(true) => return Err(Failure::TooMuchKept),
            Ok(false) => {}
            Err(failure) => tracing::debug!(
                reason = failure.reason(),
                "it can't be looked at what is kept for the slot"
            ),
        }
    }
}

/// What the database answers, if it does in time.
async fn within<T, E>(
    time: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    match timeout(time, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::Silence),
    }
}

/// Looks at what is kept for the slot, and says loudly if that is more than may be.
async fn is_too_much(
    connection: &mut PgConnection,
    slot: &str,
    options: &CopierOptions,
    standing: &Standing,
) -> Result<bool, Failure> {
    let kept = slot::retained(connection, slot).await?;
    standing.retains(kept);
    if standing.nears(kept > options.slot_max / 2) {
        tracing::warn!(
            kept,
            allowed = options.slot_max,
            "much of the write-ahead log is kept for the replication slot: past ROWCAST_SLOT_MAX it \
             is dropped and made anew, and every list is read again; a transaction that has been \
             open for long may be why"
        );
    }
    if kept <= options.slot_max {
        return Ok(false);
    }
    tracing::error!(
        kept,
        allowed = options.slot_max,
        "more of the write-ahead log was kept than ROWCAST_SLOT_MAX allows: the replication slot \
         is dropped and made anew, and every list is read again"
    );
    Ok(true)
}

/// What is copied, and how far.
struct Copier {
    connection: PgConnection,
    secret: Vec<u8>,
    bounds: Bounds,
    reached: Lsn,
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
    async fn begin(mut connection: PgConnection) -> Result<Self, Failure> {
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

    async fn follow(
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
