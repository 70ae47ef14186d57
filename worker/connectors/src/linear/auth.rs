//! The two kinds of secrets, which are sent in two forms.

use super::dialect::LinearDialect;
use crate::{Token, http::Auth};

/// How a secret is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A personal API key, bare.
    Key,
    /// An OAuth access token, behind `Bearer`.
    Bearer,
}

/// How the access tokens of OAuth applications begin.
const OAUTH: &str = "lin_oauth_";
const BEARER: &str = "Bearer ";

impl Form {
    /// What to do about a secret that was refused in this form.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Form::Key => {
                "the secret was sent as a personal API key, without Bearer; if it is an OAuth access token, set it with \
                 `Bearer ` before it"
            }
            Form::Bearer => {
                "the secret was sent as an OAuth access token, with Bearer; if it is a personal API key, which begins \
                 with lin_api_, set it without `Bearer `"
            }
        }
    }
}

static KEY: LinearDialect = LinearDialect(Form::Key);
static ACCESS: LinearDialect = LinearDialect(Form::Bearer);

/// The form of a secret: keys are sent bare, tokens that say what they are behind `Bearer`.
fn form(token: &Token) -> (Form, &str) {
    let secret = token.reveal();
    if token.is_access() {
        return (Form::Bearer, secret);
    }
    let bearer = secret.get(..BEARER.len()).filter(|start| start.eq_ignore_ascii_case(BEARER));
    match bearer {
        Some(_) => (Form::Bearer, secret[BEARER.len()..].trim_start()),
        None if secret.starts_with(OAUTH) => (Form::Bearer, secret),
        None => (Form::Key, secret),
    }
}

/// How the secret of an account is sent.
pub(super) fn auth(token: &Token) -> Auth {
    match form(token) {
        (Form::Bearer, secret) => Auth::Bearer(Token::new(secret)),
        (Form::Key, secret) => Auth::Header { name: "authorization", value: Token::new(secret) },
    }
}

/// The manners towards the secret of an account.
pub(super) fn dialect(token: &Token) -> &'static LinearDialect {
    if form(token).0 == Form::Key { &KEY } else { &ACCESS }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("lin_api_a", Form::Key, "lin_api_a")]
    #[case("lin_oauth_a", Form::Bearer, "lin_oauth_a")]
    #[case("Bearer abc", Form::Bearer, "abc")]
    #[case("bearer  abc", Form::Bearer, "abc")]
    #[case("abc", Form::Key, "abc")]
    #[case("ü", Form::Key, "ü")]
    fn secrets_have_a_form(#[case] secret: &str, #[case] expected: Form, #[case] sent: &str) {
        assert_eq!(form(&Token::new(secret)), (expected, sent));
        assert_eq!(form(&Token::access(secret)), (Form::Bearer, secret));
    }
}
