//! Loading what does the actions, when the first of them is asked for.

use leptos::prelude::*;

use super::{EditHost, Handler};
use crate::{
    erased::{changing, effect},
    grid::{Action, CellPlace, GridState},
    lazy::{self, Lazy},
};

/// Has the grid's actions done by the part of the page that is loaded for it, in the order in
/// which they are asked for. Loading begins when a cell first gets the focus, so that it is
/// usually over when the first action comes, or when rows are chosen.
///
/// Returns what is said where loading fails.
pub fn load_when_used(host: EditHost) -> impl IntoView {
    let editing = Lazy::<Handler>::new(lazy::part!(editing(host)));
    // What is asked for until it is there.
    let waiting = StoredValue::new(Vec::new());
    let failed = RwSignal::new(false);
    editing.on_end(move |loaded| {
        let actions = waiting.try_update_value(std::mem::take).unwrap_or_default();
        match loaded {
            Some(handler) => actions.into_iter().for_each(|action| handler(action)),
            None => failed.set(!actions.is_empty()),
        }
    });
    let begin = move |action: Option<Action>| {
        let is_first = waiting.with_value(Vec::is_empty);
        if let Some(handler) = editing.ready().filter(|_| is_first) {
            if let Some(action) = action {
                // Not while the grid is asking: an action may ask for another.
                queue_microtask(move || handler(action));
            }
            return;
        }
        if let Some(action) = action
            && waiting.try_update_value(|waiting| wait(waiting, action)) == Some(true)
        {
            queue_microtask(move || below(host.grid));
        }
        failed.set(false);
        editing.want();
    };
    host.grid.on_action(move |action| begin(Some(action)));
    effect(move || {
        if host.grid.focus.read().is_some() || host.grid.selection.read().has_rows() {
            begin(None);
        }
    });
    changing(move || {
        failed.get().then(|| {
            view! {
                <p class="notice warn" role="alert">
                    "Editing could not be loaded. Try again, or load the page again."
                </p>
            }
        })
    })
}

/// The focus goes to the cell below, as Enter in an editor has it.
fn below(grid: GridState) {
    let focus = grid.focus.get_untracked();
    let at = focus.and_then(|focus| grid.position(&focus));
    if let Some(place) = at.and_then(|(row, column)| grid.place(row + 1, column)) {
        grid.focus_cell(place);
    }
}

/// Has an action wait behind others. What is typed on while its cell's editor is on its way goes
/// into that editor, and nothing but Enter closes it before it is seen.
///
/// Returns whether the action saves what was typed into a cell: then the reader goes on.
fn wait(waiting: &mut Vec<Action>, action: Action) -> bool {
    if let Action::Leave(place) = &action {
        leave(waiting, place);
        return false;
    }
    match (waiting.last_mut(), &action) {
        (
            Some(Action::Edit {
                place,
                typed: Some(text),
            }),
            Action::Edit {
                place: at,
                typed: more,
            },
        ) if place == at => text.extend(more.as_deref()),
        (
            Some(Action::Edit {
                place,
                typed: Some(_),
            }),
            Action::Enter(at),
        ) if place == at => {
            waiting.push(action);
            return true;
        }
        // It is asked for already.
        (
            Some(Action::Edit { place, .. } | Action::Enter(place)),
            Action::Edit {
                place: at,
                typed: None,
            }
            | Action::Enter(at),
        ) if place == at => {}
        _ => waiting.push(action),
    }
    false
}

/// What waits to be written in a cell is forgotten, unless it is to be saved.
fn leave(waiting: &mut Vec<Action>, place: &CellPlace) {
    let is_here = |action: &Action| match action {
        Action::Edit { place: at, .. } | Action::Enter(at) => at == place,
        _ => false,
    };
    let saves = |waiting: &[Action]| {
        matches!(
            waiting,
            [.., Action::Edit { place: at, typed: Some(_) }, Action::Enter(_)] if at == place
        )
    };
    while waiting.last().is_some_and(is_here) && !saves(waiting) {
        waiting.pop();
    }
}

#[cfg(test)]
mod tests {
    use rowcast_protocol::{Cell, RowKey};

    use super::*;

    #[test]
    fn what_is_typed_while_the_editor_is_on_its_way_goes_into_it() {
        let place = |key: i64| CellPlace {
            row: RowKey([Cell::integer(key)].into()),
            column: "estimate".to_owned(),
        };
        let edit = |key, typed: Option<&str>| Action::Edit {
            place: place(key),
            typed: typed.map(str::to_owned),
        };
        let enter = |key| Action::Enter(place(key));
        let leave = |key| Action::Leave(place(key));
        let mut waiting = Vec::new();
        // Each action, and whether it saves.
        let came = [
            (enter(1), false),
            (enter(1), false),
            (edit(1, Some("-")), false),
            (edit(1, Some("3")), false),
            (edit(1, None), false),
            (enter(1), true),
            (edit(2, Some("x")), false),
            (Action::Undo, false),
            (enter(2), false),
            (edit(3, None), false),
            (edit(4, None), false),
            (edit(4, Some("x")), false),
            (leave(4), false),
            (leave(1), false),
        ];
        for (action, saves) in came {
            assert_eq!(wait(&mut waiting, action), saves);
        }
        assert_eq!(
            waiting,
            [
                enter(1),
                edit(1, Some("-3")),
                enter(1),
                edit(2, Some("x")),
                Action::Undo,
                enter(2),
                edit(3, None),
            ]
        );
    }
}
