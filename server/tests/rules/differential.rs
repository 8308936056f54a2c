//! Random writes under two roles, with policies of several kinds: every list, total and aggregate of
//! everybody is what `SET ROLE` and the claims give in SQL.
//!
//! `RULES_SECONDS` bounds the time (15 unless set), `RULES_SEED` replays a seed.

use std::time::{Duration, Instant};

use rowcast_protocol::{Cell, list::List};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::{cluster::Cluster, follower::Follower, random::Random, world::World};

/// Tables, each with a policy of another kind: by role, by claims, by a table with policies of its
/// own, by other rows of the same table, by a function, by several at once; and two views.
const SQL: &str = "
    CREATE ROLE {db}_ann; CREATE ROLE {db}_bob; CREATE ROLE {db}_desk; GRANT {db}_desk TO {db}_bob;
    CREATE TABLE member (team int, who text, PRIMARY KEY (team, who));
    INSERT INTO member VALUES (0, '{db}_ann'), (1, '{db}_ann'), (1, '{db}_bob'), (2, '{db}_bob');
    ALTER TABLE member ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON member USING (who = current_user);
    CREATE TABLE ban (id int PRIMARY KEY);
    CREATE TABLE by_role (id int PRIMARY KEY, owner text, team int, label text, size int);
    CREATE TABLE by_claims (LIKE by_role INCLUDING ALL);
    CREATE TABLE by_table (LIKE by_role INCLUDING ALL);
    CREATE TABLE by_itself (LIKE by_role INCLUDING ALL);
    CREATE TABLE by_function (LIKE by_role INCLUDING ALL);
    CREATE TABLE by_several (LIKE by_role INCLUDING ALL);
    CREATE VIEW peak AS SELECT max(size) AS size FROM by_itself;
    CREATE FUNCTION is_banned(i int) RETURNS boolean STABLE SECURITY DEFINER LANGUAGE sql
        BEGIN ATOMIC SELECT EXISTS (SELECT FROM public.ban b WHERE b.id = i); END;
    CREATE POLICY p ON by_role USING (owner = current_user);
    CREATE POLICY p ON by_claims USING (
        team::text = current_setting('request.jwt.claims')::jsonb #>> '{attributes,team}');
    CREATE POLICY p ON by_table USING (team IN (SELECT m.team FROM member m));
    CREATE POLICY p ON by_itself USING (size >= (SELECT k.size - 40 FROM peak k) OR owner = current_user);
    CREATE POLICY p ON by_function USING (NOT is_banned(id % 7));
    CREATE POLICY a ON by_several TO {db}_desk USING (size < 50);
    CREATE POLICY b ON by_several USING (owner = current_user);
    CREATE POLICY c ON by_several AS RESTRICTIVE USING (label IS NOT NULL);
    CREATE POLICY d ON by_several FOR DELETE USING (size IS NULL);
    CREATE VIEW invoked WITH (security_invoker) AS SELECT * FROM by_table WHERE size > 10;
    CREATE VIEW owned AS SELECT * FROM by_role WHERE owner = current_user;
    DO $$ DECLARE name text; BEGIN
        FOREACH name IN ARRAY '{by_role,by_claims,by_table,by_itself,by_function,by_several}'::text[] LOOP
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {db}_ann, {db}_bob', name);
            EXECUTE format('INSERT INTO %I SELECT i, (ARRAY[''{db}_ann'', ''{db}_bob'', NULL])[i %% 3 + 1], \
                i %% 4, ''label '' || i %% 5, i * 7 %% 100 FROM generate_series(1, 30) i', name);
            PERFORM rowcast.watch(name::regclass);
        END LOOP;
    END $$;
    GRANT SELECT ON member, peak, invoked, owned TO {db}_ann, {db}_bob;
    SELECT rowcast.watch('member'), rowcast.watch('ban'), rowcast.watch('invoked'), rowcast.watch('owned');";

const TABLES: [&str; 6] = [
    "by_role",
    "by_claims",
    "by_table",
    "by_itself",
    "by_function",
    "by_several",
];

const RELATIONS: [&str; 8] = [
    "by_role",
    "by_claims",
    "by_table",
    "by_itself",
    "by_function",
    "by_several",
    "invoked",
    "owned",
];

/// A query as it is asked, its condition, and its order with what limits it.
const QUERIES: [(&str, &str, &str); 4] = [
    ("order=id&aggregate=sum(size),count(label)", "TRUE", "id"),
    (
        "order=size.desc,id&limit=4",
        "TRUE",
        "size DESC, id LIMIT 4",
    ),
    (
        "size=gt.30&order=id&limit=5&offset=2",
        "size > 30",
        "id LIMIT 5 OFFSET 2",
    ),
    (
        "or=(label.like.*2,team.is.null)&order=label.desc,id",
        "label LIKE '%2' OR team IS NULL",
        "label DESC, id",
    ),
];

/// How many writes there are between two comparisons.
const WRITES: u64 = 12;

struct Watched {
    follower: Follower,
    user: usize,
    relation: &'static str,
    query: usize,
}

#[derive(Debug, PartialEq)]
struct Expected {
    rows: Vec<Vec<Cell>>,
    total: u64,
    aggregates: Vec<Cell>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_is_what_its_readers_role_sees_in_sql() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seconds = number("RULES_SECONDS").unwrap_or(15);
    let seed = number("RULES_SEED").unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |since| since.as_nanos() as u64)
    });
    println!("rules: RULES_SEED={seed}");
    let mut random = Random::new(seed);
    let invoker = Cluster::shared().has(15, "a view that reads as who asks");
    let sql = match invoker {
        true => SQL.to_owned(),
        false => SQL.replace("WITH (security_invoker) ", ""),
    };
    let world = World::new(&sql).await;
    world
        .execute(
            "UPDATE rowcast.account SET attributes = jsonb_build_object('team', \
                CASE name WHEN 'ann' THEN '1' ELSE '2' END)",
        )
        .await;
    let mut teams = ["1".to_owned(), "2".to_owned()];
    let mut watched = Vec::new();
    for user in 0..2 {
        let token = [&world.ann, &world.bob][user];
        for relation in RELATIONS {
            for (query, (text, ..)) in QUERIES.iter().enumerate() {
                let path = format!("/api/live/{relation}?{text}");
                watched.push(Watched {
                    follower: Follower::new(&world.server, token, &path),
                    user,
                    relation,
                    query,
                });
            }
        }
    }
    let mut connection = world.server.database.connect().await;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = 0;
    while rounds < 2 || Instant::now() < deadline {
        compare(&world, &mut connection, &watched, &teams, seed).await;
        for _ in 0..WRITES {
            write(&world, &mut connection, &mut random, &mut teams).await;
        }
        rounds += 1;
    }
    compare(&world, &mut connection, &watched, &teams, seed).await;
    let patches: u64 = watched.iter().map(|of| of.follower.patches()).sum();
    println!(
        "rules: {rounds} rounds, {} lists, {patches} patches",
        watched.len()
    );
    assert!(patches > 0, "nothing came");
}

