//! What is asked before something is done to many rows, and how far it is.

use leptos::{ev, prelude::*, task::spawn_local};
use rowcast_protocol::{Cell, Column};
use wasm_bindgen::JsCast;
use web_sys::AbortController;

use super::{Bulk, Doing, MOST, Target};
use crate::{
    edit::{
        api::{self, Refusal},
        change::Values,
        field::Field,
        modal::Modal,
        session::Session,
        value_input::{Focus, Setting, ValueInput, described},
    },
    erased::{Erase, changing},
    format::number::{counted, grouped},
    grid::Selection,
};

const HEADING: &str = "bulk-heading";
const VALUE: &str = "bulk-value";

/// The dialog, while something is asked.
#[component]
pub fn BulkDialog(session: Session) -> impl IntoView {
    changing(move || {
        session
            .bulk
            .get()
            .map(|bulk| view! { <Dialog session bulk /> })
    })
}

#[component]
fn Dialog(session: Session, bulk: Bulk) -> impl IntoView {
    let Bulk { doing, rows } = bulk;
    // How many rows it is, once that is known, and what is wrong.
    let count = RwSignal::new(match &rows {
        Target::Keys(keys) => Some(keys.len() as u64),
        Target::Matching(_) => None,
    });
    let wrong = RwSignal::new(None::<String>);
    let under_way = RwSignal::new_local(None::<AbortController>);
    let busy = move || under_way.read().is_some();
    let stop = move || {
        if let Some(under_way) = under_way.try_get_untracked().flatten() {
            under_way.abort();
        }
    };
    let close = Callback::new(move |()| {
        stop();
        session.bulk.set(None);
    });
    if let Target::Matching(query) = &rows {
        let (table, query) = (session.table(), query.clone());
        spawn_local(async move {
            let asked = api::bulk(&table, &query, &api::Bulk::DryRun(true), None, None).await;
            // The dialog may have gone meanwhile.
            match asked {
                Ok(done) => drop(count.try_set(Some(done.count))),
                Err(refusal) => drop(wrong.try_set(Some(refusal.text()))),
            }
        });
    }
    let columns = columns(session);
    let column = RwSignal::new(first(session, &columns));
    let columns = StoredValue::new(columns);
    let field = StoredValue::new(None::<Field>);
    let rows = StoredValue::new(rows);
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if busy() {
            return;
        }
        let value = match (doing, field.get_value()) {
            (Doing::Set, Some(field)) => match field.value() {
                Ok(value) => Some((field.column.with_value(|of| of.name.clone()), value)),
                Err(_) => return,
            },
            (Doing::Set, None) => return,
            (Doing::Delete, _) => None,
        };
        match (rows.get_value(), value) {
            (Target::Keys(keys), Some((column, value))) => {
                session.bulk.set(None);
                super::set(session, keys, column, value);
            }
            (Target::Matching(query), value) => {
                let state = State {
                    count,
                    wrong,
                    under_way,
                };
                make(session, query, value, state);
            }
            // Rows that are deleted one by one are asked for elsewhere.
            (Target::Keys(_), None) => {}
        }
    };
    let many = move || match count.get() {
        Some(count) => counted(count, "row"),
        None => "rows".to_owned(),
    };
    let title = move || match doing {
        Doing::Set => format!("Set a value in {}", many()),
        Doing::Delete => format!("Delete {}?", many()),
    };
    let about = move || match (count.get(), doing) {
        (None, _) => "Counting the rows that match…".to_owned(),
        (Some(0), _) => "No row matches any more.".to_owned(),
        (Some(count), _) if count > MOST => format!(
            "That is more than {}: it can't be taken back.",
            grouped(MOST)
        ),
        (Some(_), Doing::Set) => "All or none of them. You can take it back afterwards.".to_owned(),
        (Some(_), Doing::Delete) => "Rows of other tables that belong to them may go with them, \
            as the database is set up. You can take it back afterwards."
            .to_owned(),
    };
    let does = move || match doing {
        Doing::Set => format!("Set in {}", many()),
        Doing::Delete => format!("Delete {}", many()),
    };
    let choose = move |event| {
        let name = event_target_value(&event);
        column.set(columns.with_value(|all| all.iter().find(|of| of.name == name).cloned()));
    };
    // The value takes the focus when the dialog opens, not when another column is chosen.
    let value = move || {
        let again = field.get_value().is_some();
        let now = column.get().map(self::field);
        field.set_value(now);
        let focus = if again { Focus::No } else { Focus::End };
        now.map(|field| view! { <Value field focus /> })
    };
    let what = (doing == Doing::Set).then(|| {
        let now = column.get_untracked().map(|of| of.name);
        let option = |column: Column| {
            let chosen = now.as_ref() == Some(&column.name);
            view! { <option selected=chosen>{column.name}</option> }
        };
        view! {
            <label class="field">
                <span>"Column"</span>
                <select on:change=choose disabled=busy>
                    {columns.get_value().into_iter().map(option).collect_view()}
                </select>
            </label>
            {changing(value)}
        }
        .made_here()
    });
    view! {
        <Modal labelled_by=HEADING class="question bulk-dialog" on_close=close>
            <form on:submit=submit novalidate>
                <h2 id=HEADING>{changing(title)}</h2>
                <p class="muted">{changing(about)}</p>
                {what}
                <p class="wrong" role="alert">
                    {wrong}
                </p>
                {changing(move || {
                    busy()
                        .then(|| view! { <progress aria-label="Writing the rows"></progress> })
                })}
                <div class="actions">
                    <button
                        type="button"
                        class="button"
                        autofocus=doing == Doing::Delete
                        on:click=move |_| close.run(())
                    >
                        {changing(move || if busy() { "Stop" } else { "Cancel" })}
                    </button>
                    <button
                        type="submit"
                        class="button"
                        class:primary=doing == Doing::Set
                        class:danger=doing == Doing::Delete
                        disabled=move || busy() || matches!(count.get(), None | Some(0))
                    >
                        {changing(does)}
                    </button>
                </div>
            </form>
        </Modal>
    }
    .made_here()
}

