//! Rows, heads and values.

use std::sync::Arc;

use leptos::prelude::*;
use rowcast_protocol::{Cell, Column, ColumnKind, table::Reference};

use super::{gallery, specimen};
use crate::{
    components::{cell::CellView, icon},
    erased::{Erase, Erased},
    format::{Shape, width::Width},
    live::rows::{LiveCell, ShownColumn, write},
};

/// The grid, close together and not, and every kind of value.
pub fn view() -> Erased {
    let parts = [grid("comfortable"), grid("compact"), values(), badges()];
    parts.into_iter().collect::<Vec<_>>().erased()
}

/// A table with rows in every state.
fn grid(density: &'static str) -> Erased {
    let rows = [
        ("", "a row", "Buy milk", "open", 0),
        ("chosen", "chosen", "Call Ann", "paid", 0),
        ("entered", "has just come", "Water plants", "open", 0),
        (
            "gone",
            "has left, until the list is let go",
            "Sweep",
            "shipped",
            0,
        ),
        ("", "a value that has just changed", "Bake bread", "paid", 1),
    ];
    let rows = rows.map(|(class, state, title, status, mark)| {
        view! {
            <tr class=class>
                {cell(title_column(), Cell::text(title), mark)}
                {cell(status_column(), Cell::text(status), 0)}
                {cell(column("about", ColumnKind::Text), Cell::text(state), 0)}
            </tr>
        }
    });
    view! {
        <figure class="specimen wide">
            <div class="rows sample" data-density=density>
                <table class="grid" aria-label=format!("A {density} table")>
                    <thead>
                        <tr>
                            <th scope="col" class="txt" aria-sort="ascending">
                                <span class="head">
                                    <span class="kind k-text" aria-hidden="true"></span>
                                    <span class="name">"title"</span>
                                    <span class="order up" aria-hidden="true"></span>
                                </span>
                            </th>
                            <th scope="col" class="txt">
                                <span class="head">
                                    <span class="kind k-enum" aria-hidden="true"></span>
                                    <span class="name">"status"</span>
                                </span>
                            </th>
                            <th scope="col" class="txt">
                                <span class="head">
                                    <span class="name">"state"</span>
                                </span>
                            </th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                    <tfoot>
                        <tr>
                            <td>
                                <span class="figure">
                                    <span class="label">"Count"</span>
                                    <span class="value">"5"</span>
                                </span>
                            </td>
                            <td></td>
                            <td></td>
                        </tr>
                    </tfoot>
                </table>
            </div>
            <figcaption>
                <strong>{if density == "compact" { "Compact rows" } else { "Rows" }}</strong>
                {if density == "compact" {
                    " as many as can be told apart."
                } else {
                    " with room to read and to touch."
                }}
            </figcaption>
        </figure>
    }
    .erased()
}

fn values() -> Erased {
    let reference = Column {
        references: Some(Reference {
            table: "people".to_owned(),
            column: "id".to_owned(),
        }),
        ..column("assignee", ColumnKind::Integer)
    };
    let saving = ArcRwSignal::new(live(Cell::text("Buy milk"), 0));
    write(&saving, Cell::text("Buy oat milk"));
    let text = |kind, value: &str| cell(column("value", kind), Cell::text(value), 0);
    let number = |value: &str| {
        cell(
            column("value", ColumnKind::Numeric),
            Cell::Number(value.into()),
            0,
        )
    };
    let flag = |on| cell(column("value", ColumnKind::Boolean), Cell::Bool(on), 0);
    let all = [
        (
            "Text",
            "cut off where the column ends; whole under the pointer.",
            text(ColumnKind::Text, "Buy milk"),
        ),
        ("Number", "every digit, on the right.", number("1234.50")),
        (
            "NULL",
            "no value. It looks like no text.",
            cell(column("value", ColumnKind::Text), Cell::Null, 0),
        ),
        (
            "Empty",
            "a text without letters, which NULL is not.",
            text(ColumnKind::Text, ""),
        ),
        ("Yes", "true.", flag(true)),
        ("No", "false.", flag(false)),
        (
            "Time",
            "the reader’s own; exact under the pointer.",
            text(ColumnKind::TimestampTz, "2026-03-02T11:30:00+00:00"),
        ),
        (
            "JSON",
            "and bytes and ids: in the face of code.",
            text(ColumnKind::Json, "{\"a\":[1,2]}"),
        ),
        (
            "Reference",
            "leads to the row it names.",
            cell(reference, Cell::integer(7), 0),
        ),
        (
            "Changed",
            "has just changed; the mark goes by itself.",
            cell(column("value", ColumnKind::Text), Cell::text("Buy milk"), 1),
        ),
        (
            "Saving",
            "written by the reader, not in the database yet.",
            view! { <CellView cell=saving shown=shown(title_column()) format=None /> }.erased(),
        ),
    ];
    let all = all
        .into_iter()
        .map(|(name, when, cell)| specimen(name, when, boxed(cell)));
    gallery("Values", all.collect())
}

fn badges() -> Erased {
    let labels = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth",
    ];
    let badges = labels.iter().enumerate().map(|(at, label)| {
        view! { <span class=format!("badge b{at}")>{*label}</span> " " }
    });
    let badges = view! { <p class="badges">{badges.collect_view()}</p> };
    gallery(
        "Badges",
        vec![
            specimen(
                "Badge",
                "a value of which there are a few; the colour is its place among them.",
                badges,
            ),
            specimen(
                "Live",
                "follows the database.",
                view! { <span class="live-mark"><span class="dot" aria-hidden="true"></span> "live"</span> },
            ),
            specimen(
                "Menu of a head",
                "under the pointer and in focus.",
                view! { <button type="button" class="button">{icon::down()} "Menu"</button> },
            ),
        ],
    )
}

/// A cell in a table of its own.
fn boxed(cell: Erased) -> Erased {
    view! {
        <table class="grid one">
            <tbody>
                <tr>{cell}</tr>
            </tbody>
        </table>
    }
    .erased()
}

fn cell(column: Column, value: Cell, mark: u32) -> Erased {
    let cell = ArcRwSignal::new(live(value, mark));
    view! { <CellView cell shown=shown(column) format=None /> }.erased()
}

fn live(cell: Cell, mark: u32) -> LiveCell {
    LiveCell {
        cell,
        mark,
        edit: None,
    }
}

fn shown(column: Column) -> Arc<ShownColumn> {
    Arc::new(ShownColumn {
        shape: Shape::of(&column),
        width: Width::new(&column, &column.name, None, &[]),
        key: false,
        column,
    })
}

fn title_column() -> Column {
    column("title", ColumnKind::Text)
}

fn status_column() -> Column {
    let labels = ["open", "paid", "shipped"];
    Column {
        labels: labels.map(str::to_owned).to_vec(),
        ..column("status", ColumnKind::Enum)
    }
}

fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.to_owned(),
        type_name: "text".to_owned(),
        kind,
        nullable: true,
        has_default: false,
        generated: false,
        labels: Vec::new(),
        references: None,
        comment: None,
    }
}
