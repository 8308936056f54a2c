//! Whom deliveries trust.

use std::{error::Error, io};

use tokio_rustls::rustls::{self, CertificateError, RootCertStore, pki_types::CertificateDer};

use crate::config::{InvalidSetting, WatchConfig, authorities};

const AUTHORITIES: &str = "ROWCAST_DELIVERY_CA";

/// The authorities of the settings.
///
/// # Errors
/// What is wrong with their file.
pub fn own(config: &WatchConfig) -> Result<Vec<CertificateDer<'static>>, InvalidSetting> {
    match &config.authorities {
        None => Ok(Vec::new()),
        Some(path) => authorities::read(AUTHORITIES, path),
    }
}

/// These and the public ones.
pub fn roots(own: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(own.iter().cloned());
    roots
}

/// Why a connection could not be encrypted, if that is what is wrong with it.
pub fn reason(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref())
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(error) = inner.or_else(|| error.downcast_ref()) {
            return Some(words(error));
        }
        next = error.source();
    }
    None
}

fn words(error: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(why) = error else {
        return "the connection can't be encrypted";
    };
    match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::UnknownIssuer => "its certificate is of an authority that is not trusted",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        _ => "its certificate is not valid",
    }
}
