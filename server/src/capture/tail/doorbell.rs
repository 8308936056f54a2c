//! When the log is read: at the bell, or at a beat.

use super::*;

impl Follower {
    /// Reads when the bell rings, until so much is written that a beat is cheaper.
    pub(super) async fn asleep(&mut self, connection: &mut Connection) -> Result<(), Stop> {
        let mut liveness = self.liveness;
        loop {
            let wake = self.wait(&mut connection.bell, liveness).await?;
            let rung = matches!(wake, Wake::Bell);
            match wake {
                Wake::Bell => {
                    self.shared.bells.fetch_add(1, Ordering::Relaxed);
                }
                Wake::Nudge => self.report_next = true,
                // Who held it may have ended.
                Wake::Liveness => claim_bell(&mut connection.bell).await?,
            }
            let found = self.read(&mut connection.log).await?;
            self.compare_if_due(&mut connection.log).await?;
            // What is found without a bell was written while another tail was awake.
            liveness = if found > 0 && !rung {
                BESIDE_ANOTHER
            } else {
                self.liveness
            };
            // A silent bell leaves nothing but reading while anything is found.
            let is_silent = self.liveness < LIVENESS;
            if self.rate(found) >= BUSY || found > 0 && is_silent {
                if lock(&mut connection.log).await? {
                    return Ok(());
                }
                // Another server's tail is awake: writers may skip the bell.
                liveness = BESIDE_ANOTHER;
            }
        }
    }

    /// Waits for a reason to read.
    pub(super) async fn wait(
        &self,
        bell: &mut PgListener,
        liveness: Duration,
    ) -> Result<Wake, Stop> {
        tokio::select! {
            rung = bell.try_recv() => match rung? {
                Some(_) => {
                    // What has rung meanwhile is answered by the same read.
                    while bell.next_buffered().is_some() {}
                    Ok(Wake::Bell)
                }
                // The connection was lost, and whatever it would have told.
                None => Err(Stop::Failed(sqlx::Error::WorkerCrashed)),
            },
            () = self.shared.nudge.notified() => Ok(Wake::Nudge),
            () = self.events.closed() => Err(Stop::Unwanted),
            () = sleep(liveness) => Ok(Wake::Liveness),
        }
    }

    /// Reads at a beat, the awake lock held, until little is written.
    pub(super) async fn awake(&mut self, connection: &mut Connection) -> Result<Settled, Stop> {
        self.shared.awake.send_replace(true);
        let mut calm_since: Option<Instant> = None;
        let mut others = Others::default();
        loop {
            tokio::select! {
                () = sleep(BEAT) => {}
                // Our own among them. They are taken, so that they do not pile up.
                rung = connection.bell.try_recv() => match rung? {
                    Some(_) => while connection.bell.next_buffered().is_some() {},
                    None => return Err(Stop::Failed(sqlx::Error::WorkerCrashed)),
                },
                () = self.shared.nudge.notified() => self.report_next = true,
                () = self.events.closed() => return Err(Stop::Unwanted),
            }
            let found = self.read(&mut connection.log).await?;
            others.tell(found > 0, &mut connection.log).await?;
            self.compare_if_due(&mut connection.log).await?;
            if self.rate(found) >= CALM {
                calm_since = None;
                continue;
            }
            let calm = calm_since.get_or_insert_with(Instant::now);
            if calm.elapsed() >= 2 * RATE_WINDOW {
                self.shared.awake.send_replace(false);
                return self.fall_asleep(connection).await;
            }
        }
    }

    /// Lets go of the awake lock without missing a commit.
    ///
    /// A writer that found the lock held, and so skipped the bell, had its transaction id
    /// before the lock was released. So its id is below one that is taken after the release,
    /// and a snapshot taken after that either shows the writer or lists it as running. While
    /// those listed run, the log is read at a slower beat; all who come later ring.
    pub(super) async fn fall_asleep(
        &mut self,
        connection: &mut Connection,
    ) -> Result<Settled, Stop> {
        unlock(&mut connection.log).await?;
        self.settle(connection).await
    }

