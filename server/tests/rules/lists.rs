//! Lists that are followed under a role.

use crate::{
    follower::Follower,
    world::{NOTES, World},
};

#[tokio::test]
async fn a_row_that_leaves_by_policy_disappears_and_one_that_comes_appears() {
    let world = World::new(NOTES).await;
    let ann = Follower::new(&world.server, &world.ann, "/api/live/note?order=id");
    let bob = Follower::new(&world.server, &world.bob, "/api/live/note?order=id");
    ann.until_keys(&[1, 3]).await;
    bob.until_keys(&[2, 4]).await;
    world
        .execute("UPDATE note SET owner = '{db}_bob' WHERE id = 3")
        .await;
    assert_eq!(ann.until_keys(&[1]).await.total, 1);
    assert_eq!(bob.until_keys(&[2, 3, 4]).await.total, 3);
    world
        .execute("INSERT INTO note VALUES (5, '{db}_ann', 'annsnote five', 5)")
        .await;
    assert_eq!(ann.until_keys(&[1, 5]).await.total, 2);
    assert!(!ann.heard().contains("bobsnote"), "{}", ann.heard());
    assert!(!bob.heard().contains("annsnote five"), "{}", bob.heard());
}

#[tokio::test]
async fn a_removal_is_told_of_what_is_held_and_of_nothing_else() {
    let world = World::new(NOTES).await;
    // Keys that stand nowhere by chance.
    world
        .execute(
            "INSERT INTO note VALUES (777001, '{db}_bob', 'bobsnote', 0), (777002, '{db}_ann', 'annsnote', 0), \
                (777003, '{db}_ann', 'annsnote', 0)",
        )
        .await;
    let ann = Follower::new(
        &world.server,
        &world.ann,
        "/api/live/note?order=id&aggregate=sum(size)",
    );
    ann.until_keys(&[1, 3, 777_002, 777_003]).await;
    world
        .execute("UPDATE note SET body = 'bobsnote again', size = 555444 WHERE id = 777001")
        .await;
    world.execute("DELETE FROM note WHERE id = 777001").await;
    world
        .execute("INSERT INTO note VALUES (777001, '{db}_bob', 'bobsnote', 888999)")
        .await;
    world.execute("DELETE FROM note WHERE id = 777001").await;
    // Behind all that: what comes after it has been read after it.
    world.execute("DELETE FROM note WHERE id = 777002").await;
    ann.until_keys(&[1, 3, 777_003]).await;
    let heard = ann.heard();
    for word in ["777001", "bobsnote", "555444", "888999"] {
        assert!(!heard.contains(word), "{word}: {heard}");
    }
    assert!(heard.contains("777002"), "{heard}");
    assert_eq!(ann.patches(), 1, "one thing was told: {heard}");
}

#[tokio::test]
async fn two_of_one_role_with_other_claims_do_not_share_a_list() {
    let sql = "CREATE ROLE {db}_ann; CREATE ROLE {db}_bob; CREATE ROLE {db}_web;
        CREATE TABLE item (id int PRIMARY KEY, sub text);
        INSERT INTO item VALUES (1, '1'), (2, '2'), (3, '3');
        ALTER TABLE item ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON item USING (sub = current_setting('request.jwt.claims')::jsonb ->> 'sub');
        GRANT SELECT ON item TO {db}_ann, {db}_web;
        SELECT rowcast.watch('item');";
    let world = World::new(sql).await;
    // All three have the same role.
    world
        .execute("UPDATE rowcast.account SET database_role = '{db}_web'")
        .await;
    let ids = [1, 2, 3];
    let followers: Vec<Follower> = [&world.ann, &world.bob, &world.nil]
        .map(|token| Follower::new(&world.server, token, "/api/live/item"))
        .into();
    for (follower, id) in followers.iter().zip(ids) {
        follower.until_keys(&[id]).await;
    }
    world
        .execute("UPDATE item SET sub = '1' WHERE id = 2")
        .await;
    followers[0].until_keys(&[1, 2]).await;
    followers[1].until_keys(&[]).await;
    followers[2].until_keys(&[3]).await;
}

