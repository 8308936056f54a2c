//! Which request goes where, and what holds for all of them.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post, put},
};
use http::{HeaderValue, StatusCode, header};
use rowcast_protocol::ApiError;

use crate::{
    audit,
    auth::gate,
    body::{self, BodyLimit},
    bounds::{Bounds, bound},
    error::HttpError,
    feed::IMAGE_BYTES,
    host, limit, metrics, refusal, request_id,
    routes::{
        accounts, batch, bulk, chart, comments, feed, feed_images, health, history, import, live,
        me, metrics as metrics_page, notifications, pages, permissions, presence, row, rows,
        tables, views, watches, ws,
    },
    security,
    state::AppState,
};

/// The longest address that is read, in bytes.
const URI_MAX: usize = 16 * 1024 + 512;

/// The most bytes of a request's body where nothing else is said.
const BODY_MAX: usize = 64 * 1024;

/// The most bytes of one row's values.
const ROW_MAX: usize = 4 * 1024 * 1024;

/// The most bytes of several changes.
const BATCH_MAX: usize = 16 * 1024 * 1024;

/// How long one may take that writes many rows.
const LONG_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// All routes. Bodies are taken before a request counts as under way.
pub fn router(state: AppState) -> Router {
    let bounded = Bounds::default();
    let short = middleware::from_fn_with_state(bounded.clone(), bound);
    let long = bounded.with_timeout(LONG_TIMEOUT);
    let long = middleware::from_fn_with_state(long, bound);
    let room = &state.bodies;
    let limited = |bytes| {
        let room = std::sync::Arc::clone(room);
        middleware::from_fn_with_state(BodyLimit { bytes, room }, body::take)
    };
    let rows = Router::new()
        .route("/api/rows/{table}", get(rows::read).post(row::insert))
        .route(
            "/api/rows/{table}/{key}",
            patch(row::update).delete(row::delete),
        );
    let batches = Router::new().route("/api/batch/{table}", post(batch::change));
    let bounded_api = Router::new()
        .route("/api/tables", get(tables::list))
        .route("/api/tables/{table}", get(tables::show))
        .route("/api/history/{table}/{key}", get(history::read))
        .route("/api/chart/{table}", get(chart::read))
        .route("/api/views/{table}", get(views::list).post(views::create))
        .route(
            "/api/views/{table}/{id}",
            patch(views::alter).delete(views::delete),
        )
        .route(
            "/api/presence/{table}",
            post(presence::show).delete(presence::leave),
        )
        .route("/api/me", get(me::me))
        .route("/api/permissions", get(permissions::list))
        .route(
            "/api/permissions/{role}/{table}",
            put(permissions::set)
                .delete(permissions::remove)
                .post(permissions::attempt),
        )
        .route(
            "/api/roles",
            get(permissions::roles).post(permissions::add_role),
        )
        .route("/api/roles/{role}", delete(permissions::remove_role))
        .route(
            "/api/notifications",
            get(notifications::settings).post(notifications::send),
        )
        .route("/api/notifications/settings", put(notifications::set))
        .route("/api/notifications/read", post(notifications::mark_read))
        .route(
            "/api/notifications/{id}",
            patch(notifications::mark).delete(notifications::delete),
        )
        .route("/api/channels", get(feed::list).post(feed::create))
        .route("/api/channels/{channel}", patch(feed::alter))
        .route("/api/channels/{channel}/members", get(feed::members))
        .route(
            "/api/channels/{channel}/members/{user}",
            put(feed::set_member).delete(feed::remove_member),
        )
        .route("/api/channels/{channel}/posts", post(feed::post))
        .route("/api/channels/{channel}/settings", put(feed::set))
        .route("/api/channels/{channel}/typing", post(feed::typing))
        .route(
            "/api/comments/{table}/{key}",
            get(comments::show)
                .post(comments::add)
                .delete(comments::clear),
        )
        .route(
            "/api/comments/{id}",
            patch(comments::edit).delete(comments::delete),
        )
        .route("/api/posts/{id}", patch(feed::edit).delete(feed::delete))
        .route("/api/posts/{id}/reactions", put(feed::react))
        .route("/api/watches", get(watches::list).post(watches::create))
        .route(
            "/api/watches/{id}",
            patch(watches::alter).delete(watches::delete),
        )
        .route("/api/watches/{id}/test", post(watches::test))
        .route("/api/watches/{id}/deliveries", get(watches::deliveries))
        .route("/api/sessions", get(me::sessions).delete(me::end_sessions))
        .route("/api/sessions/{id}", delete(me::end_session))
        .route("/api/tokens", get(me::tokens).post(me::create_token))
        .route("/api/tokens/{id}", delete(me::revoke_token))
        .route("/api/users", get(accounts::list).post(accounts::create))
        .route(
            "/api/users/{id}",
            get(accounts::show).patch(accounts::alter),
        )
        .route(
            "/api/invitations",
            get(accounts::invitations).post(accounts::invite),
        )
        .route("/api/invitations/{id}", delete(accounts::withdraw))
        .route_layer(short.clone())
        .layer(limited(BODY_MAX))
        .merge(rows.route_layer(short.clone()).layer(limited(ROW_MAX)));
    let images = Router::new()
        .route("/api/channels/{channel}/images", post(feed_images::add))
        .route_layer(short.clone())
        .layer(limited(IMAGE_BYTES));
    let import = Router::new()
        .route("/api/import/{table}", post(import::insert))
        .route_layer(long.clone())
        .layer(limited(state.import_bytes as usize));
    let long_api = Router::new()
        .route("/api/bulk/{table}", post(bulk::change))
        .route_layer(long.clone())
        .layer(limited(ROW_MAX))
        .merge(batches.route_layer(long).layer(limited(BATCH_MAX)))
        .merge(import);
    let api = Router::new()
        .route("/api/live/{table}", get(live::follow))
        .route("/api/ws", get(ws::open))
        .route("/api/{*rest}", axum::routing::any(unknown_resource))
        .route("/api", axum::routing::any(unknown_resource))
        .layer(limited(BODY_MAX))
        .merge(bounded_api)
        .merge(images)
        .merge(long_api)
        .layer(middleware::from_fn(errors_as_json));
    let pages = pages::router(&state).layer(short);
    Router::new()
        .route("/healthz", get(health::health))
        .route("/readyz", get(health::readiness))
        .route("/metrics", get(metrics_page::show))
        .merge(pages.layer(limited(BODY_MAX)))
        .merge(api)
        .layer(middleware::from_fn_with_state(state.clone(), limit::guard))
        .layer(middleware::from_fn(audit::with_actor))
        .layer(middleware::from_fn(refusal::name))
        .layer(middleware::from_fn_with_state(state.clone(), gate::guard))
        .layer(middleware::from_fn_with_state(
            std::sync::Arc::clone(&state.origins),
            host::require_same_origin,
        ))
        .layer(middleware::from_fn_with_state(
            std::sync::Arc::clone(&state.origins),
            host::require_own_host,
        ))
        .layer(middleware::from_fn(refusal::log))
        .layer(middleware::from_fn(check_address))
        .layer(middleware::from_fn_with_state(
            std::sync::Arc::clone(&state.origins),
            security::add_headers,
        ))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            metrics::count,
        ))
        .layer(middleware::from_fn_with_state(
            state.traces.clone(),
            request_id::name,
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

/// Refuses addresses that are longer than any of ours, and those that are none: a host alone, as
/// proxies are asked for (`CONNECT`).
async fn check_address(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path_and_query().is_none() {
        return HttpError(ApiError::new(
            "bad_request",
            "the request names no address on this server",
            "an address begins with /",
        ))
        .into_response();
    }
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