/// The columns that can be set.
fn columns(session: Session) -> Vec<Column> {
    session.view.table.with_value(|table| {
        let columns = table.columns.iter();
        columns.filter(|of| table.writes(of)).cloned().collect()
    })
}

/// The column that is offered first: that of the focus, or else the first that is not the key.
fn first(session: Session, columns: &[Column]) -> Option<Column> {
    let focus = session.grid.focus.get_untracked().map(|place| place.column);
    let key = session.view.table.with_value(|table| table.key.clone());
    let focused = columns.iter().find(|of| focus.as_ref() == Some(&of.name));
    let other = columns.iter().find(|of| !key.contains(&of.name));
    focused.or(other).or(columns.first()).cloned()
}

/// A field without a value: what is set is written anew, whatever the rows hold.
fn field(column: Column) -> Field {
    let field = Field::new(column, Some(Cell::Null));
    field.set_text(String::new());
    field
}

#[component]
fn Value(field: Field, focus: Focus) -> impl IntoView {
    let setting = Setting {
        id: VALUE.to_owned(),
        name: None,
        focus,
        open: false,
        on_pick: None,
    };
    let null = field.nullable().then(|| {
        view! {
            <button
                type="button"
                class="null-button"
                aria-label="Set to NULL"
                aria-pressed=move || field.null.get().to_string()
                on:click=move |_| field.set_null()
            >
                "NULL"
            </button>
        }
    });
    // As in a cell: Enter is done with it, also where a text could have another line.
    let keyed = |event: ev::KeyboardEvent| {
        let element = event.target();
        let text = element.and_then(|of| of.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
        let plain = !event.shift_key() && !event.alt_key() && !event.is_composing();
        if let Some(form) = text.and_then(|text| text.form())
            && plain
            && event.key() == "Enter"
        {
            event.prevent_default();
            // A form in the document can be sent.
            let _ = form.request_submit();
        }
    };
    view! {
        <div
            class="form-field"
            class:invalid=move || field.wrong.read().is_some()
            on:keydown=keyed
        >
            <div class="form-label">
                <label for=VALUE>"Value"</label>
                <span class="type">{field.column.with_value(|of| of.type_name.clone())}</span>
            </div>
            <div class="form-input"><ValueInput field setting /> {null}</div>
            <p class="about" id=described(VALUE)>
                <span class="wrong">{field.wrong}</span>
            </p>
        </div>
    }
    .made_here()
}

/// How far it is.
#[derive(Clone, Copy)]
struct State {
    count: RwSignal<Option<u64>>,
    wrong: RwSignal<Option<String>>,
    under_way: RwSignal<Option<AbortController>, LocalStorage>,
}

/// Sets a value in all rows that match, or deletes them.
fn make(session: Session, query: String, value: Option<(String, Cell)>, state: State) {
    // Every browser that runs this has a controller.
    let (Some(count), Ok(controller)) = (state.count.get_untracked(), AbortController::new())
    else {
        return;
    };
    let signal = controller.signal();
    state.wrong.set(None);
    state.under_way.set(Some(controller));
    let rows = counted(count, "row");
    let (bulk, label, done) = match value {
        Some((column, value)) => (
            api::Bulk::Set(Values::from([(column.clone(), value)])),
            format!("change of {column} in {rows}"),
            format!("Set {column} in {rows}."),
        ),
        None => (
            api::Bulk::Delete(true),
            format!("deletion of {rows}"),
            format!("Deleted {rows}."),
        ),
    };
    let table = session.table();
    session.enqueue(async move {
        let answer = api::bulk(&table, &query, &bulk, Some(count), Some(&signal));
        let answer = answer.await;
        if session.is_left() {
            return;
        }
        // The dialog may have gone meanwhile.
        let gone = state.under_way.try_set(None).is_some();
        match answer {
            Ok(made) => {
                // Another one may be open.
                if !gone {
                    session.bulk.set(None);
                }
                session.grid.selection.set(Selection::default());
                match made.undo {
                    Some(undo) => {
                        session.note(label, undo);
                        session.say_done(done);
                    }
                    None => {
                        session.view.live.read_again();
                        session.say(done);
                    }
                }
            }
            Err(refusal) => refused(session, state, &label, &refusal),
        }
    });
}

fn refused(session: Session, state: State, label: &str, refusal: &Refusal) {
    let text = match refusal.count {
        Some(now) => {
            // As below.
            let _ = state.count.try_set(Some(now));
            let now = counted(now, "row");
            format!("Meanwhile {now} match, so nothing was changed. Is that the right number?")
        }
        None => refusal.text(),
    };
    let gone = state.wrong.try_set(Some(text)).is_some();
    if gone && refusal.error.code != "stopped" {
        session.say_refused(label, refusal);
    }
}
