//! What follows a live query: every byte that it gets, and how it ends.

use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use rowcast_protocol::{
    message::{ClientMessage, Event, ServerMessage},
    version::WIRE_VERSION,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::server::{Answer, Server};

/// Over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Json,
    Postcard,
    EventStream,
}

/// What has come.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// What they said: a subscription's number, the message's name, and an error's code.
    pub said: Vec<(u32, String)>,
    /// How it ended: the code of the closing, or `end`.
    pub end: Option<String>,
}

pub struct Line {
    heard: Arc<watch::Sender<Heard>>,
    send: mpsc::UnboundedSender<Message>,
}

impl Line {
    /// What has come once this holds of it.
    pub async fn wait(&self, what: &str, holds: impl Fn(&Heard) -> bool) -> Heard {
        let mut heard = self.heard.subscribe();
        let waiting = heard.wait_for(holds);
        match tokio::time::timeout(super::messages::SOON, waiting).await {
            Ok(heard) => heard.unwrap().clone(),
            Err(_) => panic!("{what} does not come: {:?}", self.now().said),
        }
    }

    pub fn now(&self) -> Heard {
        self.heard.borrow().clone()
    }

    /// Says something, in the way that it was opened.
    pub fn say(&self, way: Way, message: &ClientMessage) {
        let message = match way {
            Way::Json => Message::text(message.to_json()),
            Way::Postcard => Message::binary(postcard::to_allocvec(message).unwrap()),
            Way::EventStream => unreachable!("an event stream takes no messages"),
        };
        self.send.send(message).unwrap();
    }
}

/// Opens a WebSocket; the status if it is refused.
pub async fn socket(
    server: &Server,
    way: Way,
    proof: Option<&(&'static str, String)>,
) -> Result<Line, u16> {
    let query = match way {
        Way::Postcard => format!("?encoding=postcard&wire={WIRE_VERSION}&build="),
        _ => String::new(),
    };
    let url = format!("ws://{}/api/ws{query}", server.addr);
    let mut request = url.into_client_request().unwrap();
    if let Some((name, value)) = proof {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let mut socket = match connect_async(request).await {
        Ok((socket, _)) => socket,
        Err(Error::Http(answer)) => return Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    };
    let heard = Arc::new(watch::Sender::new(Heard::default()));
    let (send, mut waiting) = mpsc::unbounded_channel();
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                message = waiting.recv() => match message {
                    Some(message) => drop(socket.send(message).await),
                    None => return,
                },
                message = socket.next() => match message {
                    Some(Ok(Message::Close(frame))) => told.send_modify(|heard| {
                        heard.end = frame.map(|frame| u16::from(frame.code).to_string());
                    }),
                    Some(Ok(message)) => told.send_modify(|heard| hear(heard, &message)),
                    _ => return,
                },
            }
        }
    });
    Ok(Line { heard, send })
}

fn hear(heard: &mut Heard, message: &Message) {
    match message {
        Message::Text(text) => {
            heard.bytes.extend_from_slice(text.as_bytes());
            let said: Value = serde_json::from_str(text).unwrap();
            let id = said["id"].as_u64().unwrap_or(0);
            let name = said["type"].as_str().unwrap();
            let code = said["error"]["code"]
                .as_str()
                .map_or(String::new(), |code| format!(" {code}"));
            heard
                .said
                .push((u32::try_from(id).unwrap(), format!("{name}{code}")));
        }
        Message::Binary(bytes) => {
            heard.bytes.extend_from_slice(bytes);
            // Each message that there is, so that a new one is heard too.
            match postcard::from_bytes::<ServerMessage>(bytes).unwrap() {
                ServerMessage::Event { id, event } => {
                    let said = match event {
                        Event::Snapshot(_) => "snapshot".to_owned(),
                        Event::Patch(_) => "patch".to_owned(),
                        Event::Reset { .. } => "reset".to_owned(),
                        Event::Error(error) => format!("error {}", error.code),
                    };
                    heard.said.push((id, said));
                }
                ServerMessage::Clock { .. } | ServerMessage::Database { .. } => {}
                ServerMessage::Goodbye => heard.said.push((0, "goodbye".to_owned())),
            }
        }
        _ => {}
    }
}

/// Opens an event stream; the status if it is refused.
pub async fn event_stream(
    server: &Server,
    path: &str,
    proof: Option<&(&'static str, String)>,
) -> Result<Line, u16> {
    let headers: Vec<(&str, &str)> = proof
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (mut stream, first) = begin(server, path, &headers).await;
    let answer = head_of(&first);
    if answer.status != 200 {
        return Err(answer.status);
    }
    let heard = Arc::new(watch::Sender::new(Heard::default()));
    let (send, _) = mpsc::unbounded_channel();
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut next = first;
        loop {
            told.send_modify(|heard| {
                heard.bytes.extend_from_slice(&next);
                let text = String::from_utf8_lossy(&heard.bytes).into_owned();
                let events = text.lines().filter_map(|line| line.strip_prefix("event: "));
                heard.said = events.map(|name| (0, name.to_owned())).collect();
            });
            let mut bytes = vec![0; 16 * 1024];
            let count = stream.read(&mut bytes).await.unwrap_or(0);
            if count == 0 {
                told.send_modify(|heard| heard.end = Some("end".to_owned()));
                return;
            }
            next = bytes[..count].to_vec();
        }
    });
    Ok(Line { heard, send })
}

/// What a route answers of which the body does not end: its head, and what came with that.
pub async fn head(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let (_, first) = begin(server, path, headers).await;
    let mut answer = head_of(&first);
    answer.body = first;
    answer
}

/// What the head says; what came behind it may be a part of something.
fn head_of(first: &[u8]) -> Answer {
    let end = first
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    Answer::parse(&first[..end + 4])
}

async fn begin(server: &Server, path: &str, headers: &[(&str, &str)]) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let mut head = format!(
        "GET {path} HTTP/1.1\r\nConnection: close\r\nHost: {}\r\n",
        server.addr
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream
        .write_all(format!("{head}\r\n").as_bytes())
        .await
        .unwrap();
    let mut first = Vec::new();
    // The first event comes with the head or behind it, an error with its end.
    while !first.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&first));
        first.extend_from_slice(&bytes[..count]);
    }
    (stream, first)
}
