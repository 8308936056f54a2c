//! A new filter, or a change to one.

mod value_input;

use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowcast_protocol::{Column, ColumnKind, query::Filter};

use super::{icon, table_header::close};
use crate::{
    filter::{Choice, Input, with_filter},
    pages::table::TableView,
};
use value_input::ValueInput;

/// What the form holds: a context of the table's page.
#[derive(Clone, Copy)]
pub struct FilterDraft {
    column: RwSignal<String>,
    choice: RwSignal<Choice>,
    value: RwSignal<String>,
    /// Which filter it replaces, if not a new one.
    replace: RwSignal<Option<usize>>,
    /// Whether the form can follow what is chosen in it. Without JavaScript it can't, and
    /// offers every operator and a plain input.
    follows: RwSignal<bool>,
}

impl FilterDraft {
    /// An empty draft, provided as a context by the page.
    pub fn provide(view: TableView) -> Self {
        let first = view
            .table
            .with_value(|table| table.columns.first().cloned());
        let choice = first.as_ref().map_or(Choice::Equal, likeliest);
        let draft = Self {
            column: RwSignal::new(first.map(|column| column.name).unwrap_or_default()),
            choice: RwSignal::new(choice),
            value: RwSignal::new(String::new()),
            replace: RwSignal::new(None),
            follows: RwSignal::new(false),
        };
        provide_context(draft);
        Effect::new(move || draft.follows.set(true));
        draft
    }

    /// Starts a new filter, on the column chosen last.
    pub fn start(&self) {
        self.value.set(String::new());
        self.replace.set(None);
    }

    /// Starts a new filter on a column.
    pub fn start_on(&self, column: &Column) {
        self.start();
        self.column.set(column.name.clone());
        self.choice.set(likeliest(column));
    }

    /// Takes up the filter at `at`.
    pub fn edit(&self, at: usize, column: &str, choice: Choice, value: &str) {
        self.column.set(column.to_owned());
        self.choice.set(choice);
        self.value.set(value.to_owned());
        self.replace.set(Some(at));
    }
}

fn likeliest(column: &Column) -> Choice {
    let fitting = Choice::fitting(column.kind, column.nullable);
    fitting.first().copied().unwrap_or(Choice::Equal)
}

/// The button “Add filter” and the form that it opens.
#[component]
pub fn FilterForm(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let draft = expect_context::<FilterDraft>();
    let columns = Memo::new(move |_| view.columns());
    let column = Memo::new(move |_| {
        let name = draft.column.read();
        columns.with(|columns| columns.iter().find(|column| column.name == *name).cloned())
    });
    let kind = move || {
        column
            .read()
            .as_ref()
            .map_or(ColumnKind::Other, |column| column.kind)
    };
    let choose_column = move |event| {
        draft.column.set(event_target_value(&event));
        draft.value.set(String::new());
        if let Some(column) = column.get_untracked() {
            draft.choice.set(likeliest(&column));
        }
    };
    let choose_operator = move |event| {
        if let Some(choice) = Choice::parse(&event_target_value(&event)) {
            // What a list had preselected is no part of another kind of value.
            let labels = kind() == ColumnKind::Enum;
            if labels && draft.choice.get_untracked().input() != choice.input() {
                draft.value.set(String::new());
            }
            draft.choice.set(choice);
        }
    };
    let choices = move || {
        let now = draft.choice.get();
        let mut choices = match column.get() {
            Some(column) if draft.follows.get() => Choice::fitting(column.kind, column.nullable),
            _ => Choice::ALL.to_vec(),
        };
        if !choices.contains(&now) {
            choices.push(now);
        }
        let kind = if draft.follows.get() {
            kind()
        } else {
            ColumnKind::Other
        };
        choices
            .into_iter()
            .map(|choice| {
                view! {
                    <option value=choice.name() selected=choice == now>
                        {choice.label(kind)}
                    </option>
                }
            })
            .collect_view()
    };
    let navigate = use_navigate();
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let choice = draft.choice.get_untracked();
        let value = draft.value.get_untracked();
        if choice.input() != Input::Nothing
            && choice.input() != Input::Value
            && value.trim().is_empty()
        {
            return;
        }
        let test = choice.test(&draft.column.get_untracked(), &value);
        let next = with_filter(
            &view.query.get_untracked(),
            Filter::Test(test),
            draft.replace.get_untracked(),
        );
        close("filter-form");
        navigate(
            &view.address(&next),
            NavigateOptions {
                scroll: false,
                ..NavigateOptions::default()
            },
        );
    };
    let action = format!("{}/filter", view.root());
    let current = move || view.text(&view.query.read(), !view.scrolls.get());
    let replaced = move || {
        draft.replace.get().map(|at| {
            view! { <input type="hidden" name="replace" value=at.to_string() /> }
        })
    };
    view! {
        <button
            type="button"
            class="button add-filter"
            popovertarget="filter-form"
            on:click=move |_| draft.start()
        >
            {icon::plus()}
            <span class="label">"Add filter"</span>
        </button>
        <form
            id="filter-form"
            class="popover"
            popover="auto"
            method="get"
            action=action
            aria-label="Filter"
            on:submit=submit
        >
            <input type="hidden" name="query" value=current />
            {replaced}
            <label class="field">
                <span>"Column"</span>
                <select name="column" on:change=choose_column prop:value=draft.column>
                    {move || {
                        columns
                            .get()
                            .into_iter()
                            .map(|column| {
                                let name = column.name.clone();
                                view! { <option value=name>{column.name}</option> }
                            })
                            .collect_view()
                    }}
                </select>
            </label>
            <label class="field">
                <span>"Operator"</span>
                <select
                    name="operator"
                    on:change=choose_operator
                    prop:value=move || draft.choice.get().name()
                >
                    {choices}
                </select>
            </label>
            <ValueInput draft column />
            <div class="actions">
                <button type="submit" class="button primary">
                    {move || if draft.replace.get().is_some() { "Change" } else { "Add" }}
                </button>
                <button
                    type="button"
                    class="button"
                    popovertarget="filter-form"
                    popovertargetaction="hide"
                >
                    "Cancel"
                </button>
            </div>
        </form>
    }
    .into_any()
}
