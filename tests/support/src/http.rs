//! HTTP clients for tests.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// How long a connection is kept without a request. Servers close theirs after 30 seconds, and a request that is sent at that
/// moment fails.
const IDLE: Duration = Duration::from_secs(5);

/// Returns a client without certificate authorities: servers of tests have no TLS.
#[expect(clippy::expect_used, reason = "there is nothing that could fail")]
pub fn client() -> Client {
    builder().build().expect("a client")
}

/// Returns the builder of such a client. In this workspace reqwest is built without a TLS provider, since the product
/// passes it ring; a client without any does not start.
pub fn builder() -> ClientBuilder {
    with(RootCertStore::empty())
}

/// Returns the builder of a client that trusts one authority, given its certificate in PEM.
#[expect(clippy::expect_used, reason = "a wrong certificate is a mistake in the test")]
pub fn trusting(authority: &str) -> ClientBuilder {
    let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("the certificate of an authority");
    with(roots)
}

#[expect(clippy::expect_used, reason = "ring has these versions")]
fn with(roots: RootCertStore) -> ClientBuilder {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(config).pool_idle_timeout(IDLE)
}
