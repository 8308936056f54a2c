//! What the database itself lets a role see of its tables.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use rowcast_protocol::ApiError;
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::types::Oid};

use super::{Catalog, TableMeta};
use crate::{database::impersonation::Impersonation, error::read_error};

/// What the database lets a role see of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Whom it lets.
    pub impersonation: Arc<Impersonation>,
    /// The role's `pg_roles.oid`.
    pub role: u32,
    /// A hash of all that decides about it, but for rows: the same text means the same rules.
    pub fingerprint: String,
    /// Columns that the role may not read.
    pub unreadable: BTreeSet<String>,
    /// Whether the role may see some of the rows only.
    pub is_secured: bool,
    /// Whether which rows it sees may change though none of the tables does that are known to
    /// decide about it.
    pub is_untold: bool,
    /// Whether a session keeps plans in which there are rules that held when they were made.
    pub keeps_plans: bool,
    /// Those tables: what policies and views look at.
    sources: Vec<u32>,
}

/// What a role may see of a table, as far as tables are listed.
#[derive(Clone, Debug)]
pub struct Readable {
    /// Columns that the role may not read.
    pub unreadable: BTreeSet<String>,
    /// Whether it may see some of the rows only.
    pub is_secured: bool,
}

/// The columns of relation `c` that role `r` may not read.
const UNREADABLE: &str = "ARRAY(SELECT a.attname::text FROM pg_attribute a \
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
       AND NOT has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT'))";

/// Whether row security decides which rows of relation `c` role `r` sees. Of a view it may: what
/// it shows may be another thing for each role.
const SECURED: &str = "(c.relkind = 'v' OR c.relrowsecurity AND NOT r.rolsuper \
     AND NOT r.rolbypassrls \
     AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE')))";

/// Whether policies of relation `c`, or what it is made of, call functions of somebody's whose plans
/// a session keeps, with the policies that held for the function's owner: from PostgreSQL 18 on also
/// those of SQL.
const KEEPS_PLANS: &str = "current_setting('server_version_num')::int4 >= 180000 \
     AND (EXISTS (SELECT FROM rowcast.ruling(c.oid) u WHERE u.class = 'pg_proc'::regclass) \
          OR EXISTS (SELECT FROM pg_policy p JOIN pg_depend d \
                       ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid \
                      WHERE p.polrelid = c.oid AND d.refclassid = 'pg_proc'::regclass))";

/// Relations `c`, in `n`, that role `r`, which `$1` names, may read something of, if the session
/// may take that role on.
const READABLE: &str = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_roles r ON r.rolname = $1 AND rowcast.may_take_on(r.oid) \
     WHERE has_schema_privilege(r.oid, n.oid, 'USAGE') \
       AND has_any_column_privilege(r.oid, c.oid, 'SELECT')";

