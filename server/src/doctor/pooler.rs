//! The pooler before the database.

use sqlx::postgres::PgConnectOptions;

use super::Finding;
use crate::{
    config::Config,
    database::pooler::PoolerError,
    serve::{connections_needed, pooled_connections},
};

/// What is said of a pooler, where there is one.
pub(super) async fn way(direct: &PgConnectOptions, config: &Config) -> Option<Finding> {
    let pooler = config.pooler.as_ref()?;
    Some(match pooler.start_beside(direct).await {
        Ok(_) => Finding::fine(
            "pooler",
            format!(
                "DATABASE_URL leads to the same database as ROWCAST_DIRECT_URL; a server opens up \
                 to {} connections to the pooler, and {} beside it",
                pooled_connections(config),
                connections_needed(config),
            ),
        ),
        Err(error) => Finding::wrong("pooler", error.to_string(), fix(&error)),
    })
}

fn fix(error: &PoolerError) -> &'static str {
    match error {
        PoolerError::Socket(_) => {
            "have the directory for temporary files be one that may be written to"
        }
        PoolerError::Way { .. } => {
            "see that the pooler runs, knows the database and lets this role in"
        }
        PoolerError::Different | PoolerError::Standby => {
            "see what the pooler's entry of the database leads to"
        }
        PoolerError::Isolation => {
            "ALTER ROLE … RESET default_transaction_isolation, or ALTER DATABASE …"
        }
    }
}
