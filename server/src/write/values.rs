//! A client's values, by column.

use std::collections::BTreeSet;

use rowcast_protocol::{ApiError, TableKind, cell::write_json_string};
use serde_json::value::RawValue;

use super::{object::Object, refusal::Refusal};
use crate::{
    database::catalog::{ColumnMeta, TableMeta},
    permission::Action,
};

/// JSON values of some of a table's columns, each column once.
#[derive(Clone, Debug, Default)]
pub struct Values(Vec<(usize, Box<RawValue>)>);

impl Values {
    /// The values of these columns, given by their positions.
    pub fn new(values: Vec<(usize, Box<RawValue>)>) -> Self {
        Self(values)
    }

    /// An object's values.
    ///
    /// # Errors
    /// `unknown_column`, naming all that the table does not have.
    pub fn bind(table: &TableMeta, object: &Object) -> Result<Self, Refusal> {
        let (mut values, mut unknown) = (Vec::with_capacity(object.0.len()), Vec::new());
        for (name, value) in &object.0 {
            match table.position(name) {
                Some(at) => values.push((at, value.clone())),
                None => unknown.push(name.clone()),
            }
        }
        if unknown.is_empty() {
            return Ok(Self(values));
        }
        Err(unknown_columns(table, unknown))
    }

    /// An object's values that are to be written.
    ///
    /// # Errors
    /// `unknown_column`; `generated_column`, naming all whose values are computed.
    pub fn bind_written(table: &TableMeta, object: &Object) -> Result<Self, Refusal> {
        let values = Self::bind(table, object)?;
        require_written(table, values.positions())?;
        Ok(values)
    }

    /// The values of a row that comes back: its identity is written as it was, and what the
    /// database computes is passed over, for it will compute the same.
    ///
    /// # Errors
    /// `unknown_column`.
    pub fn bind_restored(table: &TableMeta, object: &Object) -> Result<Self, Refusal> {
        let mut values = Self::bind(table, object)?;
        require_writable(table, &values.positions().collect::<Vec<_>>())?;
        values.0.retain(|(at, _)| {
            !table.table.columns[*at].generated || table.columns[*at].is_always_identity
        });
        Ok(values)
    }

    /// NULL in each of these columns, once: what stands for values of many rows where only
    /// their columns matter.
    pub fn of_columns(positions: impl Iterator<Item = usize>) -> Self {
        let distinct: BTreeSet<usize> = positions.collect();
        let nulls = distinct.into_iter().map(|at| (at, Box::default()));
        Self(nulls.collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The columns' positions.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|(at, _)| *at)
    }

    /// The positions and values.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &RawValue)> {
        self.0.iter().map(|(at, value)| (*at, &**value))
    }

    /// The values alone, as a JSON array.
    pub fn to_json_array(&self) -> String {
        let values: Vec<&str> = self.iter().map(|(_, value)| value.get()).collect();
        format!("[{}]", values.join(","))
    }

    /// The whole as a JSON object, each member named as [`name`] does.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (place, (at, value)) in self.0.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            json.push_str(&format!("\"{}\":", name(*at)));
            json.push_str(value.get());
        }
        json.push('}');
        json
    }
}

/// What a column is called in JSON and statements of ours: names of any length and content
/// need no escaping there.
pub fn name(column: usize) -> String {
    format!("c{column}")
}

/// Refuses to write columns that are computed.
///
/// # Errors
/// `generated_column`, naming all that are.
pub fn require_written(
    table: &TableMeta,
    positions: impl Iterator<Item = usize>,
) -> Result<(), Refusal> {
    let positions: Vec<usize> = positions.collect();
    require_writable(table, &positions)?;
    let generated: Vec<String> = positions
        .into_iter()
        .filter(|at| table.table.columns[*at].generated)
        .map(|at| table.columns[at].name.clone())
        .collect();
    if generated.is_empty() {
        return Ok(());
    }
    Err(generated_columns(generated))
}

