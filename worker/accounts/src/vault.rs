//! Secrets in HashiCorp Vault: its KV engine, version 2, over HTTP.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value as Json, json};
use syncline_connectors::{
    Token,
    http::{AllowPrivate, Auth, Class, Client, Dialect, Head, Http, HttpConfig, Reply, Request, Told},
};
use syncline_engine::ports::{Call, ConnectorError, ErrorKind, Leave, Meter, OpenGate, Stopped};
use tokio::sync::Mutex;
use url::Url;

/// A login is renewed before it ends by so much.
const MARGIN: Duration = Duration::from_secs(30);

/// How Vault is reached.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// The address without `/v1`. `VAULT_ADDR`.
    pub address: String,
    /// The namespace of Vault Enterprise. `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
    /// How to log in.
    pub login: VaultLogin,
}

/// How to log in to Vault.
#[derive(Debug, Clone)]
pub enum VaultLogin {
    /// A token. `VAULT_TOKEN`.
    Token(Token),
    /// AppRole. `VAULT_ROLE_ID`, `VAULT_SECRET_ID`, `VAULT_APPROLE_MOUNT`.
    AppRole {
        /// The role's id.
        role: String,
        /// The secret id.
        secret: Token,
        /// Where the method is mounted.
        mount: String,
    },
}

/// Reads secrets from Vault.
pub(crate) struct Vault {
    settings: VaultSettings,
    /// One login at a time: the others wait for its token.
    session: Mutex<Option<Session>>,
}

struct Session {
    client: Client,
    /// None: it does not end.
    until: Option<Instant>,
}

/// Why a secret could not be read, and whether that may pass.
pub(crate) struct VaultError {
    pub(crate) passing: bool,
    pub(crate) message: String,
}

impl Vault {
    pub(crate) fn new(settings: VaultSettings) -> Vault {
        Vault { settings, session: Mutex::new(None) }
    }

    /// One key of a secret's data.
    pub(crate) async fn read(
        &self,
        http: &HttpConfig,
        mount: &str,
        path: &str,
        key: &str,
    ) -> Result<Token, VaultError> {
        let mut segments = vec!["v1", mount, "data"];
        segments.extend(path.split('/'));
        let mut renewed = false;
        loop {
            let client = self.client(http, renewed).await?;
            match self.get(&client, &segments).await {
                Ok(reply) => return value(&reply, mount, path, key),
                // A token that was revoked meanwhile: one more login tells.
                Err(error) if error.kind == ErrorKind::Auth && !renewed && self.logs_in() => renewed = true,
                Err(error) => return Err(refused(&error, mount, path)),
            }
        }
    }

    fn logs_in(&self) -> bool {
        matches!(self.settings.login, VaultLogin::AppRole { .. })
    }

    /// A client with a token that is valid for now.
    async fn client(&self, http: &HttpConfig, anew: bool) -> Result<Client, VaultError> {
        let mut session = self.session.lock().await;
        if let Some(known) = &*session
            && !anew
            && known.until.is_none_or(|until| Instant::now() < until)
        {
            return Ok(known.client.clone());
        }
        let http = self.http(http)?;
        let (token, until) = match &self.settings.login {
            VaultLogin::Token(token) => (token.clone(), None),
            VaultLogin::AppRole { role, secret, mount } => self.log_in(&http, role, secret, mount).await?,
        };
        let auth = Auth::Header { name: "x-vault-token", value: token };
        let client = self.connect(&http, auth)?;
        *session = Some(Session { client: client.clone(), until });
        Ok(client)
    }

