//! A socket of this process at which its own connections to a database come in.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// The port that the socket's name tells.
pub const PORT: u16 = 5432;

/// The directory of such a socket, into which nobody else gets; removed when dropped.
#[derive(Debug)]
pub struct PrivateSocket {
    directory: PathBuf,
}

impl PrivateSocket {
    /// Makes one whose directory's name says what it is `of`.
    ///
    /// # Errors
    /// Where there is no place for it.
    pub fn make(of: &str) -> io::Result<(Self, UnixListener)> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("rowcast-{of}-{:016x}", u64::from_ne_bytes(random));
        let directory = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&directory)?;
        let socket = Self { directory };
        let listener = UnixListener::bind(socket.directory.join(format!(".s.PGSQL.{PORT}")))?;
        Ok((socket, listener))
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
