//! Whichever dialog is open.

use leptos::prelude::*;

use super::{Transfer, TransferHost, export::ExportDialog, import::ImportDialog};
use crate::erased::{Erase, MakeView};

/// What shows it.
pub fn dialogs(host: TransferHost) -> MakeView {
    MakeView::from(move || {
        move || {
            host.open.get().map(|open| match open {
                Transfer::Export => view! { <ExportDialog host /> }.made_here(),
                Transfer::Import => view! { <ImportDialog host /> }.made_here(),
            })
        }
    })
}
