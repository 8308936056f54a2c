//! Whom an account is found by: linked by its owner, and by nothing else.

use rowcast::auth::{
    link as invitations,
    openid::{flow::Flow, now},
};
use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, account},
    server::Answer,
    world::{World, alert, begin, led_to, name, sign_in},
};

async fn link(browser: &mut Browser<'_>, world: &World, password: &str) -> Answer {
    let sent = browser.post("/account/openid", &[("now", password)]).await;
    if sent.status != 200 || sent.header("refresh").is_none() {
        return sent;
    }
    let path = world.provider.sign_in(&led_to(&sent));
    browser.get(&path).await
}

/// The address by which the account page unlinks the first that it shows.
async fn unlinking(browser: &mut Browser<'_>) -> String {
    let page = browser.get("/account").await.text();
    let (_, rest) = page.split_once("action=\"/account/openid/").expect(&page);
    format!("/account/openid/{}", rest.split('"').next().unwrap())
}

#[tokio::test]
async fn an_account_is_linked_by_its_owner_and_unlinked() {
    let world = World::new().await;
    account(&world.server, "ann", &[]).await;
    let mut stranger = world.browser();
    let answer = sign_in(&mut stranger, &world.provider).await;
    assert_eq!(answer.status, 403);
    assert!(alert(&answer).contains("No account here belongs to you"));
    let mut ann = Browser::of(&world.server, "ann").await;
    let answer = link(&mut ann, &world, PASSWORD).await;
    assert_eq!(
        answer.header("location"),
        Some("/account?done=linked"),
        "{}",
        answer.text()
    );
    assert_eq!(name(&mut ann).await, "ann", "she is signed in as before");
    let page = ann.get("/account?done=linked").await.text();
    assert!(
        page.contains("Ann Lee") && page.contains(&world.provider.issuer),
        "{page}"
    );
    // From now on she is known by it, whatever the account is called.
    let mut elsewhere = world.browser();
    assert_eq!(sign_in(&mut elsewhere, &world.provider).await.status, 303);
    assert_eq!(name(&mut elsewhere).await, "ann");
    let path = unlinking(&mut ann).await;
    let answer = ann.post(&path, &[]).await;
    assert_eq!(answer.header("location"), Some("/account?done=unlinked"));
    assert_eq!(name(&mut elsewhere).await, "", "what began by it has ended");
    assert_eq!(name(&mut ann).await, "ann");
    assert_eq!(sign_in(&mut elsewhere, &world.provider).await.status, 403);
    assert_eq!(ann.post(&path, &[]).await.status, 404);
    world.stop().await;
}

#[tokio::test]
async fn an_account_is_never_found_by_a_name_or_an_address() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    account(&world.server, "ann lee", &["administrator"]).await;
    world
        .execute("UPDATE rowcast.account SET email = 'ann@example.com'")
        .await;
    world.provider.set().person = json!({
        "sub": "mallory", "preferred_username": "Ann Lee", "email": "ann@example.com",
        "email_verified": true,
    });
    let answer = sign_in(&mut world.browser(), &world.provider).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(
        alert(&answer).contains("of that name"),
        "{}",
        alert(&answer)
    );
    // Another one at the provider has another account.
    world.provider.set().person = json!({"sub": "1", "preferred_username": "bob"});
    let mut bob = world.browser();
    assert_eq!(sign_in(&mut bob, &world.provider).await.status, 303);
    world.provider.set().person = json!({"sub": "2", "preferred_username": "bob2"});
    let mut other = world.browser();
    assert_eq!(sign_in(&mut other, &world.provider).await.status, 303);
    assert_eq!(name(&mut bob).await, "bob");
    assert_eq!(name(&mut other).await, "bob2");
    // The same name at another provider is of somebody else.
    world
        .execute(
            "UPDATE rowcast.identity SET issuer = 'https://id.example.com' WHERE subject = '2'",
        )
        .await;
    world.provider.set().person = json!({"sub": "2", "preferred_username": "bob3"});
    assert_eq!(sign_in(&mut other, &world.provider).await.status, 303);
    assert_eq!(name(&mut other).await, "bob3");
    world.stop().await;
}

#[tokio::test]
async fn whoever_sits_at_an_open_browser_links_nobody() {
    let world = World::new().await;
    account(&world.server, "ann", &[]).await;
    let mut ann = Browser::of(&world.server, "ann").await;
    for password in ["", "wrong horse battery"] {
        let answer = link(&mut ann, &world, password).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(alert(&answer).contains("password now"));
    }
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        403
    );
    // Nor does a token, which is of no browser.
    let pool = world.server.database.pool(1).await;
    let id = rowcast::auth::account::named(&pool, "ann").await.unwrap();
    let token = crate::browser::token(&world.server, id, "admin").await;
    let bearer = crate::browser::bearer(&token);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let form = format!("now={}", PASSWORD.replace(' ', "+"));
    let answer = world
        .server
        .write_with("POST", "/account/openid", &form, &headers)
        .await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    world.stop().await;
}

#[tokio::test]
async fn a_link_is_ended_by_whoever_began_it() {
    let world = World::new().await;
    account(&world.server, "ann", &[]).await;
    account(&world.server, "bob", &[]).await;
    let mut ann = Browser::of(&world.server, "ann").await;
    let sent = ann.post("/account/openid", &[("now", PASSWORD)]).await;
    let path = world.provider.sign_in(&led_to(&sent));
    // Meanwhile bob has signed in at the same browser.
    ann.sign_in("bob", PASSWORD).await;
    assert_eq!(ann.get(&path).await.status, 400);
    let sent = ann.post("/account/openid", &[("now", PASSWORD)]).await;
    let path = world.provider.sign_in(&led_to(&sent));
    ann.post("/logout", &[]).await;
    assert_eq!(ann.get(&path).await.status, 400, "or nobody is");
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        403
    );
    world.stop().await;
}

