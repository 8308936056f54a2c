//! The stream of what another server has read, as one hears it.

use std::time::Instant;

use crate::capture::bus::{
    Address,
    entry::{Entry, Piece, Pieces},
    reader::{Failed, Reader},
    signature::Key,
    stream_of,
};

/// The stream, and what was heard of it.
pub(super) struct Stream {
    reader: Reader<Piece>,
    pieces: Pieces,
    pub epoch: u64,
    /// Whose pieces are one's own.
    own: u64,
    /// When something was last heard.
    pub heard: Instant,
    /// What came and was not taken yet.
    pub first: Option<Entry>,
}

impl Stream {
    /// What is written from now on to the stream of a history.
    pub fn start(address: Address, epoch: u64, key: Key, own: u64) -> Self {
        Self {
            reader: Reader::start(address, stream_of(epoch)),
            pieces: Pieces::new(epoch, key),
            epoch,
            own,
            heard: Instant::now(),
            first: None,
        }
    }

    /// The next entry of somebody else. Nothing is lost if this is dropped.
    ///
    /// # Errors
    /// If the bus failed, or what stands there can't be read.
    pub async fn next(&mut self) -> Result<Entry, Failed> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        loop {
            let piece = self.reader.next().await?;
            if piece.writer == self.own {
                continue;
            }
            match self.pieces.take(piece) {
                Ok(entry) => {
                    self.heard = Instant::now();
                    if let Some(entry) = entry {
                        return Ok(entry);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "what stands on the bus can't be read");
                    return Err(Failed);
                }
            }
        }
    }
}
