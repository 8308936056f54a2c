//! Writing values into a row, shown before the database has them.

use leptos::prelude::*;
use rowcast_protocol::{Cell, RowKey};

use super::{
    api::{self, Refusal},
    change::{Change, Values},
    conflict::Conflict,
    journal::Step,
    session::Session,
};
use crate::{
    grid::CellPlace,
    live::rows::{LiveRow, take_back, write, written},
};

/// Values for cells of one row.
pub struct Write {
    /// The row.
    pub row: LiveRow,
    /// What was typed, to be taken up again if it is refused.
    pub text: String,
    /// What the writer saw, by position.
    pub expect: Vec<(usize, Cell)>,
    /// The new values, by position.
    pub set: Vec<(usize, Cell)>,
}

/// Saves them: the cells show them at once, and show what the database made of them, or what
/// they showed before, when it has answered.
pub fn save(session: Session, wanted: Write) {
    let Write {
        row,
        text,
        expect,
        set,
    } = wanted;
    for (at, value) in &set {
        write(&row.cells[*at], value.clone());
    }
    let name = |at: usize| row.columns[at].column.name.clone();
    let named = |values: &[(usize, Cell)]| -> Values {
        values
            .iter()
            .map(|(at, cell)| (name(*at), cell.clone()))
            .collect()
    };
    let change = Change::Update {
        key: row.key.clone(),
        set: named(&set),
        expect: named(&expect),
    };
    let label = match &*set {
        [(at, _)] => format!("change of {}", name(*at)),
        _ => format!("change of {} values", set.len()),
    };
    session.enqueue(async move {
        let changes = [change];
        match api::make(&session.table(), &changes).await {
            Ok(rows) => {
                if let Some(Some(now)) = rows.first() {
                    show(session, &row, now, &set);
                    follow_key(session, &row.key, now);
                }
                session.note_done(label, &changes, &rows);
            }
            Err(refusal) => {
                for (at, value) in &set {
                    take_back(&row.cells[*at], value);
                }
                let [change] = changes;
                refused(session, &row, &set, text, change, refusal);
            }
        }
    });
}

/// Shows what the database made of what was written.
fn show(session: Session, row: &LiveRow, now: &Values, set: &[(usize, Cell)]) {
    for (at, value) in set {
        let name = &row.columns[*at].column.name;
        let made = now.get(name).unwrap_or(value).clone();
        written(&row.cells[*at], value, made);
    }
    // Nothing tells a page of a table that isn't live what else has changed in the row.
    if !session.is_live() {
        for (shown, cell) in row.columns.iter().zip(row.cells.iter()) {
            if let Some(value) = now.get(&shown.column.name) {
                cell.update(|live| {
                    live.cell = value.clone();
                    live.edit = None;
                });
            }
        }
    }
}

/// A row whose key was changed is the same row to whoever changed it.
fn follow_key(session: Session, before: &RowKey, now: &Values) {
    let key = session.key_of(now);
    let Some(key) = key.filter(|key| key != before) else {
        return;
    };
    let focus = session.grid.focus;
    if focus
        .read_untracked()
        .as_ref()
        .is_some_and(|place| place.row == *before)
    {
        focus.update(|place| {
            if let Some(place) = place {
                place.row = key;
            }
        });
    }
}

fn refused(
    session: Session,
    row: &LiveRow,
    set: &[(usize, Cell)],
    text: String,
    change: Change,
    refusal: Refusal,
) {
    if refusal.is_conflict()
        && let Some(conflict) = Conflict::new(&change, &refusal)
    {
        session.conflict.set(Some(conflict));
        return;
    }
    // It is said at the first column that it is about, of those that were written.
    let written = |name: &&String| {
        set.iter()
            .any(|(at, _)| row.columns[*at].column.name == **name)
    };
    let column = refusal.columns.iter().find(written).cloned();
    let column = column.or_else(|| {
        set.first()
            .map(|(at, _)| row.columns[*at].column.name.clone())
    });
    if let Some(column) = column {
        let place = CellPlace {
            row: row.key.clone(),
            column,
        };
        session.refuse(place, text, refusal.text());
    }
}

impl Session {
    /// The key of a row of these values.
    pub fn key_of(self, row: &Values) -> Option<RowKey> {
        self.view.table.with_value(|table| {
            let values = table.key.iter().map(|name| row.get(name).cloned());
            Some(RowKey(values.collect::<Option<_>>()?))
        })
    }

    /// What takes changes back that were made, each after the one behind it.
    pub fn inverses(self, changes: &[Change], rows: &[Option<Values>]) -> Vec<Change> {
        self.view.table.with_value(|table| {
            changes
                .iter()
                .zip(rows)
                .rev()
                .filter_map(|(change, row)| change.inverse(row.as_ref(), &table.key))
                .collect()
        })
    }

    /// Makes changes, and has `done` do what follows from the rows as they are then. What is
    /// refused is said, and a conflict decided on.
    pub fn make(
        self,
        label: String,
        changes: Vec<Change>,
        done: impl FnOnce(&[Option<Values>]) + 'static,
    ) {
        self.enqueue(async move {
            match api::make(&self.table(), &changes).await {
                Ok(rows) => {
                    done(&rows);
                    self.note_done(label, &changes, &rows);
                }
                Err(refusal) => {
                    let change = changes.get(refusal.index.unwrap_or(0));
                    let conflict = change
                        .filter(|_| refusal.is_conflict() && changes.len() == 1)
                        .and_then(|change| Conflict::new(change, &refusal));
                    match conflict {
                        Some(conflict) => self.conflict.set(Some(conflict)),
                        None => self.say(format!("The {label} was refused. {}", refusal.text())),
                    }
                }
            }
        });
    }

    /// Notes changes that were made, to be taken back.
    pub fn note_done(self, label: String, changes: &[Change], rows: &[Option<Values>]) {
        let changes = self.inverses(changes, rows);
        self.journal
            .update_value(|journal| journal.done(Step { label, changes }));
    }
}
