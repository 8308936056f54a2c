//! Writing the stream, and what is asked of whoever leads.
//!
//! Nobody waits for it: what can't be written, because the bus is out of reach, is left out, and
//! whoever follows reads the log for it. On a bus that is slow, what comes meanwhile becomes one entry.

mod desk;
mod writing;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rowcast_protocol::PgSnapshot;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use self::{desk::Desk, writing::Writing};
use super::{Address, clock::Clock, entry::Entry, reader::Ask, signature::Key};
use crate::{capture::Read, traces::Traces};

/// How long the end of a writer may take.
const ENDING: Duration = Duration::from_millis(500);

/// Where one who leads stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// In which history.
    pub epoch: u64,
    /// What was told last.
    pub version: PgSnapshot,
    /// A hash of all definitions.
    pub definitions: u64,
    /// The database's clock, if it was read yet.
    pub clock: Option<Clock>,
    /// What those who serve it sign with.
    pub key: Key,
}

/// Writes to a bus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    orders: mpsc::UnboundedSender<Order>,
    leads: AtomicBool,
    desk: Mutex<Desk>,
    /// Rung when something is put on the desk.
    laid: Notify,
    /// Rung when somebody begins to lead.
    begun: Notify,
    written: AtomicU64,
    /// Whether the bus took nothing when it was last tried, which was told.
    is_mute: AtomicBool,
    id: u64,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
enum Order {
    /// Something is asked; whether that was written is told.
    Ask(u64, Ask, Option<oneshot::Sender<bool>>),
    End(oneshot::Sender<()>),
}

impl Writer {
    /// One that writes to this bus, until its task is aborted or all of it are dropped.
    pub fn start(address: Address, traces: Traces) -> (Self, JoinHandle<()>) {
        let (orders, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            orders,
            leads: AtomicBool::new(false),
            desk: Mutex::new(Desk::default()),
            laid: Notify::new(),
            begun: Notify::new(),
            written: AtomicU64::new(0),
            is_mute: AtomicBool::new(false),
            id: number(),
        });
        let writing = Writing::new(address, Arc::clone(&shared), traces);
        (Self(shared), tokio::spawn(writing.run(queue)))
    }

    /// From now on what is read is written, or no more.
    pub fn lead(&self, leads: bool) {
        if self.0.leads.swap(leads, Ordering::AcqRel) != leads && leads {
            self.0.begun.notify_one();
        }
    }

    /// Leads no more, and says so, that somebody else does.
    pub fn resign(&self) {
        self.say(Entry::Ended);
        self.lead(false);
    }

    /// The same, that somebody does who does nothing else.
    pub fn give_way(&self) {
        self.say(Entry::GivenWay);
        self.lead(false);
    }

    /// Whether it is.
    pub fn leads(&self) -> bool {
        self.0.leads.load(Ordering::Acquire)
    }

    /// Says where the one who writes stands. While that is not known nobody hears of them.
    pub fn stand(&self, standing: Option<Standing>) {
        if standing.is_none() {
            self.say(Entry::Ended);
        }
        self.0.desk().standing = standing;
    }

    /// Says since when the one who writes has been reading the log, or telling of it; `None` while
    /// there is nothing to do. Where that hangs nobody hears of them either.
    pub fn at_work(&self, since: Option<Instant>) {
        self.0.desk().busy = since;
    }

    /// Tells others what was read, and where the one who writes stands after it.
    pub fn tell(&self, read: &Read, standing: Standing) {
        let mut desk = self.0.desk();
        if self.leads() {
            desk.tell(read, &standing);
            self.0.laid.notify_one();
        }
        desk.standing = Some(standing);
    }

    /// Says to those who follow what becomes of who leads.
    fn say(&self, entry: Entry) {
        if self.leads() {
            self.0.desk().say(entry);
            self.0.laid.notify_one();
        }
    }

    /// Asks whoever leads in a history.
    pub fn ask(&self, epoch: u64, ask: Ask) {
        let _ = self.0.orders.send(Order::Ask(epoch, ask, None));
    }

    /// Whether anything can be written: asks for a read.
    pub async fn works(&self, epoch: u64) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self
            .0
            .orders
            .send(Order::Ask(epoch, Ask::Read, Some(reply)));
        answer.await.unwrap_or(false)
    }

    /// By what its pieces are known.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Says that one leads no more, if one did, and waits a moment until that is written.
    pub async fn end(&self) {
        self.stand(None);
        self.lead(false);
        let (reply, ended) = oneshot::channel();
        let _ = self.0.orders.send(Order::End(reply));
        let _ = timeout(ENDING, ended).await;
    }

    /// Whether the bus took nothing when it was last tried.
    pub fn is_mute(&self) -> bool {
        self.0.is_mute.load(Ordering::Acquire)
    }

    /// How many entries were written.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }
}

/// Whatever tells one writer from another.
fn number() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        // It only tells pieces apart of which two write at once.
        Err(_) => u64::from(std::process::id()),
    }
}
