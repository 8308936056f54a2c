//! Reading on from a row equals slicing the whole order there.

use proptest::{prelude::*, test_runner::TestRunner};
use rowcast::query::{
    read::{Range, Totals, window},
    sql::Side,
};

use crate::support::Fixture;

const TABLE: &str = "
    CREATE EXTENSION citext;
    CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TABLE t (
        id int, part int, n int, required int NOT NULL, t text, c text COLLATE \"C\",
        u text COLLATE loose, f float8, d numeric, b boolean, m mood, at timestamptz, i inet,
        s interval, x citext, p char(4), y bytea, v int4range, z \"char\", k bit(3), w name,
        PRIMARY KEY (part, id));
    INSERT INTO t SELECT g, g % 3,
        nullif(g % 7, 3), g % 5,
        (ARRAY['a', 'B', 'b', 'ä', '', NULL, 'a b'])[1 + g % 7],
        (ARRAY['a', 'B', 'b', 'ä', '', NULL])[1 + g % 6],
        (ARRAY['a', 'A', 'b', 'B', NULL])[1 + g % 5],
        (ARRAY['NaN', '-0', '0', '1e300', '-Infinity', NULL, '0.1'])[1 + g % 7]::float8,
        (ARRAY['NaN', '1.0', '1.00', '1e30', '-Infinity', NULL])[1 + g % 6]::numeric,
        (ARRAY[true, false, NULL])[1 + g % 3],
        (ARRAY['happy', 'sad', NULL, 'ok'])[1 + g % 4]::mood,
        (ARRAY['2020-02-02 02:02:02.000002+03', 'infinity', NULL, '0044-03-15 BC'])[1 + g % 4]
            ::timestamptz,
        (ARRAY['10.0.0.1', '::1', NULL, '10.0.0.0/8'])[1 + g % 4]::inet,
        (ARRAY['1 mon', '30 days', NULL, '-1 day 00:00:00.5'])[1 + g % 4]::interval,
        (ARRAY['a', 'A', 'b', NULL])[1 + g % 4],
        (ARRAY['a', 'a ', 'b', NULL])[1 + g % 4],
        (ARRAY['a', '\\x00ff', '', NULL])[1 + g % 4]::bytea,
        (ARRAY['[1,5)', 'empty', NULL, '(,3)'])[1 + g % 4]::int4range,
        (ARRAY['a', 'b', NULL])[1 + g % 3]::\"char\",
        (ARRAY['101', '001', NULL])[1 + g % 3]::bit(3),
        (ARRAY['x', 'X', NULL])[1 + g % 3]::name
      FROM generate_series(1, 60) AS g;";

const COLUMNS: [&str; 21] = [
    "id", "part", "n", "required", "t", "c", "u", "f", "d", "b", "m", "at", "i", "s", "x", "p",
    "y", "v", "z", "k", "w",
];

fn order() -> impl Strategy<Value = String> {
    let key = (
        prop::sample::select(COLUMNS.to_vec()),
        prop::sample::select(vec!["", ".asc", ".desc"]),
        prop::sample::select(vec!["", ".nullsfirst", ".nullslast"]),
    );
    prop::collection::vec(key, 0..4).prop_map(|keys| {
        let mut seen = Vec::new();
        let mut parts = Vec::new();
        for (column, direction, nulls) in keys {
            if !seen.contains(&column) {
                seen.push(column);
                parts.push(format!("{column}{direction}{nulls}"));
            }
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!("order={}", parts.join(","))
        }
    })
}

#[test]
fn rows_beside_a_row_are_the_neighbouring_slice_of_the_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new(TABLE));
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let input = (order(), 0..60_usize, 1..20_u64, any::<bool>());
    runner
        .run(&input, |(order, place, limit, filtered)| {
            runtime.block_on(check(&fixture, &order, place, limit, filtered))
        })
        .unwrap();
}

async fn check(
    fixture: &Fixture,
    order: &str,
    place: usize,
    limit: u64,
    filtered: bool,
) -> Result<(), TestCaseError> {
    let filter = if filtered { "&required=neq.2" } else { "" };
    let bound = fixture
        .bind("t", &format!("{order}{filter}"))
        .await
        .unwrap();
    prop_assert!(bound.has_keyset());
    let offset = |offset, limit| Range::Offset { offset, limit };
    let read = |range| {
        let (pool, bound) = (&fixture.pool, &bound);
        async move {
            window(&pool.clone().into(), bound, &range, Totals::Unread)
                .await
                .unwrap()
                .rows
        }
    };
    let whole = read(offset(0, 1000)).await;
    let place = place % whole.len();
    let count = usize::try_from(limit).unwrap();
    let sliced = read(offset(place as u64, limit)).await;
    prop_assert_eq!(&sliced[..], &whole[place..(place + count).min(whole.len())]);
    let boundary = bound.sort_values(&whole[place]);
    for side in [Side::After, Side::From, Side::Before, Side::UpTo] {
        let rows = read(Range::Beside {
            boundary: boundary.clone(),
            side,
            limit,
        })
        .await;
        let (from, to) = match side {
            Side::After => (place + 1, (place + 1 + count).min(whole.len())),
            Side::From => (place, (place + count).min(whole.len())),
            Side::Before => (place.saturating_sub(count), place),
            Side::UpTo => ((place + 1).saturating_sub(count), place + 1),
        };
        prop_assert_eq!(
            &rows[..],
            &whole[from..to],
            "{:?} {} of {}",
            side,
            place,
            order
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_index_on_the_first_sorted_column_is_entered_at_the_boundary() {
    let fixture = Fixture::new(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, o int);
         INSERT INTO t SELECT g, g / 3, g FROM generate_series(1, 30000) g;
         CREATE INDEX ON t (n); CREATE INDEX ON t (o DESC); ANALYZE t;",
    )
    .await;
    for (query, index) in [("order=n.desc", "t_n_idx"), ("order=o.desc", "t_o_idx")] {
        let bound = fixture.bind("t", query).await.unwrap();
        let deep = Range::Offset {
            offset: 20000,
            limit: 1,
        };
        let rows = window(&fixture.pool.clone().into(), &bound, &deep, Totals::Unread)
            .await
            .unwrap()
            .rows;
        let mut params = rowcast::query::sql::Params::default();
        let condition = rowcast::query::sql::side_sql(
            &bound.table,
            &bound.order,
            &bound.sort_values(&rows[0]),
            Side::After,
            "t",
            &mut params,
        )
        .unwrap();
        let order = rowcast::query::sql::order_sql(&bound, "t", false);
        let sql = format!(
            "EXPLAIN SELECT FROM {} AS t WHERE {condition} ORDER BY {order} LIMIT 10",
            bound.table.sql_name()
        );
        let mut explain = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql));
        for text in params.into_texts() {
            explain = explain.bind(text);
        }
        let plan = explain.fetch_all(&fixture.pool).await.unwrap().join("\n");
        assert!(plan.contains(&format!("using {index}")), "{plan}");
        assert!(plan.contains("Index Cond"), "{plan}");
    }
}
