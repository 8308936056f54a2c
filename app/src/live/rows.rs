//! The rows of a live query, one signal a cell.

use std::{collections::HashMap, sync::Arc};

use leptos::prelude::*;
use rowcast_protocol::{
    Cell, Column, RowKey,
    list::Misfit,
    message::{AggregateValue, Op, Patch, Row, Snapshot},
    query::DEFAULT_LIMIT,
};

use crate::format::{Shape, width::Width};

/// A column as the table shows it.
#[derive(Debug, PartialEq)]
pub struct ShownColumn {
    /// The column.
    pub column: Column,
    /// What its cells are made of.
    pub shape: Shape,
    /// Its width; it never changes while the column is there.
    pub width: Width,
    /// Whether it is of the table's key.
    pub key: bool,
}

/// A cell's value, and whether it has just changed.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveCell {
    /// The value.
    pub cell: Cell,
    /// Which change marks the cell; 0 is none. Each has another number, so that the end of
    /// one mark does not end the next.
    pub mark: u32,
    /// What the reader wrote into it, for as long as the value does not show it.
    pub edit: Option<Written>,
}

impl LiveCell {
    /// What is shown: what the reader wrote, or else the value.
    pub fn shown(&self) -> &Cell {
        self.edit.as_ref().map_or(&self.cell, |edit| &edit.value)
    }
}

/// A value that the reader wrote into a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The value.
    pub value: Cell,
    /// What it replaces.
    over: Cell,
    /// Whether the database has it. If so, what the stream brings next is it, or newer.
    pub saved: bool,
}

/// Shows a value in a cell before the database has it.
pub fn write(cell: &ArcRwSignal<LiveCell>, value: Cell) {
    cell.update(|live| {
        live.edit = Some(Written {
            over: live.shown().clone(),
            value,
            saved: false,
        });
    });
}

/// The database has what was written, and made it `value`. That stays in sight until the
/// stream brings it, unless that has happened.
pub fn written(cell: &ArcRwSignal<LiveCell>, wrote: &Cell, value: Cell) {
    cell.update(|live| {
        // Something else may have been written over it meanwhile.
        if let Some(edit) = live.edit.take_if(|edit| edit.value == *wrote)
            && live.cell == edit.over
            && live.cell != value
        {
            live.edit = Some(Written {
                value,
                saved: true,
                ..edit
            });
        }
    });
}

/// The database does not take what was written: the cell shows its value again.
pub fn take_back(cell: &ArcRwSignal<LiveCell>, wrote: &Cell) {
    cell.update(|live| drop(live.edit.take_if(|edit| edit.value == *wrote)));
}

/// One row. Clones are the same row.
#[derive(Clone)]
pub struct LiveRow(Arc<RowParts>);

/// What a row is made of.
pub struct RowParts {
    /// Names the row in this page, whatever its key.
    pub id: u64,
    /// Its key.
    pub key: RowKey,
    /// The columns of its cells.
    pub columns: Arc<[Arc<ShownColumn>]>,
    /// Its cells.
    pub cells: Box<[ArcRwSignal<LiveCell>]>,
    /// Whether it has just come in.
    pub entered: ArcRwSignal<bool>,
}

impl std::ops::Deref for LiveRow {
    type Target = RowParts;

    fn deref(&self) -> &RowParts {
        &self.0
    }
}

impl RowParts {
    /// The key as it is shown.
    pub fn key_text(&self) -> String {
        key_text(&self.key)
    }
}

/// A key as the interface writes it: its values joined by commas.
pub fn key_text(key: &RowKey) -> String {
    let mut out = String::new();
    for (at, cell) in key.0.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match cell {
            Cell::Null => {}
            Cell::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => out.push_str(text),
        }
    }
    out
}

/// How often a list has been taken from a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Of whatever slice.
    pub snapshots: u32,
    /// Of another query than the list before.
    pub queries: u32,
}

