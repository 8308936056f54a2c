//! What encrypts the way, by the rules of PostgreSQL's `sslmode`.

use std::{path::PathBuf, sync::Arc};

use sqlx::postgres::PgSslMode;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
        SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    },
};

use crate::config::{InvalidSetting, authorities};

/// Files with certificates.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Of the authorities that are trusted beside the public ones.
    pub authorities: Option<PathBuf>,
    /// What the server is to be shown, and its key.
    pub certificate: Option<PathBuf>,
    /// That key.
    pub key: Option<PathBuf>,
}

/// What encrypts in a mode that does, of that setting's URL.
///
/// # Errors
/// What is wrong with the files.
pub fn connector(
    setting: &'static str,
    mode: PgSslMode,
    files: &Files,
) -> Result<TlsConnector, InvalidSetting> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = &files.authorities {
        roots.add_parsable_certificates(authorities::read(setting, path)?);
    }
    let roots = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let roots = roots
        .build()
        .map_err(|_| InvalidSetting::hidden(setting, "a URL whose sslrootcert can be read"))?;
    let asked = match mode {
        PgSslMode::VerifyFull => AskedFor::Name(roots),
        PgSslMode::VerifyCa => AskedFor::Authority(roots),
        _ => AskedFor::Nothing,
    };
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| InvalidSetting::hidden(setting, "a URL with sslmode=disable"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { asked, provider }));
    let config = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let wrong = || InvalidSetting::hidden(setting, "a URL whose sslcert and sslkey fit");
            let chain = authorities::read(setting, certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|_| wrong())?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(|_| wrong())?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What is asked of the certificate.
#[derive(Debug)]
enum AskedFor {
    /// Nothing: `prefer` and `require` keep out those who listen, not those who answer instead.
    Nothing,
    /// An authority that is trusted: `verify-ca`.
    Authority(Arc<WebPkiServerVerifier>),
    /// And the host's name: `verify-full`.
    Name(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Verifier {
    asked: AskedFor,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by = |roots: &WebPkiServerVerifier| {
            roots.verify_server_cert(certificate, chain, name, stapled, now)
        };
        match &self.asked {
            AskedFor::Nothing => Ok(ServerCertVerified::assertion()),
            AskedFor::Name(roots) => by(roots),
            // The name is looked at last.
            AskedFor::Authority(roots) => match by(roots) {
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                verified => verified,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
