//! One's seat on a bus: whether one leads, and what of the stream one hears.

use tokio::time::{MissedTickBehavior, interval};

use super::{stream::Stream, *};
use crate::capture::bus::{
    Part, SILENCE, asks_of, election,
    entry::{Entry, Pieces, Told},
    reader::{Ask, Failed, Reader, last},
    stream_of,
};

/// How often one who does not lead tries to, while nobody is heard of, and one who does makes sure
/// of it.
const TRY: Duration = Duration::from_secs(1);

/// The same of one who does nothing else.
const LEADERS_TRY: Duration = Duration::from_millis(200);

/// How long the database has to answer who leads.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the connection that holds the lock of who leads has to show that it is there: meanwhile
/// nobody is heard who asks, and somebody else may hold the lock already.
const SIGN: Duration = Duration::from_millis(1_500);

/// How long a bus has to take what one who is to lead writes to it.
const TAKEN: Duration = Duration::from_millis(1_500);

/// For how long one does not try to lead so that somebody else does.
const ABSENCE: Duration = Duration::from_secs(4);

/// For how long nobody may have been heard of who has to lead, before somebody else does.
const DEPOSED: Duration = Duration::from_secs(8);

/// A seat.
pub(super) struct Seat {
    bus: BusOptions,
    pub writer: Writer,
    shared: Arc<Shared>,
    /// A connection that holds the lock of who leads, or reads what the stream left out.
    side: Option<PgConnection>,
    database: PgConnectOptions,
    /// Before it one does not try to lead: somebody else is to.
    not_before: Instant,
}

impl Seat {
    pub fn new(
        bus: BusOptions,
        writer: Writer,
        shared: Arc<Shared>,
        database: PgConnectOptions,
    ) -> Self {
        Self {
            bus,
            writer,
            shared,
            side: None,
            database,
            not_before: Instant::now(),
        }
    }

    /// Waits until one leads.
    pub async fn win(&mut self) {
        let mut asked: Option<Instant> = None;
        let mut epoch = self.epoch();
        loop {
            // While there was no connection another history may have begun: who leads is asked
            // there.
            if self.side.is_none() {
                match self.epoch_of_now().await {
                    Some(now) => epoch = now,
                    None => {
                        self.shared.is_spare.store(false, Ordering::Release);
                        sleep(LEADERS_TRY).await;
                        continue;
                    }
                }
            }
            let stands = self.stand().await;
            let is_spare = stands == Some(false);
            self.shared.is_spare.store(is_spare, Ordering::Release);
            match stands {
                Some(true) if self.can_lead(epoch).await => {
                    self.writer.lead(true);
                    return;
                }
                Some(true) => {
                    self.step_down(SILENCE).await;
                    sleep(SILENCE).await;
                }
                // A server that leads leaves it to one who does nothing else. Without the database
                // nothing is known of who leads, and there is nothing to be left.
                Some(false) if asked.is_none_or(|asked| asked.elapsed() >= SILENCE) => {
                    self.writer.ask(epoch, Ask::Yield);
                    asked = Some(Instant::now());
                }
                _ => {}
            }
            sleep(LEADERS_TRY).await;
        }
    }

    /// Sees to it, beside reading the log, that somebody leads, until somebody else is heard to:
    /// the stream then. `None` if one who does nothing else leads no more.
    pub async fn sit(&mut self) -> Option<Stream> {
        let mut tries = interval(TRY);
        tries.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stream: Option<Stream> = None;
        let mut asks: Option<Reader<Ask>> = None;
        let mut asked_of = 0;
        // Since when nobody was heard of though the bus works, and who had to lead all the time.
        let mut since = Instant::now();
        let mut leader = None;
        loop {
            let epoch = self.epoch();
            if self.writer.leads() {
                stream = None;
                since = Instant::now();
                if asked_of != epoch {
                    asked_of = epoch;
                    asks = Some(self.asks());
                }
                tokio::select! {
                    _ = tries.tick() => {
                        if asks.is_none() {
                            asks = Some(self.asks());
                        }
                        if !self.still_leads().await {
                            self.writer.resign();
                            if self.bus.part == Part::Leader {
                                return None;
                            }
                        }
                    }
                    ask = heard(asks.as_mut()) => match ask {
                        Ok(Ask::Read) => self.shared.nudge.notify_one(),
                        Ok(Ask::Yield) => self.give_way().await,
                        Err(Failed) => asks = None,
                    },
                }
            } else {
                (asks, asked_of) = (None, 0);
                if stream.as_ref().is_some_and(|stream| stream.epoch != epoch) {
                    stream = None;
                }
                tokio::select! {
                    biased;
                    entry = entry(stream.as_mut()) => match entry {
                        Ok(Entry::Told(told)) if self.may_follow(&told) => {
                            let mut stream = stream?;
                            stream.first = Some(Entry::Told(told));
                            return Some(stream);
                        }
                        Ok(Entry::Told(_)) => since = Instant::now(),
                        Ok(Entry::Ended) => tries.reset_immediately(),
                        Ok(Entry::GivenWay) => self.give_others_time(),
                        Err(Failed) => {
                            stream = None;
                            since = Instant::now();
                        }
                    },
                    _ = tries.tick() => {
                        if Instant::now() >= self.not_before
                            && self.stand().await == Some(true)
                            && self.is_of_now().await
                        {
                            if self.can_lead(epoch).await {
                                tracing::info!("this server reads the log for all");
                                self.writer.lead(true);
                                continue;
                            }
                            self.step_down(SILENCE).await;
                        }
                        if stream.is_none() {
                            stream = self.stream(epoch);
                        }
                        let leads = self.leader().await;
                        if leads != leader {
                            (leader, since) = (leads, Instant::now());
                        }
                        if let Some(silent) = leader
                            && since.elapsed() >= DEPOSED
                        {
                            since = Instant::now();
                            if self.is_of_now().await && self.writer.works(epoch).await {
                                self.depose(silent).await;
                                tries.reset_immediately();
                            }
                        }
                    }
                }
            }
        }
    }

