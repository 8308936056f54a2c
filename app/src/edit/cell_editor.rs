//! Editing a value where it stands.

use leptos::{ev, portal::Portal, prelude::*};
use rowcast_protocol::{Cell, ColumnKind};
use wasm_bindgen::JsCast;

use super::{
    field::Field,
    place,
    save::{self, Write},
    session::Session,
    value_input::{Focus, Setting, ValueInput, choose_typed, described},
};
use crate::{
    erased::{Erase, changing},
    grid::CellPlace,
    live::rows::LiveRow,
};

/// The cell that is being edited.
#[derive(Clone)]
pub struct OpenCell {
    /// Which.
    pub place: CellPlace,
    /// Its row.
    pub row: LiveRow,
    /// Its position in the row.
    pub at: usize,
    /// The draft.
    pub field: Field,
    /// What is chosen in the input when it appears.
    focus: Focus,
    /// Holds the draft for as long as the cell is open.
    _owner: Owner,
}

/// Where the focus goes when a cell's editor closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Where it went by itself.
    Elsewhere,
    /// To the cell.
    Here,
    Down,
    Up,
    Right,
    Left,
}

/// The id of the one input that edits a cell.
const INPUT: &str = "cell-input";

/// Opens a cell's editor. `typed` takes the place of its value.
pub fn edit(session: Session, place: CellPlace, typed: Option<String>) {
    if let Some(text) = session.column_obstacle(&place.column) {
        session.say(text);
        return;
    }
    let Some((row, at)) = find(session, &place) else {
        return;
    };
    let typed = match (opening(session, &place), typed) {
        (Some(_), None) => return,
        (Some(open), Some(more)) if open.focus == Focus::End => {
            Some(open.field.text.get_untracked() + &more)
        }
        (_, typed) => typed,
    };
    close(session, Next::Elsewhere);
    // What was refused here is taken up as it was written.
    let refused = session
        .refused
        .try_update(|refused| refused.take_if(|refused| refused.place == place))
        .flatten();
    let seen = row.cells[at].read_untracked().shown().clone();
    let owner = session.owner.with_value(Owner::child);
    let field = owner.with(|| Field::new(row.columns[at].column.clone(), Some(seen)));
    let focus = if let Some(typed) = typed {
        field.set_text(typed);
        Focus::End
    } else if let Some(refused) = refused {
        field.set_text(refused.text);
        field.wrong.set(Some(refused.why));
        Focus::End
    } else {
        Focus::All
    };
    session.grid.editing.set(Some(place.clone()));
    session.open.set(Some(OpenCell {
        place,
        row,
        at,
        field,
        focus,
        _owner: owner,
    }));
}

/// Opens a cell's editor; where it is open, and its input does not hear keys yet, saves what is
/// in it.
pub fn enter(session: Session, place: CellPlace) {
    let Some(open) = opening(session, &place) else {
        return edit(session, place, None);
    };
    if open.focus == Focus::End {
        choose_typed(open.field);
    }
    // Whoever typed before editing was there is in the next cell already, or further.
    let stays = session.grid.focus.read_untracked().as_ref() == Some(&place);
    commit(session, if stays { Next::Down } else { Next::Elsewhere });
}

/// Closes a cell's editor, where it is open and its input does not hear keys yet.
pub fn leave(session: Session, place: &CellPlace) {
    if opening(session, place).is_some() {
        close(session, Next::Here);
    }
}

/// The open editor, if it is the cell's: only while it appears do the grid's keys come to it.
fn opening(session: Session, place: &CellPlace) -> Option<OpenCell> {
    let open = session.open.get_untracked();
    open.filter(|open| open.place == *place)
}

/// A cell's row, and its position in it.
pub fn find(session: Session, place: &CellPlace) -> Option<(LiveRow, usize)> {
    let row = session.grid.row(&place.row)?;
    let mut columns = row.columns.iter();
    let at = columns.position(|shown| shown.column.name == place.column)?;
    Some((row, at))
}

/// Closes the editor, if one is open, and leaves the value as it is.
fn close(session: Session, next: Next) {
    let Some(open) = session.open.try_update(Option::take).flatten() else {
        return;
    };
    session.grid.editing.set(None);
    let grid = session.grid;
    let beside = |down: isize, right: isize| {
        let (row, column) = grid.position(&open.place)?;
        grid.place(
            row.checked_add_signed(down)?,
            column.checked_add_signed(right)?,
        )
    };
    let to = match next {
        Next::Elsewhere => return,
        Next::Here => None,
        Next::Down => beside(1, 0),
        Next::Up => beside(-1, 0),
        Next::Right => beside(0, 1),
        Next::Left => beside(0, -1),
    };
    grid.focus_cell(to.unwrap_or(open.place));
}

/// Saves what is written, if it is a value and another one; then the editor closes.
fn commit(session: Session, next: Next) {
    let Some(open) = session.open.get_untracked() else {
        return;
    };
    match open.field.changed() {
        // What is wrong is said, and the editor stays, unless the reader has gone elsewhere:
        // then it is said at the cell.
        Err(why) if next == Next::Elsewhere => {
            let text = open.field.text.get_untracked();
            close(session, next);
            session.refuse(open.place, text, why);
        }
        Err(_) => {}
        Ok(None) => close(session, next),
        Ok(Some(value)) => {
            close(session, next);
            save::save(
                session,
                Write {
                    row: open.row,
                    text: open.field.text.get_untracked(),
                    expect: vec![(open.at, seen(open.field))],
                    set: vec![(open.at, value)],
                },
            );
        }
    }
}

