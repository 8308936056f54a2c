//! Rows that are being read, and what the log brings meanwhile.

use super::{changes::apply_effects, *};

impl Engine {
    /// Reads a query's windows again: its changes do not tell what became of them. `changes`
    /// are given where a window that shows all of them already may be left as it is.
    pub(super) fn reread(
        &mut self,
        id: QueryId,
        transaction: &Transaction,
        changes: Option<&TableChanges>,
    ) {
        let Some(query) = self.queries.get_mut(&id) else {
            return;
        };
        let from = query.version(&transaction.from).clone();
        query.pending.clear();
        query.question = None;
        let on_every_change = query.spec.reread;
        for window_id in query.windows.clone() {
            let Some(window) = self.windows.get_mut(&window_id) else {
                continue;
            };
            if window.fetch.is_none()
                && changes.is_some_and(|changes| {
                    let mut images = changes.images.iter();
                    images.all(|image| window.version.sees(image.xid))
                })
            {
                continue;
            }
            window.changed_at = window.changed_at.max(transaction.changed_at);
            if window.sent.is_some() {
                // Rows that were just read may be newer than the log has been read to.
                let exact = if window.version.covers(&from) {
                    &window.version
                } else {
                    &from
                };
                window.stale_since.get_or_insert_with(|| exact.clone());
            }
            // What is being read for such a query decides, once it is there, whether it has
            // to be read once more.
            if on_every_change && window.fetch.is_some() {
                continue;
            }
            window.run = None;
            // A read under way is not begun anew by whatever comes: it would never end.
            if window
                .fetch
                .as_ref()
                .is_some_and(|fetch| fetch.wanted.is_whole() && fetch.arrived.is_none())
            {
                self.outrun(window_id);
                continue;
            }
            self.figures.rereads += 1;
            self.read_whole(window_id);
        }
    }

    pub(super) fn read_whole(&mut self, id: WindowId) {
        if let Some(window) = self.windows.get(&id) {
            let wanted = window.whole(true);
            self.start_fetch(id, wanted);
        }
    }

    pub(super) fn start_fetch(&mut self, id: WindowId, wanted: RowsWanted) {
        self.cancel_fetch(id);
        let request = RequestId(self.next_id());
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        window.fetch = Some(Fetch {
            request,
            wanted: wanted.clone(),
            held: Vec::new(),
            held_images: 0,
            is_outrun: false,
            arrived: None,
        });
        if let Some(query) = self.queries.get(&window.query) {
            for (schema, _) in query.spec.tables() {
                let table = self.tables.entry(schema.table).or_default();
                table.waiting.insert(id);
            }
        }
        self.requests.insert(request, id);
        self.outputs.push(Output::Read {
            window: id,
            request,
            wanted,
        });
    }

    pub(super) fn cancel_fetch(&mut self, id: WindowId) {
        self.early.remove(&id);
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        if let Some(fetch) = window.fetch.take() {
            self.requests.remove(&fetch.request);
            if let Some(query) = self.queries.get(&window.query) {
                for (schema, _) in query.spec.tables() {
                    if let Some(table) = self.tables.get_mut(&schema.table) {
                        table.waiting.remove(&id);
                    }
                }
            }
        }
    }

    /// Keeps what concerns windows whose rows are being read until they have come.
    pub(super) fn hold_back(
        &mut self,
        transaction: &Transaction,
        changes: &Arc<TableChanges>,
        waiting: &[WindowId],
    ) {
        let mut relevant: FxHashMap<QueryId, Arc<TableChanges>> = FxHashMap::default();
        for &id in waiting {
            let Some(window) = self.windows.get_mut(&id) else {
                continue;
            };
            let Some(query) = self.queries.get(&window.query) else {
                continue;
            };
            let Some(fetch) = window.fetch.as_mut() else {
                continue;
            };
            if fetch.is_outrun {
                continue;
            }
            let changes = relevant
                .entry(window.query)
                .or_insert_with(|| query.concerned(changes));
            if changes.images.is_empty() && !changes.reread {
                continue;
            }
            fetch.held_images += changes.images.len();
            fetch.held.push(Held {
                to: transaction.to.clone(),
                changed_at: transaction.changed_at,
                changes: Arc::clone(changes),
            });
            if fetch.held_images > self.limits.held_images {
                self.outrun(id);
            }
        }
    }

