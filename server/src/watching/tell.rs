//! Writing down what was found: notifications, what is to be delivered, what rules remember.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use sqlx::{PgConnection, Row};

use super::{
    look::{Looked, Recipient},
    rule::Rule,
    words::{self, Said},
};

/// Who tells it.
pub const SENDER: &str = "Watch rule";

/// The most deliveries of one rule that wait: what comes then is told with the last of them.
const MOST_WAITING: i64 = 1_000;

/// How long it takes until somebody is told again that a rule may have missed something.
const MISSED_APART: &str = "1 h";

/// What somebody is told of a rule by one notification.
#[derive(Debug)]
struct Entry {
    rule: usize,
    account: i64,
    is_told: bool,
    /// That which is there already.
    notification: Option<i64>,
    /// Seconds until what belongs to it is told apart; `None`: it begins now.
    left: Option<f64>,
    rows: i64,
    /// How many of these are new.
    added: i64,
    unsure: Option<String>,
    one: Option<Vec<(String, String)>>,
    /// A total.
    crossed: Option<Crossed>,
}

/// A total that has crossed its bound.
#[derive(Clone, Debug)]
pub struct Crossed {
    /// What is said of it.
    pub said: Said,
    /// The total.
    pub value: String,
    /// Its bound.
    pub bound: String,
}

impl Entry {
    fn said(&self, rules: &[Rule]) -> Said {
        if let Some(crossed) = &self.crossed {
            return crossed.said.clone();
        }
        let one = self.one.as_deref();
        words::said(&rules[self.rule], self.rows, one, self.unsure.as_deref())
    }
}

/// What was told before, and belongs to what is told now.
struct Open {
    notification: Option<i64>,
    rows: i64,
    unsure: Option<String>,
    left: f64,
}

/// Tells of hits. Returns whether something is to be delivered.
///
/// # Errors
/// The database's.
pub async fn tell(
    connection: &mut PgConnection,
    rules: &[Rule],
    looked: &Looked,
) -> Result<bool, sqlx::Error> {
    let ids: BTreeSet<i64> = looked
        .hits
        .iter()
        .map(|hit| rules[looked.watches[hit.watch].rule].id)
        .collect();
    if ids.is_empty() {
        return Ok(false);
    }
    let kept = locked(connection, &ids).await?;
    let mut open = open_groups(connection, &ids).await?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut current: HashMap<(i64, i64), usize> = HashMap::new();
    // Of a rule that tells several, a row that several see is one hit.
    let mut hits: BTreeMap<i64, i64> = BTreeMap::new();
    for hit in &looked.hits {
        let watch = &looked.watches[hit.watch];
        let rule = &rules[watch.rule];
        if !kept.contains(&rule.id) {
            continue;
        }
        let rows = i64::try_from(hit.outcome.rows).unwrap_or(i64::MAX);
        let most = hits.entry(rule.id).or_default();
        *most = most.saturating_add(rows.max(1));
        let key = words::key_of(hit, &watch.condition.bound.table.table.key);
        for to in &watch.to {
            let is_grouped = rule.group_seconds > 0;
            let of = (rule.id, to.account);
            let at = match current.get(&of).copied().filter(|_| is_grouped) {
                Some(at) => at,
                None => {
                    let open = open.remove(&of).filter(|_| is_grouped);
                    entries.push(Entry {
                        rule: watch.rule,
                        account: to.account,
                        is_told: to.is_told,
                        notification: open.as_ref().and_then(|open| open.notification),
                        left: open.as_ref().map(|open| open.left),
                        rows: open.as_ref().map_or(0, |open| open.rows),
                        added: 0,
                        unsure: open.and_then(|open| open.unsure),
                        one: None,
                        crossed: None,
                    });
                    current.insert(of, entries.len() - 1);
                    entries.len() - 1
                }
            };
            let entry = &mut entries[at];
            entry.rows = entry.rows.saturating_add(rows);
            entry.added = entry.added.saturating_add(rows);
            entry.one = key.clone();
            if let Some(why) = hit.unsure {
                entry.unsure = Some(why.to_owned());
            }
        }
    }
    notify(connection, rules, &mut entries).await?;
    remember_groups(connection, rules, &entries).await?;
    let queued = queue(connection, rules, &entries).await?;
    remember_hits(connection, rules, looked, &hits).await?;
    Ok(queued)
}

