//! Live queries: the engine, fed from the change log, and its clients.
//!
//! [`Hub`](hub::Hub) is the one task that owns the engine. Sessions send it commands and have
//! an [`Outbox`](outbox::Outbox) each; the hub publishes what a window's clients are told in
//! its [`Channel`](channel::Channel), from where [`FanOut`](fanout::FanOut) takes it to their
//! outboxes; what the engine wants read goes to a [`Worker`](work::Worker). Nothing waits for
//! a client, and the hub waits for nothing.

pub mod ask;
pub mod changes;
pub mod channel;
pub mod clock;
pub mod cost;
pub mod event;
pub mod fanout;
pub mod feed;
pub mod figures;
pub mod hub;
pub mod leaps;
pub mod outbox;
pub mod place;
pub mod plan;
pub mod prepare;
pub mod work;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rowcast_protocol::{ApiError, Cursor, message::Snapshot, query::Query};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};

use self::{
    cost::Busy,
    figures::Figures,
    hub::{Asked, Command, Following, Sink, Subscribe},
    outbox::Outbox,
};
use crate::{limit::Subject, query::bound::BoundQuery, traces};

/// Names a subscription within the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId(u64);

/// A handle to the hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Live {
    commands: mpsc::Sender<Command>,
    next_id: Arc<AtomicU64>,
    following: watch::Receiver<Following>,
    figures: Arc<Figures>,
    binding: Arc<Semaphore>,
}

/// How many queries are bound at once for clients that begin to follow them. The rest wait
/// their turn, so that ten thousand that come at once leave connections to the database for
/// others.
const CONCURRENT_BINDS: usize = 4;

impl Live {
    /// A handle to the hub that takes these commands.
    pub fn new(
        commands: mpsc::Sender<Command>,
        following: watch::Receiver<Following>,
        figures: Arc<Figures>,
    ) -> Self {
        Self {
            commands,
            next_id: Arc::new(AtomicU64::new(1)),
            following,
            figures,
            binding: Arc::new(Semaphore::new(CONCURRENT_BINDS)),
        }
    }

    /// Waits for a turn to bind a query.
    pub async fn admit_binding(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.binding.acquire().await.ok()
    }

    /// Follows a query under a new id: its events go to `outbox` under `number`, from the
    /// cursor on where one is given. `subject`: by whom it is counted that rows are read for it.
    pub async fn subscribe(
        &self,
        asked: Asked,
        subject: Option<Subject>,
        cursor: Option<Cursor>,
        outbox: &Arc<Outbox>,
        number: u32,
    ) {
        let sink = Sink::Stream(Arc::clone(outbox), number);
        self.send(asked, subject, cursor, sink).await;
    }

    /// A name for a new subscription.
    pub fn new_id(&self) -> SubscriberId {
        SubscriberId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// A query's list as it is now. The window stays live for a while, so that a client that
    /// follows it with the snapshot's cursor misses nothing.
    ///
    /// # Errors
    /// Those of a read; `stopping` if the server is about to end.
    pub async fn snapshot(
        &self,
        query: Arc<Query>,
        bound: BoundQuery,
        subject: Option<Subject>,
    ) -> Result<Snapshot, ApiError> {
        let (reply, answer) = oneshot::channel();
        let id = self.new_id();
        let guard = Unsubscribe(self, id);
        let asked = Asked { id, query, bound };
        self.send(asked, subject, None, Sink::Once(reply)).await;
        let snapshot = answer.await.unwrap_or_else(|_| Err(stopping()));
        drop(guard);
        snapshot
    }

    /// Ends a subscription.
    pub async fn unsubscribe(&self, id: SubscriberId) {
        let _ = self.commands.send(Command::Unsubscribe(id)).await;
    }

    /// Ends a subscription from where nothing can be waited for.
    pub fn leave(&self, id: SubscriberId) {
        if let Err(mpsc::error::TrySendError::Full(command)) =
            self.commands.try_send(Command::Unsubscribe(id))
        {
            let commands = self.commands.clone();
            tokio::spawn(async move { commands.send(command).await });
        }
    }

    /// Asks for fresh lists for subscriptions that lost events.
    pub async fn resync(&self, ids: Vec<SubscriberId>) {
        let _ = self.commands.send(Command::Resync(ids)).await;
    }

    /// The lists that cost most of late, so many at most; none if the server is about to end.
    pub async fn busiest(&self, most: usize) -> Vec<Busy> {
        let (reply, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Busiest(most, reply)).await;
        answer.await.unwrap_or_default()
    }

    /// Whether the change log is being followed, and when that changes.
    pub fn following(&self) -> watch::Receiver<Following> {
        self.following.clone()
    }

    /// What is counted.
    pub fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    async fn send(
        &self,
        asked: Asked,
        subject: Option<Subject>,
        cursor: Option<Cursor>,
        sink: Sink,
    ) {
        let subscribe = Subscribe {
            asked,
            subject,
            cursor,
            sink,
            cause: traces::cause(),
        };
        // A hub that is gone has closed, or never opens, the outbox's connection.
        let _ = self
            .commands
            .send(Command::Subscribe(Box::new(subscribe)))
            .await;
    }
}

/// Ends a subscription when its caller has what it wanted, or goes away without it.
struct Unsubscribe<'a>(&'a Live, SubscriberId);

impl Drop for Unsubscribe<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// A table is not live.
pub fn not_live(table: &str) -> ApiError {
    ApiError::new(
        "not_live",
        format!("the table \"{table}\" is not live"),
        format!("make it live with: rowcast watch {table}"),
    )
}

/// The server is about to end.
pub fn stopping() -> ApiError {
    ApiError::new(
        "stopping",
        "the server is stopping",
        "connect again in a moment",
    )
}
