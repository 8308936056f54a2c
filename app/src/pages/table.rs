//! `/tables/{table}?query`: a table's rows, live.

#[cfg(feature = "hydrate")]
mod altered;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_params_map},
};
use rowcast_protocol::{
    ApiError, Column, Table,
    query::{DEFAULT_LIMIT, Query},
};

use crate::{
    address,
    charts::{Charts, ChartsButton, ChartsPanel},
    commands::Commands,
    components::{
        announcer::Announcer,
        column_menu::{ColumnMenu, ColumnMenuOf},
        columns_menu::ColumnsMenu,
        filter_chips::FilterChips,
        filter_panel::{FilterHost, FilterPanel},
        message::Failure,
        notices::Notices,
        pager::Pager,
        recovery::Recovery,
        row_table::RowTable,
        search_box::SearchBox,
        table_header::TableHeader,
        title::PageTitle,
        top_bar::TopBar,
    },
    content::{Carried, Content, TableContent, content_of, load_table},
    edit::{EditLayer, NewRowButton},
    erased::{Erase, Erased, changing, effect},
    format::clock::Clock,
    grid::{GridState, Layout, layout::shown_parameters, slice::Slice},
    lazy::{self, Lazy},
    live::{
        Asked, LiveQuery,
        status::{Link, LiveStatus},
        use_live_query,
    },
    looks::{LooksDialog, LooksOf},
    page_data::status_of,
    saved_views::{ALL, SavedView, SavedViews, ViewsButton},
    signed_in::SignedIn,
    transfer::TransferButtons,
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
    /// The parameters of the address that are about how rows are shown.
    pub shown: Memo<String>,
    /// Whether the page scrolls through the whole result. An address that says which slice it
    /// shows is that page.
    pub scrolls: Memo<bool>,
    /// The slice that is followed while the page scrolls, and of which query.
    pub window: RwSignal<Option<(Query, Slice)>>,
    /// The table's saved views, as far as the page knows of them.
    pub views: SavedViews,
}

impl TableView {
    /// The address of this table's page at another query, shown as this one is.
    pub fn address(&self, query: &Query) -> String {
        self.at(&self.text(query, !self.scrolls.get()))
    }

    /// The address of that page of the query's rows.
    pub fn page_address(&self, query: &Query) -> String {
        self.at(&self.text(query, true))
    }

    /// The address of a page that scrolls through the query's rows.
    pub fn scrolled_address(&self, query: &Query) -> String {
        self.at(&self.text(query, false))
    }

    /// The address's own query, shown some other way.
    pub fn address_shown(&self, shown: &str) -> String {
        let query = self.query.read_untracked();
        let own = query_text(&query, !self.scrolls.get_untracked());
        self.at(&joined([&own, shown]))
    }

    /// The text of a query in this page's address.
    pub fn text(&self, query: &Query, paged: bool) -> String {
        joined([&query_text(query, paged), &self.shown.read()])
    }

    /// The names of the columns that rows have, in the query's order.
    pub fn column_names(&self) -> Vec<String> {
        let columns = self.live.rows.columns.read_untracked();
        columns.iter().map(|of| of.column.name.clone()).collect()
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
        self.at("")
    }

    /// The address of this table's page with these parameters. Without any it would be what the
    /// table opens with.
    fn at(&self, parameters: &str) -> String {
        let opens_otherwise = parameters.is_empty() && self.views.opens_with().is_some();
        let parameters = if opens_otherwise { ALL } else { parameters };
        self.path
            .with_value(|path| address::table_at(path, parameters))
    }
}

/// Whether an address says which slice of the rows it shows.
pub(crate) fn is_page(search: &str) -> bool {
    search.split('&').any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        matches!(name, "limit" | "offset") && !value.is_empty()
    })
}

/// A query's text; that of a page says so even where its slice is the one by default.
pub(crate) fn query_text(query: &Query, paged: bool) -> String {
    let text = query.to_query_string();
    if paged && !is_page(&text) {
        joined([&text, &format!("limit={DEFAULT_LIMIT}")])
    } else {
        text
    }
}

/// Parameters one after the other.
fn joined(parts: [&str; 2]) -> String {
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("&")
}

/// The layout is in the address: what the reader changes goes there, and where the address
/// goes, back or forward, the layout follows.
fn keep_in_address(view: TableView, grid: GridState) {
    let navigate = use_navigate();
    Effect::new(move |before: Option<String>| {
        let shown = view.shown.get();
        let layout = Layout::parse(&shown);
        if before.is_some_and(|before| before != shown) && *grid.layout.read_untracked() != layout {
            grid.layout.set(layout);
        }
        shown
    });
    Effect::new(move |before: Option<bool>| {
        let layout = grid.layout.get();
        let shown = view.shown.get_untracked();
        if before.is_some() && Layout::parse(&shown) != layout {
            let shown = layout.written_over(&shown);
            navigate(
                &view.address_shown(&shown),
                NavigateOptions {
                    replace: true,
                    scroll: false,
                    ..NavigateOptions::default()
                },
            );
        }
        true
    });
}

