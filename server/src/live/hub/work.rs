//! What the engine wants done, and what comes of it.

use super::*;

impl Hub {
    pub(super) fn act(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Ready(window) => self.ready(window),
                Output::Patch {
                    window,
                    from,
                    patch,
                } => {
                    let Some(feed) = self.feeds.get_mut(&window) else {
                        continue;
                    };
                    let begun = Instant::now();
                    let changes = patch.ops.len() as u64;
                    let from = Place {
                        version: from,
                        moment: patch.time.map(|time| time.from),
                    };
                    let to = Place {
                        version: patch.to,
                        moment: patch.time.map(|time| time.to),
                    };
                    let message = Patch {
                        ops: patch.ops,
                        total: patch.total,
                        aggregates: patch.aggregates,
                        cursor: to.cursor(feed.bound.epoch(self.epoch)),
                        changed_at: patch.changed_at,
                    };
                    let table = feed.bound.table.oid;
                    let oldest = self.oldest.get(&table).copied();
                    self.patches_made += 1;
                    let number = PatchNumber(self.patches_made);
                    let event = feed.patch(number, from, to, message, oldest);
                    self.backlog_bytes += event.size();
                    self.backlog.push_back((window, number, event.size()));
                    self.figures.patches.add(1);
                    self.figures.sent.add(feed.channel.len() as u64);
                    if feed.channel.publish(event) {
                        self.fan_out.see_to(&feed.channel);
                    }
                    feed.cost.patches += 1;
                    feed.cost.changes += changes;
                    self.spent(window, begun.elapsed());
                }
                Output::Regained {
                    window,
                    from,
                    to,
                    time,
                } => {
                    if let Some(feed) = self.feeds.get_mut(&window) {
                        let place = |version, moment| Place { version, moment };
                        feed.regained(
                            place(from, time.map(|time| time.from)),
                            place(to, time.map(|time| time.to)),
                        );
                    }
                }
                Output::Read {
                    window,
                    request,
                    wanted,
                } => {
                    let Some(feed) = self.feeds.get_mut(&window) else {
                        continue;
                    };
                    let mut delay = Duration::ZERO;
                    if let RowsWanted::Places { .. } = wanted {
                        let now = Instant::now();
                        if let Some(last) = feed.last_whole_read {
                            let apart = feed.whole_read_took * WHOLE_READ_SPACING;
                            let apart = apart.clamp(WHOLE_READ_INTERVAL, WHOLE_READ_APART);
                            let due = last + apart;
                            delay = due.saturating_duration_since(now);
                        }
                        feed.last_whole_read = Some(now + delay);
                    }
                    let job = Job::Read {
                        window,
                        request,
                        wanted,
                        query: Arc::clone(&feed.bound),
                        is_first: !self.engine.is_ready(window),
                        subject: feed.subject,
                        alive: feed.alive(),
                        cause: self.cause.clone(),
                    };
                    self.worker.start(job, delay);
                }
                Output::Ask { query, question } => {
                    if let Some(bound) = self.query(query) {
                        let job = Job::Ask {
                            id: query,
                            question,
                            query: bound,
                            cause: self.cause.clone(),
                        };
                        self.worker.start(job, Duration::ZERO);
                    }
                }
                Output::Turns { window, at } => self.turns_at(window, at),
                Output::CatchUp => self.tail.nudge(),
            }
        }
        self.bound_backlog();
    }

    /// Has windows forget the oldest of all patches where more is kept than may be.
    fn bound_backlog(&mut self) {
        while self.backlog_bytes > BACKLOG_BYTES {
            let Some((window, number, size)) = self.backlog.pop_front() else {
                return;
            };
            self.backlog_bytes = self.backlog_bytes.saturating_sub(size);
            if let Some(feed) = self.feeds.get_mut(&window) {
                feed.forget(number);
            }
        }
    }

    /// Lists are kept as events while many may ask for them, not for as long as they are true.
    pub(super) fn forget_snapshots(&mut self) {
        while let Some((made, window)) = self.snapshots.front()
            && made.elapsed() >= SNAPSHOT_KEPT
        {
            if let Some(feed) = self.feeds.get_mut(window) {
                feed.forget_snapshot();
            }
            self.snapshots.pop_front();
        }
        if self.snapshots.is_empty() {
            self.snapshots = VecDeque::new();
        }
    }

    pub(super) fn query(&self, id: QueryId) -> Option<Arc<BoundQuery>> {
        let window = self.engine.windows_of(id).next()?;
        self.feeds.get(&window).map(|feed| Arc::clone(&feed.bound))
    }

    pub(super) fn ready(&mut self, window: WindowId) {
        let Some(feed) = self.feeds.get(&window) else {
            return;
        };
        for id in feed.channel.members() {
            self.greet(id);
        }
    }

    pub(super) fn done(&mut self, job: Job, result: Result<Outcome, ApiError>, took: Duration) {
        if let Job::Read { window, wanted, .. } = &job
            && matches!(wanted, RowsWanted::Places { .. })
            && let Some(feed) = self.feeds.get_mut(window)
        {
            feed.whole_read_took = took;
        }
        self.asked(&job, took);
        // What is asked for next comes of the same.
        self.cause = job.cause().clone();
        self.take(job, result);
        self.cause = Cause::default();
    }

    fn take(&mut self, job: Job, result: Result<Outcome, ApiError>) {
        match (job, result) {
            (Job::Read { request, .. }, Ok(Outcome::Rows(rows, clock))) => {
                if let Some(clock) = clock {
                    self.clock = Some(clock);
                }
                let outputs = self.engine.rows(request, rows);
                self.act(outputs);
            }
            (Job::Ask { id, question, .. }, Ok(Outcome::Answer(answer))) => {
                let outputs = self.engine.answer(id, question.id, &answer);
                self.act(outputs);
            }
            (_, Ok(_)) => {}
            (job, Err(_)) if !self.is_wanted(&job) => drop(job),
            (job, Err(error)) if is_passing(&error) => self.worker.start(job, RETRY),
            // A list that clients hold is not taken from them because a table was locked.
            (job, Err(error)) if error.code == "too_slow" && self.is_held(&job) => {
                self.worker.start(job, SLOW_RETRY);
            }
            // Who may see something else now asks for another list.
            (job, Err(error))
                if job.query().table.rules.is_some()
                    && matches!(error.code.as_str(), "catalog_changed" | "unknown_table") =>
            {
                if let Job::Read { window, .. } = job {
                    self.end_window(window, &catalog_changed());
                }
            }
            // What makes every read fail must not make them come as fast as they can.
            (job, Err(error))
                if error.code == "catalog_changed"
                    && self.is_misread_again(job.query().table.oid) =>
            {
                self.worker.start(job, RETRY);
            }
            (job, Err(error)) => self.failed(&job, &error),
        }
    }

    /// Notes that a read found its table another than the one it was made for, and says whether
    /// one did so a moment ago: to look at the table once more has not helped then.
    pub(super) fn is_misread_again(&mut self, table: u32) -> bool {
        self.misread.retain(|_, at| at.elapsed() < RETRY);
        self.misread.insert(table, Instant::now()).is_some()
    }

    /// Whether the engine still waits for what the job brings.
    pub(super) fn is_wanted(&self, job: &Job) -> bool {
        match job {
            Job::Read { request, .. } => self.engine.wants_rows(*request),
            Job::Ask { id, question, .. } => self.engine.wants_answer(*id, question.id),
        }
    }

    /// Whether clients hold a list of what the job is for.
    pub(super) fn is_held(&self, job: &Job) -> bool {
        match job {
            Job::Read { window, .. } => self.engine.is_ready(*window),
            Job::Ask { .. } => true,
        }
    }

    /// What the engine asked for can't be had: the windows that need it end, or their table
    /// is looked at again.
    pub(super) fn failed(&mut self, job: &Job, error: &ApiError) {
        let (windows, query) = match job {
            Job::Read { window, query, .. } => (vec![*window], query),
            Job::Ask { id, query, .. } => (self.engine.windows_of(*id).collect(), query),
        };
        if matches!(error.code.as_str(), "catalog_changed" | "unknown_table") {
            // Only if they are still the tables that the windows know.
            let known: Vec<u32> = query
                .tables()
                .filter(|table| self.tables.is_known(table))
                .map(|table| table.oid)
                .collect();
            for table in known {
                self.reshaped(table);
            }
            return;
        }
        for window in windows {
            self.end_window(window, error);
        }
    }

    /// Closes a window, and tells its clients why.
    pub(super) fn end_window(&mut self, window: WindowId, error: &ApiError) {
        if let Some(feed) = self.close(window) {
            for id in feed.channel.members() {
                self.end(id, error);
            }
        }
    }
}