/// The list of a live query.
///
/// [`Rows::list`] is notified when rows come, go or move, and a cell's own signal when its
/// value changes; nothing else runs.
#[derive(Clone, Copy)]
pub struct Rows {
    /// The rows, in order.
    pub list: RwSignal<Vec<LiveRow>>,
    /// Where the first of them stands in the result, as far as the page moves through it.
    pub offset: RwSignal<u64>,
    /// How many of them there are at most.
    pub limit: RwSignal<usize>,
    /// How the list came to be what it is, beside patches: it counts up with each snapshot.
    pub origin: RwSignal<Origin>,
    /// The columns.
    pub columns: RwSignal<Arc<[Arc<ShownColumn>]>>,
    /// How many rows match the filter in all.
    pub total: RwSignal<Option<u64>>,
    /// The query's aggregates.
    pub aggregates: RwSignal<Vec<AggregateValue>>,
    next: StoredValue<u64>,
}

/// What a patch marked, for the marks to be taken off again.
#[derive(Default)]
pub struct Marks {
    cells: Vec<(ArcRwSignal<LiveCell>, u32)>,
    rows: Vec<ArcRwSignal<bool>>,
}

impl Rows {
    /// The rows of a snapshot, or none yet.
    pub fn new(first: Option<&Snapshot>) -> Self {
        let rows = Self {
            list: RwSignal::default(),
            offset: RwSignal::new(0),
            limit: RwSignal::new(DEFAULT_LIMIT as usize),
            origin: RwSignal::default(),
            columns: RwSignal::new(Arc::new([])),
            total: RwSignal::default(),
            aggregates: RwSignal::default(),
            next: StoredValue::new(0),
        };
        if let Some(snapshot) = first {
            rows.replace(snapshot);
        }
        rows
    }

    /// Becomes the snapshot. Rows that stay keep their signals, and columns their widths.
    pub fn replace(&self, snapshot: &Snapshot) {
        let same_columns = self.take_columns(snapshot);
        let columns = self.columns.get_untracked();
        let mut known: HashMap<RowKey, LiveRow> = if same_columns {
            let list = self.list.read_untracked();
            list.iter()
                .map(|row| (row.key.clone(), row.clone()))
                .collect()
        } else {
            HashMap::new()
        };
        let list = snapshot
            .rows
            .iter()
            .map(|row| match known.remove(&row.key) {
                Some(known) => {
                    for (signal, cell) in known.cells.iter().zip(&row.cells) {
                        set_cell(signal, cell, None);
                    }
                    known
                }
                None => self.make(row, &columns),
            })
            .collect();
        self.origin.write_untracked().snapshots += 1;
        self.list.set(list);
        self.total.set(Some(snapshot.total));
        if *self.aggregates.read_untracked() != snapshot.aggregates {
            self.aggregates.set(snapshot.aggregates.clone());
        }
    }

    /// Applies patches, in the order they came. After an error the list is void.
    pub fn apply(&self, patches: &[Patch], marks: &mut Marks) -> Result<(), Misfit> {
        let columns = self.columns.get_untracked();
        let mut moved = false;
        let mut total = None;
        let result = {
            let mut list = self.list.write_untracked();
            let result = patches
                .iter()
                .flat_map(|patch| &patch.ops)
                .try_for_each(|op| self.apply_op(op, &mut list, &columns, marks, &mut moved));
            if let Some(patch) = patches.last() {
                total = Some(patch.total);
            }
            result
        };
        if moved {
            self.list.notify();
        }
        if total.is_some() && self.total.get_untracked() != total {
            self.total.set(total);
        }
        result.and_then(|()| self.apply_aggregates(patches))
    }

    fn apply_aggregates(&self, patches: &[Patch]) -> Result<(), Misfit> {
        let mut changed = patches
            .iter()
            .flat_map(|patch| &patch.aggregates)
            .peekable();
        if changed.peek().is_none() {
            return Ok(());
        }
        let mut held = self.aggregates.write();
        for (at, value) in changed {
            let place = held.get_mut(usize::from(*at)).ok_or(Misfit::Aggregate)?;
            place.value = value.clone();
        }
        Ok(())
    }