    /// The operator has named this host, so it may be private; no other host becomes reachable by that.
    fn http(&self, http: &HttpConfig) -> Result<Http, VaultError> {
        let wrong = |why: &str| failed(format!("VAULT_ADDR {why}"));
        let url = Url::parse(&self.settings.address)
            .map_err(|_| wrong("is not an address like https://vault.example.org:8200"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let allow_private: AllowPrivate = host.parse().map_err(|_| wrong("names no host"))?;
        let config = HttpConfig { allow_private, ..http.clone() };
        Http::new(&config).map_err(|error| failed(error.to_string()))
    }

    fn connect(&self, http: &Http, auth: Auth) -> Result<Client, VaultError> {
        let client = Client::new(http, &VaultDialect, &self.settings.address, "vault", auth);
        client.map_err(|error| failed(error.message.replacen("base_url", "VAULT_ADDR", 1)))
    }

    async fn log_in(
        &self,
        http: &Http,
        role: &str,
        secret: &Token,
        mount: &str,
    ) -> Result<(Token, Option<Instant>), VaultError> {
        let client = self.connect(http, Auth::None)?;
        let request = client.post(&["v1", "auth", mount, "login"]).reads();
        let request =
            self.namespaced(request.json(&json!({ "role_id": role, "secret_id": secret.reveal() })));
        let meter = Meter::default();
        let reply = request.send(&call(&meter)).await.map_err(|error| {
            let error = ConnectorError::from(error);
            let remedy = "correct VAULT_ROLE_ID, VAULT_SECRET_ID or VAULT_APPROLE_MOUNT";
            VaultError {
                passing: passing(&error),
                // Vault's own text could repeat what was sent.
                message: format!("Vault refuses the login of the AppRole{}; {remedy}", status(&error)),
            }
        })?;
        let body: Json = serde_json::from_slice(reply.body()).unwrap_or_default();
        let token = body["auth"]["client_token"].as_str().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| failed("Vault's answer to the login has no token".to_owned()))?;
        let lasts =
            body["auth"]["lease_duration"].as_u64().filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let until = lasts.map(|lasts| Instant::now() + lasts.saturating_sub(MARGIN).max(lasts / 2));
        Ok((Token::new(token), until))
    }

    async fn get(&self, client: &Client, segments: &[&str]) -> Result<Reply, ConnectorError> {
        let meter = Meter::default();
        Ok(self.namespaced(client.get(segments)).send(&call(&meter)).await?)
    }

    fn namespaced<'c>(&self, request: Request<'c>) -> Request<'c> {
        match &self.settings.namespace {
            Some(namespace) => request.header("x-vault-namespace", namespace.clone()),
            None => request,
        }
    }
}

/// The body is read without types: an error of a typed reader could quote a secret in a trace.
fn value(reply: &Reply, mount: &str, path: &str, key: &str) -> Result<Token, VaultError> {
    let body: Json = serde_json::from_slice(reply.body()).map_err(|_| {
        failed(format!("Vault's answer for {mount}/{path} is not JSON; is {mount} a KV engine of version 2?"))
    })?;
    let data = &body["data"]["data"];
    if !data.is_object() {
        return Err(failed(format!(
            "{mount}/{path} has no data in Vault; is {mount} a KV engine of version 2?"
        )));
    }
    match &data[key] {
        Json::String(text) if !text.trim().is_empty() => Ok(Token::new(text.trim())),
        Json::Null => {
            let keys: Vec<&str> =
                data.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            let text =
                format!("{mount}/{path} in Vault has no key {key:?}; its keys are: {}", keys.join(", "));
            Err(failed(text))
        }
        _ => Err(failed(format!(
            "the key {key:?} of {mount}/{path} in Vault is empty, or no text; write the secret there"
        ))),
    }
}

fn refused(error: &ConnectorError, mount: &str, path: &str) -> VaultError {
    let message = match (error.kind, error.answer.as_ref().map(|answer| answer.status)) {
        (_, Some(404)) => format!(
            "Vault has nothing at {mount}/{path} (version 2 of KV), or its newest version was deleted; write the secret there"
        ),
        (ErrorKind::Auth, _) => {
            format!(
                "Vault refuses to read {mount}/{path}{}; renew VAULT_TOKEN, or give its policy `read` on {mount}/data/{path}",
                status(error)
            )
        }
        _ => format!("{mount}/{path} cannot be read from Vault: {}", error.message),
    };
    VaultError { passing: passing(error), message }
}

fn status(error: &ConnectorError) -> String {
    error.answer.as_ref().map(|answer| format!(" ({})", answer.status)).unwrap_or_default()
}

pub(crate) fn passing(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::Transient | ErrorKind::RateLimited { .. })
}

fn failed(message: String) -> VaultError {
    VaultError { passing: false, message }
}

/// Always grants leave: reading a secret writes nothing, and no limit counts it.
struct Always;

impl Leave for Always {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(60)
    }
}

pub(crate) fn call(meter: &Meter) -> Call<'_> {
    Call::new(&Always, &OpenGate, meter, Utc::now())
}

struct VaultDialect;

impl Dialect for VaultDialect {
    fn platform(&self) -> &'static str {
        "vault"
    }

    fn told(&self, head: &Head<'_>, body: &[u8]) -> Told {
        let body: Json = serde_json::from_slice(body).unwrap_or_default();
        let class = match head.status {
            // Vault does not tell a token without rights from one that is no more.
            401 | 403 => Some(Class::Auth),
            // Sealed, or on standby: another moment, or another node, answers.
            429 | 472 | 473 | 503 => Some(Class::Transient),
            _ => None,
        };
        Told { class, message: body["errors"][0].as_str().map(str::to_owned), ..Told::default() }
    }
}
