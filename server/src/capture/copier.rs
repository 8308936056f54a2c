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
mod stream;
mod transaction;
pub mod way;

use std::{convert::Infallible, fmt, pin::pin, sync::Arc, time::Duration};

use pgwire_replication::ReplicationClient;
use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::stream::Copier;
pub use self::{
    failure::Failure,
    standing::{Standing, State},
};
use super::session;

/// The name of the publication.
const PUBLICATION: &str = "rowcast";

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

/// The messages that wait at the most: each is a row, as large as rows are.
const WAITING: usize = 256;

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