    fn apply_op(
        &self,
        op: &Op,
        list: &mut Vec<LiveRow>,
        columns: &Arc<[Arc<ShownColumn>]>,
        marks: &mut Marks,
        moved: &mut bool,
    ) -> Result<(), Misfit> {
        let position = |list: &[LiveRow], key: &RowKey| {
            list.iter()
                .position(|row| row.key == *key)
                .ok_or(Misfit::UnknownKey)
        };
        match op {
            Op::Update { key, cells } => {
                let row = &list[position(list, key)?];
                for (column, cell) in cells {
                    let signal = row.cells.get(usize::from(*column)).ok_or(Misfit::Column)?;
                    set_cell(signal, cell, Some(marks));
                }
                return Ok(());
            }
            Op::Insert { at, row } => {
                let at = *at as usize;
                if at > list.len() {
                    return Err(Misfit::Index);
                }
                if position(list, &row.key).is_ok() {
                    return Err(Misfit::KnownKey);
                }
                if row.cells.len() != columns.len() {
                    return Err(Misfit::Column);
                }
                let row = self.make(row, columns);
                row.entered.set(true);
                marks.rows.push(row.entered.clone());
                list.insert(at, row);
            }
            Op::Move { key, to } => {
                let row = list.remove(position(list, key)?);
                let to = *to as usize;
                if to > list.len() {
                    return Err(Misfit::Index);
                }
                list.insert(to, row);
            }
            Op::Remove { key } => {
                list.remove(position(list, key)?);
            }
        }
        *moved = true;
        Ok(())
    }

    fn make(&self, row: &Row, columns: &Arc<[Arc<ShownColumn>]>) -> LiveRow {
        let id = self.next.get_value();
        self.next.set_value(id + 1);
        LiveRow(Arc::new(RowParts {
            id,
            key: row.key.clone(),
            columns: columns.clone(),
            cells: row
                .cells
                .iter()
                .map(|cell| {
                    ArcRwSignal::new(LiveCell {
                        cell: cell.clone(),
                        mark: 0,
                        edit: None,
                    })
                })
                .collect(),
            entered: ArcRwSignal::new(false),
        }))
    }

    /// Takes the snapshot's columns, and says whether they are those that were there.
    fn take_columns(&self, snapshot: &Snapshot) -> bool {
        let before = self.columns.get_untracked();
        let same = before.len() == snapshot.columns.len()
            && before
                .iter()
                .zip(&snapshot.columns)
                .all(|(shown, column)| shown.column == *column);
        if same {
            return true;
        }
        let columns = snapshot.columns.iter().enumerate().map(|(at, column)| {
            let kept = before.iter().find(|shown| {
                shown.column.name == column.name && shown.column.type_name == column.type_name
            });
            Arc::new(ShownColumn {
                shape: Shape::of(column),
                width: kept.map_or_else(
                    || {
                        let cells = snapshot.rows.iter().filter_map(|row| row.cells.get(at));
                        let cells: Vec<_> = cells.cloned().collect();
                        Width::new(column, &column.name, None, &cells)
                    },
                    |shown| shown.width,
                ),
                key: snapshot.key.contains(&column.name),
                column: column.clone(),
            })
        });
        self.columns.set(columns.collect());
        false
    }
}

/// Sets a cell if its value differs, and marks it where the reader should see that.
fn set_cell(signal: &ArcRwSignal<LiveCell>, cell: &Cell, marks: Option<&mut Marks>) {
    let now = signal.read_untracked().clone();
    if now.cell == *cell {
        return;
    }
    let mark = if marks.is_some() {
        now.mark.wrapping_add(1).max(1)
    } else {
        now.mark
    };
    let edit = now.edit.filter(|edit| !edit.saved);
    signal.set(LiveCell {
        cell: cell.clone(),
        mark,
        edit,
    });
    if let Some(marks) = marks {
        marks.cells.push((signal.clone(), mark));
    }
}

impl Marks {
    /// Whether nothing was marked.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.rows.is_empty()
    }

    /// Takes the marks off, except where a later change has put one.
    pub fn clear(self) {
        for (signal, mark) in self.cells {
            let now = signal.read_untracked().mark;
            if now == mark {
                signal.update(|cell| cell.mark = 0);
            }
        }
        for entered in self.rows {
            entered.set(false);
        }
    }
}

#[cfg(test)]
mod tests;
