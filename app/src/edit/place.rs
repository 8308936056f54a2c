//! Where a cell stands in the document.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::Element;

use crate::{
    erased::effect,
    grid::{CellPlace, GridState},
};

/// The element of a cell, for as long as the cell has one: a row that is scrolled away from has
/// none, and another when it is scrolled back to.
pub fn element_of(grid: GridState, place: CellPlace) -> Signal<Option<Element>, LocalStorage> {
    let element = RwSignal::new_local(find(grid, &place));
    let look = {
        let place = place.clone();
        move || {
            // The page may have been left by now.
            let Some(known) = element.try_get_untracked() else {
                return;
            };
            let found = find(grid, &place);
            if known != found {
                element.set(found);
            }
        }
    };
    // Rows are put into the document after the list of them has changed.
    effect({
        let look = look.clone();
        move || {
            grid.shown.track();
            request_animation_frame(look.clone());
        }
    });
    // Scrolling changes which rows have elements. Its event does not rise from the element
    // that is scrolled, so it is caught on the way down.
    let scrolled = Closure::<dyn FnMut()>::new(move || request_animation_frame(look.clone()));
    let function = scrolled.as_ref().unchecked_ref();
    // The arguments are right, and nothing else can be wrong with it.
    let _ = document().add_event_listener_with_callback_and_bool("scroll", function, true);
    let scrolled = StoredValue::new_local(scrolled);
    on_cleanup(move || {
        scrolled.with_value(|scrolled| {
            let function = scrolled.as_ref().unchecked_ref();
            // As above.
            let _ =
                document().remove_event_listener_with_callback_and_bool("scroll", function, true);
        });
    });
    element.into()
}

/// The element of a cell now.
pub fn find(grid: GridState, place: &CellPlace) -> Option<Element> {
    let id = grid.row(&place.row)?.id;
    let row = document()
        .query_selector(&format!("tr[data-row=\"{id}\"]"))
        .ok()??;
    let cells = row.query_selector_all("td[data-column]").ok()?;
    // Names may hold any character, so they are compared, not written into a selector.
    (0..cells.length())
        .filter_map(|at| cells.item(at)?.dyn_into::<Element>().ok())
        .find(|cell| cell.get_attribute("data-column").as_ref() == Some(&place.column))
}
