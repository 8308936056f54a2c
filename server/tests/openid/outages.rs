//! A provider that is away, or answers what it should not: one signs in by a password meanwhile.

use serde_json::json;

use crate::{
    browser::{Browser, account},
    provider::Exchange,
    world::{World, alert, begin, name, sign_in},
};

#[tokio::test]
async fn while_the_provider_is_away_one_signs_in_by_a_password() {
    let mut world = World::new().await;
    account(&world.server, "ann", &[]).await;
    world.provider.stop().await;
    let mut browser = Browser::new(&world.server);
    assert_eq!(browser.get("/login").await.status, 200);
    let answer = browser
        .post("/login/openid", &[("next", "/tables/t")])
        .await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(alert(&answer).contains("can’t be used right now"));
    assert!(
        answer.text().contains("value=\"/tables/t\""),
        "the way back is kept"
    );
    assert!(!browser.cookies.contains_key("rowcast-openid"));
    let mut ann = Browser::of(&world.server, "ann").await;
    assert_eq!(name(&mut ann).await, "ann");
    world.stop().await;
}

#[tokio::test]
async fn what_a_provider_says_of_itself_is_of_this_one_and_leads_nowhere_else() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    for (why, metadata) in [
        ("of another", json!({"issuer": "https://id.example.com"})),
        (
            "of nearly this one",
            json!({"issuer": format!("{}/", world.provider.issuer)}),
        ),
        ("of none", json!({"issuer": null})),
        ("no keys", json!({"jwks_uri": null})),
        (
            "elsewhere unencrypted",
            json!({"token_endpoint": "http://id.example.com/token"}),
        ),
        ("a file", json!({"jwks_uri": "file:///etc/passwd"})),
        (
            "a script",
            json!({"authorization_endpoint": "javascript:alert(1)"}),
        ),
        (
            "of another header",
            json!({"authorization_endpoint": "http://127.0.0.1/\r\nX: y"}),
        ),
        (
            "no S256",
            json!({"code_challenge_methods_supported": ["plain"]}),
        ),
        ("large", json!({"filling": "x".repeat(300_000)})),
        (
            "odd",
            json!({"token_endpoint_auth_methods_supported": "client_secret_basic"}),
        ),
    ] {
        world.provider.set().metadata = metadata;
        let answer = world.browser().post("/login/openid", &[]).await;
        assert_eq!(answer.status, 503, "{why}: {}", answer.text());
    }
    world.provider.set().metadata = json!({});
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        303
    );
    world.stop().await;
}

#[tokio::test]
async fn an_answer_that_leads_elsewhere_or_is_too_large_or_no_success() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    // More of them than wrong answers are taken from an address: these are nobody's guesses.
    for _ in 0..6 {
        for exchange in [
            Exchange::Elsewhere,
            Exchange::Huge(true),
            Exchange::Huge(false),
            Exchange::Status(500, "<b>broken</b>".to_owned()),
        ] {
            world.provider.set().exchange = exchange;
            let before = world.provider.set().asked.exchange;
            let answer = sign_in(&mut world.browser(), &world.provider).await;
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(!answer.text().contains("broken"));
            assert_eq!(
                world.provider.set().asked.exchange,
                before + 1,
                "once, and no more"
            );
        }
    }
    world.provider.set().exchange = Exchange::Token;
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        303
    );
    world.stop().await;
}

#[tokio::test]
async fn a_provider_that_goes_away_in_between() {
    let mut world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let mut browser = world.browser();
    let path = begin(&mut browser, &world.provider, "/").await;
    let cookies = browser.cookies.clone();
    world.provider.stop().await;
    let mut browser = world.browser();
    browser.cookies = cookies;
    let answer = browser.get(&path).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(name(&mut browser).await, "");
    world.stop().await;
}

#[tokio::test]
async fn keys_that_can_not_be_read() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    world.provider.set().keys = Some(json!({"keys": 7}));
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        503
    );
    // Those that are odd are passed over, and keep nobody from the others.
    let own = {
        let behaviour = world.provider.set();
        behaviour.key.public(&behaviour.key_id)
    };
    world.provider.set().keys = Some(json!([7, {"kty": "RSA"}, null, own]));
    let answer = sign_in(&mut world.browser(), &world.provider).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    world.stop().await;
}
