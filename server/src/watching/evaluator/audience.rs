//! Who is told of rules, and may be.

use std::collections::{BTreeSet, HashMap};

use super::{Evaluator, Failed};
use crate::{
    auth::{Identity, absent, identity::MEMBER},
    database::catalog::TableMeta,
    permission::path,
    watching::{look::Recipient, rule::Rule},
};

/// The most accounts that one rule tells.
pub const RECIPIENTS: i64 = 1_000;

/// Who is told of rules.
#[derive(Debug)]
pub struct Audience {
    members: HashMap<String, Vec<i64>>,
    /// What they may.
    pub identities: HashMap<i64, Identity>,
}

impl Audience {
    /// Those who are told of a rule, and whoever's receiver is.
    pub fn of(&self, rule: &Rule, table: &TableMeta) -> Vec<Recipient> {
        let Some(owner) = self.identities.get(&rule.account) else {
            return Vec::new();
        };
        let told = |account: &i64| Recipient {
            account: *account,
            is_told: true,
        };
        let Some(role) = &rule.role else {
            return vec![told(&rule.account)];
        };
        if !may_tell_others(owner, table) {
            return Vec::new();
        }
        let members = self
            .members
            .get(role)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let is_there = |account: &&i64| self.identities.contains_key(account);
        let mut to: Vec<Recipient> = members.iter().filter(is_there).map(told).collect();
        if rule.hook.is_some() && !members.contains(&rule.account) {
            to.push(Recipient {
                account: rule.account,
                is_told: false,
            });
        }
        to
    }
}

/// Whether somebody makes rules for others about a table: who says what they may do with it.
pub fn may_tell_others(identity: &Identity, table: &TableMeta) -> bool {
    let path = path::path(&table.table.schema, &table.table.name);
    identity.is_administrator() || identity.rights.manage(&path)
}

impl Evaluator {
    /// Who is told of these rules.
    pub(in crate::watching) async fn audience<'a>(
        &self,
        rules: impl Iterator<Item = &'a Rule> + Clone,
    ) -> Result<Audience, Failed> {
        let pool = self.parts.accounts.pool();
        let roles: BTreeSet<&str> = rules
            .clone()
            .filter_map(|rule| rule.role.as_deref())
            .collect();
        let mut members: HashMap<String, Vec<i64>> = HashMap::new();
        for role in roles {
            let accounts = sqlx::query_scalar(
                "SELECT a.id FROM rowcast.account a \
                  WHERE a.disabled_at IS NULL \
                    AND ($1 = $2 OR EXISTS (SELECT FROM rowcast.account_role r \
                                             WHERE r.account = a.id AND r.role = $1)) \
                  ORDER BY a.id LIMIT $3",
            )
            .bind(role)
            .bind(MEMBER)
            .bind(RECIPIENTS)
            .fetch_all(pool)
            .await?;
            members.insert(role.to_owned(), accounts);
        }
        let mut all: BTreeSet<i64> = members.values().flatten().copied().collect();
        all.extend(rules.map(|rule| rule.account));
        let all: Vec<i64> = all.into_iter().collect();
        let identities = absent::identities(pool, self.parts.accounts.database(), &all).await?;
        Ok(Audience {
            members,
            identities,
        })
    }
}
