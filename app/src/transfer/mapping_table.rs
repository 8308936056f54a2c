//! The first rows of a file, under the columns that its fields are for.

use leptos::prelude::*;

use super::{import::Import, mapping::with};
use crate::erased::{Erase, changing};

/// How many rows are shown.
const ROWS: usize = 5;

/// The table, once a file was looked at.
#[component]
pub fn MappingTable(import: Import) -> impl IntoView {
    changing(move || {
        let looked = import.looked.get()?;
        let names = looked.columns.into_iter().enumerate();
        let heads = names.map(|(field, name)| view! { <Field import field name /> });
        let heads = heads.collect_view();
        let rows = looked.preview.into_iter().take(ROWS).map(|row| {
            let cell = |(field, value): (usize, Option<String>)| {
                let skipped = move || {
                    let mapping = import.mapping.read();
                    mapping.get(field).is_none_or(Option::is_none)
                };
                view! { <td class:skipped=skipped>{value.unwrap_or_default()}</td> }
            };
            let cells = row.into_iter().enumerate().map(cell).collect_view();
            view! { <tr>{cells}</tr> }
        });
        let rows = rows.collect_view();
        Some(view! {
            <div class="mapping" role="region" aria-label="Columns of the file" tabindex="0">
                <table>
                    <thead>
                        <tr>{heads}</tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        })
    })
}

/// What a field is called, and the column that it is for.
#[component]
fn Field(import: Import, field: usize, name: String) -> impl IntoView {
    let now = move || import.mapping.read().get(field).cloned().flatten();
    let options = import.columns.with_value(|columns| {
        let option = |column: &rowcast_protocol::Column| {
            let name = column.name.clone();
            let chosen = {
                let name = name.clone();
                move || now().as_ref() == Some(&name)
            };
            view! {
                <option value=name prop:selected=chosen>
                    {column.name.clone()}
                </option>
            }
        };
        columns.iter().map(option).collect_view()
    });
    let choose = move |event| {
        let column = Some(event_target_value(&event)).filter(|name| !name.is_empty());
        import
            .mapping
            .update(|mapping| *mapping = with(mapping, field, column));
        import.remapped();
    };
    view! {
        <th scope="col">
            <span class="name">{name.clone()}</span>
            <select aria-label=format!("Column for {name}") on:change=choose>
                <option value="" prop:selected=move || now().is_none()>
                    "Skip"
                </option>
                {options}
            </select>
        </th>
    }
    .made_here()
}
