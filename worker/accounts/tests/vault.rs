//! References to Vault, against a stand-in that speaks its HTTP API.

// Helpers of tests may fail loudly too; clippy's own exception covers test functions only.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use syncline_accounts::{Broker, Cause, Settings, VaultLogin, VaultSettings};
use syncline_connectors::Token;
use syncline_engine::ports::{ConnectorError, ErrorKind};
use syncline_entity::account;

const SECRET: &str = "ghp_fromvault1234";

/// What the stand-in accepts, and what it was asked.
#[derive(Default)]
struct Vault {
    /// Tokens that may read; a login adds one.
    tokens: Mutex<Vec<String>>,
    logins: Mutex<u32>,
    namespaces: Mutex<Vec<String>>,
    sealed: Mutex<bool>,
}

async fn read(
    State(vault): State<Arc<Vault>>,
    Path((mount, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    vault.namespaces.lock().unwrap().push(header("x-vault-namespace"));
    if *vault.sealed.lock().unwrap() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "errors": ["Vault is sealed"] })));
    }
    if !vault.tokens.lock().unwrap().contains(&header("x-vault-token")) {
        return (StatusCode::FORBIDDEN, Json(json!({ "errors": ["permission denied"] })));
    }
    match (&*mount, &*path) {
        ("secret", "syncline/github") => {
            let data = json!({ "token": format!(" {SECRET}\n"), "empty": "", "number": 7 });
            (StatusCode::OK, Json(json!({ "data": { "data": data, "metadata": { "version": 3 } } })))
        }
        ("old", _) => (StatusCode::OK, Json(json!({ "data": { "token": SECRET } }))),
        _ => (StatusCode::NOT_FOUND, Json(json!({ "errors": [] }))),
    }
}

async fn log_in(State(vault): State<Arc<Vault>>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    if body != json!({ "role_id": "role", "secret_id": "hunter2" }) {
        let text = format!("invalid secret id {}", body["secret_id"]);
        return (StatusCode::BAD_REQUEST, Json(json!({ "errors": [text] })));
    }
    let mut logins = vault.logins.lock().unwrap();
    *logins += 1;
    let token = format!("hvs.session{logins}");
    vault.tokens.lock().unwrap().push(token.clone());
    (StatusCode::OK, Json(json!({ "auth": { "client_token": token, "lease_duration": 3600 } })))
}

/// A stand-in on a free port, and its address.
async fn stand_in() -> (Arc<Vault>, String) {
    let vault = Arc::new(Vault::default());
    let router = Router::new()
        .route("/v1/{mount}/data/{*path}", get(read))
        .route("/v1/auth/approle/login", post(log_in))
        .with_state(Arc::clone(&vault));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (vault, address)
}

fn broker(address: &str, login: VaultLogin) -> Broker {
    let vault = VaultSettings { address: address.to_owned(), namespace: Some("team".to_owned()), login };
    Broker::new(Settings { vault: Some(vault), ..Settings::default() })
}

fn by_token() -> VaultLogin {
    VaultLogin::Token(Token::new("hvs.root"))
}

fn by_role(secret: &str) -> VaultLogin {
    VaultLogin::AppRole { role: "role".to_owned(), secret: Token::new(secret), mount: "approle".to_owned() }
}

fn row(reference: &str) -> account::Model {
    account::Model {
        id: 1,
        project_id: 1,
        platform: "github".to_owned(),
        name: "acme".to_owned(),
        base_url: None,
        secret_ref: Some(reference.to_owned()),
        secret_enc: None,
        key_id: None,
        scopes: None,
        paused_at: None,
        breaker: None,
        keeps_limits: true,
        refresh_until: None,
    }
}

#[tokio::test]
async fn a_secret_is_read_with_a_token() {
    let (vault, address) = stand_in().await;
    vault.tokens.lock().unwrap().push("hvs.root".to_owned());
    let broker = broker(&address, by_token());
    let secret = broker.secret(&row("vault:secret/syncline/github#token")).await.unwrap();
    assert_eq!(secret.reveal(), SECRET);
    assert_eq!(*vault.namespaces.lock().unwrap(), ["team"]);
}

