//! Files with certificates of authorities.

use std::{fs, path::Path};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::InvalidSetting;

const ALLOWED: &str = "a PEM file with certificates of authorities (-----BEGIN CERTIFICATE-----)";

/// The certificates of that setting's file, of which there is one at least.
///
/// # Errors
/// What is wrong with the file.
pub fn read(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidSetting> {
    let wrong = |why: &str| InvalidSetting::new(setting, &path.to_string_lossy(), why, ALLOWED);
    let bytes = fs::read(path).map_err(|error| wrong(&format!("it can't be read: {error}")))?;
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|_| wrong("it is no PEM file"))?;
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|_| wrong("one of its certificates can't be read"))?;
        certificates.push(certificate);
    }
    match certificates.is_empty() {
        true => Err(wrong("it holds no certificate")),
        false => Ok(certificates),
    }
}
