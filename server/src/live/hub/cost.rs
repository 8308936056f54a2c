//! What lists cost, and who looks at that.

use super::*;

/// The longest query that is told, in bytes.
const QUERY: usize = 1_000;

impl Hub {
    /// A window's list took so long.
    pub(super) fn spent(&mut self, window: WindowId, took: Duration) {
        if let Some(feed) = self.feeds.get_mut(&window) {
            if feed.cost.recent == 0 {
                self.costly.insert(window);
            }
            feed.cost.spent(took);
        }
    }

    /// PostgreSQL took so long for what the engine wanted.
    pub(super) fn asked(&mut self, job: &Job, took: Duration) {
        let window = match job {
            Job::Read { window, .. } => Some(*window),
            // Windows of one query ask once: the first of them is told to have.
            Job::Ask { id, .. } => self.engine.windows_of(*id).next(),
        };
        let Some(window) = window else {
            return;
        };
        if let Some(feed) = self.feeds.get_mut(&window) {
            match job {
                Job::Read { .. } => feed.cost.reads += 1,
                Job::Ask { .. } => feed.cost.questions += 1,
            }
        }
        self.spent(window, took);
    }

    /// Somebody begins or ceases to look at what servers are at.
    pub(super) fn looks(&self, bound: &BoundQuery, begins: bool) {
        if bound.tables().any(|table| table.is_operations()) {
            self.figures.looking.send_modify(|windows| {
                *windows = if begins {
                    *windows + 1
                } else {
                    windows.saturating_sub(1)
                };
            });
        }
    }

    /// The lists that cost most of late. It looks at those that cost something since it was asked
    /// last, or not long before.
    pub(super) fn busiest(&mut self, most: usize) -> Vec<Busy> {
        let passed = self.costs_seen.elapsed();
        self.costs_seen = Instant::now();
        let mut found = Vec::with_capacity(self.costly.len());
        let feeds = &mut self.feeds;
        self.costly.retain(|window| {
            let Some(feed) = feeds.get_mut(window) else {
                return false;
            };
            found.push((feed.cost.recent, *window));
            feed.cost.age(passed);
            feed.cost.recent > 0
        });
        if found.len() > most {
            found.select_nth_unstable_by(most, |(a, _), (b, _)| b.cmp(a));
            found.truncate(most);
        }
        let windows = found.into_iter();
        windows
            .filter_map(|(recent, window)| {
                let feed = self.feeds.get_mut(&window)?;
                if feed.cost.number == 0 {
                    self.last_told += 1;
                    feed.cost.number = self.last_told;
                }
                Some(busy(feed, recent))
            })
            .collect()
    }
}

fn busy(feed: &Feed, recent_micros: u64) -> Busy {
    let cost = feed.cost;
    Busy {
        number: cost.number,
        table_path: feed.bound.table.table.path(),
        query: query(feed),
        subscribers: feed.channel.len(),
        changes: cost.changes,
        patches: cost.patches,
        questions: cost.questions,
        reads: cost.reads,
        micros: cost.micros,
        recent_micros,
    }
}

/// A list's query, unless it may hold what administrators don't see: what somebody looks for among
/// what is theirs alone, or among rows about which the database's own rules decide.
fn query(feed: &Feed) -> Option<String> {
    let mut tables = feed.bound.tables();
    if tables.any(|table| table.is_by_account() || table.rules.is_some())
        || feed.bound.table.rules.is_some()
    {
        return None;
    }
    let mut text = feed.query.to_query_string();
    if text.len() > QUERY {
        text.truncate(text.floor_char_boundary(QUERY));
        text.push('…');
    }
    Some(text)
}
