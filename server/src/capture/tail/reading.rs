//! Reading the log and comparing definitions: each thing is told, and told once.

use super::*;
use crate::traces::Cause;

impl Follower {
    /// Reads what is new and tells it. Returns how many transactions that was, what was left out
    /// for its size counting as one at the least; 0 if nothing was new.
    pub(super) async fn read(&mut self, connection: &mut PgConnection) -> Result<u32, Stop> {
        let begun = Instant::now();
        let cursor = self.cursor.clone();
        let bound = self.options.read_bound;
        let source = self.source;
        let read = async {
            let end = change_log::reached(connection, source).await?;
            change_log::read_up_to(connection, &cursor, bound, end.as_ref()).await
        };
        let mut read = self.answered(read).await?;
        if self.options.bus.is_some() {
            self.shared.set_clock(read.clock);
        }
        self.shared.reads.fetch_add(1, Ordering::Relaxed);
        self.shared
            .rows
            .fetch_add(read.rows.len() as u64, Ordering::Relaxed);
        if read.is_purged || read.source != source {
            // Found out as if after a lost connection: every list is read again.
            return Err(lost().into());
        }
        let found = transactions(&read);
        let to = read.to.clone();
        if found > 0 {
            let ago = begun.elapsed();
            read.cause = told_of(&self.options.traces, "read the log", ago, &read);
            let relations = read.rows.iter().map(|row| row.relation);
            self.shared
                .news
                .tell(relations.chain(read.overflow.iter().copied()));
            self.compare_touched(connection, &read).await?;
        }
        if found > 0 || self.report_next || !self.untold.is_empty() {
            // Reads that found nothing were not told: this one takes the listener on from
            // what it was told last.
            read.from = self.told.clone();
            read.changed_schemas = self.untold.iter().copied().collect();
            if let Some(writer) = self.shared.writer.get()
                && let Some(standing) = self.standing(to.clone())
            {
                writer.tell(&read, standing);
            }
            self.tell(TailEvent::Read(read)).await?;
            self.report_next = false;
            self.untold.clear();
            self.told = to.clone();
        }
        // Only now: what was read and not told would be lost with the connection.
        self.cursor = to;
        self.retry = FIRST_RETRY;
        Ok(found)
    }

