//! Accounts, from a key to a sync through one, against the simulator of GitHub; and that no secret is told anywhere.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Column, Row, SqlitePool};
use syncline_simulator::{Limits, Running, Settings, Simulator};
use syncline_support::program::Program;

use super::common::{ensure_tells, with_database};

/// A program with a key, and the simulator that it may reach.
pub(crate) struct Stage {
    pub(crate) program: Program,
    pub(crate) simulator: Running,
    pub(crate) token: String,
    /// Everything that commands have printed.
    told: std::cell::RefCell<String>,
}

impl Stage {
    pub(crate) async fn new() -> Result<Stage> {
        let settings = Settings { limits: Limits::Real, ..Settings::default() };
        let simulator = Simulator::start(settings).await?;
        let (_, example) = simulator.control("POST", "/example", &json!({ "items": 3 }));
        let token = example["github"]["token"].as_str().with_context(|| example.to_string())?.to_owned();
        let mut program = with_database()?;
        program.set("SYNCLINE_ALLOW_PRIVATE_HOSTS", "127.0.0.1");
        let key = program.expect(0, &["--json", "accounts", "key"])?.json()?;
        program.set("SYNCLINE_SECRET_KEY", key["key"].as_str().context("a key")?);
        Ok(Stage { program, simulator, token, told: std::cell::RefCell::default() })
    }

    /// Runs a command with everything logged that can be; the secret comes from standard input.
    pub(crate) fn run(&self, code: i32, arguments: &[&str], input: &str) -> Result<(String, String)> {
        let mut command = self.program.command(arguments);
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().context("standard input is piped")?.write_all(input.as_bytes())?;
        let Output { status, stdout, stderr } = child.wait_with_output()?;
        let (out, err) =
            (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
        self.told.borrow_mut().push_str(&format!("{out}\n{err}\n"));
        let tail: String = err.lines().rev().take(20).collect::<Vec<_>>().join("\n");
        ensure!(status.code() == Some(code), "{arguments:?}: {status}\n{out}\n{tail}");
        Ok((out, err))
    }

    pub(crate) fn add(&self, name: &str, token: &str) -> Result<()> {
        let address = self.simulator.github();
        let arguments = ["accounts", "add", name, "--platform", "github", "--base-url", &address];
        self.run(0, &arguments, &format!("{token}\n"))?;
        Ok(())
    }

    /// Stores a sync from a repository of the example into a file.
    fn apply(&self, account: &str) -> Result<()> {
        self.program.write("issues.csv", "id,title,state\n")?;
        self.program.write(
            "sync.yaml",
            &format!(
                "name: issues\nsource_platform: github\nsource: {{ account: {account}, repository: acme/web }}\n\
                 target_platform: csv\ntarget: {{ path: issues.csv, key: id }}\nentity_type: issue\n\
                 direction: source_to_target\nfield_mappings:\n  \
                 - {{ source_field: number, target_field: id, source_type: number }}\n  \
                 - {{ source_field: title, target_field: title }}\n  \
                 - {{ source_field: state, target_field: state }}\n"
            ),
        )?;
        self.run(0, &["apply", "sync.yaml"], "")?;
        Ok(())
    }

    /// Every cell of every table, as text.
    async fn dump(&self) -> Result<String> {
        let pool =
            SqlitePool::connect(&format!("sqlite://{}", self.program.path("syncline.db").display())).await?;
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&pool)
            .await?;
        let mut dump = String::new();
        for table in tables {
            let query = sqlx::AssertSqlSafe(format!("SELECT * FROM \"{table}\""));
            for row in sqlx::query(query).fetch_all(&pool).await? {
                for column in row.columns() {
                    let bytes: Option<Vec<u8>> = row.try_get_unchecked(column.ordinal()).unwrap_or_default();
                    dump.push_str(&String::from_utf8_lossy(&bytes.unwrap_or_default()));
                    dump.push('\n');
                }
            }
        }
        pool.close().await;
        Ok(dump)
    }
}

