//! A column at a glance: how the rows that match a query are spread over its values.
//!
//! A bucket holds what the filter that goes with it lets through, exactly: rows are sorted into
//! buckets by the comparisons of the column's own type, with the bounds as the filter has them.

mod count;
mod number;
mod time;
mod values;

use std::sync::Arc;

use rowcast_engine::datum::Codec;
use rowcast_protocol::{
    ApiError, Cell, Column,
    query::{Filter, Is, Operator, Query, Test, known_column},
};
use serde::Serialize;
use sqlx::PgConnection;

use crate::{
    database::{
        catalog::{Catalog, TableMeta},
        readers::Readers,
    },
    error::{Fault, fault, read_error},
    query::{bind::bind, bound::BoundQuery},
};

/// The most groups of a chart of values.
pub const MAX_GROUPS: usize = 20;

/// The most buckets of a chart of numbers or times.
pub const MAX_BUCKETS: usize = 40;

/// How long one of a chart's statements may run, in milliseconds.
const STATEMENT_TIMEOUT: &str = "10000";

/// How rows are spread over a column's values.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Chart {
    #[serde(flatten)]
    shape: Shape,
    /// How many rows have no value.
    nulls: u64,
    /// What lets those through.
    nulls_filter: String,
}

/// What the column's type allows to be told.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shape {
    /// By value.
    Values {
        /// The values that most rows have.
        groups: Vec<Group>,
        /// How many rows have others.
        others: u64,
    },
    /// By time.
    Time(Range),
    /// By number.
    Number(Range),
}

/// One value.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Group {
    /// The value; of a long one, its beginning as text.
    value: Cell,
    /// How many rows have it.
    count: u64,
    /// What lets those through; `None` of a value that is too long for an address.
    filter: Option<String>,
}

/// Values in their order.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Range {
    /// The least value.
    from: Cell,
    /// The greatest.
    to: Cell,
    /// Values from the least to the greatest, without a gap.
    buckets: Vec<Bucket>,
    /// How many rows have what lies in no bucket: an infinity, NaN.
    outside: u64,
}

/// The values from one up to another.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Bucket {
    /// The first value in it.
    from: Cell,
    /// The first value beyond it.
    to: Cell,
    /// How many rows are in it.
    count: u64,
    /// What lets those through.
    filter: String,
}

/// Reads a chart of the rows that match; order, limit and offset are passed over.
///
/// # Errors
/// Those of binding; `unknown_column`; `invalid_chart` if the column's
/// values can't be told apart; those of a read.
pub async fn read(
    catalog: &Catalog,
    readers: &Readers,
    table: Arc<TableMeta>,
    query: Query,
    column: &str,
) -> Result<Chart, ApiError> {
    let query = Query {
        order: Vec::new(),
        aggregates: Vec::new(),
        ..query
    };
    let described = table.described();
    let bound = bind(catalog, readers.ours(), table, &query).await?;
    // What is embedded stands behind the table's own columns.
    let own = bound.table.base().columns.len();
    let is_embedded = |(at, _): (usize, &Column)| at >= own;
    if !bound.table.table.column(column).is_some_and(is_embedded) {
        known_column(column, &described)?;
    }
    let subject = Subject::new(&bound, column)?;
    let read = async {
        let mut reader = readers.version(&bound.table).await?;
        let chart = subject.read_in_time(reader.connection()).await;
        reader.end(chart).await
    };
    read.await.map_err(|error| match fault(&error) {
        Fault::Operator => not_comparable(column),
        _ => read_error(&error, &bound.table.table.path()),
    })
}

fn not_comparable(column: &str) -> ApiError {
    ApiError::new(
        "invalid_chart",
        format!("chart={column}: values of this column's type can't be told apart"),
        "ask for the chart of another column",
    )
}

/// What a chart is of.
struct Subject<'a> {
    bound: &'a BoundQuery,
    /// The column's position.
    column: usize,
}

impl<'a> Subject<'a> {
    fn new(bound: &'a BoundQuery, column: &str) -> Result<Self, ApiError> {
        match bound.table.table.column(column) {
            Some((at, found)) if rowcast_protocol::query::is_comparable(found) => {
                Ok(Self { bound, column: at })
            }
            _ => Err(not_comparable(column)),
        }
    }

    async fn read_in_time(&self, connection: &mut PgConnection) -> Result<Chart, sqlx::Error> {
        sqlx::query("SELECT set_config('statement_timeout', $1, true)")
            .bind(STATEMENT_TIMEOUT)
            .execute(&mut *connection)
            .await?;
        self.read(connection).await
    }

    async fn read(&self, connection: &mut PgConnection) -> Result<Chart, sqlx::Error> {
        let column = &self.bound.table.table.columns[self.column];
        let codec = &self.bound.table.columns[self.column].codec;
        let (shape, nulls) = match codec {
            Codec::Date | Codec::Timestamp | Codec::TimestampTz => {
                let (range, nulls) = time::read(self, connection).await?;
                (Shape::Time(range), nulls)
            }
            // A number that stands for a row of another table is a name.
            Codec::Int2
            | Codec::Int4
            | Codec::Int8
            | Codec::Numeric
            | Codec::Float4
            | Codec::Float8
                if column.references.is_none() =>
            {
                let (range, nulls) = number::read(self, connection).await?;
                (Shape::Number(range), nulls)
            }
            _ => values::read(self, connection).await?,
        };
        Ok(Chart {
            shape,
            nulls,
            nulls_filter: self.filter([Operator::Is(Is::Null)]),
        })
    }

    /// What lets through the rows for which all of this holds of the column, as an address has
    /// it.
    fn filter(&self, operators: impl IntoIterator<Item = Operator>) -> String {
        let column = &self.bound.table.table.columns[self.column].name;
        let tests = operators.into_iter().map(|operator| {
            Filter::Test(Test {
                column: column.clone(),
                negated: false,
                operator,
            })
        });
        Query {
            filter: tests.collect(),
            ..Query::default()
        }
        .to_query_string()
    }
}
