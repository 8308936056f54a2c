//! What entries of the log say of one row.

use std::{collections::BTreeSet, sync::Arc};

use rowcast_engine::datum::{Codec, Datum, ImageError, decode_image};
use rowcast_protocol::{Cell, calendar};
use serde::{Serialize, Serializer};

use super::{key::Key, scan::Entry};
use crate::{capture::ChangeKind, database::catalog::TableMeta};

/// So many changes of one transaction are put in the order in which they follow from each
/// other; of more, the clock decides.
const LINKED: usize = 100;

/// How many characters of an author are told.
const AUTHOR: usize = 140;

/// What happened to the row, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It came to be.
    Insert,
    /// It became another.
    Update,
    /// It ceased to be.
    Delete,
    /// The table was emptied.
    Truncate,
    /// Something happened to the table that was too much to be recorded.
    Unknown,
    /// The table was altered: changes before may not be told.
    Definition,
}

/// A change of the row.
#[derive(Debug, Serialize)]
pub struct Change {
    /// The transaction.
    #[serde(skip)]
    pub xid: u64,
    /// When it was logged: microseconds since 1970.
    #[serde(serialize_with = "moment")]
    pub at: i64,
    /// Who wrote, by what the writer said; `None` where nobody did.
    pub author: Option<String>,
    /// The database's role that the writer's session belonged to, which proves itself there;
    /// `None` where it was not kept.
    pub role: Option<String>,
    /// The role that it had taken instead; `None` for none.
    pub acting_as: Option<String>,
    /// What the writer's program calls itself; `None` for nothing.
    pub program: Option<String>,
    /// What happened.
    pub kind: Kind,
    /// The columns that an update changed.
    pub columns: Vec<Arc<str>>,
    /// What the row was: of an update, in those columns. `None` if there was none, or it was
    /// not recorded.
    pub before: Option<ChangedRow>,
    /// What the row became, likewise.
    pub after: Option<ChangedRow>,
}

/// Values of a row, by column.
#[derive(Debug)]
pub struct ChangedRow(Vec<(Arc<str>, Cell)>);

impl Change {
    /// Takes columns out of it. Returns whether it still tells anything.
    pub fn hide(&mut self, hidden: &BTreeSet<String>) -> bool {
        self.columns.retain(|name| !hidden.contains(&**name));
        for row in self.before.iter_mut().chain(&mut self.after) {
            row.0.retain(|(name, _)| !hidden.contains(&**name));
        }
        self.kind != Kind::Update || !self.columns.is_empty()
    }

    /// Roughly how many bytes it takes.
    pub fn size(&self) -> usize {
        let rows = self.before.iter().chain(&self.after);
        let cells = rows.flat_map(|row| &row.0).map(|(name, cell)| {
            name.len()
                + match cell {
                    Cell::Null | Cell::Bool(_) => 5,
                    Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => text.len(),
                }
        });
        200 + cells.sum::<usize>()
    }
}

impl Serialize for ChangedRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, cell)| (&**name, cell)))
    }
}

fn moment<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&calendar::unix_text(*at))
}

/// What these entries, the newest first, say of the row, in that order but for what one
/// transaction did: that is told as one thing followed from the other, for a trigger may log
/// what it did to its own row ahead of what it was called for.
pub fn changes_of(entries: &[Entry], table: &TableMeta, key: &Key) -> Vec<Change> {
    let steps: Vec<Step<'_>> = entries
        .iter()
        .filter_map(|entry| step(entry, table, key))
        .collect();
    let mut changes = Vec::with_capacity(steps.len());
    for of_one in steps.chunk_by(|a, b| a.entry.xid == b.entry.xid) {
        let mut oldest_first: Vec<&Step<'_>> = of_one.iter().rev().collect();
        if of_one.len() <= LINKED {
            link(&mut oldest_first);
        }
        changes.extend(oldest_first.iter().rev().map(|step| step.told(table)));
    }
    changes
}

