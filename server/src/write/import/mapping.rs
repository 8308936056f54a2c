//! Which field of a file is for which column.

use rowcast_engine::datum::Codec;
use rowcast_protocol::ApiError;
use serde_json::value::RawValue;

use super::{Fault, File, Record};
use crate::{
    database::catalog::{ColumnMeta, TableMeta},
    write::{
        refusal::Refusal,
        values::{Values, from_text, quoted, require_written},
    },
};

/// What is wrong with a name that is of a column that another one is of.
const TWICE: &str = "another field is for this column already";

/// Fields by column.
#[derive(Debug)]
pub struct Mapping {
    /// For each field the column's position; `None` if it is for none.
    fields: Vec<Option<usize>>,
    /// Names of the file that are no columns that can be written, or that are of one another
    /// is of, on its first line.
    pub faults: Vec<Fault>,
}

impl Mapping {
    /// By what the request says; where it says nothing, by the names in the file.
    ///
    /// # Errors
    /// `unknown_column` and `generated_column` of what the request says; `invalid_columns` if
    /// it does not fit the file, or names a column twice.
    pub fn new(
        table: &TableMeta,
        file: &File<'_>,
        columns: Option<&[String]>,
    ) -> Result<Self, Refusal> {
        match columns {
            Some(columns) => Self::said(table, file, columns),
            None => Ok(Self::found(table, file)),
        }
    }

    fn said(table: &TableMeta, file: &File<'_>, columns: &[String]) -> Result<Self, Refusal> {
        if columns.len() != file.width() {
            return Err(invalid(format!(
                "columns names {} columns, and the file has {} fields in a row",
                columns.len(),
                file.width()
            )));
        }
        let mut fields = Vec::with_capacity(columns.len());
        for name in columns {
            fields.push(match table.position(name) {
                Some(at) => Some(at),
                None if name.is_empty() => None,
                None => return Err(unknown(vec![name.clone()])),
            });
        }
        require_written(table, fields.iter().flatten().copied())?;
        let mut seen: Vec<usize> = fields.iter().flatten().copied().collect();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = &table.columns[twice[0]].name;
            return Err(invalid(format!("\"{name}\" is given twice")));
        }
        let mapping = Self {
            fields,
            faults: Vec::new(),
        };
        if mapping.is_empty() {
            return Err(invalid("columns names no column".to_owned()));
        }
        Ok(mapping)
    }

    fn found(table: &TableMeta, file: &File<'_>) -> Self {
        let mut faults = Vec::new();
        let mut fault = |name: &String, message: &str| {
            faults.push(Fault {
                line: 1,
                column: Some(name.clone()),
                message: message.to_owned(),
            });
            None
        };
        let Some(header) = file.header() else {
            return Self {
                fields: vec![None; file.width()],
                faults,
            };
        };
        let mut fields: Vec<Option<usize>> = Vec::with_capacity(header.len());
        for name in header {
            let field = match column_of(table, name) {
                Some(at) if table.table.columns[at].generated => {
                    fault(name, "the database computes this column")
                }
                Some(at) if table.is_read_only(at) => fault(name, "you may not write this column"),
                Some(at) if fields.contains(&Some(at)) => fault(name, TWICE),
                Some(at) => Some(at),
                None => fault(name, "the table has no such column"),
            };
            fields.push(field);
        }
        Self { fields, faults }
    }

    /// Whether no field is for any column.
    pub fn is_empty(&self) -> bool {
        self.fields.iter().all(Option::is_none)
    }

    /// Refuses to insert a file of which a column was not understood.
    ///
    /// # Errors
    /// `unknown_column`, `invalid_columns`.
    pub fn require_whole(&self) -> Result<(), Refusal> {
        if !self.faults.is_empty() {
            let names = self.faults.iter().flat_map(|fault| fault.column.clone());
            let twice = self.faults.iter().find(|fault| fault.message == TWICE);
            return Err(match twice.and_then(|fault| fault.column.as_deref()) {
                Some(name) => invalid(format!("\"{name}\" is given twice")),
                None => unknown(names.collect()),
            });
        }
        if self.is_empty() {
            return Err(invalid("the file does not name its columns".to_owned()));
        }
        Ok(())
    }

    /// The columns' positions, in the order of the fields.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.fields.iter().flatten().copied()
    }

    /// A row's values by column.
    ///
    /// # Errors
    /// What is for a column of JSON and is none.
    pub fn values(&self, table: &TableMeta, record: Record) -> Result<Values, Fault> {
        let mut values = Vec::with_capacity(self.fields.len());
        for (field, column) in record.fields.into_iter().zip(&self.fields) {
            let Some(at) = *column else { continue };
            let column = &table.columns[at];
            let Some(value) = value(column, field) else {
                return Err(Fault {
                    line: record.line,
                    column: Some(column.name.clone()),
                    message: format!("\"{}\" takes JSON", column.name),
                });
            };
            values.push((at, value));
        }
        Ok(Values::new(values))
    }
}

/// The JSON of a field; `None` if it should be JSON and is none.
fn value(column: &ColumnMeta, field: Option<String>) -> Option<Box<RawValue>> {
    let Some(field) = field else {
        return Some(Box::default());
    };
    match column.codec {
        // In an address it may be text; in a file it is as it was exported.
        Codec::Json | Codec::Jsonb => RawValue::from_string(field.trim().to_owned()).ok(),
        _ => Some(from_text(column, &field)),
    }
}

/// The column of that name, or else the only one of that name in another case.
fn column_of(table: &TableMeta, name: &str) -> Option<usize> {
    let name = name.trim();
    if let Some(at) = table.position(name) {
        return Some(at);
    }
    let lower = name.to_lowercase();
    let mut alike = (0..table.columns.len())
        .filter(|at| !table.is_hidden(*at) && table.columns[*at].name.to_lowercase() == lower);
    let found = alike.next()?;
    alike.next().is_none().then_some(found)
}

fn unknown(names: Vec<String>) -> Refusal {
    let error = ApiError::new(
        "unknown_column",
        format!(
            "the table has no column {} that can be written",
            quoted(&names)
        ),
        "columns=a,,c says which column each field is for; an empty name is for none",
    );
    Refusal::of(error, names)
}

fn invalid(message: String) -> Refusal {
    ApiError::new(
        "invalid_columns",
        message,
        "columns=a,,c says which column each field is for; an empty name is for none",
    )
    .into()
}
