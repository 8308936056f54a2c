//! What lists have to be, asked of PostgreSQL for many queries at once.

use rowcast_protocol::{Cell, PgSnapshot};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{plan::Plan, truth::cell};

pub use super::truth::Expected;

/// How many queries are asked with one statement.
const BATCH: usize = 32;

/// What these subscriptions' lists are now.
pub async fn now(
    connection: &mut PgConnection,
    plan: &Plan,
    subscriptions: &[usize],
) -> Result<Vec<Expected>, String> {
    let mut expected = Vec::new();
    for batch in subscriptions.chunks(BATCH) {
        expected.extend(ask(connection, plan, batch).await?.1);
    }
    Ok(expected)
}

/// The same, of few, with the version that it is true of.
pub async fn at(
    connection: &mut PgConnection,
    plan: &Plan,
    subscriptions: &[usize],
) -> Result<(PgSnapshot, Vec<Expected>), String> {
    ask(connection, plan, subscriptions).await
}

async fn ask(
    connection: &mut PgConnection,
    plan: &Plan,
    subscriptions: &[usize],
) -> Result<(PgSnapshot, Vec<Expected>), String> {
    let mut parts = vec![
        "(SELECT -1 AS nth, 0::int8 AS place, ARRAY[pg_current_snapshot()::text] AS cells)"
            .to_owned(),
    ];
    for (nth, &subscription) in subscriptions.iter().enumerate() {
        let query = &plan.subscriptions[subscription].query;
        let table = &plan.tables[query.table];
        let (columns, image): (Vec<String>, String) = sqlx::query_as(
            "SELECT array_agg(name::text ORDER BY place), \
             format('record_send(ROW(%s))', string_agg( \
                 rowcast.image_of(codec, quote_ident(name)), ', ' ORDER BY place)) \
             FROM rowcast.columns($1::text::regclass)",
        )
        .bind(query.relation(table))
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
        parts.push(format!(
            "(SELECT {nth}, * FROM ({}) AS beside)",
            query.beside_sql(&plan.tables)
        ));
        parts.push(format!(
            "(SELECT {nth}, * FROM ({}) AS rows)",
            query.rows_sql(&plan.tables, &columns, &image)
        ));
    }
    let sql = format!(
        "SELECT nth, cells FROM ({}) AS all_of_them ORDER BY nth, place",
        parts.join(" UNION ALL ")
    );
    let rows = sqlx::query(AssertSqlSafe(sql.clone()))
        .fetch_all(connection)
        .await
        .map_err(|error| format!("{error}\n{sql}"))?;
    let mut snapshot = PgSnapshot::default();
    let mut expected: Vec<Option<Expected>> = vec![None; subscriptions.len()];
    for row in rows {
        let nth: i32 = row.get(0);
        let cells: Vec<Option<String>> = row.get(1);
        let first = || cells[0].as_deref().expect("not NULL");
        let Ok(nth) = usize::try_from(nth) else {
            snapshot = first().parse().expect("a snapshot");
            continue;
        };
        match &mut expected[nth] {
            // What is beside the rows comes first.
            none @ None => {
                let total = first().parse().expect("a number");
                let aggregates = cells[1..].iter();
                *none = Some(Expected {
                    rows: Vec::new(),
                    total,
                    aggregates: aggregates.map(|text| cell(text.as_deref())).collect(),
                });
            }
            Some(expected) => {
                let query = &plan.subscriptions[subscriptions[nth]].query;
                let mut key: Vec<Cell> = cells.iter().map(|text| cell(text.as_deref())).collect();
                let cells = key.split_off(query.key(&plan.tables[query.table]).len());
                expected.rows.push((key, cells));
            }
        }
    }
    let expected = expected.into_iter().map(Option::unwrap_or_default);
    Ok((snapshot, expected.collect()))
}
