//! A value that was refused, said at its cell.

use leptos::{portal::Portal, prelude::*};

use super::{cell_editor, place, session::Session};
use crate::{
    components::icon,
    erased::{Erase, changing},
    grid::CellPlace,
};

/// What was refused last.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The cell.
    pub place: CellPlace,
    /// What was written.
    pub text: String,
    /// Why it was refused.
    pub why: String,
}

impl Session {
    /// Says at a cell why it doesn't take what was written.
    pub fn refuse(self, place: CellPlace, text: String, why: String) {
        // Where the cell is out of sight, it is said at the page's edge.
        if place::find(self.grid, &place).is_none() {
            self.say(format!("{}: {why}", place.column));
        }
        self.refused.set(Some(Refused { place, text, why }));
    }
}

/// The note at the cell, which offers to go on with what was written.
#[component]
pub fn RefusedNote(session: Session) -> impl IntoView {
    changing(move || {
        session.refused.get().map(|refused| {
            let element = place::element_of(session.grid, refused.place.clone());
            let refused = StoredValue::new(refused);
            move || {
                element.get().map(|cell| {
                    view! {
                        <Portal mount=cell>
                            <Note session refused=refused.get_value() />
                        </Portal>
                    }
                })
            }
        })
    })
}

#[component]
fn Note(session: Session, refused: Refused) -> impl IntoView {
    let Refused { place, why, .. } = refused;
    let again = move |_| cell_editor::edit(session, place.clone(), None);
    view! {
        <div
            class="cell-note"
            on:keydown=|event| event.stop_propagation()
            on:mousedown=|event| event.stop_propagation()
            on:pointerdown=|event| event.stop_propagation()
            on:click=|event| event.stop_propagation()
            on:dblclick=|event| event.stop_propagation()
        >
            <p role="alert">{icon::warning()} <span>{why}</span></p>
            <span class="actions">
                <button type="button" class="button" on:click=again>
                    "Edit again"
                </button>
                <button
                    type="button"
                    class="button"
                    on:click=move |_| session.refused.set(None)
                >
                    "Leave it"
                </button>
            </span>
        </div>
    }
    .made_here()
}