/// The whole answer to a request.
fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn ensure_absent(where_: &str, text: &str, secrets: &[&str]) -> Result<()> {
    for secret in secrets {
        if let Some(place) = text.find(secret) {
            let from = text[..place].rfind('\n').map_or(0, |line| line + 1);
            let to = text[place..].find('\n').map_or(text.len(), |end| place + end);
            anyhow::bail!("a secret is in {where_}: {}", &text[from..to]);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_key_to_a_sync_and_no_secret_is_told() -> Result<()> {
    let stage = Stage::new().await?;
    let token = stage.token.clone();
    stage.add("acme-github", &token)?;
    let (listed, _) = stage.run(0, &["accounts"], "")?;
    ensure_tells(&listed, &["acme-github", "github", "encrypted", "ready"])?;
    let (shown, _) = stage.run(0, &["--json", "accounts", "show", "acme-github"], "")?;
    let shown: Value = serde_json::from_str(&shown)?;
    ensure!(shown["secret"]["kind"] == "encrypted" && shown["secret"]["fingerprint"].is_string(), "{shown}");
    let (checked, _) = stage.run(0, &["accounts", "check", "acme-github"], "")?;
    ensure_tells(&checked, &["account acme-github: ", " on github (id ", "requests are left"])?;

    stage.apply("acme-github")?;
    stage.run(0, &["plan", "issues"], "")?;
    stage.run(0, &["sync", "issues"], "")?;
    let rows = std::fs::read_to_string(stage.program.path("issues.csv"))?;
    ensure!(rows.lines().count() > 3, "{rows}");

    let (_, refused) = stage.run(2, &["accounts", "remove", "acme-github"], "")?;
    ensure_tells(&refused, &["is used by issues"])?;
    let (_, refused) = stage.run(2, &["accounts", "add", "acme-github", "--platform", "github"], &token)?;
    ensure_tells(&refused, &["accounts rotate acme-github"])?;
    let (_, refused) = stage.run(
        2,
        &["accounts", "add", "other", "--platform", "github", "--secret", "ghp_pLanted99"],
        "",
    )?;
    ensure_tells(&refused, &["--secret is not a reference"])?;

    // A refused secret pauses the account once; the next run says so instead of failing in its turn.
    let wrong = "ghp_pLantedWrong";
    stage.run(0, &["accounts", "rotate", "acme-github"], wrong)?;
    stage.run(1, &["accounts", "check", "acme-github"], "")?;
    stage.run(1, &["sync", "issues"], "")?;
    let (_, refused) = stage.run(1, &["sync", "issues"], "")?;
    ensure_tells(&refused, &["paused"])?;
    let (paused, _) = stage.run(0, &["accounts", "show", "acme-github"], "")?;
    ensure_tells(&paused, &["paused by syncline since"])?;
    let (rotated, _) = stage.run(0, &["accounts", "rotate", "acme-github"], &token)?;
    ensure_tells(&rotated, &["it goes on"])?;
    stage.run(0, &["sync", "issues"], "")?;

    let api = stage.program.serve(&["api"])?;
    for path in ["jobs", "dead", "queues", "schedules", "sync/stats", "workers"] {
        let answer = get(api.address, &format!("/api/v1/{path}"))?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        ensure_absent(path, &answer, &[&token, "pLanted"])?;
    }
    ensure_absent("the log of the API", &api.log(), &[&token, "pLanted"])?;
    drop(api);

    let key = stage.program.expect(0, &["config", "--json"])?.stdout;
    let secrets = [&*token, "pLanted"];
    ensure_absent("the settings", &key, &secrets)?;
    ensure_absent("the output or the log", &stage.told.borrow(), &secrets)?;
    ensure_absent("the database", &stage.dump().await?, &secrets)?;
    for file in ["syncline.db", "syncline.db-wal", "issues.csv"] {
        let bytes = std::fs::read(stage.program.path(file)).unwrap_or_default();
        ensure_absent(file, &String::from_utf8_lossy(&bytes), &secrets)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_secret_belongs_to_its_account_and_key() -> Result<()> {
    let mut stage = Stage::new().await?;
    let token = stage.token.clone();
    stage.add("one", &token)?;
    stage.add("two", "ghp_pLantedOther")?;

    // Another key: the secret is moved with the former one at hand, and not without.
    let old = stage.program.expect(0, &["--json", "accounts", "show", "one"])?.json()?;
    let key = stage.program.expect(0, &["--json", "accounts", "key"])?.json()?;
    let former = stage.program.variable("SYNCLINE_SECRET_KEY").context("a key")?;
    stage.program.set("SYNCLINE_SECRET_KEY", key["key"].as_str().context("a key")?);
    let (_, refused) = stage.run(2, &["accounts", "rotate", "--all"], "")?;
    ensure_tells(&refused, &["SYNCLINE_SECRET_KEY_PREVIOUS"])?;
    stage.program.set("SYNCLINE_SECRET_KEY_PREVIOUS", &former);
    stage.run(0, &["accounts", "check", "one"], "")?;
    let (moved, _) = stage.run(0, &["accounts", "rotate", "--all"], "")?;
    ensure_tells(&moved, &["2 secrets are now under the key"])?;
    stage.program.set("SYNCLINE_SECRET_KEY_PREVIOUS", "");
    let new = stage.program.expect(0, &["--json", "accounts", "show", "one"])?.json()?;
    ensure!(old["secret"]["fingerprint"] == new["secret"]["fingerprint"], "{old} {new}");
    ensure!(old["secret"]["key"] != new["secret"]["key"], "{old} {new}");

    // Rows that were exchanged, and an address that was changed behind Syncline's back.
    let pool =
        SqlitePool::connect(&format!("sqlite://{}", stage.program.path("syncline.db").display())).await?;
    let sealed: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT secret_enc FROM accounts ORDER BY name").fetch_all(&pool).await?;
    let give = async |bytes: &[u8]| {
        let update = sqlx::query("UPDATE accounts SET secret_enc = ? WHERE name = 'one'");
        update.bind(bytes.to_vec()).execute(&pool).await
    };
    give(&sealed[1]).await?;
    let (_, refused) = stage.run(1, &["accounts", "check", "one"], "")?;
    ensure_tells(&refused, &["belongs to another account"])?;
    give(&sealed[0]).await?;
    stage.run(0, &["accounts", "check", "one"], "")?;
    sqlx::query("UPDATE accounts SET base_url = 'http://127.0.0.1:9/steal'").execute(&pool).await?;
    let (_, refused) = stage.run(1, &["accounts", "check", "one"], "")?;
    ensure_tells(&refused, &["another base URL"])?;
    ensure_absent("the output or the log", &stage.told.borrow(), &[&token, "pLanted"])
}

#[test]
fn a_secret_without_a_key_is_refused_with_the_command_that_makes_one() -> Result<()> {
    let program = with_database()?;
    let refused = program.expect(2, &["accounts", "add", "acme", "--platform", "github"])?.stderr;
    ensure_tells(&refused, &["syncline accounts key", "SYNCLINE_SECRET_KEY"])?;
    let file = program.path("key").display().to_string();
    program.expect(0, &["accounts", "key", "-o", &file])?;
    program.expect(2, &["accounts", "key", "-o", &file])?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        ensure!(std::fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600);
    }
    Ok(())
}

#[test]
fn references_are_stored_and_listed_and_removed() -> Result<()> {
    let mut program = with_database()?;
    program.set("COLUMNS", "80");
    let add = ["accounts", "add", "team/acme", "--platform", "github", "--secret", "env:ACME_TOKEN"];
    let added = program.expect(0, &add)?;
    ensure_tells(&added.stderr, &["ACME_TOKEN", "which is not", "ACME_TOKEN_FILE"])?;
    ensure_tells(&program.expect(0, &["accounts"])?.stdout, &["team/acme", "env:ACME_TOKEN"])?;
    program.expect(0, &["accounts", "pause", "team/acme", "--reason", "holidays"])?;
    ensure_tells(
        &program.expect(0, &["accounts", "show", "team/acme"])?.stdout,
        &["holidays", "no sync uses it"],
    )?;
    program.expect(0, &["accounts", "resume", "team/acme"])?;
    program.expect(0, &["accounts", "remove", "team/acme"])?;
    ensure_tells(&program.expect(0, &["accounts"])?.stdout, &["no accounts"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_makes_an_account_by_itself() -> Result<()> {
    let mut stage = Stage::new().await?;
    stage.program.set("GITHUB_TOKEN", "ghp_pLantedVariable");
    let (listed, _) = stage.run(0, &["accounts"], "")?;
    ensure_tells(&listed, &["github", "env:GITHUB_TOKEN"])?;
    stage.apply("github")?;
    let (shown, _) = stage.run(0, &["accounts", "show", "github"], "")?;
    ensure_tells(&shown, &["used by issues", "env:GITHUB_TOKEN", "fingerprint"])?;
    let (_, refused) = stage.run(2, &["accounts", "remove", "github"], "")?;
    ensure_tells(&refused, &["is used by issues"])?;
    ensure_absent("the database", &stage.dump().await?, &["pLanted"])
}

/// Enterprise Server limits nothing unless somebody enables its limits.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_keeps_the_limits_of_its_platform_unless_told_otherwise() -> Result<()> {
    let stage = Stage::new().await?;
    let address = stage.simulator.github();
    stage.add("usual", &stage.token)?;
    let add = ["accounts", "add", "fast", "--platform", "github", "--limits", "off"];
    let (_, refused) = stage.run(2, &add, &stage.token)?;
    ensure_tells(&refused, &["limits: off", "no base URL"])?;
    let of_vendor = [&add[..], &["--base-url", "https://api.github.com"]].concat();
    let (_, refused) = stage.run(2, &of_vendor, &stage.token)?;
    ensure_tells(&refused, &["limits: off", "api.github.com is a host of github itself"])?;
    let (added, _) = stage.run(0, &[&add[..], &["--base-url", &address]].concat(), &stage.token)?;
    ensure_tells(&added, &["limits are off"])?;
    ensure_tells(&stage.run(0, &["accounts", "show", "fast"], "")?.0, &["limits are off"])?;
    let (listed, _) = stage.run(0, &["--json", "accounts"], "")?;
    let listed: Value = serde_json::from_str(&listed)?;
    let limits: Vec<_> =
        listed["accounts"].as_array().into_iter().flatten().map(|account| &account["limits"]).collect();
    ensure!(limits == [false, true], "{listed}");

    // A server with limits, then one without.
    ensure_tells(&stage.run(0, &["accounts", "check", "fast"], "")?.0, &["accounts limits fast on"])?;
    let (checked, _) = stage.run(0, &["accounts", "check", "usual"], "")?;
    ensure!(!checked.contains("accounts limits"), "{checked}");
    stage.simulator.control("PATCH", "/settings", &json!({ "limits": "off" }));
    ensure_tells(&stage.run(0, &["accounts", "check", "usual"], "")?.0, &["accounts limits usual off"])?;
    let (checked, _) = stage.run(0, &["accounts", "check", "fast"], "")?;
    ensure_tells(&checked, &["the server limits nothing, and the account keeps no limits"])?;
    let (set, _) = stage.run(0, &["accounts", "limits", "usual", "off"], "")?;
    ensure_tells(&set, &["the account usual: limits are off"])?;
    stage.run(0, &["accounts", "check", "usual"], "")?;
    let (set, _) = stage.run(0, &["--json", "accounts", "limits", "usual", "on"], "")?;
    ensure!(serde_json::from_str::<Value>(&set)?["limits"] == true, "{set}");
    Ok(())
}
