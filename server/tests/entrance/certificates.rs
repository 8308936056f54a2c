//! Certificates, and clients that trust one of them.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use crate::server::Answer;

/// A certificate and its key, for `localhost`.
pub struct Certificate(CertifiedKey<KeyPair>);

/// A directory of its own with the two files.
pub struct Files(PathBuf);

impl Certificate {
    pub fn new() -> Self {
        Self(generate_simple_self_signed(["localhost".to_owned()]).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.cert.pem()
    }

    pub fn key(&self) -> String {
        self.0.signing_key.serialize_pem()
    }

    /// A connection to a server that has this one.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        self.encrypt(TcpStream::connect(to).await?).await
    }

    /// The same over a connection that is there.
    pub async fn encrypt(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// Sends a request and reads until the server closes.
    pub async fn send(&self, to: SocketAddr, request: &str) -> Answer {
        let mut stream = self.connect(to).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::parse(&bytes)
    }
}

impl Files {
    pub fn of(certificate: &Certificate) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("rowcast-tls-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let files = Self(directory);
        files.write(&certificate.pem(), &certificate.key());
        files
    }

    /// Writes them as renewing programs do: beside the old ones, then over them.
    pub fn write(&self, certificate: &str, key: &str) {
        for (path, text) in [(self.certificate(), certificate), (self.key(), key)] {
            let new = Path::new(&path).with_extension("new");
            fs::write(&new, text).unwrap();
            fs::rename(&new, &path).unwrap();
        }
    }

    pub fn certificate(&self) -> String {
        self.0.join("certificate.pem").to_str().unwrap().to_owned()
    }

    pub fn key(&self) -> String {
        self.0.join("key.pem").to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
