//! Changing many cells at once: a block that is pasted, a range that is emptied.

use leptos::prelude::*;
use rowcast_protocol::{Cell, ColumnKind};

use super::{
    change::{Change, Values},
    clock::ReaderClock,
    draft,
    modal::Modal,
    refused::Refused,
    save::{self, Together, Write},
    session::Session,
    tsv,
};
use crate::{
    erased::{Erase, changing},
    format::number::counted,
    grid::{Block, CellPlace},
    live::rows::LiveRow,
};

/// The most rows that are changed at once: what the interface takes.
const MOST: usize = 10_000;

/// A block that has more rows than there are from the focus to the last row.
pub struct Longer {
    /// What would be written into the rows there are.
    wanted: Vec<Write>,
    /// The rows that there would be more.
    added: Vec<Values>,
}

/// Puts a block, as spreadsheets exchange it, where the focus is. One cell fills all that are
/// chosen; of a block that reaches past the last row it is asked whether rows should be added,
/// and what else has no place is left out, which is said.
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
    if !single && values.len() > rows && ends_here(session) {
        let longer = wanted.map(|wanted| {
            let added = added(session, &target.columns, &values[rows..]);
            added.map(|added| Longer { wanted, added })
        });
        match longer {
            Ok(Ok(longer)) => session.longer.set(Some(longer)),
            Ok(Err(why)) => session.say(why),
            Err(refused) => session.refuse(refused.place, refused.text, refused.why),
        }
        return;
    }
    let left_out = !single && (values.len() > rows || width > columns);
    if finish(session, wanted, "pasting") && left_out {
        session.say(format!(
            "The block is larger than the rows and columns here: {rows} × {columns} cells of \
             {} × {width} were pasted.",
            values.len()
        ));
    }
}

/// Whether the last row that is shown is the last there is.
fn ends_here(session: Session) -> bool {
    let rows = session.view.live.rows;
    let shown = session.grid.shown.read_untracked();
    let offset = match session.view.scrolls.get_untracked() {
        true => u64::try_from(shown.first).unwrap_or(0),
        false => session.view.query.read_untracked().offset,
    };
    let total = rows.total.get_untracked();
    session.insert_obstacle().is_none()
        && total.is_some_and(|total| offset + shown.rows.len() as u64 >= total)
}

/// The rows that a block's lines are, where there are none yet. A cell of nothing is left to
/// the database.
fn added(
    session: Session,
    columns: &[usize],
    lines: &[Vec<String>],
) -> Result<Vec<Values>, String> {
    let shown = session.view.live.rows.columns.get_untracked();
    let row = |line: &Vec<String>| {
        let mut row = Values::new();
        for (text, at) in line.iter().zip(columns) {
            let column = &shown[*at].column;
            if text.is_empty() {
                continue;
            }
            let wrong = |why: &str| format!("{}: “{text}”: {why} Nothing was pasted.", column.name);
            if let Some(why) = session.no_column(&column.name) {
                return Err(wrong(why));
            }
            let value = draft::read(text, column, &ReaderClock).map_err(|why| wrong(&why))?;
            row.insert(column.name.clone(), value);
        }
        Ok(row)
    };
    lines.iter().map(row).collect()
}

/// The id of the question's heading.
const HEADING: &str = "longer-heading";

/// The question whether rows should be added for a block that is longer than the rest.
#[component]
pub fn LongerQuestion(session: Session) -> impl IntoView {
    changing(move || {
        let count = |longer: &Longer| (longer.wanted.len(), longer.added.len());
        let counts = session.longer.read().as_ref().map(count);
        counts.map(|(here, added)| view! { <Question session here added /> })
    })
}

#[component]
fn Question(session: Session, here: usize, added: usize) -> impl IntoView {
    let close = Callback::new(move |()| session.longer.set(None));
    let paste = move |all: bool| {
        let longer = session.longer.try_update(Option::take).flatten();
        let Some(Longer { wanted, added }) = longer else {
            return;
        };
        let added: Vec<Change> = added
            .into_iter()
            .filter(|_| all)
            .map(|row| Change::Insert {
                row,
                restore: false,
            })
            .collect();
        let done =
            (!added.is_empty()).then(|| format!("Added {}.", counted(added.len() as u64, "row")));
        if wanted.len() + added.len() > MOST {
            session.say(format!("At most {MOST} rows can be changed at once."));
        } else if wanted.len() + added.len() > 0 {
            save::save_all(
                session,
                Together {
                    wanted,
                    more: added,
                    label: "pasting of a block".to_owned(),
                    done,
                },
            );
        }
    };
    let rows = counted(added as u64, "row");
    view! {
        <Modal labelled_by=HEADING class="question" on_close=close>
            <h2 id=HEADING>{format!("Add {rows}?")}</h2>
            <p class="muted">
                "The block that you paste is longer than the rows from here to the last one."
            </p>
            <div class="actions">
                <button type="button" class="button" on:click=move |_| close.run(())>
                    "Cancel"
                </button>
                {(here > 0)
                    .then(|| {
                        view! {
                            <button type="button" class="button" on:click=move |_| paste(false)>
                                "Paste without adding"
                            </button>
                        }
                    })}
                <button
                    type="button"
                    class="button primary"
                    autofocus
                    on:click=move |_| paste(true)
                >
                    {format!("Add {rows}")}
                </button>
            </div>
        </Modal>
    }
    .made_here()
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
            save::save_all(
                session,
                Together {
                    wanted,
                    more: Vec::new(),
                    label: format!("{doing} of {cells} {unit}"),
                    done: None,
                },
            );
            true
        }
        Err(Refused { place, text, why }) => {
            session.refuse(place, text, why);
            false
        }
    }
}
