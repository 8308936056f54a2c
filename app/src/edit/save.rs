//! Writing values into a row, shown before the database has them.

use leptos::prelude::*;
use rowcast_protocol::{Cell, RowKey};

use super::{
    api::{self, Refusal, sentence},
    change::{Change, Values},
    clock::ReaderClock,
    conflict::Conflict,
    draft,
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

impl Write {
    fn name(&self, at: usize) -> String {
        self.row.columns[at].column.name.clone()
    }

    fn named(&self, values: &[(usize, Cell)]) -> Values {
        let named = values
            .iter()
            .map(|(at, cell)| (self.name(*at), cell.clone()));
        named.collect()
    }

    fn change(&self) -> Change {
        Change::Update {
            key: self.row.key.clone(),
            set: self.named(&self.set),
            expect: self.named(&self.expect),
        }
    }
}

/// Saves one row's values, as [`save_all`] does.
pub fn save(session: Session, wanted: Write) {
    let label = match &*wanted.set {
        [(at, _)] => format!("change of {}", wanted.name(*at)),
        several => format!("change of {} values", several.len()),
    };
    save_all(
        session,
        Together {
            wanted: vec![wanted],
            more: Vec::new(),
            label,
            done: None,
        },
    );
}

/// What is saved together, all or none.
pub struct Together {
    /// Values for cells that are shown.
    pub wanted: Vec<Write>,
    /// What is done beside that.
    pub more: Vec<Change>,
    /// What it is called where it is taken back.
    pub label: String,
    /// What is said when it is done.
    pub done: Option<String>,
}

/// Saves it: the cells show their values at once, and show what the database made of them, or
/// what they showed before, when it has answered.
pub fn save_all(session: Session, together: Together) {
    let Together {
        wanted,
        more,
        label,
        done,
    } = together;
    for wanted in &wanted {
        for (at, value) in &wanted.set {
            write(&wanted.row.cells[*at], value.clone());
        }
    }
    let changes: Vec<Change> = wanted.iter().map(Write::change).chain(more).collect();
    let table = session.table();
    session.enqueue(async move {
        let answer = api::make(&table, &changes).await;
        if session.is_left() {
            return;
        }
        match answer {
            Ok(rows) => {
                for (wanted, now) in wanted.iter().zip(&rows) {
                    if let Some(now) = now {
                        show(session, &wanted.row, now, &wanted.set);
                        follow_key(session, &wanted.row.key, now);
                    }
                }
                session.note_done(label, &changes, &rows);
                if let Some(done) = done {
                    session.say_done(done);
                }
            }
            Err(refusal) => {
                for wanted in &wanted {
                    for (at, value) in &wanted.set {
                        take_back(&wanted.row.cells[*at], value);
                    }
                }
                let index = refusal.index.unwrap_or(0);
                match wanted.get(index) {
                    Some(first) => refused(session, first, changes.len() > 1, refusal),
                    None => session.say_refused(&label, &refusal),
                }
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

/// Says why nothing was written: `wanted` is what the refusal is about, alone or of several.
fn refused(session: Session, wanted: &Write, several: bool, refusal: Refusal) {
    if refusal.is_conflict()
        && !several
        && let Some(conflict) = Conflict::new(&wanted.change(), &refusal)
    {
        session.conflict.set(Some(conflict));
        return;
    }
    // It is said at the first column that it is about, of those that were written.
    let written = |name: &&String| wanted.set.iter().any(|(at, _)| wanted.name(*at) == **name);
    let mut about = refusal.columns.iter().chain(&refusal.changed);
    let column = about.find(written).cloned();
    let first = wanted.set.first();
    let Some(column) = column.or_else(|| first.map(|(at, _)| wanted.name(*at))) else {
        return;
    };
    let why = if refusal.is_conflict() {
        "Someone else changed this first.".to_owned()
    } else {
        refusal.text()
    };
    let mut text = wanted.text.clone();
    if text.is_empty()
        && let Some((at, value)) = wanted.set.iter().find(|(at, _)| wanted.name(*at) == column)
    {
        // It came from elsewhere than the cell's editor, which may go on with it nevertheless.
        let kind = wanted.row.columns[*at].column.kind;
        text = draft::text_of(value, kind, &ReaderClock);
    }
    let place = CellPlace {
        row: wanted.row.key.clone(),
        column,
    };
    // What passes says so itself.
    let why = match several && !refusal.passes() {
        true => format!("{} Nothing was changed.", sentence(&why)),
        false => why,
    };
    session.refuse(place, text, why);
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

    /// Makes changes after those that were asked for before, as [`Session::make_now`] does.
    pub fn make(self, label: String, changes: Vec<Change>) {
        self.enqueue(self.make_now(self.table(), label, changes, || {}));
    }

    /// Makes changes, and has `done` do what follows. What is refused is said, and a conflict
    /// decided on.
    pub async fn make_now(
        self,
        table: String,
        label: String,
        changes: Vec<Change>,
        done: impl FnOnce(),
    ) {
        let answer = api::make(&table, &changes).await;
        if self.is_left() {
            return;
        }
        match answer {
            Ok(rows) => {
                self.note_done(label, &changes, &rows);
                done();
            }
            Err(refusal) => {
                let change = changes.get(refusal.index.unwrap_or(0));
                let conflict = change
                    .filter(|_| refusal.is_conflict() && changes.len() == 1)
                    .and_then(|change| Conflict::new(change, &refusal));
                match conflict {
                    Some(conflict) => self.conflict.set(Some(conflict)),
                    None => self.say_refused(&label, &refusal),
                }
            }
        }
    }

    /// Says why something was not done.
    pub fn say_refused(self, label: &str, refusal: &Refusal) {
        let why = if refusal.is_conflict() {
            "Someone else changed one of the rows first; they are shown as they are now.".to_owned()
        } else {
            refusal.text()
        };
        self.say(format!("The {label} was refused. {why}"));
    }

    /// Notes changes that were made, to be taken back.
    pub fn note_done(self, label: String, changes: &[Change], rows: &[Option<Values>]) {
        self.note(label, self.inverses(changes, rows));
    }

    /// Notes what takes back something that was done.
    pub fn note(self, label: String, changes: Vec<Change>) {
        self.journal
            .update_value(|journal| journal.done(Step { label, changes }));
        self.view.live.read_again();
    }
}
