//! Taking back what one has done, and making it again.

use leptos::prelude::*;

use super::{
    api,
    journal::{Step, Way},
    session::Session,
};

/// Takes back the last thing done, or makes again the last that was taken back.
///
/// It is a write like any other, with what was left as what is expected: what someone else has
/// changed since stays theirs.
pub fn turn(session: Session, way: Way) {
    session.enqueue(async move {
        let taken = session
            .journal
            .try_update_value(|journal| journal.take(way));
        let Some(step) = taken.flatten() else {
            session.say(match way {
                Way::Undo => "There is nothing of yours to take back.",
                Way::Redo => "There is nothing to make again.",
            });
            return;
        };
        let Step { label, changes } = step.clone();
        match api::make(&session.table(), &changes).await {
            Ok(rows) => {
                let changes = session.inverses(&changes, &rows);
                let inverse = Step { label, changes };
                session
                    .journal
                    .update_value(|journal| journal.turned(way, inverse));
                session.view.live.read_again();
                session.say(match way {
                    Way::Undo => format!("Taken back: {}.", step.label),
                    Way::Redo => format!("Made again: {}.", step.label),
                });
            }
            Err(refusal) => {
                if refusal.passes() {
                    session
                        .journal
                        .update_value(|journal| journal.put_back(way, step));
                }
                let why = if refusal.is_conflict() {
                    "Someone else has changed it since; it stays as they left it.".to_owned()
                } else {
                    refusal.text()
                };
                session.say(format!("The {label} could not be turned round. {why}"));
            }
        }
    });
}
