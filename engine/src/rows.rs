//! The rows that lists are made of, each held once however many lists show it.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::{
    record::Record,
    room::{LITTLE, Roomy},
    schema::TableId,
    slab::Slab,
};

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
    slots: Slab<Slot>,
    /// Of each key, the row that was taken in last.
    newest: HashTable<u32>,
    hasher: DefaultHashBuilder,
    let_go: Vec<RowId>,
    /// The row that was asked for last: one change is often put into many lists.
    last: Option<RowId>,
}

#[derive(Debug)]
struct Slot {
    record: Arc<Record>,
    table: TableId,
    holders: u32,
}

impl Rows {
    /// How many rows are held.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of this number, which somebody holds.
    pub fn get(&self, id: RowId) -> &Arc<Record> {
        &slot(&self.slots, id.0).record
    }

    /// The number that this row is held under, if it is the newest of its key.
    pub fn find(&self, table: TableId, record: &Record) -> Option<RowId> {
        let hash = self.hasher.hash_one((table, record.key()));
        let id = *self
            .newest
            .find(hash, |id| slot(&self.slots, *id).is_of(table, record))?;
        let held = &slot(&self.slots, id).record;
        held.same(record).then_some(RowId(id))
    }

    /// Takes hold of a row of a table.
    pub fn hold(&mut self, table: TableId, record: &Arc<Record>) -> RowId {
        let id = match self.last {
            Some(last) if self.is(last, record) => last,
            _ => self.find_or_insert(table, record),
        };
        self.last = Some(id);
        self.hold_again(id);
        id
    }

    /// Takes hold of a row once more.
    pub fn hold_again(&mut self, id: RowId) {
        let slot = self.slots.get_mut(id.0);
        slot.expect("who holds a row has its number").holders += 1;
    }

    /// Lets go of a row.
    pub fn let_go(&mut self, id: RowId) {
        self.let_go.push(id);
    }

    /// Forgets the rows that nobody holds any more.
    pub fn sweep(&mut self) {
        self.last = None;
        while let Some(RowId(id)) = self.let_go.pop() {
            let Some(slot) = self.slots.get_mut(id) else {
                continue;
            };
            slot.holders -= 1;
            if slot.holders > 0 {
                continue;
            }
            let Some(slot) = self.slots.remove(id) else {
                continue;
            };
            let hash = hash_of(&self.hasher, &slot);
            if let Ok(entry) = self.newest.find_entry(hash, |other| *other == id) {
                entry.remove();
            }
        }
        if self.let_go.capacity() > LITTLE.max(self.slots.len()) {
            self.let_go.shrink(self.slots.len());
        }
        if self.newest.capacity() > LITTLE.max(4 * self.newest.len()) {
            let (slots, hasher) = (&self.slots, &self.hasher);
            let hash = |id: &u32| hash_of(hasher, slot(slots, *id));
            self.newest.shrink_to(2 * self.newest.len(), hash);
        }
    }

    /// For how many rows there is room.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.slots
            .room()
            .max(self.let_go.capacity())
            .max(self.newest.capacity())
    }

    fn is(&self, id: RowId, record: &Arc<Record>) -> bool {
        Arc::ptr_eq(&slot(&self.slots, id.0).record, record)
    }

    fn find_or_insert(&mut self, table: TableId, record: &Arc<Record>) -> RowId {
        let Self {
            slots,
            newest,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one((table, record.key()));
        let known = newest.find_mut(hash, |id| slot(slots, *id).is_of(table, record));
        if let Some(id) = &known
            && slot(slots, **id).record.same(record)
        {
            return RowId(**id);
        }
        let id = slots.insert(Slot {
            record: Arc::clone(record),
            table,
            holders: 0,
        });
        match known {
            Some(newest) => *newest = id,
            None => {
                let hash_of = |id: &u32| hash_of(hasher, slot(slots, *id));
                newest.insert_unique(hash, id, hash_of);
            }
        }
        RowId(id)
    }
}

impl Slot {
    /// Whether it holds a row of the record's table and key.
    fn is_of(&self, table: TableId, record: &Record) -> bool {
        self.table == table && self.record.key() == record.key()
    }
}

/// The slot of a row that is held or can be found.
fn slot(slots: &Slab<Slot>, id: u32) -> &Slot {
    match slots.get(id) {
        Some(slot) => slot,
        None => unreachable!("a row that is held, or can be found, is there"),
    }
}

fn hash_of(hasher: &DefaultHashBuilder, slot: &Slot) -> u64 {
    hasher.hash_one((slot.table, slot.record.key()))
}