    /// Reads until all have ended who may have skipped the bell, or so much is written that
    /// the awake lock was taken again.
    pub(super) async fn settle(&mut self, connection: &mut Connection) -> Result<Settled, Stop> {
        sqlx::query("SELECT pg_catalog.pg_current_xact_id()::text")
            .execute(&mut connection.log)
            .await?;
        self.read(&mut connection.log).await?;
        let mut stragglers = self.cursor.running.clone();
        let since = Instant::now();
        loop {
            stragglers.retain(|xid| !self.cursor.sees(*xid));
            if stragglers.is_empty() {
                return Ok(Settled::Calm);
            }
            let beat = (since.elapsed() / STRAGGLER_PATIENCE).clamp(STRAGGLER_BEAT, BESIDE_ANOTHER);
            match self.wait(&mut connection.bell, beat).await? {
                Wake::Bell => {
                    self.shared.bells.fetch_add(1, Ordering::Relaxed);
                }
                Wake::Nudge => self.report_next = true,
                Wake::Liveness => {}
            }
            let found = self.read(&mut connection.log).await?;
            self.compare_if_due(&mut connection.log).await?;
            if self.rate(found) >= BUSY && lock(&mut connection.log).await? {
                return Ok(Settled::Busy);
            }
        }
    }

    /// How many transactions were found lately, now so many more.
    pub(super) fn rate(&mut self, found: u32) -> u32 {
        let elapsed = self.window.elapsed();
        if elapsed >= RATE_WINDOW {
            // Half of what was counted stands for the time before, so that the rate does not
            // fall to nothing at the window's turn.
            self.found_lately = if elapsed < 2 * RATE_WINDOW {
                self.found_lately / 2
            } else {
                0
            };
            self.window = Instant::now();
        }
        self.found_lately = self.found_lately.saturating_add(found);
        self.found_lately
    }
}

/// Other servers' tails, for which writers do not ring while this one is awake: it does.
#[derive(Default)]
struct Others {
    /// Whether there are any, and when that was asked.
    known: Option<(bool, Instant)>,
    /// When it was last rung for them.
    rung: Option<Instant>,
    /// Whether something has been found since.
    is_owed: bool,
}

impl Others {
    /// Rings for them after a read that found something, or soon after.
    async fn tell(
        &mut self,
        found: bool,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        self.is_owed |= found;
        if !self.is_owed || self.rung.is_some_and(|rung| rung.elapsed() < RING_APART) {
            return Ok(());
        }
        let there_are = match self.known {
            Some((there_are, asked)) if asked.elapsed() < BESIDE_ANOTHER => there_are,
            _ => {
                let there_are = is_accompanied(connection).await?;
                self.known = Some((there_are, Instant::now()));
                there_are
            }
        };
        self.is_owed = false;
        if there_are {
            self.rung = Some(Instant::now());
            // What is lost of it in a crash was for listeners who are lost as well.
            sqlx::query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, '')")
                .bind(CHANNEL)
                .execute(connection)
                .await?;
        }
        Ok(())
    }
}

/// Whether other tails of this database are there.
async fn is_accompanied(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) > 1 FROM pg_catalog.pg_locks \
          WHERE locktype = 'advisory' AND classid = rowcast.awake_class()::int8::oid \
            AND objid = 3::oid AND objsubid = 2 \
            AND database = (SELECT oid FROM pg_catalog.pg_database \
                             WHERE datname = pg_catalog.current_database())",
    )
    .fetch_one(connection)
    .await
}

/// Tries to take the awake lock.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 1)")
        .fetch_one(connection)
        .await
}

pub(super) async fn unlock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.pg_advisory_unlock(rowcast.awake_class(), 1)")
        .execute(connection)
        .await?;
    Ok(())
}

/// Has the bell ring: it is silent where nobody holds this lock, which goes with the
/// connection. Where another server's tail holds it, the bell rings for both.
pub(super) async fn claim_bell(bell: &mut PgListener) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT pg_catalog.pg_try_advisory_lock(rowcast.awake_class(), 2) \
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks \
             WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() \
               AND classid = rowcast.awake_class()::int8::oid AND objid = 2::oid)",
    )
    .execute(bell)
    .await?;
    Ok(())
}

/// Has other tails see that this one is there, as long as the connection is.
pub(super) async fn attend(bell: &mut PgListener) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.pg_advisory_lock_shared(rowcast.awake_class(), 3)")
        .execute(bell)
        .await?;
    Ok(())
}

/// How often a sleeping tail reads unasked.
pub(super) async fn liveness(connection: &mut PgConnection) -> Result<Duration, sqlx::Error> {
    let silent: bool =
        sqlx::query_scalar("SELECT current_setting('max_prepared_transactions') <> '0'")
            .fetch_one(connection)
            .await?;
    Ok(if silent { UNRUNG } else { LIVENESS })
}
