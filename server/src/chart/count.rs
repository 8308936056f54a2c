//! Counting rows between bounds.

use rowcast_protocol::{Cell, query::Operator};
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use super::{Bucket, MAX_BUCKETS, Subject};
use crate::query::sql::{Params, where_sql};

/// A bound between two buckets.
pub struct Bound {
    /// As clients see it.
    pub cell: Cell,
    /// As PostgreSQL reads it in the type that is compared.
    pub compared: String,
    /// As a filter has it; `None` if it lies beyond the column's type.
    pub text: Option<String>,
}

impl Subject<'_> {
    /// Runs `SELECT {selected} FROM` the rows that match `{rest}`, the column's value being `r.v`.
    pub async fn of_rows(
        &self,
        connection: &mut PgConnection,
        selected: &str,
        rest: &str,
        mut params: Params,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let rows = self.rows_sql(&mut params);
        let sql = format!("SELECT {selected} FROM ({rows}) AS r {rest}");
        run(connection, sql, params).await
    }

    /// A statement that gives the column's value `v` of each row that matches.
    pub fn rows_sql(&self, params: &mut Params) -> String {
        let table = &self.bound.table;
        let condition = where_sql(table, &self.bound.filter, "t", params);
        format!(
            "SELECT {} AS v FROM {} WHERE {condition}",
            table.columns[self.column].value("t"),
            table.from_sql("t"),
        )
    }

    /// The buckets between these bounds, without the empty ones at both ends, and how many rows
    /// are in none. Values are compared as that type.
    pub async fn buckets(
        &self,
        connection: &mut PgConnection,
        bounds: &[Bound],
        compared_as: &str,
        is_finite: &str,
    ) -> Result<(Vec<Bucket>, u64), sqlx::Error> {
        let mut params = Params::default();
        let texts: Vec<String> = bounds
            .iter()
            .map(|bound| format!("\"{}\"", bound.compared))
            .collect();
        let array = params.push(format!("{{{}}}", texts.join(",")));
        let selected =
            format!("width_bucket(r.v::{compared_as}, ({array})::{compared_as}[]), count(*)");
        let rest = format!("WHERE r.v IS NOT NULL AND {is_finite} GROUP BY 1");
        let rows = self.of_rows(connection, &selected, &rest, params).await?;
        let mut counts = vec![0; bounds.len() + 1];
        for row in &rows {
            let place = usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or_default();
            if let Some(count) = counts.get_mut(place) {
                *count = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
            }
        }
        let outside = counts[0] + counts[bounds.len()];
        let buckets: Vec<Bucket> = bounds
            .windows(2)
            .zip(&counts[1..])
            .map(|(ends, count)| Bucket {
                from: ends[0].cell.clone(),
                to: ends[1].cell.clone(),
                count: *count,
                filter: self.filter(
                    [
                        ends[0].text.clone().map(Operator::Gte),
                        ends[1].text.clone().map(Operator::Lt),
                    ]
                    .into_iter()
                    .flatten(),
                ),
            })
            .collect();
        Ok((trimmed(buckets), outside))
    }
}

/// Runs a statement that is of this query alone.
pub async fn run(
    connection: &mut PgConnection,
    sql: String,
    params: Params,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let mut statement = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for text in params.into_texts() {
        statement = statement.bind(text);
    }
    statement.fetch_all(connection).await
}

fn trimmed(mut buckets: Vec<Bucket>) -> Vec<Bucket> {
    let is_full = |bucket: &Bucket| bucket.count > 0;
    let end = buckets.iter().rposition(is_full).map_or(0, |at| at + 1);
    buckets.truncate(end);
    let begin = buckets.iter().position(is_full).unwrap_or(0);
    buckets.drain(..begin);
    debug_assert!(buckets.len() <= MAX_BUCKETS);
    buckets
}
