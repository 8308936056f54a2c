//! Following what another server has read of the log.

use tokio::time::sleep_until;

use super::{reading::told_of, seat::Seat, stream::Stream, *};
use crate::capture::bus::{
    SILENCE,
    entry::{Entry, Told},
    reader::Ask,
    step::{Step, new_of, step},
};

/// How long whoever leads has to read the log when asked to; then it is read here.
const ANSWER: Duration = Duration::from_millis(250);

impl Follower {
    /// Follows until the stream fails or nobody is heard there, or nobody listens any more.
    pub(super) async fn follow_stream(
        &mut self,
        stream: &mut Stream,
        seat: &mut Seat,
    ) -> Result<Infallible, Stop> {
        // It may have been left while it did not answer.
        self.answers().await?;
        // What was asked for of the log may not have been told.
        let mut asked = Some(Instant::now());
        seat.writer.ask(self.epoch, Ask::Read);
        loop {
            let silent = stream.heard + SILENCE;
            let due = asked.map_or(silent, |asked| silent.min(asked + ANSWER));
            let entry = tokio::select! {
                // What has come may be all that was waited for.
                biased;
                entry = stream.next() => entry.map_err(|_| lost())?,
                () = self.shared.nudge.notified() => {
                    seat.writer.ask(self.epoch, Ask::Read);
                    asked.get_or_insert_with(Instant::now);
                    continue;
                }
                () = self.events.closed() => return Err(Stop::Unwanted),
                () = sleep_until(due.into()) => {
                    if stream.heard.elapsed() >= SILENCE {
                        return Err(lost().into());
                    }
                    asked = None;
                    self.catch_up(seat).await?;
                    continue;
                }
            };
            let told = match entry {
                Entry::Told(told) => told,
                Entry::Ended => return Err(lost().into()),
                Entry::GivenWay => {
                    seat.give_others_time();
                    return Err(lost().into());
                }
            };
            if self.shared.is_late(told.read.clock) {
                // What waits behind it is newer, and the log is read sooner than all that.
                return Err(lost().into());
            }
            self.shared.set_clock_forward(told.read.clock);
            if self.take(told, seat).await? {
                asked = None;
            }
        }
    }

    /// Takes in what another one has read; whether that led on.
    async fn take(&mut self, told: Told, seat: &mut Seat) -> Result<bool, Stop> {
        self.learn(told.definitions, seat).await?;
        let Told { mut read, .. } = told;
        if step(&self.cursor, &read.from, &read.to) == Step::Gap {
            self.catch_up(seat).await?;
        }
        match step(&self.cursor, &read.from, &read.to) {
            Step::Gap => return Err(lost().into()),
            Step::Known if self.untold.is_empty() => return Ok(false),
            Step::Known => {
                self.catch_up(seat).await?;
                return Ok(true);
            }
            Step::Onward => new_of(&self.cursor, &mut read.rows),
        }
        self.shared
            .rows
            .fetch_add(read.rows.len() as u64, Ordering::Relaxed);
        let relations = read.rows.iter().map(|row| row.relation);
        self.shared
            .news
            .tell(relations.chain(read.overflow.iter().copied()));
        let to = read.to.clone();
        // What leads on may hold nothing that changed.
        if !read.rows.is_empty() || !read.overflow.is_empty() {
            let traces = &self.options.traces;
            read.cause = told_of(traces, "follow the bus", Duration::ZERO, &read);
        }
        read.from = self.told.clone();
        read.changed_schemas = self.untold.iter().copied().collect();
        self.tell(TailEvent::Read(read)).await?;
        self.untold.clear();
        self.told = to.clone();
        self.cursor = to.clone();
        seat.writer.stand(self.standing(to));
        Ok(true)
    }

    /// Finds out which definitions changed, where whoever leads knows others.
    async fn learn(&mut self, definitions: u64, seat: &mut Seat) -> Result<(), Stop> {
        if definitions == self.definitions || self.acknowledged == Some(definitions) {
            return Ok(());
        }
        let now = within(fingerprint::all(seat.side().await?)).await;
        let now = match now {
            Ok(now) => now,
            Err(error) => {
                seat.drop_side();
                return Err(error.into());
            }
        };
        let changed = fingerprint::differences(&self.fingerprints, &now);
        self.untold.extend(&changed);
        if !changed.is_empty() {
            // Whoever leads may be gone before the triggers fit.
            self.unfit.extend(&changed);
            self.refit_wait = LIVENESS;
            self.refit_at = Instant::now();
        }
        self.know(now);
        self.acknowledged = Some(definitions);
        Ok(())
    }

    /// Reads the log from where one stands, and tells of it even if there is nothing.
    async fn catch_up(&mut self, seat: &mut Seat) -> Result<(), Stop> {
        let read = async {
            let side = seat.side().await?;
            // It may be a connection to what has been put in the database's place.
            if within(history::epoch(side)).await? != self.epoch {
                return Err(lost().into());
            }
            self.report_next = true;
            self.read(side).await
        };
        match read.await {
            Ok(_) => Ok(()),
            Err(stop) => {
                seat.drop_side();
                Err(stop)
            }
        }
    }
}