/// Tells of a total.
///
/// # Errors
/// The database's.
pub async fn tell_total(
    connection: &mut PgConnection,
    rule: &Rule,
    to: &[Recipient],
    crossed: &Crossed,
) -> Result<(), sqlx::Error> {
    let mut open = match rule.group_seconds > 0 {
        true => open_groups(connection, &BTreeSet::from([rule.id])).await?,
        false => HashMap::new(),
    };
    let entry = |to: &Recipient| {
        let open = open.remove(&(rule.id, to.account));
        Entry {
            rule: 0,
            account: to.account,
            is_told: to.is_told,
            notification: open.as_ref().and_then(|open| open.notification),
            left: open.as_ref().map(|open| open.left),
            rows: 0,
            added: 0,
            unsure: None,
            one: None,
            crossed: Some(crossed.clone()),
        }
    };
    let mut entries: Vec<Entry> = to.iter().map(entry).collect();
    let rules = std::slice::from_ref(rule);
    notify(connection, rules, &mut entries).await?;
    remember_groups(connection, rules, &entries).await?;
    queue(connection, rules, &entries).await?;
    Ok(())
}

/// Those of the rules that are still there, which then stay.
async fn locked(
    connection: &mut PgConnection,
    ids: &BTreeSet<i64>,
) -> Result<BTreeSet<i64>, sqlx::Error> {
    let ids: Vec<i64> = ids.iter().copied().collect();
    let kept: Vec<i64> = sqlx::query_scalar(
        "SELECT r.id FROM rowcast.watch_rule r WHERE r.id = ANY ($1) ORDER BY r.id FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    Ok(kept.into_iter().collect())
}

/// What was told lately of these rules, as far as it was not read yet.
async fn open_groups(
    connection: &mut PgConnection,
    ids: &BTreeSet<i64>,
) -> Result<HashMap<(i64, i64), Open>, sqlx::Error> {
    let ids: Vec<i64> = ids.iter().copied().collect();
    let rows = sqlx::query(
        "SELECT g.rule, g.account, g.notification, g.rows, g.unsure, \
                extract(epoch FROM g.since + make_interval(secs => r.group_seconds) \
                                   - clock_timestamp())::float8 \
           FROM rowcast.watch_group g JOIN rowcast.watch_rule r ON r.id = g.rule \
          WHERE g.rule = ANY ($1) \
            AND g.since + make_interval(secs => r.group_seconds) > clock_timestamp()",
    )
    .bind(ids)
    .fetch_all(&mut *connection)
    .await?;
    let mut open = HashMap::with_capacity(rows.len());
    for row in &rows {
        open.insert(
            (row.try_get(0)?, row.try_get(1)?),
            Open {
                notification: row.try_get(2)?,
                rows: row.try_get(3)?,
                unsure: row.try_get(4)?,
                left: row.try_get(5)?,
            },
        );
    }
    let told: Vec<i64> = open.values().filter_map(|open| open.notification).collect();
    // In the order in which they are marked as read, so that the two do not wait for each other.
    let unread: Vec<i64> = sqlx::query_scalar(
        "SELECT n.id FROM rowcast.notification n WHERE n.id = ANY ($1) AND n.read_at IS NULL \
          ORDER BY n.id FOR UPDATE",
    )
    .bind(told)
    .fetch_all(connection)
    .await?;
    let unread: BTreeSet<i64> = unread.into_iter().collect();
    open.retain(|_, open| open.notification.is_none_or(|id| unread.contains(&id)));
    Ok(open)
}

/// Counts up the notifications that are there, and adds those that are not, in the order of the hits.
async fn notify(
    connection: &mut PgConnection,
    rules: &[Rule],
    entries: &mut [Entry],
) -> Result<(), sqlx::Error> {
    let told = |entry: &&mut Entry| entry.is_told;
    let (mut ids, mut titles, mut bodies, mut links) = (vec![], vec![], vec![], vec![]);
    for entry in entries.iter_mut().filter(told) {
        if let Some(id) = entry.notification {
            let said = entry.said(rules);
            ids.push(id);
            titles.push(said.title);
            bodies.push(said.body);
            links.push(said.link);
        }
    }
    sqlx::query(
        "UPDATE rowcast.notification n \
            SET title = u.title, body = u.body, link = u.link, at = clock_timestamp() \
           FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[]) AS u (id, title, body, link) \
          WHERE n.id = u.id",
    )
    .bind(ids)
    .bind(titles)
    .bind(bodies)
    .bind(links)
    .execute(&mut *connection)
    .await?;
    let (mut accounts, mut titles, mut bodies, mut links) = (vec![], vec![], vec![], vec![]);
    let new = |entry: &&mut Entry| entry.is_told && entry.notification.is_none();
    for entry in entries.iter_mut().filter(new) {
        let said = entry.said(rules);
        accounts.push(entry.account);
        titles.push(said.title);
        bodies.push(said.body);
        links.push(said.link);
    }
    if accounts.is_empty() {
        return Ok(());
    }
    let added: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO rowcast.notification AS n (account, title, body, link, sender) \
         SELECT u.account, u.title, u.body, u.link, $5 \
           FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY \
                AS u (account, title, body, link, place) \
          ORDER BY u.place RETURNING n.id",
    )
    .bind(accounts)
    .bind(titles)
    .bind(bodies)
    .bind(links)
    .bind(SENDER)
    .fetch_all(connection)
    .await?;
    for (entry, id) in entries.iter_mut().filter(new).zip(added) {
        entry.notification = Some(id);
    }
    Ok(())
}

