//! What is sent beside the page: to real receivers, until they have it.

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    cluster::Cluster,
    receiver::{Post, Receiver},
    server::Server,
    world::{SQL, World, rule},
};

async fn world(smtp: Option<String>, private: bool) -> World {
    let database = Cluster::shared().database().await;
    let server = Server::set(database, SQL, |settings| {
        settings.watching.mail_from = smtp
            .is_some()
            .then(|| "Rowcast <rowcast@example.com>".to_owned());
        settings.watching.smtp_url = smtp;
        settings.watching.private_webhooks = private.then(|| "on".to_owned());
    })
    .await;
    World::of(server).await
}

async fn make(world: &World, token: &str, rule: &Value) -> Value {
    world
        .ok(token, "POST", "/api/watches", &rule.to_string())
        .await
}

async fn log(world: &World, token: &str, id: &Value) -> Vec<Value> {
    let path = format!("/api/watches/{id}/deliveries");
    let log = world.ok(token, "GET", &path, "").await;
    log["deliveries"].as_array().unwrap().clone()
}

/// The log, once all in it has been sent or given up.
async fn finished(world: &World, token: &str, id: &Value) -> Vec<Value> {
    loop {
        let log = log(world, token, id).await;
        if log.iter().all(|sent| sent["state"] != "waiting") {
            return log;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_signed_and_sent_until_it_is_received() {
    let world = world(None, true).await;
    let receiver = Receiver::new().await;
    let mut new = rule("in", "status=eq.open", "enters");
    new["webhook"] = json!(receiver.url());
    let token = world.bob.1.clone();
    let made = make(&world, &token, &new).await;
    let secret = made["secret"].as_str().unwrap();
    world
        .sql("INSERT INTO ticket VALUES (7, 'open', 'x', 1, 'hidden')")
        .await;
    let first = receiver.next().await;
    assert!(first.is_signed(secret) && !first.is_signed("other"));
    let (id, text) = (
        first.headers["rowcast-delivery"].clone(),
        first.text.clone(),
    );
    first.answer("503 Service Unavailable").await;
    // The same again, under the same name.
    let again = receiver.next().await;
    assert!(again.is_signed(secret));
    assert_eq!(
        (&again.headers["rowcast-delivery"], &again.text),
        (&id, &text)
    );
    assert_eq!(again.body["id"], json!(id));
    assert_eq!(again.body["title"], "in: a row entered");
    assert_eq!(again.body["rows"], 1);
    assert_eq!(again.body["key"], json!({"id": "7"}));
    let link = format!("http://{}/tables/ticket?id=eq.7", world.server.addr);
    assert_eq!(again.body["link"], json!(link));
    assert!(!text.contains("hidden") && !text.contains("key=1"));
    again.answer("204 No Content").await;
    let log = finished(&world, &token, &made["id"]).await;
    assert_eq!(log.len(), 1);
    assert_eq!(
        (&log[0]["state"], &log[0]["attempts"]),
        (&json!("done"), &json!(2))
    );
    assert_eq!(log[0]["error"], "it answered 503");
    assert_eq!(log[0]["target"], json!(receiver.address.to_string()));
    // Where it leads elsewhere it is not followed.
    world.sql("INSERT INTO ticket VALUES (8, 'open')").await;
    receiver.next().await.answer("302 Found").await;
    receiver.next().await.answer("200 OK").await;
    let log = finished(&world, &token, &made["id"]).await;
    assert_eq!(log[0]["error"], "it answered 302, which is not followed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_a_thousand_hits_is_received_though_the_receiver_fails() {
    let world = world(None, true).await;
    let receiver = Receiver::new().await;
    let mut new = rule("in", "", "enters");
    new["webhook"] = json!(receiver.url());
    let made = make(&world, &world.bob.1, &new).await;
    let statements: String = (1..=100)
        .map(|n| format!("INSERT INTO ticket VALUES ({n});\nCOMMIT;"))
        .collect();
    world
        .sql(&format!(
            "{statements}\nINSERT INTO ticket SELECT n FROM generate_series(101, 1000) n"
        ))
        .await;
    let (mut rows, mut names) = (0, std::collections::BTreeSet::new());
    let mut requests = 0;
    while rows < 1000 {
        let request = receiver.next().await;
        requests += 1;
        // Every ninth is not taken, and comes again.
        if requests % 9 == 0 {
            request.answer("500 No").await;
            continue;
        }
        assert!(
            names.insert(request.headers["rowcast-delivery"].clone()),
            "once"
        );
        rows += request.body["rows"].as_i64().unwrap();
        request.answer("200 OK").await;
    }
    assert_eq!((rows, names.len()), (1000, 101));
    let log = finished(&world, &world.bob.1, &made["id"]).await;
    assert!(log.iter().all(|sent| sent["state"] == "done"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_for_a_receiver_goes_to_no_other_and_keeps_none_waiting() {
    let world = world(None, true).await;
    let (gone, receiver) = (Receiver::new().await, Receiver::new().await);
    let mut new = rule("in", "status=eq.open", "enters");
    new["webhook"] = json!(gone.url());
    let token = world.bob.1.clone();
    let made = make(&world, &token, &new).await;
    world.sql("INSERT INTO ticket VALUES (1, 'open')").await;
    gone.next().await.answer("500 No").await;
    let path = format!("/api/watches/{}", made["id"]);
    let body = json!({"webhook": receiver.url()}).to_string();
    world.ok(&token, "PATCH", &path, &body).await;
    world.sql("INSERT INTO ticket VALUES (2, 'open')").await;
    let next = receiver.next().await;
    assert_eq!(next.body["key"], json!({"id": "2"}));
    next.answer("200 OK").await;
    let log = finished(&world, &token, &made["id"]).await;
    let states: Vec<_> = log.iter().map(|sent| &sent["state"]).collect();
    assert_eq!(states, ["done", "failed"]);
    assert_eq!(log[1]["error"], "the webhook was changed or removed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_fails_has_what_follows_after_it() {
    let world = world(None, true).await;
    let receiver = Receiver::new().await;
    let mut new = rule("in", "", "enters");
    new["webhook"] = json!(receiver.url());
    let made = make(&world, &world.bob.1, &new).await;
    world
        .sql(
            "INSERT INTO ticket VALUES (1);\nCOMMIT;INSERT INTO ticket VALUES (2);\nCOMMIT;\
              INSERT INTO ticket VALUES (3)",
        )
        .await;
    for (id, answer) in [
        ("1", "500 No"),
        ("1", "500 No"),
        ("1", "200 OK"),
        ("2", "500 No"),
        ("2", "200 OK"),
        ("3", "200 OK"),
    ] {
        let request = receiver.next().await;
        assert_eq!(request.body["key"], json!({"id": id}));
        request.answer(answer).await;
    }
    let log = finished(&world, &world.bob.1, &made["id"]).await;
    let attempts: Vec<&Value> = log.iter().map(|sent| &sent["attempts"]).collect();
    assert_eq!(attempts, [&json!(1), &json!(2), &json!(3)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_a_network_of_one_s_own_is_refused() {
    let world = world(None, false).await;
    for url in [
        "http://127.0.0.1:9/hook",
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://10.0.0.1/hook",
        "https://[::ffff:169.254.169.254]/",
        "http://example.com/",
        "https://ann:secret@example.com/",
        "nonsense",
    ] {
        let mut new = rule("in", "", "enters");
        new["webhook"] = json!(url);
        let answer = world
            .send(&world.bob.1, "POST", "/api/watches", &new.to_string())
            .await;
        assert_eq!(answer.status, 400, "{url}: {}", answer.text());
    }
    // A name is looked at when it is sent.
    world.sql("INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, group_seconds) \
               SELECT id, 'in', 'ticket', '', 'enters', 0 FROM rowcast.account WHERE name = 'bob'; \
               INSERT INTO rowcast.webhook SELECT id, 'https://localhost.:9/x', 'a secret of sixteen' \
                 FROM rowcast.watch_rule").await;
    let id: i64 = world.one("SELECT id FROM rowcast.watch_rule").await;
    world
        .ok(&world.bob.1, "POST", &format!("/api/watches/{id}/test"), "")
        .await;
    loop {
        let log = log(&world, &world.bob.1, &json!(id)).await;
        if let Some(error) = log[0]["error"].as_str() {
            assert!(error.starts_with("its host is"), "{error}");
            break;
        }
        tokio::task::yield_now().await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_mail_goes_to_an_address_that_was_confirmed() {
    let mut post = Post::new(&[]).await;
    let world = world(Some(format!("smtp://{}", post.address)), false).await;
    let mut new = rule("Größe", "status=eq.open", "enters");
    new["mail"] = json!(true);
    let made = make(&world, &world.eve.1, &new).await;
    let mut eve = Browser::of(&world.server, "eve").await;
    let answer = eve
        .post("/watches/mail", &[("address", "eve@example.com")])
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let letter = post.next().await;
    assert_eq!(letter.to, "eve@example.com");
    let text = letter.text.replace("=\r\n", "").replace("=3D", "=");
    let link = text.split("/watches/confirm?token=").nth(1).unwrap();
    let token = link.split_whitespace().next().unwrap();
    // Nothing else is sent there before.
    world
        .sql("INSERT INTO ticket VALUES (1, 'open', 'eve')")
        .await;
    world.told(world.eve.0, &["Größe: a row entered"]).await;
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM rowcast.delivery")
            .await,
        0
    );
    // Nor is it anybody else's, who has the link.
    let mut bob = Browser::of(&world.server, "bob").await;
    assert_eq!(
        bob.post("/watches/confirm", &[("token", token)])
            .await
            .status,
        400
    );
    assert_eq!(
        eve.get(&format!("/watches/confirm?token={token}"))
            .await
            .status,
        200
    );
    assert_eq!(
        eve.post("/watches/confirm", &[("token", token)])
            .await
            .status,
        303
    );
    assert_eq!(
        eve.post("/watches/confirm", &[("token", token)])
            .await
            .status,
        400
    );
    world
        .sql("INSERT INTO ticket VALUES (2, 'open', 'eve', 1, 'xanadu'), (3, 'open', 'bob', 1, 'xanadu')")
        .await;
    let letter = post.next().await;
    assert_eq!(letter.to, "eve@example.com");
    assert!(
        letter.text.contains("From: Rowcast <rowcast@example.com>"),
        "{}",
        letter.text
    );
    assert!(letter.text.contains("/tables/ticket?id"), "{}", letter.text);
    assert!(letter.text.contains("a row entered") && !letter.text.contains("xanadu"));
    let log = finished(&world, &world.eve.1, &made["id"]).await;
    assert_eq!(
        (&log[0]["state"], &log[0]["target"]),
        (&json!("done"), &json!("eve@example.com"))
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_few_letters_sent() {
    let mut post = Post::new(&[]).await;
    let world = world(Some(format!("smtp://{}", post.address)), false).await;
    let mut eve = Browser::of(&world.server, "eve").await;
    let later = "UPDATE rowcast.account_mail SET asked_at = now() - interval '2 min'";
    for n in 1..=5 {
        let address = format!("stranger{n}@example.com");
        let asked = [("address", address.as_str())];
        assert_eq!(eve.post("/watches/mail", &asked).await.status, 303);
        assert_eq!(post.next().await.to, address);
        // To have none does not begin anew.
        let none = eve.post("/watches/mail", &[("address", "")]).await;
        assert_eq!(none.status, 303);
        assert_eq!(eve.post("/watches/mail", &asked).await.status, 429);
        world.sql(later).await;
    }
    let asked = [("address", "stranger@example.com")];
    assert_eq!(eve.post("/watches/mail", &asked).await.status, 429);
    world
        .sql("UPDATE rowcast.account_mail SET letters_since = now() - interval '25 h'")
        .await;
    assert_eq!(eve.post("/watches/mail", &asked).await.status, 303);
    assert_eq!(post.next().await.to, "stranger@example.com");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_mail_that_is_not_taken_is_sent_again_and_says_why_it_failed() {
    let mut post = Post::new(&["451 busy, ask later with secret-words", "451 busy"]).await;
    let world = world(Some(format!("smtp://{}", post.address)), false).await;
    world
        .sql(
            "INSERT INTO rowcast.account_mail (account, address, confirmed_at) \
               SELECT id, 'bob@example.com', now() FROM rowcast.account WHERE name = 'bob'",
        )
        .await;
    let mut new = rule("in", "", "enters");
    (new["mail"], new["group_seconds"]) = (json!(true), json!(2));
    let made = make(&world, &world.bob.1, &new).await;
    world
        .ok(
            &world.bob.1,
            "POST",
            &format!("/api/watches/{}/test", made["id"]),
            "",
        )
        .await;
    let letter = post.next().await;
    assert!(
        letter.text.contains("in: this is a test"),
        "{}",
        letter.text
    );
    let log = finished(&world, &world.bob.1, &made["id"]).await;
    assert_eq!(
        (&log[0]["state"], &log[0]["attempts"]),
        (&json!("done"), &json!(3))
    );
    assert_eq!(log[0]["error"], "the mail server answered 451");
    // What follows soon comes together, later.
    world.sql("INSERT INTO ticket VALUES (1)").await;
    assert!(
        post.next()
            .await
            .text
            .contains("Subject: in: a row entered")
    );
    for n in 2..5 {
        world.sql(&format!("INSERT INTO ticket VALUES ({n})")).await;
    }
    assert!(
        post.next()
            .await
            .text
            .contains("Subject: in: 4 rows entered")
    );
    world.stop().await;
}
