//! `rowcast token`

use std::io::Write;

use anyhow::anyhow;
use sqlx::PgPool;

use super::{
    Database,
    user::{columns, told},
};
use crate::{
    audit::{self, Actor, Means},
    auth::{
        account,
        token::{self, NewToken, Token},
    },
    cli::TokenCommand,
    config::Config,
    database::pool,
};

pub async fn run(config: &Config, command: &TokenCommand) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let pool = pool::accounts(database.options.clone());
    let terminal = Actor::default().by(Means::Terminal);
    let said = audit::scope(terminal, act(&pool, command)).await;
    pool.close().await;
    // A reader such as `head` may have seen enough.
    let _ = std::io::stdout().write_all(said?.as_bytes());
    Ok(())
}

async fn act(pool: &PgPool, command: &TokenCommand) -> anyhow::Result<String> {
    let owner = match command {
        TokenCommand::Create { user, .. }
        | TokenCommand::List { user }
        | TokenCommand::Revoke { user, .. } => user,
    };
    let owner = account::named(pool, owner).await.map_err(told)?;
    Ok(match command {
        TokenCommand::Create {
            name,
            scopes,
            expires,
            ..
        } => {
            let new = NewToken {
                name: name.clone(),
                scopes: scopes.clone(),
                expires: Some(expires.clone()),
            };
            let (_, secret) = token::create(pool, owner, &new).await.map_err(told)?;
            format!("{}\n", secret.reveal())
        }
        TokenCommand::List { .. } => listing(&token::list(pool, owner).await.map_err(told)?),
        TokenCommand::Revoke { name, .. } => {
            let tokens = token::list(pool, owner).await.map_err(told)?;
            let token = tokens.iter().find(|token| token.name == *name);
            let token = token.ok_or_else(|| anyhow!("there is no such token"))?;
            token::revoke(pool, owner, token.id).await.map_err(told)?;
            format!("{name} is revoked\n")
        }
    })
}

/// One line for each token, in columns.
fn listing(tokens: &[Token]) -> String {
    let header = ["NAME", "SCOPE", "LAST USED", "ENDS"].map(str::to_owned);
    let rows = tokens.iter().map(|token| {
        [
            token.name.clone(),
            token.scopes.last().cloned().unwrap_or_default(),
            token
                .last_used_at
                .clone()
                .unwrap_or_else(|| "never".to_owned()),
            token
                .expires_at
                .clone()
                .unwrap_or_else(|| "never".to_owned()),
        ]
    });
    columns(std::iter::once(header).chain(rows).collect())
}
