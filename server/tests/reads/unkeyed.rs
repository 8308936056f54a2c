//! Rows without a key: their order is total, and each has a name.

use std::collections::HashSet;

use rowcast::{auth::Identity, permission::Seen, query::list};
use rowcast_protocol::{Cell, message::Snapshot};

use crate::support::Fixture;

const TABLES: &str = "CREATE TABLE note (word text, n int, doc json); \
    INSERT INTO note SELECT 'w' || g % 7, g % 3, '{\"a\": 1}' FROM generate_series(1, 100) g; \
    CREATE VIEW seen AS SELECT * FROM note; \
    CREATE MATERIALIZED VIEW kept AS SELECT * FROM note; \
    CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES";

async fn read(fixture: &Fixture, table: &str, query: &str) -> Snapshot {
    let (catalog, pool) = (&fixture.catalog, &fixture.pool);
    let everyone = Identity::everyone();
    let seen = Seen::new(catalog, &everyone);
    let (_, list) = list::read(seen, &pool.clone().into(), 1, table, query)
        .await
        .unwrap();
    list
}

#[tokio::test]
async fn pages_neither_overlap_nor_miss_a_row() {
    let fixture = Fixture::new(TABLES).await;
    for table in ["note", "seen", "kept"] {
        for order in ["", "order=n.desc", "order=word,n"] {
            let whole = read(&fixture, table, &format!("{order}&limit=1000")).await;
            assert!(whole.key.is_empty());
            let keys: HashSet<_> = whole.rows.iter().map(|row| &row.key).collect();
            assert_eq!(keys.len(), 100, "each row has a name of its own");
            let mut paged = Vec::new();
            for page in 0..15 {
                let query = format!("{order}&limit=7&offset={}", page * 7);
                paged.extend(read(&fixture, table, &query).await.rows);
            }
            assert_eq!(paged, whole.rows, "{table}?{order}");
        }
    }
}

#[tokio::test]
async fn a_row_is_named_by_what_it_is_and_not_by_its_order() {
    let fixture = Fixture::new(TABLES).await;
    let mut first = read(&fixture, "note", "limit=1000").await.rows;
    let mut other = read(&fixture, "note", "order=n.desc,word&limit=1000")
        .await
        .rows;
    let by_key = |row: &rowcast_protocol::message::Row| format!("{:?}", row.key);
    first.sort_by_key(by_key);
    other.sort_by_key(by_key);
    assert_eq!(first, other);
    let places: Vec<&Cell> = first.iter().map(|row| &row.key.0[1]).collect();
    assert!(places.contains(&&Cell::Number("4".into())), "{places:?}");
}

#[tokio::test]
async fn a_filter_counts_only_the_rows_that_match_among_equals() {
    let fixture = Fixture::new(TABLES).await;
    let list = read(&fixture, "seen", "n=eq.1&word=eq.w1&offset=2&limit=2").await;
    assert_eq!(list.total, 5);
    let places: Vec<&Cell> = list.rows.iter().map(|row| &row.key.0[1]).collect();
    assert_eq!(
        places,
        [&Cell::Number("2".into()), &Cell::Number("3".into())]
    );
    assert_eq!(read(&fixture, "bare", "").await.rows.len(), 1);
}