/// One login serves everyone, until its token is revoked.
#[tokio::test]
async fn case_139_two_refresh_at_once() {
    let (vault, address) = stand_in().await;
    let broker = broker(&address, by_role("hunter2"));
    let row = row("vault:secret/syncline/github#token");
    let (one, other) = tokio::join!(broker.secret(&row), broker.secret(&row));
    assert_eq!((one.unwrap().reveal(), other.unwrap().reveal()), (SECRET, SECRET));
    assert_eq!(*vault.logins.lock().unwrap(), 1);
    vault.tokens.lock().unwrap().clear();
    assert!(broker.secret(&row).await.is_ok());
    assert_eq!(*vault.logins.lock().unwrap(), 2);
}

/// Work waits, and the account is not taken for refused.
#[tokio::test]
async fn case_140_token_endpoint_hiccup() {
    let (vault, address) = stand_in().await;
    let (broker, row) = (broker(&address, by_role("hunter2")), row("vault:secret/syncline/github#token"));
    *vault.sealed.lock().unwrap() = true;
    let error = broker.secret(&row).await.unwrap_err();
    assert_eq!(error.cause, Cause::Passing, "{error}");
    assert_eq!(ConnectorError::from(error).kind, ErrorKind::Transient);
    *vault.sealed.lock().unwrap() = false;
    assert_eq!(broker.secret(&row).await.unwrap().reveal(), SECRET);
}

#[tokio::test]
async fn refusals_name_the_place_and_the_remedy_and_no_secret() {
    let (vault, address) = stand_in().await;
    vault.tokens.lock().unwrap().push("hvs.root".to_owned());
    let told = async |login: VaultLogin, reference: &str| {
        let error = broker(&address, login).secret(&row(reference)).await.unwrap_err();
        let text = format!("{error} {error:?}");
        for secret in ["hunter", "hvs.", SECRET] {
            assert!(!text.contains(secret), "{text}");
        }
        (error.cause, error.message)
    };
    for (reference, part) in [
        (
            "vault:secret/syncline/github#nothing",
            "has no key \"nothing\"; its keys are: empty, number, token",
        ),
        ("vault:secret/syncline/github#empty", "is empty, or no text"),
        ("vault:secret/syncline/github#number", "is empty, or no text"),
        ("vault:secret/other#token", "Vault has nothing at secret/other"),
        ("vault:old/github#token", "is old a KV engine of version 2?"),
    ] {
        let (cause, message) = told(by_token(), reference).await;
        assert!(cause == Cause::Secret && message.contains(part), "{message}");
    }
    let (_, message) = told(by_role("hunter3"), "vault:secret/other#token").await;
    assert!(message.contains("correct VAULT_ROLE_ID, VAULT_SECRET_ID"), "{message}");
    vault.tokens.lock().unwrap().clear();
    let (cause, message) = told(by_token(), "vault:secret/syncline/github#token").await;
    assert!(cause == Cause::Secret && message.contains("renew VAULT_TOKEN"), "{message}");
}

#[tokio::test]
async fn without_vault_the_variables_are_named() {
    let error = Broker::default().secret(&row("vault:secret/a#b")).await.unwrap_err();
    assert!(error.to_string().starts_with("account \"acme\": "), "{error}");
    assert!(
        error.message.contains("set VAULT_ADDR, and VAULT_TOKEN or VAULT_ROLE_ID with VAULT_SECRET_ID"),
        "{error}"
    );
}

#[tokio::test]
async fn a_variable_and_a_file_are_references_too() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "ghp_fromfile\n").unwrap();
    let secret = Broker::default().secret(&row(&format!("file:{}", file.path().display()))).await.unwrap();
    assert_eq!(secret.reveal(), "ghp_fromfile");
    let error = Broker::default().secret(&row("env:SYNCLINE_NO_SUCH_VARIABLE")).await.unwrap_err();
    assert!(
        error.message.contains("set SYNCLINE_NO_SUCH_VARIABLE or SYNCLINE_NO_SUCH_VARIABLE_FILE"),
        "{error}"
    );
    let error = Broker::default().secret(&row("file:/nowhere/token")).await.unwrap_err();
    assert!(error.message.contains("/nowhere/token"), "{error}");
}