/// What one entry says of the row.
struct Step<'a> {
    entry: &'a Entry,
    kind: Kind,
    before: Option<Vec<Datum>>,
    after: Option<Vec<Datum>>,
}

fn step<'a>(entry: &'a Entry, table: &TableMeta, key: &Key) -> Option<Step<'a>> {
    let bare = |kind| {
        Some(Step {
            entry,
            kind,
            before: None,
            after: None,
        })
    };
    match entry.kind {
        ChangeKind::Truncate => bare(Kind::Truncate),
        ChangeKind::Unknown => bare(Kind::Unknown),
        ChangeKind::Definition => bare(Kind::Definition),
        ChangeKind::Images => match recorded(entry, table.image_codecs(), &table.key, key) {
            Ok(Some((kind, before, after))) => Some(Step {
                entry,
                kind,
                before,
                after,
            }),
            Ok(None) => None,
            Err(_) => bare(Kind::Unknown),
        },
        ChangeKind::Keys => {
            let codecs: Vec<Codec> = table
                .key
                .iter()
                .map(|&at| table.columns[at].codec.clone())
                .collect();
            let positions: Vec<usize> = (0..codecs.len()).collect();
            match recorded(entry, &codecs, &positions, key) {
                Ok(Some((kind, ..))) => bare(kind),
                Ok(None) => None,
                Err(_) => bare(Kind::Unknown),
            }
        }
    }
}

type Recorded = (Kind, Option<Vec<Datum>>, Option<Vec<Datum>>);

/// What images say of the row. Where one row became one other, that is an update also if the
/// key changed; where several did, nothing tells which became which.
fn recorded(
    entry: &Entry,
    codecs: &[Codec],
    key_positions: &[usize],
    key: &Key,
) -> Result<Option<Recorded>, ImageError> {
    if entry.old.is_none() && entry.new.is_none() {
        // It was more than is read.
        return Err(ImageError::Truncated);
    }
    let mut old = rows(entry.old.as_deref().unwrap_or_default(), codecs)?;
    let mut new = rows(entry.new.as_deref().unwrap_or_default(), codecs)?;
    let is_one_to_one = old.len() == 1 && new.len() == 1;
    let ours = |rows: &mut Vec<Vec<Datum>>| {
        let at = rows.iter().position(|row| is_of(row, key_positions, key));
        at.map(|at| rows.swap_remove(at))
    };
    let (mut before, mut after) = (ours(&mut old), ours(&mut new));
    if is_one_to_one && (before.is_some() || after.is_some()) {
        before = before.or_else(|| old.pop());
        after = after.or_else(|| new.pop());
    }
    let kind = match (&before, &after) {
        (Some(_), Some(_)) => Kind::Update,
        (Some(_), None) => Kind::Delete,
        (None, Some(_)) => Kind::Insert,
        (None, None) => return Ok(None),
    };
    Ok(Some((kind, before, after)))
}

fn rows(mut images: &[u8], codecs: &[Codec]) -> Result<Vec<Vec<Datum>>, ImageError> {
    let mut rows = Vec::new();
    while !images.is_empty() {
        rows.push(decode_image(&mut images, codecs)?);
    }
    Ok(rows)
}

fn is_of(row: &[Datum], key_positions: &[usize], key: &Key) -> bool {
    let values = key_positions.iter().map(|&at| &row[at]);
    values.eq(key.values.iter())
}

impl Step<'_> {
    fn told(&self, table: &TableMeta) -> Change {
        let columns = &table.schema.columns;
        let differs = |at: &usize| match (&self.before, &self.after) {
            (Some(before), Some(after)) => before[*at] != after[*at],
            _ => true,
        };
        let told: Vec<usize> = (0..table.columns.len()).filter(differs).collect();
        let row = |values: &Vec<Datum>| {
            let cells = told.iter();
            let cells = cells.map(|&at| (Arc::clone(&columns[at].name), values[at].to_cell()));
            ChangedRow(cells.collect())
        };
        let [role, acting_as, program] = &self.entry.session;
        Change {
            xid: self.entry.xid,
            at: self.entry.at,
            author: shown(&self.entry.author),
            role: shown(role),
            acting_as: shown(acting_as),
            program: shown(program),
            kind: self.kind,
            columns: match (&self.before, &self.after) {
                (Some(_), Some(_)) => told
                    .iter()
                    .map(|&at| Arc::clone(&columns[at].name))
                    .collect(),
                _ => Vec::new(),
            },
            before: self.before.as_ref().map(row),
            after: self.after.as_ref().map(row),
        }
    }
}

