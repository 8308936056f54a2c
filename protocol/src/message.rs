//! The messages of a live query.
//!
//! The types derive the compact encoding (postcard) that Rowcast's own page uses; the JSON of
//! the public interface, which names columns where this names positions, is in
//! [`json`](crate::json).

use serde::{Deserialize, Serialize};

use crate::{ApiError, Cell, Column, RowKey};

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What names the row.
    pub key: RowKey,
    /// Its values, one for each column of the snapshot.
    pub cells: Vec<Cell>,
}

/// A figure over all rows that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateValue {
    /// The aggregate, as the query's canonical text writes it: `sum(amount)`.
    pub name: String,
    /// Its value, as `to_jsonb` gives it.
    pub value: Cell,
}

/// The whole list, at one version of the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What `cells` hold, in their order.
    pub columns: Vec<Column>,
    /// Names of the key's columns.
    pub key: Vec<String>,
    /// The rows, in the query's order.
    pub rows: Vec<Row>,
    /// How many rows match the filter in all.
    pub total: u64,
    /// The query's aggregates, in its order.
    pub aggregates: Vec<AggregateValue>,
    /// The version, opaque.
    pub cursor: String,
}

/// One or more whole transactions' effect on a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// Applied in order, each on the list as the one before left it.
    pub ops: Vec<Op>,
    /// How many rows match the filter afterwards.
    pub total: u64,
    /// The aggregates that changed, by position in the snapshot's.
    pub aggregates: Vec<(u16, Cell)>,
    /// The version afterwards, opaque.
    pub cursor: String,
    /// When the newest change in it was logged: microseconds since 1970, UTC, by the
    /// database's clock.
    pub changed_at: i64,
}

/// One step of a patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// A row appears at this index.
    Insert {
        /// Its index once it is in the list.
        at: u32,
        /// The row.
        row: Row,
    },
    /// Values of a row change where it stands.
    Update {
        /// Which row.
        key: RowKey,
        /// The columns that changed, by position in the snapshot's columns.
        cells: Vec<(u16, Cell)>,
    },
    /// A row changes its place.
    Move {
        /// Which row.
        key: RowKey,
        /// Its index after the move.
        to: u32,
    },
    /// A row leaves.
    Remove {
        /// Which row.
        key: RowKey,
    },
}

/// What the server says about one subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The list from the beginning.
    Snapshot(Snapshot),
    /// What changed.
    Patch(Patch),
    /// The list the client holds is void; a snapshot follows.
    Reset {
        /// Why, for a person.
        reason: String,
    },
    /// The subscription has ended.
    Error(ApiError),
}

/// A message from the server over the compact WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The database's clock, in microseconds since 1970, when the message was sent: at the
    /// start and with every heartbeat.
    Clock {
        /// That time.
        now: i64,
    },
    /// Something about a subscription.
    Event {
        /// The number that the client gave it.
        id: u32,
        /// What.
        event: Event,
    },
    /// The server is about to stop: connect again, elsewhere or a little later.
    Goodbye,
    /// The state of the server's own connection to the database.
    Database {
        /// Whether changes are being followed right now.
        following: bool,
    },
}

/// A message from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// Follow a query.
    Subscribe {
        /// The client's number for it, not in use on this connection.
        id: u32,
        /// The table's name.
        table: String,
        /// The query, in the grammar.
        query: String,
        /// Where the client stands, if it holds the list of an earlier moment.
        cursor: Option<String>,
    },
    /// Stop following it.
    Unsubscribe {
        /// Its number.
        id: u32,
    },
}
