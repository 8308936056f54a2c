//! `/`: the tables.

use leptos::{html, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use rowcast_protocol::{Table, TableKind};

use crate::{
    address,
    components::{
        icon, message::Failure, recovery::Recovery, title::PageTitle, top_bar::TopBar,
        watch_hint::WatchHint,
    },
    content::{Carried, Content, content_of, load_tables},
    erased::{Erase, changing, effect, handler},
    format::{
        letters::lower,
        number::{grouped, rounded},
    },
};

/// The list of tables, which `q` narrows.
#[component]
pub fn HomePage() -> impl IntoView {
    let content = content_of(Box::new(String::new), Box::new(|_| load_tables()));
    view! {
        <PageTitle text="Tables" />
        <div class="page">
            <TopBar>
                <h1 class="crumb">"Tables"</h1>
            </TopBar>
            <Suspense fallback=|| {
                view! { <main class="home" aria-busy="true"></main> }.settled()
            }>
                {changing(move || {
                    let Carried(Content::Tables(tables)) = content.get()? else {
                        return None;
                    };
                    Some(match tables {
                        Ok(tables) => view! { <TableList tables /> }.settled(),
                        Err(error) => {
                            view! {
                                <main>
                                    <Recovery error=error.clone() />
                                    <Failure error>
                                        <a class="button" href="/" rel="external">
                                            "Try again"
                                        </a>
                                    </Failure>
                                </main>
                            }
                                .settled()
                        }
                    })
                })}
            </Suspense>
        </div>
    }
    .settled()
}

#[component]
fn TableList(tables: Vec<Table>) -> impl IntoView {
    let address = use_query_map();
    let words = Memo::new(move |_| address.read().get("q").unwrap_or_default());
    let navigate = use_navigate();
    let search = move |words: &str| {
        let to = if words.is_empty() {
            "/".to_owned()
        } else {
            format!("/?q={}", address::encode(words))
        };
        navigate(
            &to,
            NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            },
        );
    };
    let field = NodeRef::<html::Input>::new();
    // What was typed before the page was live has caused no event here.
    let typed = search.clone();
    effect(move || {
        if let Some(field) = field.get() {
            let words_now = field.value();
            if words_now != words.get_untracked() {
                typed(&words_now);
            }
        }
    });
    let none = tables.is_empty();
    let count = tables.len();
    let live = tables.iter().filter(|table| table.live).count();
    let tables = StoredValue::new(tables);
    let found = Memo::new(move |_| {
        let words = lower(&words.read());
        tables.with_value(|tables| {
            tables
                .iter()
                .filter(|table| matches(table, &words))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let items = move || {
        let item = |table| view! { <TableItem table /> };
        found.get().into_iter().map(item).collect_view()
    };
    let nothing = move || {
        let text = if none {
            "There are no tables here that you may read. \
             Create one, or connect to another database."
        } else {
            "No table's name or comment has these words."
        };
        let is_empty = found.read().is_empty();
        is_empty.then(|| view! { <p class="nothing">{text}</p> }.settled())
    };
    view! {
        <main class="home">
            <div class="home-head">
                <form class="search" role="search" action="/" method="get">
                    {icon::search()}
                    <input
                        type="search"
                        name="q"
                        aria-label="Search tables"
                        placeholder="Search tables"
                        autocomplete="off"
                        spellcheck="false"
                        value=words.get_untracked()
                        node_ref=field
                        on:input=handler(move |event| search(&event_target_value(&event)))
                    />
                </form>
                <p class="muted">
                    {format!("{} tables, {} live", grouped(count as u64), grouped(live as u64))}
                </p>
            </div>
            <ul class="tables" aria-label="Tables">
                {changing(items)}
            </ul>
            {changing(nothing)}
        </main>
    }
    .settled()
}

#[component]
fn TableItem(table: Table) -> impl IntoView {
    let path = table.path();
    let href = address::table_root(&path);
    let (schema, name, kind) = (table.schema.clone(), table.name.clone(), kind(table.kind));
    let comment = table.comment.clone();
    let rows = table.estimated_rows.map(|rows| match rows {
        1 => "≈ 1 row".to_owned(),
        rows => format!("≈ {} rows", rounded(rows)),
    });
    let state = if table.live {
        view! {
            <span class="live-mark">
                <span class="dot" aria-hidden="true"></span>
                "live"
            </span>
        }
        .settled()
    } else {
        view! { <span class="muted">"not live — " <WatchHint table /></span> }.settled()
    };
    view! {
        <li>
            <a class="table-name" href=href>
                {(schema != "public")
                    .then(|| view! { <span class="schema">{schema}"."</span> })}
                {name}
            </a>
            <span class="table-comment">
                {kind.map(|kind| view! { <span class="table-kind">{kind}</span> })}
                {comment}
            </span>
            <span class="table-rows" title="The planner's estimate">
                {rows}
            </span>
            <span class="table-state">{state}</span>
        </li>
    }
    .settled()
}

/// What it is, if not a table.
fn kind(kind: TableKind) -> Option<&'static str> {
    match kind {
        TableKind::Table => None,
        TableKind::View => Some("view"),
        TableKind::MaterializedView => Some("materialized view"),
        TableKind::ForeignTable => Some("foreign table"),
    }
}

fn matches(table: &Table, words: &str) -> bool {
    let name = lower(&table.path());
    let comment = lower(table.comment.as_deref().unwrap_or_default());
    words
        .split_whitespace()
        .all(|word| name.contains(word) || comment.contains(word))
}
