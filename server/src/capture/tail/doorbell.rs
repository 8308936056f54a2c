//! When the log is read: at the bell, or at a beat.

use super::*;

/// How long an awake tail waits between two reads.
const BEAT: Duration = Duration::from_millis(1);

/// How often a tail reads that can't be woken reliably, because another server's tail holds
/// the awake lock.
const BESIDE_ANOTHER: Duration = Duration::from_secs(1);

/// How often a sleeping tail reads where transactions may be prepared, which can't ring.
const UNRUNG: Duration = Duration::from_secs(2);

/// How the way to sleep ended.
enum Settled {
    /// Whoever writes rings from now on.
    Calm,
    /// Another tail is awake: writers skip the bell, and it rings instead.
    BesideAnother,
    /// Much is written: the awake lock is held.
    Busy,
}

/// Why a sleeping tail does not go on sleeping.
enum Roused {
    /// Much is written: the awake lock is held.
    Busy,
    /// The other tail is no longer awake. Writers may have skipped the bell for it.
    Alone,
}

/// Why a tail reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Bell(Rung),
    Nudge,
    /// Nothing was heard for a while.
    Patience,
}

impl Follower {
    /// Follows the log until that fails or nobody listens any more.
    pub(super) async fn follow(&mut self, connection: &mut Connection) -> Result<Infallible, Stop> {
        self.pace.take_up(Rhythm::Bell);
        loop {
            // Also at first: writers that run now may have found nobody to ring for.
            let beside = match self.settle(connection).await? {
                Settled::Calm => Some(false),
                Settled::BesideAnother => Some(true),
                Settled::Busy => None,
            };
            if let Some(beside) = beside
                && let Roused::Alone = self.asleep(connection, beside).await?
            {
                continue;
            }
            self.awake(connection).await?;
        }
    }

    /// Reads when the bell rings, until so much is written that a beat is cheaper; once in a
    /// while, too, `beside` another tail that is awake, in case that it died.
    async fn asleep(
        &mut self,
        connection: &mut Connection,
        mut beside: bool,
    ) -> Result<Roused, Stop> {
        loop {
            let patience = match (beside, self.pace.is_silent) {
                (true, _) => BESIDE_ANOTHER,
                (false, true) => UNRUNG,
                (false, false) => LIVENESS,
            };
            let wake = self.wait(&mut connection.bell, patience).await?;
            let found = self.look(connection).await?;
            beside |= match wake {
                Wake::Bell(rung) => rung.by_awake,
                Wake::Nudge => false,
                // What is found without a bell was written while another tail was awake.
                Wake::Patience => found > 0,
            };
            if self.pace.found(found, Instant::now()) == Rhythm::Beat {
                if within(locks::lock(&mut connection.log)).await? {
                    return Ok(Roused::Busy);
                }
                beside = true;
            } else if beside
                && wake == Wake::Patience
                && !within(locks::is_another_awake(&mut connection.log)).await?
            {
                return Ok(Roused::Alone);
            }
        }
    }

    /// Reads at a beat, the awake lock held, until little is written; then lets go of it.
    async fn awake(&mut self, connection: &mut Connection) -> Result<(), Stop> {
        self.pace.take_up(Rhythm::Beat);
        self.shared.awake.send_replace(true);
        loop {
            self.rests(true);
            tokio::select! {
                () = sleep(BEAT) => {}
                // They are taken, so that they do not pile up.
                rung = connection.bell.ring() => drop(rung?),
                () = self.shared.nudge.notified() => self.report_next = true,
                () = self.events.closed() => return Err(Stop::Unwanted),
            }
            self.rests(false);
            let found = self.look(connection).await?;
            self.others
                .tell(found > 0, false, &mut connection.log)
                .await?;
            if self.pace.found(found, Instant::now()) == Rhythm::Bell {
                within(locks::unlock(&mut connection.log)).await?;
                self.pace.take_up(Rhythm::Bell);
                self.shared.awake.send_replace(false);
                return Ok(());
            }
        }
    }

    /// Reads until all have ended who may have skipped the bell, or so much is written that
    /// the awake lock was taken.
    ///
    /// A writer that found the lock held, and so skipped the bell, had its transaction id
    /// before the lock was released. So its id is below one that is taken after the release,
    /// and a snapshot taken after that either shows the writer or lists it as running. While
    /// those listed run, the log is read at a slower beat; all who come later ring.
    async fn settle(&mut self, connection: &mut Connection) -> Result<Settled, Stop> {
        // First: if it is released after this, this has to be done once more.
        let mut beside = within(locks::is_another_awake(&mut connection.log)).await?;
        let own = sqlx::query("SELECT pg_catalog.pg_current_xact_id()::text");
        within(own.execute(&mut connection.log)).await?;
        let mut found = self.look(connection).await?;
        let mut stragglers = self.cursor.running.clone();
        let since = Instant::now();
        // Writers have not rung for other servers either; those who come later do.
        let mut owed = found > 0;
        loop {
            let waited_for = stragglers.len();
            stragglers.retain(|xid| !self.cursor.sees(*xid));
            owed |= stragglers.len() < waited_for;
            self.others.tell(owed, false, &mut connection.log).await?;
            owed = false;
            if self.pace.found(found, Instant::now()) == Rhythm::Beat
                && within(locks::lock(&mut connection.log)).await?
            {
                return Ok(Settled::Busy);
            }
            if stragglers.is_empty() {
                self.others.tell(false, true, &mut connection.log).await?;
                return Ok(match beside {
                    true => Settled::BesideAnother,
                    false => Settled::Calm,
                });
            }
            let beat = straggler_beat(since.elapsed());
            let wake = self.wait(&mut connection.bell, beat).await?;
            beside |= matches!(wake, Wake::Bell(rung) if rung.by_awake);
            found = self.look(connection).await?;
        }
    }

    /// Waits for a reason to read.
    async fn wait(&mut self, bell: &mut Bell, patience: Duration) -> Result<Wake, Stop> {
        self.rests(true);
        let wake = tokio::select! {
            rung = bell.ring() => {
                self.shared.bells.fetch_add(1, Ordering::Relaxed);
                Ok(Wake::Bell(rung?))
            }
            () = self.shared.nudge.notified() => {
                self.report_next = true;
                Ok(Wake::Nudge)
            }
            () = self.events.closed() => Err(Stop::Unwanted),
            () = sleep(patience) => Ok(Wake::Patience),
        };
        self.rests(false);
        wake
    }

    /// Reads what is new, and looks after what nobody tells. Returns how many transactions were
    /// found.
    async fn look(&mut self, connection: &mut Connection) -> Result<u32, Stop> {
        let mut found = self.read(&mut connection.log).await?;
        if self.compared.elapsed() >= LIVENESS {
            connection.bell.check().await?;
            found = found.saturating_add(self.compare_all(&mut connection.log).await?);
        }
        Ok(found)
    }
}

/// Whether no bell rings, because transactions may be prepared.
pub(super) async fn is_silent(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT current_setting('max_prepared_transactions') <> '0'")
        .fetch_one(connection)
        .await
}
