//! Which queries a table's changes concern.

use super::*;

/// Pairs of a query and the number of a change or image that it is to look at, by query.
pub(super) struct Routed(Vec<(QueryId, u32)>);

impl Routed {
    /// Each query with the numbers of what it is to look at, ascending.
    pub fn by_query(&self) -> impl Iterator<Item = (QueryId, impl Iterator<Item = usize> + Clone)> {
        self.0
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| (group[0].0, group.iter().map(|(_, at)| *at as usize)))
    }
}

impl TableState {
    /// The queries that each of these numbered rows may concern. It may name a query that a
    /// row does not concern.
    pub fn route<'a>(&self, records: impl Iterator<Item = (usize, &'a Arc<Record>)>) -> Routed {
        let mut routed = Vec::new();
        for (at, record) in records {
            self.index
                .candidates(record, &mut |id| routed.push((id, at as u32)));
        }
        routed.sort_unstable();
        routed.dedup();
        Routed(routed)
    }
}

/// The rows of net changes, each with its change's number.
pub(super) fn sides(changes: &[NetChange]) -> impl Iterator<Item = (usize, &Arc<Record>)> {
    changes.iter().enumerate().flat_map(|(at, change)| {
        [&change.old, &change.new]
            .into_iter()
            .flatten()
            .map(move |record| (at, record))
    })
}
