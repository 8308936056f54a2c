//! `/comments/{table}/{key}`: a row, and what was written about it. It is whole without a script, and
//! live with it.

use leptos::prelude::*;
use rowcast_protocol::query::{Filter, Operator, Query, Test};

use super::{Notice, live_document, notice};
use crate::{
    erased::{Erase, Erased},
    feed::{LONGEST, Place, Post, list, shown_here},
};

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct Comments {
    /// The table, as addresses have it.
    pub table: String,
    /// The row's key, likewise.
    pub key: String,
    /// This page's address.
    pub page: String,
    /// What the row is called.
    pub name: String,
    /// What shows the row in its table.
    pub row_address: String,
    /// The query that the row alone matches in its table.
    pub row_query: String,
    /// The row's values, by column.
    pub values: Vec<(String, String)>,
    /// What was written, in order: the newest, or those before some.
    pub posts: Vec<Post>,
    /// Whether there is something before it.
    pub has_earlier: bool,
    /// Whether there is something behind it.
    pub has_later: bool,
    /// The reader's account; `None`: they have none, and write nothing.
    pub own: Option<i64>,
    /// Whether they may take away what others wrote.
    pub may_delete: bool,
    /// The comment that is being changed.
    pub edit: Option<i64>,
    /// What is being written.
    pub draft: String,
    /// The time now, in milliseconds since 1970.
    pub now: f64,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// The page.
pub fn comments(options: LeptosOptions, page: Comments) -> impl IntoView {
    let own = page.own.unwrap_or(0);
    let place = Place::Row {
        page: StoredValue::new(page.page.clone()),
        may_delete: page.may_delete,
    };
    let earlier = page.has_earlier.then(|| {
        let first = page.posts.first().map_or(0, |post| post.id);
        view! { <p><a href=format!("{}?before={first}", page.page)>"Earlier comments"</a></p> }
            .erased()
    });
    let later = page
        .has_later
        .then(|| view! { <p><a href=page.page.clone()>"The newest comments"</a></p> }.erased());
    let nothing = page.posts.is_empty().then(|| {
        view! { <p class="nothing">"Nothing was written about this row yet."</p> }.erased()
    });
    let write = page
        .own
        .map(|_| write(&page.page, page.edit, page.draft.clone()));
    let values = page.values.into_iter().map(|(name, value)| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd dir="auto">{value}</dd>
            </div>
        }
        .erased()
    });
    let shown = shown_here(
        place,
        page.posts,
        Vec::new(),
        own,
        page.own.is_some(),
        0,
        page.now,
    );
    let content = view! {
        <main class="feed thread-page">
            {notice(page.notice)}
            <section aria-labelledby="row">
                <h2 id="row">{page.name}</h2>
                <dl class="row-values">{values.collect::<Vec<_>>()}</dl>
                <p>
                    <a href=page.row_address>"Show it in its table, where it is live"</a>
                </p>
            </section>
            <section aria-labelledby="thread">
                <h2 id="thread">"Comments"</h2>
                <div id="thread-sent" class="thread">{earlier} {list(shown)} {nothing} {later} {write}</div>
                <div
                    id="thread-live"
                    data-table=page.table
                    data-key=page.key
                    data-page=page.page
                    data-row=page.row_query
                    data-own=page.own
                    data-may-delete=page.may_delete.then_some("")
                ></div>
            </section>
        </main>
    };
    live_document(options, "Comments", content.erased())
}

/// What is written, as a form.
fn write(page: &str, edit: Option<i64>, draft: String) -> Erased {
    let (action, label, button) = match edit {
        Some(id) => (format!("{page}/{id}/edit"), "Change your comment", "Save"),
        None => (page.to_owned(), "New comment", "Comment"),
    };
    let back = edit.map(|_| view! { <a class="button" href=page.to_owned()>"Cancel"</a> }.erased());
    view! {
        <form id="write" class="sheet write" method="post" action=action>
            <label class="form-field">
                <span class="field-name">{label}</span>
                <textarea name="body" rows="3" maxlength=LONGEST required dir="auto">{draft}</textarea>
            </label>
            <p class="about">"Markdown: **strong**, *emphasis*, `code`, lists, links. @name tells somebody."</p>
            <div class="write-acts">
                <button type="submit" class="button primary">{button}</button>
                {back}
            </div>
        </form>
    }
    .erased()
}

/// The query that a row alone matches in its table, by the columns of its key.
pub fn row_query(key: &[(String, String)]) -> Query {
    let is = |(column, value): &(String, String)| {
        Filter::Test(Test {
            column: column.clone(),
            negated: false,
            operator: Operator::Eq(value.clone()),
        })
    };
    Query {
        filter: key.iter().map(is).collect(),
        ..Query::default()
    }
}
