//! The tables that are written to, and what clients follow of them.

use std::fmt::Write;

use rowcast_protocol::Cell;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::truth::{Expected, cell};

pub const ACCOUNTS: u64 = 60;

/// What all accounts hold together, in every version of the database.
pub const ALL_OF_IT: i64 = 60 * 1000;

/// Items have ids below this.
pub const ITEMS: u64 = 600;

pub const TABLES: &str = "
    CREATE TABLE account (id int PRIMARY KEY, region int NOT NULL, balance int NOT NULL);
    INSERT INTO account SELECT g, g % 5, 1000 FROM generate_series(1, 60) g;
    CREATE TABLE item (id int PRIMARY KEY, kind int NOT NULL, rank int NOT NULL,
                       title text NOT NULL);
    INSERT INTO item SELECT g, g % 6, g * 37 % 1000, substr(md5(g::text), 1, 6)
      FROM generate_series(0, 399) g;
    CREATE TABLE entry (id bigserial PRIMARY KEY, account int NOT NULL, amount int NOT NULL);
    CREATE TABLE marker (id int PRIMARY KEY, number bigint NOT NULL);
    INSERT INTO marker VALUES (1, 0);
    SELECT rowcast.watch(name::regclass)
      FROM unnest(ARRAY['account', 'item', 'entry', 'marker']) name";

/// A query in the grammar, and in SQL: which rows, in which order, which slice.
pub struct Query {
    pub table: &'static str,
    pub text: &'static str,
    rows: &'static str,
    order: &'static str,
    slice: (u32, u32),
    aggregates: &'static [&'static str],
}

const fn query(
    table: &'static str,
    text: &'static str,
    rows: &'static str,
    order: &'static str,
    slice: (u32, u32),
    aggregates: &'static [&'static str],
) -> Query {
    Query {
        table,
        text,
        rows,
        order,
        slice,
        aggregates,
    }
}

/// What tells a client how far it is.
pub static MARKER: Query = query("marker", "id=eq.1", "id = 1", "id", (0, 50), &[]);

/// What everybody has to see add up.
pub static LEDGER: Query = query(
    "account",
    "limit=1000&aggregate=sum(balance)",
    "true",
    "id",
    (0, 1000),
    &["sum(balance)"],
);

const BY_KIND: &str = "(SELECT jsonb_agg(jsonb_build_array(kind, n) ORDER BY kind) \
                         FROM (SELECT kind, count(*) AS n FROM item WHERE kind <> 0 \
                                GROUP BY kind) AS groups)";

#[rustfmt::skip]
pub static QUERIES: [Query; 18] = [
    query("account", "order=balance.desc&limit=10", "true", "balance DESC, id", (0, 10), &[]),
    query("account", "region=eq.2&order=balance,id.desc", "region = 2", "balance, id DESC", (0, 50), &[]),
    query("account", "balance=gt.1000&order=region.desc,balance.desc&limit=20", "balance > 1000",
        "region DESC, balance DESC, id", (0, 20), &[]),
    query("account", "order=balance&offset=20&limit=15", "true", "balance, id", (20, 15), &[]),
    query("account", "balance=lt.950&limit=0", "balance < 950", "id", (0, 0), &[]),
    query("item", "order=rank.desc&limit=50", "true", "rank DESC, id", (0, 50), &[]),
    query("item", "kind=eq.1&order=rank&limit=25", "kind = 1", "rank, id", (0, 25), &[]),
    query("item", "kind=in.(2,3)&rank=gt.500&order=title.desc&limit=30", "kind IN (2, 3) AND rank > 500",
        "title DESC, id", (0, 30), &[]),
    query("item", "order=id.desc&limit=20&offset=10", "true", "id DESC", (10, 20), &[]),
    query("item", "or=(rank.lt.50,rank.gt.950)&order=rank", "rank < 50 OR rank > 950", "rank, id", (0, 50), &[]),
    query("item", "title=like.a*&order=title,id.desc&limit=40", "title LIKE 'a%'", "title, id DESC", (0, 40), &[]),
    query("item", "id=eq.77", "id = 77", "id", (0, 50), &[]),
    query("item", "kind=neq.0&order=kind.desc,rank.desc&limit=40&aggregate=count_by(kind),max(rank)",
        "kind <> 0", "kind DESC, rank DESC, id", (0, 40), &[BY_KIND, "max(rank)"]),
    query("item", "not.and=(kind.eq.0,rank.gt.300)&limit=100", "NOT (kind = 0 AND rank > 300)", "id", (0, 100), &[]),
    query("entry", "order=id.desc&limit=20", "true", "id DESC", (0, 20), &[]),
    query("entry", "amount=gt.0&order=amount.desc&limit=20", "amount > 0", "amount DESC, id", (0, 20), &[]),
    query("entry", "account=in.(1,2,3)&order=id.desc", "account IN (1, 2, 3)", "id DESC", (0, 50), &[]),
    query("entry", "amount=lt.-15&limit=10&aggregate=count(amount),sum(amount)", "amount < -15", "id", (0, 10),
        &["count(amount)", "sum(amount)"]),
];

impl Query {
    /// What its list is now.
    ///
    /// # Errors
    /// If the database can't be asked.
    pub async fn now(&self, connection: &mut PgConnection) -> Result<Expected, sqlx::Error> {
        let columns = match self.table {
            "account" => ["id", "region", "balance"].as_slice(),
            "item" => &["id", "kind", "rank", "title"],
            "entry" => &["id", "account", "amount"],
            _ => &["id", "number"],
        };
        let Self { table, rows, .. } = self;
        let mut beside = "count(*)::text".to_owned();
        for aggregate in self.aggregates {
            let _ = write!(beside, ", to_jsonb({aggregate})::text");
        }
        let beside = format!("SELECT ARRAY[{beside}] FROM {table} WHERE {rows}");
        let beside: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(beside))
            .fetch_one(&mut *connection)
            .await?;
        let cells: Vec<String> = columns
            .iter()
            .map(|column| format!("to_jsonb({column})::text"))
            .collect();
        let sql = format!(
            "SELECT ARRAY[{}] FROM {table} WHERE {rows} ORDER BY {} OFFSET {} LIMIT {}",
            cells.join(", "),
            self.order,
            self.slice.0,
            self.slice.1
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(connection)
            .await?;
        let rows = rows.iter().map(|row| {
            let cells: Vec<Option<String>> = row.get(0);
            let cells: Vec<Cell> = cells.iter().map(|text| cell(text.as_deref())).collect();
            (cells[..1].to_vec(), cells)
        });
        Ok(Expected {
            rows: rows.collect(),
            total: beside[0].as_deref().unwrap().parse().unwrap(),
            aggregates: beside[1..]
                .iter()
                .map(|text| cell(text.as_deref()))
                .collect(),
        })
    }
}
