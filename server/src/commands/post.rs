//! `rowcast post`

use super::{Database, user::told};
use crate::{
    audit::{self, Actor, Means},
    config::Config,
    database::pool,
    feed::send,
};

/// Who it is from, as its reader sees it.
const SENDER: &str = "rowcast post";

pub async fn run(config: &Config, channel: &str, body: &str) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let pool = pool::housekeepers(database.options.clone());
    let terminal = Actor::default().by(Means::Terminal);
    let sent = audit::scope(terminal, send(&pool, SENDER, channel, body)).await;
    pool.close().await;
    sent.map_err(told)?;
    Ok(())
}
