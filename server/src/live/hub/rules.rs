//! Lists about which the database's own rules decide: what no change of a table tells of them.

use std::collections::HashMap;

use super::*;

/// How often it is looked whether those rules are still the same, and lists are read again of which
/// nobody can tell what they depend on.
pub(super) const RULES: Duration = Duration::from_secs(5);

/// The fingerprints of rules, by role and table; `None` of what is gone.
pub type Ruling = HashMap<(u32, u32), Option<String>>;

impl Hub {
    /// Has the rules looked at, and lists read again that may have changed by themselves.
    pub(super) fn look_at_rules(&mut self) {
        self.rules_seen = Instant::now();
        let mut known = FxHashSet::default();
        let mut untold = Vec::new();
        for (window, feed) in &self.feeds {
            let table = &feed.bound.table;
            known.extend(table.all_rules().map(|(oid, rules)| (rules.role, oid)));
            if table.is_ruled_untold() {
                untold.push(*window);
            }
        }
        for window in untold {
            let outputs = self.engine.doubt(window, now());
            self.act(outputs);
        }
        let known: Vec<(u32, u32)> = known.into_iter().collect();
        let catalog = Arc::clone(&self.catalog);
        let results = self.results.0.clone();
        tokio::spawn(async move {
            // A database that is away is asked again the next time.
            if let Ok(ruling) = catalog.ruling_fingerprints(&known).await {
                // The hub being gone means that the server is stopping.
                let _ = results.send(Command::Rules(ruling)).await;
            }
        });
    }

    /// Ends the lists of which the rules are others now. Their clients come back for what is theirs.
    pub(super) fn compare_rules(&mut self, ruling: &Ruling) {
        let is_other = |feed: &Feed| {
            feed.bound.table.all_rules().any(|(oid, rules)| {
                // Of what was opened since nothing is known yet.
                let now = ruling.get(&(rules.role, oid));
                now.is_some_and(|now| now.as_ref() != Some(&rules.fingerprint))
            })
        };
        let others = self.feeds.iter().filter(|(_, feed)| is_other(feed));
        let others: Vec<WindowId> = others.map(|(window, _)| *window).collect();
        for window in others {
            self.end_window(window, &catalog_changed());
        }
    }
}

/// Microseconds since 1970.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}
