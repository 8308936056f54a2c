//! How values are shown.

pub mod address;
pub mod cell;
pub mod chosen;
pub mod clock;
pub mod decimal;
pub mod figure;
pub mod groups;
pub mod letters;
pub mod markdown;
pub mod number;
pub mod relative;
pub mod styled;
pub mod time;
pub mod width;
pub mod zone;

pub use cell::{Presented, Shape, present};
pub use chosen::Format;
