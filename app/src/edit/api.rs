//! The interface for writing, as the page asks it.

use std::collections::HashMap;

use rowcast_protocol::{
    ApiError, Cell, RowKey,
    json::Heading,
    json::read_event,
    message::{Event, Snapshot},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, Response};

use super::{
    change::{Change, Values},
    journal::Way,
};
use crate::{address, reader};

/// Why nothing was written.
#[derive(Clone, Debug, Deserialize)]
pub struct Refusal {
    /// What went wrong.
    pub error: ApiError,
    /// The columns it is about.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Which of several changes it is about.
    pub index: Option<usize>,
    /// The row as it is now, where it isn't as it was expected.
    pub row: Option<Values>,
    /// The columns that hold something else than was expected.
    #[serde(default)]
    pub changed: Vec<String>,
    /// How many rows it would be, where another number was said.
    pub count: Option<u64>,
}

impl Refusal {
    /// Whether someone else was first.
    pub fn is_conflict(&self) -> bool {
        self.error.code == "conflict"
    }

    /// Whether trying again may succeed, for nothing is wrong with what was asked for.
    pub fn passes(&self) -> bool {
        matches!(
            self.error.code.as_str(),
            "unavailable" | "database_unavailable" | "too_slow" | "too_busy" | "locked"
        )
    }

    /// What is wrong, and what to do.
    pub fn text(&self) -> String {
        said(&self.error)
    }

    /// Whether it is about one of several changes, which the others do not need: what that
    /// would change is no longer as it was.
    pub fn is_of_one(&self) -> bool {
        matches!(&*self.error.code, "conflict" | "unknown_row" | "unique")
    }
}

/// How hints begin that are for who writes programs.
const FOR_PROGRAMS: [&str; 3] = ["columns=", "GET ", "\"errors\" "];

/// What an error says and what to do, as sentences for people.
pub fn said(error: &ApiError) -> String {
    let ApiError { message, hint, .. } = error;
    let for_programs = FOR_PROGRAMS.iter().any(|begin| hint.starts_with(begin));
    let mut letters = hint.chars();
    match letters.next() {
        Some(first) if !for_programs => {
            let first = first.to_ascii_uppercase();
            format!("{} {first}{}", sentence(message), letters.as_str())
        }
        _ => message.clone(),
    }
}

/// A text that another sentence follows.
pub fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?', '…']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            error,
            columns: Vec::new(),
            index: None,
            row: None,
            changed: Vec::new(),
            count: None,
        }
    }
}

/// Makes changes, all or none, and returns the rows as they are then: `None` for each deleted.
pub async fn make(table: &str, changes: &[Change]) -> Result<Vec<Option<Values>>, Refusal> {
    make_turned(table, changes, None).await
}

/// The same of changes that take back what was done, or make it again.
pub async fn make_turned(
    table: &str,
    changes: &[Change],
    way: Option<Way>,
) -> Result<Vec<Option<Values>>, Refusal> {
    #[derive(Serialize)]
    struct Update<'a> {
        set: &'a Values,
        expect: &'a Values,
    }
    #[derive(Serialize)]
    struct Delete<'a> {
        expect: &'a Values,
    }
    #[derive(Serialize)]
    struct Batch<'a> {
        changes: &'a [Change],
    }
    #[derive(Deserialize)]
    struct Rows {
        rows: Vec<Option<Values>>,
    }
    let alone = changes.len() == 1 && !changes.iter().any(restores);
    let Some(change) = changes.first().filter(|_| alone) else {
        let address = address::api("batch", table, "");
        let Rows { rows } = send("POST", &address, &Batch { changes }, way).await?;
        return Ok(rows);
    };
    let row = match change {
        Change::Insert { row, .. } => {
            Some(send("POST", &address::api("rows", table, ""), row, way).await?)
        }
        Change::Update { key, set, expect } => {
            let body = Update { set, expect };
            Some(send("PATCH", &row_address("rows", table, key), &body, way).await?)
        }
        Change::Delete { key, expect } => {
            let address = row_address("rows", table, key);
            let body = json(&Delete { expect })?;
            ask("DELETE", &address, Some(body), None, way).await?;
            None
        }
    };
    Ok(vec![row])
}

/// Whether it brings a row back, which only a batch does.
fn restores(change: &Change) -> bool {
    matches!(change, Change::Insert { restore: true, .. })
}

/// What is done to all rows that match.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bulk {
    /// Nothing: they are counted.
    DryRun(bool),
    /// These values are set.
    Set(Values),
    /// They are deleted.
    Delete(bool),
}

/// What was done to all rows that match.
#[derive(Debug, Deserialize)]
pub struct Done {
    /// How many they are.
    pub count: u64,
    /// What takes it back, if that is little enough.
    pub undo: Option<Vec<Change>>,
}

/// Does the same to all rows that match a query, if they are as many as was said. Until it is
/// answered it can be stopped; then nothing is done.
pub async fn bulk(
    table: &str,
    query: &str,
    bulk: &Bulk,
    count: Option<u64>,
    stop: Option<&AbortSignal>,
) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(flatten)]
        bulk: &'a Bulk,
        #[serde(skip_serializing_if = "Option::is_none")]
        count: Option<u64>,
    }
    let body = json(&Body { bulk, count })?;
    let address = address::api("bulk", table, query);
    parse(&ask("POST", &address, Some(body), stop, None).await?)
}

