//! Asking PostgreSQL what only it can decide: about values, never about tables.
//!
//! A question's answer depends on the values in it and on nothing else, so it stays true
//! whatever is committed meanwhile.

use std::{sync::Arc, time::Duration};

use rowcast_engine::{
    datum::Datum,
    query::{Answer, Question},
    record::Record,
};
use rowcast_protocol::ApiError;
use rustc_hash::FxHashMap;
use sqlx::{
    AssertSqlSafe, PgPool, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use crate::{
    database::{
        catalog::{ColumnMeta, TableMeta},
        quote::quote_ident,
    },
    error::{internal, read_error},
    query::{
        bound::{BoundFilter, BoundQuery},
        sql::{Params, where_sql},
    },
};

/// The most verdicts that are had of one statement: each filter is tried on each row.
const VERDICTS: usize = 20_000;

/// Asks questions about queries of one table, each with the answer that it gets.
///
/// They share statements as far as that goes: one row that changed is looked at once, by all
/// the filters that ask about it. What fails together is asked again one by one.
///
/// # Errors
/// Those of a read; `internal` if a value has no text, which the query's plan excludes.
pub async fn ask(
    pool: &PgPool,
    questions: &[(&BoundQuery, &Question)],
) -> Vec<Result<Answer, ApiError>> {
    let mut answers = Vec::with_capacity(questions.len());
    let mut rest = questions;
    while !rest.is_empty() {
        let (together, others) = rest.split_at(fitting(rest));
        rest = others;
        match ask_together(pool, together, None).await {
            Ok(some) => answers.extend(some.into_iter().map(Ok)),
            Err(error) if together.len() == 1 || error.code == "database_unavailable" => {
                answers.extend(together.iter().map(|_| Err(error.clone())));
            }
            Err(_) => {
                for question in together {
                    let question = std::slice::from_ref(question);
                    let answer = ask_together(pool, question, None).await;
                    answers.push(answer.and_then(|mut some| some.pop().ok_or_else(internal)));
                }
            }
        }
    }
    answers
}

/// How many of the questions, from the first, go into one statement.
pub fn fitting(questions: &[(&BoundQuery, &Question)]) -> usize {
    let mut rows = 0;
    let fits = questions
        .iter()
        .enumerate()
        .take_while(|(nth, (_, question))| {
            rows += question.verdicts.len();
            *nth == 0 || rows * (nth + 1) <= VERDICTS
        });
    fits.count()
}

/// Asks questions of one table in one statement, which is ended once it has taken so long.
///
/// # Errors
/// Those of a read, about all of them; `internal` as above.
pub async fn ask_together(
    pool: &PgPool,
    questions: &[(&BoundQuery, &Question)],
    patience: Option<Duration>,
) -> Result<Vec<Answer>, ApiError> {
    let mut answers: Vec<Answer> = verdicts(pool, questions, patience)
        .await?
        .into_iter()
        .map(|verdicts| Answer {
            verdicts,
            rankings: Vec::new(),
        })
        .collect();
    let ranks = ranks(pool, questions).await?;
    for (answer, (_, question)) in answers.iter_mut().zip(questions) {
        for (column, values) in &question.rankings {
            let known = ranks.get(column).ok_or_else(internal)?;
            let rank = |value: &Datum| known.get(value).copied().ok_or_else(internal);
            answer
                .rankings
                .push(values.iter().map(rank).collect::<Result<_, _>>()?);
        }
    }
    Ok(answers)
}

/// For each row of each question, whether the filter holds.
async fn verdicts(
    pool: &PgPool,
    questions: &[(&BoundQuery, &Question)],
    patience: Option<Duration>,
) -> Result<Vec<Vec<bool>>, ApiError> {
    let (asking, rows) = distinct_rows(questions);
    let Some((query, _)) = asking.first() else {
        return Ok(vec![Vec::new(); questions.len()]);
    };
    let table = &query.table;
    let mut columns = Vec::new();
    let mut params = Params::default();
    let mut conditions = Vec::with_capacity(asking.len());
    for (query, _) in &asking {
        used_columns(&query.filter, query, &mut columns);
        let condition = where_sql(table, &query.filter, "t", &mut params);
        conditions.push(format!("coalesce({condition}, false)"));
    }
    let given = given_rows(table, &columns, &rows, params.len())?;
    let sql = format!(
        "SELECT ARRAY[{}] FROM (SELECT {} \
         FROM unnest({}) WITH ORDINALITY AS u ({}, place) OFFSET 0) AS t ORDER BY t.{}",
        conditions.join(", "),
        given.values.join(", "),
        given.sources.join(", "),
        given.names.join(", "),
        given.ordinal,
    );
    let mut statement = sqlx::query(AssertSqlSafe(sql));
    for text in params.into_texts() {
        statement = statement.bind(text);
    }
    for array in given.arrays {
        statement = statement.bind(array);
    }
    let found = match patience {
        None => statement.fetch_all(pool).await,
        Some(patience) => within(pool, statement, patience).await,
    };
    let found = found.map_err(|error| read_error(&error, &table.table.path()))?;
    let found: Vec<Vec<bool>> = found
        .iter()
        .map(|row| row.try_get(0).map_err(|_| internal()))
        .collect::<Result<_, _>>()?;

    let places: FxHashMap<*const Record, usize> = rows
        .iter()
        .enumerate()
        .map(|(at, record)| (Arc::as_ptr(record), at))
        .collect();
    let mut filter = 0..asking.len();
    questions
        .iter()
        .map(|(_, question)| {
            if question.verdicts.is_empty() {
                return Ok(Vec::new());
            }
            let filter = filter.next().ok_or_else(internal)?;
            let verdict = |record: &Arc<Record>| {
                let at = places.get(&Arc::as_ptr(record))?;
                found.get(*at)?.get(filter).copied()
            };
            let verdicts = question.verdicts.iter();
            verdicts
                .map(|record| verdict(record).ok_or_else(internal))
                .collect()
        })
        .collect()
}

/// What a statement finds that may take so long.
async fn within(
    pool: &PgPool,
    statement: Query<'_, Postgres, PgArguments>,
    patience: Duration,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT set_config('statement_timeout', $1, true)")
        .bind(patience.as_millis().to_string())
        .execute(&mut *transaction)
        .await?;
    statement.fetch_all(&mut *transaction).await
}

/// The questions that want verdicts, and the rows that they are about, each once.
fn distinct_rows<'a>(
    questions: &[(&'a BoundQuery, &'a Question)],
) -> (Vec<(&'a BoundQuery, &'a Question)>, Vec<&'a Arc<Record>>) {
    let asking: Vec<_> = questions
        .iter()
        .copied()
        .filter(|(_, question)| !question.verdicts.is_empty())
        .collect();
    let mut seen = rustc_hash::FxHashSet::default();
    let rows = asking
        .iter()
        .flat_map(|(_, question)| &question.verdicts)
        .filter(|record| seen.insert(Arc::as_ptr(record)))
        .collect();
    (asking, rows)
}

