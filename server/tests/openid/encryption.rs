//! A provider that is reached over TLS.

use std::{fs, io, path::PathBuf, sync::Arc};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rowcast::{
    auth::openid::{
        Address, OpenId,
        fetch::{Fetch, FetchError},
    },
    cli::OpenIdSettings,
    config::{Auth, OpenIdConfig},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// Answers whoever trusts this certificate; the port that it listens on.
async fn serve(certificate: &CertifiedKey<KeyPair>) -> u16 {
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.cert.der().clone()],
            PrivateKeyDer::Pkcs8(key),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answered = async {
                let mut stream = acceptor.accept(stream).await?;
                let _ = stream.read(&mut [0; 1024]).await?;
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await
            };
            let _: io::Result<()> = answered.await;
        }
    });
    port
}

fn file(name: &str, text: &str) -> PathBuf {
    let name = format!("{name}-{}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_provider_is_who_its_authority_says_and_nobody_else() {
    let own = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let port = serve(&own).await;
    let address = |host: &str| Address::issuer(&format!("https://{host}:{port}")).unwrap();
    let trusting = |certificate: &CertifiedKey<KeyPair>, name| {
        let path = file(name, &certificate.cert.pem());
        Fetch::new(Some(&path)).unwrap()
    };
    let fetch = trusting(&own, "own.pem");
    assert_eq!(fetch.get(&address("localhost")).await.unwrap(), b"hello");
    // By another name, by another authority, by the public ones.
    let untrusted = Err(FetchError::Untrusted);
    assert_eq!(fetch.get(&address("127.0.0.1")).await, untrusted);
    let wrong = trusting(&other, "other.pem");
    assert_eq!(wrong.get(&address("localhost")).await, untrusted);
    let public = Fetch::new(None).unwrap();
    assert_eq!(public.get(&address("localhost")).await, untrusted);
}

#[test]
fn files_that_are_none_stop_the_start_with_one_line() {
    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("there is none");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for path in [missing, file("empty.pem", ""), file("broken.pem", broken)] {
        let text = Fetch::new(Some(&path)).unwrap_err().to_string();
        assert!(text.starts_with("ROWCAST_OPENID_CA is "), "{text}");
        assert!(
            text.contains("allowed is") && text.lines().count() == 1,
            "{text}"
        );
    }
}

#[test]
fn a_file_that_holds_no_secret_stops_the_start_with_one_line() {
    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no secret");
    for path in [
        missing,
        file("empty", "\n"),
        file("two", "a secret\nanother\n"),
    ] {
        let settings = OpenIdSettings {
            openid_issuer: Some("https://id.example.com".to_owned()),
            openid_client_id: Some("rowcast".to_owned()),
            openid_client_secret_file: Some(path.to_string_lossy().into_owned()),
            ..OpenIdSettings::default()
        };
        let config = OpenIdConfig::new(&settings, Auth::On).unwrap().unwrap();
        let text = OpenId::new(&config).unwrap_err().to_string();
        assert!(
            text.starts_with("ROWCAST_OPENID_CLIENT_SECRET_FILE is "),
            "{text}"
        );
        assert!(
            text.contains("allowed is") && text.lines().count() == 1,
            "{text}"
        );
        assert!(!text.contains("a secret"), "{text}");
    }
}
