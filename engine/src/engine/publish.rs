//! What a window's clients are told.

use super::*;

impl Engine {
    /// Takes a window through one read of the log.
    pub(super) fn apply_to_window(&mut self, id: WindowId, turn: &Turn, effects: &[Effect]) {
        let Self {
            windows,
            queries,
            rows,
            shown,
            ..
        } = self;
        let Some(window) = windows.get_mut(id.0) else {
            return;
        };
        if window.version.covers(&turn.to) {
            return;
        }
        window.changed_at = window.changed_at.max(turn.changed_at);
        let slice = window.spec.slice;
        let is_current = matches!(window.sent, Sent::Run);
        let (Some(run), Some(query)) = (&mut window.run, queries.get(window.query.0)) else {
            return;
        };
        shown.clear();
        if is_current {
            shown.extend_from_slice(run.visible(slice));
        }
        let total = run.total;
        let table = query.spec.schema.table;
        let applied = query.with_order(|compare| apply_effects(run, effects, table, rows, compare));
        window.version = Arc::clone(&turn.to);
        if is_current {
            if applied.is_ok() && run.covers(slice) && !run.has_lost_tallies() {
                self.publish_change(id, &turn.from, total, true);
                return;
            }
            // The rows that just left are there until the sweep.
            shown.iter().for_each(|id| rows.hold_again(*id));
            window.sent = Sent::Kept(Box::new(List {
                rows: shown.clone(),
                total,
            }));
        }
        match applied {
            Ok(()) if run.has_lost_tallies() => {
                self.figures.rereads += 1;
                self.read_anew(id, &turn.from);
            }
            Ok(()) => self.publish(id, &turn.from),
            Err(Contradiction) => self.contradicted(id, &turn.from),
        }
    }

    /// Begins a new window with the run of another window of its query: what it shows may be
    /// there already, and else its rows are read beside those, and nothing is counted again.
    /// Returns whether there was such a run.
    pub(super) fn adopt_run(&mut self, id: WindowId) -> bool {
        let Some(window) = self.windows.get(id.0) else {
            return false;
        };
        let Some(query) = self.queries.get(window.query.0) else {
            return false;
        };
        let slice = window.spec.slice;
        let suits = |sibling: &&Window| match &sibling.run {
            None => false,
            // What is read again knows its places by reading whole.
            Some(run) if query.spec.reread => {
                sibling.stale_since.is_none()
                    && sibling.fetch.is_none()
                    && run.covers(slice)
                    && run.thin(slice).is_none()
            }
            Some(run) => !run.lost && !run.rows.is_empty(),
        };
        let aggregates = &window.spec.aggregates;
        let nearest = query
            .windows
            .iter()
            .filter_map(|id| self.windows.get(id.0))
            .filter(|sibling| aggregates.is_empty() || sibling.spec.aggregates == *aggregates)
            .filter(suits)
            .min_by_key(|sibling| sibling.spec.slice.offset.abs_diff(slice.offset));
        let Some(sibling) = nearest else {
            return false;
        };
        let version = Arc::clone(&sibling.version);
        let mut run = sibling.run.as_ref().map(|run| run.share(&mut self.rows));
        if aggregates.is_empty() {
            run.iter_mut().for_each(|run| run.tallies = None);
        }
        if let Some(window) = self.windows.get_mut(id.0) {
            window.run = run;
            window.version = Arc::clone(&version);
        }
        self.publish(id, &version);
        true
    }

    /// A window's run is not what the log says: it is read anew.
    pub(super) fn contradicted(&mut self, id: WindowId, from: &Arc<PgSnapshot>) {
        self.figures.contradictions += 1;
        self.read_anew(id, from);
    }

    /// A window's run is of no more use.
    fn read_anew(&mut self, id: WindowId, from: &Arc<PgSnapshot>) {
        if let Some(window) = self.windows.get_mut(id.0) {
            window.stale_since.get_or_insert_with(|| Arc::clone(from));
            window.set_run(None, &mut self.rows);
        }
        self.read_whole(id);
    }

