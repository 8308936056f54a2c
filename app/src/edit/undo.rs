//! Taking back what one has done, and making it again.

use leptos::prelude::*;

use super::{
    api,
    journal::{Step, Way},
    session::Session,
};
use crate::format::number::counted;

/// Of how many rows of a step at most it is found out one by one that they have changed since.
const MOST_LEFT: u64 = 50;

/// Takes back the last thing done, or makes again the last that was taken back.
///
/// It is a write like any other, with what was left as what is expected: what someone else has
/// changed since stays theirs. Of a step of many rows the others are turned round nevertheless,
/// for there is no other way back for them.
pub fn turn(session: Session, way: Way) {
    let table = session.table();
    session.enqueue(async move {
        if session.is_left() {
            return;
        }
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
        let Step { label, mut changes } = step;
        let mut left = 0;
        let answer = loop {
            let answer = api::make_turned(&table, &changes, Some(way)).await;
            match &answer {
                Err(refusal) if refusal.is_of_one() && changes.len() > 1 && left < MOST_LEFT => {
                    let Some(at) = refusal.index.filter(|at| *at < changes.len()) else {
                        break answer;
                    };
                    changes.remove(at);
                    left += 1;
                }
                _ => break answer,
            }
        };
        if session.is_left() {
            return;
        }
        match answer {
            Ok(rows) => {
                let changes = session.inverses(&changes, &rows);
                let inverse = Step {
                    label: label.clone(),
                    changes,
                };
                session
                    .journal
                    .update_value(|journal| journal.turned(way, inverse));
                session.view.live.read_again();
                let but = match left {
                    0 => String::new(),
                    _ => format!(", but for {} changed since", counted(left, "row")),
                };
                session.say(match way {
                    Way::Undo => format!("Taken back: {label}{but}."),
                    Way::Redo => format!("Made again: {label}{but}."),
                });
            }
            Err(refusal) => {
                // There are more: it is left to the reader how long others' writes wait.
                let goes_on = left == MOST_LEFT && refusal.is_of_one();
                let why = if goes_on {
                    format!("{left} of its rows have changed since. Try again for the others.")
                } else if refusal.is_conflict() {
                    "Someone else has changed it since; it stays as they left it.".to_owned()
                } else {
                    refusal.text()
                };
                session.say(format!("The {label} could not be turned round. {why}"));
                if refusal.passes() || goes_on {
                    let step = Step { label, changes };
                    session
                        .journal
                        .update_value(|journal| journal.put_back(way, step));
                }
            }
        }
    });
}
