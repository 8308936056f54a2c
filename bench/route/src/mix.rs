//! The queries: which they are, and which rows are theirs.

use std::{cmp::Ordering, sync::Arc};

use rowcast_engine::{
    datum::Datum,
    order::{Order, SortKey},
    predicate::{Comparison, Predicate},
    query::QuerySpec,
    run::Slice,
    window::WindowSpec,
};

use crate::table::{AT, COLUMNS, Groups, ID, LEVEL, OWNER, PLACE, SCORE, SHELF, TITLE, Table};

/// One query. `u32` says which of its kind.
#[derive(Clone, Copy, Debug)]
pub enum Query {
    /// `owner=eq.N`: 40 of 100.
    Equal(u32),
    /// `place=in.(4N,4N+1,4N+2,4N+3)`: 20 of 100.
    In(u32),
    /// `level=gte.4N&level=lt.4N+8`: 19 of 100.
    Range(u32),
    /// `shelf=eq.N&order=…&limit=50`, of 60 rows, in four orders: 20 of 100.
    Ordered(u32),
    /// `title=ilike.*tagN;*`: 1 of 100.
    Ilike(u32),
    /// The same filter as one that only PostgreSQL can decide, beside the hundred.
    Residual(u32),
}

impl Query {
    /// The nth of so many.
    pub fn nth(nth: u32, queries: u32) -> Self {
        let hundredth = queries / 100;
        match nth / hundredth {
            0..40 => Self::Equal(nth),
            40..60 => Self::In(nth - 40 * hundredth),
            60..79 => Self::Range(nth - 60 * hundredth),
            79..99 => Self::Ordered(nth - 79 * hundredth),
            99 => Self::Ilike(nth - 99 * hundredth),
            _ => Self::Residual(nth - queries),
        }
    }

    /// As the server would hand it to the engine.
    pub fn spec(self, table: &Table) -> (QuerySpec, WindowSpec) {
        let compare = |column, comparison, value: u32| Predicate::Compare {
            column,
            comparison,
            value: Datum::Int(value.into()),
        };
        let (identity, predicate) = match self {
            Self::Equal(n) => (
                format!("public.orders?owner=eq.{n}"),
                compare(OWNER, Comparison::Equal, n),
            ),
            Self::In(n) => (
                format!("public.orders?place=in.({}..{})", 4 * n, 4 * n + 3),
                Predicate::In {
                    column: PLACE,
                    values: (4 * n..4 * n + 4)
                        .map(|place| Datum::Int(place.into()))
                        .collect(),
                },
            ),
            Self::Range(n) => (
                format!("public.orders?level=gte.{}&level=lt.{}", 4 * n, 4 * n + 8),
                Predicate::And(vec![
                    compare(LEVEL, Comparison::GreaterOrEqual, 4 * n),
                    compare(LEVEL, Comparison::Less, 4 * n + 8),
                ]),
            ),
            Self::Ordered(n) => (
                format!("public.orders?shelf=eq.{}&order={}", n / 4, n % 4),
                compare(SHELF, Comparison::Equal, n / 4),
            ),
            Self::Ilike(n) => (
                format!("public.orders?title=ilike.*tag{n};*"),
                Predicate::Like {
                    column: TITLE,
                    pattern: format!("%tag{n};%"),
                    ignores_case: true,
                },
            ),
            Self::Residual(n) => (
                format!("public.orders?title=ilike.*täg{n};*"),
                Predicate::Asked,
            ),
        };
        let (column, descending) = self.order();
        let key = |column, descending| SortKey {
            column,
            descending,
            nulls_first: descending,
            asked: false,
        };
        let mut order = vec![key(column, descending)];
        if column != ID {
            order.push(key(ID, false));
        }
        let spec = QuerySpec {
            identity: identity.into(),
            schema: Arc::clone(&table.schema),
            predicate,
            order: Order(order),
            reread: false,
            sources: Vec::new(),
        };
        let window = WindowSpec {
            slice: Slice {
                offset: 0,
                limit: 50,
            },
            select: (0..COLUMNS).collect(),
            aggregates: Arc::default(),
        };
        (spec, window)
    }

    /// The result's rows, in order.
    pub fn rows(self, table: &Table) -> Vec<u32> {
        let Groups {
            owners,
            places,
            levels,
            shelves,
            sites,
        } = table.groups;
        let mut rows: Vec<u32> = match self {
            Self::Equal(n) => table.members(n, owners).collect(),
            Self::In(n) => (4 * n..4 * n + 4)
                .flat_map(|place| table.members(place, places))
                .collect(),
            Self::Range(n) => (4 * n..(4 * n + 8).min(levels))
                .flat_map(|level| table.members(level, levels))
                .collect(),
            Self::Ordered(n) => table.members(n / 4, shelves).collect(),
            Self::Ilike(n) | Self::Residual(n) => table.members(n, sites).collect(),
        };
        rows.sort_unstable_by(|&a, &b| self.compare(table, a, b));
        rows
    }

    /// Whether PostgreSQL would say that the filter holds for a row, of those that it is
    /// asked about.
    pub fn holds(self, id: u32, groups: Groups) -> bool {
        match self {
            Self::Residual(n) => id % groups.sites == n,
            _ => true,
        }
    }

    fn order(self) -> (usize, bool) {
        match self {
            Self::Ordered(n) => ([SCORE, AT][(n / 2 % 2) as usize], n.is_multiple_of(2)),
            _ => (ID, false),
        }
    }

    fn compare(self, table: &Table, a: u32, b: u32) -> Ordering {
        let (column, descending) = self.order();
        let ordering = table
            .sort_value(a, column)
            .cmp(&table.sort_value(b, column));
        let ordering = if descending {
            ordering.reverse()
        } else {
            ordering
        };
        ordering.then(a.cmp(&b))
    }
}

/// How many queries' filters a row satisfies, beside the residual ones: one by its owner, one
/// by its place, two by its level, four by its shelf, and one by its title.
pub const TOUCHED: f64 = 1.0 + 1.0 + 2.0 + 4.0 + 1.0;
