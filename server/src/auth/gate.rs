//! What every request passes: it learns whose it is, or is turned away.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, Method, header};
use rowcast_protocol::ApiError;

use super::{
    cookie::{self, Kind},
    identity::Identity,
    next::sign_in,
    secret::Digest,
    standing::Standing,
};
use crate::{
    error::HttpError,
    limit::{self, Subject},
    peer::Peer,
    permission::Rights,
    routes::pages::{clone_head, failure, site_file},
    state::AppState,
};

/// What a request shows to prove whose it is.
enum Shown {
    Nothing,
    /// What can be no session's and no token's.
    Nonsense,
    Proof(Digest),
}

/// Who may have what is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Anybody.
    Open,
    /// The same, if there is such a file of the site: it is the same for everybody, so nobody waits
    /// for the database to tell whose request it is.
    File,
    /// Whoever has signed in, or is on this machine.
    Local,
    /// Whoever has signed in. Programs ask for it.
    Api,
    /// The same, and browsers ask for it.
    Page,
}

/// Adds the request's [`Identity`] (as `Arc<Identity>`) and [`Standing`] to its extensions, or
/// answers it. Where nobody has to sign in, everybody is [`Identity::everyone`].
pub async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    if !state.accounts.is_required() {
        admit(
            &mut request,
            Standing::fixed(Arc::new(Identity::everyone())),
        );
        return next.run(request).await;
    }
    let peer = Peer::of(&request);
    let mut access = access(request.uri().path());
    let shown = shown(request.headers(), peer);
    if access == Access::File {
        if !matches!(shown, Shown::Proof(digest) if state.accounts.knows(&digest)) {
            let subject = Subject::Network(peer.address.into());
            if let Some(refused) = limit::refused(&state, &request, subject) {
                return refused;
            }
            if let Some(file) = site_file(&state, clone_head(&request)).await {
                return file;
            }
        }
        // Where there is no file there would be a page.
        access = Access::Page;
    }
    let standing = match shown {
        Shown::Proof(digest) => match identify(&state, digest, peer).await {
            Ok(standing) => standing,
            // Who it is can't be known now, and need not be.
            Err(_) if access == Access::Open => None,
            Err(error) if access == Access::Page => return unknown(&state, request, error).await,
            Err(error) => return HttpError(error).into_response(),
        },
        Shown::Nothing | Shown::Nonsense => None,
    };
    if let Some(standing) = standing {
        let identity = standing.identity();
        if !identity.may_write() && !is_reading(request.method()) {
            return insufficient_scope().into_response();
        }
        admit(&mut request, standing);
        return next.run(request).await;
    }
    // What was meant to prove somebody and does not is said so, whatever could be had without.
    let has_failed =
        request.headers().contains_key(header::AUTHORIZATION) && !matches!(shown, Shown::Nothing);
    let is_welcome = match access {
        Access::Open => true,
        // What came through a proxy on this machine is of somewhere else.
        Access::Local => {
            let is_forwarded = request.headers().contains_key("x-forwarded-for");
            !has_failed && peer.address.is_loopback() && !is_forwarded
        }
        Access::Api | Access::File | Access::Page => false,
    };
    if is_welcome {
        let nobody = Identity::nobody(Rights::None);
        admit(&mut request, Standing::fixed(Arc::new(nobody)));
        return next.run(request).await;
    }
    if !has_failed && matches!(access, Access::Api | Access::Page) && is_reading(request.method()) {
        match state.accounts.nobody().await {
            Ok(standing) if standing.identity().rights.may_read_anything() => {
                admit(&mut request, standing);
                return next.run(request).await;
            }
            Ok(_) => {}
            Err(error) if access == Access::Page => return unknown(&state, request, error).await,
            Err(error) => return HttpError(error).into_response(),
        }
    }
    let subject = Subject::Network(peer.address.into());
    if let Some(refused) = limit::refused(&state, &request, subject) {
        return refused;
    }
    if access != Access::Page || has_failed {
        return unauthenticated();
    }
    let mut response = turn_to_sign_in(&state, request).await;
    // Its session has ended, and whoever comes next may be somebody else.
    if matches!(shown, Shown::Proof(_)) && response.status().is_redirection() {
        cookie::forget(response.headers_mut());
    }
    response
}

/// Whose this is. What is not known yet is looked up in turn for who asks too much.
async fn identify(
    state: &AppState,
    digest: Digest,
    peer: Peer,
) -> Result<Option<Standing>, ApiError> {
    let _turn = match state.accounts.knows(&digest) {
        true => None,
        false => state.limits.turn(peer.address).await,
    };
    state.accounts.identify(digest).await
}

