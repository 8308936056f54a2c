//! What people write about rows.
//!
//! The page of a thread is whole without a script. Where scripts run, a part that is loaded after the page
//! takes the place of what was sent, and is in the detail of a row too; it follows the thread by a live
//! query, as the marks in the table do that say how many comments rows have.

#[cfg(feature = "hydrate")]
pub(crate) mod counts;
#[cfg(feature = "hydrate")]
mod in_detail;
#[cfg(feature = "hydrate")]
mod page;
#[cfg(feature = "hydrate")]
mod row;
#[cfg(feature = "hydrate")]
mod thread;
#[cfg(feature = "hydrate")]
mod writer;

#[cfg(feature = "hydrate")]
use rowcast_protocol::RowKey;

#[cfg(feature = "hydrate")]
use crate::erased::MakeView;

/// How much of a row's value the page of its thread shows, in characters.
pub const LONGEST_VALUE: usize = 1_000;

/// Where comments are wanted.
#[cfg(feature = "hydrate")]
#[derive(Clone, Debug)]
pub enum Wanted {
    /// On the page of a thread.
    Page,
    /// In the detail of this row of this table.
    Row(String, RowKey),
}

/// Makes a page live, or what is in a row's detail.
#[cfg(feature = "hydrate")]
pub(crate) fn begin(wanted: Wanted) -> Option<MakeView> {
    match wanted {
        Wanted::Page => {
            page::begin();
            None
        }
        Wanted::Row(table, key) => Some(in_detail::of_row(table, key)),
    }
}
