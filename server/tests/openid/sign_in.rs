//! Signing in.

use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::{
    browser::{Browser, account, set_cookies},
    keys::Key,
    provider::Provider,
    world::{World, begin, led_to, name, serve, sign_in},
};

#[tokio::test]
async fn whoever_the_provider_knows_signs_in_by_a_button_and_out_again() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let mut browser = world.browser();
    let page = browser.get("/login?next=/tables/t%3Fa%3Deq.1").await.text();
    assert!(page.contains("action=\"/login/openid\""), "{page}");
    assert!(
        page.contains("Sign in by the &lt;b&gt;house&lt;/b&gt;"),
        "{page}"
    );
    assert!(page.contains("name=\"password\""), "{page}");
    let path = begin(&mut browser, &world.provider, "/tables/t?a=eq.1").await;
    let answer = browser.get(&path).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/tables/t?a=eq.1")),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(name(&mut browser).await, "Ann Lee");
    assert!(
        !browser.cookies.contains_key("rowcast-openid"),
        "it has ended"
    );
    let sessions = browser.get("/api/sessions").await.json().1;
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
    // Such a session is ended as any other.
    assert_eq!(browser.post("/logout", &[]).await.status, 303);
    assert_eq!(name(&mut browser).await, "");
    // The next time it is the same account, whatever they are called by then.
    world.provider.set().person["preferred_username"] = json!("Ann Li");
    assert_eq!(sign_in(&mut browser, &world.provider).await.status, 303);
    assert_eq!(name(&mut browser).await, "Ann Lee");
    world.stop().await;
}

#[tokio::test]
async fn a_browser_is_sent_with_what_only_it_can_end() {
    let world = World::new().await;
    let mut browser = world.browser();
    let sent = browser
        .post("/login/openid", &[("next", "//evil.example")])
        .await;
    let address = led_to(&sent);
    let cookies = set_cookies(&sent);
    assert_eq!(cookies.len(), 1);
    for attribute in [
        "rowcast-openid=",
        "HttpOnly",
        "SameSite=Lax",
        "Path=/",
        "Max-Age=600",
    ] {
        assert!(cookies[0].contains(attribute), "{}", cookies[0]);
    }
    assert!(!cookies[0].contains("Domain"));
    let cookie = browser.cookies["rowcast-openid"].clone();
    let secret = cookie.split('.').next().unwrap();
    assert!(!address.contains(secret), "the provider does not learn it");
    let told = percent_decode_str(&address).decode_utf8().unwrap();
    let redirect = format!(
        "&redirect_uri=http://{}/login/openid/answer&",
        world.server.addr
    );
    assert!(told.contains(&redirect), "{told}");
    // The page leads there without a script, and its policy lets forms lead here alone.
    let page = sent.text();
    assert!(page.contains("href=\"http://127.0.0.1"), "{page}");
    let policy = sent.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self';"), "{policy}");
    // Two sign-ins have nothing in common.
    let other = led_to(&world.browser().post("/login/openid", &[]).await);
    for part in ["state=", "nonce=", "code_challenge="] {
        let of = |address: &str| {
            let value = address.split(part).nth(1).unwrap();
            value.split('&').next().unwrap().to_owned()
        };
        assert_ne!(of(&address), of(&other), "{part}");
    }
    world.stop().await;
}

#[tokio::test]
async fn another_page_can_not_have_somebody_sign_in() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let answer = world.browser().get("/login/openid").await;
    assert_eq!(answer.status, 405, "a link does not begin it");
    for foreign in [
        [("Origin", "http://evil.example"), ("X-Any", "x")],
        [("Origin", "null"), ("X-Any", "x")],
        [("Sec-Fetch-Site", "cross-site"), ("X-Any", "x")],
    ] {
        for path in ["/login/openid", "/account/openid", "/account/openid/1"] {
            let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
            headers.extend(foreign);
            let answer = world
                .server
                .write_with("POST", path, "next=/", &headers)
                .await;
            assert_eq!(
                (answer.status, &*answer.error().1),
                (403, "wrong_origin"),
                "{path}"
            );
        }
    }
    // Nor by the answer to a sign-in of their own.
    let mut mallory = world.browser();
    let path = begin(&mut mallory, &world.provider, "/").await;
    let mut ann = world.browser();
    assert_eq!(ann.get(&path).await.status, 400);
    assert_eq!(name(&mut ann).await, "");
    world.stop().await;
}

#[tokio::test]
async fn each_kind_of_signature_that_is_taken_is_taken() {
    for key in [Key::rsa(), Key::p256(), Key::ed25519()] {
        let kind = key.algorithm();
        let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
        world.provider.set().key = key;
        let answer = sign_in(&mut world.browser(), &world.provider).await;
        assert_eq!(answer.status, 303, "{kind}: {}", answer.text());
        // Tokens need not name their key where there is one.
        world.provider.set().head = json!({"kid": null});
        let answer = sign_in(&mut world.browser(), &world.provider).await;
        assert_eq!(answer.status, 303, "{kind}: {}", answer.text());
        world.stop().await;
    }
}