/// One entry of a row's past.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Past {
    /// When, as the interface writes times.
    pub at: String,
    /// Who.
    #[serde(default)]
    pub author: Option<String>,
    /// The database's role that wrote.
    #[serde(default)]
    pub role: Option<String>,
    /// The role that it had taken instead.
    #[serde(default)]
    pub acting_as: Option<String>,
    /// The program.
    #[serde(default)]
    pub program: Option<String>,
    /// `insert`, `update` or `delete`.
    pub kind: String,
    /// The columns that changed.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The values before, of those columns at least.
    #[serde(default)]
    pub before: Option<HashMap<String, Cell>>,
    /// The values after.
    #[serde(default)]
    pub after: Option<HashMap<String, Cell>>,
}

impl Past {
    /// What the database knows of whoever wrote, unless that is all that is said of them, or they
    /// did so by Rowcast.
    pub fn writer(&self) -> Option<String> {
        let role = self.role.as_deref()?;
        let role = match self.acting_as.as_deref() {
            Some(other) if other != role => format!("{role} as {other}"),
            _ => role.to_owned(),
        };
        let writer = match self.program.as_deref() {
            Some("rowcast") => return None,
            Some(program) => format!("{role} ({program})"),
            None => role,
        };
        (self.author.as_ref() != Some(&writer)).then_some(writer)
    }
}

/// A part of a row's past, newest first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct History {
    /// The entries.
    pub changes: Vec<Past>,
    /// The oldest time that could be told of.
    #[serde(default)]
    pub since: Option<String>,
    /// Whether there are older ones.
    #[serde(default)]
    pub more: bool,
}

/// The latest of a row's past.
pub async fn history(table: &str, key: &RowKey, limit: u32) -> Result<History, Refusal> {
    let address = format!("{}?limit={limit}", row_address("history", table, key));
    parse(&request("GET", &address, None).await?)
}

/// The first rows of a query.
pub async fn rows(table: &str, query: &str) -> Result<Snapshot, Refusal> {
    let text = request("GET", &address::api("rows", table, query), None).await?;
    match read_event("snapshot", &text, &mut Heading::default()) {
        Ok(Event::Snapshot(snapshot)) => Ok(snapshot),
        _ => Err(unreadable()),
    }
}

/// `/api/RESOURCE/TABLE/KEY`.
pub fn row_address(resource: &str, table: &str, key: &RowKey) -> String {
    format!(
        "{}/{}",
        address::api(resource, table, ""),
        address::of_key(key)
    )
}

async fn send<T: DeserializeOwned>(
    method: &str,
    address: &str,
    body: &impl Serialize,
    way: Option<Way>,
) -> Result<T, Refusal> {
    parse(&ask(method, address, Some(json(body)?), None, way).await?)
}

fn json(body: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(body).map_err(|_| unreadable())
}

/// The text of an answer.
pub(crate) async fn request(
    method: &str,
    address: &str,
    body: Option<String>,
) -> Result<String, Refusal> {
    ask(method, address, body, None, None).await
}

/// The same, unless it is stopped before; `way`: of what takes something back or makes it again.
async fn ask(
    method: &str,
    address: &str,
    body: Option<String>,
    stop: Option<&AbortSignal>,
    way: Option<Way>,
) -> Result<String, Refusal> {
    let answer = async {
        let options = RequestInit::new();
        options.set_method(method);
        options.set_signal(stop);
        if let Some(body) = body {
            let headers = Headers::new()?;
            headers.set("Content-Type", "application/json")?;
            if let Some(author) = reader::kept() {
                headers.set("Rowcast-Author", &address::encode(&author))?;
            }
            match way {
                None => {}
                Some(Way::Undo) => headers.set("Rowcast-Turn", "undo")?,
                Some(Way::Redo) => headers.set("Rowcast-Turn", "redo")?,
            }
            options.set_headers(&headers);
            options.set_body(&JsValue::from_str(&body));
        }
        let window = leptos::prelude::window();
        let response = JsFuture::from(window.fetch_with_str_and_init(address, &options)).await?;
        let response: Response = response.dyn_into()?;
        let text = JsFuture::from(response.text()?).await?;
        Ok::<_, JsValue>((response.ok(), text.as_string().unwrap_or_default()))
    };
    match answer.await {
        Ok((true, text)) => Ok(text),
        Ok((false, text)) => Err(parse(&text).unwrap_or_else(|error| error)),
        Err(_) if stop.is_some_and(AbortSignal::aborted) => {
            Err(ApiError::new("stopped", "It was stopped; nothing was changed.", "").into())
        }
        Err(_) => Err(ApiError::new(
            "unavailable",
            "The server does not answer.",
            "Nothing was saved; try again.",
        )
        .into()),
    }
}

/// Reads an answer.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|_| unreadable())
}

fn unreadable() -> Refusal {
    ApiError::new(
        "unreadable",
        "The server's answer could not be read.",
        "Load the page again.",
    )
    .into()
}
