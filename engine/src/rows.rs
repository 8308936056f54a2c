//! The rows that lists are made of, each held once however many lists show it.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::{record::Record, schema::TableId};

/// Names a row, as it is at one moment, among the [`Rows`] held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowId(u32);

impl RowId {
    /// Its number.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// All rows that some list holds.
///
/// A row is counted once for each list that holds it. Letting go of one takes effect at the
/// next [`Rows::sweep`], so a number stays good until then.
#[derive(Debug, Default)]
pub struct Rows {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Of each key, the row that was taken in last.
    newest: HashTable<u32>,
    hasher: DefaultHashBuilder,
    let_go: Vec<RowId>,
    /// The row that was asked for last: one change is often put into many lists.
    last: Option<RowId>,
}

#[derive(Debug)]
struct Slot {
    /// `None` if the slot is free.
    record: Option<Arc<Record>>,
    table: TableId,
    holders: u32,
}

impl Rows {
    /// How many rows are held.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of this number, which somebody holds.
    pub fn get(&self, id: RowId) -> &Arc<Record> {
        match &self.slots[id.0 as usize].record {
            Some(record) => record,
            None => unreachable!("a row that is held is there"),
        }
    }

    /// The number that this row is held under, if it is the newest of its key.
    pub fn find(&self, table: TableId, record: &Record) -> Option<RowId> {
        let hash = self.hasher.hash_one((table, record.key()));
        let id = *self
            .newest
            .find(hash, |id| self.slots[*id as usize].is_of(table, record))?;
        self.slots[id as usize]
            .record
            .as_ref()
            .is_some_and(|held| held.same(record))
            .then_some(RowId(id))
    }

    /// Takes hold of a row of a table.
    pub fn hold(&mut self, table: TableId, record: &Arc<Record>) -> RowId {
        let id = match self.last {
            Some(last) if self.is(last, record) => last,
            _ => self.find_or_insert(table, record),
        };
        self.last = Some(id);
        self.slots[id.0 as usize].holders += 1;
        id
    }

    /// Takes hold of a row once more.
    pub fn hold_again(&mut self, id: RowId) {
        self.slots[id.0 as usize].holders += 1;
    }

    /// Lets go of a row.
    pub fn let_go(&mut self, id: RowId) {
        self.let_go.push(id);
    }

    /// Forgets the rows that nobody holds any more.
    pub fn sweep(&mut self) {
        self.last = None;
        while let Some(RowId(id)) = self.let_go.pop() {
            let slot = &mut self.slots[id as usize];
            slot.holders -= 1;
            if slot.holders > 0 {
                continue;
            }
            let Some(record) = slot.record.take() else {
                continue;
            };
            let hash = self.hasher.hash_one((slot.table, record.key()));
            if let Ok(entry) = self.newest.find_entry(hash, |other| *other == id) {
                entry.remove();
            }
            self.free.push(id);
        }
    }

    fn is(&self, id: RowId, record: &Arc<Record>) -> bool {
        self.slots[id.0 as usize]
            .record
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, record))
    }

    fn find_or_insert(&mut self, table: TableId, record: &Arc<Record>) -> RowId {
        let Self {
            slots,
            free,
            newest,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one((table, record.key()));
        let known = newest.find_mut(hash, |id| slots[*id as usize].is_of(table, record));
        if let Some(id) = &known
            && slots[**id as usize]
                .record
                .as_ref()
                .is_some_and(|held| held.same(record))
        {
            return RowId(**id);
        }
        let slot = Slot {
            record: Some(Arc::clone(record)),
            table,
            holders: 0,
        };
        let id = match free.pop() {
            Some(id) => {
                slots[id as usize] = slot;
                id
            }
            None => {
                slots.push(slot);
                slots.len() as u32 - 1
            }
        };
        match known {
            Some(newest) => *newest = id,
            None => {
                newest.insert_unique(hash, id, |id| {
                    let slot = &slots[*id as usize];
                    hash_of(hasher, slot)
                });
            }
        }
        RowId(id)
    }
}

impl Slot {
    /// Whether it holds a row of the record's table and key.
    fn is_of(&self, table: TableId, record: &Record) -> bool {
        let held = self.record.as_ref();
        self.table == table && held.is_some_and(|held| held.key() == record.key())
    }
}

fn hash_of(hasher: &DefaultHashBuilder, slot: &Slot) -> u64 {
    match &slot.record {
        Some(record) => hasher.hash_one((slot.table, record.key())),
        None => unreachable!("a row that can be found is there"),
    }
}
