//! Asking PostgreSQL what only it can decide: about values, never about tables.
//!
//! A question's answer depends on the values in it and on nothing else, so it stays true
//! whatever is committed meanwhile.

use rowcast_engine::{
    datum::Datum,
    query::{Answer, Question},
};
use rowcast_protocol::ApiError;
use sqlx::{AssertSqlSafe, PgPool, Row};

use crate::{
    database::{catalog::ColumnMeta, quote::quote_ident},
    error::{internal, read_error},
    query::{
        bound::{BoundFilter, BoundQuery},
        sql::{Params, where_sql},
    },
};

/// Asks.
///
/// # Errors
/// Those of a read; `internal` if a value has no text, which the query's plan excludes.
pub async fn ask(
    pool: &PgPool,
    query: &BoundQuery,
    question: &Question,
) -> Result<Answer, ApiError> {
    let verdicts = if question.verdicts.is_empty() {
        Vec::new()
    } else {
        verdicts(pool, query, question).await?
    };
    let mut rankings = Vec::with_capacity(question.rankings.len());
    for (column, values) in &question.rankings {
        rankings.push(ranks(pool, query, *column, values).await?);
    }
    Ok(Answer { verdicts, rankings })
}

/// For each row of the question, whether the filter holds.
async fn verdicts(
    pool: &PgPool,
    query: &BoundQuery,
    question: &Question,
) -> Result<Vec<bool>, ApiError> {
    let table = &query.table;
    let mut columns = Vec::new();
    used_columns(&query.filter, query, &mut columns);
    let mut params = Params::default();
    let condition = where_sql(table, &query.filter, "t", &mut params);

    let mut sources = Vec::new();
    let mut names = Vec::new();
    let mut values = Vec::new();
    let mut arrays: Vec<Vec<Option<String>>> = Vec::new();
    for &at in &columns {
        let column = &table.columns[at];
        let nth = arrays.len();
        sources.push(format!("${}::text[]", params.len() + nth + 1));
        names.push(format!("v{nth}"));
        // What has no text form is only ever tested for NULL: any text stands for it.
        let value = format!("u.v{nth}");
        let stands_for_itself = column.has_text_form();
        values.push(format!(
            "{} AS {}",
            if stands_for_itself {
                typed(column, &value)
            } else {
                value
            },
            quote_ident(&column.name)
        ));
        arrays.push(
            question
                .verdicts
                .iter()
                .map(|record| match &record.values()[at] {
                    value if stands_for_itself => text_of(value),
                    value => Ok((!value.is_null()).then(String::new)),
                })
                .collect::<Result<_, _>>()?,
        );
    }
    // A filter that looks at no column still needs a row for each verdict.
    sources.push(format!("${}::text[]", params.len() + arrays.len() + 1));
    names.push("unused".to_owned());
    arrays.push(vec![None; question.verdicts.len()]);
    // Beside the table's own columns, so of another name than theirs.
    let mut ordinal = "ordinal".to_owned();
    while table.columns.iter().any(|column| column.name == ordinal) {
        ordinal.push('_');
    }
    values.push(format!("u.place AS {ordinal}"));
    let sql = format!(
        "SELECT coalesce({condition}, false) FROM (SELECT {} \
         FROM unnest({}) WITH ORDINALITY AS u ({}, place) OFFSET 0) AS t ORDER BY t.{ordinal}",
        values.join(", "),
        sources.join(", "),
        names.join(", "),
    );
    let mut statement = sqlx::query(AssertSqlSafe(sql));
    for text in params.into_texts() {
        statement = statement.bind(text);
    }
    for array in arrays {
        statement = statement.bind(array);
    }
    let rows = statement
        .fetch_all(pool)
        .await
        .map_err(|error| read_error(&error, &table.table.path()))?;
    rows.iter()
        .map(|row| row.try_get(0).map_err(|_| internal()))
        .collect()
}

/// The rank of each value in the column's ascending order.
async fn ranks(
    pool: &PgPool,
    query: &BoundQuery,
    column: usize,
    values: &[Datum],
) -> Result<Vec<u32>, ApiError> {
    let column = &query.table.columns[column];
    let texts: Vec<Option<String>> = values.iter().map(text_of).collect::<Result<_, _>>()?;
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
    rows.iter()
        .map(|row| {
            let rank: i64 = row.try_get(0).map_err(|_| internal())?;
            u32::try_from(rank).map_err(|_| internal())
        })
        .collect()
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
