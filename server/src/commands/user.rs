//! `rowcast user`

use std::io::Write;

use anyhow::anyhow;
use rowcast_protocol::ApiError;
use sqlx::PgPool;

use super::{Database, prompt::new_password};
use crate::{
    audit::{self, Actor, Means},
    auth::{
        account::{self, Account},
        link,
        password::{Hashing, NewPassword},
    },
    cli::UserCommand,
    config::Config,
    database::pool,
};

pub async fn run(config: &Config, command: &UserCommand) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let pool = pool::accounts(database.options.clone());
    let terminal = Actor::default().by(Means::Terminal);
    let said = audit::scope(terminal, act(config, &pool, command)).await;
    pool.close().await;
    // A reader such as `head` may have seen enough.
    let _ = std::io::stdout().write_all(said?.as_bytes());
    Ok(())
}

async fn act(config: &Config, pool: &PgPool, command: &UserCommand) -> anyhow::Result<String> {
    Ok(match command {
        UserCommand::Add { name, roles } => {
            let name = account::check_name(name).map_err(told)?;
            let hash = hash(&name).await?;
            account::add(pool, &name, roles, Some(&hash))
                .await
                .map_err(told)?;
            format!("{name} is a user now\n")
        }
        UserCommand::List => {
            let mut accounts = account::list(pool, "").await.map_err(told)?;
            let mut after = accounts.last().map(|account| account.name.clone());
            while let Some(last) = after {
                let more = account::list(pool, &last).await.map_err(told)?;
                after = more.last().map(|account| account.name.clone());
                accounts.extend(more);
            }
            listing(&accounts)
        }
        UserCommand::Password { name } => {
            let id = account::named(pool, name).await.map_err(told)?;
            let hash = hash(name).await?;
            account::set_password(pool, id, &hash, None)
                .await
                .map_err(told)?;
            format!("{name} has a new password, and is signed out everywhere\n")
        }
        UserCommand::Roles { name, roles } => {
            let id = account::named(pool, name).await.map_err(told)?;
            account::set_roles(pool, id, roles).await.map_err(told)?;
            match roles.as_slice() {
                [] => format!("{name} has no roles but member\n"),
                roles => format!("{name} is {}\n", roles.join(", ")),
            }
        }
        UserCommand::DatabaseRole { name, role } => {
            let id = account::named(pool, name).await.map_err(told)?;
            account::set_database_role(pool, id, role.as_deref())
                .await
                .map_err(told)?;
            match role {
                None => format!("{name} has no database role of their own\n"),
                Some(role) => format!("{name} has the database role {role}\n"),
            }
        }
        UserCommand::Disable { name } => {
            let id = account::named(pool, name).await.map_err(told)?;
            account::set_disabled(pool, id, true).await.map_err(told)?;
            format!("{name} is disabled, and signed out everywhere\n")
        }
        UserCommand::Enable { name } => {
            let id = account::named(pool, name).await.map_err(told)?;
            account::set_disabled(pool, id, false).await.map_err(told)?;
            format!("{name} may sign in\n")
        }
        UserCommand::SignOut { name } => {
            let id = account::named(pool, name).await.map_err(told)?;
            account::sign_out(pool, id).await.map_err(told)?;
            format!("{name} is signed out everywhere\n")
        }
        UserCommand::Invite { roles } => {
            let secret = link::invite(pool, None, roles).await.map_err(told)?;
            let base = config.entrance.address(config.addr);
            format!("{base}{}\n", link::path(&secret))
        }
    })
}

/// An error as one line for the terminal.
pub fn told(error: ApiError) -> anyhow::Error {
    match error.hint.as_str() {
        "" => anyhow!("{}", error.message),
        hint => anyhow!("{} ({hint})", error.message),
    }
}

async fn hash(name: &str) -> anyhow::Result<String> {
    let password = NewPassword::new(new_password()?, name).map_err(told)?;
    Hashing::default().hash(password).await.map_err(told)
}

/// One line for each account, in columns.
fn listing(accounts: &[Account]) -> String {
    let header = ["NAME", "STATE", "ROLES", "LAST HERE"].map(str::to_owned);
    let rows = accounts.iter().map(|account| {
        [
            account.name.clone(),
            if account.disabled { "disabled" } else { "-" }.to_owned(),
            match account.roles.as_slice() {
                [] => "-".to_owned(),
                roles => roles.join(","),
            },
            account.seen_at.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    columns(std::iter::once(header).chain(rows).collect())
}

/// Lines whose columns stand below each other.
pub fn columns<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line += &format!("{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::AccountId;

    #[test]
    fn accounts_are_listed_in_columns() {
        let account = |name: &str, roles: &[&str], disabled| Account {
            id: AccountId(1),
            name: name.to_owned(),
            email: None,
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            disabled,
            attributes: serde_json::Map::new(),
            database_role: None,
            created_at: String::new(),
            seen_at: None,
        };
        assert_eq!(
            listing(&[
                account("ann", &["administrator"], false),
                account("zoë", &[], true)
            ]),
            "NAME  STATE     ROLES          LAST HERE\n\
             ann   -         administrator  -\n\
             zoë   disabled  -              -\n"
        );
    }
}
