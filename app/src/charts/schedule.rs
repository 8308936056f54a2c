//! What a chart is asked of, and when it is asked for again.

use rowcast_protocol::query::Query;

/// The least time between two readings of one chart, in milliseconds.
const LEAST: f64 = 2_000.0;

/// One that takes long to read is read less often: this many times as long passes.
const SHARE: f64 = 5.0;

/// After so long, in milliseconds, one is read again though no change was seen: changes of rows
/// far from those that the page follows don't reach it.
const LONGEST: f64 = 10_000.0;

/// The text of the query whose rows a column's chart is of: all that match what is asked of
/// other columns. So what is filtered by in the chart leaves the rest of it to choose from.
pub fn query_of(query: &Query, column: &str) -> String {
    let mut filter = query.filter.clone();
    filter.retain(|of| !of.is_of(column));
    Query {
        filter,
        search: query.search.clone(),
        select: query.select.clone(),
        ..Query::default()
    }
    .to_query_string()
}

/// A chart that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The query that it is of.
    pub query: String,
    /// How many changes had come by then.
    pub changes: u64,
    /// When, in milliseconds since 1970, and how long the answer took.
    pub at: f64,
    /// How long the answer took, in milliseconds.
    pub took: f64,
    /// Whether it may be another one later: its table is live, or there was no answer.
    pub passes: bool,
}

impl Asked {
    /// Whether it is to be asked for again, when so many changes have come and that is the time.
    pub fn is_due(&self, query: &str, changes: u64, now: f64) -> bool {
        let age = now - self.at;
        let rested = age >= LEAST.max(SHARE * self.took);
        let may_differ = self.changes != changes || age >= LONGEST;
        self.query != query || self.passes && rested && may_differ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_of_what_is_asked_of_other_columns() {
        let query = Query::parse("a=eq.1&b=gt.2&or=(a.eq.1,b.eq.2)&q=x&order=a&limit=3&offset=9");
        assert_eq!(
            query.map(|query| query_of(&query, "a")).as_deref(),
            Ok("b=gt.2&or=(a.eq.1,b.eq.2)&q=x")
        );
    }

    #[test]
    fn a_chart_is_read_again_after_changes_and_a_rest() {
        let asked = Asked {
            query: "a=eq.1".to_owned(),
            changes: 7,
            at: 1_000.0,
            took: 10.0,
            passes: true,
        };
        let due = |changes, now| asked.is_due("a=eq.1", changes, now);
        assert!(!due(8, 2_900.0) && due(8, 3_000.0));
        // Rows that the page does not follow may have changed.
        assert!(!due(7, 10_900.0) && due(7, 11_000.0));
        // Another query is asked at once.
        assert!(asked.is_due("", 7, 1_001.0));
        let slow = Asked {
            took: 1_000.0,
            ..asked.clone()
        };
        assert!(!slow.is_due("a=eq.1", 8, 5_900.0) && slow.is_due("a=eq.1", 8, 6_000.0));
        let still = Asked {
            passes: false,
            ..asked
        };
        assert!(!still.is_due("a=eq.1", 8, 99_000.0));
    }
}
