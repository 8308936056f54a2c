//! How values are shown.

pub mod cell;
pub mod figure;
pub mod number;
pub mod time;
pub mod width;
pub mod zone;

pub use cell::{Presented, Shape, present};
