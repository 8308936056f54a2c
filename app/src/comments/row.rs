//! The row that a thread is about, on the page of the thread: as it is now, as long as it is seen.

use leptos::prelude::*;
use rowcast_protocol::{Cell, Column};
use web_sys::Element;

use super::LONGEST_VALUE;
use crate::{
    erased::effect,
    live::live_list::{LiveList, follow_list},
};

/// It, as the page was sent with it.
#[derive(Clone, Debug)]
pub struct ShownRow {
    /// The query of the table that it alone matches.
    pub query: String,
    /// What it is called.
    pub name: String,
}

impl ShownRow {
    /// Keeps what is shown of it as it is in the table of this name. Of a table that is not live
    /// nothing more is known than what was sent.
    pub fn follow(self, table: &str) -> FollowedRow {
        let Self { query, name } = self;
        let followed = follow_list(
            table.to_owned(),
            Memo::new(move |_| format!("{query}&limit=1")),
        );
        let is_gone = Memo::new(move |_| followed.arrived.get() && followed.rows.read().is_empty());
        effect(move || {
            if !followed.arrived.get() {
                return;
            }
            match is_gone.get() {
                true => hide_row(),
                false => show_row(followed, &name),
            }
        });
        FollowedRow { followed, is_gone }
    }
}

/// It, as it is now.
#[derive(Clone, Copy)]
pub struct FollowedRow {
    followed: LiveList,
    is_gone: Memo<bool>,
}

impl FollowedRow {
    /// Whether it is not there any more, for whoever reads the page.
    pub fn is_gone(self) -> bool {
        self.is_gone.get()
    }

    /// Asks for it once more, if nothing is heard of it.
    pub fn ask_again(self) {
        // The page may have gone meanwhile.
        let has_failed = self.followed.error.try_read_untracked();
        if has_failed.is_some_and(|error| error.is_some()) {
            self.followed.asked.update(|asked| *asked += 1);
        }
    }
}

/// Takes a row's values off the page of its thread: who reads it does not see them any more.
pub fn hide_row() {
    if let Some(values) = found(".thread-page .row-values") {
        values.set_text_content(None);
    }
    if let Some(name) = found(".thread-page #row") {
        name.set_text_content(Some("A row"));
    }
}

fn show_row(followed: LiveList, name: &str) {
    let (rows, columns) = (followed.rows.read(), followed.columns.read());
    let (Some(row), Some(values)) = (rows.first(), found(".thread-page .row-values")) else {
        return;
    };
    values.set_text_content(None);
    for (column, cell) in columns.iter().zip(&row.cells) {
        if let Some(line) = line(column, cell) {
            // It stands in the document, which takes what is made there.
            let _ = values.append_child(&line);
        }
    }
    if let Some(heading) = found(".thread-page #row") {
        heading.set_text_content(Some(name));
    }
}

fn line(column: &Column, cell: &Cell) -> Option<Element> {
    let made = |tag: &str, text: &str| {
        let element = document().create_element(tag).ok()?;
        element.set_text_content(Some(text));
        Some(element)
    };
    let (line, name, value) = (
        made("div", "")?,
        made("dt", &column.name)?,
        made("dd", &shown(cell))?,
    );
    value.set_attribute("dir", "auto").ok()?;
    line.append_child(&name).ok()?;
    line.append_child(&value).ok()?;
    Some(line)
}

/// A value as the server sends it with the page.
fn shown(cell: &Cell) -> String {
    let value = match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.to_string(),
        other => other.to_json(),
    };
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    }
}

fn found(selector: &str) -> Option<Element> {
    document().query_selector(selector).ok().flatten()
}
