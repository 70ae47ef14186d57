//! HTTP clients of tests.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// A client without certificate authorities: servers of tests have no TLS.
#[expect(clippy::expect_used, reason = "there is nothing that could fail")]
pub fn client() -> Client {
    builder().build().expect("a client")
}

/// The builder of such a client. In this workspace reqwest is built without cryptography of its own, since the product
/// passes it ring; a client without any does not start.
#[expect(clippy::expect_used, reason = "ring has these versions")]
pub fn builder() -> ClientBuilder {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions of TLS")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(config)
}
