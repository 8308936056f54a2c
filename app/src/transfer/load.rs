//! Loading the dialogs, when they are first gone to.

use leptos::{prelude::*, task::spawn_local};

use super::TransferHost;
use crate::parts;

/// What loads the dialogs, unless that is done or under way. It is said where it fails, if a
/// dialog was asked for; asking again tries again.
pub fn loader(host: TransferHost) -> Callback<()> {
    // What the dialogs make belongs to the page, not to the event that first needs them.
    let owner = Owner::current().unwrap_or_default();
    let asked = StoredValue::new(false);
    Callback::new(move |()| {
        host.failed.set(false);
        if asked.get_value() {
            return;
        }
        asked.set_value(true);
        let owner = owner.clone();
        spawn_local(async move {
            let loaded = owner
                .with(|| ScopedFuture::new(parts::transfer(host)))
                .await;
            // The page may have been left meanwhile.
            if asked.try_get_value().is_none() {
                return;
            }
            match loaded {
                Ok(layer) => host.layer.set(Some(layer)),
                Err(_) => {
                    asked.set_value(false);
                    host.failed.set(host.open.get_untracked().is_some());
                    host.open.set(None);
                }
            }
        });
    })
}
