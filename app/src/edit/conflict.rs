//! Two people changed the same: both values, and whose stays.

use std::collections::HashMap;

use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::{Cell, ColumnKind, RowKey};

use super::{
    api::{self, Past, Refusal},
    change::{Change, Values},
    clock::ReaderClock,
    draft,
    modal::Modal,
    save::{self, Write},
    session::Session,
};
use crate::{
    erased::{Erase, changing},
    format::{time, zone::Zone},
    grid::CellPlace,
};

/// A change that came after someone else's.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// The row.
    pub key: RowKey,
    /// What the reader wants: values, or the row deleted.
    pub wanted: Wanted,
    /// The columns in which the row is not as the reader saw it.
    pub changed: Vec<String>,
    /// The row as it is now.
    pub now: Values,
}

/// What came too late.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// These values.
    Set(Values),
    /// The row deleted.
    Delete,
}

impl Conflict {
    /// The conflict that a refusal tells of; `None` if it doesn't tell enough.
    pub fn new(change: &Change, refusal: &Refusal) -> Option<Self> {
        let (key, wanted) = match change {
            Change::Insert { .. } => return None,
            Change::Update { key, set, .. } => (key, Wanted::Set(set.clone())),
            Change::Delete { key, .. } => (key, Wanted::Delete),
        };
        Some(Self {
            key: key.clone(),
            wanted,
            changed: refusal.changed.clone(),
            now: refusal.row.clone()?,
        })
    }
}

/// The id of the panel's heading.
const HEADING: &str = "conflict-heading";

/// The panel in which the reader decides.
#[component]
pub fn ConflictPanel(session: Session) -> impl IntoView {
    changing(move || {
        session
            .conflict
            .get()
            .map(|conflict| view! { <Panel session conflict /> })
    })
}

#[component]
fn Panel(session: Session, conflict: Conflict) -> impl IntoView {
    let Conflict {
        key,
        wanted,
        changed,
        now,
    } = conflict;
    // Who it was is told by the row's past, where it reaches so far.
    let past = RwSignal::new(Vec::<Past>::new());
    {
        let (table, key) = (session.table(), key.clone());
        spawn_local(async move {
            if let Ok(history) = api::history(&table, &key, 20).await {
                // The panel may have gone meanwhile.
                let _ = past.try_set(history.changes);
            }
        });
    }
    let deleting = matches!(wanted, Wanted::Delete);
    let mine: Values = match wanted {
        Wanted::Set(values) => values,
        Wanted::Delete => Values::new(),
    };
    let names: Vec<String> = changed
        .into_iter()
        .filter(|name| deleting || mine.contains_key(name))
        .collect();
    let several = names.len() > 1 && !deleting;
    // Whose value stays, by column, where the reader decides for each.
    let keeps: HashMap<String, RwSignal<bool>> = names
        .iter()
        .map(|name| (name.clone(), RwSignal::new(true)))
        .collect();
    let rows = names
        .iter()
        .map(|name| {
            let kind = session.kind_of(name);
            let theirs = now.get(name).cloned().unwrap_or(Cell::Null);
            let keep = keeps.get(name).copied().filter(|_| several);
            view! {
                <Difference
                    name=name.clone()
                    mine=mine.get(name).map(|cell| shown(cell, kind))
                    theirs=shown(&theirs, kind)
                    past
                    keep
                />
            }
        })
        .collect_view();

    let resolve = StoredValue::new({
        let (key, mine, now) = (key.clone(), mine.clone(), now.clone());
        move |keep: &dyn Fn(&str) -> bool| {
            session.conflict.set(None);
            let set: Values = mine
                .iter()
                .filter(|(name, _)| keep(name))
                .map(|(name, cell)| (name.clone(), cell.clone()))
                .collect();
            write_over(session, &key, set, &now, deleting);
        }
    });
    let undisputed = {
        let names = names.clone();
        move |name: &str| !names.iter().any(|known| known == name)
    };
    let keep_mine = move |_| resolve.with_value(|resolve| resolve(&|_| true));
    let take_theirs = move |_| {
        if deleting {
            session.conflict.set(None);
        } else {
            resolve.with_value(|resolve| resolve(&undisputed));
        }
    };
    let keep_chosen = move |_| {
        resolve.with_value(|resolve| {
            resolve(&|name| keeps.get(name).is_none_or(|keep| keep.get_untracked()));
        });
    };
    // Whoever closes the panel without deciding has lost nothing: the value waits at its cell.
    let later = Callback::new(move |()| {
        session.conflict.set(None);
        let Some(name) = names.first().filter(|_| !deleting) else {
            return;
        };
        let text = mine
            .get(name)
            .map(|cell| shown(cell, session.kind_of(name)));
        let place = CellPlace {
            row: key.clone(),
            column: name.clone(),
        };
        session.refuse(
            place,
            text.unwrap_or_default(),
            "Someone else changed this first. Nothing of yours was saved.".to_owned(),
        );
    });
    let (title, text) = if deleting {
        (
            "This row has changed",
            "Someone changed it after you saw it. It is not deleted.",
        )
    } else {
        (
            "Someone else was first",
            "The value was changed after you began to edit it. Yours is not saved yet.",
        )
    };
    view! {
        <Modal labelled_by=HEADING class="conflict" on_close=later>
            <h2 id=HEADING>{title}</h2>
            <p class="muted">{text}</p>
            <div class="differences">{rows}</div>
            <div class="actions">
                <button type="button" class="button primary" autofocus on:click=take_theirs>
                    {if deleting { "Keep the row" } else { "Take theirs" }}
                </button>
                {several
                    .then(|| {
                        view! {
                            <button type="button" class="button" on:click=keep_chosen>
                                "Keep what is chosen"
                            </button>
                        }
                    })}
                <button
                    type="button"
                    class="button"
                    class:danger=deleting
                    on:click=keep_mine
                >
                    {if deleting { "Delete it anyway" } else { "Keep mine" }}
                </button>
            </div>
        </Modal>
    }
    .made_here()
}

