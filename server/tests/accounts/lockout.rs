//! Guessing passwords.

use crate::{
    browser::{Browser, PASSWORD, account},
    server::Server,
};

const WRONG: &str = "wrong horse battery";

/// Guesses until that is slowed down.
async fn guess(server: &Server, name: &str) {
    let mut browser = Browser::new(server);
    for _ in 0..50 {
        let answer = browser.sign_in(name, WRONG).await;
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=900).contains(&wait), "{wait}");
            return;
        }
        assert_eq!(answer.status, 403);
    }
    panic!("guessing is not slowed down");
}

#[tokio::test]
async fn who_guesses_has_to_wait_even_with_the_right_password() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    // The last wait is long enough to be sure that the next attempt falls into it.
    for _ in 0..8 {
        guess(&server, "ann").await;
        server
            .database
            .execute("UPDATE rowcast.attempt SET last_at = last_at - interval '1 hour'")
            .await;
    }
    guess(&server, "ann").await;
    let answer = Browser::new(&server).sign_in("ann", PASSWORD).await;
    assert_eq!(answer.status, 429);
    let unknown = guess(&server, "nobody");
    unknown.await;
    server.stop().await;
}

#[tokio::test]
async fn a_stranger_does_not_lock_the_owner_out() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let mut owner = Browser::of(&server, "ann").await;
    owner.post("/logout", &[]).await;
    guess(&server, "ann").await;
    // The same address, but a browser that has signed in before.
    assert_eq!(owner.sign_in("ann", PASSWORD).await.status, 303);
    // Nor is another's account any slower for it.
    account(&server, "bob", &[]).await;
    assert_eq!(
        Browser::new(&server).sign_in("bob", PASSWORD).await.status,
        303
    );
    server.stop().await;
}

#[tokio::test]
async fn a_known_browser_guesses_no_faster() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let mut browser = Browser::of(&server, "ann").await;
    browser.post("/logout", &[]).await;
    let mut tries = 0;
    while browser.sign_in("ann", WRONG).await.status == 403 {
        tries += 1;
        assert!(tries < 20, "guessing is not slowed down");
    }
    // It is known to ann alone.
    account(&server, "bob", &[]).await;
    for _ in 0..5 {
        assert_eq!(browser.sign_in("bob", WRONG).await.status, 403);
    }
    assert_eq!(browser.sign_in("bob", WRONG).await.status, 429);
    server.stop().await;
}

#[tokio::test]
async fn many_guesses_at_once_are_counted_as_many() {
    let server = Server::guarded("").await;
    account(&server, "ann", &[]).await;
    let guesses = (0..30).map(|_| async {
        let mut browser = Browser::new(&server);
        browser.sign_in("ann", WRONG).await.status
    });
    let statuses = futures::future::join_all(guesses).await;
    let tried = statuses.iter().filter(|status| **status == 403).count();
    // Whoever waited long for the turn before may have another one.
    assert!((5..=12).contains(&tried), "{statuses:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_was_tried_is_not_kept_in_the_clear() {
    let server = Server::guarded("").await;
    let mut browser = Browser::new(&server);
    browser.sign_in("a password by mistake", WRONG).await;
    let mut connection = server.database.connect().await;
    let kept: String = sqlx::query_scalar("SELECT string_agg(a::text, ',') FROM rowcast.attempt a")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(!kept.contains("mistake"), "{kept}");
    server.stop().await;
}