    /// Waits for the log. Where that takes long and the database does not answer others either, it
    /// is told that nothing is followed until it does: the connection may be one of which nothing
    /// will come.
    async fn answered(
        &mut self,
        read: impl Future<Output = Result<Read, sqlx::Error>>,
    ) -> Result<Read, Stop> {
        let answer = within(read);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            read = &mut answer => {
                let read = read?;
                self.answers().await?;
                return Ok(read);
            }
            () = until_silent(&self.options.database) => {}
        }
        tracing::warn!(
            "the database does not answer; still waiting for what is new in the change log"
        );
        self.tell(TailEvent::Lost).await?;
        self.hangs = true;
        let read = answer.await?;
        self.answers().await?;
        Ok(read)
    }

    /// If it was told that nothing is followed, that does not hold any more.
    pub(super) async fn answers(&mut self) -> Result<(), Stop> {
        if self.hangs {
            self.tell(TailEvent::Recovered).await?;
            // Only now: this may be dropped before it was told.
            self.hangs = false;
        }
        Ok(())
    }

    pub(super) async fn tell(&self, event: TailEvent) -> Result<(), Stop> {
        self.events.send(event).await.map_err(|_| Stop::Unwanted)
    }

    /// Compares the definitions of the relations that a read touched, where it is not certain
    /// that the log would tell of a change.
    async fn compare_touched(
        &mut self,
        connection: &mut PgConnection,
        read: &Read,
    ) -> Result<(), Stop> {
        let suspicious = read
            .rows
            .iter()
            .any(|row| matches!(row.kind, ChangeKind::Definition | ChangeKind::Unknown));
        // What was left out may have told of a change too.
        if suspicious || !read.overflow.is_empty() || !self.is_told {
            self.compare(connection).await?;
        }
        Ok(())
    }

    /// Compares all definitions, for what no trigger tells, and tells of what changed, with
    /// what is new. Returns how many transactions that was.
    pub(super) async fn compare_all(&mut self, connection: &mut PgConnection) -> Result<u32, Stop> {
        self.compare(connection).await?;
        if self.untold.is_empty() {
            return Ok(0);
        }
        self.report_next = true;
        self.read(connection).await
    }

    /// Finds the relations whose definition changed since the last comparison; each change
    /// is told once. Triggers are made to fit; where that fails (the table is busy, or not
    /// ours to alter) it is tried again, less and less often.
    async fn compare(&mut self, connection: &mut PgConnection) -> Result<(), Stop> {
        self.compared = Instant::now();
        let now = within(fingerprint::all(connection)).await?;
        self.is_told = within(fingerprint::is_told(connection)).await?;
        let changed = fingerprint::differences(&self.fingerprints, &now);
        self.know(now);
        self.untold.extend(&changed);
        if !changed.is_empty() {
            self.unfit.extend(&changed);
            self.refit_wait = LIVENESS;
            self.refit_at = self.compared;
        }
        if self.unfit.is_empty() || self.compared < self.refit_at {
            return Ok(());
        }
        let unfit: Vec<u32> = self.unfit.iter().copied().collect();
        match within(watch::refresh(connection, &unfit)).await {
            Ok(()) => {
                self.unfit.clear();
                // The triggers were part of the definition.
                let fingerprints = within(fingerprint::all(connection)).await?;
                self.know(fingerprints);
            }
            Err(error) => {
                watch::tell_misfit(&error)?;
                self.refit_at = self.compared + self.refit_wait;
                self.refit_wait = (self.refit_wait * 2).min(REFIT_LIMIT);
            }
        }
        Ok(())
    }
}

/// Tells of a read that found something, in a span that began so long ago and has ended.
pub(super) fn told_of(traces: &Traces, name: &'static str, ago: Duration, read: &Read) -> Cause {
    let mut span = traces.began(name, &Cause::default(), ago);
    if span.is_recorded() {
        let bytes = read.rows.iter().map(|row| row.old.len() + row.new.len());
        span.count("rowcast.rows", read.rows.len());
        span.count("rowcast.bytes", bytes.sum());
        span.count("rowcast.tables_left_out", read.overflow.len());
        if let Some(oldest) = read.rows.iter().map(|row| row.at).min() {
            let lag = (read.clock - oldest).max(0);
            span.say("rowcast.lag_seconds", lag as f64 / 1e6);
        }
    }
    span.cause()
}

/// Waits until a database that has not answered for a while does not answer anybody else either.
async fn until_silent(database: &PgConnectOptions) {
    sleep(HANGS).await;
    tracing::warn!(
        seconds = HANGS.as_secs(),
        "the database has not answered what is new in the change log; still waiting"
    );
    while has_answer(database).await {
        sleep(HANGS).await;
    }
}

/// Whether the database answers whoever comes. To be refused is an answer, unless it says that
/// there is no database for now.
async fn has_answer(database: &PgConnectOptions) -> bool {
    let asked = async {
        match session::connect(database).await {
            Ok(connection) => {
                session::close(connection).await;
                true
            }
            Err(sqlx::Error::Database(error)) => {
                !error.code().is_some_and(|code| code.starts_with("57P"))
            }
            Err(_) => false,
        }
    };
    timeout(HANGS, asked).await.unwrap_or(false)
}

/// How many transactions a read found.
fn transactions(read: &Read) -> u32 {
    let mut xids: Vec<u64> = read.rows.iter().map(|row| row.xid).collect();
    // The order of the log's rows means nothing, so those of one may lie apart.
    xids.sort_unstable();
    xids.dedup();
    let found = xids.len().max(usize::from(!read.overflow.is_empty()));
    u32::try_from(found).unwrap_or(u32::MAX)
}
