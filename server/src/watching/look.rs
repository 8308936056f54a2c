//! Looking at a part of the log: which transactions hit which rules.

mod asked;
mod counted;
mod settled;
mod turn;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt;
use rowcast_engine::{datum::decode_image, record::Record, transaction::Side};
use rowcast_protocol::{ApiError, PgSnapshot};
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::types::Oid};

use self::turn::Turn;
use super::{
    cursor::advanced,
    evaluator::{Evaluator, Failed, Reach},
    net::{Hashes, Net, Outcome, Room},
    part::{self, NEW},
    rule::{Kind, Rule},
    seen::Condition,
    words,
};
use crate::{capture::ChangeKind, database::catalog::TableMeta};

/// How many images are looked at together.
const TOGETHER: usize = 1_000;

/// Or how many bytes of them.
const BYTES: usize = 8 << 20;

/// How many are told of hits in one round, if one transaction does not tell more.
const TOLD: usize = 20_000;

/// A rule, for those who see the same rows.
#[derive(Debug)]
pub struct Watch {
    /// The rule's place among those of the round.
    pub rule: usize,
    /// What it looks for.
    pub condition: Arc<Condition>,
    /// Who is told.
    pub to: Vec<Recipient>,
}

/// Somebody who is told of a rule's hits.
#[derive(Clone, Copy, Debug)]
pub struct Recipient {
    /// Who.
    pub account: i64,
    /// Whether they are told, and not only whatever is theirs that hits are sent to.
    pub is_told: bool,
}

/// A transaction that hit a rule.
#[derive(Debug)]
pub struct Hit {
    /// Of which [`Watch`].
    pub watch: usize,
    /// When the transaction last logged something: microseconds since 1970.
    pub at: i64,
    xid: u64,
    /// What it did.
    pub outcome: Outcome,
    /// Why it may have done less, or more.
    pub unsure: Option<&'static str>,
}

/// What a part of the log comes to.
#[derive(Debug, Default)]
pub struct Looked {
    /// The rules that were looked at.
    pub watches: Vec<Watch>,
    /// In the order in which the transactions followed each other.
    pub hits: Vec<Hit>,
    /// How many rows of the log it had.
    pub rows: usize,
    /// Up to where all has been looked at now.
    pub seen: PgSnapshot,
    /// Whether there is more.
    pub has_more: bool,
}

/// An image that waits to be looked at.
struct Waiting {
    table: u32,
    xid: u64,
    at: i64,
    side: Side,
    record: Arc<Record>,
}

/// What is known of an image.
#[derive(Clone, Debug, Default)]
struct Verdicts {
    /// The watches whose condition it meets.
    hold: Vec<usize>,
    /// Those of which nobody can say.
    failed: Vec<usize>,
}

/// The state of looking at one part.
struct Looking<'a> {
    rules: &'a [Rule],
    turn: Turn,
    hashes: Hashes,
    watches: Vec<Watch>,
    /// Of a table.
    of: HashMap<u32, Vec<usize>>,
    waiting: Vec<Waiting>,
    /// How many bytes these were.
    bytes: usize,
    xid: u64,
    at: i64,
    nets: HashMap<usize, Net>,
    room: Room,
    /// How long PostgreSQL has been asked.
    asking: Duration,
    /// How many are told of the hits.
    told: usize,
    /// How many may be, when what waits has been looked at.
    may_be_told: usize,
    /// Watches that are told of once in a round.
    grouped: HashSet<usize>,
    /// What the transaction did that is not recorded by row, for each.
    unsure: HashMap<usize, &'static str>,
    /// Those whose table the transaction emptied.
    emptied: HashSet<usize>,
    hits: Vec<Hit>,
}

