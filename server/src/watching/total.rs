//! Totals: on which side of its bound one is.

use sqlx::{AssertSqlSafe, Row};

use super::{
    evaluator::{Evaluator, Failed},
    look::is_passing,
    rule::{Kind, Rule, Total},
    seen::Condition,
    tell::{Delivery, SENDER, addresses},
    words,
};
use crate::query::{
    aggregate::function_sql,
    sql::{Params, where_sql},
};
use rowcast_protocol::query::Function;

/// Reads a total, and tells those who see it so if it has crossed its bound since that was done
/// last. What is remembered and what is told are written together.
///
/// # Errors
/// Why that was not done.
pub async fn look(evaluator: &mut Evaluator, rule: &Rule) -> Result<(), Failed> {
    let Kind::Total(total) = &rule.kind else {
        return Ok(());
    };
    let table = match evaluator.parts.catalog.table(&rule.table).await {
        Ok(table) => table,
        Err(error) if is_passing(&error) => return Err(Failed::Passing),
        Err(_) => return Ok(()),
    };
    let audience = evaluator.audience(std::iter::once(rule)).await?;
    let Some(owner) = audience.identities.get(&rule.account) else {
        return Ok(());
    };
    let Some(condition) = evaluator.condition(rule, owner, &table).await? else {
        return Ok(());
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
    let mut transaction = evaluator.parts.pool.begin().await?;
    // Whoever looks at the same time waits, and then reads a later total.
    let before: Option<Option<bool>> = sqlx::query_scalar(
        "SELECT r.is_beyond FROM rowcast.watch_rule r \
          WHERE r.id = $1 AND r.paused_at IS NULL FOR UPDATE",
    )
    .bind(rule.id)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(before) = before else {
        return Ok(());
    };
    let (value, is_above, is_below) = match read(&mut transaction, &condition, total).await {
        Ok(read) => read,
        Err(error) if error.as_database_error().is_none() => return Err(error.into()),
        Err(_) => return Ok(()),
    };
    let is_beyond = if total.is_above { is_above } else { is_below };
    if before == Some(is_beyond) {
        return Ok(());
    }
    let is_hit = is_beyond && before.is_some();
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
        let said = words::total(rule, &value, &total.bound, total.is_above);
        let told = to.iter().filter(|recipient| recipient.is_told);
        let told: std::collections::BTreeSet<i64> =
            told.map(|recipient| recipient.account).collect();
        sqlx::query(
            "INSERT INTO rowcast.notification (account, title, body, link, sender) \
             SELECT a, $2, $3, $4, $5 FROM unnest($1::int8[]) AS a",
        )
        .bind(told.iter().copied().collect::<Vec<_>>())
        .bind(&said.title)
        .bind(&said.body)
        .bind(&said.link)
        .bind(SENDER)
        .execute(&mut *transaction)
        .await?;
        let content = serde_json::json!({
            "rule": {"id": rule.id, "name": rule.name, "kind": rule.kind.word()},
            "table": rule.table, "title": said.title, "body": said.body, "link": said.link,
            "value": value, "bound": total.bound, "rows": 0,
        });
        let mailed = match rule.mail {
            true => addresses(&mut transaction, &told).await?,
            false => Default::default(),
        };
        let hook = rule
            .hook
            .as_ref()
            .map(|host| ("webhook", rule.account, host));
        let mailed = mailed
            .iter()
            .map(|(account, address)| ("mail", *account, address));
        for (channel, account, target) in mailed.chain(hook) {
            let delivery = Delivery {
                rule: rule.id,
                account,
                channel,
                target,
                wait: 0.0,
                merges: false,
            };
            delivery.queue(&mut transaction, &content, 0).await?;
        }
    }
    transaction.commit().await?;
    if is_hit {
        evaluator.parts.watching.queued.notify_one();
    }
    Ok(())
}

/// The total, and whether it lies above and below the bound.
async fn read(
    connection: &mut sqlx::PgConnection,
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
    let row = query.fetch_one(connection).await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}
