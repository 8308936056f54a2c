//! The connection over which the write-ahead log comes.

use std::time::Duration;

use pgwire_replication::{Lsn, ReplicationClient, ReplicationConfig};
use sqlx::postgres::PgConnectOptions;

use super::{CONNECTING, Failure, PUBLICATION, WAITING, within};
use crate::database::{tunnel::Tunnel, upstream::password_of};

/// What the setting is called whose way it is.
const SETTING: &str = "DATABASE_URL";

/// A socket behind which the database is.
pub(super) fn tunnel(database: &PgConnectOptions) -> Result<Tunnel, Failure> {
    Ok(Tunnel::start(SETTING, database)?)
}

/// How the stream comes through it.
pub(super) fn stream(
    database: &PgConnectOptions,
    tunnel: &Tunnel,
    slot: &str,
    from: Lsn,
) -> ReplicationConfig {
    let user = database.get_username();
    let name = database.get_database().unwrap_or(user);
    let host = tunnel.directory().to_string_lossy();
    let password = password_of(database);
    ReplicationConfig::new(host, user, password, name, slot, PUBLICATION)
        .with_port(tunnel.port())
        .with_start_lsn(from)
        .with_status_interval(Duration::from_secs(1))
        .with_wakeup_interval(Duration::from_secs(1))
        .with_buffer_size(WAITING)
        .with_binary(true)
        .with_options("-c client_encoding=UTF8")
        .with_application_name("rowcast")
}

/// Opens a connection for replication as copying does, and leaves it at that.
///
/// # Errors
/// Why none can be opened.
pub async fn probe(database: &PgConnectOptions, slot: &str) -> Result<(), Failure> {
    let tunnel = tunnel(database)?;
    let config = stream(database, &tunnel, slot, Lsn::from_u64(0));
    let asking = async {
        let mut client = ReplicationClient::connect_gated(config).await?;
        client.identify_system().await
    };
    within(CONNECTING, asking).await?;
    Ok(())
}
