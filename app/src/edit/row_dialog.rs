//! A row as a whole: a new one, or one to look at and change.

mod comments;
mod followed;
mod form_field;

use leptos::{ev, prelude::*, task::spawn_local};
use rowcast_protocol::{Cell, Column};

use super::{
    api::{self, Refusal},
    change::{Change, Values},
    conflict::Conflict,
    delete,
    field::Field,
    history::History,
    modal::Modal,
    rows,
    session::Session,
};
use crate::{
    components::icon,
    erased::{Erase, changing},
    live::rows::LiveRow,
    signed_in::SignedIn,
};
use comments::RowComments;
use followed::Followed;
use form_field::FormField;

/// The row that the dialog shows.
#[derive(Clone)]
pub struct RowDialog {
    /// The row, unless it is a new one.
    row: Option<LiveRow>,
    /// Its fields, in the order of the table's columns.
    fields: Vec<Field>,
    /// Holds the fields for as long as the dialog is open.
    _owner: Owner,
}

/// The id of the dialog's heading.
const HEADING: &str = "row-heading";

/// What is said of a row that is followed and there no more.
const GONE: &str =
    "The row is gone: it was deleted, its key was changed, or you may not see it any more.";

/// Opens the dialog for a new row, like `template` if there is one: with its values, except
/// for those that the database finds by itself.
pub fn create(session: Session, template: Option<Values>) {
    if let Some(text) = session.insert_obstacle() {
        session.say(text);
        return;
    }
    let owner = session.owner.with_value(Owner::child);
    let fields = session.view.table.with_value(|table| {
        let field = |column: &Column| {
            let field = owner.with(|| Field::new(column.clone(), None));
            let own = table.key.contains(&column.name) && column.has_default;
            let value = template.as_ref().and_then(|row| row.get(&column.name));
            if let Some(value) = value.filter(|_| !own && table.writes(column)) {
                field.set(value);
            }
            field
        };
        table.columns.iter().map(field).collect()
    });
    session.dialog.set(Some(RowDialog {
        row: None,
        fields,
        _owner: owner,
    }));
}

/// Opens the dialog for a new row like this one.
pub fn duplicate(session: Session, row: LiveRow) {
    with_whole(session, row, |session, _, values| {
        create(session, Some(values))
    });
}

/// Opens the dialog of a row.
pub fn detail(session: Session, row: LiveRow) {
    with_whole(session, row, |session, row, values| {
        let owner = session.owner.with_value(Owner::child);
        let fields = session.view.table.with_value(|table| {
            let field = |column: &Column| {
                let value = values.get(&column.name).cloned().unwrap_or(Cell::Null);
                owner.with(|| Field::new(column.clone(), Some(value)))
            };
            table.columns.iter().map(field).collect()
        });
        session.dialog.set(Some(RowDialog {
            row: Some(row),
            fields,
            _owner: owner,
        }));
    });
}

fn with_whole(session: Session, row: LiveRow, then: fn(Session, LiveRow, Values)) {
    let seen = session.values(&row);
    let all = session.view.table.with_value(|table| {
        let mut columns = table.columns.iter();
        columns.all(|column| seen.contains_key(&column.name))
    });
    if all {
        then(session, row, seen);
        return;
    }
    spawn_local(async move {
        let found = rows::read(session, &row.key).await;
        if session.is_left() {
            return;
        }
        match found {
            Ok(values) => then(session, row, values),
            Err(why) => session.say(why),
        }
    });
}

/// The dialog.
#[component]
pub fn RowDialogView(session: Session) -> impl IntoView {
    changing(move || {
        session
            .dialog
            .get()
            .map(|dialog| view! { <Form session dialog /> })
    })
}

