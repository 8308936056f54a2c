//! Why a rule can't be as it was asked for.

use rowcast_protocol::ApiError;

/// A part of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What it tells of.
    Kind,
    /// The column that it looks at.
    Column,
    /// What a total crosses.
    Bound,
    /// What it is called.
    Name,
    /// Who is told instead of whoever makes it.
    Role,
    /// For how long hits are told together.
    Group,
    /// For how long there is such a rule.
    Expires,
    /// That e-mail is sent.
    Mail,
    /// Where hits are sent, too.
    Webhook,
}

/// What is wrong with a rule, and with which part of it, if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What.
    pub error: ApiError,
    /// With which.
    pub part: Option<Part>,
}

impl From<ApiError> for Unfit {
    fn from(error: ApiError) -> Self {
        Self { error, part: None }
    }
}

impl Part {
    /// That is wrong with it.
    pub fn unfit(self, error: ApiError) -> Unfit {
        Unfit {
            error,
            part: Some(self),
        }
    }
}
