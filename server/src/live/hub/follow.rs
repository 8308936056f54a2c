//! What the log brings.

use super::*;

impl Hub {
    pub(super) fn follow(&mut self, event: TailEvent) {
        match event {
            TailEvent::Read(read) => self.read(read),
            TailEvent::Lost => {
                self.following.send_replace(Following(false));
            }
            TailEvent::Recovered => {
                self.following.send_replace(Following(true));
            }
            TailEvent::HistoryChanged { epoch, version } => {
                self.following.send_replace(Following(true));
                self.start_over(epoch, version);
            }
        }
    }

    pub(super) fn read(&mut self, mut read: Read) {
        self.figures.read(&read);
        // Heard a little later than it was said, so only for what it is ahead.
        let clock = Clock::heard(read.clock);
        if self.clock.is_some_and(|known| clock.is_ahead_of(known)) {
            self.clock = Some(clock);
        }
        let reshaped: Vec<u32> = std::mem::take(&mut read.changed_schemas);
        let mut span = match read.cause.is_known() {
            true => self.traces.begin("evaluate changes", &read.cause),
            false => Span::default(),
        };
        let Changes {
            transaction,
            oldest,
            misfits,
        } = self.tables.take(read);
        span.count("rowcast.tables", transaction.tables.len());
        for relation in reshaped {
            let table = self.tables.root_of(relation).unwrap_or(relation);
            self.reshaped(table);
        }
        let outputs = if transaction.tables.is_empty() {
            self.engine.nothing_until(transaction.to)
        } else {
            self.engine.apply(transaction)
        };
        if span.is_recorded() {
            told_of(&mut span, &outputs);
        }
        self.cause = span.cause();
        self.oldest = oldest;
        self.act(outputs);
        self.oldest.clear();
        self.cause = Cause::default();
        drop(span);
        for table in misfits {
            self.reshaped(table);
        }
    }

    /// A table is not what it was: whoever follows it gets its new columns.
    pub(super) fn reshaped(&mut self, table: u32) {
        self.shapes_seen += 1;
        self.shapes.insert(table, self.shapes_seen);
        self.catalog.invalidate(table);
        self.tables.remove(table);
        for window in self.engine.close_table(TableId(table)) {
            self.rebind(window, "the table's definition changed", false);
        }
    }

    /// The database has another history than the one that was followed.
    pub(super) fn start_over(&mut self, epoch: u64, version: PgSnapshot) {
        self.epoch = epoch;
        self.epoch_told.store(epoch, Ordering::Relaxed);
        self.engine.restart(version);
        self.tables = Tables::default();
        self.shapes.clear();
        for window in self.feeds.keys().copied().collect::<Vec<_>>() {
            // Behind another history a number may stand for another table: names count.
            self.rebind(window, "the database's history changed", true);
        }
    }

    /// Takes a window's clients off it, and has their query bound to the table as it is now.
    pub(super) fn rebind(&mut self, window: WindowId, reason: &'static str, by_name: bool) {
        let Some(feed) = self.remove_feed(window) else {
            return;
        };
        let members = feed.channel.members();
        for id in &members {
            if let Some(subscriber) = self.subscribers.get_mut(id) {
                subscriber.place = None;
                subscriber.reset = Some(reason);
            }
        }
        if !members.is_empty() {
            self.figures.resets.shape(members.len());
            let meta = &feed.bound.table;
            let table = if by_name {
                Named::Path(meta.table.path())
            } else {
                Named::Oid(meta.oid, meta.table.path())
            };
            self.bind(table, Unbound::new(feed.query, &feed.bound, members));
        }
    }
}

/// Tells what came of changes.
fn told_of(span: &mut Span, outputs: &[Output]) {
    let count = |is: fn(&Output) -> bool| outputs.iter().filter(|output| is(output)).count();
    let patches = count(|output| matches!(output, Output::Patch { .. }));
    let reads = count(|output| matches!(output, Output::Read { .. }));
    let questions = count(|output| matches!(output, Output::Ask { .. }));
    span.count("rowcast.patches", patches);
    span.count("rowcast.reads", reads);
    span.count("rowcast.questions", questions);
    let windows = outputs.iter().filter_map(|output| match output {
        Output::Patch { window, .. } | Output::Read { window, .. } => Some(window),
        _ => None,
    });
    let touched: FxHashSet<&WindowId> = windows.collect();
    span.count("rowcast.lists", touched.len());
}