#[tokio::test]
async fn new_keys_are_read_when_a_token_names_one_but_not_each_time() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let renew = |id: &str| {
        let mut behaviour = world.provider.set();
        behaviour.key = Key::p256();
        behaviour.key_id = id.to_owned();
    };
    let status = async || sign_in(&mut world.browser(), &world.provider).await.status;
    assert_eq!(status().await, 303);
    assert_eq!(status().await, 303);
    let asked = world.provider.set().asked;
    assert_eq!(
        (asked.metadata, asked.keys),
        (1, 1),
        "what is known is not asked again"
    );
    renew("second");
    assert_eq!(status().await, 303);
    assert_eq!(world.provider.set().asked.keys, 2);
    renew("third");
    assert_eq!(status().await, 403, "new ones are not read all the time");
    assert_eq!(world.provider.set().asked.keys, 2);
    world.stop().await;
}

#[tokio::test]
async fn a_new_key_under_the_name_of_the_old_one_is_read_too() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let status = async || sign_in(&mut world.browser(), &world.provider).await.status;
    assert_eq!(status().await, 303);
    world.provider.set().key = Key::p256();
    assert_eq!(status().await, 303);
    assert_eq!(world.provider.set().asked.keys, 2);
    world.stop().await;
}

#[tokio::test]
async fn a_client_without_a_secret_and_one_that_sends_it_in_the_form_sign_in() {
    let world = World::set(|s| {
        s.openid.openid_client_secret_file = None;
        s.openid.openid_join = Some("anybody".to_owned());
    })
    .await;
    world.provider.set().has_secret = false;
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        303
    );
    world.provider.set().has_secret = true;
    let answer = sign_in(&mut world.browser(), &world.provider).await;
    assert_eq!(answer.status, 403, "the provider asks for one");
    world.stop().await;

    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let methods = json!(["client_secret_post", "private_key_jwt"]);
    world.provider.set().metadata = json!({"token_endpoint_auth_methods_supported": methods});
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        303
    );
    world.stop().await;
}

#[tokio::test]
async fn a_provider_that_says_who_answers_is_held_to_it() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let issuer = world.provider.issuer.clone();
    let supported = json!({"authorization_response_iss_parameter_supported": true});
    world.provider.set().metadata = supported;
    let answer = sign_in(&mut world.browser(), &world.provider).await;
    assert_eq!(answer.status, 403, "it said that it would");
    world.provider.set().iss = Some(issuer);
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        303
    );
    world.stop().await;
}

#[tokio::test]
async fn the_session_that_the_browser_had_ends_and_passwords_stay() {
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    account(&world.server, "bob", &[]).await;
    let mut browser = Browser::of(&world.server, "bob").await;
    let before = browser.cookie();
    assert_eq!(sign_in(&mut browser, &world.provider).await.status, 303);
    assert_eq!(name(&mut browser).await, "Ann Lee");
    let old = [("Cookie", before.as_str())];
    assert_eq!(world.server.send("GET", "/api/me", &old).await.status, 401);
    assert!(
        browser.cookies.contains_key("rowcast-device"),
        "it is known for bob still"
    );
    let mut bob = Browser::of(&world.server, "bob").await;
    assert_eq!(name(&mut bob).await, "bob");
    world.stop().await;
}

#[tokio::test]
async fn without_a_provider_there_is_no_button_and_nothing_behind_it() {
    let server = crate::server::Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let mut browser = Browser::new(&server);
    assert!(!browser.get("/login").await.text().contains("openid"));
    assert_eq!(browser.post("/login/openid", &[]).await.status, 404);
    let path = "/login/openid/answer?code=x&state=x";
    assert_eq!(browser.get(path).await.status, 404);
    let mut ann = Browser::of(&server, "ann").await;
    assert!(!ann.get("/account").await.text().contains("openid"));
    assert_eq!(ann.post("/account/openid", &[]).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn another_server_ends_what_one_began() {
    let provider = Provider::new().await;
    let joining = |settings: &mut rowcast::cli::Settings| {
        settings.openid.openid_join = Some("anybody".to_owned());
    };
    let first = serve(&provider, joining).await;
    let second = serve(&provider, joining).await;
    let mut browser = Browser::new(&first);
    let path = begin(&mut browser, &provider, "/").await;
    // Both have one name, by the proxy before them.
    let (cookie, host) = (browser.cookie(), first.addr.to_string());
    let headers = [("Cookie", cookie.as_str()), ("Host", host.as_str())];
    let answer = second.send("GET", &path, &headers).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    first.stop().await;
    second.stop().await;
}
