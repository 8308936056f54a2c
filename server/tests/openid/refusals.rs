//! What is not believed, and comes to nothing.

use serde_json::{Value, json};

use crate::{
    browser::set_cookies,
    keys::Key,
    provider::{Behaviour, Exchange},
    server::Answer,
    world::{World, alert, begin, led_to, name, sign_in},
};

/// What is wrong, and how the provider comes to do it.
type Case = (&'static str, Box<dyn Fn(&mut Behaviour)>);

async fn joining() -> World {
    World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await
}

/// An answer that signed nobody in.
async fn expect_refused(world: &World, answer: &Answer, status: u16, why: &str) {
    assert_eq!(answer.status, status, "{why}: {}", answer.text());
    let session = |cookie: &&str| cookie.starts_with("rowcast=");
    assert!(!set_cookies(answer).iter().any(session), "{why}");
    let page = answer.text();
    assert!(
        page.contains("role=\"alert\"") && page.contains("name=\"password\""),
        "{why}"
    );
    let mut connection = world.server.database.connect().await;
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM rowcast.session")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(sessions, 0, "{why}");
}

async fn expect_all_refused(cases: Vec<Case>) {
    let world = joining().await;
    for (why, change) in cases {
        change(&mut world.provider.set());
        let answer = sign_in(&mut world.browser(), &world.provider).await;
        expect_refused(&world, &answer, 403, why).await;
        {
            let mut behaviour = world.provider.set();
            (behaviour.claims, behaviour.head) = (json!({}), json!({}));
            (behaviour.iss, behaviour.exchange) = (None, Exchange::Token);
        }
        // So that failures of one are not the next one's wait.
        world.execute("DELETE FROM rowcast.attempt").await;
    }
    // It was refused for that, and nothing else: as it is, it is believed.
    let answer = sign_in(&mut world.browser(), &world.provider).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    world.stop().await;
}

#[tokio::test]
async fn a_token_of_others_or_for_others_or_of_another_time() {
    let now = rowcast::auth::openid::now();
    let claims =
        |why, claims: Value| -> Case { (why, Box::new(move |b| b.claims = claims.clone())) };
    expect_all_refused(vec![
        claims("nonce", json!({"nonce": "another"})),
        claims("no nonce", json!({"nonce": null})),
        claims("aud", json!({"aud": "another client"})),
        claims("aud of two", json!({"aud": ["rowcast client", "another"]})),
        claims("azp", json!({"azp": "another client"})),
        claims("iss", json!({"iss": "https://id.example.com"})),
        claims("exp", json!({"exp": now - 61, "iat": now - 361})),
        claims("no exp", json!({"exp": null})),
        claims("iat", json!({"iat": now + 3600, "exp": now + 7200})),
        claims("iat of old", json!({"iat": now - 3600})),
        claims("nbf", json!({"nbf": now + 3600})),
        claims("no sub", json!({"sub": null})),
        claims("large", json!({"filling": "x".repeat(70_000)})),
    ])
    .await;
}

#[tokio::test]
async fn a_token_that_the_provider_has_not_signed() {
    let world = joining().await;
    let published = {
        let behaviour = world.provider.set();
        json!([behaviour.key.public("first")])
    };
    let public = world.provider.set().key.public_bytes();
    world.provider.set().keys = Some(published.clone());
    let mut with_secret = published.clone();
    let secret = Key::Shared(public.clone()).public("shared");
    with_secret.as_array_mut().unwrap().push(secret);
    for (why, key, id, keys) in [
        ("no signature", Key::Nothing, "first", &published),
        (
            "the public key as a secret",
            Key::Shared(public.clone()),
            "first",
            &published,
        ),
        (
            "the same by its own name",
            Key::Shared(public.clone()),
            "shared",
            &with_secret,
        ),
        ("another key by its name", Key::p256(), "first", &published),
        (
            "another kind of key by its name",
            Key::ed25519(),
            "first",
            &published,
        ),
        (
            "a key that is not published",
            Key::p256(),
            "second",
            &published,
        ),
    ] {
        {
            let mut behaviour = world.provider.set();
            behaviour.key = key;
            behaviour.key_id = id.to_owned();
            behaviour.keys = Some(keys.clone());
        }
        let answer = sign_in(&mut world.browser(), &world.provider).await;
        expect_refused(&world, &answer, 403, why).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_head_that_says_something_else_than_the_signature() {
    let head = |why, head: Value| -> Case { (why, Box::new(move |b| b.head = head.clone())) };
    expect_all_refused(vec![
        head("none", json!({"alg": "none"})),
        head("None", json!({"alg": "None"})),
        head("HS256", json!({"alg": "HS256"})),
        head("RS256", json!({"alg": "RS256"})),
        head("ES384", json!({"alg": "ES384"})),
        head("no algorithm", json!({"alg": null})),
        head("two", json!({"alg": ["ES256"]})),
        head(
            "what must be understood",
            json!({"crit": ["b64"], "b64": false}),
        ),
        head(
            "a key of its own",
            json!({"kid": "own", "jwk": Key::p256().public("own")}),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_the_provider_gives_for_the_code_is_no_token() {
    let exchange =
        |why, make: fn() -> Exchange| -> Case { (why, Box::new(move |b| b.exchange = make())) };
    let iss =
        |why, iss: &'static str| -> Case { (why, Box::new(move |b| b.iss = Some(iss.to_owned()))) };
    expect_all_refused(vec![
        exchange("no JSON", || Exchange::Text("<html>".to_owned())),
        exchange("none", || {
            Exchange::Text("{\"access_token\":\"x\"}".to_owned())
        }),
        exchange("an odd one", || {
            Exchange::Text("{\"id_token\":7}".to_owned())
        }),
        exchange("of no use", || {
            Exchange::Text("{\"id_token\":\"...\"}".to_owned())
        }),
        exchange("of another type", || {
            Exchange::Text("{\"id_token\":\"a.b.c\",\"token_type\":\"mac\"}".to_owned())
        }),
        exchange("refused", || Exchange::Status(400, "{}".to_owned())),
        exchange("refused without a word", || {
            Exchange::Status(401, String::new())
        }),
        iss("of another provider", "https://id.example.com"),
        iss("of nobody", ""),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_that_this_browser_has_not_asked_for() {
    let world = joining().await;
    // Without a cookie, with another one's, with a state that is not its own.
    let mut browser = world.browser();
    let path = begin(&mut browser, &world.provider, "/").await;
    let answer = world.browser().get(&path).await;
    expect_refused(&world, &answer, 400, "no cookie").await;
    let mut other = world.browser();
    let others = begin(&mut other, &world.provider, "/").await;
    let answer = other.get(&path).await;
    expect_refused(&world, &answer, 400, "another one's").await;
    assert!(
        !other.cookies.contains_key("rowcast-openid"),
        "and it has ended by that"
    );
    let answer = other.get(&others).await;
    expect_refused(&world, &answer, 400, "ended").await;
    let cookie = browser.cookies["rowcast-openid"].clone();
    let (_, state) = path.split_once("state=").unwrap();
    for changed in [
        path.replace(state, ""),
        path.replace(state, &state[1..]),
        path.replace("state=", "stat="),
        format!("{path}&state={state}"),
        format!("{path}&code=x"),
        "/login/openid/answer".to_owned(),
    ] {
        browser
            .cookies
            .insert("rowcast-openid".to_owned(), cookie.clone());
        let answer = browser.get(&changed).await;
        expect_refused(&world, &answer, 400, &changed).await;
    }
    assert_eq!(
        world.provider.set().asked.exchange,
        0,
        "the provider is not asked"
    );
    // The answer itself is taken still, once.
    browser
        .cookies
        .insert("rowcast-openid".to_owned(), cookie.clone());
    assert_eq!(browser.get(&path).await.status, 303);
    world.stop().await;
}

#[tokio::test]
async fn an_answer_is_taken_once_whatever_the_provider_does() {
    let world = joining().await;
    world.provider.set().forgets_codes = false;
    let mut browser = world.browser();
    let path = begin(&mut browser, &world.provider, "/").await;
    let cookie = browser.cookie();
    assert_eq!(browser.get(&path).await.status, 303);
    let headers = [("Cookie", cookie.as_str())];
    let again = world.server.send("GET", &path, &headers).await;
    assert_eq!(again.status, 400, "{}", again.text());
    assert_eq!(
        set_cookies(&again).len(),
        1,
        "nothing but the end of what was"
    );
    assert_eq!(world.provider.set().asked.exchange, 1);
    assert_eq!(
        name(&mut browser).await,
        "Ann Lee",
        "and nobody is signed out by it"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_sign_in_that_took_too_long() {
    let world = joining().await;
    let mut browser = world.browser();
    let path = begin(&mut browser, &world.provider, "/").await;
    let cookie = browser.cookies["rowcast-openid"].clone();
    let begun = cookie.split('.').nth(1).unwrap();
    let long_ago = (begun.parse::<i64>().unwrap() - 601).to_string();
    let old = cookie.replace(begun, &long_ago);
    browser.cookies.insert("rowcast-openid".to_owned(), old);
    let answer = browser.get(&path).await;
    expect_refused(&world, &answer, 400, "too long ago").await;
    // Whoever says that it began later has another sign-in.
    let later = cookie.replace(begun, &(begun.parse::<i64>().unwrap() + 1).to_string());
    browser.cookies.insert("rowcast-openid".to_owned(), later);
    let answer = browser.get(&path).await;
    expect_refused(&world, &answer, 400, "of another time").await;
    world.stop().await;
}

#[tokio::test]
async fn a_code_of_another_sign_in() {
    let world = joining().await;
    // Somebody has got hold of ann's code, and puts it into an answer to themselves.
    let mut ann = world.browser();
    let stolen = begin(&mut ann, &world.provider, "/").await;
    let mut mallory = world.browser();
    let own = begin(&mut mallory, &world.provider, "/").await;
    let code = |path: &str| {
        let (_, rest) = path.split_once("code=").unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let injected = own.replace(&code(&own), &code(&stolen));
    assert_ne!(injected, own);
    let answer = mallory.get(&injected).await;
    expect_refused(&world, &answer, 403, "the verifier is another").await;
    assert_eq!(
        world.provider.set().asked.exchange,
        1,
        "the provider refused it"
    );
    // A code that was used before is refused by the provider, too.
    let mut first = world.browser();
    let path = begin(&mut first, &world.provider, "/").await;
    let used = code(&path);
    world.provider.set().claims = json!({"nonce": "x"});
    assert_eq!(first.get(&path).await.status, 403);
    world.provider.set().claims = json!({});
    let mut second = world.browser();
    let path = begin(&mut second, &world.provider, "/").await;
    let answer = second.get(&path.replace(&code(&path), &used)).await;
    expect_refused(&world, &answer, 403, "used").await;
    for odd in ["", &"x".repeat(5000)] {
        let mut third = world.browser();
        let path = begin(&mut third, &world.provider, "/").await;
        let answer = third.get(&path.replace(&code(&path), odd)).await;
        expect_refused(&world, &answer, 403, "no code").await;
    }
    world.stop().await;
}

#[tokio::test]
async fn whoever_the_provider_does_not_let_in_is_told_so_in_our_words() {
    let world = joining().await;
    let mut browser = world.browser();
    let sent = browser.post("/login/openid", &[]).await;
    let path = world.provider.sign_in(&led_to(&sent));
    let (_, state) = path.split_once("state=").unwrap();
    let path = format!(
        "/login/openid/answer?error=access_denied&error_description=%3Cscript%3Ealert&state={state}"
    );
    let answer = browser.get(&path).await;
    expect_refused(&world, &answer, 403, "denied").await;
    assert!(alert(&answer).contains("did not let you in"));
    assert!(!answer.text().contains("alert&"), "{}", answer.text());
    assert!(!answer.text().contains("access_denied"));
    world.stop().await;
}

#[tokio::test]
async fn whoever_brings_wrong_answers_is_slowed_down() {
    let world = joining().await;
    world.provider.set().claims = json!({"nonce": "x"});
    let mut tries = 0;
    let answer = loop {
        let answer = sign_in(&mut world.browser(), &world.provider).await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 403);
        tries += 1;
        assert!(tries < 50, "it is not slowed down");
    };
    assert!(answer.header("retry-after").is_some());
    world.provider.set().claims = json!({});
    let answer = sign_in(&mut world.browser(), &world.provider).await;
    assert_eq!(answer.status, 429, "nor let in meanwhile");
    world.stop().await;
}