/// An address without parameters is the table as it opens. Who is there already stays where they
/// are when that changes.
fn open_as_set_up(view: TableView) {
    let location = use_location();
    let navigate = use_navigate();
    let own = location.pathname.get_untracked();
    effect(move || {
        // The next page's address comes before this page goes.
        if location.search.read().is_empty()
            && *location.pathname.read() == own
            && let Some(parameters) = untrack(|| view.views.opens_with())
        {
            let path = view.path.read_value();
            let to = address::table_at(&path, &parameters);
            drop(path);
            // The way here from another page may not be in the history yet: then this takes its
            // place there, not that of the other page.
            let here = window().location().pathname().ok();
            navigate(
                &to,
                NavigateOptions {
                    replace: here.as_ref() == Some(&own),
                    ..NavigateOptions::default()
                },
            );
        }
    });
}

/// Has the rows marked that have comments, once the page is live.
fn count_comments(view: TableView, grid: GridState) {
    let part = Lazy::<()>::new(lazy::part!(comment_counts(view, grid)));
    let status = expect_context::<LiveStatus>();
    effect(move || {
        if status.link.get() == Link::Live {
            part.want();
        }
    });
}

/// The page of one table.
#[component]
pub fn TablePage() -> impl IntoView {
    let params = use_params_map();
    let path = Memo::new(move |_| params.read().get("table").unwrap_or_default());
    let search = use_location().search;
    let content = content_of(
        Box::new(move || path.get()),
        Box::new(move |path| load_table(path, search.get_untracked())),
    );
    view! {
        <Suspense fallback=Loading>
            {changing(move || {
                let Carried(Content::Table(content)) = content.get()? else {
                    return None;
                };
                let TableContent { tables, table, first, error, views } = *content;
                Some(match table {
                    Some(table) => {
                        view! { <Shown tables table first error views /> }.settled()
                    }
                    None => view! { <Missing error /> }.settled(),
                })
            })}
        </Suspense>
    }
    .settled()
}

#[component]
fn Shown(
    tables: Vec<crate::content::TableName>,
    table: Table,
    first: Option<rowcast_protocol::message::Snapshot>,
    error: Option<ApiError>,
    views: Vec<SavedView>,
) -> impl IntoView {
    let search = use_location().search;
    let parsed = Memo::new(move |_| Query::parse(&search.read()));
    let query = Memo::new(move |_| parsed.get().unwrap_or_default());
    let scrolls = Memo::new(move |_| !is_page(&search.read()));
    let shown = Memo::new(move |_| shown_parameters(&search.read()));
    let window = RwSignal::new(None::<(Query, Slice)>);
    let asked = Memo::new(move |_| {
        let mut query = parsed.get()?;
        let slides = scrolls.get();
        if let Some((of, slice)) = &*window.read()
            && slides
            && *of == query
        {
            query.offset = slice.offset;
            query.limit = slice.limit;
        }
        Ok(Asked { query, slides })
    });
    let path = table.path();
    let live = table.live;
    let view = TableView {
        query,
        live: use_live_query(path.clone(), live, first, error, asked),
        path: StoredValue::new(path.clone()),
        table: StoredValue::new(table),
        shown,
        scrolls,
        window,
        views: SavedViews(RwSignal::new(views)),
    };
    Commands::provide();
    #[cfg(feature = "hydrate")]
    altered::follow(view);
    open_as_set_up(view);
    let filter = FilterHost::provide(view);
    let grid = GridState::provide(view.live, Layout::parse(&shown.read_untracked()));
    grid.follow();
    grid.add_commands();
    ColumnMenuOf::provide(view);
    provide_context(LooksOf::default());
    Charts::provide(view, grid);
    Clock::provide(grid);
    keep_in_address(view, grid);
    if live && SignedIn::current().is_some() {
        count_comments(view, grid);
    }
    view! {
        <PageTitle text=path />
        <div class="page table-page">
            <TopBar>
                <TableHeader view tables />
            </TopBar>
            <div class="toolbar" role="toolbar" aria-label="Search and filter">
                <ViewsButton view />
                <SearchBox view />
                <FilterPanel host=filter />
                <FilterChips view />
                <NewRowButton view />
                <ChartsButton />
                <TransferButtons view />
                <ColumnsMenu view />
            </div>
            <Notices view />
            <ChartsPanel />
            <RowTable view />
            <ColumnMenu />
            <LooksDialog />
            <Pager view />
            <EditLayer view />
            {live.then(|| view! { <Announcer view /> })}
        </div>
    }
    .settled()
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
    let passes = status_of(&error.code) == 503;
    let (title, again) = match passes {
        true => ("Try again in a moment", Some(again())),
        false => ("Not found", None),
    };
    view! {
        <PageTitle text=title />
        <div class="page">
            <TopBar />
            <main>
                <Recovery error=error.clone() />
                <Failure error>
                    {again}
                    <a class="button" href="/">
                        "All tables"
                    </a>
                </Failure>
            </main>
        </div>
    }
    .settled()
}

/// A link to this page, for one that could not be made.
fn again() -> Erased {
    let at = use_location();
    let path = at.pathname.get_untracked();
    let address = match at.search.get_untracked() {
        search if search.is_empty() => path,
        search => format!("{path}?{search}"),
    };
    view! {
        <a class="button" href=address rel="external">
            "Try again"
        </a>
    }
    .settled()
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
    .settled()
}
