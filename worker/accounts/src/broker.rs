//! From an account's row to what a connector gets.

use std::{
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
};

use sea_orm::DatabaseConnection;
use syncline_connectors::{
    Account, Token,
    http::{Http, HttpConfig},
    platform, secret,
};
use syncline_entity::{account, project};

use crate::{
    AccountError, Cause, Grant, Keyring, Owner, Reference, VaultSettings, built_in, seal,
    vault::{Vault, VaultError},
};

/// What a fingerprint is derived with.
const FINGERPRINT_CONTEXT: &str = "syncline accounts 2026-11-30 the fingerprint of a secret";

/// What a broker is made of.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How the network is reached.
    pub http: HttpConfig,
    /// The keys of encrypted secrets.
    pub keys: Keyring,
    /// Where references to Vault are read.
    pub vault: Option<VaultSettings>,
}

/// Gets the secrets of accounts. Clones share connections and logins.
#[derive(Clone, Default)]
pub struct Broker {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    http: HttpConfig,
    keys: Keyring,
    vault: Option<Vault>,
    /// Made when the first account is used: most commands use none.
    client: OnceLock<Http>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("keys", &self.shared.keys).finish_non_exhaustive()
    }
}

impl Broker {
    /// Opens nothing yet.
    pub fn new(settings: Settings) -> Broker {
        let Settings { http, keys, vault } = settings;
        let shared = Shared { http, keys, vault: vault.map(Vault::new), client: OnceLock::new() };
        Broker { shared: Arc::new(shared) }
    }

    /// The same, over the connections that the process has already.
    #[must_use]
    pub fn sharing(self, http: Http) -> Broker {
        // Connections that were made meanwhile are as good.
        let _ = self.shared.client.set(http);
        self
    }

    /// The keys of encrypted secrets.
    pub fn keys(&self) -> &Keyring {
        &self.shared.keys
    }

    /// The connections of the process. An error names the setting.
    pub fn http(&self) -> Result<Http, String> {
        if let Some(http) = self.shared.client.get() {
            return Ok(http.clone());
        }
        let http = Http::new(&self.shared.http).map_err(|error| error.to_string())?;
        Ok(self.shared.client.get_or_init(|| http).clone())
    }

