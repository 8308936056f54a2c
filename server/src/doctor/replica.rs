//! The standby beside the database.

use sqlx::postgres::PgConnectOptions;

use super::Finding;
use crate::{
    config::Config,
    database::replica::{Follows, ReplicaError, compare},
};

const SUBJECT: &str = "standby";

/// What is said of a standby, where one is named.
pub(super) async fn way(primary: &PgConnectOptions, config: &Config) -> Option<Finding> {
    let options = config.replica.as_ref()?;
    Some(match compare(options, primary).await {
        Ok(Follows::Closely) => Finding::fine(
            SUBJECT,
            format!(
                "ROWCAST_REPLICA_URL leads to a standby of this primary that has replayed all of \
                 it; a server opens up to {} connections to it",
                config.connections,
            ),
        ),
        Ok(Follows::Behind) => Finding::warning(
            SUBJECT,
            "the standby has not replayed what the primary wrote a moment ago; a read that would \
             wait for it for more than a second is answered by the primary",
            "if it stays so, see pg_stat_replication on the primary, and pg_is_wal_replay_paused() \
             and recovery_min_apply_delay on the standby",
        ),
        Ok(Follows::Nobody) => Finding::warning(
            SUBJECT,
            "ROWCAST_REPLICA_URL leads to no standby: the primary is read from instead",
            "name a standby, or leave it unset; if that one has been promoted, see that \
             DATABASE_URL leads to it",
        ),
        Ok(Follows::Another) => Finding::warning(
            SUBJECT,
            "the standby does not say that it receives the primary's timeline: the primary is read \
             from instead",
            "GRANT pg_read_all_stats to the role, which sees no timeline without; else see whom it \
             follows",
        ),
        Err(error @ (ReplicaError::Different | ReplicaError::Role)) => Finding::wrong(
            SUBJECT,
            error.to_string(),
            "see whom the host in ROWCAST_REPLICA_URL follows, the database and the role in it",
        ),
        Err(error) => Finding::warning(
            SUBJECT,
            format!("{error}: the primary is read from instead"),
            "see that it runs, with hot_standby on, and that its pg_hba.conf lets this role in",
        ),
    })
}
