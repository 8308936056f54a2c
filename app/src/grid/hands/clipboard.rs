//! What is copied from the grid, and pasted into it.

use super::{Hands, target};
use crate::grid::Action;

impl Hands {
    /// The cells chosen are to be copied.
    pub fn copy(self, event: &web_sys::ClipboardEvent) {
        let data = event.clipboard_data();
        if target(event).is_some_and(|element| element.tag_name() == "TD")
            && let Some(data) = data
        {
            let text = self.surface.grid.copied().to_tsv();
            if data.set_data("text/plain", &text).is_ok() {
                event.prevent_default();
            }
        }
    }

    /// Something is to be pasted.
    pub fn paste(self, event: &web_sys::ClipboardEvent) {
        if target(event).is_some_and(|element| element.tag_name() == "TD")
            && let Some(text) = event
                .clipboard_data()
                .and_then(|data| data.get_data("text/plain").ok())
        {
            event.prevent_default();
            self.surface.grid.act(Action::Paste(text));
        }
    }
}
