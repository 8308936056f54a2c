//! What one transaction did, gathered into rows of the log.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    pgoutput::{Old, Value},
    shape::Shape,
};

/// Beyond which changes are logged in less detail: `rowcast.setting`, of each table and
/// transaction.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most bytes of a value that is imaged.
    pub value_bytes: usize,
    /// The most rows.
    pub rows: usize,
    /// The most bytes.
    pub bytes: usize,
}

/// What happened to a row.
#[derive(Debug)]
pub struct Change {
    /// Whether it was not there before.
    pub is_new: bool,
    /// As it was, if that is told.
    pub old: Option<Old>,
    /// As it became, if it is still there.
    pub new: Option<Vec<Value>>,
}

/// A row of the log to be.
#[derive(Debug)]
pub struct Logged {
    pub xid: u32,
    pub at: i64,
    pub relation: u32,
    pub kind: &'static str,
    pub layout: i32,
    pub old: Option<Vec<u8>>,
    pub new: Option<Vec<u8>>,
}

/// A transaction whose end has not been told yet.
#[derive(Debug)]
pub struct Transaction {
    pub xid: u32,
    /// When it was committed: microseconds since 1970, by the database's clock.
    pub at: i64,
    /// The relations of which it was not seen whose they are, each with a table that it was taken to be
    /// of; 0: none.
    pub owed: BTreeSet<(u32, u32)>,
    tables: BTreeMap<(u32, i32), Table>,
}

/// What it did to a table.
#[derive(Debug, Default)]
struct Table {
    images: [Vec<Vec<u8>>; 2],
    keys: [Vec<u8>; 2],
    /// How many bytes these have together.
    bytes: usize,
    rows: usize,
    is_emptied: bool,
    is_unknown: bool,
}

impl Transaction {
    pub fn new(xid: u32, at: i64) -> Self {
        Self {
            xid,
            at,
            owed: BTreeSet::new(),
            tables: BTreeMap::new(),
        }
    }

    /// A row changed.
    pub fn row(&mut self, shape: &Shape, change: &Change, bounds: Bounds) {
        let table = self.tables.entry((shape.root, shape.layout)).or_default();
        if table.is_unknown {
            return;
        }
        table.rows += 1;
        if !shape.is_sure
            || table.row(shape, change, bounds).is_none()
            || table.rows > bounds.rows
            || table.bytes > bounds.bytes
        {
            table.give_up();
        }
    }

    /// A relation was emptied.
    pub fn emptied(&mut self, shape: &Shape) {
        let table = self.tables.entry((shape.root, shape.layout)).or_default();
        if shape.is_root && shape.is_sure {
            table.is_emptied = true;
        } else {
            // A part of the table that is emptied is not the table.
            table.give_up();
        }
    }

    /// How much is held of it.
    pub fn bytes(&self) -> usize {
        self.tables.values().map(|table| table.bytes).sum()
    }

    /// The rows of the log.
    pub fn logged(self) -> Vec<Logged> {
        let mut rows = Vec::new();
        for ((relation, layout), table) in self.tables {
            let mut row = |kind, [old, new]: [Vec<u8>; 2]| {
                rows.push(Logged {
                    xid: self.xid,
                    at: self.at,
                    relation,
                    kind,
                    layout,
                    old: (!old.is_empty()).then_some(old),
                    new: (!new.is_empty()).then_some(new),
                });
            };
            if table.is_unknown {
                row("r", Default::default());
            }
            if table.is_emptied {
                row("t", Default::default());
            }
            for (kind, images) in [("i", net(table.images)), ("k", table.keys)] {
                if images.iter().any(|side| !side.is_empty()) {
                    row(kind, images);
                }
            }
        }
        rows
    }
}

impl Table {
    /// `None` if it can't be said which row it was.
    fn row(&mut self, shape: &Shape, change: &Change, bounds: Bounds) -> Option<()> {
        let Change { is_new, old, new } = change;
        let is_new = *is_new;
        let whole = old.as_ref().filter(|old| old.is_whole);
        let filled = match (new, whole) {
            (Some(new), Some(whole)) if new.contains(&Value::Unchanged) => {
                let values = new.iter().zip(&whole.values);
                Some(values.map(as_before).cloned().collect())
            }
            _ => None,
        };
        let new = filled.as_ref().or(new.as_ref());
        if is_new || whole.is_some() {
            let image = |values: &[Value]| shape.image(values, bounds.value_bytes);
            let before = whole.map(|old| image(&old.values));
            let after = new.map(|new| image(new));
            // An image that there should be and is not is `Some(None)`.
            if before != Some(None) && after != Some(None) {
                if before != after {
                    for (side, image) in self.images.iter_mut().zip([before, after]) {
                        let image = image.flatten();
                        self.bytes += image.as_ref().map_or(0, Vec::len);
                        side.extend(image);
                    }
                }
                return Some(());
            }
        }
        let after = match new {
            Some(new) => Some(shape.key(new)?),
            None => None,
        };
        let before = match old {
            _ if is_new => None,
            Some(old) if old.is_whole || shape.is_named() => Some(shape.key(&old.values)?),
            // It is told where it is another one.
            None if shape.is_named() => after.clone(),
            _ => return None,
        };
        for (side, key) in self.keys.iter_mut().zip([before, after]) {
            let key = key.unwrap_or_default();
            self.bytes += key.len();
            side.extend(key);
        }
        Some(())
    }

    /// From now on it is only known that something happened.
    fn give_up(&mut self) {
        *self = Self {
            rows: self.rows,
            is_emptied: self.is_emptied,
            is_unknown: true,
            ..Self::default()
        };
    }
}

/// A value as it became, given as it was: what is stored elsewhere and did not change is not told again.
fn as_before<'a>((new, old): (&'a Value, &'a Value)) -> &'a Value {
    match new {
        Value::Unchanged => old,
        told => told,
    }
}

/// What a transaction came to: an image on both sides is of a row as it was in its midst.
fn net([old, new]: [Vec<Vec<u8>>; 2]) -> [Vec<u8>; 2] {
    let mut passing: HashMap<&[u8], usize> = HashMap::new();
    for image in &old {
        *passing.entry(image).or_default() += 1;
    }
    let mut take = |image: &[u8]| match passing.get_mut(image) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let came: Vec<_> = new.iter().filter(|image| !take(image)).cloned().collect();
    let went: Vec<_> = old.iter().filter(|image| take(image)).cloned().collect();
    [went.concat(), came.concat()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_was_in_the_midst_of_a_transaction_is_not_told() {
        let images = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let net = |old: &[&str], new: &[&str]| {
            net([images(old), images(new)]).map(|side| String::from_utf8(side).expect("text"))
        };
        // One became another, and a third.
        assert_eq!(net(&["a", "b"], &["b", "c"]), ["a", "c"]);
        // And itself again.
        assert_eq!(net(&["a", "b"], &["b", "a"]), ["", ""]);
        // One came, changed and went; another came.
        assert_eq!(net(&["a", "b"], &["a", "b", "x"]), ["", "x"]);
        // Rows of which several are alike.
        assert_eq!(net(&["a", "a"], &["a", "b"]), ["a", "b"]);
        assert_eq!(net(&["a"], &[]), ["a", ""]);
        assert_eq!(net(&[], &["a", "b"]), ["", "ab"]);
    }
}