async fn rules(
    pool: &PgPool,
    impersonation: &Arc<Impersonation>,
    oids: &[u32],
) -> Result<HashMap<u32, Rules>, sqlx::Error> {
    let sql = format!(
        "SELECT c.oid, r.oid, rowcast.ruling_fingerprint(r.oid, c.oid), {UNREADABLE}, {SECURED}, \
                rowcast.is_ruled_untold(c.oid), ARRAY(SELECT rowcast.ruling_tables(c.oid)), \
                {KEEPS_PLANS} \
           FROM {READABLE} AND c.oid = ANY ($2)"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(&impersonation.role)
        .bind(oids.iter().copied().map(Oid).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let oid: Oid = row.try_get(0)?;
        let role: Oid = row.try_get(1)?;
        let sources: Vec<Oid> = row.try_get(6)?;
        let rules = Rules {
            impersonation: Arc::clone(impersonation),
            role: role.0,
            // Of a role that is gone since the statement began there is none.
            fingerprint: row.try_get::<Option<_>, _>(2)?.unwrap_or_default(),
            unreadable: row.try_get::<Vec<String>, _>(3)?.into_iter().collect(),
            is_secured: row.try_get(4)?,
            is_untold: row.try_get(5)?,
            keeps_plans: row.try_get(7)?,
            sources: sources.into_iter().map(|oid| oid.0).collect(),
        };
        found.insert(oid.0, rules);
    }
    Ok(found)
}

impl Catalog {
    /// What the database lets somebody see of these tables, of those of which it is anything.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn rules(
        &self,
        impersonation: &Arc<Impersonation>,
        oids: &[u32],
    ) -> Result<HashMap<u32, Rules>, ApiError> {
        if oids.is_empty() {
            return Ok(HashMap::new());
        }
        rules(&self.pool, impersonation, oids)
            .await
            .map_err(|error| read_error(&error, ""))
    }

    /// What the database lets a role see of all tables, by schema and name.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn readable(
        &self,
        role: &str,
    ) -> Result<HashMap<(String, String), Readable>, ApiError> {
        let sql = format!(
            "SELECT n.nspname::text, c.relname::text, {UNREADABLE}, {SECURED} FROM {READABLE} \
                AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' \
                AND n.nspname NOT IN ('information_schema', 'rowcast')"
        );
        let read = async {
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(role)
                .fetch_all(&self.pool)
                .await?;
            let readable = rows.iter().map(|row| {
                let unreadable: Vec<String> = row.try_get(2)?;
                let readable = Readable {
                    unreadable: unreadable.into_iter().collect(),
                    is_secured: row.try_get(3)?,
                };
                Ok(((row.try_get(0)?, row.try_get(1)?), readable))
            });
            readable.collect::<Result<_, sqlx::Error>>()
        };
        read.await.map_err(|error| read_error(&error, ""))
    }

    /// The table as the database lets somebody see it; `None` if it does not.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn impersonated(
        &self,
        table: &Arc<TableMeta>,
        impersonation: &Arc<Impersonation>,
    ) -> Result<Option<Arc<TableMeta>>, ApiError> {
        let rules = self.rules(impersonation, &[table.oid]).await?;
        match rules.into_values().next() {
            Some(rules) => Ok(Some(self.ruled(table, rules).await?)),
            None => Ok(None),
        }
    }

    /// The table under these rules. It is live if all is that decides about its rows.
    async fn ruled(
        &self,
        table: &Arc<TableMeta>,
        rules: Rules,
    ) -> Result<Arc<TableMeta>, ApiError> {
        let mut ruled = TableMeta::clone(table);
        let known = |oid: &u32| ruled.sources.iter().any(|source| source.oid == *oid);
        let wanted: Vec<u32> = rules
            .sources
            .iter()
            .copied()
            .filter(|oid| !known(oid))
            .collect();
        let found = self.by_oids(&wanted).await?;
        ruled.table.live &=
            found.len() == wanted.len() && found.iter().all(|source| source.table.live);
        ruled.sources.extend(found);
        for column in &mut ruled.columns {
            column.is_unreadable = rules.unreadable.contains(&column.name);
        }
        ruled.rules = Some(Arc::new(rules));
        Ok(Arc::new(ruled))
    }

    /// Whether the database lets whoever asked for a table see of it still what it did then.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn has_same_rules(&self, table: &TableMeta) -> Result<bool, ApiError> {
        let of: Vec<(u32, u32)> = table
            .all_rules()
            .map(|(oid, rules)| (rules.role, oid))
            .collect();
        if of.is_empty() {
            return Ok(true);
        }
        let now = self.ruling_fingerprints(&of).await;
        let now = now.map_err(|error| read_error(&error, &table.table.path()))?;
        let is_same = |(oid, rules): (u32, &Rules)| {
            now.get(&(rules.role, oid))
                .is_some_and(|now| now.as_ref() == Some(&rules.fingerprint))
        };
        Ok(table.all_rules().all(is_same))
    }

    /// The fingerprints of rules, of these roles and relations as they are now; `None` of what is
    /// gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn ruling_fingerprints(
        &self,
        of: &[(u32, u32)],
    ) -> Result<HashMap<(u32, u32), Option<String>>, sqlx::Error> {
        let (roles, relations): (Vec<Oid>, Vec<Oid>) = of
            .iter()
            .map(|(role, relation)| (Oid(*role), Oid(*relation)))
            .unzip();
        let rows = sqlx::query(
            "SELECT o.role, o.relation, rowcast.ruling_fingerprint(o.role, o.relation) \
               FROM unnest($1::oid[], $2::oid[]) AS o (role, relation)",
        )
        .bind(roles)
        .bind(relations)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let (role, relation): (Oid, Oid) = (row.try_get(0)?, row.try_get(1)?);
                Ok(((role.0, relation.0), row.try_get(2)?))
            })
            .collect()
    }
}

impl TableMeta {
    /// What the database lets whoever asked for it see of it, and of each table that is joined.
    pub fn all_rules(&self) -> impl Iterator<Item = (u32, &Rules)> {
        let own = self.rules.as_deref().map(|rules| (self.oid, rules));
        let joined = self.joins().iter().filter_map(|join| {
            let rules = join.table.rules.as_deref()?;
            Some((join.table.oid, rules))
        });
        own.into_iter().chain(joined)
    }

    /// An expression that is [`TableMeta::ruling_fingerprint`] as of its statement's snapshot.
    pub fn ruling_fingerprint_sql(&self) -> Option<String> {
        let parts: Vec<String> = self
            .all_rules()
            .map(|(oid, rules)| format!("rowcast.ruling_fingerprint({}, {oid})", rules.role))
            .collect();
        (!parts.is_empty()).then(|| parts.join(" || '/' || "))
    }

    /// The fingerprints of [`TableMeta::all_rules`]; `None` if the database has no say in them.
    pub fn ruling_fingerprint(&self) -> Option<String> {
        let parts: Vec<&str> = self
            .all_rules()
            .map(|(_, rules)| rules.fingerprint.as_str())
            .collect();
        (!parts.is_empty()).then(|| parts.join("/"))
    }

    /// Whether a statement about it may be kept with its plan for the next time. Under a role it may
    /// not: in a plan that is kept there are the policies that held for the role when it was made,
    /// whatever the role is a member of since.
    pub fn is_planned_once(&self) -> bool {
        self.rules.is_none()
    }

    /// Whether a session has to forget its plans before it is asked for the table under a role.
    pub fn keeps_plans(&self) -> bool {
        self.all_rules().any(|(_, rules)| rules.keeps_plans)
    }

    /// Whether the database decides about rows of it by what may change though no table does.
    pub fn is_ruled_untold(&self) -> bool {
        self.all_rules().any(|(_, rules)| rules.is_untold)
    }
}