    /// Whether to follow whoever told this: not before it is known how the log goes on, and not if
    /// it comes so late that the log is read sooner.
    fn may_follow(&self, told: &Told) -> bool {
        !self.shared.is_lost.load(Ordering::Acquire) && !self.shared.is_late(told.read.clock)
    }

    /// The connection beside the tail's own.
    ///
    /// # Errors
    /// Those of connecting.
    pub async fn side(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        if self.side.is_none() {
            let opened = timeout(PATIENCE, session::connect(&self.database));
            self.side = Some(opened.await.map_err(|_| lost())??);
        }
        self.side.as_mut().ok_or_else(lost)
    }

    /// It is not used any more, whatever it holds.
    pub fn drop_side(&mut self) {
        self.side = None;
    }

    /// The stream of a history, from now on.
    fn stream(&self, epoch: u64) -> Option<Stream> {
        let (address, own) = (self.bus.address.clone(), self.writer.id());
        let key = self.shared.key()?;
        Some(Stream::start(address, epoch, key, own))
    }

    /// What was last told to all, if that can be seen.
    pub async fn last_told(&self) -> Option<PgSnapshot> {
        let epoch = self.epoch();
        let last = last(&self.bus.address, &stream_of(epoch)).await?;
        match Pieces::new(epoch, self.shared.key()?).take(last) {
            Ok(Some(Entry::Told(told))) => Some(told.read.to),
            _ => None,
        }
    }

    fn asks(&self) -> Reader<Ask> {
        Reader::start(self.bus.address.clone(), asks_of(self.epoch()))
    }

    /// Tries to lead; `None` if the database can't be asked.
    async fn stand(&mut self) -> Option<bool> {
        let side = self.side().await.ok()?;
        match timeout(PATIENCE, election::stand(side)).await {
            Ok(Ok(leads)) => Some(leads),
            _ => {
                self.side = None;
                None
            }
        }
    }

    /// Whether the history that is followed is the database's. One that is not aware of another
    /// one yet would lead where nobody hears it; what it may have taken for that is let go.
    async fn is_of_now(&mut self) -> bool {
        let is_of_now = self.epoch_of_now().await == Some(self.epoch());
        if !is_of_now {
            self.side = None;
        }
        is_of_now
    }

    /// The database's history; `None` if it can't be asked.
    async fn epoch_of_now(&mut self) -> Option<u64> {
        let side = self.side().await.ok()?;
        match timeout(PATIENCE, history::epoch(side)).await {
            Ok(Ok(epoch)) => Some(epoch),
            _ => {
                self.side = None;
                None
            }
        }
    }

    /// Whether the lock is still held: it is as long as its connection is there.
    async fn still_leads(&mut self) -> bool {
        let Some(side) = &mut self.side else {
            return false;
        };
        let sign = sqlx::query("SELECT").execute(side);
        let is_there = matches!(timeout(SIGN, sign).await, Ok(Ok(_)));
        if !is_there {
            self.side = None;
        }
        is_there
    }

    /// Leaves it to lead to somebody who does nothing else.
    async fn give_way(&mut self) {
        if self.bus.part == Part::Leader {
            return;
        }
        self.writer.give_way();
        self.step_down(ABSENCE).await;
    }

    /// Whether what is read would reach anybody, as far as the bus is concerned. One who can't
    /// write there is of no use to those who can.
    async fn can_lead(&self, epoch: u64) -> bool {
        let works = timeout(TAKEN, self.writer.works(epoch)).await;
        matches!(works, Ok(true))
    }

    /// For a while somebody is to lead who does nothing else, if anybody does.
    pub fn give_others_time(&mut self) {
        self.not_before = Instant::now() + ABSENCE;
    }

    /// Lets go of the lock, which somebody else may take for that long.
    async fn step_down(&mut self, away: Duration) {
        self.not_before = Instant::now() + away;
        if let Some(side) = &mut self.side
            && !matches!(
                timeout(PATIENCE, election::step_down(side)).await,
                Ok(Ok(()))
            )
        {
            self.side = None;
        }
    }

    /// The session of whoever leads.
    async fn leader(&mut self) -> Option<i32> {
        let side = self.side().await.ok()?;
        match timeout(PATIENCE, election::leader(side)).await {
            Ok(Ok(leader)) => leader,
            _ => {
                self.side = None;
                None
            }
        }
    }

    async fn depose(&mut self, leader: i32) {
        let Ok(side) = self.side().await else {
            return;
        };
        tracing::warn!("nothing is heard of who reads the log for all: somebody else does it");
        let deposed = timeout(PATIENCE, election::depose(side, leader)).await;
        if !matches!(deposed, Ok(Ok(()))) {
            self.side = None;
        }
    }

    fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::Acquire)
    }
}

async fn entry(stream: Option<&mut Stream>) -> Result<Entry, Failed> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

async fn heard(asks: Option<&mut Reader<Ask>>) -> Result<Ask, Failed> {
    match asks {
        Some(asks) => asks.next().await,
        None => std::future::pending().await,
    }
}
