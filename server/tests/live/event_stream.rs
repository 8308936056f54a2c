//! A client of server-sent events.

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::socket::PATIENCE;

pub struct EventStream(BufReader<TcpStream>);

#[derive(Debug)]
pub struct ServerEvent {
    pub name: String,
    pub id: String,
    pub data: Value,
}

impl EventStream {
    pub async fn open(address: &str, path: &str, last_event_id: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let resume = last_event_id
            .map(|id| format!("Last-Event-ID: {id}\r\n"))
            .unwrap_or_default();
        let request = format!("GET /api/live/{path} HTTP/1.1\r\nHost: {address}\r\n{resume}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).await.unwrap() > 0, "{head}");
        }
        let head = head.to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        assert!(head.contains("x-accel-buffering: no"), "{head}");
        Self(reader)
    }

    /// The next event, which is of this name.
    pub async fn next(&mut self, name: &str) -> ServerEvent {
        let mut event = ServerEvent {
            name: String::new(),
            id: String::new(),
            data: Value::Null,
        };
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.0.read_line(&mut line))
                .await
                .expect("an event");
            assert!(read.unwrap() > 0, "the stream has ended");
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut event.name);
            } else if let Some(value) = line.strip_prefix("id: ") {
                value.clone_into(&mut event.id);
            } else if let Some(value) = line.strip_prefix("data: ") {
                event.data = serde_json::from_str(value).unwrap();
                assert_eq!(event.name, name, "{event:?}");
                return event;
            }
        }
    }

    pub async fn is_over(&mut self) -> bool {
        loop {
            let mut line = String::new();
            match timeout(PATIENCE, self.0.read_line(&mut line))
                .await
                .expect("an end")
            {
                Ok(0) | Err(_) => return true,
                Ok(_) => {}
            }
        }
    }
}
