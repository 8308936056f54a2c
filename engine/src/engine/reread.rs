//! Lists that are read again, because changes do not tell what became of them.

use super::{fetch::unseen, *};
use crate::related::Related;

impl Engine {
    /// Reads a query's windows again: its changes do not tell what became of them. `changes`
    /// are given where a window that shows all of them already may be left as it is, and
    /// `related` where one may that shows none of those.
    pub(super) fn reread(
        &mut self,
        id: QueryId,
        turn: &Turn,
        changes: Option<&TableChanges>,
        related: Option<&Related>,
    ) {
        let Some(query) = self.queries.get_mut(id.0) else {
            return;
        };
        let from = Arc::clone(query.version(&turn.from));
        self.pending_changes -= query.pending_changes();
        query.open = None;
        let on_every_change = query.spec.reread;
        for window_id in query.windows.clone() {
            let Some(window) = self.windows.get_mut(window_id.0) else {
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
            if window.fetch.is_none()
                && let Some(run) = &window.run
                && related
                    .is_some_and(|related| !related.is_shown(&window.spec, &run.rows, &self.rows))
            {
                continue;
            }
            window.changed_at = window.changed_at.max(turn.changed_at);
            if !matches!(window.sent, Sent::Nothing) {
                // Rows that were just read may be newer than the log has been read to.
                let exact = if window.version.covers(&from) {
                    &window.version
                } else {
                    &from
                };
                window.stale_since.get_or_insert_with(|| Arc::clone(exact));
            }
            // What is being read for such a query decides, once it is there, whether it has
            // to be read once more.
            if on_every_change && window.fetch.is_some() {
                continue;
            }
            window.set_run(None, &mut self.rows);
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

    /// A window's list may be another one though nothing has changed that is known of: its query is
    /// read again. `at` is when that was thought of, in microseconds since 1970.
    pub fn doubt(&mut self, id: WindowId, at: i64) -> Vec<Output> {
        if let Some(window) = self.windows.get(id.0) {
            let query = window.query;
            let turn = Turn {
                from: Arc::clone(&self.version),
                to: Arc::clone(&self.version),
                changed_at: at,
            };
            self.reread(query, &turn, None, None);
        }
        self.finish()
    }

    /// Takes rows as they came, where the changes since do not tell what became of them.
    pub(super) fn settle_reread(&mut self, id: WindowId) {
        let Some(window) = self.windows.get_mut(id.0) else {
            return;
        };
        let Some(schema) = self
            .queries
            .get(window.query.0)
            .map(|query| Arc::clone(&query.spec.schema))
        else {
            return;
        };
        let table = schema.table;
        let Some(fetch) = window.fetch.as_mut() else {
            return;
        };
        let Some(read) = fetch.arrived.take() else {
            return;
        };
        let is_outrun = fetch.is_outrun;
        let held = mem::take(&mut fetch.held);
        let total = read.total.unwrap_or(read.rows.len() as u64);
        let before = match &fetch.wanted {
            RowsWanted::Places { start, .. } => (*start).min(total),
            RowsWanted::From { .. } | RowsWanted::UpTo { .. } => 0,
        };
        let tallies = window.tallies(&read, &schema);
        // Rows that are taken as they came are of their own moment, too.
        let time = read.time;
        let snapshot = Arc::new(read.snapshot);
        let from = window
            .stale_since
            .clone()
            .unwrap_or_else(|| Arc::clone(&snapshot));
        let rows = &mut self.rows;
        let run = Run {
            before,
            total,
            rows: read.rows.iter().map(|row| rows.hold(table, row)).collect(),
            lost: false,
            tallies,
        };
        let query = window.query;
        let dirty = is_outrun
            || self.queries.get(query.0).is_some_and(|query| {
                let spec = &window.spec;
                let is_shown = |related: &Related| related.is_shown(spec, &run.rows, rows);
                held.iter()
                    .any(|held| concerns(&query.spec, held, &snapshot, is_shown))
            });
        window.set_run(Some(run), rows);
        window.version = Arc::clone(&snapshot);
        self.cancel_fetch(id);
        if let Some(time) = time {
            self.take_time(query, time);
        }
        self.publish(id, &from);
        if dirty && let Some(window) = self.windows.get_mut(id.0) {
            window.stale_since.get_or_insert(snapshot);
            // What the log brings does not begin where these rows are.
            window.set_run(None, &mut self.rows);
            self.figures.rereads += 1;
            self.read_whole(id);
        }
    }
}

/// Whether changes that rows do not show, being read as of `snapshot`, mean something for them.
/// `is_shown` tells whether they show a row that refers to one of those given.
fn concerns(
    spec: &HeldSpec,
    held: &Held,
    snapshot: &PgSnapshot,
    is_shown: impl Fn(&Related) -> bool,
) -> bool {
    let changes = &held.changes;
    if changes.reread {
        return true;
    }
    let net = unseen(held, snapshot);
    match spec.concern(changes.table, net.iter()) {
        Concern::None => false,
        Concern::Shown(related) => is_shown(&related),
        Concern::All => true,
    }
}
