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
    /// The queries that each of these may concern, as it was or as it is. It may name a query
    /// that is not concerned.
    pub fn route<'a>(&self, sides: impl Iterator<Item = Sides<'a>>) -> Routed {
        let mut routed = Vec::new();
        for (at, (old, new)) in sides.enumerate() {
            self.index
                .candidates(old, new, &mut |id| routed.push((id, at as u32)));
        }
        routed.sort_unstable();
        routed.dedup();
        Routed(routed)
    }
}

/// A row as it was and as it is, as far as it was or is.
type Sides<'a> = (Option<&'a Record>, Option<&'a Record>);
