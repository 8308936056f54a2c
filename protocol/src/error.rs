//! The error object of the public interface.

use serde::{Deserialize, Serialize};

/// What went wrong, for a person and for a program: `{"code","message","hint"}`.
///
/// `message` names the part of the request that is wrong; `hint` says what is allowed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// A stable word that a program can branch on, such as `unknown_column`.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// What to do instead; may be empty.
    pub hint: String,
}

impl ApiError {
    /// An error with its three parts.
    pub fn new(
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            hint: hint.into(),
        }
    }
}
