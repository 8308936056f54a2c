//! Writing the stream, and what is asked of whoever leads.
//!
//! Nobody waits for it: what can't be written, because the bus is out of reach or too slow, is
//! left out, and whoever follows reads the log for it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{Cmd, RedisError, cmd};
use rowcast_protocol::PgSnapshot;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Address, BEAT, SILENCE, asks_of,
    clock::Clock,
    connection::{Connection, reason},
    entry::{Entry, FORM, MOST_PIECES, PIECE, Told},
    reader::Ask,
    stream_of,
};
use crate::capture::Read;

/// The most bytes of entries that wait to be written.
const WAITING_BYTES: usize = 64 << 20;

/// The most bytes that one who leads leaves in the stream.
const KEPT_BYTES: usize = 64 << 20;

/// The most pieces that stay in it, roughly.
const KEPT_PIECES: usize = 20_000;

/// The most that stay of what was asked, roughly.
const KEPT_ASKS: usize = 100;

/// After how many seconds a stream that nobody writes to is gone.
const LIFETIME: u64 = 3600;

/// How often that is put off.
const LIFETIME_SAID: Duration = Duration::from_secs(600);

/// How long it takes until a bus that failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

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
}

/// Writes to a bus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    orders: mpsc::UnboundedSender<Order>,
    /// Bytes of entries that wait.
    waiting: AtomicUsize,
    leads: AtomicBool,
    /// Where the one who writes stands; `None` while that is not known.
    standing: Mutex<Option<Standing>>,
    /// Since when the one who writes has been reading the log, or telling of it.
    busy: Mutex<Option<Instant>>,
    /// Rung when somebody begins to lead.
    begun: Notify,
    written: AtomicU64,
    id: u64,
}

#[derive(Debug)]
enum Order {
    Entry(u64, Vec<u8>),
    /// Something is asked; whether that was written is told.
    Ask(u64, Ask, Option<oneshot::Sender<bool>>),
    End(oneshot::Sender<()>),
}

impl Writer {
    /// One that writes to this bus, until its task is aborted or all of it are dropped.
    pub fn start(address: Address) -> (Self, JoinHandle<()>) {
        let (orders, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            orders,
            waiting: AtomicUsize::new(0),
            leads: AtomicBool::new(false),
            standing: Mutex::new(None),
            busy: Mutex::new(None),
            begun: Notify::new(),
            written: AtomicU64::new(0),
            id: number(),
        });
        let writing = Writing {
            address,
            shared: Arc::clone(&shared),
            connection: None,
            failed: None,
            is_told: false,
            number: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            begins: false,
            lifetime: None,
            last: Instant::now(),
        };
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
        let stood = {
            let standing = self.0.standing.lock();
            standing.unwrap_or_else(PoisonError::into_inner).clone()
        };
        if let Some(stood) = stood
            && self.leads()
        {
            self.entry(stood.epoch, Entry::Ended);
        }
        self.lead(false);
    }

    /// Whether it is.
    pub fn leads(&self) -> bool {
        self.0.leads.load(Ordering::Acquire)
    }

    /// Says where the one who writes stands. While that is not known nobody hears of them.
    pub fn stand(&self, standing: Option<Standing>) {
        let ends = {
            let mut stood = self
                .0
                .standing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let ends = standing.is_none().then(|| stood.clone()).flatten();
            *stood = standing;
            ends
        };
        if let Some(stood) = ends
            && self.leads()
        {
            self.entry(stood.epoch, Entry::Ended);
        }
    }

    /// Says since when the one who writes has been reading the log, or telling of it; `None` while
    /// there is nothing to do. Where that hangs nobody hears of them either.
    pub fn at_work(&self, since: Option<Instant>) {
        let mut busy = self.0.busy.lock().unwrap_or_else(PoisonError::into_inner);
        *busy = since;
    }

    /// Tells others what was read, and where the one who writes stands after it.
    pub fn tell(&self, read: &Read, standing: Standing) {
        if self.leads() && self.has_room(size(read)) {
            let told = Told {
                read: read.clone(),
                definitions: standing.definitions,
            };
            self.entry(standing.epoch, Entry::Told(told));
        }
        self.stand(Some(standing));
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

    /// How many entries were written.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    fn entry(&self, epoch: u64, entry: Entry) {
        let bytes = entry.encode();
        if !self.has_room(bytes.len()) {
            return;
        }
        self.0.waiting.fetch_add(bytes.len(), Ordering::AcqRel);
        let _ = self.0.orders.send(Order::Entry(epoch, bytes));
    }

    /// Whether an entry of so many bytes is written. The gap that is left else shows by the next
    /// beat at the latest.
    fn has_room(&self, size: usize) -> bool {
        size <= PIECE * MOST_PIECES as usize
            && self.0.waiting.load(Ordering::Acquire) + size <= WAITING_BYTES
    }
}

/// About how many bytes a read is, written.
fn size(read: &Read) -> usize {
    let images = read.rows.iter();
    let images: usize = images.map(|row| row.old.len() + row.new.len() + 40).sum();
    images + read.overflow.len() * 5 + 100
}