    /// Tells a window's clients what became of the list that they hold, `shown` and `total`,
    /// now that the run has changed; the run covers the slice. `was_known`: whether the list was
    /// known at each version since.
    fn publish_change(
        &mut self,
        id: WindowId,
        from: &Arc<PgSnapshot>,
        total: u64,
        was_known: bool,
    ) {
        let Self {
            windows,
            rows,
            shown,
            outputs,
            just_ready,
            queries,
            ..
        } = self;
        let Some(window) = windows.get_mut(id.0) else {
            return;
        };
        let time = queries.get_mut(window.query.0).and_then(|query| {
            let moment = query.moment.as_mut()?;
            Some(PatchTime {
                from: moment.stale_after.take().unwrap_or(moment.at),
                to: moment.at,
            })
        });
        let slice = window.spec.slice;
        let Some(run) = &mut window.run else { return };
        let ops = ops(shown, run.visible(slice), &window.spec.select, rows);
        run.trim(slice, rows);
        let now = run.total;
        let aggregates = window.tell();
        let changed_at = mem::take(&mut window.changed_at);
        let has_changed = !ops.is_empty() || now != total || !aggregates.is_empty();
        let (from, to) = (Arc::clone(from), Arc::clone(&window.version));
        if just_ready.contains(&id) {
            // Its clients get the list as it is now.
        } else if has_changed {
            outputs.push(Output::Patch {
                window: id,
                from,
                patch: EnginePatch {
                    ops,
                    total: now,
                    aggregates,
                    to,
                    changed_at,
                    time,
                },
            });
        } else if !was_known {
            outputs.push(Output::Regained {
                window: id,
                from,
                to,
                time,
            });
        }
        self.widen(id);
    }

    /// Tells a window's clients what is new, or asks for the rows that this takes. `from` is
    /// the version before.
    pub(super) fn publish(&mut self, id: WindowId, from: &Arc<PgSnapshot>) {
        let Some(window) = self.windows.get_mut(id.0) else {
            return;
        };
        let slice = window.spec.slice;
        let Some(run) = &window.run else { return };
        if !run.covers(slice) {
            window.stale_since.get_or_insert_with(|| Arc::clone(from));
            if window.fetch.is_none() {
                let wanted = window.refill(run, &self.rows);
                self.figures.refills += 1;
                self.start_fetch(id, wanted);
            }
            return;
        }
        let from = window
            .stale_since
            .take()
            .unwrap_or_else(|| Arc::clone(from));
        match mem::replace(&mut window.sent, Sent::Run) {
            Sent::Nothing => {
                window.changed_at = 0;
                let query = self.queries.get_mut(window.query.0);
                if let Some(moment) = query.and_then(|query| query.moment.as_mut()) {
                    moment.stale_after = None;
                }
                window.tell();
                self.outputs.push(Output::Ready(id));
                self.just_ready.push(id);
                if let Some(run) = &mut window.run {
                    run.trim(slice, &mut self.rows);
                }
                self.widen(id);
            }
            Sent::Kept(list) => {
                let List { rows, total } = *list;
                self.shown.clone_from(&rows);
                self.publish_change(id, &from, total, false);
                List { rows, total }.let_go(&mut self.rows);
            }
            // The run is what clients hold already.
            Sent::Run => self.widen(id),
        }
    }

    /// Reads rows before a margin is used up.
    fn widen(&mut self, id: WindowId) {
        if let Some(window) = self.windows.get(id.0)
            && window.fetch.is_none()
            && let Some(run) = &window.run
            && run.thin(window.spec.slice).is_some()
        {
            let wanted = window.refill(run, &self.rows);
            self.figures.refills += 1;
            self.start_fetch(id, wanted);
        }
    }
}

/// Takes what one read of the log does to a result into a run of it.
pub(super) fn apply_effects(
    run: &mut Run,
    effects: &[Effect],
    table: TableId,
    rows: &mut Rows,
    compare: crate::run::Compare,
) -> Result<(), Contradiction> {
    // A row that keeps its place is replaced there; else all that leaves does so before
    // anything enters.
    for effect in effects {
        run.tally(
            effect.leaves.map(|row| &**row),
            effect.enters.map(|row| &**row),
        );
    }
    let stays = |effect: &Effect| match (effect.leaves, effect.enters) {
        (Some(old), Some(new)) => Ok(compare(old, new).ok_or(Contradiction)?.is_eq()),
        _ => Ok(false),
    };
    if let [effect] = effects {
        return match (effect.leaves, effect.enters) {
            (Some(_), Some(new)) if stays(effect)? => {
                run.replace(table, new, effect.number, rows, compare)
            }
            (leaves, enters) => {
                if let Some(old) = leaves {
                    run.remove(old, effect.number, rows, compare)?;
                }
                if let Some(new) = enters {
                    run.add(table, new, rows, compare)?;
                }
                Ok(())
            }
        };
    }
    let in_place: Vec<bool> = effects.iter().map(stays).collect::<Result<_, _>>()?;
    for (effect, in_place) in effects.iter().zip(&in_place) {
        if let (Some(old), false) = (effect.leaves, in_place) {
            run.remove(old, effect.number, rows, compare)?;
        }
    }
    for (effect, in_place) in effects.iter().zip(&in_place) {
        if let (Some(new), true) = (effect.enters, in_place) {
            run.replace(table, new, effect.number, rows, compare)?;
        }
    }
    for (effect, in_place) in effects.iter().zip(&in_place) {
        if let (Some(new), false) = (effect.enters, in_place) {
            run.add(table, new, rows, compare)?;
        }
    }
    Ok(())
}