/// Rows as a statement is given them: arrays of texts, one for each column.
struct Given {
    sources: Vec<String>,
    names: Vec<String>,
    values: Vec<String>,
    arrays: Vec<Vec<Option<String>>>,
    ordinal: String,
}

fn given_rows(
    table: &TableMeta,
    columns: &[usize],
    rows: &[&Arc<Record>],
    params: usize,
) -> Result<Given, ApiError> {
    let mut given = Given {
        sources: Vec::new(),
        names: Vec::new(),
        values: Vec::new(),
        arrays: Vec::new(),
        // Beside the table's own columns, so of another name than theirs.
        ordinal: "ordinal".to_owned(),
    };
    for &at in columns {
        let column = &table.columns[at];
        let nth = given.arrays.len();
        given.sources.push(format!("${}::text[]", params + nth + 1));
        given.names.push(format!("v{nth}"));
        // What has no text form is only ever tested for NULL: any text stands for it.
        let value = format!("u.v{nth}");
        let stands_for_itself = column.has_text_form();
        given.values.push(format!(
            "{} AS {}",
            if stands_for_itself {
                typed(column, &value)
            } else {
                value
            },
            quote_ident(&column.name)
        ));
        let texts = rows.iter().map(|record| match &record.values()[at] {
            value if stands_for_itself => text_of(value),
            value => Ok((!value.is_null()).then(String::new)),
        });
        given.arrays.push(texts.collect::<Result<_, _>>()?);
    }
    // A filter that looks at no column still needs a row for each verdict.
    let nth = given.arrays.len();
    given.sources.push(format!("${}::text[]", params + nth + 1));
    given.names.push("unused".to_owned());
    given.arrays.push(vec![None; rows.len()]);
    while table
        .columns
        .iter()
        .any(|column| column.name == given.ordinal)
    {
        given.ordinal.push('_');
    }
    given.values.push(format!("u.place AS {}", given.ordinal));
    Ok(given)
}

