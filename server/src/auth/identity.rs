//! Who makes a request.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{database::impersonation::DatabaseUser, permission::Rights};

/// The role that may do everything.
pub const ADMINISTRATOR: &str = "administrator";

/// The role of everybody who has signed in.
pub const MEMBER: &str = "member";

/// The role of everybody who has not.
pub const PUBLIC: &str = "public";

/// An account's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub i64);

/// What somebody proved themselves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The cookie of the session of this number.
    Session(i64),
    /// The API token of this number.
    Token(i64),
}

/// How far an API token reaches. Each includes those before it; none gives its bearer a right
/// that the account has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Nothing is changed by it.
    Read,
    /// Rows are written, too.
    Write,
    /// Accounts, too.
    Admin,
}

impl Scope {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Its name in the public interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Who makes a request, and what they are. In every request's extensions, as `Arc<Identity>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Their account; `None` if they have not signed in, or nobody has to.
    pub account: Option<AccountId>,
    /// What they are called; empty without an account.
    pub name: String,
    /// Their roles, with those that nobody is given: `member` or `public`.
    pub roles: BTreeSet<Arc<str>>,
    /// What they may do with tables.
    pub rights: Arc<Rights>,
    /// What rules may say of them.
    pub attributes: Map<String, Value>,
    /// The private channels of the feed that they are in.
    pub channels: BTreeSet<i64>,
    /// As whom the database is asked for their rows.
    pub database: DatabaseUser,
    /// How far what they proved themselves by reaches.
    pub scope: Scope,
    /// What that is; `None` without an account.
    pub credential: Option<Credential>,
    /// Nobody has to sign in here.
    is_unguarded: bool,
}

impl Identity {
    /// An account's.
    pub fn of_account(
        account: AccountId,
        name: String,
        given: impl IntoIterator<Item = Arc<str>>,
        rights: Rights,
        attributes: Map<String, Value>,
        scope: Scope,
        credential: Credential,
    ) -> Self {
        let mut roles: BTreeSet<Arc<str>> = given.into_iter().collect();
        roles.insert(MEMBER.into());
        let rights = match roles.contains(ADMINISTRATOR) {
            true => Rights::All,
            false => rights,
        };
        Self {
            account: Some(account),
            name,
            roles,
            rights: Arc::new(rights),
            attributes,
            scope,
            channels: BTreeSet::new(),
            database: DatabaseUser::Server,
            credential: Some(credential),
            is_unguarded: false,
        }
    }

    /// Anybody's where nobody has to sign in: they may do everything.
    pub fn everyone() -> Self {
        Self {
            account: None,
            name: String::new(),
            roles: BTreeSet::from([ADMINISTRATOR.into(), MEMBER.into(), PUBLIC.into()]),
            rights: Arc::new(Rights::All),
            attributes: Map::new(),
            scope: Scope::Admin,
            channels: BTreeSet::new(),
            database: DatabaseUser::Server,
            credential: None,
            is_unguarded: true,
        }
    }

    /// Theirs who have not signed in.
    pub fn nobody(rights: Rights) -> Self {
        Self {
            account: None,
            name: String::new(),
            roles: BTreeSet::from([PUBLIC.into()]),
            rights: Arc::new(rights),
            attributes: Map::new(),
            scope: Scope::Read,
            channels: BTreeSet::new(),
            database: DatabaseUser::Server,
            credential: None,
            is_unguarded: false,
        }
    }

    /// The same, for whose rows the database is asked so.
    pub fn asking_as(mut self, database: DatabaseUser) -> Self {
        self.database = database;
        self
    }

    /// The same, who is in these private channels.
    pub fn in_channels(mut self, channels: impl IntoIterator<Item = i64>) -> Self {
        self.channels = channels.into_iter().collect();
        self
    }

    /// Whether nobody has to sign in here, and so everybody may do everything.
    pub fn is_everyone(&self) -> bool {
        self.is_unguarded
    }

    /// Whether they have a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// Whether they may do everything: by their role, and by what they proved themselves by.
    pub fn is_administrator(&self) -> bool {
        self.has_role(ADMINISTRATOR) && self.scope == Scope::Admin
    }

    /// Whether they may change what is theirs: sessions, tokens, their password.
    pub fn may_manage_account(&self) -> bool {
        self.account.is_some() && self.scope == Scope::Admin
    }

    /// Whether what they proved themselves by lets them change anything.
    pub fn may_write(&self) -> bool {
        self.scope >= Scope::Write
    }

    /// The account and the name of whoever has one.
    pub fn signed_in(&self) -> Option<(AccountId, &str)> {
        Some((self.account?, &self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(roles: &[&str], scope: Scope) -> Identity {
        Identity::of_account(
            AccountId(1),
            "ann".to_owned(),
            roles.iter().map(|&role| role.into()),
            Rights::None,
            Map::new(),
            scope,
            Credential::Token(1),
        )
    }

    #[test]
    fn an_administrators_token_reaches_no_further_than_its_scope() {
        assert!(account(&[ADMINISTRATOR], Scope::Admin).is_administrator());
        for scope in [Scope::Read, Scope::Write] {
            let identity = account(&[ADMINISTRATOR], scope);
            assert!(!identity.is_administrator() && !identity.may_manage_account());
        }
        assert!(!account(&[], Scope::Admin).is_administrator());
        assert!(account(&[], Scope::Write).may_write());
        assert!(!account(&[], Scope::Read).may_write());
    }

    #[test]
    fn all_accounts_are_members_and_none_is_public() {
        let identity = account(&[], Scope::Admin);
        assert!(identity.has_role(MEMBER) && !identity.has_role(PUBLIC));
        let nobody = Identity::nobody(Rights::None);
        assert!(nobody.has_role(PUBLIC) && !nobody.has_role(MEMBER));
        assert!(!nobody.is_administrator() && !nobody.may_write());
        assert!(Identity::everyone().is_administrator());
        assert!(!Identity::everyone().may_manage_account(), "there is none");
    }

    #[test]
    fn scopes_have_names() {
        for scope in Scope::ALL {
            assert_eq!(Scope::named(scope.name()), Some(scope));
        }
        assert_eq!(Scope::named("root"), None);
    }
}