/// One column's values, side by side.
#[component]
fn Difference(
    name: String,
    mine: Option<String>,
    theirs: String,
    past: RwSignal<Vec<Past>>,
    keep: Option<RwSignal<bool>>,
) -> impl IntoView {
    let column = name.clone();
    let who = move || {
        let past = past.read();
        let last = past.iter().find(|past| past.columns.contains(&column))?;
        let author = last.author.clone().unwrap_or_else(|| "someone".to_owned());
        Some(format!(
            "{author}, {}",
            time::instant(&last.at, Zone::Reader)
        ))
    };
    let group = format!("keep-{name}");
    let choice = move |yours: bool| {
        let group = group.clone();
        keep.map(|keep| {
            view! {
                <input
                    type="radio"
                    name=group
                    aria-label=if yours { "Keep mine" } else { "Take theirs" }
                    prop:checked=move || keep.get() == yours
                    on:change=move |_| keep.set(yours)
                />
            }
        })
    };
    let choice_theirs = choice(false);
    view! {
        <section class="difference" aria-label=name.clone()>
            <h3>{name.clone()}</h3>
            {mine
                .map(|mine| {
                    view! {
                        <div class="side mine">
                            <h4>{choice(true)} "Yours"</h4>
                            <pre tabindex="0" aria-label="Your value">
                                {mine}
                            </pre>
                        </div>
                    }
                })}
            <div class="side theirs">
                <h4>{choice_theirs} "Theirs" <span class="who">{changing(who)}</span></h4>
                <pre tabindex="0" aria-label="Their value">
                    {theirs}
                </pre>
            </div>
        </section>
    }
    .made_here()
}

/// A value as it is compared.
fn shown(cell: &Cell, kind: ColumnKind) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        cell => draft::text_of(cell, kind, &ReaderClock),
    }
}

/// Writes over what someone else wrote, as it was shown: if it changes once more, that is
/// another conflict.
fn write_over(session: Session, key: &RowKey, set: Values, now: &Values, delete: bool) {
    if delete {
        let change = Change::Delete {
            key: key.clone(),
            expect: now.clone(),
        };
        session.make("deletion of 1 row".to_owned(), vec![change]);
        return;
    }
    if set.is_empty() {
        return;
    }
    let theirs = |name: &String| now.get(name).cloned().unwrap_or(Cell::Null);
    if let Some(row) = session.grid.row(key) {
        let at = |name: &String| row.columns.iter().position(|of| of.column.name == *name);
        let cells: Option<Vec<_>> = set
            .iter()
            .map(|(name, cell)| Some((at(name)?, cell.clone(), theirs(name))))
            .collect();
        if let Some(cells) = cells {
            let text = cells
                .first()
                .map(|(at, cell, _)| shown(cell, row.columns[*at].column.kind));
            save::save(
                session,
                Write {
                    text: text.unwrap_or_default(),
                    expect: cells
                        .iter()
                        .map(|(at, _, theirs)| (*at, theirs.clone()))
                        .collect(),
                    set: cells.into_iter().map(|(at, cell, _)| (at, cell)).collect(),
                    row,
                },
            );
            return;
        }
    }
    let change = Change::Update {
        key: key.clone(),
        expect: set
            .keys()
            .map(|name| (name.clone(), theirs(name)))
            .collect(),
        set,
    };
    session.make("change of 1 row".to_owned(), vec![change]);
}

impl Session {
    /// What kind of values a column holds.
    pub fn kind_of(self, name: &str) -> ColumnKind {
        self.view.table.with_value(|table| {
            table
                .column(name)
                .map_or(ColumnKind::Other, |(_, column)| column.kind)
        })
    }
}
