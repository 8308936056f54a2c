//! What is kept while it is written, until it is sent or given up: the dialog or the page may be left.

use leptos::prelude::*;
use web_sys::{HtmlTextAreaElement, Storage};

/// Under which name it is kept.
#[derive(Clone, Copy)]
pub struct Kept(StoredValue<String>);

/// Where it is kept: no other window has it, and it ends with this one.
fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

impl Kept {
    /// What this account writes there.
    pub fn new(kind: &str, own: i64, place: &str) -> Self {
        Self(StoredValue::new(format!("rowcast.{kind}.{own}.{place}")))
    }

    /// The name of what is new, or of what is changed of one there is: none takes another's place.
    pub fn name(self, editing: Option<i64>) -> String {
        let new = self.0.get_value();
        match editing {
            None => new,
            Some(id) => format!("{new}#{id}"),
        }
    }

    /// What was begun.
    pub fn begun(self, editing: Option<i64>) -> Option<String> {
        storage()?.get_item(&self.name(editing)).ok().flatten()
    }

    /// Keeps what stands there now.
    pub fn keep(self, editing: Option<i64>, text: &HtmlTextAreaElement) {
        let Some(storage) = storage() else { return };
        let name = self.name(editing);
        // Where nothing can be kept, it is as long as it stands there.
        let _ = match text.value() {
            body if body.is_empty() => storage.remove_item(&name),
            body => storage.set_item(&name, &body),
        };
    }
}

/// Keeps no more what was sent, unless something else has been begun meanwhile.
pub fn forget(name: &str, sent: &str) {
    let Some(storage) = storage() else { return };
    let kept = storage.get_item(name).ok().flatten();
    if kept.as_deref() == Some(sent) {
        // Where nothing can be kept, nothing is.
        let _ = storage.remove_item(name);
    }
}
