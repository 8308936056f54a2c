//! A chart as the server answers it.

use rowcast_protocol::{
    ApiError, Cell,
    query::{Filter, Query},
};
use serde::Deserialize;

use crate::{
    address::{self, encode},
    live::fetch,
};

/// How rows are spread over a column's values.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Chart {
    /// Which members there are.
    pub kind: Kind,
    /// The values that most rows have.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// How many rows have others.
    #[serde(default)]
    pub others: u64,
    /// From the least value to the greatest, without a gap.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
    /// How many rows are in no bucket.
    #[serde(default)]
    pub outside: u64,
    /// How many rows have no value.
    pub nulls: u64,
    /// What lets those through.
    pub nulls_filter: String,
}

/// What a chart is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Values that have no distance from each other.
    Values,
    /// Times.
    Time,
    /// Numbers.
    Number,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Group {
    /// The value; of a long one, its beginning.
    pub value: Cell,
    /// How many rows have it.
    pub count: u64,
    /// What lets those through; none of a value that is too long for an address.
    pub filter: Option<String>,
}

/// Values from one up to another.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Bucket {
    /// The first value in it.
    pub from: Cell,
    /// The first beyond it.
    pub to: Cell,
    /// How many rows are in it.
    pub count: u64,
    /// What lets those through.
    pub filter: String,
}

/// Reads a column's chart of the rows of that query.
pub async fn read(table: &str, query: &str, column: &str) -> Result<Chart, ApiError> {
    let chart = format!("chart={}", encode(column));
    let query = if query.is_empty() {
        chart
    } else {
        format!("{query}&{chart}")
    };
    let url = address::api("chart", table, &query);
    fetch::read(url, |_, answer| answer.read()).await
}

/// The conditions that a filter's text says.
pub fn conditions(filter: &str) -> Vec<Filter> {
    // The server writes what it reads.
    Query::parse(filter)
        .map(|query| query.filter)
        .unwrap_or_default()
}
