//! Reading the log for others alone.

use std::{future::ready, sync::Arc, time::Instant};

use sqlx::postgres::PgConnectOptions;

use super::{
    CLOSING, StartError,
    parts::{copier_options, copying, settle_source},
    start_traces,
};
use crate::{
    capture::{
        TailOptions,
        bus::{Address, BusOptions, Part},
        copier::Copying,
        source::Settled,
        tail,
    },
    config::Config,
    database::pool::{readers, session},
    listen::{self, BoundSocket, Way},
    routes::reader::{self, Reader},
    shutdown::Shutdown,
    starting::{patiently, unless_stopped},
};

/// How many may ask at once how it does.
const CONNECTIONS: usize = 64;

/// Reads the log of a database that has been [prepared](super::prepare) for the servers on a bus, until
/// the shutdown. `begun` is told once it is read; then it can be asked at `health` how that does.
///
/// # Errors
/// If the database can't be reached, or is away for too long; if somebody else listens at the
/// address.
pub async fn lead(
    database: &PgConnectOptions,
    address: Address,
    config: &Config,
    health: Option<BoundSocket>,
    mut shutdown: Shutdown,
    begun: impl FnOnce(),
) -> Result<(), StartError> {
    let settling = patiently(|| settle_source(database, config.source.said));
    let Some(settled) = unless_stopped(&shutdown, settling).await else {
        return Ok(());
    };
    let Settled { here, .. } = settled?;
    let starting = patiently(|| copying(database, config, shutdown.receiver()));
    let Some(copying) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let copying = copying?;
    let (traces, exporting) = start_traces(config);
    let options = TailOptions {
        database: session(database.clone()),
        read_bound: config.read_bytes as usize,
        bus: Some(BusOptions {
            address,
            part: Part::Leader,
        }),
        traces,
    };
    let starting = patiently(|| async { Ok(tail::start(options.clone()).await?) });
    let Some(started) = unless_stopped(&shutdown, starting).await else {
        return Ok(());
    };
    let mut started = started?;
    drop(here);
    // It copies until this returns.
    let copying = copying.unwrap_or_else(|| {
        let wanted = started.handle.is_replicated();
        let options = copier_options(database, config);
        Copying::start_once(wanted, options, shutdown.receiver())
    });
    let reader = Reader {
        tail: started.handle.clone(),
        copying: Arc::clone(copying.standing()),
        database: readers(database.clone(), 1),
        shutdown: shutdown.clone(),
        started: Instant::now(),
    };
    let listener = health.map(BoundSocket::listen).transpose()?;
    begun();
    let mut asked = listener.map(|listener| {
        let router = reader::router(reader);
        tokio::spawn(listen::serve(
            listener,
            router,
            way(),
            shutdown.clone(),
            ready(()),
        ))
    });
    loop {
        tokio::select! {
            () = shutdown.wait() => break,
            // What is told here is told to others too, who are all whom it is for.
            event = started.events.recv() => if event.is_none() { break },
        }
    }
    drop(started.events);
    if tokio::time::timeout(CLOSING * 3, &mut started.task)
        .await
        .is_err()
    {
        started.task.abort();
    }
    if let Some(asked) = &mut asked {
        // It ends with the shutdown, too.
        let _ = tokio::time::timeout(CLOSING, asked).await;
    }
    exporting.end().await;
    Ok(())
}

/// How those come who ask how it does.
fn way() -> Way {
    Way {
        connections: CONNECTIONS,
        tls: None,
        proxies: Arc::default(),
    }
}
