//! A WebSocket client that sends any bytes.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::socket::PATIENCE;

pub struct Frames(TcpStream);

/// A server's frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frames {
    /// Opens a connection, with `ahead` sent in the same breath as the request.
    pub async fn open(address: &str, ahead: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut request = format!(
            "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: WebSocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(ahead);
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        Self(stream)
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next frame but for the server's own pings.
    pub async fn next(&mut self) -> Frame {
        loop {
            let frame = timeout(PATIENCE, self.read()).await.expect("a frame");
            if frame.opcode != 9 {
                return frame;
            }
        }
    }

    /// The code of the close frame that comes next, and that the connection ends after it.
    pub async fn close_code(&mut self) -> u16 {
        let frame = self.next().await;
        assert_eq!(frame.opcode, 8, "{frame:?}");
        let rest = timeout(PATIENCE, self.0.read_to_end(&mut Vec::new())).await;
        assert!(rest.is_ok(), "the connection ends");
        match *frame.payload {
            [high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }

    async fn read(&mut self) -> Frame {
        let first = self.0.read_u8().await.unwrap();
        assert_eq!(first & 0x80, 0x80, "the server's frames are whole");
        let length = match self.0.read_u8().await.unwrap() {
            126 => self.0.read_u16().await.unwrap().into(),
            127 => self.0.read_u64().await.unwrap(),
            short => short.into(),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.unwrap();
        Frame {
            opcode: first & 0x0f,
            payload,
        }
    }
}

/// A client's frame, masked.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 0, 255, 128];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}
