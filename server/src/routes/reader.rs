//! What `rowcast listen` answers: how it does.

use std::{sync::Arc, time::Instant};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::{StatusCode, header};
use serde::Serialize;
use sqlx::PgPool;

use super::{
    health::{PATIENCE, health},
    metrics::{copied, process, read},
};
use crate::{
    capture::{TailHandle, copier::Standing},
    metrics::text::{CONTENT_TYPE, Page},
    shutdown::Shutdown,
};

/// Who reads the log for others.
#[derive(Clone)]
pub struct Reader {
    /// What reads it.
    pub tail: TailHandle,
    /// What writes it, where changes come from the write-ahead log.
    pub copying: Arc<Standing>,
    /// The database, which is asked whether it answers.
    pub database: PgPool,
    /// Whether it is to end.
    pub shutdown: Shutdown,
    /// Since when it has been read.
    pub started: Instant,
}

/// The addresses. They name nothing that is in the database.
pub fn router(reader: Reader) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(reader)
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    /// The database can be reached.
    database: bool,
    /// Whoever reads the log for others here has not lost it.
    following: bool,
    /// It is read for others; else another one does so.
    leading: bool,
    /// The bus takes what is read, or did when that was last tried.
    bus: bool,
    /// It is about to end.
    draining: bool,
}

/// Whether the database answers, soon. It is asked over a new connection, as the log is read over one
/// where the last was lost: one that hangs says nothing of the next. One asks at once.
async fn reachable(database: &PgPool) -> bool {
    let asked = async {
        let mut connection = database.acquire().await?;
        connection.close_on_drop();
        sqlx::query("SELECT 1").execute(&mut *connection).await
    };
    matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(_)))
}

/// 200 if the database and the bus can be reached and the log is read, or would be if nobody else did,
/// else 503.
async fn readiness(State(reader): State<Reader>) -> impl IntoResponse {
    let database = reachable(&reader.database).await;
    let (following, bus) = (reader.tail.follows(), !reader.tail.is_mute());
    let draining = reader.shutdown.is_leaving();
    let (status, word) = match (draining, database && following && bus) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    let readiness = Readiness {
        status: word,
        database,
        following,
        leading: reader.tail.leads().0,
        bus,
        draining,
    };
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        Json(readiness),
    )
}

async fn metrics(State(reader): State<Reader>) -> impl IntoResponse {
    let mut page = Page::default();
    process(reader.started.elapsed().as_secs_f64(), &mut page);
    read(reader.tail.follows(), &reader.tail, &mut page);
    copied(Some(&reader.copying), &mut page);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page.into_text())
}
