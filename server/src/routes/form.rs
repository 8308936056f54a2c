//! What came of a form, as the page says it that the form is on.

use std::time::Duration;

use axum::response::Response;
use http::{StatusCode, header, request::Parts};
use leptos::{config::LeptosOptions, prelude::IntoView};
use rowcast_app::pages::accounts::Notice;
use rowcast_protocol::ApiError;

use super::pages;
use crate::{auth::sign_in::Refusal, error::status, state::AppState};

/// What is said of all that is wrong when somebody signs in, so that nobody learns what it was.
const WRONG: &str = "That name and that password don’t fit. Check both, and try again.";

/// What came of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is said; `None` if there is nothing to say.
    pub notice: Option<Notice>,
    /// For how many seconds to wait until it is sent again.
    wait: Option<u64>,
}

impl Outcome {
    /// It was done, and this is said of it, if anything.
    pub fn done(text: Option<&str>) -> Self {
        Self {
            status: StatusCode::OK,
            notice: text.map(|text| Notice::Done(text.to_owned())),
            wait: None,
        }
    }

    /// It was not done, for this reason.
    pub fn refused(status: StatusCode, text: String) -> Self {
        Self {
            status,
            notice: Some(Notice::Refused(text)),
            wait: None,
        }
    }
}

impl From<ApiError> for Outcome {
    fn from(error: ApiError) -> Self {
        Self::refused(status(&error.code), sentence(&error.message))
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong => Self::refused(StatusCode::FORBIDDEN, WRONG.to_owned()),
            Refusal::Slowed(wait) => {
                let seconds = whole_seconds(wait);
                let text = format!("Too much was wrong. Try again in {seconds} s.");
                Self {
                    wait: Some(seconds),
                    ..Self::refused(StatusCode::TOO_MANY_REQUESTS, text)
                }
            }
            Refusal::Failed(error) => error.into(),
        }
    }
}

/// The page that a form is on, with what came of it in `page`; in its place a message under
/// `title`, where it can't be read or is not for whoever asks.
pub async fn answer<P, V>(
    state: &AppState,
    parts: Parts,
    outcome: Outcome,
    title: &'static str,
    page: Result<P, ApiError>,
    view: fn(LeptosOptions, P) -> V,
) -> Response
where
    P: Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let mut response = match page {
        Ok(page) => {
            let view = move |options| view(options, page.clone());
            pages::document(state, parts, outcome.status, view).await
        }
        Err(error) => pages::failure(state, parts, title, &error).await,
    };
    if let Some(wait) = outcome.wait {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, wait.into());
    }
    response
}

/// An error's message as a sentence of its own.
pub fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(chars)
        .chain(['.'])
        .collect()
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_slowed_down_is_told_for_how_long() {
        let outcome = Outcome::from(Refusal::Slowed(Duration::from_millis(1_200)));
        assert_eq!(
            (outcome.status, outcome.wait),
            (StatusCode::TOO_MANY_REQUESTS, Some(2))
        );
        let wrong = Outcome::from(Refusal::Wrong);
        assert_eq!((wrong.status, wrong.wait), (StatusCode::FORBIDDEN, None));
    }

    #[test]
    fn a_message_becomes_a_sentence() {
        let outcome = Outcome::from(ApiError::new("unknown_role", "there is no role", "x"));
        assert_eq!(outcome.status, StatusCode::NOT_FOUND);
        let said = Notice::Refused("There is no role.".to_owned());
        assert_eq!(outcome.notice, Some(said));
        assert_eq!(sentence("élan"), "Élan.");
    }
}
