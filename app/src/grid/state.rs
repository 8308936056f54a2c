//! What the parts of a table's page share about the grid.

use std::sync::Arc;

use leptos::prelude::*;

use super::selection::{CellPlace, Selection};

/// What a reader asks for at the grid that changes rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Change a cell's value; `typed` replaces it.
    Edit {
        /// The cell.
        place: CellPlace,
        /// The character that was typed, if it was that.
        typed: Option<char>,
    },
    /// Empty the cells chosen.
    Clear,
    /// Put a block of cells where the focus is.
    Paste(String),
    /// Take back the last change.
    Undo,
    /// Make it again.
    Redo,
    /// Delete the rows chosen.
    DeleteRows,
    /// A new row like the one that has the focus.
    Duplicate,
    /// A new row.
    NewRow,
    /// The row that has the focus, as a whole.
    Detail,
}

/// The grid's state, as a context of the table's page.
#[derive(Clone, Copy)]
pub struct GridState {
    /// The cell that has the focus.
    pub focus: RwSignal<Option<CellPlace>>,
    /// What is chosen.
    pub selection: RwSignal<Selection>,
    /// The cell that is being edited.
    pub editing: RwSignal<Option<CellPlace>>,
    handler: StoredValue<Option<Handler>>,
}

type Handler = Arc<dyn Fn(Action) + Send + Sync>;

impl GridState {
    /// Provides the context.
    pub fn provide() -> Self {
        let grid = Self {
            focus: RwSignal::new(None),
            selection: RwSignal::default(),
            editing: RwSignal::new(None),
            handler: StoredValue::new(None),
        };
        provide_context(grid);
        grid
    }

    /// Has `handler` do what is asked for.
    pub fn on_action(self, handler: impl Fn(Action) + Send + Sync + 'static) {
        self.handler.set_value(Some(Arc::new(handler)));
    }

    /// Asks for an action.
    pub fn act(self, action: Action) {
        if let Some(handler) = self.handler.get_value() {
            handler(action);
        }
    }
}
