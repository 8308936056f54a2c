//! Where the cluster, its socket and the locks lie, and who may enter.

use std::fs::{self, DirBuilder, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use super::EmbeddedError;
use super::account::Account;

/// What a user other than root can reach, for clusters whose data directory root alone can.
const REACHABLE: &str = "/var/lib/rowcast";

/// A socket's path is limited to 107 bytes; PostgreSQL names it `.s.PGSQL.5432`.
const SOCKET_DIRECTORY_MAX: usize = 107 - "/.s.PGSQL.65535".len();

/// The directory `postgres` in a data directory. It exists, and whoever PostgreSQL runs as
/// can enter it.
#[derive(Clone, Debug)]
pub struct Place {
    directory: PathBuf,
    cluster: PathBuf,
    account: Option<Account>,
}

impl Place {
    /// Makes what is missing of it.
    pub fn prepare(data_directory: &Path) -> Result<Self, EmbeddedError> {
        let account = Account::needed()?;
        make(data_directory, 0o700)?;
        let data_directory = fs::canonicalize(data_directory)
            .map_err(|error| EmbeddedError::file(data_directory, error))?;
        let directory = data_directory.join("postgres");
        make(&directory, 0o700)?;
        let cluster = directory.join("cluster");
        if account.is_some() {
            // To pass through, not to look around.
            allow(&data_directory, 0o711)?;
            allow(&directory, 0o711)?;
            if !cluster.exists() && !reachable(&directory)? {
                link_elsewhere(&cluster)?;
            }
        }
        // A link leads to the cluster's real place, whose parent is where it is made.
        let cluster = fs::read_link(&cluster).unwrap_or(cluster);
        Ok(Self {
            directory,
            cluster,
            account,
        })
    }

    /// PostgreSQL's data directory; it may not exist yet.
    pub fn cluster(&self) -> &Path {
        &self.cluster
    }

    /// Who PostgreSQL runs as, where that is not this process' user.
    pub fn account(&self) -> Option<Account> {
        self.account
    }

    /// Held shared by every process that uses the cluster.
    pub fn users(&self) -> PathBuf {
        self.directory.join("users.lock")
    }

    /// Held while one process looks whether there is a keeper and starts one.
    pub fn gate(&self) -> PathBuf {
        self.directory.join("gate.lock")
    }

    /// Held by the keeper.
    pub fn keeper(&self) -> PathBuf {
        self.directory.join("keeper.lock")
    }

    /// An empty directory beside the cluster, PostgreSQL's own.
    pub fn staging(&self) -> Result<PathBuf, EmbeddedError> {
        let staging = self.cluster.with_extension("new");
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(|error| EmbeddedError::file(&staging, error))?;
        }
        self.own(&staging)?;
        Ok(staging)
    }

    /// The directory of the socket: beside the cluster, or where that path is too long for
    /// a socket, a short one. Only its owner may enter.
    pub fn socket(&self) -> Result<PathBuf, EmbeddedError> {
        let beside = self.cluster.with_extension("socket");
        let socket = if beside.as_os_str().len() <= SOCKET_DIRECTORY_MAX {
            beside
        } else {
            let mut hash = DefaultHasher::new();
            self.cluster.hash(&mut hash);
            std::env::temp_dir().join(format!("rowcast-{:016x}", hash.finish()))
        };
        self.own(&socket)?;
        Ok(socket)
    }

    /// Makes `directory`, entered by PostgreSQL's user only. One that is there already and
    /// isn't so is refused: in a place like /tmp anybody may have made it.
    fn own(&self, directory: &Path) -> Result<(), EmbeddedError> {
        let failed = |error| EmbeddedError::file(directory, error);
        let uid = match self.account {
            Some(account) => account.uid,
            None => rustix::process::geteuid().as_raw(),
        };
        match DirBuilder::new().mode(0o700).create(directory) {
            Ok(()) => {
                if let Some(account) = self.account {
                    chown(directory, Some(account.uid), Some(account.gid)).map_err(failed)?;
                }
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(directory).map_err(failed)?;
                let ours = found.is_dir() && found.uid() == uid && found.mode() & 0o077 == 0;
                ours.then_some(())
                    .ok_or_else(|| EmbeddedError::Unsafe(directory.to_owned()))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

fn make(directory: &Path, mode: u32) -> Result<(), EmbeddedError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(directory)
        .map_err(|error| EmbeddedError::file(directory, error))
}

fn allow(directory: &Path, bits: u32) -> Result<(), EmbeddedError> {
    let failed = |error| EmbeddedError::file(directory, error);
    let mode = fs::metadata(directory).map_err(failed)?.mode() & 0o7777;
    if mode | bits != mode {
        fs::set_permissions(directory, Permissions::from_mode(mode | bits)).map_err(failed)?;
    }
    Ok(())
}

/// Whether users other than the owners can pass through all of `directory`'s path.
fn reachable(directory: &Path) -> Result<bool, EmbeddedError> {
    for ancestor in directory.ancestors() {
        let found = fs::metadata(ancestor).map_err(|error| EmbeddedError::file(ancestor, error))?;
        if found.mode() & 0o001 == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes `cluster` a link to a new place that other users can reach.
fn link_elsewhere(cluster: &Path) -> Result<(), EmbeddedError> {
    let base = Path::new(REACHABLE);
    make(base, 0o711)?;
    allow(base, 0o711)?;
    let mut hash = DefaultHasher::new();
    cluster.hash(&mut hash);
    let target = base.join(format!("cluster-{:016x}", hash.finish()));
    match symlink(&target, cluster) {
        // Left by a first start that did not get as far as making the cluster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(|error| EmbeddedError::file(cluster, error)),
    }
}
