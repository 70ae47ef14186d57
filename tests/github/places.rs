//! Either side of a sync: a repository, or a table in SQLite.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use super::stage::Github;

/// The fields of an item, as text. What is empty is left out.
pub(crate) type Record = BTreeMap<&'static str, String>;

pub(crate) enum Side<'a> {
    Repository { github: &'a Github, name: &'static str },
    Table(SqlitePool),
}

/// The comment by which Syncline finds what it made.
const MARKER: &str = "\n\n<!-- syncline:";

impl Side<'_> {
    pub(crate) async fn table(file: &Path) -> Result<Side<'static>> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .busy_timeout(std::time::Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let sql = "CREATE TABLE IF NOT EXISTS issues (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT, \
                   status TEXT, updated_at TEXT, mark TEXT UNIQUE)";
        sqlx::query(sql).execute(&pool).await?;
        Ok(Side::Table(pool))
    }

    pub(crate) fn has_labels(&self) -> bool {
        matches!(self, Side::Repository { .. })
    }

    /// All items by id.
    pub(crate) async fn read(&self) -> Result<BTreeMap<String, Record>> {
        let kept = |fields: Vec<(&'static str, String)>| -> Record {
            fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()
        };
        match self {
            Side::Repository { github, name } => {
                let issues = github.issues(name).await?;
                Ok(issues.iter().map(|issue| (issue["number"].to_string(), kept(fields(issue)))).collect())
            }
            Side::Table(pool) => {
                let rows = sqlx::query("SELECT id, title, body, status FROM issues").fetch_all(pool).await?;
                let record = |row: &sqlx::sqlite::SqliteRow| -> Result<(String, Record)> {
                    let text = |name: &str| row.try_get::<Option<String>, _>(name);
                    let fields =
                        ["title", "body", "status"].map(|name| Ok((name, text(name)?.unwrap_or_default())));
                    let fields: Vec<_> = fields.into_iter().collect::<Result<_, sqlx::Error>>()?;
                    Ok((row.try_get::<i64, _>("id")?.to_string(), kept(fields)))
                };
                rows.iter().map(record).collect()
            }
        }
    }

    /// Someone edits a field.
    pub(crate) async fn edit(&self, id: &str, field: &str, value: &str) -> Result<()> {
        match self {
            Side::Repository { github, name } => {
                let change = match field {
                    "status" if value == "open" => json!({ "state": "open" }),
                    "status" => json!({ "state": "closed", "state_reason": value }),
                    "labels" => json!({ "labels": value.split(',').collect::<Vec<_>>() }),
                    // An edit keeps the comment with the marker below the text.
                    "body" => {
                        let issue = github.get(&format!("/github/repos/{name}/issues/{id}")).await?;
                        let stored = issue["body"].as_str().unwrap_or_default().replace("\r\n", "\n");
                        let marker = stored.find(MARKER).map_or("", |at| &stored[at..]);
                        json!({ "body": format!("{value}{marker}") })
                    }
                    _ => json!({ field: value }),
                };
                github.edit(name, id.parse()?, change).await
            }
            Side::Table(pool) => {
                let sql = format!(
                    "UPDATE issues SET {field} = ?, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = ?"
                );
                let id: i64 = id.parse()?;
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind(value).bind(id).execute(pool).await?;
                Ok(())
            }
        }
    }

    /// Someone makes an item.
    pub(crate) async fn create(&self, record: &Record) -> Result<()> {
        let text = |name: &str| record.get(name).cloned().unwrap_or_default();
        match self {
            Side::Repository { github, name } => {
                let labels = text("labels");
                let labels: Vec<&str> = labels.split(',').filter(|label| !label.is_empty()).collect();
                let mut issue = json!({ "title": text("title"), "body": text("body"), "labels": labels });
                if text("status") != "open" {
                    issue["state"] = json!("closed");
                    issue["state_reason"] = json!(text("status"));
                }
                github.create(name, issue).await?;
                Ok(())
            }
            Side::Table(pool) => {
                let sql = "INSERT INTO issues (title, body, status, updated_at) \
                           VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
                let query = sqlx::query(sql).bind(text("title")).bind(text("body")).bind(text("status"));
                query.execute(pool).await.context("a new row")?;
                Ok(())
            }
        }
    }
}

/// The fields of an issue, as a sync maps them.
fn fields(issue: &Json) -> Vec<(&'static str, String)> {
    let text = |key: &str| issue[key].as_str().unwrap_or_default().to_owned();
    let status = match (issue["state"].as_str(), issue["state_reason"].as_str()) {
        (Some("closed"), Some(reason)) => reason,
        (Some("closed"), None) => "completed",
        _ => "open",
    };
    let mut labels: Vec<&str> =
        issue["labels"].as_array().into_iter().flatten().filter_map(|label| label["name"].as_str()).collect();
    labels.sort_unstable();
    let stored = text("body").replace("\r\n", "\n");
    let body = stored.split("<!-- syncline:").next().unwrap_or_default();
    let body = if body.len() < stored.len() { body.strip_suffix("\n\n").unwrap_or(body) } else { body };
    vec![
        ("title", text("title")),
        ("body", body.to_owned()),
        ("status", status.to_owned()),
        ("labels", labels.join(",")),
    ]
}
