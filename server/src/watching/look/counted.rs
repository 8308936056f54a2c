//! How many rows a transaction wrote of which the log says nothing.

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;

use super::Looking;
use crate::{
    query::sql::{Params, where_sql},
    watching::{evaluator::Evaluator, rule::Kind, seen::Condition, words},
};

/// How long a round looks for what statements may have done that was not recorded.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much longer than a statement may take its answer is waited for.
const GRACE: Duration = Duration::from_millis(500);

impl Looking<'_> {
    /// Of what was not recorded by row, those rows are counted that the transaction wrote and that
    /// are among those looked for now: no more than these have come. What there is no time left for
    /// has no number.
    pub(super) async fn count_unsure(&mut self, evaluator: &Evaluator) {
        let until = Instant::now() + PATIENCE;
        for hit in &mut self.hits {
            let watch = &self.watches[hit.watch];
            let is_counted = matches!(hit.unsure, Some(words::BULK | words::LARGE))
                && self.rules[watch.rule].kind == Kind::Enters;
            if is_counted {
                let left = until.saturating_duration_since(Instant::now());
                if left.as_millis() == 0 {
                    return;
                }
                let counting = count_written(evaluator, &watch.condition, hit.xid, left);
                if let Ok(Ok(rows)) = tokio::time::timeout(left + GRACE, counting).await {
                    hit.outcome.rows = hit.outcome.rows.max(rows.unsigned_abs());
                }
            }
        }
    }
}

async fn count_written(
    evaluator: &Evaluator,
    condition: &Condition,
    xid: u64,
    left: Duration,
) -> Result<i64, sqlx::Error> {
    let table = &condition.bound.table;
    let mut params = Params::default();
    let filter = where_sql(table, &condition.bound.filter, "t", &mut params);
    // A row says the number of whoever wrote it without what goes beyond 32 bits.
    let writer = params.push((xid & 0xffff_ffff).to_string());
    let sql = format!(
        "SELECT count(*) FROM {} AS t WHERE {filter} AND t.xmin = {writer}::xid",
        table.sql_name()
    );
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
    for text in params.into_texts() {
        query = query.bind(text);
    }
    // Nothing goes on behind whoever has stopped waiting.
    let mut transaction = evaluator.parts.readers.ours().begin().await?;
    sqlx::query("SELECT set_config('statement_timeout', $1, true)")
        .bind(left.as_millis().to_string())
        .execute(&mut *transaction)
        .await?;
    query.fetch_one(&mut *transaction).await
}
