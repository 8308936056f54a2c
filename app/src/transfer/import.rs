//! The dialog that makes rows of a file.

mod source;

use leptos::{ev, html, prelude::*, task::spawn_local};
use rowcast_protocol::Column;
use serde::Deserialize;
use web_sys::Blob;

use super::{
    TransferHost,
    mapping::{Mapping, by_name, missing, parameter},
    mapping_table::MappingTable,
    upload::{self, Fault, Refusal, Report, UnderWay},
};
use crate::{
    address,
    edit::{
        api::{said, sentence},
        modal::{Modal, take_focus},
    },
    erased::{Erase, changing},
    format::number::{bytes, counted},
};
use source::{SourceInput, head};

const HEADING: &str = "import-heading";

/// How many problems of a file the server tells.
const MOST_FAULTS: usize = 100;

/// Larger files are not looked at again by themselves whenever a column is chosen.
const LARGE: f64 = 8.0 * 1024.0 * 1024.0;

/// What the dialog holds, for all of its parts.
#[derive(Clone, Copy)]
pub struct Import {
    host: TransferHost,
    /// The table's columns that are written.
    pub columns: StoredValue<Vec<Column>>,
    /// The file, and what it is called.
    file: RwSignal<Option<(Blob, String)>, LocalStorage>,
    /// Whether its first line is names.
    header: RwSignal<bool>,
    /// What its fields are called, and its first rows.
    pub looked: RwSignal<Option<Report>>,
    /// Which column each field is for.
    pub mapping: RwSignal<Mapping>,
    /// What came of looking at all of it, with this mapping.
    checked: RwSignal<Option<Report>>,
    /// What is being done, and which part of the file was sent.
    doing: RwSignal<Option<(&'static str, f64)>>,
    under_way: UnderWay,
    wrong: RwSignal<Option<String>>,
    /// How many rows were inserted.
    done: RwSignal<Option<u64>>,
}

impl Import {
    /// Takes a file: its names and first rows are looked at, and then all of it.
    pub fn take(self, file: Blob, name: String) {
        self.file.set(Some((file, name)));
        self.look();
    }

    fn look(self) {
        let Some((file, _)) = self.file.get_untracked() else {
            return;
        };
        self.looked.set(None);
        self.checked.set(None);
        spawn_local(async move {
            let head = head(&file).await;
            // Another file may have been chosen meanwhile, or the dialog closed.
            let is_still =
                |now: &Option<(Blob, String)>| now.as_ref().is_some_and(|(now, _)| *now == file);
            if self.file.try_with_untracked(is_still) != Some(true) {
                return;
            }
            let address = self.address("", true);
            if let Some(report) = self.send::<Report>("Reading", address, head).await {
                let mapping = self.columns.with_value(|all| by_name(&report.columns, all));
                self.mapping.set(mapping);
                self.looked.set(Some(report));
                self.check();
            }
        });
    }

    /// Looks at all of the file with this mapping.
    pub fn check(self) {
        self.checked.set(None);
        upload::abort(self.under_way);
        let file = self.file.get_untracked();
        let mapping = self.mapping.get_untracked();
        let (Some((file, _)), true) = (file, mapping.iter().any(Option::is_some)) else {
            self.doing.set(None);
            return;
        };
        let address = self.address(&parameter(&mapping), true);
        spawn_local(async move {
            if let Some(report) = self.send::<Report>("Checking", address, file).await {
                self.checked.set(Some(report));
            }
        });
    }

    /// Another column was chosen.
    pub fn remapped(self) {
        self.wrong.set(None);
        let size = self
            .file
            .read_untracked()
            .as_ref()
            .map(|(file, _)| file.size());
        if size.is_some_and(|size| size <= LARGE) {
            self.check();
        } else {
            upload::abort(self.under_way);
            self.doing.set(None);
            self.checked.set(None);
        }
    }

    fn insert(self) {
        #[derive(Deserialize)]
        struct Inserted {
            count: u64,
        }
        let Some((file, _)) = self.file.get_untracked() else {
            return;
        };
        let address = self.address(&parameter(&self.mapping.read_untracked()), false);
        spawn_local(async move {
            let inserted = self.send::<Inserted>("Importing", address, file).await;
            if let Some(Inserted { count }) = inserted {
                self.done.set(Some(count));
                self.host.view.live.read_again();
            }
        });
    }

