//! The stream that several servers share.

use redis::{ErrorKind, RedisError, cmd};

use super::Finding;
use crate::{
    capture::bus::{
        Address,
        connection::{Connection, reason},
        stream_of,
    },
    config::Config,
};

/// What is said of the bus, where there is one. Nothing is written to it.
pub(super) async fn way(config: &Config) -> Option<Finding> {
    let address = config.bus.as_ref()?;
    Some(match asked(address).await {
        Ok(()) => Finding::fine("bus", "it answers, and lets its streams be read"),
        Err(error) => Finding::wrong(
            "bus",
            format!(
                "ROWCAST_BUS leads to none that can be used ({}): each server reads the log itself",
                reason(&error)
            ),
            fix(&error),
        ),
    })
}

async fn asked(address: &Address) -> Result<(), RedisError> {
    let mut connection = Connection::open(address).await?;
    // Of no history: there is nothing in it, and the right to read it is that to all of them.
    let mut last = cmd("XREVRANGE");
    last.arg(stream_of(0)).arg(&["+", "-", "COUNT", "1"]);
    connection.ask(&last).await
}

fn fix(error: &RedisError) -> &'static str {
    if error.kind() == ErrorKind::AuthenticationFailed || error.code() == Some("NOAUTH") {
        return "put the user and the password that it asks for into the address";
    }
    if error.code() == Some("NOPERM") {
        return "ACL SETUSER … ~rowcast:* +xadd +xread +xrevrange +xtrim +expire, for the user of \
                the address";
    }
    if error.is_io_error() || error.is_timeout() {
        return "see that it runs, and that address, port and TLS (rediss://) are those it has";
    }
    "see that it is a Redis of 6.2 or later or a Valkey, and redis+cluster:// where it is a cluster"
}
