//! `POST /api/import/{table}`: the rows of a CSV file.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use csv::ReaderBuilder;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use rowcast_protocol::ApiError;

use super::{json_body, row::admit};
use crate::{
    auth::Identity,
    error::internal,
    limit::Subject,
    state::AppState,
    write::{
        attempt::attempt,
        import::{Done, File, Import},
        refusal::Refusal,
    },
};

/// The types that a file may be said to have.
const TYPES: [&str; 2] = ["text/csv", "text/tab-separated-values"];

/// Inserts all rows of a file: 201 and how many they were. With `dry_run`, 200 and what is in
/// the file and what is wrong with it.
///
/// # Errors
/// As docs/api.md has them.
pub async fn insert(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    subject: Option<Extension<Subject>>,
    Path(table): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let author = admit(&state, &identity, &headers).await?;
    json_body::require_type(&headers, &TYPES)?;
    let options = Options::parse(&query.unwrap_or_default())?;
    let subject = subject.map(|Extension(subject)| subject);
    let _place = state.long_writes.take(subject)?;
    let file = File::new(&body, options.header)?;
    let import = Import {
        author: &author,
        file: &file,
        columns: options.columns.as_deref(),
        dry_run: options.dry_run,
    };
    let (_, done) = attempt(&state, &identity, &table, &import).await?;
    let (status, json) = match &done {
        Done::Inserted(count) => (StatusCode::CREATED, format!("{{\"count\":{count}}}")),
        Done::Looked(report) => (
            StatusCode::OK,
            serde_json::to_string(report).map_err(|_| internal())?,
        ),
    };
    Ok((status, json_body::answer(json.into_bytes())).into_response())
}

/// What the address says.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    columns: Option<Vec<String>>,
    header: bool,
    dry_run: bool,
}

impl Options {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let mut options = Self {
            columns: None,
            header: true,
            dry_run: false,
        };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8_lossy();
            let flag = || match &*value {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(invalid(format!("{name} is true or false"))),
            };
            match name {
                "columns" => options.columns = Some(names(&value)?),
                "header" => options.header = flag()?,
                "dry_run" => options.dry_run = flag()?,
                _ => return Err(invalid(format!("there is no parameter \"{name}\""))),
            }
        }
        Ok(options)
    }
}

/// Names between commas, in double quotes where they hold one: a row of CSV.
fn names(text: &str) -> Result<Vec<String>, ApiError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    match reader.records().next() {
        Some(Ok(names)) => Ok(names.iter().map(str::to_owned).collect()),
        // A name of nothing is for no column.
        None => Ok(vec![String::new()]),
        Some(Err(_)) => Err(invalid("columns can't be read".to_owned())),
    }
}

fn invalid(message: String) -> ApiError {
    ApiError::new(
        "invalid_parameter",
        message,
        "columns=a,\"b,c\",d, header=true, dry_run=true",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_to_do_with_the_file() {
        let parsed = Options::parse("columns=a,%22b%2Cc%22,,d%26e&header=false&dry_run=true");
        let expected = Options {
            columns: Some(["a", "b,c", "", "d&e"].map(str::to_owned).to_vec()),
            header: false,
            dry_run: true,
        };
        assert_eq!(parsed.expect("options"), expected);
        let encoded = Options::parse("columns=a%2Cb").expect("options");
        assert_eq!(encoded.columns, Some(vec!["a".to_owned(), "b".to_owned()]));
        for wrong in ["header=1", "dry_run", "column=a", "limit=1"] {
            assert!(Options::parse(wrong).is_err(), "{wrong}");
        }
    }
}
