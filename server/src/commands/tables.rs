//! `rowcast tables`

use std::io::Write;

use anyhow::anyhow;
use rowcast_protocol::{Table, TableKind};

use super::Database;
use crate::{
    config::Config,
    database::{catalog::Catalog, pool::readers},
};

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let pool = readers(database.options.clone(), 1);
    let tables = Catalog::new(pool.clone())
        .tables()
        .await
        .map_err(|error| anyhow!(error.message))?;
    pool.close().await;
    // A reader such as `head` may have seen enough.
    let _ = std::io::stdout().write_all(listing(&tables).as_bytes());
    Ok(())
}

/// One line for each table, in columns.
fn listing(tables: &[Table]) -> String {
    let header = ["TABLE", "STATE", "ROWS", "KEY"].map(str::to_owned);
    let rows = tables.iter().map(|table| {
        [
            shown(&table.path()),
            if table.live { "live" } else { "-" }.to_owned(),
            table
                .estimated_rows
                .map_or_else(|| "?".to_owned(), |rows| format!("~{rows}")),
            match (table.kind, table.key.as_slice()) {
                (TableKind::View, _) => "a view".to_owned(),
                (TableKind::MaterializedView, _) => "a materialized view".to_owned(),
                (_, []) => "none: can't be live".to_owned(),
                (_, key) => shown(&key.join(", ")),
            },
        ]
    });
    let rows: Vec<[String; 4]> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or_default());
    let mut text = String::new();
    for [table, state, estimate, key] in &rows {
        let [a, b, c] = widths;
        text += &format!("{table:a$}  {state:b$}  {estimate:>c$}  {key}\n");
    }
    text
}

/// A name without what could steer a terminal.
fn shown(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_listed_in_columns() {
        let table = |name: &str, kind, live, key: &[&str], rows| Table {
            schema: "public".to_owned(),
            name: name.to_owned(),
            kind,
            live,
            key: key.iter().map(|&name| name.to_owned()).collect(),
            columns: Vec::new(),
            estimated_rows: rows,
            comment: None,
            may: rowcast_protocol::May::default(),
        };
        let text = listing(&[
            table("orders", TableKind::Table, true, &["id"], Some(12_000)),
            table("totals", TableKind::View, true, &[], None),
            table("a\u{1b}[2J", TableKind::Table, false, &[], None),
        ]);
        assert_eq!(
            text,
            "TABLE   STATE    ROWS  KEY\n\
             orders  live   ~12000  id\n\
             totals  live        ?  a view\n\
             a\u{fffd}[2J   -           ?  none: can't be live\n"
        );
    }
}