#[tokio::test]
async fn a_list_follows_the_tables_that_its_policies_look_at() {
    let sql = "CREATE ROLE {db}_ann; CREATE ROLE {db}_bob;
        CREATE TABLE member (team int, who text, PRIMARY KEY (team, who));
        CREATE TABLE task (id int PRIMARY KEY, team int);
        INSERT INTO task VALUES (1, 1), (2, 2), (3, 2);
        INSERT INTO member VALUES (1, '{db}_ann'), (2, '{db}_bob');
        ALTER TABLE task ENABLE ROW LEVEL SECURITY;
        ALTER TABLE member ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON member USING (who = current_user);
        CREATE POLICY team ON task USING (team IN (SELECT m.team FROM member m));
        GRANT SELECT ON task, member TO {db}_ann, {db}_bob;
        SELECT rowcast.watch('task');";
    let world = World::new(sql).await;
    // What is not live can't be followed through.
    let refused = world.get(&world.ann, "/api/live/task").await;
    assert_eq!(refused.error().1, "not_live");
    assert!(!refused.text().contains("member"), "{}", refused.text());
    assert_eq!(world.keys(&world.ann, "/api/rows/task").await.1, 1);
    world.execute("SELECT rowcast.watch('member')").await;
    let ann = Follower::new(&world.server, &world.ann, "/api/live/task?order=id&id=gt.1");
    ann.until_keys(&[]).await;
    world
        .execute("INSERT INTO member VALUES (2, '{db}_ann')")
        .await;
    ann.until_keys(&[2, 3]).await;
    world
        .execute("DELETE FROM member WHERE who = '{db}_ann'")
        .await;
    ann.until_keys(&[]).await;
}

#[tokio::test]
async fn what_a_function_decides_or_the_time_is_seen_a_little_later() {
    let sql = "CREATE ROLE {db}_ann; CREATE ROLE {db}_bob;
        CREATE TABLE opening (id int PRIMARY KEY);
        CREATE FUNCTION is_open(int) RETURNS boolean STABLE SECURITY DEFINER LANGUAGE plpgsql
            AS $$ BEGIN RETURN EXISTS (SELECT FROM public.opening WHERE id = $1); END $$;
        CREATE TABLE shop (id int PRIMARY KEY, until timestamptz);
        INSERT INTO shop VALUES (1, 'infinity'), (2, 'infinity'), (3, now() + interval '3 s');
        INSERT INTO opening VALUES (1), (3);
        ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
        CREATE POLICY open ON shop USING (is_open(id) AND until > now());
        GRANT SELECT ON shop TO {db}_ann;
        SELECT rowcast.watch('shop');";
    let world = World::new(sql).await;
    let ann = Follower::new(&world.server, &world.ann, "/api/live/shop?order=id");
    ann.until_keys(&[1, 3]).await;
    ann.until_keys(&[1]).await;
    world.execute("INSERT INTO opening VALUES (2)").await;
    ann.until_keys(&[1, 2]).await;
    world.execute("DELETE FROM opening").await;
    ann.until_keys(&[]).await;
}

#[tokio::test]
async fn a_list_ends_when_the_rules_are_others_and_begins_again_by_those() {
    let world = World::new(NOTES).await;
    let ann = Follower::new(&world.server, &world.ann, "/api/live/note?order=id");
    ann.until_keys(&[1, 3]).await;
    world
        .execute("DROP POLICY own ON note; CREATE POLICY small ON note USING (size < 3)")
        .await;
    ann.until_end("catalog_changed").await;
    ann.until_keys(&[1, 2]).await;
    world.execute("REVOKE ALL ON note FROM {db}_ann").await;
    ann.until_end("unknown_table").await;
    world.execute("GRANT {db}_bob TO {db}_ann").await;
    ann.until_keys(&[1, 2]).await;
    world.execute("REVOKE {db}_bob FROM {db}_ann").await;
    world
        .execute("UPDATE note SET body = 'kept from her' WHERE id = 1")
        .await;
    assert_eq!(world.get(&world.ann, "/api/rows/note").await.status, 404);
    ann.until("it has ended", |_| true).await;
    assert!(!ann.heard().contains("kept from her"), "{}", ann.heard());
}

