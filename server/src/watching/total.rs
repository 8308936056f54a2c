//! Totals: on which side of its bound one is.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{
    evaluator::{Evaluator, Failed},
    look::is_lasting,
    rule::{Kind, Rule, Total},
    seen::Condition,
    tell::{Crossed, note_missed, tell_total},
    words,
};
use crate::{
    error::{Fault, fault},
    query::{
        aggregate::function_sql,
        sql::{Params, where_sql},
    },
};
use rowcast_protocol::query::Function;

/// Reads a total, and tells those who see it so if it has crossed its bound since that was done
/// last. What is remembered and what is told are written together. Returns how long the reading took.
///
/// # Errors
/// Why that was not done.
pub async fn look(evaluator: &mut Evaluator, rule: &Rule) -> Result<Duration, Failed> {
    let Kind::Total(total) = &rule.kind else {
        return Ok(Duration::ZERO);
    };
    let table = match evaluator.parts.catalog.table(&rule.table).await {
        Ok(table) => table,
        Err(error) if is_lasting(&error) => return miss(evaluator, rule, words::REFUSED).await,
        Err(_) => return Err(Failed::Passing),
    };
    let audience = evaluator.audience(std::iter::once(rule)).await?;
    let Some(owner) = audience.identities.get(&rule.account) else {
        return Ok(Duration::ZERO);
    };
    let Some(condition) = evaluator.condition(rule, owner, &table).await? else {
        let pool = evaluator.parts.pool.clone();
        let refused = std::collections::BTreeSet::from([rule.id]);
        let mut connection = pool.acquire().await?;
        note_missed(&mut connection, &refused, words::REFUSED).await?;
        return Ok(Duration::ZERO);
    };
    // It is the owner's total: others are told who see the same rows.
    let mut to = Vec::new();
    for recipient in audience.of(rule, &table) {
        let identity = &audience.identities[&recipient.account];
        let theirs = evaluator.condition(rule, identity, &table).await?;
        if theirs.is_some_and(|theirs| theirs.bound.identity == condition.bound.identity) {
            to.push(recipient);
        }
    }
    // Nobody waits for a rule while its total is read: what was found is written down if nobody else
    // has done that meanwhile.
    let before = {
        let mut connection = evaluator.parts.pool.acquire().await?;
        remembered(&mut connection, rule.id, "").await?
    };
    let Some(before) = before else {
        return Ok(Duration::ZERO);
    };
    let begun = Instant::now();
    let (value, is_above, is_below) = match read(evaluator, &condition, total).await {
        Ok(read) => read,
        Err(error) => match fault(&error) {
            Fault::Unavailable => return Err(error.into()),
            Fault::TooSlow => return Err(Failed::Rules(vec![rule.id])),
            _ => return miss(evaluator, rule, words::NO_TOTAL).await,
        },
    };
    let took = begun.elapsed();
    let is_beyond = if total.is_above { is_above } else { is_below };
    if before == Some(is_beyond) {
        return Ok(took);
    }
    let is_hit = is_beyond && before.is_some();
    let mut transaction = evaluator.parts.pool.begin().await?;
    match remembered(&mut transaction, rule.id, "FOR UPDATE").await? {
        None => return Ok(took),
        Some(now) if now == before => {}
        Some(_) => return Err(Failed::Passing),
    }
    sqlx::query(
        "UPDATE rowcast.watch_rule SET is_beyond = $2, hits = hits + $3::int4, \
                last_hit_at = CASE WHEN $3::int4 > 0 THEN clock_timestamp() ELSE last_hit_at END \
          WHERE id = $1",
    )
    .bind(rule.id)
    .bind(is_beyond)
    .bind(i32::from(is_hit))
    .execute(&mut *transaction)
    .await?;
    if is_hit {
        let crossed = Crossed {
            said: words::total(rule, &value, &total.bound, total.is_above),
            value,
            bound: total.bound.clone(),
        };
        tell_total(&mut transaction, rule, &to, &crossed).await?;
    }
    transaction.commit().await?;
    if is_hit {
        evaluator.parts.watching.queued.notify_one();
    }
    Ok(took)
}

/// On which side the total was last; `None` if the rule is not there any more, or paused.
async fn remembered(
    connection: &mut PgConnection,
    rule: i64,
    lock: &str,
) -> Result<Option<Option<bool>>, sqlx::Error> {
    let sql = format!(
        "SELECT r.is_beyond FROM rowcast.watch_rule r \
          WHERE r.id = $1 AND coalesce(least(r.paused_at, r.expires_at) > now(), true) {lock}"
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(rule)
        .fetch_optional(connection)
        .await
}

/// Tells a rule's owner that its total may have crossed its bound unseen.
///
/// # Errors
/// The database's.
pub async fn miss(evaluator: &Evaluator, rule: &Rule, why: &str) -> Result<Duration, Failed> {
    let mut transaction = evaluator.parts.pool.begin().await?;
    super::tell::miss(&mut transaction, &[rule], why).await?;
    transaction.commit().await?;
    Ok(Duration::ZERO)
}

/// The total, and whether it lies above and below the bound.
async fn read(
    evaluator: &Evaluator,
    condition: &Condition,
    total: &Total,
) -> Result<(String, bool, bool), sqlx::Error> {
    let table = &condition.bound.table;
    let mut params = Params::default();
    let filter = where_sql(table, &condition.bound.filter, "t", &mut params);
    let bound = params.push(total.bound.clone());
    let figure = match condition.column {
        None => "count(*)".to_owned(),
        Some(at) => {
            let column = &table.columns[at];
            format!(
                "coalesce({}, 0)",
                function_sql(column, Function::Sum, &column.value("t"))
            )
        }
    };
    let sql = format!(
        "SELECT f.n::text, f.n > {bound}::numeric, f.n < {bound}::numeric \
           FROM (SELECT ({figure})::numeric AS n FROM {} AS t WHERE {filter}) AS f",
        table.sql_name()
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for text in params.into_texts() {
        query = query.bind(text);
    }
    let row = query.fetch_one(evaluator.parts.readers.ours()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}
