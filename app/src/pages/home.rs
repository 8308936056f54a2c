//! `/`: the tables.

use leptos::{either::Either, prelude::*};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use rowcast_protocol::{Table, TableKind};

use crate::{
    address,
    components::{
        icon, message::Failure, recovery::Recovery, top_bar::TopBar, watch_hint::WatchHint,
    },
    content::{Carried, Tables, load_tables},
    erased::Erase,
    format::number::{grouped, rounded},
};

/// The list of tables, which `q` narrows.
#[component]
pub fn HomePage() -> impl IntoView {
    let tables = Resource::<Carried<Tables>, _>::new_str_blocking(|| (), |()| load_tables());
    view! {
        <Title text="Tables" />
        <div class="page">
            <TopBar>
                <h1 class="crumb">"Tables"</h1>
            </TopBar>
            <Suspense fallback=|| {
                view! { <main class="home" aria-busy="true"></main> }
            }>
                {move || {
                    tables
                        .get()
                        .map(|Carried(tables)| match tables {
                            Ok(tables) => Either::Left(view! { <TableList tables /> }),
                            Err(error) => {
                                Either::Right(
                                    view! {
                                        <main>
                                            <Recovery error=error.clone() />
                                            <Failure error>
                                                <a class="button" href="/" rel="external">
                                                    "Try again"
                                                </a>
                                            </Failure>
                                        </main>
                                    },
                                )
                            }
                        })
                }}
            </Suspense>
        </div>
    }
    .erased()
}

#[component]
fn TableList(tables: Vec<Table>) -> impl IntoView {
    let address = use_query_map();
    let words = Memo::new(move |_| address.read().get("q").unwrap_or_default());
    let navigate = use_navigate();
    let search = move |event| {
        let words = event_target_value(&event);
        let to = if words.is_empty() {
            "/".to_owned()
        } else {
            format!("/?q={}", address::encode(&words))
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
    let none = tables.is_empty();
    let count = tables.len();
    let live = tables.iter().filter(|table| table.live).count();
    let tables = StoredValue::new(tables);
    let found = Memo::new(move |_| {
        let words = words.read().to_lowercase();
        tables.with_value(|tables| {
            tables
                .iter()
                .filter(|table| matches(table, &words))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
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
                        on:input=search
                    />
                </form>
                <p class="muted">
                    {format!("{} tables, {} live", grouped(count as u64), grouped(live as u64))}
                </p>
            </div>
            <ul class="tables" aria-label="Tables">
                <For each=move || found.get() key=Table::path let:table>
                    <TableItem table />
                </For>
            </ul>
            <Show when=move || found.read().is_empty()>
                <p class="nothing">
                    {if none {
                        "There are no tables here that you may read. \
                        Create one, or connect to another database."
                    } else {
                        "No table's name or comment has these words."
                    }}
                </p>
            </Show>
        </main>
    }
    .erased()
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
        Either::Left(view! {
            <span class="live-mark">
                <span class="dot" aria-hidden="true"></span>
                "live"
            </span>
        })
    } else {
        Either::Right(view! {
            <span class="muted">"not live — " <WatchHint table /></span>
        })
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
    let name = table.path().to_lowercase();
    let comment = table.comment.as_deref().unwrap_or_default().to_lowercase();
    words
        .split_whitespace()
        .all(|word| name.contains(word) || comment.contains(word))
}