/// What is told next may belong to what was told now.
async fn remember_groups(
    connection: &mut PgConnection,
    rules: &[Rule],
    entries: &[Entry],
) -> Result<(), sqlx::Error> {
    let grouped: Vec<&Entry> = entries
        .iter()
        .filter(|entry| rules[entry.rule].group_seconds > 0)
        .collect();
    let of =
        |value: fn(&Entry) -> i64| grouped.iter().map(|entry| value(entry)).collect::<Vec<_>>();
    let ids: Vec<i64> = grouped.iter().map(|entry| rules[entry.rule].id).collect();
    let told: Vec<Option<i64>> = grouped.iter().map(|entry| entry.notification).collect();
    let unsure: Vec<Option<&str>> = grouped
        .iter()
        .map(|entry| entry.unsure.as_deref())
        .collect();
    let begins: Vec<bool> = grouped.iter().map(|entry| entry.left.is_none()).collect();
    sqlx::query(
        "INSERT INTO rowcast.watch_group AS g (rule, account, notification, rows, unsure) \
         SELECT u.rule, u.account, u.notification, u.rows, u.unsure \
           FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::text[], $6::boolean[]) \
                AS u (rule, account, notification, rows, unsure, begins) \
         ON CONFLICT (rule, account) DO UPDATE \
            SET notification = excluded.notification, rows = excluded.rows, \
                unsure = excluded.unsure, \
                since = CASE WHEN excluded.notification IS NOT DISTINCT FROM g.notification \
                              AND NOT EXISTS (SELECT FROM unnest($1::int8[], $2::int8[], $6::boolean[]) \
                                                     AS b (rule, account, begins) \
                                               WHERE b.rule = g.rule AND b.account = g.account \
                                                 AND b.begins) \
                             THEN g.since ELSE excluded.since END",
    )
    .bind(ids)
    .bind(of(|entry| entry.account))
    .bind(told)
    .bind(of(|entry| entry.rows))
    .bind(unsure)
    .bind(begins)
    .execute(connection)
    .await?;
    Ok(())
}