#[tokio::test]
async fn what_the_owner_of_a_view_or_a_function_may_decides_too() {
    let sql = &format!(
        "CREATE ROLE {{db}}_own BYPASSRLS; CREATE ROLE {{db}}_boss NOINHERIT; {NOTES}
        GRANT SELECT ON note TO {{db}}_own;
        CREATE VIEW whole AS SELECT * FROM note;
        ALTER VIEW whole OWNER TO {{db}}_own;
        GRANT SELECT ON whole TO {{db}}_ann;
        CREATE TABLE thing (id int PRIMARY KEY);
        INSERT INTO thing VALUES (1), (2);
        CREATE TABLE allowed (id int PRIMARY KEY);
        INSERT INTO allowed VALUES (1), (2);
        ALTER TABLE allowed ENABLE ROW LEVEL SECURITY;
        CREATE POLICY first ON allowed TO {{db}}_own USING (id = 1);
        CREATE POLICY all_of_it ON allowed TO {{db}}_boss USING (true);
        GRANT SELECT ON allowed TO {{db}}_own;
        CREATE FUNCTION is_allowed(int) RETURNS boolean STABLE SECURITY DEFINER LANGUAGE sql
            BEGIN ATOMIC SELECT EXISTS (SELECT FROM allowed a WHERE a.id = $1); END;
        ALTER FUNCTION is_allowed(int) OWNER TO {{db}}_own;
        ALTER TABLE thing ENABLE ROW LEVEL SECURITY;
        CREATE POLICY allowed ON thing USING (is_allowed(id));
        GRANT SELECT ON thing TO {{db}}_ann;
        SELECT rowcast.watch('thing'), rowcast.watch('allowed');"
    );
    let world = World::new(sql).await;
    let view = Follower::new(&world.server, &world.ann, "/api/live/whole?order=id");
    let thing = Follower::new(&world.server, &world.ann, "/api/live/thing?order=id");
    view.until("all", |list| list.total == 4).await;
    thing.until_keys(&[1, 2]).await;
    world.execute("ALTER ROLE {db}_own NOBYPASSRLS").await;
    view.until("the role's", |list| list.total == 2).await;
    thing.until_keys(&[1]).await;
    world.execute("GRANT {db}_boss TO {db}_own").await;
    thing.until_keys(&[1, 2]).await;
}

#[tokio::test]
async fn what_an_operator_or_a_domain_looks_at_is_followed() {
    let sql = "CREATE ROLE {db}_ann; CREATE ROLE {db}_bob;
        CREATE TABLE acl (id int PRIMARY KEY);
        INSERT INTO acl VALUES (1), (2);
        CREATE FUNCTION may(a int, b int) RETURNS boolean STABLE LANGUAGE sql
            BEGIN ATOMIC SELECT EXISTS (SELECT FROM acl WHERE acl.id = a); END;
        CREATE OPERATOR ##> (FUNCTION = may, LEFTARG = int, RIGHTARG = int);
        CREATE TABLE place (id int PRIMARY KEY);
        INSERT INTO place VALUES (1), (2), (3);
        ALTER TABLE place ENABLE ROW LEVEL SECURITY;
        CREATE POLICY listed ON place USING (id ##> 1);
        CREATE TABLE shop (id int PRIMARY KEY, opens text);
        INSERT INTO shop VALUES (1, 'now'), (2, 'infinity');
        ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
        CREATE POLICY now ON shop USING (opens::timestamptz < '2100-01-01');
        GRANT SELECT ON place, acl, shop TO {db}_ann;
        SELECT rowcast.watch('place'), rowcast.watch('shop');";
    let world = World::new(sql).await;
    let refused = world.get(&world.ann, "/api/live/place").await;
    assert_eq!(refused.error().1, "not_live", "its acl is not");
    world.execute("SELECT rowcast.watch('acl')").await;
    let place = Follower::new(&world.server, &world.ann, "/api/live/place?order=id");
    place.until_keys(&[1, 2]).await;
    world.execute("DELETE FROM acl WHERE id = 1").await;
    place.until_keys(&[2]).await;
    let mut connection = world.server.database.connect().await;
    let untold: Vec<bool> = sqlx::query_scalar(
        "SELECT rowcast.is_ruled_untold(r) FROM unnest('{place,shop}'::regclass[]) AS r",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(untold, [false, true]);
}

#[tokio::test]
async fn a_role_that_is_dropped_ends_its_lists() {
    let sql = format!("{NOTES} GRANT {{db}}_bob TO {{db}}_eve;");
    let world = World::new(&sql).await;
    world
        .execute("UPDATE rowcast.account SET database_role = '{db}_eve' WHERE name = 'nil'")
        .await;
    let nil = Follower::new(&world.server, &world.nil, "/api/live/note?order=id");
    nil.until("nothing is eve's", |list| list.total == 0).await;
    world.execute("DROP ROLE {db}_eve").await;
    nil.until_end("catalog_changed").await;
    nil.until_end("unknown_table").await;
    // Another one of that name is another one.
    world
        .execute("CREATE ROLE {db}_eve; INSERT INTO note VALUES (6, '{db}_eve', 'evesnote', 1)")
        .await;
    assert_eq!(world.get(&world.nil, "/api/rows/note").await.status, 404);
}
