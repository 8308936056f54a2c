//! What the parts of a table's page share of the grid.

use std::{collections::HashSet, sync::Arc, time::Duration};

use leptos::prelude::*;
use rowcast_protocol::RowKey;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::{
    face::Face,
    layout::{Layout, NARROWEST, WIDEST},
    movement::{self, Pending, Shown, Waiting},
    selection::{Block, CellPlace, Selection, between},
};
use crate::live::{
    LiveQuery,
    rows::{LiveRow, Origin, Rows},
};

/// How long rows that have just been shown stay marked.
const MARKED: Duration = Duration::from_millis(1_000);

/// What a reader asks for with the grid in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Edit a cell in place: from its value, or from what was typed.
    Edit {
        /// Which cell.
        place: CellPlace,
        /// What was typed over it.
        typed: Option<String>,
    },
    /// Edit a cell; or save what was typed over it, where its editor is still on its way.
    Enter(CellPlace),
    /// Leave a cell as it is, where its editor is still on its way.
    Leave(CellPlace),
    /// Empty the cells chosen.
    Clear,
    /// Put a block, as spreadsheets exchange it, where the focus is.
    Paste(String),
    /// Take the last change of one's own back.
    Undo,
    /// Make it again.
    Redo,
    /// Delete the rows chosen.
    DeleteRows,
    /// Set a value in the rows chosen.
    SetValue,
    /// Choose every row that matches, loaded or not.
    ChooseMatching,
    /// Make another row like the one in focus.
    Duplicate,
    /// Make a row.
    NewRow,
    /// Show all of the row in focus.
    Detail,
    /// Copy the cells chosen.
    Copy,
    /// Hold the list, or let it go.
    Hold,
}

/// The columns as they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arranged {
    /// Their positions among a row's cells.
    pub order: Vec<usize>,
    /// How many of them, from the first, stay in sight.
    pub pins: usize,
}

/// The grid's state: a context of a table's page.
#[derive(Clone, Copy)]
pub struct GridState {
    /// The cell that the keyboard is in. It stays with its row wherever that moves.
    pub focus: RwSignal<Option<CellPlace>>,
    /// What is chosen.
    pub selection: RwSignal<Selection>,
    /// The cell that is being edited.
    pub editing: RwSignal<Option<CellPlace>>,
    /// Whether the reader has asked for the list to be held.
    pub hold: RwSignal<bool>,
    /// Whether movement waits: held by the button, while a cell is edited, while more than
    /// one cell is chosen, while the list is scrolled, and while the pointer is at work.
    pub held: Memo<bool>,
    /// What waits.
    pub waiting: Memo<Waiting>,
    /// What waits, with the rows that left.
    pub(crate) pending: Memo<Pending>,
    /// How the columns are laid out.
    pub layout: RwSignal<Layout>,
    /// The columns, in the order they are shown.
    pub arranged: Memo<Arranged>,
    /// How each column looks, in the order of a row's cells.
    pub faces: Memo<Arc<[Face]>>,
    /// The rows as they are shown: those of the live query, except that movement waits.
    pub shown: RwSignal<Shown>,
    /// Positions in the result of the rows that are seen, and their end.
    pub(crate) seen: RwSignal<(i64, i64)>,
    /// Whether the list is scrolled away from its top.
    pub(crate) scrolled: RwSignal<bool>,
    /// Whether the pointer is pressed on the rows, or goes over them.
    pub(crate) aiming: RwSignal<bool>,
    /// Counts how often the rows in the document, or what is set on them, may have changed.
    pub(crate) painted: RwSignal<u32>,
    /// Counts the requests for the browser's focus to go where [`GridState::focus`] is.
    pub(crate) grabs: RwSignal<u32>,
    rows: Rows,
    handler: StoredValue<Option<Callback<Action>>>,
}

