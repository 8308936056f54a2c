//! `GET /healthz` and `GET /readyz`: whether the process, and whether its work, is well.

use std::time::Duration;

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use serde::Serialize;
use sqlx::PgPool;

use crate::{live::hub::Following, state::AppState};

/// How long the database has to answer.
pub const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    /// The database can be reached.
    database: bool,
    /// The change log is followed.
    following: bool,
    /// The server has been told to stop and sends its clients elsewhere.
    draining: bool,
}

/// The process is up.
pub async fn health() -> impl IntoResponse {
    (
        [(header::CACHE_CONTROL, "no-store")],
        Json(Health { status: "ok" }),
    )
}

/// Whether a database answers, soon.
async fn answers(pool: &PgPool) -> bool {
    let asked = sqlx::query("SELECT 1").execute(pool);
    matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(_)))
}

/// 200 if the database can be reached, the change log is followed and the server is not about to
/// stop, else 503.
pub async fn readiness(State(state): State<AppState>) -> impl IntoResponse {
    let Following(following) = *state.live.following().borrow();
    let database = answers(state.readers.ours()).await;
    let draining = state.shutdown.is_leaving();
    let (status, word) = if draining {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if database && following {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unready")
    };
    let readiness = Readiness {
        status: word,
        database,
        following,
        draining,
    };
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        Json(readiness),
    )
}
