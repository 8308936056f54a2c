//! Who gets an account, and which roles they have.

use rowcast::auth::link;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, account, input},
    world::{World, alert, led_to, name, sign_in},
};

async fn roles(browser: &mut Browser<'_>) -> Value {
    browser.get("/api/me").await.json().1["roles"].clone()
}

#[tokio::test]
async fn nobody_gets_an_account_unless_it_is_said() {
    let world = World::new().await;
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        403
    );
    world.stop().await;
}

#[tokio::test]
async fn those_of_a_domain_get_one_by_an_address_that_was_verified() {
    let world = World::set(|s| s.openid.openid_join = Some("example.com".to_owned())).await;
    for (email, verified, status) in [
        (json!("ann@example.org"), json!(true), 403),
        (json!("ann@example.com"), json!(false), 403),
        (json!("ann@example.com"), json!(null), 403),
        (json!(null), json!(true), 403),
        (json!("ann@example.com"), json!(true), 303),
        // Whoever has an account needs no address any more.
        (json!(null), json!(null), 303),
    ] {
        world.provider.set().person = json!({
            "sub": "1", "preferred_username": "ann", "email": email, "email_verified": verified,
        });
        let answer = sign_in(&mut world.browser(), &world.provider).await;
        assert_eq!(
            answer.status,
            status,
            "{email} {verified}: {}",
            answer.text()
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_name_that_none_can_have_is_taken_by_nobody() {
    let world = World::set(|s| {
        s.openid.openid_join = Some("anybody".to_owned());
        s.openid.openid_name_claim = Some("email".to_owned());
    })
    .await;
    for (name, status) in [
        (json!(null), 403),
        (json!(""), 403),
        (json!(7), 403),
        (json!("a".repeat(65)), 400),
        (json!("ann\u{202e}"), 400),
        (json!("ann@example.com"), 303),
    ] {
        world.provider.set().person = json!({"sub": "1", "email": name});
        let answer = sign_in(&mut world.browser(), &world.provider).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn a_link_to_join_is_used_by_whom_the_provider_knows() {
    let world = World::new().await;
    let pool = world.server.database.pool(1).await;
    let secret = link::invite(&pool, None, &["administrator".to_owned()])
        .await
        .unwrap();
    let path = link::path(&secret);
    let mut ann = world.browser();
    let page = ann.get(&path).await.text();
    assert!(page.contains("action=\"/login/openid\""), "{page}");
    let token = input(&page, "token");
    let begin = async |browser: &mut Browser<'_>| {
        let sent = browser.post("/login/openid", &[("token", &token)]).await;
        world.provider.sign_in(&led_to(&sent))
    };
    let answer = begin(&mut ann).await;
    let mut bob = world.browser();
    let late = begin(&mut bob).await;
    assert_eq!(ann.get(&answer).await.status, 303);
    assert_eq!(name(&mut ann).await, "Ann Lee");
    assert_eq!(roles(&mut ann).await, json!(["administrator", "member"]));
    // It works once, and at the provider's no more often.
    let answer = bob.get(&late).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let again = bob.post("/login/openid", &[("token", &token)]).await;
    assert_eq!(again.status, 400, "{}", again.text());
    for wrong in ["x", &"A".repeat(43)] {
        let answer = bob.post("/login/openid", &[("token", wrong)]).await;
        assert_eq!(answer.status, 400);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_link_that_sets_a_password_is_of_no_use_at_a_provider() {
    let world = World::new().await;
    let ann = account(&world.server, "ann", &[]).await;
    let pool = world.server.database.pool(1).await;
    let secret = link::set_password(&pool, None, ann).await.unwrap();
    let mut browser = world.browser();
    let page = browser.get(&link::path(&secret)).await.text();
    assert!(!page.contains("openid"), "{page}");
    let sent = browser
        .post("/login/openid", &[("token", secret.reveal())])
        .await;
    assert_eq!(sent.status, 400);
    world.stop().await;
}

#[tokio::test]
async fn groups_have_roles_at_each_sign_in_and_other_roles_stay() {
    let world = World::set(|s| {
        s.openid.openid_join = Some("anybody".to_owned());
        s.openid.openid_roles = Some("staff=editor,ops=administrator,x=gone".to_owned());
    })
    .await;
    account(&world.server, "admin", &["administrator"]).await;
    world
        .execute("INSERT INTO rowcast.role (name) VALUES ('editor'), ('reader')")
        .await;
    let mut ann = world.browser();
    let mut is_first = true;
    for (groups, expected) in [
        (
            json!(["staff", "ops", "x"]),
            json!(["administrator", "editor", "member"]),
        ),
        (
            json!(["ops", "reader"]),
            json!(["administrator", "member", "reader"]),
        ),
        (json!("staff"), json!(["editor", "member", "reader"])),
        (json!(null), json!(["member", "reader"])),
    ] {
        world.provider.set().person["groups"] = groups.clone();
        let answer = sign_in(&mut ann, &world.provider).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        if std::mem::take(&mut is_first) {
            assert_eq!(roles(&mut ann).await, expected, "{groups}");
            let give = "INSERT INTO rowcast.account_role \
                        SELECT id, 'reader' FROM rowcast.account WHERE name = 'Ann Lee'";
            world.execute(give).await;
            continue;
        }
        assert_eq!(roles(&mut ann).await, expected, "{groups}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let world = World::set(|s| {
        s.openid.openid_join = Some("anybody".to_owned());
        s.openid.openid_roles = Some("ops=administrator".to_owned());
    })
    .await;
    world.provider.set().person["groups"] = json!(["ops"]);
    let mut ann = world.browser();
    sign_in(&mut ann, &world.provider).await;
    world.provider.set().person["groups"] = json!([]);
    assert_eq!(sign_in(&mut ann, &world.provider).await.status, 303);
    assert_eq!(roles(&mut ann).await, json!(["administrator", "member"]));
    account(&world.server, "bob", &["administrator"]).await;
    assert_eq!(sign_in(&mut ann, &world.provider).await.status, 303);
    assert_eq!(roles(&mut ann).await, json!(["member"]));
    let page = ann.get("/login?next=/x").await;
    assert_eq!(page.status, 303);
    let mut stranger = world.browser();
    world.provider.set().claims = json!({"nonce": "x"});
    assert!(alert(&sign_in(&mut stranger, &world.provider).await).contains("not believed"));
    world.stop().await;
}
