//! What is due, and is ours to send for a while.

use std::time::Duration;

use sqlx::{PgPool, Row, postgres::PgRow};

use super::{AT_ONCE, Due, GIVEN_UP, LEASE, LOOK};

/// How many of these places one account has at the most.
const SHARE: i32 = 4;

/// How many are looked at for that.
const LOOKED_AT: i64 = 64;

/// What is the first that waits of its rule for its receiver: a receiver has them in order. Tests go
/// past what is tried again.
const FIRST: &str = "(d.rule IS NULL OR d.content ? 'test' OR NOT EXISTS ( \
     SELECT FROM rowcast.delivery o \
      WHERE o.rule = d.rule AND o.account = d.account AND o.channel = d.channel \
        AND o.state = 'waiting' AND o.id < d.id AND NOT o.content ? 'test'))";

/// What is due now, by rule, but what is of these; and when it is to be looked for more.
///
/// # Errors
/// The database's.
pub async fn lease(
    pool: &PgPool,
    busy: &[(Option<i64>, i64)],
) -> Result<(Vec<Vec<Due>>, Duration), sqlx::Error> {
    let accounts: Vec<i64> = busy.iter().map(|(_, account)| *account).collect();
    let busy: Vec<i64> = busy.iter().filter_map(|(rule, _)| *rule).collect();
    let sql = format!(
        "WITH due AS ( \
             SELECT d.id, d.account, d.next_at FROM rowcast.delivery d \
              WHERE d.state = 'waiting' AND d.next_at <= clock_timestamp() \
                AND (d.leased_until IS NULL OR d.leased_until < clock_timestamp()) \
                AND (d.rule IS NULL OR d.rule <> ALL ($4)) \
                AND (SELECT count(*) FROM unnest($5::int8[]) AS b WHERE b = d.account) < $6 \
                AND {FIRST} \
              ORDER BY d.next_at, d.id LIMIT $7), \
         shared AS ( \
             SELECT e.id FROM ( \
                 SELECT due.*, row_number() OVER (PARTITION BY due.account \
                                                      ORDER BY due.next_at, due.id) AS place FROM due) AS e \
              WHERE e.place + (SELECT count(*) FROM unnest($5::int8[]) AS b WHERE b = e.account) <= $6 \
              ORDER BY e.next_at, e.id LIMIT $2), \
         locked AS ( \
             SELECT d.id FROM rowcast.delivery d JOIN shared USING (id) \
              WHERE d.state = 'waiting' AND d.next_at <= clock_timestamp() \
                AND (d.leased_until IS NULL OR d.leased_until < clock_timestamp()) \
                FOR UPDATE OF d SKIP LOCKED), \
         leased AS ( \
             UPDATE rowcast.delivery d \
                SET leased_until = clock_timestamp() + make_interval(secs => $1), \
                    lease = gen_random_uuid() \
               FROM locked WHERE d.id = locked.id RETURNING d.*) \
         SELECT d.id, d.token::text, d.rule, d.channel, d.target, d.content::text, d.attempts, \
                d.first_at < clock_timestamp() - make_interval(secs => $3), \
                to_jsonb(d.created_at) #>> '{{}}', w.url, w.secret, a.disabled_at IS NOT NULL, \
                d.channel = 'mail' AND NOT EXISTS ( \
                    SELECT FROM rowcast.account_mail m \
                     WHERE m.account = d.account AND m.address = d.target \
                       AND m.confirmed_at IS NOT NULL), \
                d.account, d.lease::text, \
                d.channel = 'mail' AND NOT EXISTS ( \
                    SELECT FROM rowcast.account_mail m \
                     WHERE m.account = d.account AND m.address = d.target) \
           FROM leased d JOIN rowcast.account a ON a.id = d.account \
           LEFT JOIN rowcast.webhook w ON w.rule = d.rule ORDER BY d.id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(LEASE.as_secs_f64())
        .bind(i64::try_from(AT_ONCE).unwrap_or(1))
        .bind(GIVEN_UP.as_secs_f64())
        .bind(&busy)
        .bind(&accounts)
        .bind(SHARE)
        .bind(LOOKED_AT)
        .fetch_all(pool)
        .await?;
    let mut rules: Vec<Vec<Due>> = Vec::new();
    for row in &rows {
        let due = due(row)?;
        let of_same = |known: &&mut Vec<Due>| due.rule.is_some() && known[0].rule == due.rule;
        match rules.iter_mut().find(of_same) {
            Some(known) => known.push(due),
            None => rules.push(vec![due]),
        }
    }
    if !rules.is_empty() {
        return Ok((rules, Duration::ZERO));
    }
    let sql = format!(
        "SELECT extract(epoch FROM min(greatest(d.next_at, d.leased_until)) \
                                   - clock_timestamp())::float8 \
           FROM rowcast.delivery d \
          WHERE d.state = 'waiting' AND (d.rule IS NULL OR d.rule <> ALL ($1)) \
            AND (SELECT count(*) FROM unnest($2::int8[]) AS b WHERE b = d.account) < $3 AND {FIRST}"
    );
    let next: Option<f64> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(&busy)
        .bind(&accounts)
        .bind(SHARE)
        .fetch_one(pool)
        .await?;
    let next = next.and_then(|next| Duration::try_from_secs_f64(next.max(0.01)).ok());
    Ok((rules, next.unwrap_or(LOOK)))
}

fn due(row: &PgRow) -> Result<Due, sqlx::Error> {
    let content: &str = row.try_get(5)?;
    Ok(Due {
        id: row.try_get(0)?,
        account: row.try_get(13)?,
        lease: row.try_get(14)?,
        token: row.try_get(1)?,
        rule: row.try_get(2)?,
        channel: row.try_get(3)?,
        target: row.try_get(4)?,
        content: serde_json::from_str(content)
            .map_err(|error| sqlx::Error::Decode(error.into()))?,
        attempts: row.try_get(6)?,
        // Where an address is another one, none of its letters will ever be sent.
        is_last: row.try_get(7)? || row.try_get(15)?,
        created_at: row.try_get(8)?,
        url: row.try_get(9)?,
        secret: row.try_get(10)?,
        void: match (row.try_get(11)?, row.try_get(12)?) {
            (true, _) => Some("the account is disabled"),
            (_, true) => Some("the address is not the account's, or nobody there has said so"),
            (false, false) => None,
        },
    })
}
