//! Rows that are being read, and what the log brings meanwhile.

use hashbrown::HashMap;

use super::{changes::unnumbered, publish::apply_effects, *};

impl Engine {
    pub(super) fn read_whole(&mut self, id: WindowId) {
        if let Some(window) = self.windows.get(id.0) {
            let wanted = window.whole(true);
            self.start_fetch(id, wanted);
        }
    }

    pub(super) fn start_fetch(&mut self, id: WindowId, wanted: RowsWanted) {
        self.cancel_fetch(id);
        let request = RequestId(self.next_id());
        let Some(window) = self.windows.get_mut(id.0) else {
            return;
        };
        window.fetch = Some(Box::new(Fetch {
            request,
            wanted: wanted.clone(),
            held: Vec::new(),
            held_images: 0,
            held_bytes: 0,
            is_outrun: false,
            arrived: None,
        }));
        let query = window.query;
        self.count_reading(query, 1);
        self.requests.insert(request, id);
        self.outputs.push(Output::Read {
            window: id,
            request,
            wanted,
        });
    }

    pub(super) fn cancel_fetch(&mut self, id: WindowId) {
        self.early.remove(&id);
        self.early.trim();
        let Some(window) = self.windows.get_mut(id.0) else {
            return;
        };
        if let Some(fetch) = window.fetch.take() {
            self.held_images -= fetch.held_images;
            self.held_bytes -= fetch.held_bytes;
            self.requests.remove(&fetch.request);
            self.requests.trim();
            let query = window.query;
            self.count_reading(query, -1);
        }
    }

    /// Counts a window whose rows are being read, or are no longer.
    fn count_reading(&mut self, id: QueryId, change: i32) {
        let Some(query) = self.queries.get_mut(id.0) else {
            return;
        };
        query.reading = query.reading.saturating_add_signed(change);
        if query.reading == 0 {
            query.forget_verdicts();
        }
        for (schema, _) in query.spec.tables() {
            if let Some(table) = self.tables.get_mut(&schema.table) {
                table.reading = table.reading.saturating_add_signed(change as isize);
            }
        }
    }