    /// Rows that are being read will not show what came meanwhile, and that is not held: they
    /// are shown as they come, and read once more.
    pub(super) fn outrun(&mut self, id: WindowId) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        let is_prefetch = window.run.is_some();
        let Some(fetch) = window.fetch.as_mut() else {
            return;
        };
        if fetch.wanted.is_whole() {
            fetch.is_outrun = true;
            fetch.held.clear();
        } else if is_prefetch {
            // The run is maintained without them; they are asked for again when they are due.
            self.cancel_fetch(id);
        } else {
            self.read_whole(id);
        }
    }

    pub(super) fn settle_early(&mut self) {
        if self.early.is_empty() {
            return;
        }
        for id in self.early.iter().copied().collect::<Vec<_>>() {
            self.settle(id);
        }
    }

    pub(super) fn settle_query(&mut self, id: QueryId) {
        let Some(query) = self.queries.get(&id) else {
            return;
        };
        for window in query.windows.clone() {
            self.settle(window);
        }
    }

    /// Makes a run of rows that arrived and the changes that they do not show.
    pub(super) fn settle(&mut self, id: WindowId) {
        let Some(window) = self.windows.get(&id) else {
            return;
        };
        let Some(query) = self.queries.get(&window.query) else {
            return;
        };
        let Some(fetch) = &window.fetch else { return };
        let Some(read) = &fetch.arrived else { return };
        if query.spec.reread || fetch.is_outrun {
            self.settle_reread(id);
            return;
        }
        let version = query.version(&self.version).clone();
        if !version.covers(&read.snapshot) {
            self.early.insert(id);
            // If it is an answer that is waited for, reading the log brings nothing.
            if !self.version.covers(&read.snapshot) {
                self.outputs.push(Output::CatchUp);
            }
            return;
        }

        let mut missing = Missing::default();
        let mut effects = Vec::new();
        let mut changed_at = window.changed_at;
        for held in fetch.held.iter().filter(|held| version.covers(&held.to)) {
            effects.push(query.effects(&unseen(held, &read.snapshot), &mut missing));
            changed_at = changed_at.max(held.changed_at);
        }
        if missing.is_empty() {
            let all: Vec<Effect> = effects.iter().flatten().cloned().collect();
            missing.rankings = self.unranked(query, &all);
        }
        if !missing.is_empty() {
            self.ask(window.query);
            return;
        }

        let known = window.run.as_ref();
        let run = query.with_order(|compare| {
            let mut run = fresh_run(&fetch.wanted, read, known);
            for effects in &effects {
                apply_effects(&mut run, effects, compare)?;
            }
            place(run, &fetch.wanted, read, known)
        });
        let from = self.exact_version(window).unwrap_or(&version).clone();
        self.cancel_fetch(id);
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        window.changed_at = changed_at;
        match run {
            Ok(Some(run)) => {
                window.run = Some(run);
                window.version = version;
                self.publish(id, &from);
            }
            // The rows that came share none with those held: their place is not known.
            Ok(None) => {
                let wanted = window.whole(false);
                self.start_fetch(id, wanted);
            }
            Err(Contradiction) => {
                self.figures.contradictions += 1;
                window.stale_since.get_or_insert(from);
                window.run = None;
                self.read_whole(id);
            }
        }
    }

    /// Takes rows as they came, where the changes since do not tell what became of them.
    pub(super) fn settle_reread(&mut self, id: WindowId) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        let Some(fetch) = window.fetch.as_mut() else {
            return;
        };
        let Some(read) = fetch.arrived.take() else {
            return;
        };
        let dirty = fetch.is_outrun
            || fetch.held.iter().any(|held| {
                let images = &held.changes.images;
                held.changes.reread || images.iter().any(|image| !read.snapshot.sees(image.xid))
            });
        let total = read.total.unwrap_or(read.rows.len() as u64);
        let before = match &fetch.wanted {
            RowsWanted::Places { start, .. } => (*start).min(total),
            RowsWanted::From { .. } | RowsWanted::UpTo { .. } => 0,
        };
        let from = window.stale_since.clone().unwrap_or(read.snapshot.clone());
        window.run = Some(Run {
            before,
            total,
            rows: read.rows,
            lost: false,
        });
        window.version = read.snapshot.clone();
        self.cancel_fetch(id);
        self.publish(id, &from);
        if dirty && let Some(window) = self.windows.get_mut(&id) {
            window.stale_since.get_or_insert(read.snapshot);
            // What the log brings does not begin where these rows are.
            window.run = None;
            self.figures.rereads += 1;
            self.read_whole(id);
        }
    }
}