fn seen(field: Field) -> Cell {
    // A cell's editor always begins with a value.
    field.seen.get_untracked().unwrap_or(Cell::Null)
}

/// The editor of the cell that is being edited, in its place.
#[component]
pub fn CellEditor(session: Session) -> impl IntoView {
    changing(move || {
        session.open.get().map(|open| {
            let element = place::element_of(session.grid, open.place.clone());
            let open = StoredValue::new(open);
            move || {
                element.get().map(|cell| {
                    view! {
                        <Portal mount=cell>
                            <InPlace session open=open.get_value() />
                        </Portal>
                    }
                })
            }
        })
    })
}

#[component]
fn InPlace(session: Session, open: OpenCell) -> impl IntoView {
    let OpenCell {
        place,
        field,
        focus,
        row,
        at,
        ..
    } = open;
    let kind = row.columns[at].column.kind;
    let wrapper = NodeRef::<leptos::html::Div>::new();
    let long = matches!(
        kind,
        ColumnKind::Text | ColumnKind::Json | ColumnKind::Array | ColumnKind::Other
    );
    let nullable = field.nullable();
    let null = move || {
        if nullable {
            field.set_null();
            commit(session, Next::Here);
        } else {
            field.wrong.set(Some("A value is needed.".to_owned()));
        }
    };
    let keyed = move |event: ev::KeyboardEvent| {
        // The grid has keys of its own.
        event.stop_propagation();
        let control = event.ctrl_key() || event.meta_key();
        let next = match (event.key().as_str(), event.shift_key()) {
            // The letter that an input method is still composing is no command.
            _ if event.is_composing() => return,
            ("Escape", _) => {
                event.prevent_default();
                close(session, Next::Here);
                return;
            }
            ("0", false) if control => {
                event.prevent_default();
                null();
                return;
            }
            ("Enter", true) | ("Enter", false)
                if long && (event.shift_key() || event.alt_key()) =>
            {
                new_line(&event, field);
                return;
            }
            ("Enter", true) => Next::Up,
            ("Enter", false) => Next::Down,
            ("Tab", true) => Next::Left,
            ("Tab", false) => Next::Right,
            _ => return,
        };
        event.prevent_default();
        commit(session, next);
    };
    let left = move |event: ev::FocusEvent| {
        let to = event
            .related_target()
            .and_then(|to| to.dyn_into::<web_sys::Node>().ok());
        // An editor that is being taken out of the page loses the focus as well.
        let Some(wrapper) = wrapper.try_get_untracked().flatten() else {
            return;
        };
        let inside = wrapper.contains(to.as_ref());
        // Another window in front is no reason to save.
        if !inside && document().has_focus().unwrap_or(true) {
            commit(session, Next::Elsewhere);
        }
    };
    // A press on what can't take the focus leaves it in the input.
    let pressed = |event: ev::MouseEvent| {
        event.stop_propagation();
        let element = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let takes = element.and_then(|element| element.closest("input, textarea, button").ok()?);
        if takes.is_none() {
            event.prevent_default();
        }
    };
    let name = row.columns[at].column.name.clone();
    let setting = Setting {
        id: INPUT.to_owned(),
        name: Some(name.clone()),
        focus,
        open: true,
        on_pick: Some(Callback::new(move |()| commit(session, Next::Here))),
    };
    // What others write while one edits is said, so that a conflict comes as no surprise.
    let cell = row.cells[at].clone();
    let meanwhile = move || {
        let now = cell.read().cell.clone();
        field.seen.read().as_ref().is_some_and(|seen| *seen != now)
    };
    let _ = place;
    view! {
        <div
            class="cell-editor"
            class:num=matches!(kind, ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float)
            role="group"
            aria-label=format!("Edit {name}")
            node_ref=wrapper
            on:keydown=keyed
            on:focusout=left
            on:mousedown=pressed
            on:pointerdown=|event| event.stop_propagation()
            on:dblclick=|event| event.stop_propagation()
            on:click=|event| event.stop_propagation()
            on:paste=|event| event.stop_propagation()
            on:copy=|event| event.stop_propagation()
        >
            <ValueInput field setting />
            <div class="cell-editor-bar" id=described(INPUT)>
                {changing(move || {
                    field
                        .wrong
                        .get()
                        .map(|wrong| view! { <span class="wrong" role="alert">{wrong}</span> })
                })}
                {changing(move || {
                    meanwhile()
                        .then(|| {
                            view! {
                                <span class="meanwhile" role="status">
                                    "Changed by someone else meanwhile"
                                </span>
                            }
                        })
                })}
                {nullable
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="null-button"
                                tabindex="-1"
                                title="Set to NULL (Ctrl+0)"
                                aria-keyshortcuts="Control+0"
                                on:mousedown=|event| event.prevent_default()
                                on:click=move |_| null()
                            >
                                "NULL"
                            </button>
                        }
                    })}
            </div>
        </div>
    }
    .made_here()
}

/// Puts a line end where the caret is.
fn new_line(event: &ev::KeyboardEvent, field: Field) {
    event.prevent_default();
    let Some(text) = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::HtmlTextAreaElement>().ok())
    else {
        return;
    };
    let start = text.selection_start().ok().flatten().unwrap_or(0);
    let end = text.selection_end().ok().flatten().unwrap_or(start);
    // Both are positions in the text.
    let _ = text.set_range_text_with_start_and_end("\n", start, end);
    let _ = text.set_selection_range(start + 1, start + 1);
    field.set_text(text.value());
}