    fn address(self, columns: &str, dry_run: bool) -> String {
        let mut query = format!("header={}", self.header.get_untracked());
        if !columns.is_empty() {
            query.push_str("&columns=");
            query.push_str(columns);
        }
        if dry_run {
            query.push_str("&dry_run=true");
        }
        let path = self.host.view.path.get_value();
        address::api("import", &path, &query)
    }

    /// Sends a file and shows how far that is; `None` if it was refused, which is said, or
    /// nobody waits for it any more.
    async fn send<T: serde::de::DeserializeOwned>(
        self,
        doing: &'static str,
        address: String,
        file: Blob,
    ) -> Option<T> {
        self.wrong.set(None);
        self.doing.set(Some((doing, 0.0)));
        let sent = move |part| {
            // The dialog may have gone meanwhile.
            let _ = self.doing.try_set(Some((doing, part)));
        };
        let answer = upload::send(&address, &file, self.under_way, sent).await?;
        self.doing.set(None);
        match answer {
            Ok(answer) => Some(answer),
            Err(Refusal { error, errors }) => {
                self.wrong.set(Some(match errors.is_empty() {
                    true => said(&error),
                    false => sentence(&error.message),
                }));
                self.checked.update(|checked| {
                    if let Some(checked) = checked {
                        checked.errors = errors;
                    }
                });
                None
            }
        }
    }
}

/// Asks for a file and what its fields are for, and inserts its rows.
#[component]
pub fn ImportDialog(host: TransferHost) -> impl IntoView {
    let import = Import {
        host,
        columns: StoredValue::new(host.view.table.with_value(|table| {
            let columns = table.columns.iter();
            columns.filter(|of| table.writes(of)).cloned().collect()
        })),
        file: RwSignal::new_local(None),
        header: RwSignal::new(true),
        looked: RwSignal::new(None),
        mapping: RwSignal::new(Vec::new()),
        checked: RwSignal::new(None),
        doing: RwSignal::new(None),
        under_way: RwSignal::new_local(None),
        wrong: RwSignal::new(None),
        done: RwSignal::new(None),
    };
    on_cleanup(move || upload::abort(import.under_way));
    let close = Callback::new(move |()| host.open.set(None));
    let path = host.view.path.get_value();
    let body = {
        let path = path.clone();
        move || match import.done.get() {
            Some(count) => {
                let text = format!("{} added to {path}.", were(count));
                let button = NodeRef::<html::Button>::new();
                take_focus(button);
                view! {
                    <p role="status">{text}</p>
                    <div class="actions">
                        <button
                            type="button"
                            class="button primary"
                            node_ref=button
                            on:click=move |_| close.run(())
                        >
                            "Close"
                        </button>
                    </div>
                }
                .made_here()
            }
            None => view! { <Steps import close /> }.made_here(),
        }
    };
    view! {
        <Modal labelled_by=HEADING class="transfer" on_close=close>
            <h2 id=HEADING>{format!("Import into {path}")}</h2>
            {body}
        </Modal>
    }
    .made_here()
}

fn were(count: u64) -> String {
    let verb = if count == 1 { "was" } else { "were" };
    format!("{} {verb}", counted(count, "row"))
}

#[component]
fn Steps(import: Import, close: Callback<()>) -> impl IntoView {
    let has_file = Memo::new(move |_| import.file.read().is_some());
    let source = move || (!has_file.get()).then(|| view! { <SourceInput import /> });
    let named = move || {
        let file = import.file.read();
        let (file, name) = file.as_ref()?;
        let name = format!("{name}, {}", bytes(file.size() as u64));
        let names = NodeRef::<html::Input>::new();
        take_focus(names);
        let other = move |_| {
            upload::abort(import.under_way);
            import.doing.set(None);
            import.wrong.set(None);
            import.looked.set(None);
            import.checked.set(None);
            import.file.set(None);
        };
        Some(view! {
            <div class="source-line">
                <span>{name}</span>
                <button type="button" class="button" on:click=other>
                    "Another file"
                </button>
                <label>
                    <input
                        type="checkbox"
                        node_ref=names
                        prop:checked=import.header
                        on:change=move |event| {
                            import.header.set(event_target_checked(&event));
                            import.look();
                        }
                    />
                    "The first line is names"
                </label>
            </div>
        })
    };
    let lacks = move || {
        let mapping = import.mapping.read();
        let looked = import.looked.read().is_some();
        // Also of columns that whoever imports may not write.
        let lacks = import
            .host
            .view
            .table
            .with_value(|table| missing(&mapping, &table.columns).join(", "));
        (looked && !lacks.is_empty()).then(|| {
            view! {
                <p class="meanwhile">
                    {format!("Rows need a value here that the file doesn't give them: {lacks}.")}
                </p>
            }
        })
    };
    let how_far = move || {
        let (doing, part) = import.doing.get()?;
        // What is sent whole is read by the database, and how far that is nobody says.
        let sent = Some(part).filter(|part| *part > 0.0 && *part < 1.0);
        let text = match sent {
            Some(part) => format!("{doing}: {:.0} % sent", part * 100.0),
            None => format!("{doing}…"),
        };
        Some(view! {
            <progress aria-label=doing value=sent.map(|part| part.to_string())></progress>
            <p>{text}</p>
        })
    };
    let errors = move || {
        let checked = import.checked.read();
        let errors = checked.as_ref().map(|report| report.errors.clone());
        errors
            .filter(|errors| !errors.is_empty())
            .map(|errors| view! { <Faults errors /> })
    };
    let ready = move || {
        let checked = import.checked.read();
        checked
            .as_ref()
            .filter(|report| report.errors.is_empty())
            .map(|report| report.rows)
    };
    let unchecked = move || {
        import.looked.read().is_some()
            && import.checked.read().is_none()
            && import.doing.read().is_none()
            && import.mapping.read().iter().any(Option::is_some)
    };
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if import.doing.read_untracked().is_some() {
            return;
        }
        if untrack(unchecked) {
            import.check();
        } else if untrack(ready).is_some_and(|rows| rows > 0) {
            import.insert();
        }
    };
    let does = move || match ready() {
        Some(rows) => format!("Import {}", counted(rows, "row")),
        None if unchecked() => "Check the file".to_owned(),
        None => "Import".to_owned(),
    };
    let inert = move || {
        import.doing.read().is_some() || !(unchecked() || ready().is_some_and(|rows| rows > 0))
    };
    view! {
        <form on:submit=submit>
            <p class="muted">
                "A CSV file: with commas, semicolons or tabs between its fields, in UTF-8. All of \
                 its rows are added, or none."
            </p>
            {changing(source)}
            {changing(named)}
            <MappingTable import />
            {changing(lacks)}
            <div class="how-far" role="status">{changing(how_far)}</div>
            <p class="wrong" role="alert">
                {import.wrong}
            </p>
            {changing(errors)}
            <div class="actions">
                <button type="button" class="button" on:click=move |_| close.run(())>
                    "Cancel"
                </button>
                <button type="submit" class="button primary" disabled=inert>
                    {changing(does)}
                </button>
            </div>
        </form>
    }
    .made_here()
}

/// What is wrong in the file, line by line.
#[component]
fn Faults(errors: Vec<Fault>) -> impl IntoView {
    let title = match errors.len() {
        1 => "1 problem; nothing was added".to_owned(),
        MOST_FAULTS => format!("The first {MOST_FAULTS} problems; nothing was added"),
        count => format!("{count} problems; nothing was added"),
    };
    let fault = |fault: Fault| {
        let place = match &fault.column {
            Some(column) => format!("Line {}, {column}", fault.line),
            None => format!("Line {}", fault.line),
        };
        view! {
            <li>
                <strong>{place}</strong>
                " "
                {fault.message}
            </li>
        }
    };
    view! {
        <section class="faults" aria-label="Problems" tabindex="0">
            <h3 role="alert">{title}</h3>
            <ul>{errors.into_iter().map(fault).collect_view()}</ul>
        </section>
    }
    .made_here()
}
