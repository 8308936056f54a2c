//! Charts: what a bucket counts is what its filter lets through.

use serde_json::{Value, json};

use crate::server::Server;

const THINGS: &str = "CREATE TYPE mood AS ENUM ('sad', 'glad'); \
    CREATE TABLE owner (id int PRIMARY KEY, name text); \
    INSERT INTO owner VALUES (1, 'Ann'), (2, 'Bob'); \
    CREATE TABLE thing (id int PRIMARY KEY, \"a b&=,.\" text, mood mood, done bool, small int2, \
        big int8, price numeric, weight float8, light float4, day date, at timestamptz, \
        local timestamp, tags text[], spot point, doc json, data jsonb, ip inet, code char(4), \
        owner_id int REFERENCES owner, \"order\" text); \
    INSERT INTO thing SELECT g, CASE WHEN g % 10 <> 0 THEN 'v' || g % 7 END, \
        (ARRAY['sad', 'glad'])[g % 2 + 1]::mood, g % 3 = 0, g % 5, g * 1000, g * 0.37, \
        g / 3.0, g * 1.1, '2024-01-30'::date + g, '2024-01-30 22:00+00'::timestamptz + g * interval '7 h', \
        '2024-01-30'::timestamp + g * interval '13 min', ARRAY['x', 'y' || g % 2], point(g, g), \
        to_json(g), to_jsonb(g % 3), ('10.0.0.' || g % 4)::inet, 'c' || g % 2, g % 2 + 1, 'o' || g % 3 \
      FROM generate_series(1, 300) g;";

async fn chart(server: &Server, query: &str) -> Value {
    server.json(&format!("/api/chart/thing?{query}")).await
}

async fn total(server: &Server, filters: &[&str]) -> u64 {
    let query = filters.join("&");
    let path = format!("/api/rows/thing?limit=0&{query}");
    server.json(&path).await["total"].as_u64().unwrap()
}

/// The counts of a chart, after each was compared with what its filter lets through.
async fn checked(server: &Server, filter: &str, column: &str) -> Value {
    let chart = chart(server, &format!("{filter}&chart={column}")).await;
    let is_values = chart["kind"] == "values";
    let parts = &chart[if is_values { "groups" } else { "buckets" }];
    let mut sum = 0;
    for part in parts.as_array().unwrap() {
        let through = part["filter"].as_str().unwrap();
        let count = part["count"].as_u64().unwrap();
        assert_eq!(
            total(server, &[filter, through]).await,
            count,
            "{column}: {part}"
        );
        sum += count;
    }
    let nulls = chart["nulls"].as_u64().unwrap();
    let without = chart["nulls_filter"].as_str().unwrap();
    assert_eq!(total(server, &[filter, without]).await, nulls, "{column}");
    let rest = &chart[if is_values { "others" } else { "outside" }];
    let all = total(server, &[filter]).await;
    assert_eq!(
        sum + nulls + rest.as_u64().unwrap(),
        all,
        "{column}: {chart}"
    );
    if !is_values {
        let buckets = parts.as_array().unwrap();
        assert!(buckets.len() <= 40, "{column}: {}", buckets.len());
        for pair in buckets.windows(2) {
            assert_eq!(pair[0]["to"], pair[1]["from"], "{column}");
        }
    }
    chart
}

