//! What this tab has seen of the notifications: what came while it went from page to page is news
//! on the next one, and what it has shown is none any more.

/// The most that are remembered, the newest: far more than are followed at a time.
const MOST: usize = 200;

/// The ids that were seen, the highest last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Known(Vec<i64>);

impl Known {
    /// Of which of these nobody knew. All of them are known from now on.
    pub fn learn(&mut self, ids: &[i64]) -> Vec<i64> {
        let mut new: Vec<i64> = ids.to_vec();
        new.retain(|id| self.0.binary_search(id).is_err());
        self.0.extend(&new);
        self.0.sort_unstable();
        self.0.drain(..self.0.len().saturating_sub(MOST));
        new
    }

    /// What was written of it.
    pub fn read(text: &str) -> Self {
        let mut ids: Vec<i64> = text.split(',').filter_map(|id| id.parse().ok()).collect();
        ids.sort_unstable();
        Self(ids)
    }

    /// Itself, to be read again.
    pub fn text(&self) -> String {
        let ids: Vec<String> = self.0.iter().map(i64::to_string).collect();
        ids.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_no_news_whatever_order_it_comes_in() {
        let mut known = Known::default();
        assert_eq!(known.learn(&[9, 7]), [9, 7]);
        assert_eq!(known.learn(&[9, 8, 7]), [8]);
        assert_eq!(known.learn(&[9, 8, 7]), [0; 0]);
        assert_eq!(Known::read(&known.text()), known);
        assert_eq!(Known::read("none,3,1"), Known(vec![1, 3]));
    }

    #[test]
    fn the_newest_are_remembered() {
        let mut known = Known::default();
        let many: Vec<i64> = (0..1_000).collect();
        known.learn(&many);
        assert_eq!(known.0.len(), MOST);
        assert!(known.learn(&many[1_000 - MOST..]).is_empty());
    }
}
