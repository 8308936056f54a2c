//! The grid: what a reader has in hand while the rows below change.

pub mod selection;
pub mod state;

pub use selection::{Block, CellPlace, Selection};
pub use state::{Action, GridState};
