//! Receivers whose certificates are good, of another name, or of an authority that nobody trusts.

use std::{path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::{
    cluster::Cluster,
    receiver::{Encryption, Post, Receiver},
    server::Server,
    world::{SQL, World, rule},
};

const UNTRUSTED: &str = "its certificate is of an authority that is not trusted";
const OTHER_NAME: &str = "its certificate is for another name";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        let name = format!("{name}-{}.pem", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, self.0.as_ref().pem()).unwrap();
        path
    }

    /// Who shows that they are `localhost`.
    fn localhost(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

async fn world(smtp: Option<String>, trusted: Option<PathBuf>) -> World {
    let database = Cluster::shared().database().await;
    let server = Server::set(database, SQL, |settings| {
        let from = "Rowcast <rowcast@example.com>".to_owned();
        settings.watching.mail_from = smtp.is_some().then_some(from);
        settings.watching.smtp_url = smtp;
        settings.watching.private_webhooks = Some("on".to_owned());
        settings.watching.delivery_ca = trusted.map(|path| path.to_string_lossy().into_owned());
    })
    .await;
    World::of(server).await
}

/// The last of a rule's log, once it satisfies that.
async fn logged(world: &World, id: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/api/watches/{id}/deliveries");
    let asking = async {
        loop {
            let log = world.ok(&world.bob.1, "GET", &path, "").await;
            if is_so(&log["deliveries"][0]) {
                return log["deliveries"][0].clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, asking).await.unwrap()
}

/// Has a new rule tell bob that this is a test. Returns its answer.
async fn test(world: &World, new: &Value) -> Value {
    let (token, body) = (&world.bob.1, new.to_string());
    let made = world.ok(token, "POST", "/api/watches", &body).await;
    let path = format!("/api/watches/{}/test", made["id"]);
    world.ok(token, "POST", &path, "").await;
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_goes_to_whom_its_certificate_shows_and_to_nobody_else() {
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let world = world(None, Some(own.file("webhooks"))).await;
    let good = Receiver::with(own.localhost()).await;
    let bad = Receiver::with(other.localhost()).await;
    let hook = |host: &str, receiver: &Receiver| {
        let mut new = rule("in", "", "enters");
        new["webhook"] = json!(format!(
            "https://{host}:{}/hook?key=1",
            receiver.address.port()
        ));
        new
    };
    let made = test(&world, &hook("localhost", &good)).await;
    let request = good.next().await;
    assert!(request.is_signed(made["secret"].as_str().unwrap()));
    request.answer("204 No Content").await;
    logged(&world, &made["id"], |sent| sent["state"] == "done").await;
    for (host, receiver, why) in [
        ("127.0.0.1", &good, OTHER_NAME),
        ("localhost", &bad, UNTRUSTED),
    ] {
        let made = test(&world, &hook(host, receiver)).await;
        let is_refused = |sent: &Value| sent["error"].is_string();
        tokio::select! {
            sent = logged(&world, &made["id"], is_refused) => {
                assert_eq!((&sent["error"], &sent["state"]), (&json!(why), &json!("waiting")));
            }
            request = receiver.next() => panic!("{host} was sent {}", request.text),
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_goes_to_whom_its_certificate_shows_and_to_nobody_else() {
    let own = Authority::new("own");
    let file = own.file("letters");
    let implicit = || Encryption::Implicit(own.localhost());
    let start = || Encryption::StartTls(own.localhost());
    for (encryption, url, is_trusted, why) in [
        (implicit(), "smtps://localhost:PORT", true, None),
        (start(), "smtp://localhost:PORT?tls=required", true, None),
        (implicit(), "smtps://127.0.0.1:PORT", true, Some(OTHER_NAME)),
        (
            start(),
            "smtp://127.0.0.1:PORT?tls=required",
            true,
            Some(OTHER_NAME),
        ),
        (implicit(), "smtps://localhost:PORT", false, Some(UNTRUSTED)),
        (
            start(),
            "smtp://localhost:PORT?tls=required",
            false,
            Some(UNTRUSTED),
        ),
    ] {
        let mut post = Post::with(&[], encryption).await;
        let address = url.replace("PORT", &post.address.port().to_string());
        let world = world(Some(address), is_trusted.then(|| file.clone())).await;
        world
            .sql(
                "INSERT INTO rowcast.account_mail (account, address, confirmed_at) \
                   SELECT id, 'bob@example.com', now() FROM rowcast.account WHERE name = 'bob'",
            )
            .await;
        let mut new = rule("in", "", "enters");
        new["mail"] = json!(true);
        let made = test(&world, &new).await;
        match why {
            None => {
                let letter = post.next().await;
                assert_eq!(letter.to, "bob@example.com", "{url}");
                logged(&world, &made["id"], |sent| sent["state"] == "done").await;
            }
            Some(why) => {
                let sent = logged(&world, &made["id"], |sent| sent["error"].is_string()).await;
                assert_eq!(sent["error"], format!("the mail server: {why}"), "{url}");
                assert!(post.is_empty(), "{url}");
            }
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_waits_where_it_can_t_be_encrypted() {
    let mut post = Post::new(&[]).await;
    let url = format!("smtp://localhost:{}?tls=required", post.address.port());
    let world = world(Some(url), None).await;
    world
        .sql(
            "INSERT INTO rowcast.account_mail (account, address, confirmed_at) \
               SELECT id, 'bob@example.com', now() FROM rowcast.account WHERE name = 'bob'",
        )
        .await;
    let mut new = rule("in", "", "enters");
    new["mail"] = json!(true);
    let made = test(&world, &new).await;
    let sent = logged(&world, &made["id"], |sent| sent["error"].is_string()).await;
    assert_eq!(sent["state"], "waiting");
    assert!(post.is_empty());
    world.stop().await;
}
