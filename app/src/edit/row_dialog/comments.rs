//! What was written about the row.

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::RowKey;

use crate::{
    comments::Wanted,
    edit::session::Session,
    erased::{Erase, MakeView, changing},
    parts,
};

/// The thread about a row, once the part that makes it is there.
#[component]
pub fn RowComments(session: Session, key: RowKey) -> impl IntoView {
    let made = RwSignal::new(None::<MakeView>);
    let wanted = Wanted::Row(session.table(), key);
    spawn_local(async move {
        if let Ok(Some(thread)) = parts::comments(wanted).await {
            // The dialog may have gone meanwhile.
            let _ = made.try_set(Some(thread));
        }
    });
    changing(move || made.get().map(|thread| thread.run())).made_here()
}
