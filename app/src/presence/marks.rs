//! The cells that others are in.

use leptos::prelude::*;
use send_wrapper::SendWrapper;
use web_sys::HtmlElement;

use super::person::Person;
use crate::{
    erased::effect,
    grid::{CellPlace, GridState},
};

/// What a cell is marked with.
#[derive(Clone, PartialEq, Eq)]
struct Mark {
    /// Whose colour.
    colour: u32,
    /// Who is there, briefly.
    names: String,
    /// Who is there, and what they do.
    title: String,
    editing: bool,
}

/// Marks the cells that others are in. What marks them is drawn by the style sheet from the
/// cell's attributes, so nothing moves and no value changes.
pub fn mark(grid: GridState, people: Memo<Vec<Person>>) {
    let marked = StoredValue::new(Vec::<SendWrapper<HtmlElement>>::new());
    effect(move || {
        // Rows come into the document and leave it.
        grid.painted.track();
        let mut next: Vec<(HtmlElement, Mark)> = Vec::new();
        for (place, mark) in marks(&people.read()) {
            if let Some(cell) = grid.cell_element(&place) {
                next.push((cell, mark));
            }
        }
        marked.update_value(|marked| {
            for cell in marked.drain(..) {
                if !next.iter().any(|(now, _)| *now == *cell) {
                    paint(&cell, None);
                }
            }
            for (cell, mark) in next {
                paint(&cell, Some(&mark));
                marked.push(SendWrapper::new(cell));
            }
        });
    });
}

/// One mark for each cell that somebody is in, in the colour of whoever edits it, or else of
/// the first.
fn marks(people: &[Person]) -> Vec<(CellPlace, Mark)> {
    let mut marks: Vec<(CellPlace, Mark)> = Vec::new();
    for person in people {
        let Some(place) = person.place() else {
            continue;
        };
        let does = if person.editing {
            "is editing"
        } else {
            "is here"
        };
        let title = format!("{} {does}", person.called());
        match marks.iter_mut().find(|(of, _)| *of == place) {
            None => marks.push((
                place,
                Mark {
                    colour: person.colour(),
                    names: person.called().to_owned(),
                    title,
                    editing: person.editing,
                },
            )),
            Some((_, mark)) => {
                mark.names = format!("{}, {}", mark.names, person.called());
                mark.title = format!("{}, {title}", mark.title);
                if person.editing && !mark.editing {
                    mark.colour = person.colour();
                    mark.editing = true;
                }
            }
        }
    }
    marks
}

fn paint(cell: &HtmlElement, mark: Option<&Mark>) {
    let colour = mark.map(|mark| mark.colour.to_string());
    for (name, value) in [
        ("data-person", colour.as_deref()),
        ("data-who", mark.map(|mark| &*mark.names)),
        ("data-editing", mark.filter(|mark| mark.editing).map(|_| "")),
        ("title", mark.map(|mark| &*mark.title)),
    ] {
        if cell.get_attribute(name).as_deref() == value {
            continue;
        }
        // Only names that no attribute can have are refused.
        let _ = match value {
            Some(value) => cell.set_attribute(name, value),
            None => cell.remove_attribute(name),
        };
    }
}
