//! The interface for saved views, as the page asks it.

use serde::Serialize;

use super::SavedView;
use crate::{
    address,
    edit::api::{Refusal, parse, request},
};

/// What is to be saved of a view: what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Edit {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is; `Some(None)`: everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Option<String>>,
    /// Whether the table opens with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// What it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// Saves a view of a table: the one of that number, or a new one.
pub async fn save(table: &str, id: Option<i64>, edit: &Edit) -> Result<SavedView, Refusal> {
    let method = if id.is_some() { "PATCH" } else { "POST" };
    let body = serde_json::to_string(edit).ok();
    parse(&request(method, &address_of(table, id), body).await?)
}

/// Deletes a view of a table.
pub async fn delete(table: &str, id: i64) -> Result<(), Refusal> {
    request("DELETE", &address_of(table, Some(id)), None).await?;
    Ok(())
}

fn address_of(table: &str, id: Option<i64>) -> String {
    let all = address::api("views", table, "");
    match id {
        Some(id) => format!("{all}/{id}"),
        None => all,
    }
}
