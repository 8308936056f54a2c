//! Inserting the rows of a CSV file, all or none.

mod file;
mod mapping;

use std::sync::Arc;

use rowcast_protocol::ApiError;
use serde::Serialize;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub use self::{
    file::{File, Record},
    mapping::Mapping,
};
use super::{
    attempt::{Failure, Work},
    author::Author,
    blame,
    change::ReadAs,
    explain::{self, is_about_values},
    permitted::returned,
    refusal::{About, Refusal},
    statement::{definitions, insert_into},
    values::{Values, name, require_allowed, require_rows},
};
use crate::{
    audit::Entry,
    database::{
        catalog::TableMeta,
        impersonation::{fetch_as, take_on},
    },
    permission::Action,
    query::sql::Params,
};

/// How many faults are told of one file.
pub const FAULTS: usize = 100;

/// How many rows are shown of it beforehand.
const PREVIEW: usize = 20;

/// How many rows go into one statement, and how many bytes of them.
const ROWS_AT_ONCE: usize = 500;
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// How many rows are looked at once one is found to be wrong: nothing will be kept of them.
const ROWS_AFTER_FAULT: usize = 10_000;

/// A file that is to be inserted.
#[derive(Debug)]
pub struct Import<'a> {
    /// Who inserts it.
    pub author: &'a Author,
    /// Its content.
    pub file: &'a File<'a>,
    /// The columns that its fields are for, where the request says so.
    pub columns: Option<&'a [String]>,
    /// Whether it is only looked at.
    pub dry_run: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Done {
    /// So many rows were inserted.
    Inserted(u64),
    /// It was looked at.
    Looked(Report),
}

/// What is in a file.
#[derive(Debug, Serialize)]
pub struct Report {
    columns: Vec<String>,
    rows: u64,
    preview: Vec<Vec<Option<String>>>,
    errors: Vec<Fault>,
}

/// What is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The column, where it is one's.
    pub column: Option<String>,
    /// Why, in words.
    pub message: String,
}

/// A row that can be sent, or what is wrong with it.
type Row = (u64, Values);

impl Work for Import<'_> {
    type Done = Done;

    async fn run(
        &self,
        connection: &mut PgConnection,
        table: &Arc<TableMeta>,
    ) -> Result<Done, Failure> {
        require_rows(table)?;
        require_allowed(table, Action::Insert)?;
        let mapping = Mapping::new(table, self.file, self.columns)?;
        if self.dry_run {
            return self
                .look(connection, table, mapping)
                .await
                .map(Done::Looked);
        }
        mapping.require_whole()?;
        let mut transaction = connection.begin().await.map_err(Failure::database)?;
        let mut reading = Reading::new(table, self.file, &mapping, self.author);
        let read = match take_on(&mut transaction, table).await {
            Ok(()) => reading.all(&mut transaction, Mode::Insert).await,
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            transaction.rollback().await.map_err(Failure::database)?;
            return Err(Failure::database(error));
        }
        if reading.is_fine() {
            let inserted = reading.inserted;
            let names = mapping.positions().map(|at| &*table.columns[at].name);
            let entry = Entry {
                action: "import",
                table: &table.table.path(),
                row_key: None,
                rows: inserted,
                details: json!({"columns": names.collect::<Vec<_>>()}),
            };
            if let Err(error) = entry.write_in(self.author.actor(), &mut transaction).await {
                transaction.rollback().await.map_err(Failure::database)?;
                return Err(Failure::database(error));
            }
            transaction.commit().await.map_err(|error| {
                let written = Values::of_columns(mapping.positions());
                Failure::about(error, vec![(written, ReadAs::Declared)])
            })?;
            return Ok(Done::Inserted(inserted));
        }
        transaction.rollback().await.map_err(Failure::database)?;
        let errors = reading.faults(connection).await;
        Err(invalid_rows(errors).into())
    }
}

impl Import<'_> {
    async fn look(
        &self,
        connection: &mut PgConnection,
        table: &TableMeta,
        mapping: Mapping,
    ) -> Result<Report, Failure> {
        let mut preview = Vec::new();
        let mut rows = 0;
        for record in self.file.records() {
            rows += 1;
            match record {
                Ok(record) if preview.len() < PREVIEW => preview.push(record.fields),
                _ => {}
            }
        }
        let mut errors = mapping.faults.clone();
        let mut reading = Reading::new(table, self.file, &mapping, self.author);
        if !mapping.is_empty() {
            let read = reading.all(connection, Mode::Check).await;
            read.map_err(Failure::database)?;
        }
        errors.extend(reading.faults(connection).await);
        errors.truncate(FAULTS);
        Ok(Report {
            columns: self.file.names(),
            rows,
            preview,
            errors,
        })
    }
}

fn invalid_rows(errors: Vec<Fault>) -> Refusal {
    let error = ApiError::new(
        "invalid_rows",
        "the file can't be inserted as it is; none of it was",
        "\"errors\" says which lines are wrong, up to 100 of them",
    );
    let about = About {
        errors,
        ..About::default()
    };
    Refusal::new(error, about)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Values are read as their columns' types, and no more.
    Check,
    /// Rows are inserted, in a transaction.
    Insert,
}

/// A file on its way into a table.
struct Reading<'a> {
    table: &'a TableMeta,
    file: &'a File<'a>,
    mapping: &'a Mapping,
    author: &'a Author,
    inserted: u64,
    /// Rows that the database refuses, and why.
    refused: Vec<(Row, sqlx::Error)>,
    /// What is wrong before the database is asked.
    malformed: Vec<Fault>,
    /// How many rows have been looked at since the first wrong one.
    after: usize,
}

