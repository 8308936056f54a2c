//! Writing down what was found: notifications, what is to be delivered, what rules remember.

mod group;
mod missed;
mod queue;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::PgConnection;

use self::{
    group::{open_groups, remember_groups},
    queue::queue,
};
pub use self::{
    missed::{begin_anew, miss, note_missed},
    queue::Delivery,
};
use super::{
    look::{Looked, Recipient},
    rule::Rule,
    words::{self, Said},
};

/// Who tells it.
pub const SENDER: &str = "Watch rule";

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
