//! The tail's own connections.

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

/// Opens a connection whose statements are planned once. The log is read many times a
/// second by one statement: a new plan for each read would cost more than the read, and a
/// plan that does not know its parameters must still use the index.
pub async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let options = options.clone().options([
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("jit", "off"),
        // Making triggers fit must not stop a table's writers for longer.
        ("lock_timeout", "1s"),
        ("statement_timeout", "60s"),
    ]);
    options.disable_statement_logging().connect().await
}

/// Ends a connection, without waiting for a server that does not answer.
pub async fn close(connection: PgConnection) {
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), connection.close()).await;
}
