//! What clients may send, compared with what the library tungstenite makes of it.

use std::{
    io::{self, Cursor, Read, Write},
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    error::Error,
    protocol::{Role, WebSocketConfig},
};

use super::{Incoming, Socket, frame::Violation};

const MAX: usize = 400;

/// What came of a client's bytes: the messages, then how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    messages: Vec<Incoming>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Close,
    Violation(Violation),
    Gone,
}

/// One frame as a client may write it, well or not.
#[derive(Clone, Debug)]
struct Sent {
    first: u8,
    is_masked: bool,
    payload: Vec<u8>,
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        let mask_bit = if self.is_masked { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            length @ 0..126 => bytes.push(mask_bit | length as u8),
            length => {
                bytes.push(mask_bit | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        if !self.is_masked {
            bytes.extend_from_slice(&self.payload);
            return bytes;
        }
        let mask = [0x5a, 0x01, 0xff, 0x33];
        bytes.extend_from_slice(&mask);
        let masked = self.payload.iter().zip(mask.iter().cycle());
        bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        bytes
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let text = "[a-zé€😀]{0,30}".prop_map(String::into_bytes);
    let data = prop_oneof![
        6 => text,
        2 => vec(any::<u8>(), 0..40),
        1 => vec(b'a'..=b'z', 120..140),
        1 => vec(b'a'..=b'z', MAX - 2..MAX + 3),
    ];
    let close = prop_oneof![
        Just(Vec::new()),
        Just(vec![3]),
        (990u16..1020, "[a-z]{0,5}").prop_map(|(code, reason)| {
            [code.to_be_bytes().as_slice(), reason.as_bytes()].concat()
        }),
        Just(vec![0x03, 0xe8, 0xff]),
        (2990u16..5010).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    let well = |first: u8| {
        move |payload| Sent {
            first,
            is_masked: true,
            payload,
        }
    };
    prop_oneof![
        4 => data.clone().prop_map(well(0x81)),
        4 => data.clone().prop_map(well(0x82)),
        3 => data.clone().prop_map(well(0x01)),
        3 => data.clone().prop_map(well(0x02)),
        4 => data.clone().prop_map(well(0x00)),
        4 => data.clone().prop_map(well(0x80)),
        2 => vec(any::<u8>(), 0..130).prop_map(well(0x89)),
        2 => vec(any::<u8>(), 0..130).prop_map(well(0x8a)),
        2 => close.prop_map(well(0x88)),
        1 => (any::<u8>(), data.clone()).prop_map(move |(first, payload)| well(first)(payload)),
        1 => data.prop_map(|payload| Sent { first: 0x81, is_masked: false, payload }),
    ]
}

/// A client's bytes, and nowhere to answer to.
struct Pipe(Cursor<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the library makes of it.
fn expected(bytes: Vec<u8>) -> Heard {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX))
        .max_frame_size(Some(MAX));
    let mut socket =
        WebSocket::from_raw_socket(Pipe(Cursor::new(bytes)), Role::Server, Some(config));
    let mut messages = Vec::new();
    let end = loop {
        match socket.read() {
            Ok(Message::Text(text)) => messages.push(Incoming::Text(text.as_str().to_owned())),
            Ok(Message::Binary(bytes)) => messages.push(Incoming::Binary(bytes.to_vec())),
            Ok(Message::Close(Some(frame)))
                if frame.reason.as_str() == "Protocol violation"
                    && u16::from(frame.code) == 1002 =>
            {
                break End::Violation(Violation::Protocol);
            }
            Ok(Message::Close(_)) => break End::Close,
            Ok(_) => {}
            Err(Error::Utf8(_)) => break End::Violation(Violation::Text),
            Err(Error::Capacity(_)) => break End::Violation(Violation::TooLong),
            Err(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => break End::Gone,
            Err(Error::Protocol(_)) => break End::Violation(Violation::Protocol),
            Err(error) => panic!("{error}"),
        }
    };
    Heard { messages, end }
}

/// What ours makes of it when it comes in these pieces.
async fn heard(pieces: Vec<Vec<u8>>) -> Heard {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let client = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        for piece in pieces {
            // The server may have ended the connection in the middle.
            if stream.write_all(&piece).await.is_err() {
                return stream;
            }
            tokio::task::yield_now().await;
        }
        let _ = stream.shutdown().await;
        stream
    });
    let (stream, _) = listener.accept().await.expect("the client");
    let mut socket = Socket::new(stream.into(), &[], MAX);
    let mut messages = Vec::new();
    let end = loop {
        let next = timeout(Duration::from_secs(20), socket.next(true)).await;
        match next.expect("something happens") {
            Incoming::Sent | Incoming::Sign => {}
            Incoming::Close => break End::Close,
            Incoming::Violation(violation) => break End::Violation(violation),
            Incoming::Gone => break End::Gone,
            message => messages.push(message),
        }
    };
    drop(socket);
    drop(client.await);
    Heard { messages, end }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_client_sends_is_understood_as_the_library_understands_it(
        frames in vec(sent(), 0..8),
        lost in 0usize..4,
        cuts in vec(1usize..50, 1..20),
    ) {
        let mut bytes: Vec<u8> = frames.iter().flat_map(Sent::bytes).collect();
        if lost == 0 {
            bytes.truncate(bytes.len().saturating_sub(cuts[0]));
        }
        let mut rest = bytes.as_slice();
        let mut cuts = cuts.iter().cycle();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let length = cuts.next().map_or(1, |cut| *cut).min(rest.len());
            let (piece, after) = rest.split_at(length);
            pieces.push(piece.to_vec());
            rest = after;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let heard = runtime.block_on(heard(pieces));
        let expected = expected(bytes);
        prop_assert_eq!(&heard.messages, &expected.messages);
        match (&heard.end, &expected.end) {
            // The library reads a text's pieces as they come: what follows the piece that is no
            // text may be wrong as well, or missing, or the end.
            (_, End::Violation(Violation::Text)) => {}
            // What is wrong with a frame's head is known before the rest has come.
            (End::Violation(_), End::Gone) => {}
            // A frame may be wrong in its first bits and too long besides.
            (End::Violation(Violation::Protocol), End::Violation(Violation::TooLong)) => {}
            (ours, library) => prop_assert_eq!(ours, library),
        }
    }
}
