//! The pages, rendered here, and the files that they need.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Extension, Path, Query as UrlQuery, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts, uri::PathAndQuery};
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::*};
use leptos_axum::{AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rowcast_app::{
    App, address, design,
    document::{Build, shell},
    filter::filtered_address,
    page_data::{PageData, Redirect as PageRedirect, ResponseStatus, TablePage},
    pages::accounts,
    reader,
    saved_views::SavedView,
    signed_in::SignedIn,
};
use rowcast_protocol::{ApiError, Table};
use serde::Deserialize;
use tracing::Instrument;

use super::{
    comments_page, feed_images, feed_page,
    form::sentence,
    join, login,
    notifications_page::{self, Unread},
    openid, own_account, permissions_page, users, watches_page,
};
use crate::{
    audit::{self, Actor},
    auth::Identity,
    bounds::Place,
    error::status,
    limit::Subject,
    live::prepare::{Prepared, prepare},
    permission::{Rights, may_know_view},
    query::list,
    security::page_policy,
    state::{AppState, too_busy},
    traces::{self, Cause},
    views::{self, Person},
};

/// How long a page waits for its first rows.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits for the views that it may be of.
const VIEWS_PATIENCE: Duration = Duration::from_secs(5);

/// What an address in a header can't hold. What is escaped stays so.
const NOT_IN_HEADERS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// The pages' routes, and for every other address a file of the site or the page that says
/// that there is none.
pub fn router(state: &AppState) -> Router<AppState> {
    let options = state.site.clone();
    let context = contexts(state);
    let rendered = Router::new()
        .leptos_routes_with_context(state, listed(), context, move || shell(options.clone()))
        .layer(middleware::from_fn(async |request, next: Next| {
            to_its_end(next.run(request)).await
        }));
    Router::new()
        .route("/tables/{table}/filter", get(filter))
        .route("/design", get(design))
        .route("/login", get(login::show).post(login::enter))
        .route("/login/openid", post(openid::begin))
        .route("/login/openid/answer", get(openid::answer))
        .route("/logout", post(login::leave))
        .route("/join", get(join::show).post(join::enter))
        .route("/account", get(own_account::show))
        .route("/account/password", post(own_account::set_password))
        .route("/account/openid", post(openid::begin_link))
        .route("/account/openid/{id}", post(openid::unlink))
        .route("/account/sessions", post(own_account::end_others))
        .route("/account/sessions/{id}", post(own_account::end_session))
        .route("/account/tokens", post(own_account::create_token))
        .route("/account/tokens/{id}", post(own_account::revoke_token))
        .route("/notifications", get(notifications_page::show))
        .route("/notifications/read", post(notifications_page::mark_read))
        .route("/notifications/quiet", post(notifications_page::set_quiet))
        .route(
            "/notifications/{id}/{what}",
            post(notifications_page::change),
        )
        .route(
            "/comments/{table}/{key}",
            get(comments_page::show).post(comments_page::add),
        )
        .route(
            "/comments/{table}/{key}/{id}/{what}",
            post(comments_page::change),
        )
        .route("/feed", get(feed_page::show).post(feed_page::create))
        .route("/feed/images/{id}", get(feed_images::show))
        .route(
            "/feed/{channel}",
            get(feed_page::show_channel).post(feed_page::post),
        )
        .route("/feed/{channel}/{what}", post(feed_page::change))
        .route(
            "/feed/{channel}/posts/{id}/{what}",
            post(feed_page::change_post),
        )
        .route(
            "/watches",
            get(watches_page::show).post(watches_page::create),
        )
        .route("/watches/mail", post(watches_page::set_address))
        .route(
            "/watches/confirm",
            get(watches_page::show_link).post(watches_page::confirm),
        )
        .route("/watches/{id}/{what}", post(watches_page::change))
        .route("/users", get(users::show))
        .route("/users/invite", post(users::invite))
        .route("/users/invitations/{id}", post(users::withdraw))
        .route("/users/{id}/{what}", post(users::change))
        .route(
            "/permissions",
            get(permissions_page::show).post(permissions_page::add_role),
        )
        .route(
            "/permissions/roles/{role}/remove",
            post(permissions_page::remove_role),
        )
        .route("/permissions/{table}", get(permissions_page::show_table))
        .route(
            "/permissions/{table}/{role}",
            post(permissions_page::change),
        )
        .merge(rendered)
        .fallback(file_or_page)
        .layer(middleware::from_fn_with_state(
            state.clone(),
            notifications_page::count,
        ))
}

/// The addresses of the application's pages. They are listed once, before there is any page: while
/// Leptos lists them, nothing that a page begins to load anywhere in the process ever comes
/// (leptos-rs/leptos#4773).
pub fn listed() -> Vec<AxumRouteListing> {
    static LISTED: LazyLock<Vec<AxumRouteListing>> = LazyLock::new(|| generate_route_list(App));
    LISTED.clone()
}

/// Renders a page to its end, also where its reader leaves meanwhile or the server drains: what
/// waits for rows is rendered by a task of its own, which would find its signals gone. Until then it
/// keeps its request's place.
async fn to_its_end(rendering: impl Future<Output = Response> + Send + 'static) -> Response {
    let place = Place::of_this();
    let rendering = async move {
        let response = rendering.await;
        drop(place);
        response
    };
    match tokio::spawn(rendering.in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process ends.
            Err(_) => too_busy().into_response(),
        },
    }
}

