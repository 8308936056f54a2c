//! The files that a server proves itself by, read and read again.

use std::{
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::rustls::{
    Error, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{config::InvalidSetting, shutdown::Shutdown};

const CERTIFICATE: &str = "ROWCAST_TLS_CERT";

const KEY: &str = "ROWCAST_TLS_KEY";

const CERTIFICATE_ALLOWED: &str =
    "a PEM file with the server's certificate first (-----BEGIN CERTIFICATE-----)";

const KEY_ALLOWED: &str = "a PEM file with the certificate's private key, RSA, ECDSA or Ed25519, \
                           that no password protects (-----BEGIN PRIVATE KEY-----)";

/// The most bytes of one of the files: a whole chain has some thousands.
const FILE_MAX: u64 = 1024 * 1024;

/// How often one looks whether they have changed. Files that have are read once they have stayed
/// the same for as long: who renews them writes one after the other.
const LOOK: Duration = Duration::from_secs(2);

/// Where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, with those behind it that lead to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The certificate that is shown to whoever connects: the newest that could be read.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    read: Version,
    current: RwLock<Arc<CertifiedKey>>,
}

/// By what it shows that a file is another; of one that is not there, nothing.
type Version = [Option<(u64, u64, u64, i64, i64)>; 2];

impl TlsFiles {
    /// Reads them, to know that they can be used.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn load(&self) -> Result<(), InvalidSetting> {
        read(self, &super::tls::provider()).map(drop)
    }

    fn version(&self) -> Version {
        let of = |metadata: Metadata| {
            let modified = (metadata.mtime(), metadata.mtime_nsec());
            let file = (metadata.dev(), metadata.ino(), metadata.len());
            (file.0, file.1, file.2, modified.0, modified.1)
        };
        [&self.certificate, &self.key].map(|path| fs::metadata(path).ok().map(of))
    }
}

impl Certificate {
    /// The one of these files.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn new(files: TlsFiles, provider: Arc<CryptoProvider>) -> Result<Self, InvalidSetting> {
        let version = files.version();
        let current = RwLock::new(Arc::new(read(&files, &provider)?));
        Ok(Self {
            files,
            provider,
            read: version,
            current,
        })
    }

    /// Shows what the files hold, whenever they have changed, until the shutdown. What can't
    /// be used is told, and the one before it stays.
    pub async fn keep_up(self: Arc<Self>, mut shutdown: Shutdown) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut read, mut seen) = (self.read, self.read);
        loop {
            tokio::select! {
                () = shutdown.wait() => return,
                _ = looks.tick() => {}
            }
            let own = Arc::clone(&self);
            // Files may be on a disk that takes its time.
            let look = tokio::task::spawn_blocking(move || {
                let now = own.files.version();
                if now != read && now == seen {
                    own.renew();
                    return (now, now);
                }
                (read, now)
            });
            if let Ok(found) = look.await {
                (read, seen) = found;
            }
        }
    }

    fn renew(&self) {
        match read(&self.files, &self.provider) {
            Ok(key) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!("the certificate's files have changed: the new one is shown");
            }
            Err(error) => tracing::warn!(
                %error,
                "the certificate's files have changed but can't be used: the one before is shown"
            ),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, InvalidSetting> {
    let wrong_certificate =
        |why: &str| wrong(CERTIFICATE, &files.certificate, why, CERTIFICATE_ALLOWED);
    let wrong_key = |why: &str| wrong(KEY, &files.key, why, KEY_ALLOWED);
    let bytes = bytes(&files.certificate).map_err(|error| wrong_certificate(&unread(&error)))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong_certificate("it is no PEM file"))?;
    if chain.is_empty() {
        return Err(wrong_certificate("it holds no certificate"));
    }
    let bytes = self::bytes(&files.key).map_err(|error| wrong_key(&unread(&error)))?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        wrong_key(match error {
            pem::Error::NoItemsFound => "it holds no private key that no password protects",
            _ => "it is no PEM file",
        })
    })?;
    // A certificate that can't be read is known by the key, of which there is none to compare.
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            wrong_key("it is not the key of the certificate in ROWCAST_TLS_CERT")
        }
        Error::InvalidCertificate(_) => wrong_certificate("its first certificate can't be read"),
        _ => wrong_key("its key is of no kind that is known"),
    })
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

fn unread(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => format!("it can't be read: {error}"),
    }
}

fn wrong(name: &str, path: &Path, why: &str, allowed: &str) -> InvalidSetting {
    InvalidSetting::new(name, &path.to_string_lossy(), why, allowed)
}
