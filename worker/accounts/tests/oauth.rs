//! Grants of OAuth applications, against a stand-in of a token endpoint whose refresh tokens are good for one use.

// Helpers of tests may fail loudly too; clippy's own exception covers test functions only.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, Database, DatabaseConnection, EntityTrait, IntoActiveModel,
};
use serde_json::{Value, json};
use syncline_accounts::{AccountError, Broker, Cause, Key, Keyring, Owner, Settings, seal};
use syncline_connectors::{Token, http::HttpConfig};
use syncline_engine::ports::{ConnectorError, ErrorKind};
use syncline_entity::{account, project};
use syncline_migration::{Migrator, Until};

/// The token endpoint: one refresh token is good at a time.
#[derive(Default)]
struct Endpoint {
    good: Mutex<String>,
    exchanges: AtomicU32,
    refused: AtomicU32,
    /// Seconds that its access tokens last.
    lasts: AtomicU64,
    /// The status of every answer, if not 200.
    down: Mutex<Option<u16>>,
    /// It answers late.
    slow: AtomicBool,
}

async fn token(State(endpoint): State<Arc<Endpoint>>, body: String) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let down = *endpoint.down.lock().unwrap();
    if let Some(status) = down {
        return (StatusCode::from_u16(status).unwrap(), Json(json!({ "error": "server_error" })));
    }
    if endpoint.slow.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let given = |name: &str| form.get(name).cloned().unwrap_or_default();
    assert_eq!(given("grant_type"), "refresh_token");
    if (given("client_id"), given("client_secret")) != ("app".to_owned(), "hunter2".to_owned()) {
        let text = format!("no such client {}", given("client_secret"));
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({ "error": "invalid_client", "error_description": text })),
        );
    }
    let mut good = endpoint.good.lock().unwrap();
    if given("refresh_token") != *good {
        endpoint.refused.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    }
    let number = endpoint.exchanges.fetch_add(1, Ordering::SeqCst) + 1;
    *good = format!("refresh-{number}");
    let body = json!({
        "access_token": format!("access-{number}"), "refresh_token": *good, "token_type": "Bearer",
        "expires_in": endpoint.lasts.load(Ordering::SeqCst),
    });
    (StatusCode::OK, Json(body))
}

struct World {
    endpoint: Arc<Endpoint>,
    db: DatabaseConnection,
    key: Key,
    id: i64,
    address: String,
    _folder: tempfile::TempDir,
}

impl World {
    /// An account of Linear whose grant has the good refresh token and no access token yet.
    async fn new() -> World {
        let endpoint = Arc::new(Endpoint::default());
        endpoint.lasts.store(86_400, Ordering::SeqCst);
        *endpoint.good.lock().unwrap() = "refresh-0".to_owned();
        let router = Router::new().route("/oauth/token", post(token)).with_state(Arc::clone(&endpoint));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("syncline.db").display());
        let db = Database::connect(url).await.unwrap();
        Migrator::new().up(&db, &Until::End).await.unwrap();
        let new = project::ActiveModel {
            key: Set("p".to_owned()),
            name: Set("p".to_owned()),
            ..Default::default()
        };
        let project = new.insert(&db).await.unwrap();
        let new = account::ActiveModel {
            project_id: Set(project.id),
            platform: Set("linear".to_owned()),
            name: Set("acme".to_owned()),
            base_url: Set(Some(address.clone())),
            keeps_limits: Set(true),
            ..Default::default()
        };
        let id = new.insert(&db).await.unwrap().id;
        let key = Key::parse(&Key::generate().unwrap()).unwrap();
        let world = World { endpoint, db, key, id, address, _folder: folder };
        world.set("hunter2", "refresh-0").await;
        world
    }

    /// Stores a grant as `accounts rotate` does.
    async fn set(&self, secret: &str, refresh: &str) {
        let grant = json!({ "client_id": "app", "client_secret": secret, "refresh_token": refresh });
        let owner = Owner { account: self.id, platform: "linear", base_url: Some(&self.address) };
        let sealed = seal(&self.key, owner, &Token::new(grant.to_string())).unwrap();
        let mut row = self.row().await.into_active_model();
        (row.secret_enc, row.key_id) = (Set(Some(sealed)), Set(Some(self.key.id())));
        row.update(&self.db).await.unwrap();
    }

    async fn row(&self) -> account::Model {
        account::Entity::find_by_id(self.id).one(&self.db).await.unwrap().unwrap()
    }

    /// A process.
    fn broker(&self) -> Broker {
        let http = HttpConfig {
            allow_private: "127.0.0.1".parse().unwrap(),
            total_timeout: Duration::from_secs(2),
            ..HttpConfig::default()
        };
        let keys = Keyring { current: Some(self.key.clone()), ..Keyring::default() };
        Broker::new(Settings { http, keys, vault: None })
    }

    async fn token(&self) -> Result<String, AccountError> {
        let account = self.broker().account(&self.db, &self.row().await).await?;
        assert!(account.token.is_access());
        Ok(account.token.reveal().to_owned())
    }

    fn exchanges(&self) -> u32 {
        self.endpoint.exchanges.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn an_access_token_is_used_until_it_ends() {
    let world = World::new().await;
    assert_eq!(world.token().await.unwrap(), "access-1");
    assert_eq!(world.token().await.unwrap(), "access-1");
    assert_eq!(world.exchanges(), 1);
    assert_eq!(world.row().await.refresh_until, None, "the claim has ended");
    // One that lasts two seconds is replaced after one.
    world.endpoint.lasts.store(2, Ordering::SeqCst);
    world.set("hunter2", "refresh-1").await;
    assert_eq!(world.token().await.unwrap(), "access-2");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(world.token().await.unwrap(), "access-3");
}

/// Exactly one exchange, by whichever process comes first.
#[tokio::test]
async fn case_139_two_replicas_refresh_at_once() {
    let world = World::new().await;
    world.endpoint.slow.store(true, Ordering::SeqCst);
    let tokens = futures(&world, 6).await;
    assert_eq!(tokens, vec![Ok("access-1".to_owned()); 6]);
    assert_eq!((world.exchanges(), world.endpoint.refused.load(Ordering::SeqCst)), (1, 0));
}

async fn futures(world: &World, count: usize) -> Vec<Result<String, AccountError>> {
    let row = world.row().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (broker, db, row) = (world.broker(), world.db.clone(), row.clone());
        tasks.spawn(async move {
            broker.account(&db, &row).await.map(|account| account.token.reveal().to_owned())
        });
    }
    tasks.join_all().await
}

