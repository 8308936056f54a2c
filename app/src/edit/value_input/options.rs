//! What there is to choose from.

use rowcast_protocol::{
    Cell, Column, ColumnKind,
    query::{Filter, Operator, Query, Test},
    table::Reference,
};

use crate::edit::{api, clock::ReaderClock, draft};

/// The most rows of another table that are offered at once.
const OFFERED: u32 = 20;

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value's text, as a field takes it.
    pub value: String,
    /// What tells it from others, beside the value.
    pub about: String,
}

impl Choice {
    fn plain(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            about: String::new(),
        }
    }
}

/// The choices of a column that has the same for every row; `None` where they are rows of
/// another table.
pub fn fixed(column: &Column) -> Option<Vec<Choice>> {
    if column.references.is_some() {
        return None;
    }
    Some(match column.kind {
        ColumnKind::Boolean => vec![Choice::plain("true"), Choice::plain("false")],
        _ => column
            .labels
            .iter()
            .map(|label| Choice::plain(label))
            .collect(),
    })
}

/// Those whose text has every word of `typed` in it, any case. Those that begin with it come
/// first.
pub fn matching(choices: &[Choice], typed: &str) -> Vec<Choice> {
    let typed = typed.trim().to_lowercase();
    let fits = |choice: &&Choice| {
        let text = choice.value.to_lowercase();
        typed.split_whitespace().all(|word| text.contains(word))
    };
    let mut found: Vec<Choice> = choices.iter().filter(fits).cloned().collect();
    found.sort_by_key(|choice| !choice.value.to_lowercase().starts_with(&typed));
    found
}

/// The rows of the table that a column refers to which `typed` finds: by the value itself, or
/// by words in any text column.
pub async fn rows_of(
    column: &Column,
    reference: &Reference,
    typed: &str,
) -> Result<Vec<Choice>, api::Refusal> {
    let typed = typed.trim();
    let by_words = Query {
        search: (!typed.is_empty()).then(|| typed.to_owned()),
        ..Query::default()
    };
    let mut found = Vec::new();
    if may_be_value(column, typed) {
        let by_value = Query {
            filter: vec![Filter::Test(Test {
                column: reference.column.clone(),
                negated: false,
                operator: Operator::Eq(typed.to_owned()),
            })],
            ..Query::default()
        };
        // What is no value of the type after all finds none.
        if let Ok(choices) = ask(reference, &by_value).await {
            found = choices;
        }
    }
    for choice in ask(reference, &by_words).await? {
        if !found.contains(&choice) {
            found.push(choice);
        }
    }
    Ok(found)
}

/// Whether the text may be a value of the column: words are asked for as such only.
fn may_be_value(column: &Column, typed: &str) -> bool {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_hexdigit).count();
    match column.kind {
        _ if typed.is_empty() => false,
        ColumnKind::Uuid => digits(typed) == 32,
        _ => draft::read(typed, column, &ReaderClock).is_ok(),
    }
}

async fn ask(reference: &Reference, query: &Query) -> Result<Vec<Choice>, api::Refusal> {
    let query = format!("{}&limit={OFFERED}", query.to_query_string());
    let snapshot = api::rows(&reference.table, query.trim_start_matches('&')).await?;
    let position = |name: &str| snapshot.columns.iter().position(|of| of.name == name);
    let Some(value) = position(&reference.column) else {
        return Ok(Vec::new());
    };
    // What a person knows a row by is most often the first text in it.
    let about = snapshot
        .columns
        .iter()
        .enumerate()
        .filter(|(at, column)| *at != value && column.kind == ColumnKind::Text)
        .map(|(at, _)| at)
        .next();
    Ok(snapshot
        .rows
        .iter()
        .filter_map(|row| {
            Some(Choice {
                value: text(row.cells.get(value)?)?,
                about: about
                    .and_then(|at| text(row.cells.get(at)?))
                    .unwrap_or_default(),
            })
        })
        .collect())
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.to_string()),
        other => Some(other.to_json()),
    }
}