/// Where the pages find the files.
pub fn site_options() -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("rowcast")
        .site_pkg_dir("pkg")
        .env(leptos::config::Env::PROD)
        .build()
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
    Extension(identity): Extension<Arc<Identity>>,
    UrlQuery(form): UrlQuery<FilterForm>,
) -> Response {
    let found = state.seen(&identity).table(&table).await.and_then(|table| {
        filtered_address(
            &table.described(),
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

/// A document of its own, with this status.
pub async fn document<V: IntoView + 'static>(
    state: &AppState,
    parts: Parts,
    status: StatusCode,
    view: impl Fn(LeptosOptions) -> V + Clone + Send + Sync + 'static,
) -> Response {
    let options = state.site.clone();
    let render =
        leptos_axum::render_app_async_with_context(contexts(state), move || view(options.clone()));
    let mut response = render(Request::from_parts(parts, Body::empty()))
        .await
        .into_response();
    *response.status_mut() = status;
    response
}

/// How many seconds after it could not be made a page is asked for again.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// A message under `title` in place of the page that was asked for, which `error` kept from being
/// made. A browser asks again by itself for one that is only to be waited for.
pub async fn failure(
    state: &AppState,
    parts: Parts,
    title: &'static str,
    error: &ApiError,
) -> Response {
    let status = status(&error.code);
    let text = sentence(&error.message);
    let is_over_soon = status == StatusCode::SERVICE_UNAVAILABLE;
    // What a form sent is not sent again by itself.
    if !is_over_soon || parts.method != Method::GET {
        let view = move |options| accounts::message(options, title, text.clone());
        return document(state, parts, status, view).await;
    }
    let address = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let address = address.to_owned();
    let view = move |options| accounts::again(options, title, text.clone(), address.clone());
    let mut response = document(state, parts, status, view).await;
    response.headers_mut().insert(header::REFRESH, AGAIN);
    response
}

async fn design(State(state): State<AppState>, request: Request) -> Response {
    let options = state.site.clone();
    let render = leptos_axum::render_app_async_with_context(contexts(&state), move || {
        design::document(options.clone())
    });
    render(request).await.into_response()
}

async fn file_or_page(State(state): State<AppState>, request: Request) -> Response {
    let page_request = clone_head(&request);
    if let Some(file) = site_file(&state, request).await {
        return file;
    }
    let options = state.site.clone();
    let render = leptos_axum::render_app_async_with_context(contexts(&state), move || {
        shell(options.clone())
    });
    to_its_end(async move { render(page_request).await.into_response() }).await
}

/// The file of the site that a request asks for, which is anybody's; `None` if there is none.
pub async fn site_file(state: &AppState, request: Request) -> Option<Response> {
    let for_ever = request
        .uri()
        .query()
        .is_some_and(|query| !state.build.is_empty() && query == format!("v={}", state.build));
    let mut response = state.files.file(request).await?;
    let caching = if for_ever {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Some(kind) = headers.get_mut(header::CONTENT_TYPE)
        && let Some(whole) = with_charset(kind)
    {
        *kind = whole;
    }
    Some(response)
}

/// A request without its body.
pub fn clone_head(request: &Request) -> Request {
    let mut head = Request::new(Body::empty());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head
}

/// A type of text with the encoding that all of the site's texts have, where it does not say so.
fn with_charset(kind: &HeaderValue) -> Option<HeaderValue> {
    let kind = kind.to_str().ok()?;
    let is_text = kind.starts_with("text/") || kind == "application/json";
    let whole = (is_text && !kind.contains("charset")).then(|| format!("{kind}; charset=utf-8"))?;
    HeaderValue::from_str(&whole).ok()
}

/// What the pages find in their context.
fn contexts(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static + use<> {
    let build: Arc<str> = state.build.as_str().into();
    let state = state.clone();
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
        let response = expect_context::<ResponseOptions>();
        provide_context(PageRedirect(Arc::new(move |to: &str| {
            let to = utf8_percent_encode(to, NOT_IN_HEADERS).to_string();
            if let Ok(to) = HeaderValue::from_str(&to) {
                response.insert_header(header::LOCATION, to);
                response.set_status(StatusCode::FOUND);
            }
        })));
        provide_context(Build(Arc::clone(&build)));
        if let Some(signed_in) = use_context::<Parts>().and_then(|parts| signed_in(&parts)) {
            provide_context(signed_in);
        }
        let data: Arc<dyn PageData> = Arc::new(Data {
            state: state.clone(),
            // Without one nobody is let in, so nothing is shown.
            identity: use_context::<Parts>()
                .and_then(|parts| parts.extensions.get::<Arc<Identity>>().cloned())
                .unwrap_or_else(|| Arc::new(Identity::nobody(Rights::None))),
            actor: use_context::<Parts>()
                .map(|parts| Actor::in_extensions(&parts.extensions))
                .unwrap_or_default(),
            cause: use_context::<Parts>()
                .and_then(|parts| parts.extensions.get().cloned())
                .unwrap_or_default(),
            subject: use_context::<Parts>().and_then(|parts| parts.extensions.get().copied()),
            reader: use_context::<Parts>().and_then(|parts| reader_of(&parts.headers)),
        });
        provide_context(data);
    }
}

/// Who has signed in that makes a request.
fn signed_in(parts: &Parts) -> Option<SignedIn> {
    let identity = parts.extensions.get::<Arc<Identity>>()?;
    let (_, name) = identity.signed_in()?;
    Some(SignedIn {
        name: name.to_owned(),
        is_administrator: identity.is_administrator(),
        unread: parts.extensions.get().map_or(0, |Unread(unread)| *unread),
    })
}

/// The name that a request's reader goes by.
fn reader_of(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let mut cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
    cookies.find_map(reader::in_cookies)
}

struct Data {
    state: AppState,
    /// Who asks.
    identity: Arc<Identity>,
    /// The same for the audit log: pages are rendered by tasks of their own.
    actor: Actor,
    /// The same for traces.
    cause: Cause,
    /// By whom it is counted.
    subject: Option<Subject>,
    /// What the reader is called, whose own views these are.
    reader: Option<String>,
}

impl PageData for Data {
    fn tables(&self) -> BoxFuture<'_, Result<Vec<Table>, ApiError>> {
        Box::pin(async {
            self.state.require_database().await?;
            self.state.seen(&self.identity).tables().await
        })
    }

    fn views(&self, table: &str, id: Option<i64>) -> BoxFuture<'_, Vec<SavedView>> {
        let table = table.to_owned();
        Box::pin(async move {
            let seen = self.state.seen(&self.identity);
            // Those of a table that may not be read are not told either.
            let Ok(meta) = seen.table(&table).await else {
                return Vec::new();
            };
            let person = Person::of(&self.identity, self.reader.as_deref());
            let views = views::of_page(self.state.readers.ours(), &table, &person, id);
            match tokio::time::timeout(VIEWS_PATIENCE, views).await {
                Ok(Ok(views)) => {
                    let mut known = Vec::new();
                    for view in views {
                        let is_everybodys = view.owner.is_none();
                        if may_know_view(seen, &meta, &view.query, is_everybodys).await {
                            known.push(shown(view));
                        }
                    }
                    known
                }
                // Without its views a table still has its rows.
                Ok(Err(error)) => {
                    tracing::debug!(code = %error.code, "a page's views were not read");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            }
        })
    }

    fn snapshot(&self, table: &str, query: &str) -> BoxFuture<'_, Result<TablePage, ApiError>> {
        let (table, query) = (table.to_owned(), query.to_owned());
        Box::pin(async move {
            let rows = first_rows(&self.state, &self.identity, self.subject, &table, &query);
            let rows = audit::scope(self.actor.clone(), rows);
            let rows = self.state.traces.around(self.cause.clone(), rows);
            match tokio::time::timeout(PATIENCE, rows).await {
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

fn shown(view: views::SavedView) -> SavedView {
    SavedView {
        id: view.id,
        name: view.name,
        owner: view.owner,
        default: view.default,
        query: view.query,
    }
}

/// A page's rows. Those of a live table come from the live query, which the page is about to
/// follow: it finds its place there by the cursor.
async fn first_rows(
    state: &AppState,
    identity: &Identity,
    subject: Option<Subject>,
    table: &str,
    query: &str,
) -> Result<TablePage, ApiError> {
    state.require_database().await?;
    match prepare(state, identity, table, query).await {
        Ok(Prepared {
            query,
            described: table,
            bound,
            ..
        }) => {
            let snapshot = state.live.snapshot(query, bound, subject).await?;
            Ok(TablePage { table, snapshot })
        }
        // A table that is not live is read once. One that refers to such a table is not what
        // was asked for then.
        Err(error)
            if error.code == "not_live" && !state.seen(identity).table(table).await?.table.live =>
        {
            let _turn = traces::during("wait for a turn", state.reading.take(subject)).await;
            let seen = state.seen(identity);
            let (table, snapshot) =
                list::read(seen, &state.readers, state.epoch(), table, query).await?;
            Ok(TablePage { table, snapshot })
        }
        Err(error) => Err(error),
    }
}
