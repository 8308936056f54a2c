//! Which request goes where, and what holds for all of them.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use http::{HeaderValue, StatusCode, header};
use rowcast_protocol::ApiError;

use crate::{
    error::HttpError,
    host, metrics,
    routes::{
        batch, bulk, health, history, import, live, metrics as metrics_page, pages, row, rows,
        tables, ws,
    },
    security,
    state::{AppState, BODY_UNIT, too_busy},
};

/// The longest address that is read, in bytes.
const URI_MAX: usize = 16 * 1024 + 512;

/// The most bytes of a request's body where nothing else is said.
const BODY_MAX: usize = 64 * 1024;

/// The most bytes of one row's values.
const ROW_MAX: usize = 4 * 1024 * 1024;

/// The most bytes of several changes.
const BATCH_MAX: usize = 16 * 1024 * 1024;

/// How many requests may be under way, live ones aside.
const REQUESTS_MAX: usize = 512;

/// How long a request may take, live ones and exports aside.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long one may take that writes many rows.
const LONG_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// All routes.
pub fn router(state: AppState) -> Router {
    let bounded = Bounds {
        places: std::sync::Arc::new(tokio::sync::Semaphore::new(REQUESTS_MAX)),
        timeout: TIMEOUT,
    };
    let long = Bounds {
        timeout: LONG_TIMEOUT,
        ..bounded.clone()
    };
    let room = &state.bodies;
    let limited = |bytes| {
        let room = std::sync::Arc::clone(room);
        middleware::from_fn_with_state(BodyLimit { bytes, room }, limit_body)
    };
    let rows = Router::new()
        .route("/api/rows/{table}", get(rows::read).post(row::insert))
        .route(
            "/api/rows/{table}/{key}",
            patch(row::update).delete(row::delete),
        );
    let batches = Router::new().route("/api/batch/{table}", post(batch::change));
    let bounded_api = Router::new()
        .route("/api/history/{table}/{key}", get(history::read))
        .route("/api/tables", get(tables::list))
        .route("/api/tables/{table}", get(tables::show))
        .layer(limited(BODY_MAX))
        .merge(rows.layer(limited(ROW_MAX)))
        .merge(batches.layer(limited(BATCH_MAX)))
        .route_layer(middleware::from_fn_with_state(bounded.clone(), bound));
    let import = Router::new()
        .route("/api/import/{table}", post(import::insert))
        .layer(limited(state.import_bytes as usize));
    let long_api = Router::new()
        .route("/api/bulk/{table}", post(bulk::change))
        .layer(limited(ROW_MAX))
        .merge(import)
        .route_layer(middleware::from_fn_with_state(long, bound));
    let api = Router::new()
        .route("/api/live/{table}", get(live::follow))
        .route("/api/ws", get(ws::open))
        .route("/api/{*rest}", axum::routing::any(unknown_resource))
        .route("/api", axum::routing::any(unknown_resource))
        .layer(limited(BODY_MAX))
        .merge(bounded_api)
        .merge(long_api)
        .layer(middleware::from_fn(errors_as_json));
    let pages = pages::router(&state).layer(middleware::from_fn_with_state(bounded, bound));
    Router::new()
        .route("/healthz", get(health::health))
        .route("/readyz", get(health::readiness))
        .route("/metrics", get(metrics_page::show))
        .merge(pages.layer(limited(BODY_MAX)))
        .merge(api)
        .layer(middleware::from_fn(host::require_loopback))
        .layer(middleware::from_fn(check_size))
        .layer(middleware::from_fn(security::add_headers))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            metrics::count,
        ))
        .with_state(state)
}

async fn unknown_resource() -> HttpError {
    HttpError(ApiError::new(
        "not_found",
        "there is nothing at this address",
        "docs/api.md lists the API's addresses",
    ))
}

#[derive(Clone)]
struct Bounds {
    places: std::sync::Arc<tokio::sync::Semaphore>,
    timeout: Duration,
}

/// Bounds how many requests are under way, and for how long each is.
async fn bound(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let Ok(_place) = bounds.places.try_acquire() else {
        return too_busy().into_response();
    };
    match tokio::time::timeout(bounds.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => HttpError(ApiError::new(
            "too_slow",
            "the answer took longer than the server allows",
            "",
        ))
        .into_response(),
    }
}

/// Refuses addresses that are longer than any of ours.
async fn check_size(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if length > URI_MAX {
        return HttpError(ApiError::new(
            "uri_too_long",
            format!("the address is longer than {URI_MAX} bytes"),
            "shorten the query",
        ))
        .into_response();
    }
    next.run(request).await
}

/// How many bytes a body may have, and the room for those that are held.
#[derive(Clone)]
struct BodyLimit {
    bytes: usize,
    room: std::sync::Arc<tokio::sync::Semaphore>,
}

/// Refuses bodies of more bytes: what declares them unread, what does not as it is read. All
/// that are under way are bounded too.
async fn limit_body(State(limit): State<BodyLimit>, mut request: Request, next: Next) -> Response {
    let bytes = limit.bytes;
    let most = request.body().size_hint().upper();
    let most = most.map_or(bytes, |most| usize::try_from(most).unwrap_or(usize::MAX));
    if most > bytes {
        return HttpError(ApiError::new(
            "too_large",
            format!("the body is longer than {bytes} bytes"),
            "",
        ))
        .into_response();
    }
    let units = u32::try_from(most.div_ceil(BODY_UNIT)).unwrap_or(u32::MAX);
    let Ok(_room) = limit.room.try_acquire_many(units) else {
        return too_busy().into_response();
    };
    DefaultBodyLimit::max(bytes).apply(&mut request);
    next.run(request).await
}

/// Gives an error that the framework made, such as 405, the form that ours have.
async fn errors_as_json(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, message) = match status {
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "this address does not take the request's method",
        ),
        StatusCode::NOT_FOUND => ("not_found", "there is nothing at this address"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is too long"),
        StatusCode::UPGRADE_REQUIRED => (
            "upgrade_required",
            "this address is for a WebSocket: the request must ask for the upgrade",
        ),
        _ if status.is_server_error() => ("internal", "the server failed to answer"),
        _ => ("bad_request", "the request can't be understood"),
    };
    let error = HttpError(ApiError::new(code, message, ""));
    let (mut parts, _) = response.into_parts();
    let body = error.into_response().into_body();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Response::from_parts(parts, Body::new(body))
}
