//! Those who load pages, ask for rows and change some, over the balancer, all the time. Whatever
//! is not answered as it should be is kept.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    queries::{ACCOUNTS, ALL_OF_IT},
    random::Random,
};

const PEOPLE: u64 = 6;

/// How often one asks for something, where the servers keep up.
const PACE: Duration = Duration::from_millis(60);

/// How long one waits for an answer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it takes at most until so many have been answered as are waited for.
const SERVED_WITHIN: Duration = Duration::from_secs(120);

/// Of so many requests a connection has at most.
const KEPT: u64 = 8;

pub struct People {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// What they have met with.
#[derive(Clone, Copy, Default)]
pub struct Met {
    pub pages: u64,
    pub answers: u64,
    pub changes: u64,
    /// How long the longest answer took.
    pub slowest: Duration,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} pages, {} answers with rows, {} changes; the slowest took {:.2} s",
            self.pages,
            self.answers,
            self.changes,
            self.slowest.as_secs_f64()
        )
    }
}

struct Shared {
    balancer: SocketAddr,
    met: Mutex<Met>,
    failures: Mutex<Vec<String>>,
    answered: watch::Sender<u64>,
    asked: AtomicU64,
}

impl People {
    pub fn start(balancer: SocketAddr, random: &mut Random) -> Self {
        let shared = Arc::new(Shared {
            balancer,
            met: Mutex::default(),
            failures: Mutex::default(),
            answered: watch::Sender::new(0),
            asked: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..PEOPLE {
            let own = Random::new(random.below(u64::MAX));
            tasks.spawn(Arc::clone(&shared).live(own));
        }
        Self { shared, tasks }
    }

    /// Waits until so many more have been answered.
    pub async fn count(&self, more: u64) {
        let mut answered = self.shared.answered.subscribe();
        let number = *answered.borrow() + more;
        let is_there = answered.wait_for(|answered| *answered >= number);
        let Ok(is_there) = timeout(SERVED_WITHIN, is_there).await else {
            let failures = self.failures();
            let first = failures.iter().take(10).map(String::as_str);
            let first: Vec<&str> = first.collect();
            panic!(
                "{more} more were not answered within {SERVED_WITHIN:?}; {} failed:\n{}",
                failures.len(),
                first.join("\n")
            );
        };
        is_there.expect("it lives as long as this");
    }

    /// Nobody asks for anything any more.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    pub fn met(&self) -> Met {
        *self.shared.met.lock().unwrap()
    }

    /// What was not answered as it should be.
    pub fn failures(&self) -> Vec<String> {
        self.shared.failures.lock().unwrap().clone()
    }
}

impl Shared {
    /// One connection after another, each as somebody else.
    async fn live(self: Arc<Self>, mut random: Random) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // By the address the balancer chooses the server.
            let from = format!("10.1.{}.{}", random.below(256), random.below(256));
            let connected = async {
                let stream = TcpStream::connect(self.balancer).await?;
                std::io::Result::Ok(handshake(TokioIo::new(stream)).await)
            };
            let (mut send, connection) = match connected.await {
                Ok(Ok(connected)) => connected,
                other => {
                    self.fail(format!("the balancer: {:?}", other.map(drop)));
                    pace.tick().await;
                    continue;
                }
            };
            let connection = tokio::spawn(connection);
            for _ in 0..1 + random.below(KEPT) {
                pace.tick().await;
                let wish = self.wish(&mut random);
                let begun = Instant::now();
                let fulfilled = timeout(PATIENCE, wish.fulfil(&mut send, &from)).await;
                let fulfilled = fulfilled.unwrap_or_else(|_| Err("no answer".to_owned()));
                if let Err(why) = fulfilled {
                    let Wish { method, path, .. } = wish;
                    let after = begun.elapsed().as_millis();
                    self.fail(format!("{method} {path} as {from}, {after} ms: {why}"));
                    break;
                }
                let mut met = self.met.lock().unwrap();
                match wish.method {
                    Method::PATCH => met.changes += 1,
                    _ if wish.is_page => met.pages += 1,
                    _ => met.answers += 1,
                }
                met.slowest = met.slowest.max(begun.elapsed());
                drop(met);
                self.answered.send_modify(|answered| *answered += 1);
            }
            connection.abort();
        }
    }

    fn wish(&self, random: &mut Random) -> Wish {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        match random.below(10) {
            0..4 => Wish {
                method: Method::GET,
                path: "/tables/account?limit=60&aggregate=sum(balance)".to_owned(),
                body: String::new(),
                is_page: true,
            },
            4..8 => Wish {
                method: Method::GET,
                path: "/api/rows/account?limit=60&aggregate=sum(balance)".to_owned(),
                body: String::new(),
                is_page: false,
            },
            _ => Wish {
                method: Method::PATCH,
                path: format!("/api/rows/account/{}", 1 + random.below(ACCOUNTS)),
                body: format!("{{\"set\":{{\"region\":{}}}}}", number % 5),
                is_page: false,
            },
        }
    }

    fn fail(&self, why: String) {
        self.failures.lock().unwrap().push(why);
    }
}

/// What somebody asks for.
struct Wish {
    method: Method,
    path: String,
    body: String,
    is_page: bool,
}

impl Wish {
    /// # Errors
    /// What is not as it should be of the answer.
    async fn fulfil(&self, send: &mut SendRequest<Body>, from: &str) -> Result<(), String> {
        let request = Request::builder()
            .method(&self.method)
            .uri(&self.path)
            .header("Host", "localhost")
            .header("X-Forwarded-For", from)
            .header("Content-Type", "application/json")
            .body(Body::from(self.body.clone()))
            .map_err(told)?;
        send.ready().await.map_err(told)?;
        let (head, body) = send.send_request(request).await.map_err(told)?.into_parts();
        // One that was cut off is an error.
        let body = to_bytes(Body::new(body), usize::MAX).await.map_err(told)?;
        let body = String::from_utf8_lossy(&body);
        let whole = match (head.status, self.is_page, &self.method) {
            (StatusCode::OK, true, _) => is_page(&body),
            (StatusCode::OK, false, &Method::GET) => {
                serde_json::from_str::<Value>(&body).is_ok_and(|list| adds_up(&list))
            }
            (status, ..) => status.is_success(),
        };
        match whole {
            true => Ok(()),
            false => {
                let end = body
                    .char_indices()
                    .nth(100)
                    .map_or(body.len(), |(at, _)| at);
                Err(format!("{}: {}", head.status, &body[..end]))
            }
        }
    }
}

fn adds_up(list: &Value) -> bool {
    let rows = list["rows"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let balances = rows.iter().filter_map(|row| row["cells"][2].as_i64());
    rows.len() == ACCOUNTS as usize && balances.sum::<i64>() == ALL_OF_IT
}

/// Whether all accounts are on it, and what they hold together.
fn is_page(body: &str) -> bool {
    let rows = body.matches("<tr").count();
    rows > ACCOUNTS as usize && body.contains(&format!(">{ALL_OF_IT}<"))
}

fn told(error: impl std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told += &format!(": {cause}");
        source = cause.source();
    }
    told
}
