//! Why nothing was written.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use rowcast_protocol::ApiError;
use serde::Serialize;
use serde_json::value::RawValue;

use super::import::Fault;
use crate::error::{HttpError, status};

/// An error object, and what a writer can be told beside it.
#[derive(Debug, Serialize)]
pub struct Refusal {
    /// What went wrong.
    pub error: ApiError,
    /// What it is about.
    #[serde(flatten)]
    pub about: Box<About>,
}

/// What an error of a write is about.
#[derive(Debug, Default, Serialize)]
pub struct About {
    /// Which columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Which change of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The row as it is now, where it is not as the writer expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Box<RawValue>>,
    /// Which of the expected columns have another value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// How many rows it would be, where the writer expected another number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What is wrong in a file, by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl Refusal {
    /// An error, and what it is about.
    pub fn new(error: ApiError, about: About) -> Self {
        Self {
            error,
            about: Box::new(about),
        }
    }

    /// An error about these columns.
    pub fn of(error: ApiError, columns: Vec<String>) -> Self {
        let about = About {
            columns,
            ..About::default()
        };
        Self::new(error, about)
    }

    /// The same, about the change of that index.
    pub fn at(mut self, index: usize) -> Self {
        self.about.index = Some(index);
        self
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::new(error, About::default())
    }
}

impl From<HttpError> for Refusal {
    fn from(HttpError(error): HttpError) -> Self {
        error.into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (status(&self.error.code), Json(self)).into_response()
    }
}
