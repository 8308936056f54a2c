//! Images in posts.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{feed::joined, json_body::require_type};
use crate::{
    auth::Identity,
    error::HttpError,
    feed::{self, participant},
    limit::{Subject, Turn},
    state::AppState,
};

/// An image runs nothing and fetches nothing, whatever a browser takes it for.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// What was kept.
#[derive(Debug, Serialize)]
pub struct Kept {
    id: i64,
    /// What a post shows it by: `![](…)`.
    path: String,
}

/// An image that is being sent, and its place among those that are.
struct Held {
    bytes: Vec<u8>,
    _turn: Turn,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Keeps an image for a post.
///
/// # Errors
/// `wrong_origin`, `no_account`, `unknown_channel`, `unsupported_media_type`; those of
/// [`feed::add_image`].
pub async fn add(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Kept>), HttpError> {
    state.check_origin(&headers)?;
    let (own, _) = participant(&identity)?;
    let channel = joined(&state, &identity, &channel).await?;
    require_type(
        &headers,
        &["image/png", "image/jpeg", "image/webp", "image/gif"],
    )?;
    let id = feed::add_image(&state.housekeeping, &channel, own, &body).await?;
    let path = format!("/feed/images/{id}");
    Ok((StatusCode::CREATED, Json(Kept { id, path })))
}

/// An image.
///
/// # Errors
/// `no_account`, `unknown_image`; those of a read.
pub async fn show(
    State(state): State<AppState>,
    Extension(identity): Extension<Arc<Identity>>,
    subject: Option<Extension<Subject>>,
    Path(id): Path<String>,
) -> Result<Response, HttpError> {
    let id = id.parse().unwrap_or(0);
    let turn = state
        .images
        .take(subject.map(|Extension(subject)| subject))
        .await;
    let image = feed::image(state.readers.ours(), &identity, id).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(image.kind)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // It never is another; and it is asked for again, for who may see it changes.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("inline"),
        ),
    ];
    let held = Bytes::from_owner(Held {
        bytes: image.bytes,
        _turn: turn,
    });
    Ok((headers, held).into_response())
}