/// Waits until every list is what SQL says, and fails with the first that does not become so.
async fn compare(
    world: &World,
    connection: &mut PgConnection,
    watched: &[Watched],
    teams: &[String; 2],
    seed: u64,
) {
    for of in watched {
        let expected = expected(world, connection, of, teams).await;
        let (text, ..) = QUERIES[of.query];
        let what = format!(
            "RULES_SEED={seed}: {} of user {}, {text}: by SQL {expected:?}",
            of.relation, of.user
        );
        of.follower
            .until(&what, |list| held(list) == expected)
            .await;
        // What is asked once is the same.
        if of.query == 0 {
            let token = [&world.ann, &world.bob][of.user];
            let answer = world
                .json(token, &format!("/api/rows/{}?{text}", of.relation))
                .await;
            assert_eq!(answer["total"], json!(expected.total), "{what}");
            let dry = format!("/api/chart/{}?chart=label", of.relation);
            let chart = world.json(token, &dry).await;
            let groups = chart["groups"].as_array().unwrap().iter();
            let counted: u64 = groups.map(|group| group["count"].as_u64().unwrap()).sum();
            let nulls = chart["nulls"].as_u64().unwrap();
            assert_eq!(counted + nulls, expected.total, "{what}: {chart}");
        }
    }
}