/// The rank of each value in its column's ascending order, for all columns and values of the
/// questions.
async fn ranks(
    pool: &PgPool,
    questions: &[(&BoundQuery, &Question)],
) -> Result<FxHashMap<usize, FxHashMap<Datum, u32>>, ApiError> {
    let mut wanted: FxHashMap<usize, FxHashMap<Datum, u32>> = FxHashMap::default();
    for (_, question) in questions {
        for (column, values) in &question.rankings {
            let known = wanted.entry(*column).or_default();
            known.extend(values.iter().map(|value| (value.clone(), 0)));
        }
    }
    let Some((query, _)) = questions.first() else {
        return Ok(wanted);
    };
    for (column, values) in &mut wanted {
        let column = &query.table.columns[*column];
        let texts: Vec<Option<String>> = values.keys().map(text_of).collect::<Result<_, _>>()?;
        let sql = format!(
            "SELECT r.rank FROM (SELECT dense_rank() OVER (ORDER BY {}) AS rank, u.place \
             FROM unnest($1::text[]) WITH ORDINALITY AS u (v, place)) AS r ORDER BY r.place",
            typed(column, "u.v")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(texts)
            .fetch_all(pool)
            .await
            .map_err(|error| read_error(&error, &query.table.table.path()))?;
        for (row, rank) in rows.iter().zip(values.values_mut()) {
            let found: i64 = row.try_get(0).map_err(|_| internal())?;
            *rank = u32::try_from(found).map_err(|_| internal())?;
        }
    }
    Ok(wanted)
}

/// A text expression as a value of the column's type and collation.
fn typed(column: &ColumnMeta, text: &str) -> String {
    let value = format!("({text}::{})", column.sql_type);
    match &column.collation_sql {
        Some(collation) => format!("({value} COLLATE {collation})"),
        None => value,
    }
}

fn text_of(value: &Datum) -> Result<Option<String>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    value.to_sql_text().map(Some).ok_or_else(internal)
}

fn used_columns(filter: &BoundFilter, query: &BoundQuery, columns: &mut Vec<usize>) {
    let mut add = |column: usize| {
        if !columns.contains(&column) {
            columns.push(column);
        }
    };
    match filter {
        BoundFilter::And(parts) | BoundFilter::Or(parts) => {
            for part in parts {
                used_columns(part, query, columns);
            }
        }
        BoundFilter::Not(part) => used_columns(part, query, columns),
        BoundFilter::Search(_) => {
            for (at, column) in query.table.table.columns.iter().enumerate() {
                if column.kind == rowcast_protocol::ColumnKind::Text {
                    add(at);
                }
            }
        }
        BoundFilter::Test { column, .. } => add(*column),
    }
}