    /// Rows that are being read will not show what came meanwhile, and that is not held: they
    /// are shown as they come, and read once more.
    pub(super) fn outrun(&mut self, id: WindowId) {
        let Some(window) = self.windows.get_mut(id.0) else {
            return;
        };
        let is_prefetch = window.run.is_some();
        let Some(fetch) = window.fetch.as_mut() else {
            return;
        };
        if fetch.wanted.is_whole() {
            fetch.is_outrun = true;
            fetch.held = Vec::new();
            self.held_images -= std::mem::take(&mut fetch.held_images);
            self.held_bytes -= std::mem::take(&mut fetch.held_bytes);
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
        let Some(query) = self.queries.get(id.0) else {
            return;
        };
        for window in query.windows.clone() {
            self.settle(window);
        }
    }

    /// Makes a run of rows that arrived and the changes that they do not show.
    pub(super) fn settle(&mut self, id: WindowId) {
        let Some(window) = self.windows.get(id.0) else {
            return;
        };
        let Some(query) = self.queries.get(window.query.0) else {
            return;
        };
        let Some(fetch) = &window.fetch else { return };
        let Some(read) = &fetch.arrived else { return };
        // A standby may show of two transactions the one that the primary shows later. Behind both
        // all versions are in order again.
        if !read.snapshot.covers(&self.version) && !self.version.covers(&read.snapshot) {
            self.early.insert(id);
            self.outputs.push(Output::CatchUp);
            return;
        }
        if query.spec.reread || fetch.is_outrun {
            self.settle_reread(id);
            return;
        }
        let version = Arc::clone(query.version(&self.version));
        if !version.covers(&read.snapshot) {
            self.early.insert(id);
            // If it is an answer that is waited for, reading the log brings nothing.
            if !self.version.covers(&read.snapshot) {
                self.outputs.push(Output::CatchUp);
            }
            return;
        }
        if let Some(time) = read.time {
            let (query, whole) = (window.query, fetch.wanted.is_whole());
            if !self.meet_time(query, time, whole) {
                self.overtaken(id, whole);
                return;
            }
        }
        let Some(window) = self.windows.get(id.0) else {
            return;
        };
        let Some(query) = self.queries.get(window.query.0) else {
            return;
        };
        let Some(fetch) = &window.fetch else { return };
        let Some(read) = &fetch.arrived else { return };

        let mut changed_at = window.changed_at;
        // Each read of the log by itself: a row may change in several.
        let mut held: Vec<Vec<NetChange>> = Vec::new();
        for read_of_log in fetch.held.iter().filter(|held| version.covers(&held.to)) {
            held.push(unseen(read_of_log, &read.snapshot));
            changed_at = changed_at.max(read_of_log.changed_at);
        }
        let mut missing = Missing::default();
        let effects: Vec<Vec<Effect>> = held
            .iter()
            .map(|changes| query.effects(unnumbered(changes), &mut missing))
            .collect();
        if missing.is_empty() {
            let all: Vec<Effect> = effects.iter().flatten().copied().collect();
            missing.rankings = self.unranked(query, &all);
        }
        if !missing.is_empty() {
            self.ask(window.query);
            return;
        }

        let table = query.spec.schema.table;
        let rows = &mut self.rows;
        let mut run = fresh_run(&fetch.wanted, read, window.run.as_ref(), table, rows);
        run.tallies = window.tallies(read, &query.spec.schema);
        let placed = query.with_order(|compare| {
            for effects in &effects {
                apply_effects(&mut run, effects, table, rows, compare)?;
            }
            place(&mut run, &fetch.wanted, read, window.run.as_ref(), rows)
        });
        if placed.is_ok() && run.has_lost_tallies() {
            // What came since can't be taken in: the rows are shown as they are.
            run.let_go(&mut self.rows);
            self.settle_reread(id);
            return;
        }
        let from = Arc::clone(self.exact_version(window).unwrap_or(&version));
        self.cancel_fetch(id);
        let Some(window) = self.windows.get_mut(id.0) else {
            return;
        };
        window.changed_at = changed_at;
        let query = window.query;
        match placed {
            Ok(true) => {
                if run.tallies.is_none() {
                    let known = window.run.as_mut();
                    run.tallies = known.and_then(|known| known.tallies.take());
                }
                window.set_run(Some(run), &mut self.rows);
                window.version = version;
                self.take_in_time(query, table, held.iter().flatten());
                self.tell_turns(query);
                self.publish(id, &from);
            }
            // The rows that came share none with those held: their place is not known.
            Ok(false) => {
                run.let_go(&mut self.rows);
                let wanted = window.whole(false);
                self.start_fetch(id, wanted);
            }
            Err(Contradiction) => {
                run.let_go(&mut self.rows);
                self.contradicted(id, &from);
            }
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
fn fresh_run(
    wanted: &RowsWanted,
    read: &RowsRead,
    known: Option<&Run>,
    table: TableId,
    rows: &mut Rows,
) -> Run {
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
        rows: read.rows.iter().map(|row| rows.hold(table, row)).collect(),
        lost: false,
        tallies: None,
    }
}

/// Finds the place of a run that was read beside a `known` run of the same version; `false`
/// if the two have no row in common.
fn place(
    run: &mut Run,
    wanted: &RowsWanted,
    read: &RowsRead,
    known: Option<&Run>,
    rows: &Rows,
) -> Result<bool, Contradiction> {
    if read.total.is_some() {
        return Ok(true);
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
            let places: HashMap<&Key, usize> = known
                .rows
                .iter()
                .enumerate()
                .map(|(at, id)| (rows.get(*id).key(), at))
                .collect();
            let common = run.rows.iter().enumerate().find_map(|(at, id)| {
                let was = places.get(rows.get(*id).key())?;
                Some((at, *was))
            });
            let Some((at, was)) = common else {
                return Ok(false);
            };
            if known.lost {
                return Ok(false);
            }
            run.before = (known.before + was as u64)
                .checked_sub(at as u64)
                .ok_or(Contradiction)?;
        }
    }
    if run.before + run.rows.len() as u64 > run.total {
        return Err(Contradiction);
    }
    Ok(true)
}
