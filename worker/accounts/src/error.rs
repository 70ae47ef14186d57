//! Why an account cannot be used.

use syncline_engine::ports::{ConnectorError, ErrorKind, ErrorScope};

/// Why an account cannot be used. The text names the account, what is wrong and the remedy; never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("account {account:?}: {message}")]
pub struct AccountError {
    /// The name in documents.
    pub account: String,
    /// What the caller can do about it.
    pub cause: Cause,
    /// The text without the account.
    pub message: String,
}

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The secret is missing, damaged or refused, wherever it is used: a person has to set it.
    Secret,
    /// This process lacks the variable, the file, the key or the login that the secret needs; another one may have it.
    Process,
    /// The account or its address is wrong: a person has to correct it.
    Account,
    /// Vault or the database does not answer: it may pass.
    Passing,
}

impl AccountError {
    pub(crate) fn new(account: &str, cause: Cause, message: impl Into<String>) -> Self {
        AccountError { account: account.to_owned(), cause, message: message.into() }
    }
}

impl From<AccountError> for ConnectorError {
    fn from(error: AccountError) -> Self {
        let kind = match error.cause {
            Cause::Secret => ErrorKind::Auth,
            Cause::Process | Cause::Account => ErrorKind::Permanent,
            Cause::Passing => ErrorKind::Transient,
        };
        ConnectorError::new(kind, error.to_string()).about(ErrorScope::Account)
    }
}