fn held(list: &List) -> Expected {
    Expected {
        rows: list.rows.iter().map(|row| row.cells.clone()).collect(),
        total: list.total,
        aggregates: list.aggregates.iter().map(|of| of.value.clone()).collect(),
    }
}

async fn expected(
    world: &World,
    connection: &mut PgConnection,
    of: &Watched,
    teams: &[String; 2],
) -> Expected {
    let (_, condition, rest) = QUERIES[of.query];
    let relation = of.relation;
    let mut transaction = connection.begin().await.unwrap();
    act_as(&mut transaction, world, of.user, teams).await;
    let sql = format!(
        "SELECT id, owner, team, label, size FROM {relation} WHERE {condition} ORDER BY {rest}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(&mut *transaction)
        .await
        .unwrap();
    let sql = format!("SELECT count(*), sum(size), count(label) FROM {relation} WHERE {condition}");
    let all = sqlx::query(AssertSqlSafe(sql))
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    let integer = |value: Option<i64>| value.map_or(Cell::Null, Cell::integer);
    let text = |value: Option<String>| value.map_or(Cell::Null, |text| Cell::Text(text.into()));
    let cells = |row: &sqlx::postgres::PgRow| {
        let number = |at: usize| integer(row.get::<Option<i32>, _>(at).map(i64::from));
        vec![
            number(0),
            text(row.get(1)),
            number(2),
            text(row.get(3)),
            number(4),
        ]
    };
    let aggregates = match of.query {
        0 => vec![integer(all.get(1)), integer(all.get(2))],
        _ => Vec::new(),
    };
    Expected {
        rows: rows.iter().map(cells).collect(),
        total: all.get::<i64, _>(0) as u64,
        aggregates,
    }
}

async fn act_as(connection: &mut PgConnection, world: &World, user: usize, teams: &[String; 2]) {
    let claims = json!({"attributes": {"team": teams[user]}}).to_string();
    sqlx::query("SELECT set_config('request.jwt.claims', $1, true), set_config('role', $2, true)")
        .bind(claims)
        .bind(world.role(["ann", "bob"][user]))
        .execute(connection)
        .await
        .unwrap();
}

/// One write: by anybody past the rules, by somebody in SQL, by somebody through the server, or of
/// what the rules look at.
async fn write(
    world: &World,
    connection: &mut PgConnection,
    random: &mut Random,
    teams: &mut [String; 2],
) {
    let table = *random.pick(&TABLES);
    let sql = change(world, random, table);
    match random.below(100) {
        0..40 => world.execute(&sql).await,
        40..60 => {
            let mut transaction = connection.begin().await.unwrap();
            act_as(&mut transaction, world, random.below(2) as usize, teams).await;
            // Much of it is refused.
            match sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut *transaction)
                .await
            {
                Ok(_) => transaction.commit().await.unwrap(),
                Err(_) => transaction.rollback().await.unwrap(),
            }
        }
        60..85 => through_the_server(world, random, table).await,
        85..90 => {
            let (team, who) = (
                random.below(4),
                world.role(["ann", "bob"][random.below(2) as usize]),
            );
            world
                .execute(&match random.chance(50) {
                    true => format!(
                        "INSERT INTO member VALUES ({team}, '{who}') ON CONFLICT DO NOTHING"
                    ),
                    false => format!("DELETE FROM member WHERE team = {team} AND who = '{who}'"),
                })
                .await;
        }
        90..95 => {
            let id = random.below(7);
            world
                .execute(&match random.chance(50) {
                    true => format!("INSERT INTO ban VALUES ({id}) ON CONFLICT DO NOTHING"),
                    false => format!("DELETE FROM ban WHERE id = {id}"),
                })
                .await;
        }
        95..97 => {
            let user = random.below(2) as usize;
            teams[user] = random.below(4).to_string();
            let (name, team) = (["ann", "bob"][user], &teams[user]);
            world
                .execute(&format!(
                    "UPDATE rowcast.account SET attributes = '{{\"team\": \"{team}\"}}' WHERE name = '{name}'"
                ))
                .await;
        }
        97 => {
            let size = random.below(100);
            world
                .execute(&format!(
                    "ALTER POLICY a ON by_several USING (size < {size})"
                ))
                .await;
        }
        98 => {
            world
                .execute(match random.chance(50) {
                    true => "GRANT {db}_desk TO {db}_ann",
                    false => "REVOKE {db}_desk FROM {db}_ann",
                })
                .await;
        }
        _ => world.execute(&format!("TRUNCATE {table}")).await,
    }
}