/// What is a minute older than something in the stream: whoever follows has that.
fn older(name: &str) -> Option<String> {
    let milliseconds: u64 = name.split('-').next()?.parse().ok()?;
    Some(milliseconds.saturating_sub(60_000).to_string())
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

struct Writing {
    address: Address,
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// When the bus failed last.
    failed: Option<Instant>,
    /// Whether that was told.
    is_told: bool,
    number: u64,
    /// What was left in the stream, oldest first: the name it has there, and its size.
    kept: VecDeque<(String, usize)>,
    kept_bytes: usize,
    /// Whether it has just begun to lead, beside what others have left there.
    begins: bool,
    /// Of which stream it was last said how long it lasts, and when.
    lifetime: Option<(u64, Instant)>,
    /// When something was last written.
    last: Instant,
}

impl Writing {
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Order>) {
        let shared = Arc::clone(&self.shared);
        loop {
            let beat = BEAT.saturating_sub(self.last.elapsed());
            tokio::select! {
                biased;
                order = queue.recv() => match order {
                    Some(order) => self.carry_out(order).await,
                    None => return,
                },
                () = shared.begun.notified() => {
                    self.begins = true;
                    self.beat().await;
                }
                () = sleep(beat) => self.beat().await,
            }
        }
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Entry(epoch, bytes) => {
                self.shared.waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
                self.write(epoch, &bytes).await;
            }
            Order::Ask(epoch, ask, reply) => {
                let add = cmd("XADD")
                    .arg(asks_of(epoch))
                    .arg("MAXLEN")
                    .arg("~")
                    .arg(KEPT_ASKS)
                    .arg("*")
                    .arg("ask")
                    .arg(ask.name())
                    .to_owned();
                let is_written = self.ask::<String>(&add).await.is_some();
                if let Some(reply) = reply {
                    let _ = reply.send(is_written);
                }
            }
            Order::End(reply) => {
                let _ = reply.send(());
            }
        }
    }

    /// Says that one is there, and where, if one leads and does read the log.
    async fn beat(&mut self) {
        self.last = Instant::now();
        let busy = {
            let busy = self.shared.busy.lock();
            *busy.unwrap_or_else(PoisonError::into_inner)
        };
        if busy.is_some_and(|since| since.elapsed() > SILENCE) {
            return;
        }
        let standing = {
            let standing = self.shared.standing.lock();
            standing.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let Some(standing) = standing.filter(|_| self.shared.leads.load(Ordering::Acquire)) else {
            return;
        };
        let read = Read {
            from: standing.version.clone(),
            to: standing.version,
            rows: Vec::new(),
            overflow: Vec::new(),
            changed_schemas: Vec::new(),
            is_purged: false,
            clock: standing.clock.map_or(0, |clock| clock.now()),
        };
        let definitions = standing.definitions;
        let told = Entry::Told(Told { read, definitions });
        self.write(standing.epoch, &told.encode()).await;
    }

    /// Writes an entry, in as many pieces as it takes, unless the bus fails.
    async fn write(&mut self, epoch: u64, bytes: &[u8]) {
        self.last = Instant::now();
        self.number += 1;
        let stream = stream_of(epoch);
        let pieces = bytes.chunks(PIECE);
        let of = pieces.len();
        for (at, piece) in pieces.enumerate() {
            let mut add = cmd("XADD");
            add.arg(&stream);
            match self.oldest() {
                Some(oldest) => add.arg("MINID").arg("~").arg(oldest),
                None => add.arg("MAXLEN").arg("~").arg(KEPT_PIECES),
            };
            add.arg("*").arg("form").arg(FORM);
            add.arg("writer")
                .arg(self.shared.id)
                .arg("number")
                .arg(self.number);
            add.arg("at").arg(at).arg("of").arg(of);
            add.arg("bytes").arg(piece);
            let Some(name) = self.ask::<String>(&add).await else {
                return;
            };
            if std::mem::take(&mut self.begins)
                && let Some(old) = older(&name)
            {
                let trim = cmd("XTRIM")
                    .arg(&stream)
                    .arg("MINID")
                    .arg("~")
                    .arg(old)
                    .to_owned();
                let _: Option<i64> = self.ask(&trim).await;
            }
            self.kept.push_back((name, piece.len()));
            self.kept_bytes += piece.len();
        }
        self.shared.written.fetch_add(1, Ordering::Relaxed);
        let is_said = |(of, at): (u64, Instant)| of == epoch && at.elapsed() < LIFETIME_SAID;
        if !self.lifetime.is_some_and(is_said) {
            for key in [stream, asks_of(epoch)] {
                let expire = cmd("EXPIRE").arg(key).arg(LIFETIME).to_owned();
                let _: Option<i64> = self.ask(&expire).await;
            }
            self.lifetime = Some((epoch, Instant::now()));
        }
    }

    /// From where on the stream is kept, where it holds too much.
    fn oldest(&mut self) -> Option<String> {
        let mut oldest = None;
        while self.kept_bytes > KEPT_BYTES || self.kept.len() > KEPT_PIECES {
            let (_, size) = self.kept.pop_front()?;
            self.kept_bytes -= size;
            oldest = self.kept.front().map(|(name, _)| name.clone());
        }
        oldest
    }

    /// Asks the bus, unless it failed a moment ago.
    async fn ask<T: redis::FromRedisValue>(&mut self, command: &Cmd) -> Option<T> {
        if self.failed.is_some_and(|failed| failed.elapsed() < RETRY) {
            return None;
        }
        match self.try_ask(command).await {
            Ok(answer) => {
                if std::mem::take(&mut self.is_told) {
                    tracing::info!("the bus can be written to again");
                }
                self.failed = None;
                Some(answer)
            }
            Err(error) => {
                // To say it once is enough.
                if !std::mem::replace(&mut self.is_told, true) {
                    tracing::warn!(
                        reason = reason(&error),
                        "the bus can't be written to: servers read the log by themselves meanwhile"
                    );
                }
                self.connection = None;
                self.failed = Some(Instant::now());
                None
            }
        }
    }

    async fn try_ask<T: redis::FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(&self.address).await?),
        };
        connection.ask(command).await
    }
}
