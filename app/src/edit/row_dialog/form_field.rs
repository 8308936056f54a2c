//! One column in the row's dialog.

use leptos::prelude::*;
use rowcast_protocol::Cell;

use super::followed::Followed;
use crate::{
    edit::{
        field::Field,
        session::Session,
        value_input::{Focus, Setting, ValueInput, described},
    },
    erased::{Erase, changing},
    grid::Face,
};

/// The id of the input of the column at that position.
pub fn id(at: usize) -> String {
    format!("field-{at}")
}

/// A column's name, its input, and what is to be said of it.
#[component]
pub fn FormField(
    session: Session,
    field: Field,
    at: usize,
    writable: bool,
    followed: Option<Followed>,
) -> impl IntoView {
    let column = field.column.get_value();
    let id = id(at);
    let new = followed.is_none();
    let required = new && writable && !column.nullable && !column.has_default;
    let key = session
        .view
        .table
        .with_value(|table| table.key.contains(&column.name));
    // As the reader has named and described it.
    let grid = session.grid;
    let label = untrack(|| grid.label(&column.name));
    let face = untrack(|| grid.face(&column.name));
    let description = face.as_ref().and_then(Face::description);
    let description = description
        .or(column.comment.as_deref())
        .unwrap_or_default();
    let is_kept_back = session
        .view
        .table
        .with_value(|table| table.may.read_only.contains(&column.name));
    let fact = if column.generated {
        "Computed by the database"
    } else if new && column.has_default {
        "Left alone, the database fills it in"
    } else if is_kept_back {
        "Not yours to change"
    } else {
        ""
    };
    let parts = [description, fact];
    let parts: Vec<&str> = parts.into_iter().filter(|of| !of.is_empty()).collect();
    let about = parts.join(" · ");
    // What others write into a field that the reader has touched is said.
    let meanwhile = {
        let name = column.name.clone();
        move || {
            let now = followed.as_ref()?.stored(&name)?;
            let differs = field.touched.get() && field.seen.read().as_ref() != Some(&now);
            differs.then(|| match now {
                Cell::Null => "Someone else has set it to NULL meanwhile".to_owned(),
                Cell::Text(text) => format!("Someone else has changed it to “{text}” meanwhile"),
                other => format!(
                    "Someone else has changed it to {} meanwhile",
                    other.to_json()
                ),
            })
        }
    };
    let setting = Setting {
        id: id.clone(),
        name: None,
        focus: if at == 0 { Focus::End } else { Focus::No },
        open: false,
        on_pick: None,
    };
    let input = if writable {
        view! { <ValueInput field setting /> }.made_here()
    } else {
        let text = move || {
            if field.null.get() {
                "NULL".to_owned()
            } else {
                field.text.get()
            }
        };
        view! {
            <output id=id.clone() class="computed">
                {changing(text)}
            </output>
        }
        .made_here()
    };
    let null = (writable && column.nullable).then(|| {
        let name = label.clone();
        view! {
            <button
                type="button"
                class="null-button"
                aria-label=format!("Set {name} to NULL")
                aria-pressed=move || field.null.get().to_string()
                on:click=move |_| field.set_null()
            >
                "NULL"
            </button>
        }
    });
    let nullable = column.nullable;
    view! {
        <div
            class="form-field"
            class:invalid=move || field.wrong.read().is_some()
            on:keydown=move |event| {
                if writable && nullable && event.key() == "0" && (event.ctrl_key() || event.meta_key()) {
                    event.prevent_default();
                    field.set_null();
                }
            }
        >
            <div class="form-label">
                <label for=id.clone()>{label.clone()}</label>
                {required
                    .then(|| {
                        view! {
                            <span class="required" title="Required">
                                "required"
                            </span>
                        }
                    })}
                {key.then(|| view! { <span class="type">"key"</span> })}
                <span class="type">{column.type_name.clone()}</span>
            </div>
            <div class="form-input">{input} {null}</div>
            <p class="about" id=described(&id)>
                {changing(move || match (field.wrong.get(), meanwhile()) {
                    (Some(wrong), _) => view! { <span class="wrong">{wrong}</span> }.made_here(),
                    (None, Some(text)) => view! { <span class="meanwhile">{text}</span> }.made_here(),
                    (None, None) => about.clone().made_here(),
                })}
            </p>
        </div>
    }
    .made_here()
}