fn change(world: &World, random: &mut Random, table: &str) -> String {
    let id = random.below(60);
    let owner = match random.below(3) {
        0 => "NULL".to_owned(),
        1 => format!("'{}'", world.role("ann")),
        _ => format!("'{}'", world.role("bob")),
    };
    let (team, size) = (random.below(4), random.below(100));
    let label = match random.chance(80) {
        true => format!("'label {}'", random.below(5)),
        false => "NULL".to_owned(),
    };
    match random.below(7) {
        0..3 => format!(
            "INSERT INTO {table} VALUES ({id}, {owner}, {team}, {label}, {size}) \
             ON CONFLICT (id) DO NOTHING"
        ),
        3 => format!("UPDATE {table} SET owner = {owner}, label = {label} WHERE id = {id}"),
        4 => format!("UPDATE {table} SET team = {team}, size = {size} WHERE id % 5 = {id} % 5"),
        5 => format!("UPDATE {table} SET size = NULL WHERE id = {id}"),
        _ => format!("DELETE FROM {table} WHERE id IN ({id}, {id} + 1)"),
    }
}

async fn through_the_server(world: &World, random: &mut Random, table: &str) {
    let user = random.below(2) as usize;
    let token = [&world.ann, &world.bob][user];
    let id = random.below(60);
    let owner = world.role(["ann", "bob"][random.below(2) as usize]);
    let (team, size) = (random.below(4), random.below(100));
    let row = json!({"id": id, "owner": owner, "team": team, "label": "label 2", "size": size});
    let of_row = format!("/api/rows/{table}/{id}");
    let of_many = format!("/api/bulk/{table}?id=gt.{id}");
    let (method, path, body) = match random.below(6) {
        0 => ("POST", format!("/api/rows/{table}"), row.to_string()),
        1 => (
            "PATCH",
            of_row,
            json!({"set": {"size": size, "team": team}}).to_string(),
        ),
        2 => ("DELETE", of_row, String::new()),
        3 => {
            let insert = json!({"op": "insert", "row": row});
            let update = json!({"op": "update", "key": [id], "set": {"label": "label 1"}});
            let changes = json!({"changes": [insert, update]});
            ("POST", format!("/api/batch/{table}"), changes.to_string())
        }
        4 => (
            "POST",
            of_many,
            json!({"delete": true, "count": 1}).to_string(),
        ),
        _ => {
            let csv = format!("id,owner,size\n{id},{owner},{size}\n");
            ("POST", format!("/api/import/{table}"), csv)
        }
    };
    let answer = world.send(token, method, &path, &body).await;
    let is_known = matches!(answer.status, 200 | 201 | 204 | 403 | 404 | 409 | 422);
    assert!(
        is_known,
        "{method} {path} {body}: {} {}",
        answer.status,
        answer.text()
    );
}
