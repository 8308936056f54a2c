//! A collector of traces, which does what the test says and keeps what it gets.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// How long something may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What it does with what comes.
#[derive(Clone, Copy)]
pub enum Manner {
    Takes,
    /// Takes all but so many of a batch.
    Unwilling(i64),
    Refuses,
    /// Reads nothing and says nothing.
    Hangs,
}

/// A batch that came.
pub struct Batch {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
}

pub struct Collector {
    pub address: SocketAddr,
    batches: mpsc::UnboundedReceiver<Option<Batch>>,
    pub seen: Vec<Batch>,
    pub spans: Vec<Span>,
    pub resource: BTreeMap<String, String>,
    /// How often somebody connected.
    pub connections: usize,
}

impl Collector {
    pub async fn start(manner: Manner) -> Self {
        Self::serving(manner, None).await
    }

    /// One that has this certificate.
    pub async fn with(tls: TlsAcceptor) -> Self {
        Self::serving(Manner::Takes, Some(tls)).await
    }

    async fn serving(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (come, batches) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // Who is gone has seen enough.
                let _ = come.send(None);
                let (come, tls) = (come.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, manner, come).await,
                        // Who turns away at the sight of the certificate says nothing.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, manner, come).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            batches,
            seen: Vec::new(),
            spans: Vec::new(),
            resource: BTreeMap::new(),
            connections: 0,
        }
    }

    pub fn url(&self) -> Option<String> {
        Some(format!("http://{}", self.address))
    }

    /// What has come by now.
    pub fn look(&mut self) {
        while let Ok(come) = self.batches.try_recv() {
            self.take(come);
        }
    }

    /// Waits until somebody has connected.
    pub async fn connected(&mut self) {
        while self.connections == 0 {
            let come = timeout(PATIENCE, self.batches.recv()).await;
            self.take(come.expect("somebody connects").unwrap());
        }
        self.look();
    }

    /// The first span that is such a one.
    pub async fn until(&mut self, what: &str, is: impl Fn(&Span) -> bool) -> Span {
        loop {
            if let Some(span) = self.spans.iter().find(|span| is(span)) {
                return span.clone();
            }
            let come = timeout(PATIENCE, self.batches.recv()).await;
            let Ok(Some(come)) = come else {
                let names: Vec<&str> = self.spans.iter().map(|span| &*span.name).collect();
                panic!("{what} among {names:?}");
            };
            self.take(come);
        }
    }

    fn take(&mut self, come: Option<Batch>) {
        let Some(batch) = come else {
            self.connections += 1;
            return;
        };
        let request = ExportTraceServiceRequest::decode(&*batch.bytes).unwrap();
        for of in request.resource_spans {
            self.resource = attributes(&of.resource.unwrap().attributes);
            let spans = of.scope_spans.into_iter().flat_map(|of| of.spans);
            self.spans.extend(spans);
        }
        self.seen.push(batch);
    }
}

/// What is said, each as a text.
pub fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let pairs = pairs.iter();
    pairs.map(|pair| (pair.key.clone(), text(pair))).collect()
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: Manner,
    come: mpsc::UnboundedSender<Option<Batch>>,
) {
    if let Manner::Hangs = manner {
        std::future::pending::<()>().await;
    }
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if stream.read_line(&mut line).await.unwrap() == 0 {
        return;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let mut bytes = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut bytes).await.unwrap();
    let unwanted = match manner {
        Manner::Unwilling(number) => number,
        _ => 0,
    };
    let answer = ExportTraceServiceResponse {
        partial_success: (unwanted > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: unwanted,
            error_message: "secret-word".to_owned(),
        }),
    };
    let body = answer.encode_to_vec();
    let status = match manner {
        Manner::Refuses => "503 Service Unavailable",
        _ => "200 OK",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let line = line.trim_end().to_owned();
    let _ = come.send(Some(Batch {
        line,
        headers,
        bytes,
    }));
}
