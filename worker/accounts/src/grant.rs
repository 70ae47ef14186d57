//! The secret of an OAuth application: what an access token is got with, and the one that was got last.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use syncline_connectors::Token;
use zeroize::Zeroize;

/// How long before its end an access token is replaced, at most: a run that begins with it may go on for a while.
const MARGIN: TimeDelta = TimeDelta::minutes(15);

/// The secret of an OAuth application, stored as JSON in place of a token. A person gives the first three parts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Good for one exchange, which gives the next one.
    pub refresh_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) access: Option<Access>,
}

/// An access token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) token: String,
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

impl Grant {
    /// True if a secret is meant to be a grant, and not a token: no platform's tokens are JSON.
    pub fn is_one(secret: &Token) -> bool {
        secret.reveal().trim_start().starts_with('{')
    }

    /// Reads a secret that is meant to be a grant. The error names the part that is missing, and repeats nothing.
    pub fn read(secret: &Token) -> Result<Grant, String> {
        const WANTED: &str =
            "{\"client_id\": \"...\", \"client_secret\": \"...\", \"refresh_token\": \"...\"}";
        let wrong = || format!("the secret begins like JSON and is no grant of OAuth; write {WANTED}");
        let grant: Grant = serde_json::from_str(secret.reveal()).map_err(|_| wrong())?;
        let parts = [
            ("client_id", &grant.client_id),
            ("client_secret", &grant.client_secret),
            ("refresh_token", &grant.refresh_token),
        ];
        match parts.iter().find(|(_, text)| text.trim().is_empty()) {
            Some((name, _)) => Err(format!("{name} is empty; write {WANTED}")),
            None => Ok(grant),
        }
    }

    pub(crate) fn write(&self) -> Result<Token, String> {
        serde_json::to_string(self)
            .map(Token::new)
            .map_err(|error| format!("the grant cannot be written: {error}"))
    }

    /// The access token, if it lasts long enough.
    pub(crate) fn fresh(&self, now: DateTime<Utc>) -> Option<Token> {
        let access = self.access.as_ref()?;
        let margin = MARGIN.min((access.until - access.from) / 2);
        (now + margin < access.until).then(|| Token::access(access.token.as_str()))
    }

    /// The access token, if it has not ended yet.
    pub(crate) fn valid(&self, now: DateTime<Utc>) -> Option<Token> {
        let access = self.access.as_ref()?;
        (now < access.until).then(|| Token::access(access.token.as_str()))
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.client_secret.zeroize();
        self.refresh_token.zeroize();
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

/// Without secrets.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const WHOLE: &str = r#"{"client_id": "app", "client_secret": "s", "refresh_token": "r"}"#;

    #[test]
    fn a_grant_comes_back() {
        let grant = Grant::read(&Token::new(WHOLE)).unwrap();
        assert_eq!(Grant::read(&grant.write().unwrap()), Ok(grant.clone()));
        assert_eq!(format!("{grant:?}"), "Grant { client_id: \"app\", .. }");
        assert!(Grant::is_one(&Token::new(WHOLE)) && !Grant::is_one(&Token::new("lin_api_x")));
    }

    #[rstest]
    #[case(r#"{"client_id": "app", "client_secret": "hunter2"}"#, "no grant of OAuth")]
    #[case(
        r#"{"client_id": "app", "client_secret": "hunter2", "refresh_token": " "}"#,
        "refresh_token is empty"
    )]
    #[case("{hunter2", "no grant of OAuth")]
    fn what_is_missing_is_named(#[case] secret: &str, #[case] message: &str) {
        let error = Grant::read(&Token::new(secret)).unwrap_err();
        assert!(error.contains(message) && !error.contains("hunter2"), "{error}");
    }

    /// Two minutes before its end a token of an hour is not begun with, but one of three minutes is.
    #[test]
    fn a_token_is_replaced_before_its_end() {
        let until: DateTime<Utc> = "2026-11-30T12:00:00Z".parse().unwrap();
        let grant = |lasts: i64| {
            let from = until - TimeDelta::minutes(lasts);
            let access = Access { token: "a".to_owned(), from, until };
            let mut grant = Grant::read(&Token::new(WHOLE)).unwrap();
            grant.access = Some(access);
            grant
        };
        let at = |before: i64| until - TimeDelta::minutes(before);
        assert!(grant(60).fresh(at(16)).is_some() && grant(60).fresh(at(14)).is_none());
        assert!(grant(60).valid(at(14)).is_some() && grant(60).valid(until).is_none());
        assert!(grant(4).fresh(at(3)).is_some() && grant(4).fresh(at(1)).is_none());
    }
}
