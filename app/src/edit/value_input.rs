//! The input that fits a column.

mod choice;
mod options;
mod text;
mod time;

use leptos::prelude::*;
use rowcast_protocol::ColumnKind;

use super::field::Field;
use crate::erased::{Erase, effect};
use choice::ChoiceInput;
use text::{LineInput, TextInput};
use time::TimeInput;

/// What an input needs beside its field.
#[derive(Clone)]
pub struct Setting {
    /// Its element's id, which a label and a description refer to.
    pub id: String,
    /// Its name, where no label is in sight.
    pub name: Option<String>,
    /// Whether it takes the focus when it appears.
    pub focus: Focus,
    /// Whether its list of choices stands open from the beginning.
    pub open: bool,
    /// Called when a choice was picked with the pointer.
    pub on_pick: Option<Callback<()>>,
}

/// Whether an input takes the focus when it appears, and what is chosen in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// It doesn't.
    No,
    /// It does, and all of its text is chosen: what is typed replaces it.
    All,
    /// It does, behind its text.
    End,
}

/// The input that fits a field's column.
#[component]
pub fn ValueInput(
    /// What is edited.
    field: Field,
    /// How.
    setting: Setting,
) -> impl IntoView {
    let (kind, refers) = field
        .column
        .with_value(|column| (column.kind, column.references.is_some()));
    match kind {
        _ if refers => view! { <ChoiceInput field setting /> }.made_here(),
        ColumnKind::Boolean | ColumnKind::Enum => {
            view! { <ChoiceInput field setting /> }.made_here()
        }
        ColumnKind::Text | ColumnKind::Json | ColumnKind::Array | ColumnKind::Other => {
            view! { <TextInput field setting /> }.made_here()
        }
        ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::TimestampTz => {
            view! { <TimeInput field setting kind /> }.made_here()
        }
        ColumnKind::Integer
        | ColumnKind::Numeric
        | ColumnKind::Float
        | ColumnKind::Bytes
        | ColumnKind::Time
        | ColumnKind::Interval
        | ColumnKind::Uuid => view! { <LineInput field setting kind /> }.made_here(),
    }
}

/// Takes the choice that Enter would, where a column's values are a few and one was typed for.
pub fn choose_typed(field: Field) {
    let choices = field.column.with_value(options::fixed).unwrap_or_default();
    let text = field.text.get_untracked();
    let found = options::matching(&choices, &text);
    let known = found.iter().find(|choice| choice.value == text);
    if let Some(choice) = known.or(found.first()) {
        field.set_text(choice.value.clone());
    }
}

/// The id of what is said about an input.
pub fn described(id: &str) -> String {
    format!("{id}-about")
}

/// What an input that is empty says: that it is NULL, or that it will be the default.
fn placeholder(field: Field) -> impl Fn() -> &'static str {
    let new = field.seen.read_untracked().is_none();
    let default = new && field.column.with_value(|column| column.has_default);
    move || match (field.null.get(), default && !field.touched.get()) {
        (true, _) => "NULL",
        (false, true) => "default",
        (false, false) => "",
    }
}

/// Gives the focus to an input that has appeared.
fn focus_when_there<E>(input: NodeRef<E>, focus: Focus)
where
    E: leptos::html::ElementType,
    E::Output: wasm_bindgen::JsCast + Clone + 'static,
{
    if focus == Focus::No {
        return;
    }
    effect(move || {
        use wasm_bindgen::JsCast;
        let Some(element) = input.get() else { return };
        // It is in the document only after whatever shows it is done.
        request_animation_frame(move || {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            let element: &web_sys::HtmlElement = element.unchecked_ref();
            // An element that has gone already can't take it.
            let _ = element.focus_with_options(&options);
            if let Some(line) = element.dyn_ref::<web_sys::HtmlInputElement>() {
                select_line(line, focus);
            } else if let Some(text) = element.dyn_ref::<web_sys::HtmlTextAreaElement>() {
                select_text(text, focus);
            }
        });
    });
}

fn select_line(line: &web_sys::HtmlInputElement, focus: Focus) {
    if focus == Focus::All {
        line.select();
    } else {
        let end = u32::try_from(line.value().encode_utf16().count()).unwrap_or(u32::MAX);
        // Inputs of some types have no caret to place.
        let _ = line.set_selection_range(end, end);
    }
}

fn select_text(text: &web_sys::HtmlTextAreaElement, focus: Focus) {
    if focus == Focus::All {
        text.select();
    } else {
        let end = u32::try_from(text.value().encode_utf16().count()).unwrap_or(u32::MAX);
        // A text area always has a caret.
        let _ = text.set_selection_range(end, end);
    }
}