#[component]
fn Form(session: Session, dialog: RowDialog) -> impl IntoView {
    let RowDialog { row, fields, .. } = dialog;
    let table = session.table();
    let title = match &row {
        None => format!("New row in {table}"),
        Some(row) => format!("{table} {}", row.key_text()),
    };
    let wrong = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let fields = StoredValue::new(fields);
    let close = Callback::new(move |()| session.dialog.set(None));
    let followed = row.clone().map(|row| Followed::begin(session, row));
    if let Some(followed) = &followed {
        followed.fill(&fields.get_value());
    }
    let editable = match &row {
        None => true,
        Some(_) => session.obstacle().is_none(),
    };
    let is_gone = {
        let followed = followed.clone();
        // What the reader does to it themselves is told by the answer.
        Memo::new(move |_| !busy.get() && followed.as_ref().is_some_and(Followed::is_gone))
    };
    let saved = StoredValue::new(row.clone());
    let send = move || {
        if !busy.get_untracked() && !is_gone.get_untracked() {
            save(session, saved.get_value(), &fields.get_value(), wrong, busy);
        }
    };
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        send();
    };
    let keyed = move |event: ev::KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            send();
        }
    };
    let inputs = fields
        .get_value()
        .into_iter()
        .enumerate()
        .map(|(at, field)| {
            let writable = editable && is_written(session, field);
            view! { <FormField field at writable followed=followed.clone() session /> }
        })
        .collect_view();
    let key = row.as_ref().map(|row| row.key.clone());
    let actions = row.clone().map(|row| {
        let (copied, deleted) = (row.clone(), row);
        let followed = followed.clone();
        let copy = move |_| match untrack(|| followed.as_ref().and_then(Followed::values)) {
            Some(values) => create(session, Some(values)),
            None => duplicate(session, copied.clone()),
        };
        let duplicate = session.insert_obstacle().is_none().then(|| {
            view! {
                <button
                    type="button"
                    class="button"
                    disabled=move || is_gone.get()
                    on:click=copy
                >
                    "Duplicate"
                </button>
            }
            .made_here()
        });
        let delete = session.delete_obstacle().is_none().then(|| {
            view! {
                <button
                    type="button"
                    class="button danger"
                    disabled=move || is_gone.get()
                    on:click=move |_| delete::ask(session, vec![deleted.key.clone()])
                >
                    "Delete"
                </button>
            }
            .made_here()
        });
        view! { <span class="row-actions">{duplicate} {delete}</span> }
    });
    let new = row.is_none();
    let has_thread =
        SignedIn::current().is_some() && session.view.table.with_value(|table| table.may.comment);
    let save_button = editable.then(|| {
        view! {
            <button type="submit" class="button primary" disabled=move || busy.get() || is_gone.get()>
                {if new { "Add row" } else { "Save" }}
            </button>
        }
        .made_here()
    });
    view! {
        <Modal labelled_by=HEADING class="row-dialog" on_close=close>
            <form on:submit=submit on:keydown=keyed novalidate>
                <header>
                    <h2 id=HEADING>{title}</h2>
                    <button
                        type="button"
                        class="icon-button"
                        aria-label="Close"
                        on:click=move |_| close.run(())
                    >
                        {icon::cross()}
                    </button>
                </header>
                <div class="form-body">
                    <p class="notice refused" role="status" hidden=move || !is_gone.get()>
                        {changing(move || is_gone.get().then_some(GONE))}
                    </p>
                    {inputs}
                    {key
                        .clone()
                        .filter(|_| has_thread)
                        .map(|key| view! { <RowComments session key /> })}
                    {key.map(|key| view! { <History session key fields=fields.get_value() /> })}
                </div>
                <footer>
                    <p class="wrong" role="alert">
                        {wrong}
                    </p>
                    {actions} {save_button}
                </footer>
            </form>
        </Modal>
    }
    .made_here()
}

/// Saves what was filled in: a new row, or what differs in the one there is.
fn save(
    session: Session,
    row: Option<LiveRow>,
    fields: &[Field],
    wrong: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
) {
    wrong.set(None);
    let (mut set, mut expect) = (Values::new(), Values::new());
    let mut complete = true;
    for field in fields {
        let column = field.column.get_value();
        if !is_written(session, *field) {
            continue;
        }
        let needed = row.is_none() && !column.nullable && !column.has_default;
        if needed && !field.touched.get_untracked() {
            field.wrong.set(Some("A value is needed.".to_owned()));
            complete = false;
            continue;
        }
        match field.changed() {
            Err(_) => complete = false,
            Ok(None) => {}
            Ok(Some(value)) => {
                if let Some(seen) = field.seen.get_untracked() {
                    expect.insert(column.name.clone(), seen);
                }
                set.insert(column.name, value);
            }
        }
    }
    if !complete {
        focus_wrong(fields);
        return;
    }
    let change = match &row {
        None => Change::Insert {
            row: set,
            restore: false,
        },
        Some(_) if set.is_empty() => {
            session.dialog.set(None);
            return;
        }
        Some(row) => Change::Update {
            key: row.key.clone(),
            set,
            expect,
        },
    };
    let label = match row {
        None => "new row".to_owned(),
        Some(_) => "change of 1 row".to_owned(),
    };
    let fields = fields.to_vec();
    busy.set(true);
    let table = session.table();
    session.enqueue(async move {
        let changes = [change];
        let answer = api::make(&table, &changes).await;
        if session.is_left() {
            return;
        }
        // The dialog may have gone meanwhile; what is open then is another row's.
        let is_there = busy.try_set(false).is_none();
        let close = || {
            if is_there {
                session.dialog.set(None);
            }
        };
        match answer {
            Ok(made) => {
                close();
                if matches!(changes[0], Change::Insert { .. }) {
                    session.say_done("The row is added.");
                }
                session.note_done(label, &changes, &made);
            }
            Err(refusal) if refusal.is_conflict() => {
                let conflict = Conflict::new(&changes[0], &refusal);
                close();
                session.conflict.set(conflict);
            }
            Err(refusal) if is_there => say(&refusal, &fields, wrong),
            Err(refusal) => session.say(refusal.text()),
        }
    });
}

/// Whether the reader may write the field's column, and the database does not.
fn is_written(session: Session, field: Field) -> bool {
    session.view.table.with_value(|table| {
        field
            .column
            .try_with_value(|column| table.writes(column))
            .unwrap_or(false)
    })
}

/// Says what was refused at the fields that it is about.
fn say(refusal: &Refusal, fields: &[Field], wrong: RwSignal<Option<String>>) {
    let mut said = false;
    for field in fields {
        let about = field
            .column
            .try_with_value(|column| refusal.columns.contains(&column.name));
        if about == Some(true) {
            field.wrong.set(Some(refusal.text()));
            said = true;
        }
    }
    if said {
        focus_wrong(fields);
    } else {
        wrong.set(Some(refusal.text()));
    }
}

fn focus_wrong(fields: &[Field]) {
    use wasm_bindgen::JsCast;
    let at = fields
        .iter()
        .position(|field| field.wrong.read_untracked().is_some());
    let element = at.and_then(|at| document().get_element_by_id(&form_field::id(at)));
    if let Some(element) =
        element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok())
    {
        // An input that is there and not disabled takes the focus.
        let _ = element.focus();
    }
}
