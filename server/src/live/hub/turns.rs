//! Lists that depend on the time are read again when it turns them, and not before.

use super::*;

/// How much later than the database's clock says a window is read again, so that a clock here
/// that is a little fast does not have it read twice.
const GUARD: Duration = Duration::from_millis(1);

impl Hub {
    /// The time changes a window's list at this moment of the database's clock, or never.
    pub(super) fn turns_at(&mut self, window: WindowId, at: Option<i64>) {
        self.forget_turn(window);
        let (Some(feed), Some(clock)) = (self.feeds.get_mut(&window), self.clock) else {
            return;
        };
        // What no clock here can tell is in the far future.
        if let Some(at) = at
            && let Some(due) = clock.when(at).and_then(|due| due.checked_add(GUARD))
        {
            feed.due = Some((due, at));
            self.turns.insert((due, window));
        }
    }

    /// When the next window has to be read again.
    pub(super) fn next_turn(&self) -> Option<Instant> {
        self.turns.first().map(|(due, _)| *due)
    }

    /// Has the windows read again that are due.
    pub(super) fn turn(&mut self) {
        let now = Instant::now();
        while self.next_turn().is_some_and(|due| due <= now)
            && let Some((_, window)) = self.turns.pop_first()
        {
            let feed = self.feeds.get_mut(&window);
            if let Some((_, at)) = feed.and_then(|feed| feed.due.take()) {
                let outputs = self.engine.time_passed(window, at);
                self.act(outputs);
            }
        }
    }

    /// Forgets when a window is due.
    pub(super) fn forget_turn(&mut self, window: WindowId) {
        let feed = self.feeds.get_mut(&window);
        if let Some((due, _)) = feed.and_then(|feed| feed.due.take()) {
            self.turns.remove(&(due, window));
        }
    }
}

/// Waits for a moment; for ever if there is none.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