    /// The account that a place of a document names, with its secret; none if it names none. A platform that needs no
    /// account may name one that does not exist.
    pub async fn of_place(
        &self,
        db: &DatabaseConnection,
        project: &str,
        platform_name: &str,
        scope: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Option<Account>, AccountError> {
        let name = scope.get("account").and_then(|name| name.as_str()).filter(|name| !name.trim().is_empty());
        let Some(name) = name else { return Ok(None) };
        let row = find(db, project, name).await.map_err(|error| {
            AccountError::new(
                name,
                Cause::Passing,
                format!("it cannot be read from Syncline's database: {error}"),
            )
        })?;
        let known = platform(platform_name);
        match row {
            Some(row) if row.platform != platform_name => {
                let text = format!(
                    "it is one of {}, and the place is on {platform_name}; name an account of {platform_name}",
                    row.platform
                );
                Err(AccountError::new(name, Cause::Account, text))
            }
            Some(row) => self.account(db, &row).await.map(Some),
            None if known.is_some_and(|platform| !platform.needs_account()) => Ok(None),
            None => {
                let text = format!(
                    "the project {project:?} has no such account; add it: syncline accounts add {name} --platform {platform_name}"
                );
                Err(AccountError::new(name, Cause::Account, text))
            }
        }
    }

    /// The account of a row, with what its requests are sent with: its secret, or an access token that the secret gets.
    pub async fn account(
        &self,
        db: &DatabaseConnection,
        row: &account::Model,
    ) -> Result<Account, AccountError> {
        let secret = self.secret(row).await?;
        let token = if Grant::is_one(&secret) { self.access(db, row).await? } else { secret };
        let http = self.http().map_err(|error| AccountError::new(&row.name, Cause::Account, error))?;
        Ok(Account {
            name: row.name.clone(),
            base_url: row.base_url.clone(),
            token,
            keeps_limits: row.keeps_limits,
            http,
        })
    }

    /// The secret of a row.
    pub async fn secret(&self, row: &account::Model) -> Result<Token, AccountError> {
        let failed = |cause, message: String| AccountError::new(&row.name, cause, message);
        if let Some(reference) = reference(row) {
            let reference =
                reference.map_err(|error| failed(Cause::Secret, format!("its reference {error}")))?;
            return self.resolve(&reference).await.map_err(|(cause, message)| failed(cause, message));
        }
        let Some(sealed) = &row.secret_enc else {
            return Err(failed(
                Cause::Secret,
                "it has no secret; set one with `syncline accounts rotate`".to_owned(),
            ));
        };
        seal::open(&self.shared.keys, owner(row), sealed).map_err(|(cause, message)| failed(cause, message))
    }

    /// The fingerprint of a row's secret, if it can be told without asking another server.
    pub async fn fingerprint(&self, row: &account::Model) -> Result<Option<String>, AccountError> {
        if let Some(Ok(Reference::Vault { .. })) = reference(row) {
            return Ok(None);
        }
        self.secret(row).await.map(|token| Some(fingerprint(&token)))
    }

    /// What a reference refers to, or why it cannot be had.
    async fn resolve(&self, reference: &Reference) -> Result<Token, (Cause, String)> {
        match reference {
            Reference::Env(name) => of_variable(name).map_err(|error| (Cause::Process, error)),
            Reference::File(path) => of_file(path).map_err(|error| (Cause::Process, error)),
            Reference::Vault { mount, path, key } => {
                let vault = self.shared.vault.as_ref().ok_or_else(|| {
                    let text = format!("its secret is at {reference}, and no Vault is configured; set VAULT_ADDR, and VAULT_TOKEN or VAULT_ROLE_ID with VAULT_SECRET_ID");
                    (Cause::Process, text)
                })?;
                vault.read(&self.shared.http, mount, path, key).await.map_err(
                    |VaultError { passing, message }| {
                        (if passing { Cause::Passing } else { Cause::Secret }, message)
                    },
                )
            }
        }
    }
}

/// The row of an account, or that of one which exists by itself and is not stored yet.
async fn find(
    db: &DatabaseConnection,
    project: &str,
    name: &str,
) -> Result<Option<account::Model>, sea_orm::DbErr> {
    let stored = match project::by_key(db, project).await? {
        Some(project) => account::by_name(db, project.id, name).await?,
        None => None,
    };
    Ok(stored.or_else(|| built_in::find(name).map(built_in::BuiltIn::unsaved)))
}

/// The reference of a row, if it has one.
fn reference(row: &account::Model) -> Option<Result<Reference, String>> {
    row.secret_ref.as_deref().map(str::parse)
}

pub(crate) fn owner(row: &account::Model) -> Owner<'_> {
    Owner { account: row.id, platform: &row.platform, base_url: row.base_url.as_deref() }
}

fn of_variable(name: &str) -> Result<Token, String> {
    match secret::variable(name, |name| std::env::var_os(name))? {
        Some(value) => token(&value, &format!("the variable {name}")),
        None => Err(format!(
            "its secret is in the variable {name}, which is not set in this process; set {name} or {name}_FILE, or name another place with `syncline accounts rotate`"
        )),
    }
}

fn of_file(path: &Path) -> Result<Token, String> {
    token(&secret::read_file("its secret's file", path)?, &format!("the file {}", path.display()))
}

/// A token without the space and line ends around it, which no platform has in one.
fn token(text: &str, place: &str) -> Result<Token, String> {
    let text = text.trim();
    if text.is_empty() {
        Err(format!("{place} is empty; write the secret there"))
    } else {
        Ok(Token::new(text))
    }
}

/// Eight digits that tell secrets apart, and too few to find one from.
pub fn fingerprint(token: &Token) -> String {
    let derived = blake3::derive_key(FINGERPRINT_CONTEXT, token.reveal().as_bytes());
    crate::key::hex(&derived[..4])
}