/// The net changes of a held read that the snapshot does not show.
pub(super) fn unseen(held: &Held, snapshot: &PgSnapshot) -> Vec<NetChange> {
    net_effect(
        held.changes
            .images
            .iter()
            .filter(|image| !snapshot.sees(image.xid)),
    )
}

/// More rows than any result has: stands for "some, not counted" on a side of a run.
const UNCOUNTED: u64 = 1 << 40;

/// A run of the rows that arrived, at the version they are of. Where they lie in the result
/// may not be known yet: then enough rows are assumed on the open sides.
fn fresh_run(wanted: &RowsWanted, read: &RowsRead, known: Option<&Run>) -> Run {
    let len = read.rows.len() as u64;
    let (before, after) = match wanted {
        RowsWanted::Places { start, count, .. } => match read.total {
            Some(total) if len == 0 => (total, 0),
            Some(total) => (*start, total.saturating_sub(start + len)),
            None if len == 0 => (known.map_or(*start, |_| UNCOUNTED), 0),
            None => (*start, if len < *count { 0 } else { UNCOUNTED }),
        },
        RowsWanted::From { count, .. } => (UNCOUNTED, if len < *count { 0 } else { UNCOUNTED }),
        RowsWanted::UpTo { count, .. } => (if len < *count { 0 } else { UNCOUNTED }, UNCOUNTED),
    };
    Run {
        before,
        total: before + len + after,
        rows: read.rows.clone(),
        lost: false,
    }
}

/// Finds the place of a run that was read beside a `known` run of the same version; `None`
/// if the two have no row in common.
fn place(
    mut run: Run,
    wanted: &RowsWanted,
    read: &RowsRead,
    known: Option<&Run>,
) -> Result<Option<Run>, Contradiction> {
    if read.total.is_some() {
        return Ok(Some(run));
    }
    let known = known.ok_or(Contradiction)?;
    run.total = known.total;
    match wanted {
        RowsWanted::Places { .. } => {
            if run.rows.is_empty() {
                run.before = run.total;
                run.lost = false;
            }
        }
        RowsWanted::From { .. } | RowsWanted::UpTo { .. } => {
            let places: FxHashMap<&Key, usize> = known
                .rows
                .iter()
                .enumerate()
                .map(|(at, record)| (record.key(), at))
                .collect();
            let common = run
                .rows
                .iter()
                .enumerate()
                .find_map(|(at, record)| places.get(record.key()).map(|&was| (at, was)));
            let Some((at, was)) = common else {
                return Ok(None);
            };
            if known.lost {
                return Ok(None);
            }
            run.before = (known.before + was as u64)
                .checked_sub(at as u64)
                .ok_or(Contradiction)?;
        }
    }
    if run.before + run.rows.len() as u64 > run.total {
        return Err(Contradiction);
    }
    Ok(Some(run))
}
