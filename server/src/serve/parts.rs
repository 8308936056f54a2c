//! What follows a database's log and keeps live queries.

use std::sync::{Arc, atomic::AtomicU64};

use sqlx::{Connection, postgres::PgConnectOptions};
use tokio::{sync::watch, task::JoinHandle};

use super::{CLOSING, StartError, connect};
use crate::{
    capture::{
        TailHandle, TailOptions,
        bus::{BusOptions, Part},
        copier::{CopierOptions, Copying, Standing},
        source::{self, Settled},
        tail,
    },
    config::{ChangesFrom, Config},
    database::{
        catalog::Catalog,
        pool::{readers, session},
        readers::Readers,
        replica::Replica,
    },
    live::{
        Live,
        figures::Figures,
        hub::{Following, Hub, HubParts},
    },
    query::slice::bounded,
    traces::Traces,
};

/// The live queries of one database, without a server.
#[derive(Debug)]
pub struct LiveParts {
    /// What tables there are.
    pub catalog: Arc<Catalog>,
    /// For reading them.
    pub readers: Readers,
    /// The live queries.
    pub live: Live,
    /// Which history of the database they follow.
    pub epoch: Arc<AtomicU64>,
    /// Follows the log.
    pub follower: TailHandle,
    copying: Option<Copying>,
    hub: JoinHandle<()>,
    tail: JoinHandle<()>,
}

impl LiveParts {
    /// Starts to follow a database that has been [prepared](super::prepare), with so many
    /// connections for reading rows, and tells `traces` what it is at.
    ///
    /// # Errors
    /// If it can't be reached.
    pub async fn start(
        database: &PgConnectOptions,
        config: &Config,
        connections: u32,
        traces: &Traces,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        // Nothing is in the log that was not copied there.
        let copying = copying(database, config, stop.clone()).await?;
        let ways = (database, None);
        let parts = Self::start_with(database, ways, config, connections, traces, stop.clone());
        Ok(parts.await?.with(copying, database, config, stop))
    }

    /// The same, with rows read another `way` than the log is, or of a standby.
    pub(super) async fn start_with(
        database: &PgConnectOptions,
        (way, replica): (&PgConnectOptions, Option<Replica>),
        config: &Config,
        connections: u32,
        traces: &Traces,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let pool = readers(bounded(way.clone(), config.list_bytes), connections);
        let readers = Readers::from(pool.clone()).beside(replica);
        let catalog = Arc::new(Catalog::new(pool));
        let started = tail::start(TailOptions {
            database: session(database.clone()),
            read_bound: config.read_bytes as usize,
            bus: config.bus.clone().map(|address| BusOptions {
                address,
                part: Part::Server,
            }),
            traces: traces.clone(),
        })
        .await?;
        let figures = Arc::new(Figures::default());
        let (following, followed) = watch::channel(Following(true));
        let epoch = Arc::new(AtomicU64::new(started.epoch));
        let follower = started.handle.clone();
        let (hub, commands, receiver) = Hub::new(HubParts {
            catalog: Arc::clone(&catalog),
            readers: readers.clone(),
            tail: started.handle,
            epoch: Arc::clone(&epoch),
            version: started.version,
            following,
            figures: Arc::clone(&figures),
            traces: traces.clone(),
        });
        Ok(Self {
            catalog,
            readers,
            live: Live::new(commands, followed, figures),
            epoch,
            follower,
            copying: None,
            hub: tokio::spawn(hub.run(receiver, started.events, stop)),
            tail: started.task,
        })
    }

    /// With what copies from the write-ahead log, or will once changes come from there.
    pub(super) fn with(
        mut self,
        copying: Option<Copying>,
        database: &PgConnectOptions,
        config: &Config,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let wanted = self.follower.is_replicated();
        let later = || Copying::start_once(wanted, copier_options(database, config), stop);
        self.copying = Some(copying.unwrap_or_else(later));
        self
    }

    /// How copying from the write-ahead log does, where changes come from there.
    pub fn copying(&self) -> Option<Arc<Standing>> {
        let copying = self.copying.as_ref()?;
        Some(Arc::clone(copying.standing()))
    }

    /// Waits for the parts to end, after `stop` has said so.
    pub async fn end(self) {
        let _ = tokio::time::timeout(CLOSING, self.hub).await;
        let mut tail = self.tail;
        // It ends with the hub; on a bus it tells others.
        let ending = async {
            if tokio::time::timeout(CLOSING, &mut tail).await.is_err() {
                tail.abort();
            }
        };
        let closing = async {
            match self.readers.replica() {
                Some(replica) => {
                    tokio::join!(self.readers.ours().close(), replica.close());
                }
                None => self.readers.ours().close().await,
            }
        };
        let closing = tokio::time::timeout(CLOSING, closing);
        let _ = tokio::join!(ending, closing);
    }
}

/// Has changes of a database that has been [prepared](super::prepare) come from where the settings say, if
/// they do.
///
/// # Errors
/// Why they do not.
pub async fn settle_source(
    database: &PgConnectOptions,
    said: Option<ChangesFrom>,
) -> Result<Settled, StartError> {
    Ok(source::settle(database, said).await?)
}

pub(super) fn copier_options(database: &PgConnectOptions, config: &Config) -> CopierOptions {
    CopierOptions {
        database: session(database.clone()),
        slot_max: config.source.slot_max,
    }
}

/// Sees to it that changes are copied from the write-ahead log, where they come from there. What is
/// tried again after this goes on beside it, so that nothing is decoded twice.
pub(super) async fn copying(
    database: &PgConnectOptions,
    config: &Config,
    stop: watch::Receiver<bool>,
) -> Result<Option<Copying>, StartError> {
    let options = copier_options(database, config);
    let mut connection = connect(database).await?;
    let present = source::present(&mut connection).await?;
    let _ = tokio::time::timeout(CLOSING, connection.close()).await;
    if present == ChangesFrom::Triggers {
        return Ok(None);
    }
    let copying = Copying::start(options, stop);
    let ready = copying.standing().ready().await;
    let Err(reason) = ready else {
        return Ok(Some(copying));
    };
    copying.give_up(&session(database.clone())).await;
    Err(StartError::Database {
        reason: format!("changes can't be copied from the write-ahead log: {reason}"),
        is_away: false,
        was_answered: true,
    })
}
