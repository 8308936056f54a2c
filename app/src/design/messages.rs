//! What the page says of itself, and asks.

use leptos::prelude::*;
use rowcast_protocol::ApiError;

use super::{gallery, specimen};
use crate::{
    components::{
        icon,
        message::{Failure, Message},
    },
    erased::{Erase, Erased},
};

/// The connection, notices, and what stands where rows would.
pub fn view() -> Erased {
    let links = [
        ("live", "Live", "changes arrive."),
        (
            "connecting",
            "Connecting",
            "the first moment, and after a pause.",
        ),
        (
            "offline",
            "Offline",
            "the server does not answer; the page tries on.",
        ),
        ("stale", "Stale", "the server does not reach its database."),
        ("static", "Not live", "the table is not followed."),
    ];
    let links = links.map(|(state, text, when)| {
        let shown = view! {
            <span class="status" data-state=state>
                <span class="dot" aria-hidden="true"></span>
                {text}
            </span>
        };
        specimen(text, when, shown)
    });
    let said = vec![
        specimen(
            "Notice",
            "what holds for the whole page, for as long as it does.",
            view! { <p class="notice">"Not live: these rows are as they were when they were loaded."</p> },
        ),
        specimen(
            "Warning",
            "may be old, or went wrong. Over the rows, so that none of them moves.",
            view! { <p class="notice warn shown">{icon::warning()} "The connection is lost."</p> },
        ),
        specimen(
            "Toast",
            "what was done, with the way back. It goes by itself.",
            view! {
                <div class="toast shown"><p>"Row deleted."</p> <button type="button" class="button">"Undo"</button></div>
            },
        ),
        specimen(
            "Waiting",
            "what would move, until it is let.",
            view! {
                <span class="waiting"><span class="waiting-text">"2 new · 1 moved"</span> <button type="button" class="button primary">"Show"</button></span>
            },
        ),
        specimen(
            "Rows to come",
            "while the first rows are on their way.",
            view! { <div class="skeleton" aria-hidden="true"></div> },
        ),
    ];
    let error = ApiError::new(
        "unknown_column",
        "There is no column “statsu”.",
        "Did you mean “status”?",
    );
    let places = vec![
        specimen(
            "Empty",
            "nothing is there, and what will bring something.",
            view! {
                <Message title="No rows match" text="A row that begins to match appears here by itself.">
                    <button type="button" class="button">"Clear filters"</button>
                </Message>
            },
        ),
        specimen(
            "Error",
            "what is wrong, in the database’s words and ours, and a way out.",
            view! {
                <Failure error>
                    <button type="button" class="button">"Show the whole table"</button>
                </Failure>
            },
        ),
    ];
    let all = [
        ("Connection", links.into_iter().collect()),
        ("Said", said),
        ("In place of rows", places),
    ];
    let all = all
        .into_iter()
        .map(|(heading, shown)| gallery(heading, shown));
    all.collect::<Vec<_>>().erased()
}

/// Dialogs, as they stand before the page.
pub fn dialogs() -> Erased {
    gallery(
        "",
        vec![
            specimen(
                "Question",
                "before what can’t be undone, or is more than one thought.",
                view! {
                    <div class="modal shown">
                        <div class="modal-body">
                            <h3>"Delete 3 rows?"</h3>
                            <p>"You can take it back with Undo."</p>
                            <div class="actions">
                                <button type="button" class="button">"Cancel"</button>
                                <button type="button" class="button danger">"Delete"</button>
                            </div>
                        </div>
                    </div>
                },
            ),
            specimen(
                "Form",
                "a row as a whole: each field with its name, its kind, and what is wrong with it.",
                view! {
                    <div class="modal shown">
                        <div class="modal-body">
                            <div class="form-field">
                                <div class="form-label">
                                    <label for="form-sample">"title"</label>
                                    <span class="type">"text"</span>
                                    <span class="required">"required"</span>
                                </div>
                                <div class="form-input">
                                    <input id="form-sample" type="text" value="Buy milk" />
                                </div>
                                <p class="about">"What is to be done."</p>
                            </div>
                        </div>
                    </div>
                },
            ),
            specimen(
                "Palette",
                "everything that can be done, by a few letters.",
                view! {
                    <div class="modal palette shown">
                        <div class="modal-body">
                            <input type="text" aria-label="Find a command" value="dup" />
                            <ul class="choices" role="listbox" aria-label="Commands">
                                <li role="option" aria-selected="true" class="active">
                                    <span class="value"><mark>"Dup"</mark>"licate row"</span>
                                    <span class="about">"Rows"</span>
                                    <span class="way"><kbd>"Ctrl"</kbd><kbd>"D"</kbd></span>
                                </li>
                            </ul>
                        </div>
                    </div>
                },
            ),
        ],
    )
}
