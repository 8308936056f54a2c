//! A rule as somebody sees its rows.

use std::sync::Arc;

use rowcast_engine::{
    datum::Codec,
    predicate::{Predicate, Truth},
    record::Record,
};
use rowcast_protocol::{ApiError, TableKind};
use sqlx::PgPool;

use super::rule::{Kind, Total, conditions};
use crate::{
    database::catalog::TableMeta,
    live::{plan::query_spec, prepare::bind_live},
    permission::{Seen, restrict},
    query::bound::BoundQuery,
};

/// What a rule looks for, for those who see the same rows.
#[derive(Debug)]
pub struct Condition {
    /// Which rows, as PostgreSQL is asked.
    pub bound: BoundQuery,
    /// Which rows, as it is decided here.
    predicate: Predicate,
    moves: bool,
    /// The column whose value is looked at.
    pub column: Option<usize>,
}

impl Condition {
    /// What a rule looks for in a table of the catalog, for whoever sees the tables so.
    ///
    /// # Errors
    /// `unknown_table`; those of the grammar and of binding; `not_live`; `invalid_watch` for what
    /// rows that change do not tell.
    pub async fn new(
        seen: Seen<'_>,
        pool: &PgPool,
        table: &Arc<TableMeta>,
        query: &str,
        kind: &Kind,
    ) -> Result<Self, ApiError> {
        let path = table.table.path();
        let table = seen.known(Arc::clone(table), &path).await?;
        if table.is_ours() {
            return Err(unsuitable("what Rowcast keeps itself is not watched"));
        }
        if table.table.kind != TableKind::Table || !table.has_key() {
            return Err(unsuitable(
                "only tables with a key are watched, whose rows tell what becomes of them",
            ));
        }
        if table.rules.is_some() {
            return Err(unsuitable(
                "the database's own rules decide who sees which row here (ROWCAST_DATABASE_ROLES), \
                 and a change does not tell that",
            ));
        }
        let query = restrict(seen, &table, conditions(query)?).await?;
        let column = match kind {
            Kind::Enters | Kind::Leaves | Kind::Total(Total { column: None, .. }) => None,
            Kind::Changes(name)
            | Kind::Total(Total {
                column: Some(name), ..
            }) => Some(table.position(name).ok_or_else(|| unknown_column(name))?),
        };
        if let (Kind::Total(_), Some(at)) = (kind, column)
            && !is_number(&table.columns[at].codec)
        {
            return Err(unsuitable("only numbers are summed up"));
        }
        let bound = bind_live(seen.catalog(), pool, table, &query).await?;
        let spec = query_spec(&bound);
        if spec.reread && !matches!(kind, Kind::Total(_)) {
            return Err(unsuitable(
                "whether a row meets these conditions can't be told from the row alone",
            ));
        }
        Ok(Self {
            moves: spec.predicate.moves(),
            predicate: spec.predicate,
            column,
            bound,
        })
    }

    /// Whether a row is one of those that are looked for, at that moment; `None`: PostgreSQL knows.
    pub fn holds(&self, record: &Record, moment: i64) -> Option<bool> {
        let columns = &self.bound.table.schema.columns;
        let truth = match self.moves {
            true => self
                .predicate
                .at(columns, moment)
                .evaluate(columns, record.values()),
            false => self.predicate.evaluate(columns, record.values()),
        };
        match truth {
            Truth::True => Some(true),
            Truth::False | Truth::Null => Some(false),
            Truth::Unknown => None,
        }
    }
}

impl Kind {
    /// Whether a table has the column that it looks at, if it does at one, and that is of a type to do so.
    pub fn suits(&self, table: &TableMeta) -> bool {
        match self {
            Self::Enters | Self::Leaves | Self::Total(Total { column: None, .. }) => true,
            Self::Changes(name) => table.position(name).is_some(),
            Self::Total(Total {
                column: Some(name), ..
            }) => table
                .position(name)
                .is_some_and(|at| is_number(&table.columns[at].codec)),
        }
    }
}

/// A rule that can't be.
pub fn unsuitable(why: &str) -> ApiError {
    ApiError::new(
        "invalid_watch",
        why,
        "docs/watching.md says what can be watched",
    )
}

fn unknown_column(name: &str) -> ApiError {
    ApiError::new(
        "unknown_column",
        format!("the table has no column \"{name}\""),
        "",
    )
}

fn is_number(codec: &Codec) -> bool {
    matches!(
        codec,
        Codec::Int2 | Codec::Int4 | Codec::Int8 | Codec::Float4 | Codec::Float8 | Codec::Numeric
    )
}
