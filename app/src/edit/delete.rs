//! Deleting rows.

use leptos::prelude::*;

use rowcast_protocol::RowKey;

use super::{bulk, change::Change, modal::Modal, rows::Sight, session::Session};
use crate::{
    erased::{Erase, changing},
    format::number::counted,
    live::rows::key_text,
};

/// The id of the question's heading.
const HEADING: &str = "delete-heading";

/// The most rows that are deleted at once: what the interface takes.
const MOST: usize = 10_000;

/// Asks whether the rows chosen should be deleted.
pub fn ask_chosen(session: Session) {
    if session.grid.selection.read_untracked().all {
        bulk::ask(session, bulk::Doing::Delete);
    } else {
        ask(session, session.grid.chosen_keys());
    }
}

/// Asks whether these rows should be deleted.
pub fn ask(session: Session, rows: Vec<RowKey>) {
    if let Some(text) = session.delete_obstacle() {
        session.say(text);
    } else if rows.len() > MOST {
        session.say(format!("At most {MOST} rows can be deleted at once."));
    } else if !rows.is_empty() {
        session.deleting.set(Some(rows));
    }
}

/// The question.
#[component]
pub fn DeleteQuestion(session: Session) -> impl IntoView {
    changing(move || {
        session
            .deleting
            .get()
            .map(|rows| view! { <Question session rows /> })
    })
}

#[component]
fn Question(session: Session, rows: Vec<RowKey>) -> impl IntoView {
    let count = counted(rows.len() as u64, "row");
    let title = match &*rows {
        [row] => format!("Delete row {}?", key_text(row)),
        _ => format!("Delete {count}?"),
    };
    let close = Callback::new(move |()| session.deleting.set(None));
    let rows = StoredValue::new(rows);
    let confirmed = move |_| {
        close.run(());
        session.dialog.set(None);
        delete(session, rows.get_value());
    };
    view! {
        <Modal labelled_by=HEADING class="question" on_close=close>
            <h2 id=HEADING>{title}</h2>
            <p class="muted">
                "Rows of other tables that belong to it may go with it, as the database is set up. \
                 You can take it back afterwards."
            </p>
            <div class="actions">
                <button type="button" class="button" autofocus on:click=move |_| close.run(())>
                    "Cancel"
                </button>
                <button type="button" class="button danger" on:click=confirmed>
                    {format!("Delete {count}")}
                </button>
            </div>
        </Modal>
    }
    .made_here()
}

fn delete(session: Session, rows: Vec<RowKey>) {
    let count = counted(rows.len() as u64, "row");
    let table = session.table();
    let seen = Sight::of(session, &rows);
    session.enqueue(async move {
        // What was written before it is seen by now, unless the page has been left.
        let seen = match session.is_left() {
            true => seen,
            false => Sight::of(session, &rows),
        };
        // What is taken back has to be whole, whichever columns are shown.
        let whole = match seen.whole().await {
            Ok(whole) => whole,
            Err(why) => {
                if !session.is_left() {
                    session.say(why);
                }
                return;
            }
        };
        let changes: Vec<Change> = rows
            .iter()
            .zip(whole)
            .map(|(key, expect)| Change::Delete {
                key: key.clone(),
                expect,
            })
            .collect();
        let label = format!("deletion of {count}");
        session
            .make_now(table, label, changes, move || {
                session.grid.selection.set(Default::default());
                session.say_done(format!("Deleted {count}."));
            })
            .await;
    });
}
