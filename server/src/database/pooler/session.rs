//! One connection of ours, and the one to the pooler that it stands for.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{
    answers::{Answers, Fate},
    group::{Group, is_whole},
    message::{Message, broken, error},
    settings::Settings,
    statement::Statements,
};
use crate::database::upstream::{Upstream, Way};

/// How much is read at a time, and kept of a buffer that has nothing in it.
const CHUNK: usize = 16 * 1024;

/// How much is gathered at the most before it is sent on.
const GATHERED: usize = 256 * 1024;

/// The longest that the beginning of a session may be.
const BEGINNING: usize = 64 * 1024;

/// `cannot_connect_now`, for which a pool waits.
const UNREACHABLE: &str = "57P03";

/// What ends a session.
const END: u8 = b'X';

/// One side of it.
struct Side<T> {
    way: T,
    buffer: BytesMut,
}

impl<T: Way> Side<T> {
    fn new(way: T) -> Self {
        Self {
            way,
            buffer: BytesMut::new(),
        }
    }

    /// Reads more. Nothing is lost if it is dropped.
    async fn read(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * CHUNK {
            self.buffer = BytesMut::new();
        }
        self.buffer.reserve(CHUNK);
        match self.way.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next message. Nothing is lost if it is dropped.
    async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = Message::take(&mut self.buffer)? {
                return Ok(message);
            }
            self.read().await?;
        }
    }
}

/// A session that has begun.
struct Session {
    client: Side<UnixStream>,
    pooler: Side<Box<dyn Way>>,
    settings: Settings,
    statements: Statements,
    /// Whether no transaction is open.
    outside: bool,
}

/// Answers one connection of ours until it ends.
///
/// # Errors
/// Why it ended, if not because it was closed.
pub async fn run(client: UnixStream, upstream: &Upstream) -> io::Result<()> {
    let mut client = Side::new(client);
    let begun = beginning(&mut client).await?;
    let (told, settings) = Settings::read(begun.freeze())?;
    let pooler = match upstream.connect().await {
        Ok(pooler) => pooler,
        Err(why) => {
            let said = error(UNREACHABLE, "the pooler of DATABASE_URL can't be reached");
            client.way.write_all(&said).await?;
            return Err(why);
        }
    };
    let mut session = Session {
        client,
        pooler: Side::new(pooler),
        settings,
        statements: Statements::default(),
        outside: true,
    };
    session.begin(&told).await?;
    session.follow().await
}

/// How a session begins: without a kind, but with its length.
async fn beginning(client: &mut Side<UnixStream>) -> io::Result<BytesMut> {
    loop {
        if let Some(mut length) = client.buffer.get(..4) {
            let whole = length.get_u32() as usize;
            if !(8..=BEGINNING).contains(&whole) {
                return Err(broken("a session of no possible beginning"));
            }
            if client.buffer.len() >= whole {
                let mut begun = client.buffer.split_to(whole);
                begun.advance(4);
                return Ok(begun);
            }
        }
        client.read().await?;
    }
}

impl Session {
    /// Lets both find out whether they are whom they say, until the pooler waits for statements.
    async fn begin(&mut self, told: &[u8]) -> io::Result<()> {
        let length = u32::try_from(told.len() + 4).map_err(|_| broken("a long beginning"))?;
        self.pooler.way.write_all(&length.to_be_bytes()).await?;
        self.pooler.way.write_all(told).await?;
        self.pooler.way.flush().await?;
        loop {
            tokio::select! {
                said = self.pooler.next() => {
                    let said = said?;
                    self.client.way.write_all(said.bytes()).await?;
                    if said.kind() == b'Z' {
                        return Ok(());
                    }
                }
                proof = self.client.next() => {
                    self.pooler.way.write_all(proof?.bytes()).await?;
                    self.pooler.way.flush().await?;
                }
            }
        }
    }

    async fn follow(&mut self) -> io::Result<()> {
        let mut messages = Vec::new();
        loop {
            tokio::select! {
                biased;
                said = self.pooler.next() => {
                    // Between groups it says only what nobody asked for, such as why it ends.
                    self.client.way.write_all(said?.bytes()).await?;
                }
                message = self.client.next() => {
                    let message = message?;
                    if message.kind() == END {
                        self.pooler.way.write_all(message.bytes()).await?;
                        return self.pooler.way.flush().await;
                    }
                    messages.push(message);
                }
            }
            if is_whole(&messages) {
                self.exchange(&messages).await?;
                messages.clear();
            }
        }
    }

    /// Sends a group, and tells the client what is answered.
    async fn exchange(&mut self, messages: &[Message]) -> io::Result<()> {
        let group = Group::new(messages, self.outside, &self.settings, &mut self.statements)?;
        self.pooler.way.write_all(&group.out).await?;
        self.pooler.way.flush().await?;
        let mut answers = Answers::from(group);
        let mut told = BytesMut::new();
        while !answers.are_whole() {
            while let Some(answer) = Message::take(&mut self.pooler.buffer)? {
                if answers.take(&answer, &mut self.statements)? == Fate::Told {
                    told.extend_from_slice(answer.bytes());
                }
                if answer.kind() == b'Z' {
                    self.outside = answer.body().first() == Some(&b'I');
                }
                if answers.are_whole() || told.len() > GATHERED {
                    break;
                }
            }
            if !told.is_empty() {
                self.client.way.write_all(&told).await?;
                told.clear();
                continue;
            }
            if answers.are_whole() {
                break;
            }
            tokio::select! {
                read = self.pooler.read() => read?,
                // Of a client that goes away nothing more is done.
                gone = self.client.read() => gone?,
            }
        }
        for (name, value) in answers.kept() {
            self.settings.set(name, value);
        }
        Ok(())
    }
}
