//! The schema `rowcast`: its version, the event triggers, and the triggers of watched tables.

use sqlx::{PgConnection, Row};

use super::Finding;
use crate::capture::migrate::{newest, works_from};

/// How many tables are named where more of them have the same fault.
const NAMED: usize = 10;

/// What is said of the schema, and whether it is there and may be looked at.
pub(super) async fn version(
    connection: &mut PgConnection,
) -> Result<(Vec<Finding>, bool), sqlx::Error> {
    // Of a schema that one may not use even to ask for a table by name is an error.
    let row = sqlx::query(
        "SELECT n.oid IS NOT NULL, has_schema_privilege(n.oid, 'USAGE'), \
                has_database_privilege(current_database(), 'CREATE'), \
                quote_ident(current_user), quote_ident(current_database()), \
                EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid \
                           AND c.relname = 'migration' \
                           AND has_table_privilege(c.oid, 'SELECT')) \
           FROM (VALUES (1)) AS one LEFT JOIN pg_namespace n ON n.nspname = 'rowcast'",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (exists, is_usable): (bool, Option<bool>) = (row.try_get(0)?, row.try_get(1)?);
    let (may_create, role, database): (bool, String, String) =
        (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    if !exists {
        return Ok((
            vec![if may_create {
                Finding::note(
                    "schema",
                    "the schema rowcast is not set up yet: the first command does it",
                )
            } else {
                Finding::wrong(
                    "schema",
                    format!("the schema rowcast is not set up, and {role} may not do it"),
                    format!(
                        "GRANT CREATE ON DATABASE {database} TO {role}, or run rowcast tables \
                         once as a role that may"
                    ),
                )
            }],
            false,
        ));
    }
    if is_usable != Some(true) || !row.try_get::<bool, _>(5)? {
        return Ok((
            vec![Finding::wrong(
                "schema",
                format!("{role} may not use the schema rowcast"),
                format!(
                    "GRANT USAGE ON SCHEMA rowcast TO {role}; GRANT SELECT ON ALL TABLES IN \
                     SCHEMA rowcast TO {role}"
                ),
            )],
            false,
        ));
    }
    let there: i32 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM rowcast.migration")
        .fetch_one(&mut *connection)
        .await?;
    let known = newest();
    Ok(if there > known {
        let of =
            format!("the schema rowcast is of version {there}, and this program knows {known}");
        if works_from(connection).await? <= known {
            let of = format!("{of}, which works with it");
            return Ok((vec![Finding::fine("schema", of)], true));
        }
        let cure = "run the newer Rowcast that was here before";
        (vec![Finding::wrong("schema", of, cure)], false)
    } else if there < known {
        let finding = Finding::note(
            "schema",
            format!(
                "the schema rowcast is of version {there}: the next command brings it to {known}, \
                 as its owner"
            ),
        );
        (vec![finding], false)
    } else {
        let finding = Finding::fine(
            "schema",
            format!("the schema rowcast is of version {there}"),
        );
        (vec![finding], true)
    })
}

pub(super) async fn event_triggers(
    connection: &mut PgConnection,
) -> Result<Vec<Finding>, sqlx::Error> {
    let missing: Vec<String> = sqlx::query_scalar(
        "SELECT w.name FROM unnest(ARRAY['rowcast_ddl', 'rowcast_drop', 'rowcast_renamed']) \
             AS w (name) \
          WHERE NOT EXISTS (SELECT FROM pg_event_trigger e \
                             WHERE e.evtname = w.name AND e.evtenabled = 'A') ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    Ok(vec![if missing.is_empty() {
        Finding::fine(
            "definitions",
            "event triggers tell of altered tables at once",
        )
    } else {
        Finding::warning(
            "definitions",
            format!(
                "the event triggers {} are missing or disabled: altered tables are noticed \
                 seconds later, materialized views can't be live, and permissions of a renamed \
                 table wait for it",
                missing.join(", ")
            ),
            "set the schema up as a superuser (docs/sql.md, rights), or ALTER EVENT TRIGGER … \
             ENABLE ALWAYS as one",
        )
    }])
}

pub(super) async fn tables(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    // A table's members that take rows have a trigger for each way in which those can change.
    let rows = sqlx::query(
        "SELECT coalesce(w.relation::regclass::text, w.relation::oid::text) AS name, \
                c.oid IS NULL AS is_gone, \
                CASE WHEN c.oid IS NOT NULL THEN \
                     w.definition IS DISTINCT FROM rowcast.definition(w.relation) END AS is_unfit, \
                CASE WHEN rowcast.is_to_be_published(w.relation) \
                     THEN NOT rowcast.is_published(w.relation) ELSE \
                EXISTS (SELECT FROM rowcast.tree(w.relation) t JOIN pg_class m ON m.oid = t, \
                          unnest(CASE WHEN NOT rowcast.is_subscribed(w.relation) \
                                      THEN ARRAY['insert', 'update', 'delete', 'truncate'] \
                                      WHEN m.relkind = 'r' THEN ARRAY['row', 'truncate'] \
                                      ELSE ARRAY['truncate'] END) o \
                         WHERE m.relkind IN ('r', 'p') AND NOT EXISTS ( \
                               SELECT FROM pg_trigger g \
                                WHERE g.tgrelid = t AND g.tgname = 'rowcast_' || o \
                                  AND g.tgenabled = 'A')) END AS is_deaf, \
                c.relkind IN ('r', 'p') AND NOT has_table_privilege(c.oid, 'SELECT') AS is_shut, \
                c.relkind IN ('r', 'p') AND row_security_active(c.oid) AS is_hidden \
           FROM rowcast.watched w LEFT JOIN pg_class c ON c.oid = w.relation ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    let faults = [
        (
            "is_gone",
            "are watched and gone",
            "rowcast.refresh(NULL) forgets them: SELECT it as the owner of the schema rowcast",
        ),
        (
            "is_deaf",
            "have triggers of Rowcast's that are missing or disabled, or are missing in its publication, so what is written to them does not arrive",
            "SELECT rowcast.unwatch('…') and rowcast.watch('…') again",
        ),
        (
            "is_unfit",
            "have been altered since their triggers were made",
            "SELECT rowcast.refresh(NULL), as the owner of the schema rowcast",
        ),
        (
            "is_shut",
            "are live and may not be read by this role, so they are not shown",
            "GRANT SELECT ON … to it, and USAGE on their schemas",
        ),
        (
            "is_hidden",
            "have row security that hides rows from this role, so they are not live",
            "give the role BYPASSRLS, or have it own them",
        ),
    ];
    let mut found = Vec::new();
    for (fault, said, fix) in faults {
        let mut names = Vec::new();
        for row in &rows {
            let is_gone: bool = row.try_get("is_gone")?;
            if row.try_get::<Option<bool>, _>(fault)? == Some(true)
                && (fault == "is_gone" || !is_gone)
            {
                names.push(row.try_get::<String, _>("name")?);
            }
        }
        if !names.is_empty() {
            found.push(Finding::wrong(
                "tables",
                format!("{} {said}", listed(&names)),
                fix,
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::fine(
            "tables",
            match rows.len() {
                0 => "none is live: rowcast watch TABLE makes one".to_owned(),
                1 => "the one that is live has the triggers it needs".to_owned(),
                many => format!("all {many} that are live have the triggers they need"),
            },
        ));
    }
    Ok(found)
}

/// The first names, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tables_are_counted() {
        let names: Vec<String> = (1..=12).map(|n| format!("t{n}")).collect();
        assert_eq!(listed(&names[..2]), "t1, t2");
        assert!(listed(&names).ends_with("t10 and 2 more"));
    }
}