/// Looks at what is new since `from`, up to where the log goes. `tables`: those of the rules, by
/// relation.
///
/// # Errors
/// The database's, and what is wrong with it while a rule is looked at.
pub async fn look(
    evaluator: &mut Evaluator,
    connection: &mut PgConnection,
    rules: &[Rule],
    tables: &HashMap<u32, Arc<TableMeta>>,
    from: &PgSnapshot,
    reach: &Reach,
) -> Result<Looked, Failed> {
    let relations: Vec<Oid> = tables.keys().map(|relation| Oid(*relation)).collect();
    let (end, has_more) = part::end(connection, from, &relations, reach.bound()).await?;
    let sql = format!(
        "SELECT c.xid::text, (extract(epoch FROM c.at) * 1000000)::int8, c.relation, \
                c.kind::text, c.layout, c.old, c.new \
           FROM rowcast.change_log c WHERE {NEW} AND c.xid < $5::text::xid8 \
          ORDER BY c.xid"
    );
    let mut looking = Looking {
        rules,
        turn: Turn::begin(),
        hashes: Hashes::default(),
        watches: Vec::new(),
        of: HashMap::new(),
        waiting: Vec::new(),
        bytes: 0,
        xid: 0,
        at: 0,
        nets: HashMap::new(),
        room: Room::default(),
        asking: Duration::ZERO,
        told: 0,
        may_be_told: 0,
        grouped: HashSet::new(),
        unsure: HashMap::new(),
        emptied: HashSet::new(),
        hits: Vec::new(),
    };
    let now = &reach.version;
    let mut looked = Looked {
        has_more,
        seen: advanced(from, now, end),
        ..Looked::default()
    };
    let mut rows = sqlx::query(AssertSqlSafe(sql))
        .bind(from.xmax.to_string())
        .bind(part::running(from))
        .bind(&relations)
        .bind(reach.bound().map(ToString::to_string))
        .bind(end.to_string())
        .fetch(connection);
    let mut last = 0;
    while let Some(row) = rows.try_next().await? {
        looking.turn.give().await;
        let xid: u64 = row.try_get::<&str, _>(0)?.parse().map_err(decoded)?;
        if xid != last && looking.may_be_told > TOLD {
            looking.take(evaluator).await?;
            looking.settle();
            looking.may_be_told = looking.told;
            if looking.told >= TOLD {
                looked.seen = advanced(from, now, xid);
                looked.has_more = true;
                break;
            }
        }
        looked.rows += 1;
        let at: i64 = row.try_get(1)?;
        let Some(table) = tables.get(&row.try_get::<Oid, _>(2)?.0) else {
            continue;
        };
        if !looking.of.contains_key(&table.oid) {
            let watches = evaluator.watches(rules, table).await?;
            let begin = looking.watches.len();
            looking.watches.extend(watches);
            let of = (begin..looking.watches.len()).collect();
            looking.of.insert(table.oid, of);
        }
        if looking.of[&table.oid].is_empty() {
            continue;
        }
        if xid != last {
            looking.expect(table.oid);
            last = xid;
        }
        let kind = ChangeKind::of(row.try_get(3)?);
        let layout: Option<i32> = row.try_get(4)?;
        let why = match kind {
            ChangeKind::Images if layout == Some(table.layout) => {
                let sides = [(Side::Old, 5), (Side::New, 6)];
                let mut is_read = true;
                for (side, column) in sides {
                    let mut images = row.try_get::<Option<&[u8]>, _>(column)?.unwrap_or_default();
                    while is_read && !images.is_empty() {
                        let before = images.len();
                        match decode_image(&mut images, &table.codecs) {
                            Ok(values) => looking.waiting.push(Waiting {
                                table: table.oid,
                                xid,
                                at,
                                side,
                                record: Record::new(&table.schema, values),
                            }),
                            Err(_) => is_read = false,
                        }
                        looking.bytes += before.saturating_sub(images.len());
                        if looking.waiting.len() >= TOGETHER || looking.bytes >= BYTES {
                            looking.take(evaluator).await?;
                        }
                    }
                }
                if is_read {
                    continue;
                }
                words::ALTERED
            }
            ChangeKind::Images => words::ALTERED,
            ChangeKind::Keys => words::LARGE,
            ChangeKind::Truncate => words::EMPTIED,
            ChangeKind::Unknown => words::BULK,
            ChangeKind::Definition => continue,
        };
        looking.take(evaluator).await?;
        looking.go_to(xid, at);
        looking.doubt(table.oid, why);
    }
    drop(rows);
    looking.take(evaluator).await?;
    looking.settle();
    looking.count_unsure(evaluator).await;
    // Of two transactions that did something to one row, the later one has logged later.
    looking.hits.sort_by_key(|hit| (hit.at, hit.xid, hit.watch));
    looked.hits = looking.hits;
    looked.watches = looking.watches;
    Ok(looked)
}

impl Looking<'_> {
    /// Looks at the images that wait.
    async fn take(&mut self, evaluator: &Evaluator) -> Result<(), Failed> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let mut verdicts = vec![Verdicts::default(); waiting.len()];
        let mut asked: Vec<(usize, Vec<usize>)> = Vec::new();
        for (nth, image) in waiting.iter().enumerate() {
            self.turn.give().await;
            for &watch in &self.of[&image.table] {
                let of = &self.watches[watch];
                if self.rules[of.rule].since.sees(image.xid) {
                    continue;
                }
                match of.condition.holds(&image.record, image.at) {
                    Some(true) => verdicts[nth].hold.push(watch),
                    Some(false) => {}
                    None => match asked.iter_mut().find(|(known, _)| *known == watch) {
                        Some((_, rows)) => rows.push(nth),
                        None => asked.push((watch, vec![nth])),
                    },
                }
            }
        }
        self.ask(evaluator, &waiting, &asked, &mut verdicts).await?;
        for (image, verdicts) in waiting.iter().zip(verdicts) {
            self.turn.give().await;
            self.go_to(image.xid, image.at);
            let failed = verdicts.failed.into_iter();
            self.unsure
                .extend(failed.map(|watch| (watch, words::FAILED)));
            if verdicts.hold.is_empty() {
                continue;
            }
            let key = self.hashes.of_key(image.record.key());
            for watch in verdicts.hold {
                let of = &self.watches[watch];
                let value = match (&self.rules[of.rule].kind, of.condition.column) {
                    (Kind::Changes(_), Some(at)) => self.hashes.of(&image.record.values()[at]),
                    _ => 0,
                };
                let net = self.nets.entry(watch).or_default();
                net.add(key, value, image.side, image.record.key(), &mut self.room);
            }
        }
        Ok(())
    }
}

/// Whether it is the database that is away, or busy, not the question that is wrong.
pub fn is_passing(error: &ApiError) -> bool {
    matches!(
        error.code.as_str(),
        "database_unavailable" | "too_slow" | "catalog_changed"
    )
}

/// Whether it is the rule that can't be, by what its owner may see now.
pub fn is_lasting(error: &ApiError) -> bool {
    let code = error.code.as_str();
    code.starts_with("invalid_")
        || code.starts_with("unknown_")
        || matches!(code, "not_live" | "not_allowed" | "unsupported")
}

fn decoded<E: std::error::Error + Send + Sync + 'static>(error: E) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
