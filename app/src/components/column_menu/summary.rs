//! The figure below a column.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowcast_protocol::{
    Column, ColumnKind,
    query::{Function, MAX_AGGREGATES},
};

use crate::{
    erased::{Erase, handler},
    pages::table::TableView,
};

/// A choice of what is summed up below a column; none for a column of a related row.
#[component]
pub fn SummaryField(
    /// The page's shared state.
    view: TableView,
    /// The column.
    column: Column,
) -> impl IntoView {
    let is_own = view
        .table
        .with_value(|table| table.column(&column.name).is_some());
    if !is_own {
        return ().made_here();
    }
    let query = view.query.get();
    let own: Vec<Function> = query.summaries_of(&column.name).collect();
    let is_full = own.is_empty() && query.aggregates.len() >= MAX_AGGREGATES;
    let option = |function: Function| {
        let selected = own == [function];
        view! {
            <option value=function.word() prop:selected=selected>
                {name_of(function, column.kind)}
            </option>
        }
    };
    let options = Function::ALL
        .into_iter()
        .filter(|function| function.fits(&column))
        .map(option)
        .collect_view();
    // An address can ask for more than one.
    let several = (own.len() > 1).then(|| {
        view! {
            <option disabled prop:selected=true>
                "Several"
            </option>
        }
    });
    let navigate = use_navigate();
    let name = column.name;
    let choose = move |event| {
        let word = event_target_value(&event);
        let function = Function::ALL.into_iter().find(|of| of.word() == word);
        let next = view.query.get_untracked().with_summary(&name, function);
        let options = NavigateOptions {
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate(&untrack(|| view.address(&next)), options);
    };
    view! {
        <label class="menu-field">
            "Summary"
            <select
                disabled=is_full
                title=is_full.then(|| format!("At most {MAX_AGGREGATES} columns have a summary"))
                on:change=handler(choose)
            >
                <option value="" prop:selected=own.is_empty()>
                    "None"
                </option>
                {several}
                {options}
            </select>
        </label>
    }
    .made_here()
}

fn name_of(function: Function, kind: ColumnKind) -> &'static str {
    let is_time = matches!(
        kind,
        ColumnKind::Date | ColumnKind::Time | ColumnKind::Timestamp | ColumnKind::TimestampTz
    );
    match function {
        Function::Sum => "Sum",
        Function::Avg => "Average",
        Function::Min if is_time => "Earliest",
        Function::Max if is_time => "Latest",
        Function::Min => "Minimum",
        Function::Max => "Maximum",
        Function::Count => "Count of values",
        Function::Distinct => "Different values",
        Function::CountBy => "Rows of each value",
    }
}
