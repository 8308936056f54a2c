//! `/tables/{table}?query`: a table's rows, live.

use leptos::{either::Either, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_params_map};
use rowcast_protocol::{ApiError, Column, Table, query::Query};

use crate::{
    address,
    components::{
        announcer::Announcer,
        filter_chips::FilterChips,
        filter_form::{FilterDraft, FilterForm},
        message::Failure,
        notices::Notices,
        pager::Pager,
        recovery::Recovery,
        row_table::RowTable,
        search_box::SearchBox,
        table_header::TableHeader,
        top_bar::TopBar,
    },
    content::{Carried, TableContent, load_table},
    edit::EditLayer,
    live::{LiveQuery, use_live_query},
};

/// What the parts of a table's page share.
#[derive(Clone, Copy)]
pub struct TableView {
    /// The table.
    pub table: StoredValue<Table>,
    /// Its name, as addresses have it.
    pub path: StoredValue<String>,
    /// The query of the address; the default one where that can't be read.
    pub query: Memo<Query>,
    /// The rows.
    pub live: LiveQuery,
}

impl TableView {
    /// The address of this table's page at another query.
    pub fn address(&self, query: &Query) -> String {
        self.path.with_value(|path| address::table(path, query))
    }

    /// The table's columns: those of the rows where they are all shown, for a table that was
    /// altered since the page was loaded sends its new ones. Behind them those that the query
    /// embeds.
    pub fn columns(&self) -> Vec<Column> {
        let shown = self.live.rows.columns.read();
        let query = self.query.read();
        if !shown.is_empty() && query.select.is_none() {
            return shown.iter().map(|shown| shown.column.clone()).collect();
        }
        let mut columns = self.table.with_value(|table| table.columns.clone());
        let embedded = shown
            .iter()
            .map(|shown| &shown.column)
            .filter(|column| query.embedded(&column.name).is_some());
        columns.extend(embedded.cloned());
        columns
    }

    /// The address with nothing filtered.
    pub fn root(&self) -> String {
        self.path.with_value(|path| address::table_root(path))
    }
}

/// The page of one table.
#[component]
pub fn TablePage() -> impl IntoView {
    let params = use_params_map();
    let path = Memo::new(move |_| params.read().get("table").unwrap_or_default());
    let search = use_location().search;
    let content = Resource::<Carried<TableContent>, _>::new_str_blocking(
        move || path.get(),
        move |path| load_table(path, search.get_untracked()),
    );
    view! {
        <Suspense fallback=Loading>
            {move || {
                content
                    .get()
                    .map(|Carried(content)| {
                        let TableContent { tables, table, first, error } = content;
                        match table {
                            Some(table) => {
                                Either::Left(view! { <Shown tables table first error /> })
                            }
                            None => Either::Right(view! { <Missing error /> }),
                        }
                    })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Shown(
    tables: Vec<crate::content::TableName>,
    table: Table,
    first: Option<rowcast_protocol::message::Snapshot>,
    error: Option<ApiError>,
) -> impl IntoView {
    let search = use_location().search;
    let asked = Memo::new(move |_| Query::parse(&search.read()));
    let query = Memo::new(move |_| asked.get().unwrap_or_default());
    let text = Memo::new(move |_| asked.get().map(|query| query.to_query_string()));
    let path = table.path();
    let live = table.live;
    let view = TableView {
        query,
        live: use_live_query(path.clone(), live, first, error, text),
        path: StoredValue::new(path.clone()),
        table: StoredValue::new(table),
    };
    FilterDraft::provide(view);
    crate::grid::GridState::provide(view.live, crate::grid::Layout::default());
    view! {
        <Title text=path />
        <div class="page table-page">
            <TopBar>
                <TableHeader view tables />
            </TopBar>
            <div class="toolbar" role="toolbar" aria-label="Search and filter">
                <SearchBox view />
                <FilterForm view />
                <FilterChips view />
            </div>
            <Notices view />
            <RowTable view />
            <Pager view />
            <EditLayer view />
            {live.then(|| view! { <Announcer view /> })}
        </div>
    }
    .into_any()
}

#[component]
fn Missing(error: Option<ApiError>) -> impl IntoView {
    let error = error.unwrap_or_else(|| {
        ApiError::new(
            "unknown_table",
            "There is no such table.",
            "It may have been dropped.",
        )
    });
    view! {
        <Title text="Not found" />
        <div class="page">
            <TopBar>""</TopBar>
            <main>
                <Recovery error=error.clone() />
                <Failure error>
                    <a class="button" href="/">
                        "All tables"
                    </a>
                </Failure>
            </main>
        </div>
    }
    .into_any()
}

#[component]
fn Loading() -> impl IntoView {
    view! {
        <div class="page table-page">
            <TopBar>
                <span class="crumb muted">"Loading…"</span>
            </TopBar>
            <main class="rows" aria-busy="true">
                <div class="skeleton" aria-hidden="true"></div>
            </main>
        </div>
    }
}
