//! What lists have to be, asked of PostgreSQL for many queries at once.

use rowcast_protocol::{Cell, PgSnapshot, list::List};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::plan::Plan;

/// How many queries are asked with one statement.
const BATCH: usize = 32;

/// What a list has to be.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Key cells, if there is a key, and cells of each row.
    rows: Vec<(Vec<Cell>, Vec<Cell>)>,
    total: u64,
    aggregates: Vec<Cell>,
}

impl Expected {
    /// How a list differs, if it does.
    pub fn difference(&self, list: &List) -> Option<String> {
        let aggregates = list.aggregates.iter();
        let aggregates: Vec<Cell> = aggregates.map(|of| of.value.clone()).collect();
        let same = list.total == self.total
            && aggregates == self.aggregates
            && list.rows.len() == self.rows.len()
            && list.rows.iter().zip(&self.rows).all(|(row, (key, cells))| {
                (key.is_empty() || row.key.0[..] == key[..]) && row.cells == *cells
            });
        if same {
            return None;
        }
        let mut text = format!(
            "total {}, by SQL {}; {} rows, by SQL {}; at {}\n",
            list.total,
            self.total,
            list.rows.len(),
            self.rows.len(),
            list.cursor
        );
        if aggregates != self.aggregates {
            let (held, wanted) = (json(&aggregates), json(&self.aggregates));
            text += &format!("aggregates: {held}\n       SQL: {wanted}\n");
        }
        for at in 0..list.rows.len().max(self.rows.len()) {
            let row = list
                .rows
                .get(at)
                .map(|row| (&row.key.0[..], &row.cells[..]));
            let wanted = self.rows.get(at).map(|(key, cells)| (&key[..], &cells[..]));
            if row != wanted {
                let show = |row: Option<(&[Cell], &[Cell])>| match row {
                    Some((_, cells)) => json(cells),
                    None => "none".to_owned(),
                };
                text += &format!("row {at}: {}\n   SQL: {}\n", show(row), show(wanted));
            }
        }
        Some(text)
    }
}

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

fn cell(json: Option<&str>) -> Cell {
    Cell::from_json(json.unwrap_or("null")).expect("JSON")
}

fn json(cells: &[Cell]) -> String {
    let cells: Vec<String> = cells.iter().map(Cell::to_json).collect();
    format!("[{}]", cells.join(", "))
}
