//! One connection.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{self, Opcode, Violation};
use crate::listen::Stream;

/// How much is read at once.
const READ: usize = 4096;

/// How many pieces are written at once.
const PIECES: usize = 32;

/// A WebSocket. Neither side of it waits for the other: one task has both.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    max_message: usize,
    /// What has come and not been taken: the beginning of a frame, mostly nothing.
    inbox: Vec<u8>,
    /// The message whose end has not come.
    begun: Option<Box<(Opcode, Vec<u8>)>>,
    /// What is to be sent, in pieces.
    outgoing: VecDeque<Bytes>,
    /// The answer to the newest ping, to be sent after that. Older ones need none.
    pong: Option<Bytes>,
    /// Whether some of what was to be sent may have gone no further than its encryption.
    is_unflushed: bool,
}

/// What happened on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// All that was to be sent has been.
    Sent,
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// It is alive.
    Sign,
    /// It has ended the connection; the answer is under way.
    Close,
    /// It has broken the protocol.
    Violation(Violation),
    /// The connection is gone.
    Gone,
}

impl Socket {
    /// A WebSocket over a connection of which `ahead` has already been read.
    pub(super) fn new(stream: Stream, ahead: &[u8], max_message: usize) -> Self {
        Self {
            stream,
            max_message,
            inbox: ahead.to_vec(),
            begun: None,
            outgoing: VecDeque::new(),
            pong: None,
            is_unflushed: false,
        }
    }

    /// Has a piece of a frame sent, after those before it.
    pub fn queue(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.outgoing.push_back(piece);
        }
    }

    /// Has a whole message sent.
    pub fn queue_message(&mut self, opcode: Opcode, payload: &[u8]) {
        self.queue(frame::whole(opcode, payload).into());
    }

    /// Has the end of the connection said.
    pub fn queue_close(&mut self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.queue_message(Opcode::Close, &payload);
    }

    /// Whether something is still to be sent.
    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty() || self.pong.is_some() || self.is_unflushed
    }

    /// How many bytes have been sent.
    pub fn written(&self) -> u64 {
        self.stream.sent()
    }

    /// Sends what is to be sent and, if `reads`, receives; returns at the first thing that
    /// happens. Safe to cancel.
    pub async fn next(&mut self, reads: bool) -> Incoming {
        poll_fn(|context| {
            let mut is_sent = false;
            if self.has_outgoing() {
                match self.poll_flush(context) {
                    Poll::Ready(Ok(())) => is_sent = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(Incoming::Gone),
                    Poll::Pending => {}
                }
            }
            // However much is sent, the client gets a hearing.
            if reads && let Poll::Ready(incoming) = self.poll_receive(context) {
                return Poll::Ready(incoming);
            }
            if is_sent {
                Poll::Ready(Incoming::Sent)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// Says no more and waits for the client to end the connection: one that is dropped with
    /// something unread takes what was sent last with it.
    pub async fn finish(&mut self) {
        if poll_fn(|context| self.poll_flush(context)).await.is_err()
            || tokio::io::AsyncWriteExt::shutdown(&mut self.stream)
                .await
                .is_err()
        {
            return;
        }
        while poll_fn(|context| self.poll_read(context))
            .await
            .is_ok_and(|length| length > 0)
        {
            self.inbox.clear();
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.outgoing.is_empty() {
                // Between two frames, whatever they are pieces of.
                match self.pong.take() {
                    Some(pong) => self.outgoing.push_back(pong),
                    None => break,
                }
            }
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.outgoing) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            let stream = Pin::new(&mut self.stream);
            let mut written = ready!(stream.poll_write_vectored(context, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.is_unflushed = true;
            while let Some(piece) = self.outgoing.front_mut() {
                if written < piece.len() {
                    piece.advance(written);
                    break;
                }
                written -= piece.len();
                self.outgoing.pop_front();
            }
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.is_unflushed = false;
        // What a burst needed is not kept for the quiet after it.
        if self.outgoing.capacity() > 8 {
            self.outgoing = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            match self.take() {
                Ok(Some(incoming)) => return Poll::Ready(incoming),
                Ok(None) => {}
                Err(violation) => return Poll::Ready(Incoming::Violation(violation)),
            }
            match ready!(self.poll_read(context)) {
                Ok(0) | Err(_) => return Poll::Ready(Incoming::Gone),
                Ok(_) => {}
            }
        }
    }

    /// Reads some of what has come into the inbox.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; READ];
        let mut bytes = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut bytes))?;
        self.inbox.extend_from_slice(bytes.filled());
        Poll::Ready(Ok(bytes.filled().len()))
    }

    /// The next thing that the inbox holds whole.
    fn take(&mut self) -> Result<Option<Incoming>, Violation> {
        loop {
            let mut rest = self.inbox.as_slice();
            let Some(frame) = frame::read(&mut rest, self.max_message)? else {
                return Ok(None);
            };
            if rest.is_empty() {
                self.inbox = Vec::new();
            } else {
                let taken = self.inbox.len() - rest.len();
                self.inbox.drain(..taken);
            }
            match frame.opcode {
                Opcode::Ping => {
                    self.pong = Some(frame::whole(Opcode::Pong, &frame.payload).into());
                    return Ok(Some(Incoming::Sign));
                }
                Opcode::Pong => return Ok(Some(Incoming::Sign)),
                Opcode::Close => {
                    let code = frame::close_code(&frame.payload)?;
                    self.queue_message(Opcode::Close, code);
                    return Ok(Some(Incoming::Close));
                }
                Opcode::Text | Opcode::Binary if self.begun.is_some() => {
                    return Err(Violation::Protocol);
                }
                Opcode::Text | Opcode::Binary if frame.is_last => {
                    return whole(frame.opcode, frame.payload).map(Some);
                }
                Opcode::Text | Opcode::Binary => {
                    self.begun = Some(Box::new((frame.opcode, frame.payload)));
                }
                Opcode::Continuation => {
                    let mut begun = self.begun.take().ok_or(Violation::Protocol)?;
                    if begun.1.len() + frame.payload.len() > self.max_message {
                        return Err(Violation::TooLong);
                    }
                    begun.1.extend_from_slice(&frame.payload);
                    if frame.is_last {
                        return whole(begun.0, begun.1).map(Some);
                    }
                    self.begun = Some(begun);
                }
            }
        }
    }
}

fn whole(opcode: Opcode, payload: Vec<u8>) -> Result<Incoming, Violation> {
    if opcode == Opcode::Binary {
        return Ok(Incoming::Binary(payload));
    }
    String::from_utf8(payload)
        .map(Incoming::Text)
        .map_err(|_| Violation::Text)
}
