//! How a request proves whose it is.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use syncline_engine::ports::{ConnectorError, ErrorKind, ErrorScope};
use zeroize::Zeroizing;

use crate::Token;

/// The kinds of authentication. Secrets are shown nowhere.
#[derive(Clone)]
pub enum Auth {
    /// Nothing is sent.
    None,
    /// `Authorization: Bearer TOKEN`.
    Bearer(Token),
    /// `Authorization: Basic`, of a user and a password or token.
    Basic {
        /// Shown in no output either: it may be an e-mail address.
        user: String,
        /// The password or token.
        password: Token,
    },
    /// A header with the value as it is, such as `PRIVATE-TOKEN`, or `Authorization` with a scheme of the platform's own.
    Header {
        /// The header's name in lower case.
        name: &'static str,
        /// The whole value.
        value: Token,
    },
}

impl Auth {
    /// The header to send. `account` is named in the error about a value that no header may have.
    pub(super) fn header(&self, account: &str) -> Result<Option<(HeaderName, HeaderValue)>, ConnectorError> {
        let (name, text) = match self {
            Auth::None => return Ok(None),
            Auth::Bearer(token) => (AUTHORIZATION, Zeroizing::new(format!("Bearer {}", token.reveal()))),
            Auth::Basic { user, password } => {
                (AUTHORIZATION, Zeroizing::new(format!("Basic {}", &*encoded(user, password))))
            }
            Auth::Header { name, value } => {
                (HeaderName::from_static(name), Zeroizing::new(value.reveal().to_owned()))
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            let text = format!(
                "account {account}: its secret has a character that no header may have, such as a line break; set it anew"
            );
            ConnectorError::new(ErrorKind::Auth, text).about(ErrorScope::Account)
        })?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    /// Removes the secret from a platform's text, also in the form in which it was sent.
    pub(super) fn redact(&self, text: &str) -> String {
        let (secret, sent) = match self {
            Auth::None => return text.to_owned(),
            Auth::Bearer(token) | Auth::Header { value: token, .. } => (token, None),
            Auth::Basic { user, password } => (password, Some(encoded(user, password))),
        };
        // A short one would blank out ordinary words.
        let secrets = [Some(secret.reveal()), sent.as_deref().map(String::as_str)];
        let secrets = secrets.into_iter().flatten().filter(|secret| secret.len() >= 4);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// A fingerprint. Responses to one secret are not used for another one.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        match self.header("") {
            Ok(Some((name, value))) => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(name.as_str().as_bytes()).update(b"\0").update(value.as_bytes());
                *hasher.finalize().as_bytes()
            }
            _ => [0; 32],
        }
    }
}

/// User and password as `Basic` sends them.
fn encoded(user: &str, password: &Token) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{user}:{}", password.reveal()));
    Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()))
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Auth::None => "None",
            Auth::Bearer(_) => "Bearer(***)",
            Auth::Basic { .. } => "Basic(***)",
            Auth::Header { .. } => "Header(***)",
        })
    }
}
