//! Locks between processes that the kernel gives back when their holder ends.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::EmbeddedError;

/// A held lock on a file. No child process inherits it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody holds the lock exclusively.
    pub fn shared(path: &Path) -> Result<Self, EmbeddedError> {
        Self::wait(path, FlockOperation::LockShared)
    }

    /// Waits until nobody holds the lock at all.
    pub fn exclusive(path: &Path) -> Result<Self, EmbeddedError> {
        Self::wait(path, FlockOperation::LockExclusive)
    }

    /// The lock, if nobody holds it now.
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>, EmbeddedError> {
        let file = open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(EmbeddedError::file(path, error)),
        }
    }

    fn wait(path: &Path, operation: FlockOperation) -> Result<Self, EmbeddedError> {
        let file = open(path)?;
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::INTR) => {}
                Err(error) => return Err(EmbeddedError::file(path, error)),
            }
        }
    }
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| EmbeddedError::file(path, error))
}
