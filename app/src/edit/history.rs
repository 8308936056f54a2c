//! A row's past.

use leptos::{either::EitherOf3, prelude::*, task::spawn_local};
use rowcast_protocol::{Cell, RowKey};

use super::{
    api::{self, Past},
    clock::ReaderClock,
    draft,
    field::Field,
    session::Session,
};
use crate::{
    erased::{Erase, changing},
    format::{time, zone::Zone},
};

/// How many changes are asked for at first, and at a time after that.
const FEW: u32 = 20;

/// Who changed what in a row, newest first, and a way back to an earlier value. It is asked
/// for when it is opened.
#[component]
pub fn History(session: Session, key: RowKey, fields: Vec<Field>) -> impl IntoView {
    let answer = RwSignal::new(None::<Result<api::History, String>>);
    let asked = RwSignal::new(0_u32);
    let ask = move || {
        let (table, key) = (session.table(), key.clone());
        let limit = asked.get_untracked() + FEW;
        asked.set(limit);
        spawn_local(async move {
            let history = api::history(&table, &key, limit).await;
            // The dialog may have gone meanwhile.
            let _ = answer.try_set(Some(history.map_err(|refusal| refusal.text())));
        });
    };
    let ask = StoredValue::new(ask);
    let opened = move |_| {
        if asked.get_untracked() == 0 {
            ask.with_value(|ask| ask());
        }
    };
    let fields = StoredValue::new(fields);
    let content = move || match answer.get() {
        None => EitherOf3::A(view! { <p class="muted">"Loading…"</p> }),
        Some(Err(why)) => EitherOf3::B(view! { <p class="wrong">{why}</p> }),
        Some(Ok(history)) => {
            let more = history.more;
            let reach = match (&history.since, history.changes.is_empty()) {
                (Some(since), true) => {
                    format!(
                        "Nothing has changed since {}.",
                        time::instant(since, Zone::Reader)
                    )
                }
                (Some(since), false) => {
                    format!(
                        "The log reaches back to {}.",
                        time::instant(since, Zone::Reader)
                    )
                }
                (None, true) => "Nothing is known of its past.".to_owned(),
                (None, false) => String::new(),
            };
            EitherOf3::C(view! {
                <ol>
                    {history
                        .changes
                        .into_iter()
                        .map(|past| view! { <Entry session past fields=fields.get_value() /> })
                        .collect_view()}
                </ol>
                <p class="muted">{reach}</p>
                {more
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button"
                                on:click=move |_| ask.with_value(|ask| ask())
                            >
                                "Show more"
                            </button>
                        }
                    })}
            })
        }
    };
    view! {
        <details class="history" on:toggle=opened>
            <summary>"History"</summary>
            {changing(content)}
        </details>
    }
    .made_here()
}

#[component]
fn Entry(session: Session, past: Past, fields: Vec<Field>) -> impl IntoView {
    let verb = match past.kind.as_str() {
        "insert" => "added the row",
        "delete" => "deleted the row",
        "definition" => "changed the columns of the table",
        _ => "changed",
    };
    let author = past.author.clone().unwrap_or_else(|| "Someone".to_owned());
    let writer = past.writer();
    let at = time::instant(&past.at, Zone::Reader);
    let changes = (past.kind == "update").then(|| {
        past.columns
            .iter()
            .map(|name| {
                let value = |of: &Option<std::collections::HashMap<String, Cell>>| {
                    of.as_ref().and_then(|of| of.get(name)).cloned()
                };
                let (before, after) = (value(&past.before), value(&past.after));
                let text = |cell: &Option<Cell>| match cell {
                    None => "…".to_owned(),
                    Some(Cell::Null) => "NULL".to_owned(),
                    Some(cell) => draft::text_of(cell, session.kind_of(name), &ReaderClock),
                };
                let (from, to) = (text(&before), text(&after));
                let field = fields.iter().copied().find(|field| {
                    let is_of = field.column.with_value(|column| column.name == *name);
                    is_of && session.no_column(name).is_none()
                });
                let restore = before.zip(field).map(|(before, field)| {
                    view! {
                        <button
                            type="button"
                            class="restore"
                            aria-label=format!("Restore {name} as it was before")
                            on:click=move |_| field.set(&before)
                        >
                            "Restore"
                        </button>
                    }
                });
                view! {
                    <li>
                        <span class="name">{name.clone()}</span>
                        <del>{from}</del>
                        <span aria-hidden="true">"→"</span>
                        <ins>{to}</ins>
                        {restore}
                    </li>
                }
            })
            .collect_view()
    });
    view! {
        <li class="past">
            <p>
                <strong>{author}</strong>
                " "
                {verb}
                " "
                <time datetime=past.at>{at}</time>
                {writer.map(|writer| view! { <span class="muted">" by " {writer}</span> })}
            </p>
            {changes.map(|changes| view! { <ul>{changes}</ul> })}
        </li>
    }
    .made_here()
}
