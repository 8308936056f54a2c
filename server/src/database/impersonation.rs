//! As whom the database is asked for somebody: where it is set so, under a role of theirs, so that
//! PostgreSQL's own rules decide what they see and write.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};
use sqlx::{
    Connection, PgConnection, Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::catalog::TableMeta;

/// Whether the database's own rules decide, and who has which role where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DatabaseRoles {
    /// They do not: the server asks as itself.
    #[default]
    Off,
    /// They do.
    On {
        /// The role of those who have not signed in.
        public: Option<String>,
        /// The role of those who have, and have none of their own.
        member: Option<String>,
    },
}

/// As whom the database is asked for the rows of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DatabaseUser {
    /// As the server: what it may read, they may.
    #[default]
    Server,
    /// As nobody, for they have no role: they read nothing.
    Nobody,
    /// Under a role of theirs.
    Role(Arc<Impersonation>),
}

/// A role that is taken on for somebody, and what is said of them beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Impersonation {
    /// The role's name.
    pub role: String,
    /// Who it is, as JSON: the setting `request.jwt.claims`.
    pub claims: String,
}

/// Somebody who has an account, as the database's rules may know them.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// The account's number.
    pub id: i64,
    /// What they are called.
    pub name: &'a str,
    /// Their roles here.
    pub roles: &'a BTreeSet<Arc<str>>,
    /// Their attributes.
    pub attributes: &'a Map<String, Value>,
}

impl DatabaseRoles {
    /// As whom the database is asked for somebody with an account, who may have a role of their own.
    pub fn of_account(&self, own: Option<&str>, who: Claimant<'_>) -> DatabaseUser {
        let Self::On { member, .. } = self else {
            return DatabaseUser::Server;
        };
        impersonation(own.or(member.as_deref()), |role| {
            json!({
                "sub": who.id.to_string(),
                "role": role,
                "name": who.name,
                "roles": who.roles,
                "attributes": who.attributes,
            })
        })
    }

    /// As whom it is asked for those who have not signed in.
    pub fn of_public(&self, roles: &BTreeSet<Arc<str>>) -> DatabaseUser {
        let Self::On { public, .. } = self else {
            return DatabaseUser::Server;
        };
        let claims = |role: &str| json!({"role": role, "roles": roles});
        impersonation(public.as_deref(), claims)
    }

    /// The roles that the settings name.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let (public, member) = match self {
            Self::Off => (None, None),
            Self::On { public, member } => (public.as_deref(), member.as_deref()),
        };
        public.into_iter().chain(member)
    }
}

fn impersonation(role: Option<&str>, claims: impl Fn(&str) -> Value) -> DatabaseUser {
    match role {
        None => DatabaseUser::Nobody,
        Some(role) => DatabaseUser::Role(Arc::new(Impersonation {
            role: role.to_owned(),
            claims: claims(role).to_string(),
        })),
    }
}

/// Has what is left of the transaction done as whoever the table was asked for by. Both settings
/// end with it, and so does every statement's right to be somebody.
///
/// # Errors
/// The database's; [`RulesChanged`] where there is no such role any more, or it is not the server's
/// to take on.
pub async fn take_on(connection: &mut PgConnection, table: &TableMeta) -> Result<(), sqlx::Error> {
    let Some(rules) = &table.rules else {
        return Ok(());
    };
    if table.keeps_plans() {
        sqlx::raw_sql("DISCARD PLANS")
            .execute(&mut *connection)
            .await?;
    }
    // In this order: under a role of few rights a setting may not be one's own any more.
    let taken = sqlx::query(
        "SELECT pg_catalog.set_config('request.jwt.claims', $1, true), \
                pg_catalog.set_config('role', $2, true)",
    )
    .bind(&rules.impersonation.claims)
    .bind(&rules.impersonation.role)
    .execute(connection)
    .await;
    match taken {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error))
            if matches!(error.code().as_deref(), Some("22023" | "42501")) =>
        {
            Err(RulesChanged.into())
        }
        Err(error) => Err(error),
    }
}

/// What a statement that writes nothing gives, run as whoever the table was asked for by: what a
/// client sent may be read by functions of a type of somebody's.
///
/// # Errors
/// The database's; [`RulesChanged`], as of [`take_on`].
pub async fn fetch_as(
    connection: &mut PgConnection,
    table: &TableMeta,
    query: Query<'_, Postgres, PgArguments>,
) -> Result<Vec<PgRow>, sqlx::Error> {
    if table.rules.is_none() {
        return query.fetch_all(connection).await;
    }
    let mut transaction = connection.begin().await?;
    let read = match take_on(&mut transaction, table).await {
        Ok(()) => query.fetch_all(&mut *transaction).await,
        Err(error) => Err(error),
    };
    transaction.rollback().await?;
    read
}

/// What the database lets somebody see of a table is not any more as it was when they asked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the database's rules for a table have changed")]
pub struct RulesChanged;

impl From<RulesChanged> for sqlx::Error {
    fn from(changed: RulesChanged) -> Self {
        Self::Decode(Box::new(changed))
    }
}

/// Whether an error of the driver is [`RulesChanged`].
pub fn have_rules_changed(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Decode(cause) if cause.is::<RulesChanged>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on() -> DatabaseRoles {
        DatabaseRoles::On {
            public: None,
            member: Some("web_user".to_owned()),
        }
    }

    #[test]
    fn who_has_no_role_is_nobody_and_never_the_server() {
        let roles = BTreeSet::from(["member".into()]);
        let attributes = Map::from_iter([("team".to_owned(), json!("o'neil \"north\"; --"))]);
        let who = Claimant {
            id: 7,
            name: "Zoë",
            roles: &roles,
            attributes: &attributes,
        };
        assert_eq!(on().of_public(&roles), DatabaseUser::Nobody);
        let none = DatabaseRoles::On {
            public: None,
            member: None,
        };
        assert_eq!(none.of_account(None, who), DatabaseUser::Nobody);
        assert_eq!(
            DatabaseRoles::Off.of_account(Some("clerk"), who),
            DatabaseUser::Server
        );
        let of = |own| match on().of_account(own, who) {
            DatabaseUser::Role(of) => of,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(None).role, "web_user");
        let clerk = of(Some("clerk"));
        let claims: Value = serde_json::from_str(&clerk.claims).expect("JSON");
        assert_eq!(
            claims,
            json!({"sub": "7", "role": "clerk", "name": "Zoë", "roles": ["member"],
                "attributes": {"team": "o'neil \"north\"; --"}})
        );
    }
}
