//! The scope of a table: its database and the meaning of its columns.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde_json::Value as Json;
use sqlx::{postgres::PgConnectOptions, sqlite::SqliteConnectOptions};
use syncline_engine::spec::keys::{Form, Key};

use crate::{
    address,
    scope::{ScopeError, ScopeReader},
    secret::{self, Secret},
};

/// The keys of a scope.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    Key::required("url", Form::TextOrEnv, "The database: sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE, or { env: NAME } to read it from the environment variable NAME, or from the file that NAME_FILE names."),
    Key::required("table", Form::Text, "The table's name, or schema.table."),
    Key::default("key", Form::Text, "\"id\"", "The column that identifies a row."),
    Key::optional("modified", Form::Text, "The column that says when a row was changed."),
    Key::optional("version", Form::Text, "The column that numbers a row's versions."),
    Key::optional("marker", Form::Text, "The column that holds the marker by which a created row is found again."),
];
const URL_HELP: &str = "write sqlite://path/to/file.db or postgres://user:password@host:5432/database, with special \
                        characters in the password percent-encoded";

#[derive(Debug, Clone)]
pub(super) struct SqlScope {
    pub(super) url: Url,
    pub(super) schema: Option<String>,
    pub(super) table: String,
    /// The column that identifies a row.
    pub(super) key: String,
    /// The column that records when a row was changed.
    pub(super) modified: Option<String>,
    /// The column that numbers a row's versions.
    pub(super) version: Option<String>,
    /// The column for the marker by which a created row is found again.
    pub(super) marker: Option<String>,
}

/// A database's URL. It may contain a password, so it cannot be printed.
#[derive(Clone)]
pub(super) enum Url {
    Literal(String),
    /// The name of the environment variable with the URL, read when the table is opened; with `_FILE` at its end it
    /// names the file with the URL. A relative SQLite path in it is relative to the working directory.
    Env(String),
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Url::Literal(_) => f.write_str("Url(..)"),
            Url::Env(name) => write!(f, "Url(env {name})"),
        }
    }
}

