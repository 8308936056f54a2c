//! The JSON of the public interface.
//!
//! Messages are written by hand: a patch is written on every change, and the derived form of
//! [`message`](crate::message) names positions where this names columns.
//!
//! An event is an object. As a server-sent event it stands alone, its name beside it
//! ([`event_name`]); over a WebSocket the same object begins with `type` and `id`
//! ([`write_message`]), so one encoding serves both.

mod client;
mod heading;
mod read;

pub use client::message_id;
pub use heading::Heading;
pub use read::{ReadError, read_event, read_message};

use crate::{
    ApiError, Cell, Column, calendar,
    cell::write_json_string,
    message::{Event, Op, Patch, Row, Snapshot},
};

/// The event's word: the `event:` of a server-sent event, the `type` of a message.
pub fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Snapshot(_) => "snapshot",
        Event::Patch(_) => "patch",
        Event::Reset { .. } => "reset",
        Event::Error(_) => "error",
    }
}

/// Appends an event's object. `heading` is that of the subscription's latest snapshot, by
/// which a patch names what changed. With an `id` it is a WebSocket message, without one the
/// `data:` of a server-sent event.
pub fn write_event(event: &Event, heading: &Heading, id: Option<u32>, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    match event {
        Event::Snapshot(snapshot) => write_snapshot(snapshot, &mut body),
        Event::Patch(patch) => write_patch(patch, heading, &mut body),
        Event::Reset { reason } => {
            body.extend_from_slice(b"{\"reason\":");
            write_json_string(reason, &mut body);
            body.push(b'}');
        }
        Event::Error(error) => write_error(error, &mut body),
    }
    match id {
        Some(id) => write_message(event_name(event), Some(id), &body, out),
        None => out.extend_from_slice(&body),
    }
}

/// Appends a WebSocket message of an event's object that is already written. Without an `id`
/// it is about the connection, not about a subscription.
pub fn write_message(name: &str, id: Option<u32>, body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":");
    write_json_string(name, out);
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        write_integer(id.into(), out);
    }
    // Every event's object has members, so what follows its brace follows a comma.
    out.push(b',');
    out.extend_from_slice(body.get(1..).unwrap_or(b"}"));
}

/// Appends `{"error":{"code","message","hint"}}`.
pub fn write_error(error: &ApiError, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"error\":{\"code\":");
    write_json_string(&error.code, out);
    out.extend_from_slice(b",\"message\":");
    write_json_string(&error.message, out);
    out.extend_from_slice(b",\"hint\":");
    write_json_string(&error.hint, out);
    out.extend_from_slice(b"}}");
}

/// Appends `{"columns","key","rows","total","aggregates","cursor"}`; the aggregates only where
/// there are any.
pub fn write_snapshot(snapshot: &Snapshot, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"columns\":");
    write_columns(&snapshot.columns, out);
    out.extend_from_slice(b",\"key\":");
    write_list(&snapshot.key, out, |name, out| write_json_string(name, out));
    out.extend_from_slice(b",\"rows\":");
    write_list(&snapshot.rows, out, |row, out| {
        out.push(b'{');
        write_row(row, out);
        out.push(b'}');
    });
    let aggregates = snapshot.aggregates.iter();
    write_version(
        snapshot.total,
        aggregates.map(|of| (&*of.name, &of.value)),
        &snapshot.cursor,
        out,
    );
    out.push(b'}');
}

/// Appends `{"ops","total","aggregates","cursor","changed_at"}`; the aggregates only where some
/// changed. What changed is named by `heading`; every position in the patch is one of its.
pub fn write_patch(patch: &Patch, heading: &Heading, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"ops\":");
    write_list(&patch.ops, out, |op, out| {
        write_op(op, &heading.columns, out);
    });
    let aggregates = patch
        .aggregates
        .iter()
        .filter_map(|(at, value)| Some((&**heading.aggregates.get(usize::from(*at))?, value)));
    write_version(patch.total, aggregates, &patch.cursor, out);
    out.extend_from_slice(b",\"changed_at\":");
    write_json_string(&calendar::unix_text(patch.changed_at), out);
    out.push(b'}');
}

/// Appends the array of column objects.
pub fn write_columns(columns: &[Column], out: &mut Vec<u8>) {
    write_list(columns, out, |column, out| {
        let start = out.len();
        // A column is strings, flags and lists, and a Vec takes every byte, so neither the
        // encoding nor the writing can fail.
        if serde_json::to_writer(&mut *out, column).is_err() {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
    });
}

fn write_op(op: &Op, columns: &[Column], out: &mut Vec<u8>) {
    match op {
        Op::Insert { at, row } => {
            out.extend_from_slice(b"{\"op\":\"insert\",\"at\":");
            write_integer((*at).into(), out);
            out.push(b',');
            write_row(row, out);
        }
        Op::Update { key, cells } => {
            out.extend_from_slice(b"{\"op\":\"update\",\"key\":");
            write_cells(&key.0, out);
            out.extend_from_slice(b",\"cells\":");
            let named = cells
                .iter()
                .filter_map(|(at, cell)| Some((&*columns.get(usize::from(*at))?.name, cell)));
            write_members(named, out);
        }
        Op::Move { key, to } => {
            out.extend_from_slice(b"{\"op\":\"move\",\"key\":");
            write_cells(&key.0, out);
            out.extend_from_slice(b",\"to\":");
            write_integer((*to).into(), out);
        }
        Op::Remove { key } => {
            out.extend_from_slice(b"{\"op\":\"remove\",\"key\":");
            write_cells(&key.0, out);
        }
    }
    out.push(b'}');
}

fn write_row(row: &Row, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"key\":");
    write_cells(&row.key.0, out);
    out.extend_from_slice(b",\"cells\":");
    write_cells(&row.cells, out);
}

fn write_cells(cells: &[Cell], out: &mut Vec<u8>) {
    write_list(cells, out, |cell, out| cell.write_json(out));
}

fn write_members<'a>(members: impl Iterator<Item = (&'a str, &'a Cell)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, cell)) in members.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_json_string(name, out);
        out.push(b':');
        cell.write_json(out);
    }
    out.push(b'}');
}

fn write_version<'a>(
    total: u64,
    aggregates: impl Iterator<Item = (&'a str, &'a Cell)>,
    cursor: &str,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b",\"total\":");
    write_integer(total, out);
    let mut aggregates = aggregates.peekable();
    if aggregates.peek().is_some() {
        out.extend_from_slice(b",\"aggregates\":");
        write_members(aggregates, out);
    }
    out.extend_from_slice(b",\"cursor\":");
    write_json_string(cursor, out);
}

fn write_list<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn write_integer(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}
