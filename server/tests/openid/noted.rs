//! What is noted and logged, and what is not.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::json;
use sqlx::Row;

use crate::{
    browser::{Browser, PASSWORD, account},
    provider::SECRET,
    world::{World, begin, led_to, sign_in},
};

/// The entries of an action: by what it was done, about whom, how often, and what else is told.
async fn entries(world: &World, action: &str) -> Vec<(String, String, i64, serde_json::Value)> {
    let mut connection = world.server.database.connect().await;
    let rows = sqlx::query(
        "SELECT coalesce(means, ''), coalesce(subject_name, ''), coalesce(rows, 0), details::text \
           FROM rowcast.audit WHERE action = $1 ORDER BY id",
    )
    .bind(action)
    .fetch_all(&mut connection)
    .await
    .unwrap();
    rows.iter()
        .map(|row| {
            let details: String = row.get(3);
            let details = serde_json::from_str(&details).unwrap();
            (row.get(0), row.get(1), row.get(2), details)
        })
        .collect()
}

#[tokio::test]
async fn who_signs_in_and_is_linked_is_noted_with_the_provider_and_refusals_are_counted() {
    let world = World::set(|s| {
        s.openid.openid_join = Some("example.com".to_owned());
        s.openid.openid_roles = Some("ops=administrator".to_owned());
    })
    .await;
    let issuer = world.provider.issuer.clone();
    for _ in 0..2 {
        assert_eq!(
            sign_in(&mut world.browser(), &world.provider).await.status,
            403
        );
    }
    world
        .browser()
        .get("/login/openid/answer?code=x&state=y")
        .await;
    let refused = entries(&world, "openid_refused").await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].2 >= 2, "{refused:?}");
    {
        let mut behaviour = world.provider.set();
        behaviour.person["email"] = "ann@example.com".into();
        behaviour.person["email_verified"] = true.into();
        behaviour.person["groups"] = "ops".into();
    }
    assert_eq!(
        sign_in(&mut world.browser(), &world.provider).await.status,
        303
    );
    let made = entries(&world, "account_made").await;
    assert_eq!((&*made[0].0, &*made[0].1), ("provider", "Ann Lee"));
    let given = entries(&world, "role_given").await;
    assert_eq!((&*given[0].0, &*given[0].1), ("provider", "Ann Lee"));
    let linked = entries(&world, "identity_linked").await;
    assert_eq!((&*linked[0].0, &*linked[0].1), ("provider", "Ann Lee"));
    assert_eq!(linked[0].3["by"], issuer);
    assert_eq!(linked[0].3["subject"], "248289761001");
    let signed_in = entries(&world, "sign_in").await;
    assert_eq!((&*signed_in[0].0, &*signed_in[0].1), ("session", "Ann Lee"));
    assert_eq!(signed_in[0].3["by"], issuer);
    // By a password nothing is said of a provider.
    account(&world.server, "bob", &[]).await;
    let mut bob = Browser::of(&world.server, "bob").await;
    let signed_in = entries(&world, "sign_in").await;
    assert_eq!(signed_in[1].3.get("by"), None, "{signed_in:?}");
    // Linking and unlinking are their owner's doing.
    world.provider.set().person["sub"] = "bob".into();
    let sent = bob.post("/account/openid", &[("now", PASSWORD)]).await;
    let path = world.provider.sign_in(&led_to(&sent));
    assert_eq!(bob.get(&path).await.status, 303);
    let linked = entries(&world, "identity_linked").await;
    assert_eq!((&*linked[1].0, &*linked[1].1), ("session", "bob"));
    let page = bob.get("/account").await.text();
    let (_, rest) = page.split_once("/account/openid/").unwrap();
    let path = format!("/account/openid/{}", rest.split('"').next().unwrap());
    assert_eq!(bob.post(&path, &[]).await.status, 303);
    let unlinked = entries(&world, "identity_unlinked").await;
    assert_eq!((&*unlinked[0].0, &*unlinked[0].1), ("session", "bob"));
    // What proves anything is neither noted nor kept.
    let mut connection = world.server.database.connect().await;
    let kept: String = sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(x::text, '') FROM rowcast.audit x), \
                (SELECT string_agg(x::text, '') FROM rowcast.identity x), \
                (SELECT string_agg(x::text, '') FROM rowcast.openid_answer x), \
                (SELECT string_agg(x::text, '') FROM rowcast.openid_flow x), \
                (SELECT string_agg(x::text, '') FROM rowcast.session x))",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    let secrets = world.provider.set().secrets.clone();
    assert!(secrets.len() > 4);
    for secret in secrets.iter().map(String::as_str).chain([SECRET]) {
        assert!(!kept.contains(secret));
    }
    world.stop().await;
}

/// What is logged by what runs on this thread, as a server in a test does.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged() {
    let log = Log::default();
    let dispatch = |log: &Log| {
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::Dispatch::new(subscriber)
    };
    // Of a single one it would be asked on other tests' threads, where it is not, what is logged.
    let (_other, dispatch) = (dispatch(&Log::default()), dispatch(&log));
    let _logged = tracing::dispatcher::set_default(&dispatch);
    let world = World::set(|s| s.openid.openid_join = Some("anybody".to_owned())).await;
    let mut secrets = vec![SECRET.to_owned()];
    for (claims, status) in [(json!({}), 303), (json!({"nonce": "x"}), 403)] {
        world.provider.set().claims = claims;
        let mut browser = world.browser();
        let path = begin(&mut browser, &world.provider, "/").await;
        let flow = browser.cookies["rowcast-openid"].clone();
        secrets.push(flow.split('.').next().unwrap().to_owned());
        assert_eq!(browser.get(&path).await.status, status);
        secrets.extend(browser.cookies.values().cloned());
    }
    secrets.append(&mut world.provider.set().secrets);
    world.stop().await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("signed in by the provider"), "{log}");
    assert!(log.contains("the token is for another sign-in"), "{log}");
    assert!(secrets.len() >= 10, "{}", secrets.len());
    for secret in &secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
