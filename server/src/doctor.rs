//! What is wrong with a database, or will be, and how to mend it.
//!
//! Nothing is changed by looking: what Rowcast would set up is told, not done.

mod bus;
mod finding;
mod log;
mod pooler;
mod replica;
mod rights;
mod roles;
mod schema;
mod server;
mod source;

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

pub use finding::{Finding, Level};

use crate::{config::Config, database::pool::session, serve::reason};

/// How long a question may take the database.
const STATEMENT_TIMEOUT: &str = "10s";

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks at a database with the rights that serving it will have, and says what was found, in
/// the order in which it is best mended. What can't be found out is itself something wrong.
pub async fn examine(database: &PgConnectOptions, config: &Config) -> Vec<Finding> {
    let options = session(database.clone()).options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("default_transaction_read_only", "on"),
    ]);
    let mut connection = match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return vec![unreachable(&reason(&error))],
        Err(_) => return vec![unreachable("it does not answer within 10 s")],
    };
    let mut found = Vec::new();
    let is_set_up = match look(&mut connection, &options, config, &mut found).await {
        Ok(is_set_up) => is_set_up,
        Err(error) => {
            found.push(Finding::wrong(
                "database",
                format!("it could not be examined further: {}", reason(&error)),
                "mend what is above, or see the database's log",
            ));
            return found;
        }
    };
    if !is_set_up {
        found.push(Finding::note(
            "examination",
            "rights, triggers and log are examined once the schema rowcast is set up",
        ));
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
    found
}

/// Whether the schema is there for all to be looked at.
async fn look(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
    config: &Config,
    found: &mut Vec<Finding>,
) -> Result<bool, sqlx::Error> {
    found.extend(server::version(connection).await?);
    found.extend(server::settings(connection).await?);
    found.extend(server::encryption(connection, options).await?);
    found.extend(server::clock(connection).await?);
    found.extend(server::connections(connection, config).await?);
    found.push(server::bell(connection, options).await);
    found.extend(pooler::way(options, config).await);
    found.extend(bus::way(config).await);
    found.extend(replica::way(options, config).await);
    let (schema, is_set_up) = schema::version(connection).await?;
    found.extend(schema);
    if !is_set_up {
        return Ok(false);
    }
    found.extend(source::source(connection, options, config.source).await?);
    found.extend(rights::of_serving(connection, config).await?);
    found.extend(roles::roles(connection, &config.database_roles).await?);
    found.extend(schema::event_triggers(connection).await?);
    found.extend(schema::tables(connection).await?);
    found.extend(log::size(connection, config.retention).await?);
    found.extend(log::held_back(connection).await?);
    Ok(true)
}

fn unreachable(why: &str) -> Finding {
    // What PgBouncer says to settings, unless it pools sessions and is told to pass over them.
    if why.contains("unsupported startup parameter") {
        return Finding::wrong(
            "connection",
            format!("a pooler is between, which takes no settings: {why}"),
            "set ROWCAST_DIRECT_URL to the URL of the database itself; this one may stay in \
             DATABASE_URL",
        );
    }
    Finding::wrong(
        "connection",
        format!("the database can't be reached: {why}"),
        "see that DATABASE_URL (or ROWCAST_DIRECT_URL) names it, that it runs, and that pg_hba.conf lets this role in",
    )
}