/// What a URL points to.
#[derive(Clone)]
pub(super) enum Target {
    Sqlite(PathBuf, SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

impl SqlScope {
    pub(super) fn parse(scope: &Json) -> Result<Self, ScopeError> {
        let reader = ScopeReader::new(scope)?;
        let url = url(&reader)?;
        if let Url::Literal(text) = &url {
            Target::parse(text)?;
        }
        let table = reader.text("table", "the table's name, or schema.table")?;
        let (schema, table) = match table.split_once('.') {
            Some((schema, table)) if !schema.is_empty() && !table.is_empty() => {
                (Some(schema.to_owned()), table.to_owned())
            }
            _ => (None, table),
        };
        let parsed = Self {
            url,
            schema,
            table,
            key: reader.optional_text("key")?.unwrap_or_else(|| "id".to_owned()),
            modified: reader.optional_text("modified")?,
            version: reader.optional_text("version")?,
            marker: reader.optional_text("marker")?,
        };
        parsed.distinct()?;
        Ok(parsed)
    }

    /// Refuses a column with two meanings.
    fn distinct(&self) -> Result<(), ScopeError> {
        let named = [
            ("key", Some(&self.key)),
            ("modified", self.modified.as_ref()),
            ("version", self.version.as_ref()),
            ("marker", self.marker.as_ref()),
        ];
        for (position, (field, column)) in named.iter().enumerate() {
            let twin = named[..position].iter().find(|(_, other)| column.is_some() && other == column);
            if let (Some((other, _)), Some(column)) = (twin, column) {
                let message = format!("the column {column:?} is the {other} already");
                return Err(ScopeError::new(field, message));
            }
        }
        Ok(())
    }

    /// Resolves a reference and parses the URL.
    pub(super) fn target(&self) -> Result<Target, ScopeError> {
        match &self.url {
            Url::Literal(text) => Target::parse(text),
            Url::Env(name) => {
                let refuse = |message: String| ScopeError::new("url", message);
                let secret = secret::of_variable(name, |name| std::env::var_os(name)).map_err(refuse)?;
                let Some(Secret { value, file }) = secret else {
                    let message = format!("neither the environment variable {name} nor {name}_FILE is set");
                    return Err(refuse(message));
                };
                Target::parse(&value).map_err(|mut error| {
                    if let Some((variable, path)) = &file {
                        error.message.push_str(&format!("; {}", secret::stands_in(variable, path)));
                    }
                    error
                })
            }
        }
    }
}

/// `url` is text, or `{env: NAME}`.
fn url(reader: &ScopeReader<'_>) -> Result<Url, ScopeError> {
    match reader.get("url") {
        None => Err(ScopeError::new("url", format!("is missing: {URL_HELP}"))),
        Some(Json::String(text)) => Ok(Url::Literal(text.clone())),
        Some(reference) => match reference.get("env").and_then(Json::as_str) {
            Some(name) => Ok(Url::Env(name.to_owned())),
            // The value stays out of the message, because it may be a password.
            None => Err(ScopeError::new("url", format!("{URL_HELP}, or {{env: NAME}}"))),
        },
    }
}

impl Target {
    fn parse(url: &str) -> Result<Target, ScopeError> {
        let refuse = |what: &str| ScopeError::new("url", format!("{what}; {URL_HELP}"));
        if url.starts_with("sqlite:") {
            if address::may_hold_password(url.split('?').next().unwrap_or_default()) {
                return Err(refuse("a SQLite URL names a file and has neither user nor password"));
            }
            if url.contains(":memory:") || url.contains("mode=memory") {
                return Err(refuse("a database in memory is gone with its connection"));
            }
            let options =
                SqliteConnectOptions::from_str(url).map_err(|_| refuse("not a valid SQLite URL"))?;
            let path = options.get_filename().to_owned();
            if path.as_os_str().is_empty() {
                return Err(refuse("the SQLite URL names no file"));
            }
            return Ok(Target::Sqlite(path, options));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            address::check(url).map_err(|error| refuse(&error.to_string()))?;
            // The driver's error may quote the URL, so it is left out.
            let options =
                PgConnectOptions::from_str(url).map_err(|_| refuse("not a valid PostgreSQL URL"))?;
            return Ok(Target::Postgres(options));
        }
        Err(refuse("expected a URL that starts with sqlite: or postgres:"))
    }

    /// The database's name in messages, without any password.
    pub(super) fn label(&self) -> String {
        match self {
            Target::Sqlite(path, _) => path.display().to_string(),
            Target::Postgres(options) => {
                let host = options
                    .get_socket()
                    .map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
                let database = options.get_database().unwrap_or(options.get_username());
                format!("{}@{host}:{}/{database}", options.get_username(), options.get_port())
            }
        }
    }
}

/// Makes a relative SQLite path absolute.
pub(super) fn resolve(scope: &mut Json, base_dir: &Path) {
    let Some(url) = scope.get_mut("url") else { return };
    let Some(text) = url.as_str() else { return };
    let Ok(Target::Sqlite(path, _)) = Target::parse(text) else { return };
    let parameters = text.split_once('?').map(|(_, parameters)| format!("?{parameters}")).unwrap_or_default();
    let path = base_dir.join(path).to_string_lossy().into_owned();
    // The driver decodes these again.
    let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    *url = Json::String(format!("sqlite://{path}{parameters}"));
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("sqlite://tasks.db", "sqlite:///srv/tasks.db")]
    #[case("sqlite:tasks.db?mode=ro", "sqlite:///srv/tasks.db?mode=ro")]
    #[case("sqlite:///var/tasks.db", "sqlite:///var/tasks.db")]
    #[case("sqlite://100%25.db", "sqlite:///srv/100%25.db")]
    #[case("postgres://u:p@h/d", "postgres://u:p@h/d")]
    fn relative_sqlite_paths_start_at_the_base(#[case] url: &str, #[case] expected: &str) {
        let mut scope = json!({ "url": url });
        resolve(&mut scope, Path::new("/srv"));
        assert_eq!(scope["url"], expected);
    }

    #[rstest]
    #[case("mysql://u:hunter2@h/d")]
    #[case("postgres://u:hunter2@h:port/d")]
    #[case("postgres://u:hun?ter2@h/d")]
    #[case("postgres://u:hun@ter2/w#rd@h/d")]
    #[case("postgres://u:hunter2@h/d?sslmode=hunter2")]
    #[case("sqlite://u:hunter2@h/d")]
    #[case("sqlite::memory:")]
    #[case("hunter2")]
    fn a_refused_url_is_not_repeated(#[case] url: &str) {
        let error = SqlScope::parse(&json!({"url": url, "table": "t"})).unwrap_err();
        assert_eq!(error.field, "url");
        assert!(!error.message.contains("ter2"), "{error}");
    }

    #[test]
    fn a_password_is_not_printed() {
        let scope = SqlScope::parse(&json!({"url": "postgres://u:hunter2@h/d", "table": "s.t"})).unwrap();
        assert!(!format!("{scope:?}").contains("hunter2"));
        assert_eq!(scope.target().unwrap().label(), "u@h:5432/d");
        assert_eq!(
            (scope.schema.as_deref(), scope.table.as_str(), scope.key.as_str()),
            (Some("s"), "t", "id")
        );
    }

    #[test]
    fn a_column_has_one_meaning() {
        let scope = json!({"url": "sqlite://a.db", "table": "t", "marker": "id"});
        assert_eq!(SqlScope::parse(&scope).unwrap_err().message, "the column \"id\" is the key already");
        let scope = json!({"url": {"env": "TASKS_URL"}, "table": "t"});
        assert!(matches!(SqlScope::parse(&scope).unwrap().url, Url::Env(_)));
    }
}
