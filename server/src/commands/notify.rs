//! `rowcast notify`

use super::{Database, user::told};
use crate::{
    audit::{self, Actor, Means},
    config::Config,
    database::pool,
    notification::{New, send},
};

/// Who it is from, as its reader sees it.
const SENDER: &str = "rowcast notify";

pub async fn run(config: &Config, user: &str, new: &New) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let pool = pool::housekeepers(database.options.clone());
    let terminal = Actor::default().by(Means::Terminal);
    let sent = audit::scope(terminal, send(&pool, SENDER, user, new)).await;
    pool.close().await;
    sent.map_err(told)?;
    Ok(())
}
