//! An event stream, as somebody reads it.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{browser::bearer, server::Server};

pub struct Stream {
    stream: TcpStream,
    /// Everything that came.
    pub heard: String,
    read: usize,
    has_ended: bool,
}

impl Stream {
    pub async fn open(server: &Server, token: &str, path: &str) -> Self {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
            server.addr,
            bearer(token)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self {
            stream,
            heard: String::new(),
            read: 0,
            has_ended: false,
        }
    }

    /// The next event's name and content; `None` at the end.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(event) = self.buffered() {
                return Some(event);
            }
            if self.has_ended {
                return None;
            }
            let mut bytes = vec![0; 16 * 1024];
            let count = self.stream.read(&mut bytes).await.ok()?;
            let bytes = &bytes[..count];
            self.heard += &String::from_utf8_lossy(bytes);
            // The last event may have come with the end.
            self.has_ended =
                count == 0 || bytes.ends_with(b"\r\n0\r\n\r\n") || bytes == b"0\r\n\r\n";
        }
    }

    fn buffered(&mut self) -> Option<(String, Value)> {
        let rest = &self.heard[self.read..];
        let begin = rest.find("event: ")?;
        let end = begin + rest[begin..].find("\n\n")?;
        let event = &rest[begin..end];
        self.read += end;
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let name = line("event: ")?.to_owned();
        let data = line("data: ").unwrap_or("null");
        Some((name, serde_json::from_str(data).unwrap()))
    }
}