/// Has steps of one transaction follow from each other where they do: each from the row that
/// the one before it left.
fn link(steps: &mut Vec<&Step<'_>>) {
    if steps.len() < 2
        || steps
            .iter()
            .any(|step| step.before.is_none() && step.after.is_none())
    {
        return;
    }
    let mut left = std::mem::take(steps);
    let is_first = |step: &&&Step<'_>| {
        let others = left.iter().filter(|other| !std::ptr::eq(**other, **step));
        others.clone().all(|other| other.after != step.before)
    };
    let first = left.iter().position(|step| is_first(&step)).unwrap_or(0);
    steps.push(left.remove(first));
    while let Some(last) = steps.last()
        && !left.is_empty()
    {
        let follows = left.iter().position(|step| step.before == last.after);
        steps.push(left.remove(follows.unwrap_or(0)));
    }
}

/// A name as it may be shown: of a bounded length, and without characters that steer what
/// shows it or turn its direction. The program is left out where it has no name.
fn shown(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let plain: String = text
        .strip_suffix(" ()")
        .unwrap_or(&text)
        .chars()
        .take(AUTHOR)
        .map(|c| if is_steering(c) { '\u{fffd}' } else { c })
        .collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(xid: u64) -> Entry {
        Entry {
            xid,
            at: 0,
            author: Vec::new(),
            session: Default::default(),
            kind: ChangeKind::Images,
            old: None,
            new: None,
        }
    }

    #[test]
    fn an_author_is_shown_without_what_steers() {
        let shown = |text: &str| super::shown(text.as_bytes());
        assert_eq!(shown("Ann"), Some("Ann".to_owned()));
        assert_eq!(shown("app (psql)"), Some("app (psql)".to_owned()));
        assert_eq!(shown("app ()"), Some("app".to_owned()));
        assert_eq!(
            shown("a\u{1b}[2J\u{202e}b\n"),
            Some("a\u{fffd}[2J\u{fffd}b\u{fffd}".to_owned())
        );
        assert_eq!(shown(&"x".repeat(300)).map(|name| name.len()), Some(AUTHOR));
        assert_eq!(super::shown(b"a\xff"), Some("a\u{fffd}".to_owned()));
        assert_eq!(shown(""), None);
        assert_eq!(shown("  "), None);
    }

    #[test]
    fn steps_of_a_transaction_follow_from_each_other() {
        let entry = entry(1);
        let row = |n: Option<i64>| n.map(|n| vec![Datum::Int(n)]);
        let step = |before, after| Step {
            entry: &entry,
            kind: Kind::Update,
            before: row(before),
            after: row(after),
        };
        let order = |steps: &[Step<'_>]| {
            let mut linked: Vec<&Step<'_>> = steps.iter().collect();
            link(&mut linked);
            let number = |step: &&Step<'_>| match step.after.as_deref() {
                Some([Datum::Int(n)]) => *n,
                _ => 0,
            };
            linked.iter().map(number).collect::<Vec<_>>()
        };
        let nested = [step(Some(1), Some(2)), step(None, Some(1))];
        assert_eq!(order(&nested), [1, 2]);
        let plain = [
            step(None, Some(1)),
            step(Some(1), None),
            step(None, Some(2)),
        ];
        assert_eq!(order(&plain), [1, 0, 2]);
        let unlinked = [step(Some(5), Some(6)), step(Some(1), Some(2))];
        assert_eq!(order(&unlinked), [6, 2]);
    }
}
