//! A message in place of content.

use leptos::prelude::*;
use rowcast_protocol::ApiError;

use crate::erased::{Content, Erase};

/// A page's or a table's message, with what can be done about it as children.
#[component]
pub fn Message(
    /// What is the case, in a few words.
    #[prop(into)]
    title: String,
    /// What that means.
    #[prop(into)]
    text: String,
    /// Links and buttons.
    children: Content,
) -> impl IntoView {
    view! {
        <div class="message">
            <h2>{title}</h2>
            <p>{text}</p>
            <div class="actions">{children.make()}</div>
        </div>
    }
    .settled()
}

/// What went wrong, in the interface's own words.
#[component]
pub fn Failure(
    /// The error.
    error: ApiError,
    /// Links and buttons.
    children: Content,
) -> impl IntoView {
    let ApiError {
        code,
        message,
        mut hint,
    } = error;
    if code == "unknown_table" {
        // The interface's own hint is for who writes programs.
        hint = "It may have been dropped or renamed.".to_owned();
    }
    view! {
        <div class="message failure" role="alert">
            <span class="icon icon-warning" aria-hidden="true"></span>
            <h2>{heading(&code)}</h2>
            <p class="what">{message}</p>
            {(!hint.is_empty()).then(|| view! { <p class="hint">{hint}</p> })}
            <div class="actions">{children.make()}</div>
        </div>
    }
    .settled()
}

fn heading(code: &str) -> &'static str {
    match code {
        "unknown_table" => "No such table",
        "database_unavailable" => "The database does not answer",
        "unavailable" => "The server does not answer",
        "too_slow" => "That takes too long",
        "internal" | "unreadable" => "Something went wrong",
        _ => "This query can’t be shown",
    }
}
