//! TLS by rustls and ring, and who is trusted.

use std::{error::Error, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::HttpError;

/// The configuration of clients: Mozilla's authorities, and those in the file.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, HttpError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        let wrong = |why: String| HttpError::CaFile { path: path.to_owned(), why };
        let text = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|_| wrong("is not a PEM file".to_owned()))?;
            roots.add(certificate).map_err(|error| wrong(format!("has an unusable certificate: {error}")))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong(
                "has no certificate; it must be a PEM file of certificate authorities".to_owned(),
            ));
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Client(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The reason if a certificate was not trusted.
pub fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_)).then(|| tls.to_string());
    }
    // An I/O error hides the error that it wraps from the chain.
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => distrust(inner),
        None => error.source().and_then(distrust),
    }
}
