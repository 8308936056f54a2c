//! Times relative to now: what they mean, and when they next make a difference.

use sqlx::AssertSqlSafe;

use crate::support::Fixture;

const TABLE: &str = "CREATE TABLE e (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, \
        tz timestamptz, ts timestamp, da date, kind text); \
    INSERT INTO e (tz, ts, da, kind) \
        SELECT at, timezone('UTC', at), timezone('UTC', at)::date, 'k' || s % 3 \
          FROM generate_series(-200, 200) AS s, \
               LATERAL (SELECT now() + s * abs(s) * interval '7 min') AS a (at); \
    INSERT INTO e (tz, ts, da) VALUES (NULL, NULL, NULL), ('infinity', 'infinity', 'infinity'), \
        ('-infinity', '-infinity', '-infinity')";

#[tokio::test]
async fn nothing_turns_before_the_moment_that_is_told_and_something_does_then() {
    let fixture = Fixture::new(TABLE).await;
    for column in ["tz", "ts", "da"] {
        for operator in ["gt", "gte", "lt", "lte"] {
            for (text, distance) in [
                ("now", 0),
                ("now-3d", -3 * 86_400),
                ("now+2w", 14 * 86_400),
                ("now+90m", 5400),
                ("now 45s", 45),
                ("now-1000w", -7000 * 86_400),
                ("now+1000w", 7000 * 86_400),
            ] {
                if column == "da" && distance % 86_400 != 0 {
                    continue;
                }
                let query = format!("{column}={operator}.{}", text.replace('+', "%2B"));
                let read = fixture.read("e", &query).await.unwrap();
                let clock = read.clock.unwrap();
                assert!(clock.moment <= clock.end);
                let (total, before, then) = at_turn(
                    &fixture,
                    column,
                    operator,
                    distance,
                    clock.moment,
                    clock.turns,
                )
                .await;
                assert_eq!(Some(total), read.total, "{query}");
                assert_eq!(before, 0, "{query}");
                assert_eq!(then > 0, clock.turns.is_some(), "{query}");
            }
        }
    }
}

/// How many rows match at a moment; how many of all rows are judged otherwise just before the
/// turn, and how many at it. Without a turn that is long after.
async fn at_turn(
    fixture: &Fixture,
    column: &str,
    operator: &str,
    distance: i64,
    moment: i64,
    turns: Option<i64>,
) -> (u64, i64, i64) {
    let symbol = match operator {
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        _ => "<=",
    };
    // A thousand years are beyond every row.
    let turns = turns.unwrap_or(moment + 31_536_000_000_000_000);
    let holds = |moment: i64| {
        let at = format!("(timestamptz 'epoch' + {moment} * interval '1 us')");
        let utc = format!("timezone('UTC', {at})");
        let time = match column {
            "tz" => format!("{at} + {distance} * interval '1 s'"),
            "ts" => format!("{utc} + {distance} * interval '1 s'"),
            _ => format!("{utc}::date + {}", distance / 86_400),
        };
        format!("({column} {symbol} {time})")
    };
    let sql = format!(
        "SELECT count(*) FILTER (WHERE {now}), \
                count(*) FILTER (WHERE {now} IS DISTINCT FROM {before}), \
                count(*) FILTER (WHERE {now} IS DISTINCT FROM {then}) FROM public.e",
        now = holds(moment),
        before = holds(turns - 1),
        then = holds(turns)
    );
    let (total, before, then): (i64, i64, i64) = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(&fixture.pool)
        .await
        .unwrap();
    (total as u64, before, then)
}

#[tokio::test]
async fn rows_that_stay_out_anyway_do_not_turn() {
    let fixture = Fixture::new(
        "CREATE TABLE e (id int PRIMARY KEY, at timestamptz, done bool); \
         INSERT INTO e VALUES (1, now() + '1 h', false), (2, now() + '1 min', true)",
    )
    .await;
    let turns = async |query: &str| {
        let clock = fixture.read("e", query).await.unwrap().clock?;
        Some((clock.turns? - clock.moment) / 60_000_000)
    };
    assert_eq!(turns("at=gt.now").await, Some(0));
    assert_eq!(turns("at=gt.now&done=is.false").await, Some(59));
    assert_eq!(
        turns("or=(at.gt.now,id.eq.9)&done=is.false").await,
        Some(59)
    );
    assert_eq!(turns("not.and=(at.lt.now,id.lt.9)&id=eq.1").await, Some(59));
    assert_eq!(turns("or=(at.gt.now-1m,at.lt.now-58m)").await, Some(1));
    assert_eq!(turns("at=gt.now&id=eq.3").await, None);
    assert_eq!(turns("done=is.true").await, None);
}

#[tokio::test]
async fn what_is_no_relative_time_is_refused_with_what_is_allowed() {
    let fixture = Fixture::new("CREATE TABLE e (id int, tz timestamptz, da date, t text)").await;
    for (query, part) in [
        ("tz=gte.now-15", "one of s, m, h, d, w"),
        ("tz=gte.now-15y", "one of s, m, h, d, w"),
        ("tz=gte.now-999999d", "a thousand years"),
        ("tz=eq.now-15m", "gt, gte, lt and lte"),
        ("tz=in.(2020-01-01,now-15m)", "gt, gte, lt and lte"),
        ("da=gte.now-15m", "days and weeks"),
        ("id=gt.now-15m", "does not fit column \"id\""),
    ] {
        let error = fixture.bind("e", query).await.unwrap_err();
        assert_eq!(error.code, "invalid_value", "{query}");
        assert!(error.message.contains(part), "{query}: {}", error.message);
    }
    for query in [
        "tz=eq.now",
        "tz=neq.now",
        "tz=in.(now,2020-01-01)",
        "t=gt.now-15m",
        "tz=gt.NOW",
    ] {
        let read = fixture.read("e", query).await.unwrap();
        assert!(read.clock.is_none(), "{query}: read once, at binding");
    }
}

#[tokio::test]
async fn times_at_the_end_of_all_times_turn_never() {
    let fixture = Fixture::new(
        "CREATE TABLE e (id int PRIMARY KEY, tz timestamptz, ts timestamp, d date); \
         INSERT INTO e VALUES \
             (1, '294276-12-31 23:59:59.999999+00', '294276-12-31 23:59:59.999999', '5874897-12-31'), \
             (2, '4714-11-24 00:00:00+00 BC', '4714-11-24 00:00:00 BC', '4714-11-24 BC'), \
             (3, 'infinity', 'infinity', 'infinity'), (4, '-infinity', '-infinity', '-infinity')",
    )
    .await;
    for (column, distance) in [
        ("tz", "15m"),
        ("ts", "15m"),
        ("d", "15d"),
        ("tz", "365000d"),
    ] {
        for (query, total) in [
            (format!("{column}=gte.now-{distance}"), 2),
            (format!("{column}=lt.now%2B{distance}"), 2),
        ] {
            let read = fixture.read("e", &query).await.unwrap();
            assert_eq!(read.total, Some(total), "{query}");
            assert_eq!(read.clock.unwrap().turns, None, "{query}");
        }
    }
}