/// Refuses to write columns that whoever writes may only read.
fn require_writable(table: &TableMeta, positions: &[usize]) -> Result<(), Refusal> {
    let read_only: Vec<String> = positions
        .iter()
        .filter(|at| table.is_read_only(**at))
        .map(|at| table.columns[*at].name.clone())
        .collect();
    if read_only.is_empty() {
        return Ok(());
    }
    let error = ApiError::new(
        "not_allowed",
        format!("{} may not be written by you", quoted(&read_only)),
        "leave it out",
    );
    Err(Refusal::of(error, read_only))
}

/// Refuses what may not be done with any row.
///
/// # Errors
/// `not_allowed`.
pub fn require_allowed(table: &TableMeta, action: Action) -> Result<(), Refusal> {
    if let Some(limits) = &table.limits {
        limits.written(action, &table.table.path())?;
    }
    Ok(())
}

/// That the database computes these columns.
pub fn generated_columns(columns: Vec<String>) -> Refusal {
    let verb = if columns.len() == 1 { "is" } else { "are" };
    let error = ApiError::new(
        "generated_column",
        format!("{} {verb} computed by the database", quoted(&columns)),
        "leave it out",
    );
    Refusal::of(error, columns)
}

/// That an update sets nothing.
pub fn nothing_set() -> Refusal {
    ApiError::new(
        "invalid_json",
        "\"set\" names no column",
        "name one at least",
    )
    .into()
}

fn unknown_columns(table: &TableMeta, columns: Vec<String>) -> Refusal {
    let described = table.described();
    let known = described.columns.iter().map(|column| &*column.name);
    let known: Vec<&str> = known.take(50).collect();
    let error = ApiError::new(
        "unknown_column",
        format!("the table has no column {}", quoted(&columns)),
        format!("it has {}", known.join(", ")),
    );
    Refusal::of(error, columns)
}

/// Names as a sentence has them: `"a", "b"`.
pub fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    names.join(", ")
}

/// The JSON of a value that is given as text, in an address or a file: text that PostgreSQL's
/// input function reads, except where the column holds JSON or what JSON is made of, and the
/// text is such.
pub fn from_text(column: &ColumnMeta, text: &str) -> Box<RawValue> {
    use rowcast_engine::datum::Codec;
    if matches!(column.codec, Codec::Json | Codec::Jsonb | Codec::JsonbOf)
        && let Ok(value) = RawValue::from_string(text.trim().to_owned())
    {
        return value;
    }
    text_value(text)
}

/// A JSON string.
pub fn text_value(text: &str) -> Box<RawValue> {
    let mut json = Vec::with_capacity(text.len() + 2);
    write_json_string(text, &mut json);
    let json = String::from_utf8_lossy(&json).into_owned();
    // A string that is escaped as JSON has it.
    RawValue::from_string(json).unwrap_or_default()
}

/// Refuses relations whose rows can't be told apart or that hold none of their own.
///
/// # Errors
/// `not_editable`.
pub fn require_key(table: &TableMeta) -> Result<(), Refusal> {
    require_rows(table)?;
    if table.has_key() {
        return Ok(());
    }
    Err(not_editable(
        table,
        "the table has no primary key, so one row can't be told from another",
        "give it a primary key, or a unique key over NOT NULL columns",
    ))
}

/// Refuses relations that hold no rows of their own, and ours.
///
/// # Errors
/// `not_editable`.
pub fn require_rows(table: &TableMeta) -> Result<(), Refusal> {
    let why = match table.table.kind {
        TableKind::View | TableKind::MaterializedView => "a view has no rows of its own",
        _ if table.is_ours() => "the schema rowcast is not for writing into",
        TableKind::Table | TableKind::ForeignTable => return Ok(()),
    };
    Err(not_editable(table, why, "write into the tables under it"))
}

/// That nothing can be written there.
pub fn not_editable(table: &TableMeta, why: &str, hint: &str) -> Refusal {
    ApiError::new(
        "not_editable",
        format!("{} can't be edited: {why}", table.table.path()),
        hint,
    )
    .into()
}

/// The database does not let whoever writes do that: as the one under whose role it is asked, or as
/// the server.
pub fn secured(table: &TableMeta, why: &str) -> Refusal {
    match table.rules {
        Some(_) => ApiError::new("not_allowed", why, "").into(),
        None => not_editable(table, why, ""),
    }
}
