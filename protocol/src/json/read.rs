//! Events read back, by clients that speak the public interface.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    ApiError, Cell, Column, RowKey, calendar,
    json::Heading,
    message::{AggregateValue, Event, Op, Patch, Row, Snapshot},
};

/// Text that is no event of ours.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON, or lacks a member.
    #[error("an event can't be read: {0}")]
    Json(#[from] serde_json::Error),
    /// An event of a later version.
    #[error("there is no event {0:?}")]
    UnknownEvent(String),
    /// A member holds what it may not.
    #[error("an event's {0} can't be read")]
    Member(&'static str),
}

/// Reads the `data:` of a server-sent event, or a WebSocket message whose `type` is `name`.
///
/// `heading` is the subscription's: a snapshot sets it, and patches name what is in it.
pub fn read_event(name: &str, json: &str, heading: &mut Heading) -> Result<Event, ReadError> {
    Ok(match name {
        "snapshot" => {
            let snapshot = read_snapshot(json)?;
            *heading = Heading::of(&snapshot);
            Event::Snapshot(snapshot)
        }
        "patch" => Event::Patch(read_patch(json, heading)?),
        "reset" => {
            #[derive(Deserialize)]
            struct Reset {
                reason: String,
            }
            let Reset { reason } = serde_json::from_str(json)?;
            Event::Reset { reason }
        }
        "error" => {
            #[derive(Deserialize)]
            struct Failure {
                error: ApiError,
            }
            Event::Error(serde_json::from_str::<Failure>(json)?.error)
        }
        _ => return Err(ReadError::UnknownEvent(name.into())),
    })
}

/// Reads a WebSocket message. `heading_of` gives the heading of the subscription with that
/// id; a message without one is about the connection, and its id is `None`.
pub fn read_message<'a>(
    json: &str,
    heading_of: impl FnOnce(Option<u32>) -> &'a mut Heading,
) -> Result<(Option<u32>, Event), ReadError> {
    #[derive(Deserialize)]
    struct Envelope {
        r#type: String,
        id: Option<u32>,
    }
    let envelope: Envelope = serde_json::from_str(json)?;
    let event = read_event(&envelope.r#type, json, heading_of(envelope.id))?;
    Ok((envelope.id, event))
}

#[derive(Deserialize)]
struct SnapshotJson {
    columns: Vec<Column>,
    key: Vec<String>,
    rows: Vec<Row>,
    total: u64,
    #[serde(default)]
    aggregates: NamedCells,
    cursor: String,
}

fn read_snapshot(json: &str) -> Result<Snapshot, ReadError> {
    let snapshot: SnapshotJson = serde_json::from_str(json)?;
    let aggregates = snapshot.aggregates.0.into_iter();
    Ok(Snapshot {
        columns: snapshot.columns,
        key: snapshot.key,
        rows: snapshot.rows,
        total: snapshot.total,
        aggregates: aggregates
            .map(|(name, value)| AggregateValue { name, value })
            .collect(),
        cursor: snapshot.cursor,
    })
}

#[derive(Deserialize)]
struct PatchJson<'a> {
    #[serde(borrow)]
    ops: Vec<OpJson<'a>>,
    total: u64,
    #[serde(default)]
    aggregates: NamedCells,
    cursor: String,
    changed_at: String,
}

#[derive(Deserialize)]
struct OpJson<'a> {
    op: String,
    key: RowKey,
    at: Option<u32>,
    to: Option<u32>,
    #[serde(borrow)]
    cells: Option<&'a RawValue>,
}

fn read_patch(json: &str, heading: &Heading) -> Result<Patch, ReadError> {
    let patch: PatchJson<'_> = serde_json::from_str(json)?;
    let mut ops = Vec::with_capacity(patch.ops.len());
    for op in patch.ops {
        ops.push(read_op(op, &heading.columns)?);
    }
    Ok(Patch {
        ops,
        total: patch.total,
        aggregates: positions(patch.aggregates, "aggregates", |name| {
            heading.aggregates.iter().position(|known| known == name)
        })?,
        cursor: patch.cursor,
        changed_at: calendar::parse_unix_text(&patch.changed_at)
            .ok_or(ReadError::Member("changed_at"))?,
    })
}

fn read_op(op: OpJson<'_>, columns: &[Column]) -> Result<Op, ReadError> {
    let key = op.key;
    let cells = || op.cells.ok_or(ReadError::Member("cells"));
    Ok(match &*op.op {
        "insert" => Op::Insert {
            at: op.at.ok_or(ReadError::Member("at"))?,
            row: Row {
                key,
                cells: serde_json::from_str(cells()?.get())?,
            },
        },
        "update" => {
            let cells = positions(serde_json::from_str(cells()?.get())?, "cells", |name| {
                columns.iter().position(|column| column.name == name)
            })?;
            Op::Update { key, cells }
        }
        "move" => Op::Move {
            key,
            to: op.to.ok_or(ReadError::Member("to"))?,
        },
        "remove" => Op::Remove { key },
        _ => return Err(ReadError::Member("op")),
    })
}

/// The members by position; `member` is what an error names.
fn positions(
    NamedCells(named): NamedCells,
    member: &'static str,
    position: impl Fn(&str) -> Option<usize>,
) -> Result<Vec<(u16, Cell)>, ReadError> {
    let place = |(name, cell): (String, Cell)| {
        let at = position(&name).and_then(|at| u16::try_from(at).ok());
        Ok((at.ok_or(ReadError::Member(member))?, cell))
    };
    named.into_iter().map(place).collect()
}

/// An object's members in the order in which they stand.
#[derive(Default)]
struct NamedCells(Vec<(String, Cell)>);

impl<'de> Deserialize<'de> for NamedCells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = NamedCells;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("values by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamedCells, A::Error> {
                let mut cells = Vec::new();
                while let Some(member) = map.next_entry()? {
                    cells.push(member);
                }
                Ok(NamedCells(cells))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
