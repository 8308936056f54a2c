//! The grid: what a reader has in hand while the rows below change.
//!
//! [`GridState`] is what the parts of a table's page share. Decisions are plain functions of
//! their own: which command a key gives, which rows wait, where a row stands on the canvas.

pub mod autoscroll;
pub mod canvas;
pub mod commands;
pub mod face;
pub mod hands;
pub mod keys;
pub mod layout;
pub mod look;
pub mod movement;
pub mod selection;
pub mod slice;
pub mod state;
pub mod surface;

pub use face::Face;
pub use layout::{Density, Layout, Placed};
pub use look::{Look, Looks};
pub use movement::{Shown, Waiting};
pub use selection::{Block, CellPlace, Selection};
pub use state::{Action, GridState};
pub use surface::Surface;
