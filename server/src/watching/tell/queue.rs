//! What of it is delivered beside the page.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::Entry;
use crate::watching::{rule::Rule, words::Said};

/// The most deliveries of one rule that wait: what comes then is told with the last of them.
const MOST_WAITING: i64 = 1_000;

/// Something that is to be delivered.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Of which rule.
    pub rule: i64,
    /// For whom.
    pub account: i64,
    /// `mail` or `webhook`.
    pub channel: &'a str,
    /// Where to, as it is shown.
    pub target: &'a str,
    /// In how many seconds.
    pub wait: f64,
    /// Whether it joins what nobody has begun to deliver.
    pub merges: bool,
}

impl Delivery<'_> {
    /// Whether so many wait for the rule's receivers that no more are added.
    async fn has_many_waiting(self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT count(*) >= $2 FROM (SELECT FROM rowcast.delivery d \
              WHERE d.rule = $1 AND d.state = 'waiting' LIMIT $2) AS waiting",
        )
        .bind(self.rule)
        .bind(MOST_WAITING)
        .fetch_one(connection)
        .await
    }

    /// Queues it, with so many rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn queue(
        self,
        connection: &mut PgConnection,
        content: &Value,
        rows: i64,
    ) -> Result<(), sqlx::Error> {
        if self.merges || self.has_many_waiting(connection).await? {
            let merged = sqlx::query(
                "UPDATE rowcast.delivery d \
                    SET content = $4::text::jsonb || jsonb_build_object( \
                            'rows', (d.content ->> 'rows')::int8 + $5), \
                        next_at = least(d.next_at, clock_timestamp() + make_interval(secs => $6)) \
                  WHERE d.id = (SELECT max(o.id) FROM rowcast.delivery o \
                                 WHERE o.rule = $1 AND o.account = $2 AND o.channel = $3 \
                                   AND o.state = 'waiting' AND NOT o.content ? 'test') \
                    AND d.state = 'waiting' AND d.attempts = 0 AND d.leased_until IS NULL",
            )
            .bind(self.rule)
            .bind(self.account)
            .bind(self.channel)
            .bind(content.to_string())
            .bind(rows)
            .bind(self.wait.max(0.0))
            .execute(&mut *connection)
            .await?;
            if merged.rows_affected() > 0 {
                return Ok(());
            }
        }
        sqlx::query(
            "INSERT INTO rowcast.delivery (rule, account, channel, target, content, next_at, first_at) \
             SELECT $1, $2, $3, $4, $5::text::jsonb, u.due, u.due \
               FROM (SELECT clock_timestamp() + make_interval(secs => $6) AS due) AS u",
        )
        .bind(self.rule)
        .bind(self.account)
        .bind(self.channel)
        .bind(self.target)
        .bind(content.to_string())
        .bind(self.wait.max(0.0))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Queues what is delivered beside the page: what is first at once, what follows together when its
/// time is over.
///
/// # Errors
/// The database's.
pub async fn queue(
    connection: &mut PgConnection,
    rules: &[Rule],
    entries: &[Entry],
) -> Result<bool, sqlx::Error> {
    let mailed = entries
        .iter()
        .filter(|entry| rules[entry.rule].mail && entry.is_told);
    let mailed: BTreeSet<i64> = mailed.map(|entry| entry.account).collect();
    let addresses = addresses(connection, &mailed).await?;
    let mut is_queued = false;
    for entry in entries {
        let rule = &rules[entry.rule];
        let mail = addresses
            .get(&entry.account)
            .filter(|_| rule.mail && entry.is_told);
        let hook = rule.hook.as_ref().filter(|_| entry.account == rule.account);
        for (channel, target) in [("mail", mail), ("webhook", hook)] {
            let Some(target) = target else {
                continue;
            };
            let of = Delivery {
                rule: rule.id,
                account: entry.account,
                channel,
                target,
                wait: entry.left.unwrap_or(0.0),
                merges: rule.group_seconds > 0,
            };
            let content = content(rule, entry.said(rules), entry);
            of.queue(connection, &content, entry.added).await?;
            is_queued = true;
        }
    }
    Ok(is_queued)
}

/// Where accounts get e-mail, of those that have said so.
///
/// # Errors
/// The database's.
pub async fn addresses(
    connection: &mut PgConnection,
    accounts: &BTreeSet<i64>,
) -> Result<HashMap<i64, String>, sqlx::Error> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let accounts: Vec<i64> = accounts.iter().copied().collect();
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT m.account, m.address FROM rowcast.account_mail m \
          WHERE m.account = ANY ($1) AND m.confirmed_at IS NOT NULL",
    )
    .bind(accounts)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

fn content(rule: &Rule, said: Said, entry: &Entry) -> Value {
    let key = entry
        .one
        .as_ref()
        .filter(|_| entry.rows == 1 && entry.unsure.is_none());
    let key: Option<BTreeMap<&str, &str>> = key.map(|key| {
        key.iter()
            .map(|(name, value)| (&**name, &**value))
            .collect()
    });
    if let Some(crossed) = &entry.crossed {
        return json!({
            "rule": {"id": rule.id, "name": rule.name, "kind": rule.kind.word()},
            "table": rule.table, "title": said.title, "body": said.body, "link": said.link,
            "value": crossed.value, "bound": crossed.bound, "rows": 0,
        });
    }
    json!({
        "rule": {"id": rule.id, "name": rule.name, "kind": rule.kind.word()},
        "table": rule.table,
        "title": said.title,
        "body": said.body,
        "link": said.link,
        "rows": entry.added,
        "total_rows": entry.rows,
        "key": key,
        "uncertain": entry.unsure,
    })
}