impl GridState {
    /// The grid of a live query, provided as a context.
    pub fn provide(live: LiveQuery, layout: Layout) -> Self {
        let rows = live.rows;
        let hold = RwSignal::new(false);
        let editing = RwSignal::new(None);
        let selection = RwSignal::new(Selection::default());
        let (scrolled, aiming) = (RwSignal::new(false), RwSignal::new(false));
        let held = Memo::new(move |_| {
            hold.get()
                || scrolled.get()
                || aiming.get()
                || editing.read().is_some()
                || selection.read().range.is_some()
        });
        let shown = RwSignal::new(Shown {
            first: rows.offset.get_untracked() as i64,
            rows: rows.list.get_untracked(),
        });
        let layout = RwSignal::new(layout);
        let arranged = Memo::new(move |_| {
            let columns = rows.columns.read();
            let names: Vec<&str> = columns.iter().map(|of| &*of.column.name).collect();
            let (order, pins) = layout.read().arrange(&names);
            Arranged { order, pins }
        });
        let looks = Memo::new(move |_| layout.read().looks.clone());
        let faces = Memo::new(move |before| {
            let list = rows.list.read_untracked();
            Face::all(&rows.columns.read(), &looks.read(), &list, before)
        });
        let pending = Memo::new(move |_| {
            if !held.get() {
                return Pending::default();
            }
            let (model, shown) = (rows.list.read(), shown.read());
            let ids = |rows: &[LiveRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
            let begins = rows.offset.get() == 0;
            movement::pending(&ids(&shown.rows), &ids(&model), begins, rows.limit.get())
        });
        let waiting = Memo::new(move |_| pending.read().waiting);
        let grid = Self {
            focus: RwSignal::new(None),
            selection,
            editing,
            hold,
            held,
            waiting,
            pending,
            layout,
            arranged,
            faces,
            shown,
            seen: RwSignal::new((0, 0)),
            scrolled,
            aiming,
            painted: RwSignal::new(0),
            grabs: RwSignal::new(0),
            rows,
            handler: StoredValue::new(None),
        };
        provide_context(grid);
        grid
    }

    /// Whoever does what the grid itself doesn't: all actions but [`Action::Copy`],
    /// [`Action::ChooseMatching`] and [`Action::Hold`]. The last one registered is asked.
    pub fn on_action(&self, handler: impl Fn(Action) + Send + Sync + 'static) {
        self.handler.set_value(Some(Callback::new(handler)));
    }

    /// Does it, or has it done.
    pub fn act(&self, action: Action) {
        match action {
            Action::Hold => self.hold.update(|hold| *hold = !*hold),
            Action::Copy => copy(&self.copied().to_tsv()),
            Action::ChooseMatching => self.selection.set(Selection {
                all: true,
                ..Selection::default()
            }),
            action => {
                if let Some(handler) = self.handler.get_value() {
                    handler.run(action);
                }
            }
        }
    }

    /// Shows the rows as they are, held or not. Those that waited are marked as new.
    pub fn show(&self) {
        let came: Vec<_> = {
            let (model, shown) = (self.rows.list.read_untracked(), self.shown.read_untracked());
            let known: HashSet<u64> = shown.rows.iter().map(|row| row.id).collect();
            let waits = self.pending.read_untracked().waiting.new > 0;
            let new = model.iter().filter(|row| waits && !known.contains(&row.id));
            new.map(|row| row.entered.clone()).collect()
        };
        self.take();
        if !came.is_empty() {
            for row in &came {
                row.set(true);
            }
            set_timeout(move || came.iter().for_each(|row| row.set(false)), MARKED);
        }
    }

    /// The rows shown become those of the live query.
    fn take(&self) {
        self.shown.set(Shown {
            first: self.rows.offset.get_untracked() as i64,
            rows: self.rows.list.get_untracked(),
        });
    }

    /// Keeps what is shown as the rows are, or as they were while it is held.
    pub(crate) fn follow(self) {
        let rows = self.rows;
        Effect::new(move |before: Option<(Origin, bool)>| {
            rows.list.track();
            let held = self.held.get();
            let origin = rows.origin.get_untracked();
            let Some((known, was_held)) = before else {
                return (origin, held);
            };
            if known.queries != origin.queries {
                // What was chosen stood in another list.
                if !self.selection.read_untracked().is_empty() {
                    self.selection.set(Selection::default());
                }
                self.take();
            } else if !held {
                if was_held {
                    self.show();
                } else {
                    self.take();
                }
            } else if known.snapshots != origin.snapshots {
                let merged = {
                    let shown = self.shown.read_untracked();
                    let (start, end) = self.seen.get_untracked();
                    let place = |at: i64| {
                        let at = usize::try_from(at - shown.first).unwrap_or(0);
                        at.min(shown.rows.len())
                    };
                    let seen = place(start)..place(end);
                    movement::merge(&shown, seen, &rows.list.read_untracked())
                };
                match merged {
                    Some(merged) => self.shown.set(merged),
                    None => self.take(),
                }
            }
            (origin, held)
        });
        // A row that has left takes the focus and what was chosen with it.
        Effect::new(move |before: Option<Option<(usize, usize)>>| {
            self.shown.track();
            let focus = self.focus.get()?;
            match (self.position(&focus), before.flatten()) {
                (None, Some((row, column))) => {
                    let last = self.shown.read_untracked().rows.len().checked_sub(1)?;
                    let place = self.place(row.min(last), column)?;
                    self.focus.set(Some(place));
                    if self.selection.read_untracked().range.is_some() {
                        self.selection.write().range = None;
                    }
                    Some((row.min(last), column))
                }
                (now, before) => now.or(before),
            }
        });
    }

    /// Chooses the block from the corner that stays, or from the focus, to a cell, and puts
    /// the focus there.
    pub(crate) fn extend_to(&self, place: CellPlace) {
        let corner = match &self.selection.read_untracked().range {
            Some((corner, _)) => Some(corner.clone()),
            None => self.focus.get_untracked(),
        };
        let range = corner
            .filter(|corner| *corner != place)
            .map(|corner| (corner, place.clone()));
        self.selection.write().range = range;
        self.focus.set(Some(place));
        self.grabs.update(|grabs| *grabs += 1);
    }

    /// Puts the focus, the browser's too, into a cell, and chooses no other.
    pub fn focus_cell(&self, place: CellPlace) {
        if self.selection.read_untracked().range.is_some() {
            self.selection.write().range = None;
        }
        self.focus.set(Some(place));
        self.grabs.update(|grabs| *grabs += 1);
    }

    /// Makes a column as wide as that, in CSS pixels, or as wide as its values ask for.
    pub fn set_width(&self, names: &[&str], name: &str, width: Option<u32>) {
        let width = width.map(|width| width.clamp(NARROWEST, WIDEST));
        let mut layout = self.layout.write();
        layout.change(names, name, |placed| placed.width = width);
    }

    /// What a column is called.
    pub fn label(&self, name: &str) -> String {
        self.faces.with(|faces| {
            let face = faces.iter().find(|face| face.shown.column.name == name);
            face.map_or(name, Face::label).to_owned()
        })
    }

    /// How a column looks, if it is there.
    pub fn face(&self, name: &str) -> Option<Face> {
        self.faces.with(|faces| {
            let face = faces.iter().find(|face| face.shown.column.name == name);
            face.cloned()
        })
    }

    /// The row of that key, among those shown.
    pub fn row(&self, key: &RowKey) -> Option<LiveRow> {
        let shown = self.shown.read_untracked();
        shown.rows.iter().find(|row| row.key == *key).cloned()
    }

    /// The cells chosen, or the one in focus; no cells if there is none.
    pub fn block(&self) -> Block {
        let focus = self.focus.get_untracked();
        let range = self.selection.read_untracked().range.clone();
        let corners = range.or_else(|| focus.map(|place| (place.clone(), place)));
        corners
            .and_then(|(one, other)| self.block_of(&one, &other))
            .unwrap_or_default()
    }

    /// The rows chosen: whole ones, or else those of the block, or else the one in focus.
    pub fn chosen_rows(&self) -> Vec<LiveRow> {
        let selection = self.selection.read_untracked();
        if !selection.has_rows() {
            return self.block().rows;
        }
        let shown = self.shown.read_untracked();
        let is_chosen = |row: &&LiveRow| selection.has_row(&row.key);
        shown.rows.iter().filter(is_chosen).cloned().collect()
    }

    /// The keys of the rows chosen, loaded or not, those that are in their order first. What
    /// is chosen by [`Selection::all`] is only known as far as it is loaded.
    pub fn chosen_keys(&self) -> Vec<RowKey> {
        let loaded = self.chosen_rows();
        let mut keys: Vec<RowKey> = loaded.iter().map(|row| row.key.clone()).collect();
        let known: HashSet<&RowKey> = loaded.iter().map(|row| &row.key).collect();
        let selection = self.selection.read_untracked();
        let others = selection.rows.iter().filter(|key| !known.contains(key));
        keys.extend(others.cloned());
        keys
    }

    /// What is copied: the cells chosen, else the rows chosen, else the cell in focus.
    pub fn copied(&self) -> Block {
        let selection = self.selection.read_untracked();
        if selection.range.is_some() || !selection.has_rows() {
            return self.block();
        }
        Block {
            rows: self.chosen_rows(),
            columns: self.arranged.get_untracked().order,
        }
    }

    fn block_of(&self, one: &CellPlace, other: &CellPlace) -> Option<Block> {
        let (top, left) = self.position(one)?;
        let (bottom, right) = self.position(other)?;
        let (shown, arranged) = (self.shown.read_untracked(), self.arranged.read_untracked());
        Some(Block {
            rows: shown.rows[between(top, bottom)].to_vec(),
            columns: arranged.order[between(left, right)].to_vec(),
        })
    }

    /// The element of a cell, if its row is in the document: of many rows only those near the
    /// screen and the one in focus are.
    pub fn cell_element(&self, place: &CellPlace) -> Option<HtmlElement> {
        let (row, column) = self.position(place)?;
        let id = self.shown.read_untracked().rows.get(row)?.id;
        self.element_at(id, column)
    }

    /// The element of the cell of a row, by its number, in the column that is shown there.
    pub(crate) fn element_at(&self, row: u64, column: usize) -> Option<HtmlElement> {
        let row = document().query_selector(&format!(".grid tr[data-row=\"{row}\"]"));
        // Before the columns stands the cell that chooses the row.
        let cell = row.ok()??.children().item(column as u32 + 1)?;
        cell.dyn_into().ok()
    }

    /// Where a cell stands among the rows and the columns that are shown, from 0.
    pub(crate) fn position(&self, place: &CellPlace) -> Option<(usize, usize)> {
        let (shown, arranged) = (self.shown.read_untracked(), self.arranged.read_untracked());
        let columns = self.rows.columns.read_untracked();
        let row = shown.rows.iter().position(|row| row.key == place.row)?;
        let column = arranged.order.iter().position(|at| {
            let shown = columns.get(*at);
            shown.is_some_and(|shown| shown.column.name == place.column)
        })?;
        Some((row, column))
    }

    /// The names of the columns that are shown, in their order.
    #[cfg(feature = "hydrate")]
    pub(crate) fn column_names(&self) -> Vec<String> {
        let (arranged, columns) = (
            self.arranged.read_untracked(),
            self.rows.columns.read_untracked(),
        );
        let name = |at: &usize| Some(columns.get(*at)?.column.name.clone());
        arranged.order.iter().filter_map(name).collect()
    }

    /// Where the row of that key stands among those shown, from 0.
    pub(crate) fn position_of_row(&self, key: &RowKey) -> Option<usize> {
        let shown = self.shown.read_untracked();
        shown.rows.iter().position(|row| row.key == *key)
    }

    /// The cell that stands there.
    pub(crate) fn place(&self, row: usize, column: usize) -> Option<CellPlace> {
        let (shown, arranged) = (self.shown.read_untracked(), self.arranged.read_untracked());
        let columns = self.rows.columns.read_untracked();
        Some(CellPlace {
            row: shown.rows.get(row)?.key.clone(),
            column: columns
                .get(*arranged.order.get(column)?)?
                .column
                .name
                .clone(),
        })
    }
}

/// Puts text on the clipboard.
fn copy(text: &str) {
    // Where there is no clipboard, nothing is copied; the keyboard's own way still is there.
    #[cfg(feature = "hydrate")]
    drop(window().navigator().clipboard().write_text(text));
    #[cfg(not(feature = "hydrate"))]
    let _ = text;
}
