//! What a read of the change log brings, and its net effect.

use std::sync::Arc;

use hashbrown::{HashMap, hash_map::Entry};
use rowcast_protocol::PgSnapshot;

use crate::{
    record::{Key, Record},
    schema::TableId,
};

/// Everything that lies between two versions of the database: the unit of change.
///
/// However many transactions it spans, each list goes from the one version to the other at
/// once.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The version before.
    pub from: PgSnapshot,
    /// The version after.
    pub to: PgSnapshot,
    /// When the newest change in it was logged: microseconds since 1970.
    pub changed_at: i64,
    /// The tables that changed, each once.
    pub tables: Vec<Arc<TableChanges>>,
}

/// What happened to one table.
#[derive(Clone, Debug)]
pub struct TableChanges {
    /// Which table.
    pub table: TableId,
    /// The rows' images, in no order: order inside a read means nothing.
    pub images: Vec<Image>,
    /// Whether something happened that the images do not tell: a truncate, a row too large
    /// to image, more rows than are held. Lists of this table are then read again.
    pub reread: bool,
}

/// A row as a statement found it or left it.
#[derive(Clone, Debug)]
pub struct Image {
    /// The transaction that did it.
    pub xid: u64,
    /// Which side of the change it is.
    pub side: Side,
    /// The row.
    pub record: Arc<Record>,
}

/// Before or after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The row before the statement: absent for an insert.
    Old,
    /// The row after the statement: absent for a delete.
    New,
}

/// What became of one key between two versions: `None` is absence.
///
/// Never both `None`, and never both the same row.
#[derive(Clone, Debug)]
pub struct NetChange {
    /// The row in the earlier version.
    pub old: Option<Arc<Record>>,
    /// The row in the later version.
    pub new: Option<Arc<Record>>,
}

/// The net effect of `images`: each key's first image to its last.
///
/// Every statement took a row from one image to the next. Of the images of one key, those
/// that stand on both sides as often cancel; what is left is where the key began and where
/// it ended. So no order is needed, and a statement that changed nothing leaves nothing.
pub fn net_effect<'a>(images: impl IntoIterator<Item = &'a Image>) -> Vec<NetChange> {
    let mut order: Vec<Vec<(&Arc<Record>, i32)>> = Vec::new();
    let mut places: HashMap<&Key, usize> = HashMap::new();
    for image in images {
        let at = match places.entry(image.record.key()) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(place) => {
                order.push(Vec::with_capacity(2));
                *place.insert(order.len() - 1)
            }
        };
        let weight = match image.side {
            Side::Old => -1,
            Side::New => 1,
        };
        let known = &mut order[at];
        // The log mostly has an image right behind its match, so the search begins at the end,
        // and what has cancelled is not searched again: a row that changes a million times in
        // one read costs a million steps.
        match known
            .iter()
            .rposition(|(record, _)| record.same(&image.record))
        {
            Some(at) if known[at].1 + weight == 0 => {
                known.swap_remove(at);
            }
            Some(at) => known[at].1 += weight,
            None => known.push((&image.record, weight)),
        }
    }
    order
        .into_iter()
        .filter_map(|images| {
            let mut net = NetChange {
                old: None,
                new: None,
            };
            for (record, balance) in images {
                match balance.signum() {
                    -1 => net.old = Some(Arc::clone(record)),
                    1 => net.new = Some(Arc::clone(record)),
                    _ => {}
                }
            }
            (net.old.is_some() || net.new.is_some()).then_some(net)
        })
        .collect()
}
