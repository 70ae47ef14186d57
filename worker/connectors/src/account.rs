//! An account on a platform: where it is and how to log in.

use std::fmt;

/// An account, as a place is opened with it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name in documents.
    pub name: String,
    /// The address of a self-hosted edition, or of a stand-in; none for the platform's own.
    pub base_url: Option<String>,
    pub token: Token,
}

/// A secret that cannot be shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(text: impl Into<String>) -> Token {
        Token(text.into())
    }

    /// The secret itself, for the header of a request.
    pub fn reveal(&self) -> &str {
        &self.0
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
