//! An account on a platform: where it is and how to log in.

use std::fmt;

use syncline_engine::ports::ConnectorError;
use zeroize::Zeroizing;

use crate::http::{Auth, Client, Dialect, Http};

/// An account, as a place is opened with it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name in documents.
    pub name: String,
    /// The address of a self-hosted edition, or of a stand-in; none for the platform's own.
    pub base_url: Option<String>,
    pub token: Token,
    /// False if the server limits nothing: then of the platform's limits only the number of requests at once is kept to.
    pub keeps_limits: bool,
    /// The connections of the process.
    pub http: Http,
}

impl Account {
    /// The client of this account. `base_url` is the platform's own address, and `auth` makes the kind of authentication of
    /// the account's secret.
    pub fn client(
        &self,
        dialect: &'static dyn Dialect,
        base_url: &str,
        auth: impl FnOnce(Token) -> Auth,
    ) -> Result<Client, ConnectorError> {
        let base_url = self.base_url.as_deref().unwrap_or(base_url);
        let client = Client::new(&self.http, dialect, base_url, &self.name, auth(self.token.clone()))?;
        Ok(client.keeping_limits(self.keeps_limits))
    }
}

/// A secret that cannot be shown by accident. Its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: Zeroizing<String>,
    is_access: bool,
}

impl Token {
    pub fn new(text: impl Into<String>) -> Token {
        Token { text: Zeroizing::new(text.into()), is_access: false }
    }

    /// An access token of OAuth.
    pub fn access(text: impl Into<String>) -> Token {
        Token { is_access: true, ..Token::new(text) }
    }

    /// The secret itself, for the header of a request.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// True for what [`Token::access`] made: some platforms take it in another form than other secrets.
    pub fn is_access(&self) -> bool {
        self.is_access
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Whom an account's credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// The platform's id of the user or the app.
    pub id: String,
    /// The name that people know.
    pub name: String,
    /// What the credentials may do, in the platform's words.
    pub scopes: Vec<String>,
    /// What they may not do and a sync needs, with the remedy.
    pub missing: Vec<String>,
    /// Whether the server limits requests at all; none if the platform does not tell.
    pub limited: Option<bool>,
    /// The requests left, the limit, and when it is full again; none if the platform does not tell.
    pub budget: Option<Budget>,
}

/// A limit of an account, as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Budget {
    pub limit: u64,
    pub remaining: u64,
    pub resets_at: chrono::DateTime<chrono::Utc>,
}
