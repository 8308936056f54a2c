//! From what a read of the change log brings to what the engine takes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rowcast_engine::{
    datum::{ImageError, decode_image},
    record::Record,
    transaction::{Image, Side, TableChanges, Transaction},
};
use rowcast_protocol::PgSnapshot;

use super::leaps::Leaps;
use crate::{
    capture::{ChangeKind, LogRow, Read},
    database::catalog::TableMeta,
};

/// The tables that live queries are of or made of, by their own oid and by those of their
/// partitions.
#[derive(Debug, Default)]
pub struct Tables {
    roots: HashMap<u32, Arc<TableMeta>>,
    relations: HashMap<u32, u32>,
    leaps: Leaps,
}

/// A read of the log, in the engine's terms.
#[derive(Debug)]
pub struct Changes {
    /// What changed in tables that have live queries.
    pub transaction: Transaction,
    /// When the oldest change of each table was logged: what is late is as late as that.
    pub oldest: HashMap<u32, i64>,
    /// Tables whose images do not fit what is known of them: their shape has changed.
    pub misfits: Vec<u32>,
}

impl Tables {
    /// What is known of a table.
    pub fn get(&self, table: u32) -> Option<&Arc<TableMeta>> {
        self.roots.get(&table)
    }

    /// The table that a relation belongs to: itself, or what it is a partition of.
    pub fn root_of(&self, relation: u32) -> Option<u32> {
        self.relations.get(&relation).copied()
    }

    /// Whether this is what is known of the table.
    pub fn is_known(&self, table: &TableMeta) -> bool {
        self.get(table.oid)
            .is_some_and(|known| known.fingerprint == table.fingerprint)
    }

    /// Has a table's changes taken in from now on.
    pub fn insert(&mut self, table: Arc<TableMeta>) {
        self.remove(table.oid);
        self.relations.insert(table.oid, table.oid);
        for partition in &table.partitions {
            self.relations.insert(*partition, table.oid);
        }
        self.roots.insert(table.oid, table);
    }

    /// Forgets a table.
    pub fn remove(&mut self, table: u32) {
        self.roots.remove(&table);
        self.leaps.forget(table);
        self.relations.retain(|_, root| *root != table);
    }

    /// Whether a version of a table lies, or may lie, within a read of several transactions.
    pub fn were_read_over(&self, table: u32, version: &PgSnapshot) -> bool {
        self.leaps.are_over(table, version)
    }

    /// Decodes a read. Rows of tables without live queries are passed over.
    pub fn take(&mut self, read: Read) -> Changes {
        let mut transactions = HashSet::new();
        let mut tables: HashMap<u32, TableChanges> = HashMap::new();
        let mut misfits = Vec::new();
        let mut changed_at = 0;
        let mut oldest: HashMap<u32, i64> = HashMap::new();
        for row in &read.rows {
            let Some(table) = self
                .root_of(row.relation)
                .and_then(|root| self.roots.get(&root))
            else {
                continue;
            };
            changed_at = changed_at.max(row.at);
            transactions.insert(row.xid);
            let first = oldest.entry(table.oid).or_insert(row.at);
            *first = row.at.min(*first);
            let changes = tables.entry(table.oid).or_insert_with(|| no_changes(table));
            // Images of columns that were renamed may read well and mean something else.
            let is_of_others = row.kind == ChangeKind::Images && row.layout != table.layout;
            if is_of_others || decode(row, table, changes).is_err() {
                changes.reread = true;
                if !misfits.contains(&table.oid) {
                    misfits.push(table.oid);
                }
            }
        }
        for relation in &read.overflow {
            if let Some(table) = self
                .root_of(*relation)
                .and_then(|root| self.roots.get(&root))
            {
                changed_at = changed_at.max(read.clock);
                let changes = tables.entry(table.oid).or_insert_with(|| no_changes(table));
                changes.reread = true;
                changes.images.clear();
            }
        }
        let is_leap = transactions.len() > 1 || tables.values().any(|changes| changes.reread);
        let leapt = tables.keys().copied().filter(|_| is_leap);
        self.leaps.read(&read.from, &read.to, leapt);
        Changes {
            transaction: Transaction {
                from: read.from,
                to: read.to,
                changed_at,
                tables: tables.into_values().map(Arc::new).collect(),
            },
            oldest,
            misfits,
        }
    }
}

fn no_changes(table: &TableMeta) -> TableChanges {
    TableChanges {
        table: table.schema.table,
        images: Vec::new(),
        reread: false,
    }
}

fn decode(row: &LogRow, table: &TableMeta, changes: &mut TableChanges) -> Result<(), ImageError> {
    if row.kind != ChangeKind::Images {
        changes.reread = true;
        return Ok(());
    }
    for (side, images) in [(Side::Old, &row.old), (Side::New, &row.new)] {
        let mut images = images.as_slice();
        while !images.is_empty() {
            let values = decode_image(&mut images, &table.codecs)?;
            changes.images.push(Image {
                xid: row.xid,
                side,
                record: Record::new(&table.schema, values),
            });
        }
    }
    Ok(())
}
