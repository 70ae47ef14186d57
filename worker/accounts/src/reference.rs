//! References to secrets that are kept elsewhere.

use std::{fmt, path::PathBuf, str::FromStr};

/// Beginnings of tokens: such a text after `env:` is a secret and not the name of a variable.
const TOKENS: [&str; 9] =
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "lin_api_", "glpat-", "sk_"];

/// Where a secret is kept. The text is no secret, and is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `env:NAME`: a variable of the environment, or the file that `NAME_FILE` names.
    Env(String),
    /// `file:/PATH`: a file that holds the secret and nothing else.
    File(PathBuf),
    /// `vault:MOUNT/PATH#KEY`: a key of a secret in Vault's KV engine, version 2.
    Vault {
        /// Where the engine is mounted.
        mount: String,
        /// The secret's path below it.
        path: String,
        /// The key of the secret's data.
        key: String,
    },
}

impl FromStr for Reference {
    type Err = String;

    /// An error repeats nothing of the text, which may be a secret in the wrong place.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.trim().split_once(':').unwrap_or_default();
        match kind {
            "env" if is_variable(rest) => Ok(Reference::Env(rest.to_owned())),
            "env" => Err("env: must be followed by the name of a variable, like env:GITHUB_TOKEN, and not by the secret itself".to_owned()),
            "file" if PathBuf::from(rest).is_absolute() && rest.len() > 1 => Ok(Reference::File(PathBuf::from(rest))),
            "file" => Err("file: must be followed by an absolute path, like file:/run/secrets/github, which means the same to every worker".to_owned()),
            "vault" => vault(rest).ok_or_else(|| {
                "vault: must be followed by MOUNT/PATH#KEY, like vault:secret/syncline/github#token".to_owned()
            }),
            _ => Err("is not a reference: env:NAME, file:/PATH or vault:MOUNT/PATH#KEY; the secret itself is read from standard input, where no shell keeps it".to_owned()),
        }
    }
}

/// True if the text may be the name of a variable and is no token.
fn is_variable(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (1..=100).contains(&name.len())
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(allowed)
        && !TOKENS.iter().any(|token| name.starts_with(token))
}

fn vault(text: &str) -> Option<Reference> {
    let (place, key) = text.split_once('#')?;
    let (mount, path) = place.trim_matches('/').split_once('/')?;
    let part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['?', '#', '%']);
    let fits = part(mount) && path.split('/').all(part) && !key.is_empty() && !key.contains('#');
    fits.then(|| Reference::Vault { mount: mount.to_owned(), path: path.to_owned(), key: key.to_owned() })
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Env(name) => write!(f, "env:{name}"),
            Reference::File(path) => write!(f, "file:{}", path.display()),
            Reference::Vault { mount, path, key } => write!(f, "vault:{mount}/{path}#{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("env:GITHUB_TOKEN")]
    #[case("file:/run/secrets/github")]
    #[case("vault:secret/syncline/github#token")]
    fn a_reference_is_written_as_it_is_read(#[case] text: &str) {
        assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("ghp_hunter2hunter2")]
    #[case("env:ghp_hunter2hunter2")]
    #[case("env:hunter2 hunter2")]
    #[case("env:")]
    #[case("file:hunter2")]
    #[case("vault:hunter2")]
    #[case("vault:secret/../hunter2#x")]
    #[case("vault:secret/hunter2")]
    #[case("https://hunter2@example.org")]
    fn what_is_none_is_refused_and_not_repeated(#[case] text: &str) {
        let refused = text.parse::<Reference>().unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
