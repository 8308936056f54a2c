//! The database roles that people's rows are read and written under.

use sqlx::{PgConnection, Row};

use super::Finding;
use crate::database::impersonation::DatabaseRoles;

pub(super) async fn roles(
    connection: &mut PgConnection,
    setting: &DatabaseRoles,
) -> Result<Vec<Finding>, sqlx::Error> {
    if *setting == DatabaseRoles::Off {
        return Ok(Vec::new());
    }
    let named: Vec<&str> = setting.named().collect();
    let rows = sqlx::query(
        "SELECT n.name, r.oid IS NULL AS is_gone, \
                r.oid IS NOT NULL AND NOT rowcast.may_take_on(r.oid) AS is_shut, \
                coalesce(r.rolsuper, false) AS is_super, \
                coalesce(r.rolbypassrls AND NOT r.rolsuper, false) AS passes, \
                coalesce(NOT r.rolsuper AND pg_has_role(r.oid, current_user, 'MEMBER'), false) \
                    AS is_ours, \
                EXISTS (SELECT FROM rowcast.watched w JOIN pg_class c ON c.oid = w.relation \
                         WHERE c.relkind IN ('r', 'p') AND NOT c.relforcerowsecurity \
                           AND c.relowner = r.oid) AS owns \
           FROM (SELECT unnest($1::text[]) UNION \
                 SELECT a.database_role FROM rowcast.account a \
                  WHERE a.database_role IS NOT NULL AND a.disabled_at IS NULL) AS n (name) \
           LEFT JOIN pg_roles r ON r.rolname = n.name ORDER BY 1",
    )
    .bind(&named)
    .fetch_all(&mut *connection)
    .await?;
    let mut found = Vec::new();
    for row in &rows {
        let name: String = row.try_get("name")?;
        for (fault, said, fix) in FAULTS {
            if row.try_get(fault)? {
                found.push(Finding::wrong("roles", format!("{name} {said}"), fix));
            }
        }
        if row.try_get("passes")? {
            found.push(Finding::warning(
                "roles",
                format!("{name} has BYPASSRLS: those who have it see all rows"),
                "ALTER ROLE … NOBYPASSRLS, unless that is meant",
            ));
        }
        if row.try_get("owns")? {
            found.push(Finding::warning(
                "roles",
                format!("{name} owns tables that are live, of which policies keep nothing from it"),
                "ALTER TABLE … FORCE ROW LEVEL SECURITY, or have another role own them",
            ));
        }
    }
    if found.is_empty() {
        found.push(match rows.len() {
            0 => Finding::warning(
                "roles",
                "the database decides what everybody sees, and nobody has a role in it",
                "ROWCAST_MEMBER_DATABASE_ROLE, or rowcast user database-role NAME ROLE",
            ),
            many => Finding::fine(
                "roles",
                format!("the server may take on each of the {many} that people have"),
            ),
        });
    }
    found.extend(unfollowed(connection).await?);
    Ok(found)
}

const FAULTS: [(&str, &str, &str); 4] = [
    (
        "is_gone",
        "is a role that the database does not have, so who has it reads nothing",
        "CREATE ROLE …, or give them another",
    ),
    (
        "is_shut",
        "is a role that the server may not take on, so who has it reads nothing",
        "GRANT … TO the server's role, and not WITH SET FALSE",
    ),
    (
        "is_super",
        "is a superuser, so no rule of the database holds for those who have it",
        "give them another role",
    ),
    (
        "is_ours",
        "is a member of the server's role, so who has it may do what the server may",
        "REVOKE the server's role FROM it",
    ),
];

/// Live tables whose policies look at what is not live.
async fn unfollowed(connection: &mut PgConnection) -> Result<Option<Finding>, sqlx::Error> {
    let said: Vec<String> = sqlx::query_scalar(
        "SELECT concat(w.relation::regclass, ' looks at ', string_agg(s::regclass::text, ', ' ORDER BY s)) \
           FROM rowcast.watched w, rowcast.ruling_tables(w.relation) s \
          WHERE NOT rowcast.is_live(s) GROUP BY w.relation ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    Ok((!said.is_empty()).then(|| {
        Finding::warning(
            "roles",
            format!(
                "policies look at tables that are not live, so neither are theirs under a role: {}",
                said.join("; ")
            ),
            "rowcast watch them",
        )
    }))
}