/// Files of the site are anybody's; whoever asks for a page signs in first.
async fn turn_to_sign_in(state: &AppState, request: Request) -> Response {
    if !is_reading(request.method()) {
        return Redirect::to("/login").into_response();
    }
    let wanted = request.uri().path_and_query().map(ToString::to_string);
    match site_file(state, request).await {
        Some(file) => file,
        None => {
            let to = sign_in(wanted.as_deref().unwrap_or("/"));
            ([(header::CACHE_CONTROL, "no-store")], Redirect::to(&to)).into_response()
        }
    }
}

/// Whose a page is to be can't be known now.
async fn unknown(state: &AppState, request: Request, error: ApiError) -> Response {
    let (mut parts, _) = request.into_parts();
    parts
        .extensions
        .insert(Arc::new(Identity::nobody(Rights::None)));
    failure(state, parts, "Try again in a moment", &error).await
}

fn admit(request: &mut Request, standing: Standing) {
    let extensions = request.extensions_mut();
    extensions.insert(Arc::clone(standing.identity()));
    extensions.insert(standing);
}

fn access(path: &str) -> Access {
    match path {
        "/login"
        | "/login/openid"
        | "/login/openid/answer"
        | "/join"
        | "/logout"
        | "/healthz"
        | "/readyz" => Access::Open,
        "/metrics" => Access::Local,
        "/api" => Access::Api,
        _ if path.starts_with("/api/") => Access::Api,
        _ if is_file(path) => Access::File,
        _ => Access::Page,
    }
}

/// Whether only a file of the site can be at this address.
fn is_file(path: &str) -> bool {
    let is_single =
        || !path[1..].contains('/') && (path.ends_with(".svg") || path.ends_with(".js"));
    path.starts_with("/pkg/")
        || path.starts_with("/style/")
        || (path.starts_with('/') && is_single())
}

/// A token is meant for this request alone, so it comes before the cookie that browsers send
/// with all of them.
fn shown(headers: &HeaderMap, peer: Peer) -> Shown {
    let mut bearers = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .filter_map(bearer);
    match (bearers.next(), bearers.next()) {
        (Some(token), None) => {
            return Digest::of_token(token).map_or(Shown::Nonsense, Shown::Proof);
        }
        (Some(_), Some(_)) => return Shown::Nonsense,
        (None, _) => {}
    }
    match cookie::read(headers, Kind::Session, peer) {
        Some(digest) => Shown::Proof(digest),
        None => Shown::Nothing,
    }
}

/// The token of a header. One of another scheme is for somebody else, such as what stands before
/// the server.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn unauthenticated() -> Response {
    let error = HttpError(ApiError::new(
        "unauthenticated",
        "nobody has signed in",
        "send Authorization: Bearer TOKEN, or sign in at /login",
    ));
    let challenge = [
        (header::WWW_AUTHENTICATE, "Bearer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (challenge, error).into_response()
}

fn insufficient_scope() -> HttpError {
    HttpError(ApiError::new(
        "insufficient_scope",
        "the token may only read",
        "use one with the scope write",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_open() {
        for path in [
            "/login",
            "/login/openid",
            "/login/openid/answer",
            "/join",
            "/logout",
            "/healthz",
            "/readyz",
        ] {
            assert_eq!(access(path), Access::Open);
        }
        for path in ["/api", "/api/", "/api/rows/t", "/api/ws", "/api/../login"] {
            assert_eq!(access(path), Access::Api, "{path}");
        }
        for path in [
            "/",
            "/tables/t",
            "/login/",
            "/login/openid/",
            "/login/x",
            "/loginx",
            "//login",
            "/users",
            "/metrics/",
        ] {
            assert_eq!(access(path), Access::Page, "{path}");
        }
        for path in [
            "/pkg/chunk_1.wasm",
            "/style/base.css",
            "/icons.svg",
            "/theme.js",
        ] {
            assert_eq!(access(path), Access::File, "{path}");
        }
        for path in [
            "",
            "*",
            "/tables/icons.svg",
            "/tables/theme.js",
            "/pkg",
            "//a.svg",
        ] {
            assert_eq!(access(path), Access::Page, "{path}");
        }
        assert_eq!(access("/metrics"), Access::Local);
    }

    #[test]
    fn a_bearer_is_read_in_any_case_and_other_schemes_are_not() {
        let value = |text: &str| HeaderValue::from_str(text).expect("a header");
        assert_eq!(bearer(&value("Bearer rc_x")), Some("rc_x"));
        assert_eq!(bearer(&value("bearer  rc_x ")), Some("rc_x"));
        assert_eq!(bearer(&value("Basic cGFzczp3b3Jk")), None);
        assert_eq!(bearer(&value("Bearer")), None);
    }
}
