//! The pages, rendered here, and the files that they need.

use std::{path::Path as FilePath, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Query as UrlQuery, Request, State},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use futures::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::*};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use rowcast_app::{
    App, address,
    document::{Build, shell},
    filter::filtered_address,
    page_data::{PageData, ResponseStatus, TablePage},
};
use rowcast_protocol::{ApiError, Table};
use serde::Deserialize;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use crate::{
    live::prepare::{Prepared, prepare},
    query::list,
    security::page_policy,
    state::AppState,
};

/// How long a page waits for its first rows.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pages' routes, and for every other address a file of the site or the page that says
/// that there is none.
pub fn router(state: &AppState) -> Router<AppState> {
    let options = state.site.clone();
    let context = contexts(state);
    Router::new()
        .route("/tables/{table}/filter", get(filter))
        .leptos_routes_with_context(state, generate_route_list(App), context, move || {
            shell(options.clone())
        })
        .fallback(file_or_page)
}

/// What is needed to find the files: the site's directory as the pages know it.
pub fn site_options(site: &FilePath) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("rowcast")
        .site_root(site.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .env(leptos::config::Env::PROD)
        .build()
}

/// The build that the site's files are of; empty if there are none.
pub fn build_id(site: &FilePath) -> String {
    std::fs::read_to_string(site.join("build-id"))
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// What the form that adds a filter sends where there is no JavaScript.
#[derive(Debug, Deserialize)]
struct FilterForm {
    #[serde(default)]
    query: String,
    column: String,
    operator: String,
    #[serde(default)]
    value: String,
}

async fn filter(
    State(state): State<AppState>,
    Path(table): Path<String>,
    UrlQuery(form): UrlQuery<FilterForm>,
) -> Response {
    let found = state.catalog.table(&table).await.and_then(|table| {
        filtered_address(
            &table.table,
            &form.query,
            &form.column,
            &form.operator,
            &form.value,
        )
    });
    // The page itself says what is wrong with what it is asked for.
    let to = found.unwrap_or_else(|_| {
        format!(
            "{}?{}={}.{}",
            address::table_root(&table),
            address::encode(&form.column),
            address::encode(&form.operator),
            address::encode(&form.value)
        )
    });
    Redirect::to(&to).into_response()
}

async fn file_or_page(State(state): State<AppState>, request: Request) -> Response {
    let for_ever = request
        .uri()
        .query()
        .is_some_and(|query| !state.build.is_empty() && query == format!("v={}", state.build));
    let page_request = clone_head(&request);
    let Some(mut response) = file(&state.site.site_root, request).await else {
        let options = state.site.clone();
        let render = leptos_axum::render_app_async_with_context(contexts(&state), move || {
            shell(options.clone())
        });
        return render(page_request).await.into_response();
    };
    let caching = if for_ever {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

/// Whether a path names a file that is there for the server, not for clients.
fn is_hidden(path: &str) -> bool {
    path == "/build-id" || path.contains("/.") || path.ends_with(".br") || path.ends_with(".gz")
}

fn clone_head(request: &Request) -> Request {
    let mut head = Request::new(Body::empty());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    head
}

/// A file of the site; `None` if there is no such file or the request asks for none.
async fn file(site: &str, request: Request) -> Option<Response> {
    if site.is_empty() || is_hidden(request.uri().path()) {
        return None;
    }
    let files = ServeDir::new(site)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let response = files.oneshot(request).await.ok()?;
    let missing = matches!(
        response.status(),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    );
    (!missing).then(|| response.map(Body::new))
}

/// What the pages find in their context.
fn contexts(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static + use<> {
    let build: Arc<str> = state.build.as_str().into();
    let data: Arc<dyn PageData> = Arc::new(Data(state.clone()));
    // The development loop tells pages over a socket of its own to load themselves again.
    let also_connect = match std::env::var("LEPTOS_RELOAD_PORT") {
        Ok(port) if std::env::var_os("LEPTOS_WATCH").is_some() => format!("ws://127.0.0.1:{port}"),
        _ => String::new(),
    };
    move || {
        let response = expect_context::<ResponseOptions>();
        let nonce = use_nonce()
            .map(|nonce| nonce.to_string())
            .unwrap_or_default();
        if let Ok(policy) = HeaderValue::from_str(&page_policy(&nonce, &also_connect)) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        provide_context(ResponseStatus(Arc::new(move |status| {
            if let Ok(status) = StatusCode::from_u16(status) {
                response.set_status(status);
            }
        })));
        provide_context(Build(Arc::clone(&build)));
        provide_context(Arc::clone(&data));
    }
}

struct Data(AppState);

impl PageData for Data {
    fn tables(&self) -> BoxFuture<'_, Result<Vec<Table>, ApiError>> {
        Box::pin(async {
            self.0.require_database().await?;
            self.0.catalog.tables().await
        })
    }

    fn snapshot(&self, table: &str, query: &str) -> BoxFuture<'_, Result<TablePage, ApiError>> {
        let (table, query) = (table.to_owned(), query.to_owned());
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, first_rows(&self.0, &table, &query)).await {
                Ok(page) => page,
                Err(_) => Err(ApiError::new(
                    "too_slow",
                    "the rows did not come in time",
                    "try again in a moment",
                )),
            }
        })
    }
}

/// A page's rows. Those of a live table come from the live query, which the page is about to
/// follow: it finds its place there by the cursor.
async fn first_rows(state: &AppState, table: &str, query: &str) -> Result<TablePage, ApiError> {
    state.require_database().await?;
    match prepare(state, table, query).await {
        Ok(Prepared { query, bound }) => {
            let table = bound.table.base().table.clone();
            let snapshot = state.live.snapshot(query, bound).await?;
            Ok(TablePage { table, snapshot })
        }
        // A table that is not live is read once. One that refers to such a table is not what
        // was asked for then.
        Err(error) if error.code == "not_live" && !state.catalog.table(table).await?.table.live => {
            let (table, snapshot) =
                list::read(&state.catalog, &state.pool, state.epoch(), table, query).await?;
            Ok(TablePage { table, snapshot })
        }
        Err(error) => Err(error),
    }
}
