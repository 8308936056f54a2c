//! Connections whose clients take nothing of what is sent to them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a client may take nothing of what waits for it. What waits is held in memory, and
/// a client that is there but does not read keeps its connection for ever otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that fails once its client has taken nothing for too long while something
/// waited. One that reads slowly, or of which nothing is to be sent, stays.
#[derive(Debug)]
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    /// When it is enough, where something waits.
    enough: Option<Pin<Box<Sleep>>>,
    sent: u64,
}

impl<S> Patient<S> {
    /// A connection of which nothing waits.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            patience: PATIENCE,
            enough: None,
            sent: 0,
        }
    }

    /// How many bytes have been taken.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// What comes of an attempt to send.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        sent: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(sent) = sent {
            self.enough = None;
            self.sent += *sent.as_ref().unwrap_or(&0) as u64;
            return Poll::Ready(sent);
        }
        let patience = self.patience;
        let enough = self.enough.get_or_insert_with(|| Box::pin(sleep(patience)));
        enough
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(context, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_for_too_long_is_cut_off_and_who_is_slow_is_not() {
        let (mut client, server) = duplex(8);
        let mut server = Patient {
            patience: Duration::from_millis(100),
            ..Patient::new(server)
        };
        server.write_all(&[0; 8]).await.expect("there is room");
        assert!(server.enough.is_none());
        assert!(futures::poll!(Box::pin(server.write(&[0; 8]))).is_pending());
        assert!(server.enough.is_some());
        // Some of it is taken: it counts from there.
        client.read_exact(&mut [0; 3]).await.expect("what was sent");
        assert_eq!(server.write(&[0; 8]).await.expect("there is room"), 3);
        assert!(server.enough.is_none());
        let error = server.write(&[0; 8]).await.expect_err("there is no room");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