impl<'a> Reading<'a> {
    fn new(
        table: &'a TableMeta,
        file: &'a File<'a>,
        mapping: &'a Mapping,
        author: &'a Author,
    ) -> Self {
        Self {
            table,
            file,
            mapping,
            author,
            inserted: 0,
            refused: Vec::new(),
            malformed: Vec::new(),
            after: 0,
        }
    }

    fn is_fine(&self) -> bool {
        self.refused.is_empty() && self.malformed.is_empty()
    }

    fn has_enough(&self) -> bool {
        self.refused.len() + self.malformed.len() >= FAULTS || self.after >= ROWS_AFTER_FAULT
    }

    /// Sends all rows, in statements of many; of one that fails, in ever smaller parts.
    async fn all(&mut self, connection: &mut PgConnection, mode: Mode) -> Result<(), sqlx::Error> {
        let (mut chunk, mut bytes): (Vec<Row>, usize) = (Vec::new(), 0);
        for record in self.file.records() {
            if self.has_enough() {
                return Ok(());
            }
            if !self.is_fine() {
                self.after += 1;
            }
            let (line, values) = match record.and_then(|record| {
                let line = record.line;
                self.mapping
                    .values(self.table, record)
                    .map(|values| (line, values))
            }) {
                Ok(row) => row,
                Err(fault) => {
                    self.malformed.push(fault);
                    continue;
                }
            };
            bytes += values
                .iter()
                .map(|(_, value)| value.get().len())
                .sum::<usize>();
            chunk.push((line, values));
            if chunk.len() >= ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE {
                self.send(connection, std::mem::take(&mut chunk), mode)
                    .await?;
                bytes = 0;
            }
        }
        self.send(connection, chunk, mode).await
    }

    async fn send(
        &mut self,
        connection: &mut PgConnection,
        rows: Vec<Row>,
        mode: Mode,
    ) -> Result<(), sqlx::Error> {
        // Parts that are still to be sent, the first of them last.
        let mut parts = vec![rows];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() || self.has_enough() {
                continue;
            }
            let (sql, params) = self.statement(&part, mode);
            match run(connection, self.table, sql, params, mode).await {
                Ok(inserted) => self.inserted += inserted,
                Err(error) if !is_about_values(&error) => return Err(error),
                Err(error) => match part.len() {
                    1 => self.refused.extend(part.pop().map(|row| (row, error))),
                    count => {
                        let second = part.split_off(count / 2);
                        parts.push(second);
                        parts.push(part);
                    }
                },
            }
        }
        Ok(())
    }

    fn statement(&self, rows: &[Row], mode: Mode) -> (String, Params) {
        let positions: Vec<usize> = self.mapping.positions().collect();
        let mut params = Params::default();
        let mut json = String::from("[");
        for (place, (_, values)) in rows.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            json.push_str(&values.to_json());
        }
        json.push(']');
        let json = params.push(json);
        let records = format!(
            "pg_catalog.json_to_recordset({json}::pg_catalog.json) AS r ({})",
            definitions(self.table, &positions, ReadAs::Declared)
        );
        let sql = match mode {
            Mode::Check => format!("SELECT pg_catalog.count(*) FROM {records}"),
            Mode::Insert => {
                let author = params.push(self.author.as_str());
                let into = insert_into(self.table, &positions, false);
                let columns: Vec<String> = positions
                    .iter()
                    .map(|at| format!("r.{}", name(*at)))
                    .collect();
                let checked = match returned("NULL::bytea", self.table, Action::Insert, &mut params)
                {
                    checked if self.table.permitted.is_some() => format!(" RETURNING {checked}"),
                    _ => String::new(),
                };
                format!(
                    "WITH asked AS MATERIALIZED (\
                     SELECT pg_catalog.set_config('rowcast.author', {author}, true)) \
                     {into} SELECT {} FROM asked, {records}{checked}",
                    columns.join(", ")
                )
            }
        };
        (sql, params)
    }

    /// What is wrong, by line. The connection must be in no transaction.
    async fn faults(self, connection: &mut PgConnection) -> Vec<Fault> {
        let mut faults = self.malformed;
        for ((line, values), error) in self.refused {
            let before = faults.len();
            for (at, value) in values.iter() {
                let wrong = blame::one(connection, self.table, at, value, ReadAs::Declared).await;
                if let Ok(Some(wrong)) = wrong {
                    faults.push(Fault {
                        line,
                        column: Some(self.table.columns[at].name.clone()),
                        message: wrong.message,
                    });
                }
            }
            if faults.len() == before {
                let values = [(&values, ReadAs::Declared)];
                let refusal = explain::refusal(connection, self.table, &values, &error).await;
                faults.push(Fault {
                    line,
                    column: refusal.about.columns.first().cloned(),
                    message: refusal.error.message,
                });
            }
        }
        faults.sort_by_key(|fault| fault.line);
        faults.truncate(FAULTS);
        faults
    }
}

/// Runs a statement; in a transaction, one that fails leaves that as it was.
async fn run(
    connection: &mut PgConnection,
    table: &TableMeta,
    sql: String,
    params: Params,
    mode: Mode,
) -> Result<u64, sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(table.is_planned_once());
    for text in params.into_texts() {
        query = query.bind(text);
    }
    if mode == Mode::Check {
        fetch_as(connection, table, query).await?;
        return Ok(0);
    }
    let mut savepoint = connection.begin().await?;
    match query.execute(&mut *savepoint).await {
        Ok(done) => {
            savepoint.commit().await?;
            Ok(done.rows_affected())
        }
        Err(error) => {
            savepoint.rollback().await?;
            Err(error)
        }
    }
}