/// Queues what is delivered beside the page: what is first at once, what follows together when its
/// time is over.
async fn queue(
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
                            'rows', (d.content ->> 'rows')::int8 + $5) \
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

/// What rules remember of what they hit, and of what they may have missed.
async fn remember_hits(
    connection: &mut PgConnection,
    rules: &[Rule],
    looked: &Looked,
    hits: &BTreeMap<i64, i64>,
) -> Result<(), sqlx::Error> {
    let missed: HashMap<i64, &str> = looked
        .hits
        .iter()
        .filter_map(|hit| Some((rules[looked.watches[hit.watch].rule].id, hit.unsure?)))
        .collect();
    let ids: Vec<i64> = hits.keys().copied().collect();
    let missed: Vec<Option<&str>> = ids.iter().map(|id| missed.get(id).copied()).collect();
    sqlx::query(
        "UPDATE rowcast.watch_rule r \
            SET hits = r.hits + u.hits, last_hit_at = clock_timestamp(), \
                missed = coalesce(u.missed, r.missed), \
                missed_at = CASE WHEN u.missed IS NULL THEN r.missed_at ELSE clock_timestamp() END \
           FROM unnest($1::int8[], $2::int8[], $3::text[]) AS u (id, hits, missed) WHERE r.id = u.id",
    )
    .bind(ids)
    .bind(hits.values().copied().collect::<Vec<_>>())
    .bind(missed)
    .execute(connection)
    .await?;
    Ok(())
}

/// Tells the owners of rules that these may have missed something, once in a while.
///
/// # Errors
/// The database's.
pub async fn miss(
    connection: &mut PgConnection,
    rules: &[&Rule],
    why: &str,
) -> Result<(), sqlx::Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = rules.iter().map(|rule| rule.id).collect();
    let sql = format!(
        "WITH due AS ( \
             SELECT r.id FROM rowcast.watch_rule r \
              WHERE r.id = ANY ($1) \
                AND (r.missed IS DISTINCT FROM $2 \
                     OR r.missed_at < clock_timestamp() - interval '{MISSED_APART}') \
              ORDER BY r.id FOR UPDATE), \
         noted AS ( \
             UPDATE rowcast.watch_rule r SET missed_at = clock_timestamp(), missed = $2 \
               FROM due WHERE r.id = due.id RETURNING r.account, r.name) \
         INSERT INTO rowcast.notification (account, title, body, link, sender) \
         SELECT n.account, left(n.name || ': hits may have been missed', 200), $2, '/watches', $3 \
           FROM noted n"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(ids)
        .bind(why)
        .bind(SENDER)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes why rules told nothing, for their page alone.
///
/// # Errors
/// The database's.
pub async fn note_missed(
    connection: &mut PgConnection,
    rules: &BTreeSet<i64>,
    why: &str,
) -> Result<(), sqlx::Error> {
    if rules.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE rowcast.watch_rule r SET missed = $2, missed_at = clock_timestamp() \
          WHERE r.id = ANY ($1) \
            AND (r.missed IS DISTINCT FROM $2 OR r.missed_at < clock_timestamp() - interval '1 min')",
    )
    .bind(rules.iter().copied().collect::<Vec<_>>())
    .bind(why)
    .execute(connection)
    .await?;
    Ok(())
}

/// The database is a copy of another: the log and its numbers are others.
///
/// # Errors
/// The database's.
pub async fn begin_anew(connection: &mut PgConnection, rules: &[Rule]) -> Result<(), sqlx::Error> {
    for sql in [
        "UPDATE rowcast.watch_rule \
            SET since = pg_current_snapshot(), gap_from = '{}', gap_to = '{}', relations = NULL",
        "UPDATE rowcast.watch_cursor c SET seen = pg_current_snapshot(), looked_at = now(), epoch = s.epoch \
           FROM rowcast.state s",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    let rules: Vec<&Rule> = rules.iter().collect();
    miss(connection, &rules, words::RESTORED).await
}
