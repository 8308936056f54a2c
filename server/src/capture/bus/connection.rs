//! A connection to a bus.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, RedisError, aio::MultiplexedConnection,
    cluster_async::ClusterConnection,
};
use tokio::time::timeout;

use super::address::{Address, Way};

/// How long the bus has to answer, beside what it is asked to wait.
pub const RESPONSE: Duration = Duration::from_secs(3);

/// A connection.
#[derive(Clone)]
pub enum Connection {
    /// To the one server there is.
    One(MultiplexedConnection),
    /// To whichever node of a cluster it is about.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If that fails, or takes too long.
    pub async fn open(address: &Address) -> Result<Self, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RESPONSE))
            .set_response_timeout(Some(RESPONSE));
        let opened = async {
            Ok(match &address.0 {
                Way::One(client) => Self::One(
                    client
                        .get_multiplexed_async_connection_with_config(&config)
                        .await?,
                ),
                Way::Cluster(client) => Self::Cluster(client.get_async_connection().await?),
            })
        };
        in_time(opened).await
    }

    /// Asks something.
    ///
    /// # Errors
    /// Those of the bus, or that it does not answer.
    pub async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        let asked = async {
            match self {
                Self::One(connection) => command.query_async(connection).await,
                Self::Cluster(connection) => command.query_async(connection).await,
            }
        };
        in_time(asked).await
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    match timeout(RESPONSE * 2, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(RedisError::from(std::io::Error::from(
            std::io::ErrorKind::TimedOut,
        ))),
    }
}

/// Why the bus fails, in a word that holds nothing of its address and of what was sent.
pub fn reason(error: &RedisError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None if error.is_timeout() => "timeout".to_owned(),
        None if error.is_io_error() => "unreachable".to_owned(),
        None => error.category().to_owned(),
    }
}