/// Its clock is wrong, or it died and came back: it sends a token that another process has used up.
#[tokio::test]
async fn case_139_the_loser_of_a_race_reads_again_what_is_stored() {
    let world = World::new().await;
    let stale = world.row().await;
    assert_eq!(world.token().await.unwrap(), "access-1");
    let account = world.broker().account(&world.db, &stale).await.unwrap();
    assert_eq!((account.token.reveal(), world.exchanges()), ("access-1", 1));
    // Stored by another process after the claim, while the exchange of the old token is refused.
    world.set("hunter2", "used-up").await;
    let (broker, db, row) = (world.broker(), world.db.clone(), world.row().await);
    world.endpoint.slow.store(true, Ordering::SeqCst);
    let losing = tokio::spawn(async move { broker.account(&db, &row).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.set("hunter2", "refresh-1").await;
    let account = losing.await.unwrap();
    // The claim of the one that was refused does not outlive it for long.
    assert_eq!(account.map(|account| account.token.reveal().to_owned()), Ok("access-2".to_owned()));
}

/// The work waits; the account is not taken for revoked, and nothing of its secret is lost.
#[tokio::test]
async fn case_140_a_hiccup_of_the_token_endpoint_passes() {
    let world = World::new().await;
    let before = world.row().await.secret_enc;
    for status in [503, 500, 429] {
        *world.endpoint.down.lock().unwrap() = Some(status);
        let error = world.token().await.unwrap_err();
        assert_eq!(error.cause, Cause::Passing, "{status}: {error}");
        assert_eq!(ConnectorError::from(error).kind, ErrorKind::Transient);
        assert_eq!(world.row().await.secret_enc, before);
    }
    *world.endpoint.down.lock().unwrap() = None;
    assert_eq!(world.token().await.unwrap(), "access-1");
    // The endpoint does not answer, and the stored access token is still valid.
    world.endpoint.lasts.store(4, Ordering::SeqCst);
    world.set("hunter2", "refresh-1").await;
    assert_eq!(world.token().await.unwrap(), "access-2");
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    *world.endpoint.down.lock().unwrap() = Some(503);
    assert_eq!(world.token().await.unwrap(), "access-2");
}

#[tokio::test]
async fn a_revoked_grant_is_an_error_of_the_account() {
    let world = World::new().await;
    world.set("hunter2", "revoked").await;
    let before = world.row().await.secret_enc;
    let error = world.token().await.unwrap_err();
    assert_eq!(error.cause, Cause::Secret);
    assert!(error.message.contains("authorize the application again"), "{error}");
    assert_eq!(ConnectorError::from(error).kind, ErrorKind::Auth);
    assert_eq!(world.row().await.secret_enc, before, "it is kept, for a person to look at");
    world.set("wrong-secret", "refresh-0").await;
    let error = world.token().await.unwrap_err();
    assert!(error.message.contains("client_id or client_secret"), "{error}");
    assert!(!error.message.contains("wrong-secret"), "{error}");
}

/// A process that died after the exchange and before it stored what it got. Its claim ends, and the next one is told.
#[tokio::test]
async fn a_claim_ends_by_itself() {
    let world = World::new().await;
    let mut row = world.row().await.into_active_model();
    row.refresh_until = Set(Some(chrono::Utc::now() + chrono::TimeDelta::milliseconds(700)));
    row.update(&world.db).await.unwrap();
    assert_eq!(world.token().await.unwrap(), "access-1");
}

#[tokio::test]
async fn a_grant_without_a_key_or_behind_a_reference_is_not_sent() {
    let world = World::new().await;
    let variable = "SYNCLINE_TEST_GRANT";
    let mut row = world.row().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(variable);
    std::fs::write(&file, r#"{"client_id": "app", "client_secret": "s", "refresh_token": "r"}"#).unwrap();
    (row.secret_ref, row.secret_enc) = (Some(format!("file:{}", file.display())), None);
    let error = world.broker().account(&world.db, &row).await.err().unwrap();
    assert!(error.cause == Cause::Secret && error.message.contains("accounts rotate"), "{error}");
    assert_eq!(world.exchanges(), 0);
}
