//! A PostgreSQL server with TLS, and its certificate authority.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

use crate::postgres::Server;

/// Connections over the network need TLS, and the user `certified` also needs a certificate.
const ACCESS: &str = "local all all trust\nhostssl all certified all cert\nhostssl all all all trust\n";

/// A server with a certificate for `localhost`, on its own port.
pub struct TlsServer {
    server: Server,
    port: u16,
    files: TempDir,
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Result<Authority> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Authority { issuer: Issuer::new(params, key), pem })
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a certificate and its key.
    pub fn issue(&self, hosts: &[&str], name: &str) -> Result<[String; 2]> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok([params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()])
    }
}

impl TlsServer {
    /// Starts a server.
    pub async fn start() -> Result<TlsServer> {
        let (ours, other) = (Authority::new("One authority")?, Authority::new("Another authority")?);
        let files = tempfile::Builder::new().prefix("syncline-tls-").tempdir()?;
        let [certificate, key] = ours.issue(&["client.invalid"], "certified")?;
        for (name, text) in [
            ("root.pem", &ours.pem),
            ("other-root.pem", &other.pem),
            ("client.pem", &certificate),
            ("client.key", &key),
        ] {
            fs::write(files.path().join(name), text)?;
        }
        let [certificate, key] = ours.issue(&["localhost"], "localhost")?;
        // The port is free now; no other process takes ephemeral ports at random.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = |folder: &Path| -> Result<Vec<String>> {
            let write = |name: &str, text: &str| -> Result<String> {
                let file = folder.join(name);
                fs::write(&file, text)?;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
                Ok(file.to_str().context("a path in UTF-8")?.to_owned())
            };
            Ok(vec![
                "listen_addresses=127.0.0.1".to_owned(),
                "ssl=on".to_owned(),
                format!("ssl_ca_file={}", write("root.pem", &ours.pem)?),
                format!("ssl_cert_file={}", write("server.pem", &certificate)?),
                format!("ssl_key_file={}", write("server.key", &key)?),
            ])
        };
        let server = Server::start(ACCESS, port, settings).await?;
        Ok(TlsServer { server, port, files })
    }

    /// Creates an empty database.
    pub async fn create(&self, database: &str) -> Result<()> {
        self.execute(&format!("CREATE DATABASE {database}")).await
    }

    /// Runs statements in the database `postgres`, as its owner.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        self.server.execute(sql).await
    }

    /// Returns a database's URL on the local socket, for checks.
    pub fn local_url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// Returns a database's URL over the network for a user and a host, with parameters.
    pub fn url(&self, user: &str, host: &str, database: &str, parameters: &str) -> String {
        format!("postgres://{user}:s3cret@{host}:{}/{database}?{parameters}", self.port)
    }

    /// `root.pem`, `other-root.pem`, `client.pem` or `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }
}