#[tokio::test]
async fn a_sign_in_does_what_it_was_begun_for_and_no_more() {
    let world = World::new().await;
    account(&world.server, "ann", &[]).await;
    let pool = world.server.database.pool(1).await;
    let invitation = invitations::invite(&pool, None, &[]).await.unwrap();
    for kind in ["l", "j"] {
        let mut ann = Browser::of(&world.server, "ann").await;
        let sent = ann.post("/login/openid", &[("next", "/")]).await;
        // All that a browser has and sends may be made up, but nothing was asked of the server.
        let begun = ann.cookies["rowcast-openid"].clone();
        let made_up = begun.replace(".s.", &format!(".{kind}."));
        let flow = |text: &str| Flow::read(text, now()).unwrap();
        let (from, to) = (flow(&begun), flow(&made_up));
        let address = led_to(&sent)
            .replace(&from.state(), &to.state())
            .replace(&from.nonce(), &to.nonce())
            .replace(&from.challenge(), &to.challenge());
        let path = world.provider.sign_in(&address);
        ann.cookies.insert("rowcast-openid".to_owned(), made_up);
        let answer = ann.get(&path).await;
        assert_eq!(answer.status, 400, "{kind}: {}", answer.text());
    }
    // Nor is a link ended by a token of its owner's, which reaches less far.
    let mut ann = Browser::of(&world.server, "ann").await;
    let sent = ann.post("/account/openid", &[("now", PASSWORD)]).await;
    let path = world.provider.sign_in(&led_to(&sent));
    let cookie = format!("rowcast-openid={}", ann.cookies["rowcast-openid"]);
    let id = rowcast::auth::account::named(&pool, "ann").await.unwrap();
    let token = crate::browser::token(&world.server, id, "admin").await;
    let bearer = crate::browser::bearer(&token);
    let headers = [("Authorization", bearer.as_str()), ("Cookie", &cookie)];
    let answer = world.server.send("GET", &path, &headers).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        403,
        "nobody was linked, and nobody has joined"
    );
    assert_eq!(
        world
            .browser()
            .get(&invitations::path(&invitation))
            .await
            .status,
        200
    );
    world.stop().await;
}

#[tokio::test]
async fn one_at_the_provider_is_of_one_account() {
    let world = World::new().await;
    account(&world.server, "ann", &[]).await;
    account(&world.server, "bob", &[]).await;
    let mut ann = Browser::of(&world.server, "ann").await;
    assert_eq!(link(&mut ann, &world, PASSWORD).await.status, 303);
    let mut bob = Browser::of(&world.server, "bob").await;
    let answer = link(&mut bob, &world, PASSWORD).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(alert(&answer).contains("linked to that already"));
    // And bob unlinks nothing of ann's.
    let path = unlinking(&mut ann).await;
    assert_eq!(bob.post(&path, &[]).await.status, 404);
    let mut elsewhere = world.browser();
    sign_in(&mut elsewhere, &world.provider).await;
    assert_eq!(name(&mut elsewhere).await, "ann");
    // Ann may have several, up to a bound.
    for nth in 1..10 {
        world.provider.set().person["sub"] = json!(format!("ann {nth}"));
        assert_eq!(link(&mut ann, &world, PASSWORD).await.status, 303);
    }
    world.provider.set().person["sub"] = json!("one too many");
    assert_eq!(link(&mut ann, &world, PASSWORD).await.status, 422);
    world.stop().await;
}

#[tokio::test]
async fn a_disabled_account_is_signed_in_to_by_nobody() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    account(&world.server, "admin", &["administrator"]).await;
    let mut ann = world.browser();
    assert_eq!(sign_in(&mut ann, &world.provider).await.status, 303);
    let path = begin(&mut world.browser(), &world.provider, "/").await;
    assert!(!path.is_empty());
    let disable = "UPDATE rowcast.account SET disabled_at = now() WHERE name = 'Ann Lee'";
    world.execute(disable).await;
    let answer = sign_in(&mut world.browser(), &world.provider).await;
    assert_eq!(answer.status, 403);
    assert!(alert(&answer).contains("No account here belongs to you"));
    world
        .execute("UPDATE rowcast.account SET disabled_at = NULL")
        .await;
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        303
    );
    world.stop().await;
}

#[tokio::test]
async fn what_is_left_to_sign_in_by_stays() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let mut ann = world.browser();
    assert_eq!(sign_in(&mut ann, &world.provider).await.status, 303);
    let page = ann.get("/account").await.text();
    assert!(page.contains("You have none"), "{page}");
    assert!(!page.contains("action=\"/account/password\""), "{page}");
    let path = unlinking(&mut ann).await;
    let answer = ann.post(&path, &[]).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(
        alert(&answer).contains("nothing would be left")
            || alert(&answer).contains("Nothing would be left")
    );
    // One more without a password, for she has none, and then either can go, but not both.
    world.provider.set().person["sub"] = json!("another");
    assert_eq!(link(&mut ann, &world, "").await.status, 303);
    assert_eq!(ann.post(&path, &[]).await.status, 303);
    let path = unlinking(&mut ann).await;
    assert_eq!(ann.post(&path, &[]).await.status, 409);
    // Of a provider that is not asked any more nobody signs in.
    world
        .execute(
            "INSERT INTO rowcast.identity (account, issuer, subject) \
             SELECT id, 'https://old.example.com', 'x' FROM rowcast.account",
        )
        .await;
    assert_eq!(ann.post(&path, &[]).await.status, 409);
    world.stop().await;
}