#[tokio::test]
async fn every_part_counts_what_its_filter_lets_through() {
    let server = Server::new(THINGS).await;
    for filter in [
        "id=gt.0",
        "mood=eq.glad&q=v",
        "id=lt.0",
        "price=gt.50&price=lt.51",
    ] {
        for (column, kind) in [
            ("a+b%26%3D%2C.", "values"),
            ("order", "values"),
            ("mood", "values"),
            ("done", "values"),
            ("owner_id", "values"),
            ("tags", "values"),
            ("data", "values"),
            ("ip", "values"),
            ("code", "values"),
            ("id", "number"),
            ("small", "number"),
            ("big", "number"),
            ("price", "number"),
            ("weight", "number"),
            ("light", "number"),
            ("day", "time"),
            ("at", "time"),
            ("local", "time"),
        ] {
            let chart = checked(&server, filter, column).await;
            assert_eq!(chart["kind"], kind, "{column}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn values_come_by_frequency_and_the_rest_is_counted() {
    let server = Server::new(THINGS).await;
    assert_eq!(
        chart(&server, "chart=mood&id=lt.4").await,
        json!({"kind": "values", "groups": [
            {"value": "glad", "count": 2, "filter": "mood=eq.glad"},
            {"value": "sad", "count": 1, "filter": "mood=eq.sad"}],
            "others": 0, "nulls": 0, "nulls_filter": "mood=is.null"})
    );
    assert_eq!(
        chart(&server, "chart=order&id=lt.2").await["groups"],
        json!([{"value": "o1", "count": 1, "filter": "and=(order.eq.o1)"}])
    );
    server
        .database
        .execute(
            "CREATE TABLE many (id int PRIMARY KEY, t text); \
             INSERT INTO many SELECT g, 't' || g % 50 FROM generate_series(1, 500) g; \
             INSERT INTO many SELECT 1000 + g, repeat('long ', 1000) FROM generate_series(1, 30) g; \
             INSERT INTO many SELECT 2000 + g, '' FROM generate_series(1, 20) g",
        )
        .await;
    let chart = server.json("/api/chart/many?chart=t").await;
    let groups = chart["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 20);
    assert_eq!(
        (&groups[0]["count"], &groups[0]["filter"]),
        (&json!(30), &Value::Null)
    );
    let shown = groups[0]["value"].as_str().unwrap();
    assert!(
        shown.ends_with('…') && shown.chars().count() == 201,
        "{shown}"
    );
    assert_eq!(
        groups[1],
        json!({"value": "", "count": 20, "filter": "t=eq."})
    );
    assert_eq!(chart["others"], 500 - 18 * 10);
    server.stop().await;
}

#[tokio::test]
async fn numbers_have_round_buckets_that_keep_every_digit() {
    let server = Server::new(THINGS).await;
    let chart = checked(&server, "id=lte.100", "id").await;
    assert_eq!((&chart["from"], &chart["to"]), (&json!(1), &json!(100)));
    assert_eq!(
        chart["buckets"][0],
        json!({"from": 0, "to": 5, "count": 4, "filter": "id=gte.0&id=lt.5"})
    );
    server
        .database
        .execute(
            "DELETE FROM thing WHERE id > 4; \
             UPDATE thing SET small = (ARRAY[-32768, 32767, 0, 32766])[id], \
                 big = (ARRAY[9223372036854775807, 9223372036854775806, 9223372036854775800, \
                              9223372036854775807])[id], \
                 price = (ARRAY['NaN', 'Infinity', '1e300', '-12345678901234567890.5'])[id]::numeric, \
                 weight = (ARRAY['NaN', '-Infinity', '1e-300', '1.7e308'])[id]::float8, \
                 light = 0.1",
        )
        .await;
    for column in ["small", "big", "price", "weight", "light"] {
        checked(&server, "", column).await;
    }
    let price = checked(&server, "", "price").await;
    assert_eq!(price["outside"], 2);
    let text = server.get("/api/chart/thing?chart=price").await.text();
    assert!(
        text.contains(r#""from":-12345678901234567890.5,"#),
        "{text}"
    );
    let big = checked(&server, "", "big").await;
    let buckets = big["buckets"].as_array().unwrap();
    // Past the last there is no such number to compare with.
    assert_eq!(
        buckets[buckets.len() - 1]["filter"],
        "big=gte.9223372036854775807"
    );
    assert_eq!(big["buckets"].as_array().unwrap().len(), 8);
    let none = checked(&server, "id=lt.0", "price").await;
    assert_eq!(
        (&none["from"], &none["buckets"]),
        (&Value::Null, &json!([]))
    );
    server.stop().await;
}

#[tokio::test]
async fn times_have_buckets_of_clock_and_calendar() {
    let server = Server::new(THINGS).await;
    for (from, to, first, second) in [
        (
            "2024-01-30 10:00:00.3",
            "2024-01-30 10:00:20",
            "10:00:00",
            "10:00:01",
        ),
        (
            "2024-01-30 10:00",
            "2024-01-30 20:00",
            "10:00:00",
            "10:30:00",
        ),
    ] {
        spread(&server, from, to).await;
        let chart = checked(&server, "", "at").await;
        let begin = |at: usize| chart["buckets"][at]["from"].as_str().unwrap().to_owned();
        assert_eq!(begin(0), format!("2024-01-30T{first}+00:00"));
        assert_eq!(begin(1), format!("2024-01-30T{second}+00:00"));
    }
    for (from, to, first, second) in [
        ("2024-01-30", "2024-02-20", "2024-01-30", "2024-01-31"),
        // Weeks begin on Mondays.
        ("2024-01-31", "2024-05-20", "2024-01-29", "2024-02-05"),
        ("2024-01-31", "2026-01-20", "2024-01-01", "2024-02-01"),
        ("2021-05-31", "2028-01-20", "2021-04-01", "2021-07-01"),
        ("1901-01-31", "1999-01-20", "1900-01-01", "1905-01-01"),
        (
            "0044-03-15 BC",
            "2024-01-20",
            "0101-01-01 BC",
            "0001-12-31 BC",
        ),
    ] {
        spread(&server, from, to).await;
        for column in ["day", "local", "at"] {
            let chart = checked(&server, "", column).await;
            let begin = |at: usize| chart["buckets"][at]["from"].as_str().unwrap().to_owned();
            if from.ends_with("BC") {
                continue;
            }
            assert!(begin(0).starts_with(first), "{column}: {chart}");
            assert!(begin(1).starts_with(second), "{column}: {chart}");
        }
    }
    server
        .database
        .execute(
            "UPDATE thing SET at = CASE id % 3 WHEN 0 THEN 'infinity' WHEN 1 THEN '4714-11-24 00:00:00+00 BC' \
                 ELSE '294276-12-31 23:59:59.999999+00' END::timestamptz, \
             day = CASE id % 3 WHEN 0 THEN '-infinity' WHEN 1 THEN '4714-11-24 BC' \
                 ELSE '5874897-12-31' END::date, local = '2024-01-01'",
        )
        .await;
    assert_eq!(checked(&server, "", "at").await["outside"], 100);
    assert_eq!(checked(&server, "", "day").await["outside"], 100);
    let one = checked(&server, "", "local").await;
    assert_eq!(one["buckets"].as_array().unwrap().len(), 1);
    server.stop().await;
}

/// Has the times of all things lie between these two, the ends included.
async fn spread(server: &Server, from: &str, to: &str) {
    server
        .database
        .execute(&format!(
            "UPDATE thing SET local = '{from}'::timestamp \
                 + (id - 1) * ('{to}'::timestamp - '{from}'::timestamp) / 299.0; \
             UPDATE thing SET at = local AT TIME ZONE 'UTC', day = local"
        ))
        .await;
}

#[tokio::test]
async fn related_columns_and_views_have_charts_too() {
    let server = Server::new(&format!(
        "{THINGS} CREATE VIEW glad AS SELECT * FROM thing WHERE mood = 'glad'"
    ))
    .await;
    let chart = server
        .json("/api/chart/thing?select=id,owner(name)&chart=owner.name&id=lte.3")
        .await;
    assert_eq!(
        chart["groups"],
        json!([{"value": "Bob", "count": 2, "filter": "owner.name=eq.Bob"},
               {"value": "Ann", "count": 1, "filter": "owner.name=eq.Ann"}])
    );
    let glad = server.json("/api/chart/glad?chart=mood").await;
    assert_eq!(glad["groups"][0]["count"], 150);
    server.stop().await;
}

#[tokio::test]
async fn what_has_no_chart_is_refused() {
    let server = Server::new(THINGS).await;
    for (query, status, code) in [
        ("", 400, "invalid_chart"),
        ("chart=id&chart=big", 400, "invalid_chart"),
        ("chart=nope", 400, "unknown_column"),
        ("chart=doc", 400, "invalid_chart"),
        ("chart=spot", 400, "invalid_chart"),
        ("chart=id&id=eq.x", 400, "invalid_value"),
        ("chart=id&nope=eq.1", 400, "unknown_column"),
    ] {
        let (found, found_code, _) = server.error(&format!("/api/chart/thing?{query}")).await;
        assert_eq!((found, &*found_code), (status, code), "{query}");
    }
    let (status, code, _) = server.error("/api/chart/nowhere?chart=id").await;
    assert_eq!((status, &*code), (404, "unknown_table"));
    server.stop().await;
}
