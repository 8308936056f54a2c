//! Lists that change because time passes.
//!
//! Such a query's rows are judged at one [moment](crate::moment::Moment), which goes on with the
//! changes that touch it. While no row turns on the way it makes no difference which moment
//! that is; when one does the windows are read again, at the moment of reading.

use super::*;
use crate::window::ReadTime;

impl Engine {
    /// The moment has come at which time changes a window's list, as [`Output::Turns`] said.
    pub fn time_passed(&mut self, id: WindowId, at: i64) -> Vec<Output> {
        if let Some(window) = self.windows.get(id.0) {
            let query = window.query;
            let is_being_read = window
                .fetch
                .as_ref()
                .is_some_and(|fetch| fetch.wanted.is_whole());
            self.pass_time(query, at);
            // What is being read says itself, once it is there, whether it is of before.
            if !is_being_read {
                let turn = Turn {
                    from: Arc::clone(&self.version),
                    to: Arc::clone(&self.version),
                    changed_at: at,
                };
                self.reread(query, &turn, None, None);
            }
        }
        self.finish()
    }

    /// Up to which moment the list of a window's clients is exact, where that depends on the
    /// time.
    pub fn exact_until(&self, id: WindowId) -> Option<i64> {
        let query = self.queries.get(self.windows.get(id.0)?.query.0)?;
        let moment = query.moment.as_ref()?;
        Some(moment.stale_after.unwrap_or(moment.turns.saturating_sub(1)))
    }

    pub(super) fn pass_time(&mut self, id: QueryId, at: i64) {
        if let Some(query) = self.queries.get_mut(id.0)
            && let Some(moment) = &mut query.moment
        {
            moment.pass(&query.spec.predicate, &query.spec.schema, at);
        }
    }

    /// Rows have come, of this time: see [`Moment::meet`](crate::moment::Moment::meet).
    pub(super) fn meet_time(&mut self, id: QueryId, time: ReadTime, whole: bool) -> bool {
        let Some(query) = self.queries.get_mut(id.0) else {
            return true;
        };
        match &mut query.moment {
            Some(moment) => moment.meet(&query.spec.predicate, &query.spec.schema, time, whole),
            None => true,
        }
    }

    /// Some row has turned since the rows were read that have come: whole ones are shown as
    /// they are of their moment, and in any case all are read again.
    pub(super) fn overtaken(&mut self, id: WindowId, whole: bool) {
        let Some(window) = self.windows.get_mut(id.0) else {
            return;
        };
        if whole {
            if let Some(fetch) = &mut window.fetch {
                fetch.is_outrun = true;
            }
            self.settle_reread(id);
            return;
        }
        let query = window.query;
        let at = self.queries.get(query.0).and_then(|query| {
            let moment = query.moment.as_ref()?;
            Some(moment.turns.min(moment.at))
        });
        let turn = Turn {
            from: Arc::clone(&self.version),
            to: Arc::clone(&self.version),
            changed_at: at.unwrap_or_default(),
        };
        self.cancel_fetch(id);
        self.pass_time(query, turn.changed_at);
        self.reread(query, &turn, None, None);
    }

    /// Takes rows' time for that of the lists.
    pub(super) fn take_time(&mut self, id: QueryId, time: ReadTime) {
        if let Some(query) = self.queries.get_mut(id.0)
            && let Some(moment) = &mut query.moment
        {
            moment.set(&query.spec.predicate, &query.spec.schema, time.moment);
            moment.turns = time.turns.unwrap_or(i64::MAX);
        }
        self.tell_turns(id);
    }

    /// Changed rows may turn sooner than those that are known.
    pub(super) fn take_in_time<'a>(
        &mut self,
        id: QueryId,
        table: TableId,
        changes: impl Iterator<Item = &'a NetChange>,
    ) {
        let Some(query) = self.queries.get_mut(id.0) else {
            return;
        };
        let Some(moment) = &mut query.moment else {
            return;
        };
        // Of rows that are being read whole the read tells, and what is held back meanwhile.
        let is_shown = |id: &WindowId| {
            let window = self.windows.get(id.0);
            window.is_some_and(|window| window.run.is_some())
        };
        if !query.windows.iter().any(is_shown) {
            return;
        }
        let mut sooner = false;
        for record in changes.filter_map(|change| change.new.as_ref()) {
            sooner |= query.spec.is_concerned_with(table, record)
                && moment.take_in(&query.spec.predicate, record);
        }
        if sooner {
            self.tell_turns(id);
        }
    }

    /// Says when the query's lists turn next.
    pub(super) fn tell_turns(&mut self, id: QueryId) {
        let Some(query) = self.queries.get(id.0) else {
            return;
        };
        if let Some(moment) = &query.moment {
            let at = (moment.turns != i64::MAX).then_some(moment.turns);
            for window in &query.windows {
                self.outputs.push(Output::Turns {
                    window: *window,
                    at,
                });
            }
        }
    }
}
