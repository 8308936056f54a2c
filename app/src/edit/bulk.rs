//! The same for many rows: those chosen, or all that match.

mod bar;
mod dialog;

use leptos::prelude::*;
use rowcast_protocol::{
    Cell, RowKey,
    query::{DEFAULT_LIMIT, Query},
};

use super::{
    change::{Change, Values},
    rows,
    save::{self, Together, Write},
    session::Session,
};
use crate::format::number::counted;

pub use bar::BulkBar;
pub use dialog::BulkDialog;

/// The most rows whose values are written one by one: what the interface takes. What is done
/// to more of them, all that match, can't be taken back either.
pub const MOST: u64 = 10_000;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// A value is set.
    Set,
    /// The rows are deleted.
    Delete,
}

/// What may be done, and to which rows.
#[derive(Clone)]
pub struct Bulk {
    /// What.
    doing: Doing,
    /// To which.
    rows: Target,
}

/// The rows that something is done to.
#[derive(Clone)]
enum Target {
    /// These.
    Keys(Vec<RowKey>),
    /// All that match this query.
    Matching(String),
}

/// Asks what exactly should be done to the rows chosen.
pub fn ask(session: Session, doing: Doing) {
    let obstacle = match doing {
        Doing::Set => session.obstacle(),
        Doing::Delete => session.delete_obstacle(),
    };
    if let Some(text) = obstacle {
        session.say(text);
        return;
    }
    let rows = if session.grid.selection.read_untracked().all {
        Target::Matching(matching(&session.view.query.read_untracked()))
    } else {
        let keys = session.grid.chosen_keys();
        if keys.is_empty() {
            session.say("Choose rows first: by the boxes before them, or by Space.");
            return;
        }
        if keys.len() as u64 > MOST {
            session.say(format!("At most {MOST} rows can be changed one by one."));
            return;
        }
        Target::Keys(keys)
    };
    session.bulk.set(Some(Bulk { doing, rows }));
}

/// The text of the query that says which rows match, and nothing else.
fn matching(query: &Query) -> String {
    Query {
        order: Vec::new(),
        limit: DEFAULT_LIMIT,
        offset: 0,
        aggregates: Vec::new(),
        ..query.clone()
    }
    .to_query_string()
}

/// Sets a value in these rows, all or none: in those that are shown at once.
fn set(session: Session, keys: Vec<RowKey>, column: String, value: Cell) {
    let count = counted(keys.len() as u64, "row");
    let label = format!("change of {column} in {count}");
    let done = format!("Set {column} in {count}.");
    let mut wanted = Vec::new();
    let mut others = Vec::new();
    for key in keys {
        let row = session.grid.row(&key);
        let at = row.as_ref().and_then(|row| {
            let mut columns = row.columns.iter();
            columns.position(|shown| shown.column.name == column)
        });
        let Some((row, at)) = row.zip(at) else {
            others.push(key);
            continue;
        };
        let seen = row.cells[at].read_untracked().shown().clone();
        if seen != value {
            wanted.push(Write {
                row,
                text: String::new(),
                expect: vec![(at, seen)],
                set: vec![(at, value.clone())],
            });
        }
    }
    let together = Together {
        wanted,
        more: Vec::new(),
        label,
        done: Some(done),
    };
    if others.is_empty() {
        if together.wanted.is_empty() {
            session.say("All of them have this value already.");
        } else {
            save::save_all(session, together);
        }
        return;
    }
    leptos::task::spawn_local(async move {
        let found = rows::Sight::of(session, &others).whole().await;
        if session.is_left() {
            return;
        }
        let seen = match found {
            Ok(seen) => seen,
            Err(why) => return session.say(why),
        };
        if seen.iter().any(|row| !row.contains_key(&column)) {
            return session.say(format!("The table has no column {column} any more."));
        }
        let only = |value: &Cell| Values::from([(column.clone(), value.clone())]);
        let more = others.into_iter().zip(seen).filter_map(|(key, row)| {
            let seen = row.get(&column)?;
            (*seen != value).then(|| Change::Update {
                key,
                set: only(&value),
                expect: only(seen),
            })
        });
        let more: Vec<_> = more.collect();
        if more.is_empty() && together.wanted.is_empty() {
            session.say("All of them have this value already.");
        } else {
            save::save_all(session, Together { more, ..together });
        }
    });
}
