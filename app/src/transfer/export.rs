//! The dialog that makes a file of the rows.

use leptos::{ev, prelude::*, task::spawn_local};
use web_sys::AbortController;

use super::{
    TransferHost,
    download::{Outcome, download},
    selected::of_columns,
    tally::{Format, Tally},
};
use crate::{
    address,
    edit::modal::Modal,
    erased::{Erase, changing},
    format::number::{bytes, counted, grouped},
};

const HEADING: &str = "export-heading";

/// Asks what the file should hold, and gets it.
#[component]
pub fn ExportDialog(host: TransferHost) -> impl IntoView {
    let view = host.view;
    let path = view.path.get_value();
    let total = view.live.rows.total;
    let format = RwSignal::new(Format::Csv);
    let escape = RwSignal::new(true);
    let columns = StoredValue::new(columns(host));
    let chosen = move || -> Vec<String> {
        columns.with_value(|columns| {
            let chosen = columns.iter().filter(|(_, chosen)| chosen.get());
            chosen.map(|(name, _)| name.clone()).collect()
        })
    };
    let progress = RwSignal::new(None::<Tally>);
    let said = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<String>);
    let under_way = RwSignal::new_local(None::<AbortController>);
    let stop = move || {
        if let Some(under_way) = under_way.try_get_untracked().flatten() {
            under_way.abort();
        }
    };
    on_cleanup(stop);
    let close = Callback::new(move |()| host.open.set(None));
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        // Every browser that runs this has a controller.
        let (Ok(controller), None) = (AbortController::new(), under_way.get_untracked()) else {
            return;
        };
        let (address, name, format) = untrack(|| {
            let format = format.get();
            let query = of_columns(&view.query.read(), &chosen());
            let mut text = query.to_query_string();
            if format == Format::Csv && escape.get() {
                text.push_str("&escape=formulas");
            }
            let name = view
                .path
                .with_value(|path| format!("{path}.{}", format.ending()));
            (address::api("rows", &name, &text), name, format)
        });
        wrong.set(None);
        said.set(String::new());
        progress.set(Some(Tally::new(format)));
        under_way.set(Some(controller.clone()));
        spawn_local(async move {
            let comes = move |tally| {
                // The dialog may have gone meanwhile.
                let _ = progress.try_set(Some(tally));
            };
            let outcome = download(&address, &name, format, &controller, comes).await;
            if under_way.try_set(None).is_some() {
                return;
            }
            progress.set(None);
            match outcome {
                Ok(Outcome::Saved(tally)) => {
                    said.set(format!(
                        "{name}: {} in {}.",
                        counted(tally.rows(), "row"),
                        bytes(tally.bytes)
                    ));
                }
                Ok(Outcome::Handed) => said.set(format!(
                    "{name} is large: your browser goes on by itself and shows how far it is."
                )),
                Ok(Outcome::Stopped) => said.set("Stopped; nothing was saved.".to_owned()),
                Err(refusal) => wrong.set(Some(refusal.text())),
            }
        });
    };
    let busy = move || under_way.read().is_some();
    let about = move || match total.get() {
        Some(0) => "No row matches: the file will hold the columns’ names alone.".to_owned(),
        Some(1) => "The row that matches, whichever is on the screen.".to_owned(),
        Some(total) => format!(
            "All {} rows that match, in their order, whichever are on the screen.",
            grouped(total)
        ),
        None => "All rows that match, in their order.".to_owned(),
    };
    let formats = [
        (Format::Csv, "CSV, for spreadsheets"),
        (Format::Json, "JSON"),
    ];
    let formats = formats.into_iter().map(move |(of, label)| {
        view! {
            <label>
                <input
                    type="radio"
                    name="export-format"
                    prop:checked=move || format.get() == of
                    on:change=move |_| format.set(of)
                />
                {label}
            </label>
        }
    });
    let boxes = columns.with_value(|columns| {
        let column = |(name, chosen): &(String, RwSignal<bool>)| {
            let chosen = *chosen;
            view! {
                <label>
                    <input
                        type="checkbox"
                        prop:checked=chosen
                        on:change=move |event| chosen.set(event_target_checked(&event))
                    />
                    {name.clone()}
                </label>
            }
        };
        columns.iter().map(column).collect_view()
    });
    let every = move |on: bool| {
        columns.with_value(|columns| columns.iter().for_each(|(_, chosen)| chosen.set(on)));
    };
    let how_far = move || {
        let tally = progress.get()?;
        let total = total.get_untracked().filter(|total| *total > 0);
        let part = total.map(|total| (tally.rows() as f64 / total as f64).min(1.0).to_string());
        Some(view! {
            <progress aria-label="Download" value=part></progress>
            <p>
                {format!("{} · {}", counted(tally.rows(), "row"), bytes(tally.bytes))}
            </p>
        })
    };
    view! {
        <Modal labelled_by=HEADING class="transfer" on_close=close>
            <form on:submit=submit>
                <h2 id=HEADING>{format!("Export {path}")}</h2>
                <p class="muted">{changing(about)}</p>
                <fieldset class="field labels">
                    <legend>"File"</legend>
                    {formats.collect_view()}
                    <label hidden=move || format.get() != Format::Csv>
                        <input
                            type="checkbox"
                            prop:checked=escape
                            on:change=move |event| escape.set(event_target_checked(&event))
                        />
                        "Mark text that looks like a formula as text (an apostrophe before =, +, -, @)"
                    </label>
                </fieldset>
                <fieldset class="field labels">
                    <legend>
                        "Columns "
                        {changing(move || {
                            let all = columns.with_value(Vec::len);
                            format!("({} of {all})", chosen().len())
                        })}
                    </legend>
                    {boxes}
                </fieldset>
                <p class="actions start">
                    <button type="button" class="button" on:click=move |_| every(true)>
                        "All columns"
                    </button>
                    <button type="button" class="button" on:click=move |_| every(false)>
                        "None"
                    </button>
                </p>
                <div class="how-far">{changing(how_far)}</div>
                <p role="status">{said}</p>
                <p class="wrong" role="alert">
                    {wrong}
                </p>
                <div class="actions">
                    <button
                        type="button"
                        class="button"
                        on:click=move |_| if busy() { stop() } else { close.run(()) }
                    >
                        {changing(move || match (busy(), said.read().is_empty()) {
                            (true, _) => "Stop",
                            (false, true) => "Cancel",
                            (false, false) => "Close",
                        })}
                    </button>
                    <button
                        type="submit"
                        class="button primary"
                        autofocus
                        disabled=move || busy() || chosen().is_empty()
                    >
                        "Download"
                    </button>
                </div>
            </form>
        </Modal>
    }
    .made_here()
}

/// The columns there are, and which of them are chosen at first: those that are shown, as they
/// are shown, then those that are hidden, then those that the query leaves out.
fn columns(host: TransferHost) -> Vec<(String, RwSignal<bool>)> {
    let names = host.view.column_names();
    let arranged = host.grid.arranged.get_untracked().order;
    let shown: Vec<String> = arranged
        .iter()
        .filter_map(|at| names.get(*at).cloned())
        .collect();
    let table = host.view.table.with_value(|table| {
        let columns = table.columns.iter();
        columns
            .map(|column| column.name.clone())
            .collect::<Vec<_>>()
    });
    let mut all: Vec<(String, RwSignal<bool>)> = shown
        .into_iter()
        .map(|name| (name, RwSignal::new(true)))
        .collect();
    for name in names.into_iter().chain(table) {
        if !all.iter().any(|(of, _)| *of == name) {
            all.push((name, RwSignal::new(false)));
        }
    }
    all
}
