//! A server, and a provider that one signs in by.

use rowcast::cli::Settings;

use crate::{
    browser::Browser,
    cluster::Cluster,
    provider::{CLIENT_ID, Provider, SECRET},
    server::{Answer, Server},
};

pub struct World {
    pub provider: Provider,
    pub server: Server,
}

impl World {
    pub async fn new() -> Self {
        Self::set(|_| {}).await
    }

    /// With settings changed.
    pub async fn set(change: impl FnOnce(&mut Settings)) -> Self {
        let provider = Provider::new().await;
        let server = serve(&provider, change).await;
        Self { provider, server }
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser::new(&self.server)
    }

    pub async fn execute(&self, sql: &str) {
        self.server.database.execute(sql).await;
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// A server of a new database that knows the provider.
pub async fn serve(provider: &Provider, change: impl FnOnce(&mut Settings)) -> Server {
    let database = Cluster::shared().database().await;
    let issuer = provider.issuer.clone();
    Server::set(database, "", |settings| {
        let openid = &mut settings.openid;
        openid.openid_issuer = Some(issuer);
        openid.openid_client_id = Some(CLIENT_ID.to_owned());
        openid.openid_client_secret_file = Some(secret_file());
        openid.openid_label = Some("Sign in by the <b>house</b>".to_owned());
        change(settings);
    })
    .await
}

/// A file with the client's secret.
pub fn secret_file() -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("rowcast-openid-{}-{number}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    path.to_string_lossy().into_owned()
}

/// Where a browser is led by what it sent.
pub fn led_to(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let refresh = answer.header("refresh").expect("it leads on");
    refresh.strip_prefix("0; url=").unwrap().to_owned()
}

/// Begins to sign in, and is signed in by the provider: the path that one comes back to.
pub async fn begin(browser: &mut Browser<'_>, provider: &Provider, next: &str) -> String {
    let sent = browser.post("/login/openid", &[("next", next)]).await;
    provider.sign_in(&led_to(&sent))
}

/// Signs in.
pub async fn sign_in(browser: &mut Browser<'_>, provider: &Provider) -> Answer {
    let path = begin(browser, provider, "/").await;
    browser.get(&path).await
}

/// What a page says that something came to nothing.
pub fn alert(answer: &Answer) -> String {
    let page = answer.text();
    let alert = page.split("role=\"alert\"").nth(1).expect(&page);
    alert.split(['<', '>']).nth(1).unwrap().to_owned()
}

/// Who the server takes a browser for; nobody's name is empty.
pub async fn name(browser: &mut Browser<'_>) -> String {
    let answer = browser.get("/api/me").await;
    match answer.status {
        200 => answer.json().1["name"].as_str().unwrap().to_owned(),
        401 => String::new(),
        other => panic!("{other}"),
    }
}
