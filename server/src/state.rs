//! What every request handler shares.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::extract::FromRef;
use http::HeaderMap;
use leptos::config::LeptosOptions;
use rowcast_protocol::ApiError;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::{
    auth::{Accounts, Identity, openid::OpenId},
    capture::{copier::Standing, tail::TailHandle},
    database::{catalog::Catalog, readers::Readers},
    error::{HttpError, database_unavailable},
    host::{same_origin, wrong_origin},
    limit::{Limits, Room, Turns},
    live::{Live, hub::Following},
    metrics::Metrics,
    origin::Origins,
    permission::Seen,
    presence::Presence,
    shutdown::Shutdown,
    site::Site,
    traces::Traces,
    watching::{Watching, delivery::Delivers},
};

/// How long a database that was away a moment ago has to accept a connection.
const BRIEFLY: Duration = Duration::from_millis(500);

/// The parts of a running server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// What tables there are. Who asks has them from [`AppState::seen`].
    pub catalog: Arc<Catalog>,
    /// Connections for reading them.
    pub readers: Readers,
    /// The live queries.
    pub live: Live,
    /// Follows the log for them.
    pub tail: TailHandle,
    /// Copies changes from the write-ahead log to it, where they come from there.
    pub copying: Option<Arc<Standing>>,
    /// Which history of the database the cursors belong to, as [`AppState::epoch`] reads it.
    pub epoch: Arc<AtomicU64>,
    /// Which build of the site is served; empty if there is none.
    pub build: String,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How the pages name their files.
    pub site: LeptosOptions,
    /// Those files.
    pub files: Site,
    /// Says when long-lived connections are to end.
    pub shutdown: Shutdown,
    /// Room for clients that stay connected.
    pub clients: Room,
    /// Room for reads of whole tables.
    pub exports: Room,
    /// Connections for writing rows.
    pub writers: PgPool,
    /// Room for writes that take long: all rows that match, or a file.
    pub long_writes: Room,
    /// Room for what requests bring, in units of [`body::UNIT`](crate::body::UNIT).
    pub bodies: Arc<Semaphore>,
    /// The most bytes of the rows of one list.
    pub list_bytes: u32,
    /// Room for questions that take going through a table or the log; who finds none waits.
    pub scans: Turns,
    /// Room for reading rows at once; who finds none waits.
    pub reading: Turns,
    /// Room for images of the feed that are being sent; who finds none waits.
    pub images: Turns,
    /// Connections for writing what is ours.
    pub housekeeping: PgPool,
    /// Who looks at which table.
    pub presence: Presence,
    /// The most bytes of a file that is imported.
    pub import_bytes: u32,
    /// For how many days notifications are kept that were read.
    pub notification_days: u64,
    /// Who may use the server.
    pub accounts: Accounts,
    /// By which provider one may sign in, too.
    pub openid: Option<Arc<OpenId>>,
    /// By which addresses it is reached.
    pub origins: Arc<Origins>,
    /// How hits are told beside the page.
    pub delivers: Delivers,
    /// Tells of changed rules and of what is to be delivered.
    pub watching: Watching,
    /// How often who may ask.
    pub limits: Limits,
    /// Where what requests are at is told.
    pub traces: Traces,
}

impl AppState {
    /// Which history of the database the cursors belong to. One that is out of date makes a
    /// cursor that is answered with a reset, never a wrong one.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The tables as somebody may see them.
    pub fn seen<'a>(&'a self, identity: &'a Identity) -> Seen<'a> {
        Seen::new(&self.catalog, identity)
            .noting(&self.housekeeping)
            .reading(&self.readers)
    }

    /// Says at once that the database is away, where that is known: to wait for a connection
    /// takes longer.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn require_database(&self) -> Result<(), ApiError> {
        let Following(following) = *self.live.following().borrow();
        if following {
            return Ok(());
        }
        match tokio::time::timeout(BRIEFLY, self.readers.ours().acquire()).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(database_unavailable()),
        }
    }

    /// Whether a page may connect: only one of this server itself.
    ///
    /// # Errors
    /// `wrong_origin` if the request comes from a page of another origin.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        if same_origin(&self.origins, headers) {
            return Ok(());
        }
        Err(wrong_origin())
    }
}

/// The server has as many clients as it takes.
pub fn too_busy() -> HttpError {
    HttpError(ApiError::new(
        "too_busy",
        "the server has as many clients as it takes",
        "try again in a moment",
    ))
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.site.clone()
    }
}
