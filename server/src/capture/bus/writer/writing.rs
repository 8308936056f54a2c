//! The task that writes.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use redis::{Cmd, RedisError, cmd};
use tokio::{sync::mpsc, time::sleep};

use super::{Order, Shared, desk::Next};
use crate::capture::bus::{
    Address, BEAT, asks_of,
    connection::{Connection, reason},
    entry::{Entry, FORM, MOST_PIECES, PIECE},
    stream_of,
};
use crate::traces::{Span, Traces};

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

/// Who writes, and what is known of the stream.
pub(super) struct Writing {
    address: Address,
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// When the bus failed last.
    failed: Option<Instant>,
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
    traces: Traces,
}

impl Writing {
    pub fn new(address: Address, shared: Arc<Shared>, traces: Traces) -> Self {
        Self {
            address,
            shared,
            connection: None,
            failed: None,
            number: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            begins: false,
            lifetime: None,
            last: Instant::now(),
            traces,
        }
    }

    /// Writes what is laid on the desk, and what is asked, until nobody has anything to write.
    pub async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Order>) {
        let shared = Arc::clone(&self.shared);
        loop {
            let next = shared.desk().take();
            if let Some(next) = next {
                self.write(next).await;
                continue;
            }
            let beat = BEAT.saturating_sub(self.last.elapsed());
            tokio::select! {
                biased;
                () = shared.laid.notified() => {}
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
        let beat = match self.shared.leads.load(Ordering::Acquire) {
            true => self.shared.desk().beat(),
            false => None,
        };
        if let Some(beat) = beat {
            self.write(beat).await;
        }
    }

    /// Writes an entry, in as many pieces as it takes, unless the bus fails, or it would be too many.
    async fn write(&mut self, next: Next) {
        self.last = Instant::now();
        let Next { epoch, key, entry } = next;
        let mut span = match &entry {
            Entry::Told(told) if told.read.cause.is_known() => {
                self.traces.begin("write the bus", &told.read.cause)
            }
            _ => Span::default(),
        };
        let bytes = entry.encode(epoch, &key);
        span.count("rowcast.bytes", bytes.len());
        if bytes.len() > PIECE * MOST_PIECES as usize {
            return;
        }
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
                span.fail("bus");
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
                if self.shared.is_mute.swap(false, Ordering::AcqRel) {
                    tracing::info!("the bus can be written to again");
                }
                self.failed = None;
                Some(answer)
            }
            Err(error) => {
                // To say it once is enough.
                if !self.shared.is_mute.swap(true, Ordering::AcqRel) {
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

/// What is a minute older than something in the stream: whoever follows has that.
fn older(name: &str) -> Option<String> {
    let milliseconds: u64 = name.split('-').next()?.parse().ok()?;
    Some(milliseconds.saturating_sub(60_000).to_string())
}
