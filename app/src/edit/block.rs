//! Changing many cells at once: a block that is pasted, a range that is emptied.

use leptos::prelude::*;
use rowcast_protocol::{Cell, ColumnKind};

use super::{
    clock::ReaderClock,
    draft,
    refused::Refused,
    save::{self, Write},
    session::Session,
    tsv,
};
use crate::{
    grid::{Block, CellPlace},
    live::rows::LiveRow,
};

/// The most rows that are changed at once: what the interface takes.
const MOST: usize = 10_000;

/// Puts a block, as spreadsheets exchange it, where the focus is. One cell fills all that are
/// chosen; what reaches past the last row or column is left out, and that is said.
pub fn paste(session: Session, text: &str) {
    let values = tsv::parse(text);
    let Some(target) = target(session, &values) else {
        return;
    };
    let (rows, columns) = (target.rows.len(), target.columns.len());
    let width = values.iter().map(Vec::len).max().unwrap_or(0);
    let single = values.len() == 1 && width == 1;
    let value = |row: usize, column: usize| {
        if single {
            values.first()?.first()
        } else {
            values.get(row)?.get(column)
        }
    };
    let wanted = wanted(session, &target, |row, column, at, cells| {
        let Some(text) = value(row, column) else {
            return Ok(None);
        };
        draft::read(text, &cells.columns[at].column, &ReaderClock).map(Some)
    });
    let left_out = !single && (values.len() > rows || width > columns);
    if finish(session, wanted, "pasting") && left_out {
        session.say(format!(
            "The block is larger than the rows and columns here: {rows} × {columns} cells of \
             {} × {width} were pasted.",
            values.len()
        ));
    }
}

/// Empties the cells chosen: NULL, or the empty text where there can be no NULL.
pub fn clear(session: Session) {
    let target = session.grid.block();
    let wanted = wanted(session, &target, |_, _, at, row| {
        let column = &row.columns[at].column;
        match column.kind {
            _ if column.nullable => Ok(Some(Cell::Null)),
            ColumnKind::Text => Ok(Some(Cell::text(""))),
            _ => Err("A value is needed here.".to_owned()),
        }
    });
    finish(session, wanted, "emptying");
}

/// The cells that a block goes to.
fn target(session: Session, values: &[Vec<String>]) -> Option<Block> {
    let chosen = session.grid.block();
    let first = CellPlace {
        row: chosen.rows.first()?.key.clone(),
        column: chosen
            .rows
            .first()?
            .columns
            .get(*chosen.columns.first()?)?
            .column
            .name
            .clone(),
    };
    let width = values.iter().map(Vec::len).max()?;
    if values.len() == 1 && width == 1 {
        return Some(chosen);
    }
    let (top, left) = session.grid.position(&first)?;
    let shown = session.grid.shown.read_untracked();
    let arranged = session.grid.arranged.read_untracked();
    Some(Block {
        rows: shown
            .rows
            .iter()
            .skip(top)
            .take(values.len())
            .cloned()
            .collect(),
        columns: arranged
            .order
            .iter()
            .skip(left)
            .take(width)
            .copied()
            .collect(),
    })
}

/// What would be written: for each cell of the block the value that `value` gives, called with
/// its row and column in the block, its position in the row, and the row.
///
/// Cells that hold that value already are left alone. The first that can't be written is what
/// is said of all: nothing is written then.
fn wanted(
    session: Session,
    block: &Block,
    value: impl Fn(usize, usize, usize, &LiveRow) -> Result<Option<Cell>, String>,
) -> Result<Vec<Write>, Refused> {
    let mut wanted = Vec::new();
    for (nth_row, row) in block.rows.iter().enumerate() {
        let (mut set, mut expect) = (Vec::new(), Vec::new());
        for (nth_column, at) in block.columns.iter().enumerate() {
            let name = &row.columns[*at].column.name;
            let refused = |why: String| Refused {
                place: CellPlace {
                    row: row.key.clone(),
                    column: name.clone(),
                },
                text: String::new(),
                why: format!("{why} Nothing was changed."),
            };
            if let Some(why) = session.column_obstacle(name) {
                return Err(refused(why.to_owned()));
            }
            let Some(value) = value(nth_row, nth_column, *at, row).map_err(refused)? else {
                continue;
            };
            let seen = row.cells[*at].read_untracked().shown().clone();
            if value != seen {
                expect.push((*at, seen));
                set.push((*at, value));
            }
        }
        if !set.is_empty() {
            wanted.push(Write {
                row: row.clone(),
                text: String::new(),
                expect,
                set,
            });
        }
    }
    Ok(wanted)
}

/// Writes it, or says why not; whether it is written.
fn finish(session: Session, wanted: Result<Vec<Write>, Refused>, doing: &str) -> bool {
    match wanted {
        Ok(wanted) if wanted.is_empty() => false,
        Ok(wanted) if wanted.len() > MOST => {
            session.say(format!("At most {MOST} rows can be changed at once."));
            false
        }
        Ok(wanted) => {
            let cells: usize = wanted.iter().map(|wanted| wanted.set.len()).sum();
            let unit = if cells == 1 { "cell" } else { "cells" };
            save::save_all(session, wanted, format!("{doing} of {cells} {unit}"));
            true
        }
        Err(Refused { place, text, why }) => {
            session.refuse(place, text, why);
            false
        }
    }
}
