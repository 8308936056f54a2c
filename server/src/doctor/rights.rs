//! What the role that serves may do with the tables of the schema `rowcast`.

use sqlx::{PgConnection, Row};

use super::Finding;
use crate::{
    capture::source::present,
    config::{Auth, ChangesFrom, Config},
};

/// What a right is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// All that Rowcast does.
    Serving,
    /// Saved views, presence and the operations page, without which all else works.
    Company,
    /// Copying changes from the write-ahead log, where they come from there.
    Copying,
    /// Accounts, which are not looked at where nobody has to sign in.
    Accounts,
}

/// Which rights serving needs, in the order of `docs/sql.md`.
const NEEDED: &[(&str, &[&str], For)] = &[
    ("migration", &["SELECT"], For::Serving),
    ("setting", &["SELECT"], For::Serving),
    ("watched", &["SELECT"], For::Serving),
    ("change_log", &["SELECT", "UPDATE", "DELETE"], For::Serving),
    ("state", &["SELECT", "UPDATE"], For::Serving),
    ("copied", &["SELECT"], For::Serving),
    ("copied", &["UPDATE"], For::Copying),
    ("change_log", &["INSERT"], For::Copying),
    ("part", &["SELECT"], For::Copying),
    ("parted", &["SELECT", "DELETE"], For::Copying),
    ("owed", &["SELECT", "INSERT", "DELETE"], For::Copying),
    ("audit", WRITTEN, For::Serving),
    ("refusal", WRITTEN, For::Serving),
    ("saved_view", WRITTEN, For::Company),
    ("presence", WRITTEN, For::Company),
    ("server", WRITTEN, For::Company),
    ("server_query", WRITTEN, For::Company),
    ("notification", WRITTEN, For::Accounts),
    ("notification_setting", WRITTEN, For::Accounts),
    ("channel", WRITTEN, For::Accounts),
    ("channel_member", WRITTEN, For::Accounts),
    ("post", WRITTEN, For::Accounts),
    ("reaction", WRITTEN, For::Accounts),
    ("typing", WRITTEN, For::Accounts),
    ("post_image", WRITTEN, For::Accounts),
    ("post_told", WRITTEN, For::Accounts),
    ("comment_table", WRITTEN, For::Accounts),
    ("comment", WRITTEN, For::Accounts),
    ("comment_count", WRITTEN, For::Accounts),
    ("comment_told", WRITTEN, For::Accounts),
    ("watch_rule", WRITTEN, For::Accounts),
    ("watch_cursor", WRITTEN, For::Accounts),
    ("watch_group", WRITTEN, For::Accounts),
    ("webhook", WRITTEN, For::Accounts),
    ("account_mail", WRITTEN, For::Accounts),
    ("delivery", WRITTEN, For::Accounts),
    ("account", WRITTEN, For::Accounts),
    ("password", WRITTEN, For::Accounts),
    ("account_role", WRITTEN, For::Accounts),
    ("role", WRITTEN, For::Accounts),
    ("permission", WRITTEN, For::Accounts),
    ("session", WRITTEN, For::Accounts),
    ("token", WRITTEN, For::Accounts),
    ("link", WRITTEN, For::Accounts),
    ("device", WRITTEN, For::Accounts),
    ("attempt", WRITTEN, For::Accounts),
    ("identity", WRITTEN, For::Accounts),
    ("openid_answer", WRITTEN, For::Accounts),
    ("openid_flow", WRITTEN, For::Accounts),
];

const WRITTEN: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];

pub(super) async fn of_serving(
    connection: &mut PgConnection,
    config: &Config,
) -> Result<Vec<Finding>, sqlx::Error> {
    let copies = match config.source.said {
        Some(said) => said == ChangesFrom::Replication,
        None => present(connection).await? == ChangesFrom::Replication,
    };
    let needed = NEEDED.iter().filter(|(.., purpose)| match purpose {
        For::Serving | For::Company => true,
        For::Copying => copies,
        For::Accounts => config.auth == Auth::On,
    });
    let (mut tables, mut rights) = (Vec::new(), Vec::new());
    for (table, needed, _) in needed {
        for right in *needed {
            tables.push(*table);
            rights.push(*right);
        }
    }
    let rows = sqlx::query(
        "SELECT c.relname::text, string_agg(n.privilege, ', ' ORDER BY n.position), \
                quote_ident(current_user) \
           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (name, privilege, position) \
           JOIN pg_class c ON c.relname = n.name AND c.relnamespace = 'rowcast'::regnamespace \
          WHERE NOT has_table_privilege(c.oid, n.privilege) \
          GROUP BY c.relname ORDER BY min(n.position)",
    )
    .bind(&tables)
    .bind(&rights)
    .fetch_all(&mut *connection)
    .await?;
    let mut found = Vec::new();
    for row in &rows {
        let (table, missing, role): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let said = format!("{role} lacks {missing} on rowcast.{table}");
        let fix = format!("GRANT {missing} ON rowcast.{table} TO {role}");
        let purpose = NEEDED.iter().find(|(name, ..)| *name == table);
        found.push(match purpose {
            Some((.., For::Company)) => Finding::warning("rights", said, fix),
            _ => Finding::wrong("rights", said, fix),
        });
    }
    found.extend(beyond(connection, rows.is_empty()).await?);
    Ok(found)
}

/// Rights that are more than serving needs.
async fn beyond(
    connection: &mut PgConnection,
    is_enough: bool,
) -> Result<Option<Finding>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT quote_ident(r.rolname), r.rolsuper, \
                has_database_privilege(current_database(), 'CREATE') \
           FROM pg_roles r WHERE r.rolname = current_user",
    )
    .fetch_one(connection)
    .await?;
    let (role, is_superuser, may_create): (String, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(if is_superuser {
        Some(Finding::note(
            "rights",
            format!(
                "{role} is a superuser, which serving does not need: docs/sql.md has the least \
                 that a role needs"
            ),
        ))
    } else if is_enough && may_create {
        Some(Finding::fine(
            "rights",
            format!("{role} may set up, watch its tables, and serve"),
        ))
    } else if is_enough {
        Some(Finding::fine(
            "rights",
            format!("{role} may serve, and no more than that"),
        ))
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_ours_is_in_the_list() {
        let migrations = crate::capture::migrate::all_sql();
        let created: Vec<&str> = migrations
            .split("CREATE TABLE rowcast.")
            .skip(1)
            .map(|rest| rest.split([' ', '(']).next().unwrap_or_default())
            .collect();
        assert!(created.len() > 10, "{created:?}");
        for name in created {
            assert!(NEEDED.iter().any(|(table, ..)| *table == name), "{name}");
        }
    }
}
