//! How wide columns are that the reader has made so, and where pinned ones stay.

use std::fmt::Write;

use leptos::{html, nonce::use_nonce, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::row_table::MOST_PINS;
use crate::{
    erased::{Erase, effect},
    grid::{GridState, surface::set_style},
};

/// Gives the table its columns' widths: as a style sheet where the server renders, for the
/// page's policy allows no styles in its elements, and on the elements in the browser.
#[component]
pub fn ColumnWidths(
    /// The table.
    table: NodeRef<html::Table>,
) -> impl IntoView {
    let grid = expect_context::<GridState>();
    let sheet = NodeRef::<html::Span>::new();
    let widths = Memo::new(move |_| Widths::new(grid));
    effect(move || {
        let widths = widths.get();
        let Some(table) = table.get() else { return };
        if let Ok(columns) = table.query_selector_all("col") {
            for at in 0..columns.length() {
                let column = columns
                    .item(at)
                    .and_then(|of| of.dyn_into::<HtmlElement>().ok());
                let Some(column) = column else { continue };
                // Before the columns stands the one of the boxes that choose rows.
                let width = (at as usize)
                    .checked_sub(1)
                    .and_then(|at| widths.columns.get(at));
                let width = width.copied().flatten();
                set_style(
                    &column,
                    "width",
                    &width.map(|width| format!("{width}px")).unwrap_or_default(),
                );
            }
        }
        for (at, left) in widths.pins.iter().enumerate() {
            set_style(&table, &format!("--pin-{}", at + 1), left);
        }
        // From here on the elements say it.
        if let Some(sheet) = sheet.get_untracked() {
            sheet.set_inner_html("");
        }
    });
    // Only what comes with the document is allowed to be a sheet.
    let text = if cfg!(feature = "hydrate") {
        String::new()
    } else {
        let nonce = use_nonce().map(|nonce| nonce.to_string());
        format!(
            "<style nonce=\"{}\">{}</style>",
            nonce.unwrap_or_default(),
            widths.with_untracked(Widths::sheet)
        )
    };
    view! { <span hidden node_ref=sheet inner_html=text></span> }.settled()
}

/// The widths that aren't as the columns' values ask for, and the places of pinned columns.
#[derive(Clone, Debug, PartialEq)]
struct Widths {
    columns: Vec<Option<u32>>,
    /// How far from the left each pinned column stays.
    pins: Vec<String>,
}

impl Widths {
    fn new(grid: GridState) -> Self {
        let (arranged, layout) = (grid.arranged.read(), grid.layout.read());
        let faces = grid.faces.read();
        let mut widths = Vec::new();
        let mut pins = Vec::new();
        let mut left = "var(--pick)".to_owned();
        for (nth, face) in arranged
            .order
            .iter()
            .filter_map(|at| faces.get(*at))
            .enumerate()
        {
            let width = layout
                .place(&face.shown.column.name)
                .and_then(|placed| placed.width);
            if nth < arranged.pins.min(MOST_PINS) {
                pins.push(format!("calc({left})"));
                left.push_str(" + ");
                match width {
                    Some(width) => {
                        let _ = write!(left, "{width}px");
                    }
                    None => left.push_str(&face.width.length()),
                }
            }
            widths.push(width);
        }
        Self {
            columns: widths,
            pins,
        }
    }

    fn sheet(&self) -> String {
        let mut out = String::new();
        for (at, width) in self.columns.iter().enumerate() {
            if let Some(width) = width {
                // Writing to a string can't fail.
                let _ = write!(out, ".grid col:nth-child({}){{width:{width}px}}", at + 2);
            }
        }
        for (at, left) in self.pins.iter().enumerate() {
            let _ = write!(out, ".grid{{--pin-{}:{left}}}", at + 1);
        }
        out
    }
}
