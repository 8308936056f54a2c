//! `rowcast doctor`

use std::io::Write;

use anyhow::bail;

use super::Database;
use crate::{
    config::Config,
    doctor::{self, Level},
};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let database = Database::as_it_is(config).await?;
    let found = doctor::examine(&database.options, config).await;
    let text: String = found.iter().map(|finding| format!("{finding}\n")).collect();
    // A reader such as `head` may have seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let wrong = found.iter().filter(|finding| finding.level == Level::Wrong);
    match wrong.count() {
        0 => Ok(()),
        1 => bail!("one thing does not work: see the line that says WRONG"),
        many => bail!("{many} things do not work: see the lines that say WRONG"),
    }
}
