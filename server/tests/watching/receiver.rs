//! Receivers of e-mail and of webhooks, which do what the test says and keep what they get.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ring::hmac;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// How long something may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that came.
pub struct Request {
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub body: Value,
    stream: BufReader<Box<dyn Stream>>,
}

/// What bytes come and go by.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub struct Receiver {
    pub address: SocketAddr,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Receiver {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self {
            address,
            listener,
            tls: None,
        }
    }

    /// One that has this certificate.
    pub async fn with(tls: TlsAcceptor) -> Self {
        Self {
            tls: Some(tls),
            ..Self::new().await
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?key=1", self.address)
    }

    /// The next that wants to say something: who turns away at the sight of the certificate does not.
    async fn accept(&self) -> Box<dyn Stream> {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            match &self.tls {
                None => return Box::new(stream),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        return Box::new(stream);
                    }
                }
            }
        }
    }

    /// The next request, which waits for its answer.
    pub async fn next(&self) -> Request {
        let accepted = timeout(PATIENCE, self.accept()).await.expect("a request");
        let mut stream = BufReader::new(accepted);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "POST /hook?key=1 HTTP/1.1\r\n");
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        let text = String::from_utf8(body).unwrap();
        Request {
            headers,
            body: serde_json::from_str(&text).unwrap(),
            text,
            stream,
        }
    }
}

impl Request {
    pub async fn answer(mut self, status: &str) {
        let answer = format!(
            "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        );
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Whether it is signed by that secret, as a receiver tells.
    pub fn is_signed(&self, secret: &str) -> bool {
        let signed = format!("{}.{}", self.headers["rowcast-timestamp"], self.text);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, signed.as_bytes());
        let hex: String = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.headers["rowcast-signature"] == format!("v1={hex}")
    }
}

/// A letter that came.
#[derive(Debug)]
pub struct Letter {
    pub to: String,
    pub text: String,
}

/// A server that takes e-mail, and refuses as many letters as it is told.
pub struct Post {
    pub address: SocketAddr,
    letters: mpsc::UnboundedReceiver<Letter>,
}

/// How what is sent is encrypted.
#[derive(Clone)]
pub enum Encryption {
    /// It is not.
    None,
    /// From the first byte on.
    Implicit(TlsAcceptor),
    /// Once whoever sends says so.
    StartTls(TlsAcceptor),
}

impl Post {
    /// It answers the first letters with these.
    pub async fn new(refusals: &'static [&'static str]) -> Self {
        Self::with(refusals, Encryption::None).await
    }

    /// One that has a certificate.
    pub async fn with(refusals: &'static [&'static str], encryption: Encryption) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, letters) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut refusals = refusals.iter();
            while let Ok((stream, _)) = listener.accept().await {
                let stream: Box<dyn Stream> = match &encryption {
                    Encryption::Implicit(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                    _ => Box::new(stream),
                };
                let letter = take(stream, &encryption, &mut refusals).await;
                if let Some(letter) = letter
                    && sender.send(letter).is_err()
                {
                    return;
                }
            }
        });
        Self { address, letters }
    }

    /// Whether nothing has come.
    pub fn is_empty(&mut self) -> bool {
        self.letters.try_recv().is_err()
    }

    pub async fn next(&mut self) -> Letter {
        timeout(PATIENCE, self.letters.recv())
            .await
            .expect("a letter")
            .unwrap()
    }
}

async fn take<'a>(
    stream: Box<dyn Stream>,
    encryption: &Encryption,
    refusals: &mut impl Iterator<Item = &'a &'static str>,
) -> Option<Letter> {
    let mut stream = BufReader::new(stream);
    let mut is_encrypted = !matches!(encryption, Encryption::StartTls(_));
    stream.write_all(b"220 post\r\n").await.ok()?;
    let (mut to, mut text, mut is_text) = (String::new(), String::new(), false);
    let mut taken = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return taken;
        }
        let answer = if is_text {
            if line != ".\r\n" {
                text += &line;
                continue;
            }
            is_text = false;
            match refusals.next() {
                Some(refusal) => format!("{refusal}\r\n"),
                None => {
                    taken = Some(Letter {
                        to: to.clone(),
                        text: std::mem::take(&mut text),
                    });
                    "250 taken\r\n".to_owned()
                }
            }
        } else if line.starts_with("EHLO") && !is_encrypted {
            "250-post\r\n250 STARTTLS\r\n".to_owned()
        } else if line == "STARTTLS\r\n"
            && let Encryption::StartTls(tls) = encryption
        {
            stream.write_all(b"220 go on\r\n").await.ok()?;
            let encrypted: Box<dyn Stream> = Box::new(tls.accept(stream.into_inner()).await.ok()?);
            stream = BufReader::new(encrypted);
            is_encrypted = true;
            continue;
        } else if !is_encrypted {
            // Nothing is taken that anybody could have read.
            return None;
        } else if line.starts_with("RCPT TO:") {
            to = line.trim_end()[8..].trim_matches(['<', '>']).to_owned();
            "250 good\r\n".to_owned()
        } else if line == "DATA\r\n" {
            is_text = true;
            "354 go on\r\n".to_owned()
        } else if line == "QUIT\r\n" {
            let _ = stream.write_all(b"221 bye\r\n").await;
            return taken;
        } else {
            "250 good\r\n".to_owned()
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        // Who sends may keep the connection: what has come is told at once.
        if taken.is_some() {
            return taken;
        }
    }
}
