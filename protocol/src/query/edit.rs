//! Queries made of others, as a page's controls make them.
//!
//! Whatever changes which rows match, or their order, goes back to the first page.

use super::{Filter, MAX_LIMIT, OrderBy, Query, Test};

impl OrderBy {
    /// This column, the least first; NULLs as PostgreSQL has them.
    pub fn ascending(column: &str) -> Self {
        Self {
            column: column.into(),
            descending: false,
            nulls_first: false,
        }
    }

    /// This column, the greatest first; NULLs as PostgreSQL has them.
    pub fn descending(column: &str) -> Self {
        Self {
            column: column.into(),
            descending: true,
            nulls_first: true,
        }
    }
}

impl Query {
    /// Every test of the filter, from left to right.
    pub fn tests(&self) -> Vec<&Test> {
        self.filter.iter().flat_map(Filter::tests).collect()
    }

    /// The words of the search.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.search
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
    }

    /// How the rows are ordered by this column, and at which place it stands, from 0.
    pub fn sort_of(&self, column: &str) -> Option<(usize, &OrderBy)> {
        self.order
            .iter()
            .enumerate()
            .find(|(_, order)| order.column == column)
    }

    /// The column's next order: none, ascending, descending, none. `additive` keeps the
    /// other columns' order, and the column's place among them.
    #[must_use]
    pub fn with_sort_toggled(&self, column: &str, additive: bool) -> Self {
        let found = self.sort_of(column);
        let next = match found {
            None => Some(OrderBy::ascending(column)),
            Some((_, order)) if !order.descending => Some(OrderBy::descending(column)),
            Some(_) => None,
        };
        let mut order = if additive {
            self.order.clone()
        } else {
            Vec::new()
        };
        match (found, next) {
            (Some((at, _)), Some(next)) if additive => order[at] = next,
            (Some((at, _)), None) if additive => {
                order.remove(at);
            }
            (_, next) => order.extend(next),
        }
        Self {
            order,
            offset: 0,
            ..self.clone()
        }
    }

    /// One condition more.
    #[must_use]
    pub fn with_filter(&self, filter: Filter) -> Self {
        let mut query = self.first_page();
        query.filter.push(filter);
        query
    }

    /// One test more.
    #[must_use]
    pub fn with_test(&self, test: Test) -> Self {
        self.with_filter(Filter::Test(test))
    }

    /// Without the condition at that position of [`Query::filter`].
    #[must_use]
    pub fn without_test(&self, index: usize) -> Self {
        let mut query = self.first_page();
        if index < query.filter.len() {
            query.filter.remove(index);
        }
        query
    }

    /// Without any condition or search.
    #[must_use]
    pub fn without_filters(&self) -> Self {
        Self {
            filter: Vec::new(),
            search: None,
            ..self.first_page()
        }
    }

    /// With these words searched for; blank is no search.
    #[must_use]
    pub fn with_search(&self, text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        Self {
            search: (!words.is_empty()).then(|| words.join(" ")),
            ..self.first_page()
        }
    }

    /// The page that begins at this row.
    #[must_use]
    pub fn with_page(&self, offset: u64) -> Self {
        Self {
            offset,
            ..self.clone()
        }
    }

    /// With that many rows on a page, at most [`MAX_LIMIT`].
    #[must_use]
    pub fn with_limit(&self, limit: u32) -> Self {
        Self {
            limit: limit.min(MAX_LIMIT),
            ..self.first_page()
        }
    }

    fn first_page(&self) -> Self {
        self.with_page(0)
    }
}
