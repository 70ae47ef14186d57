//! Settings: where each comes from, secrets in files, and what is said of a wrong one. No secret is ever printed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::Value;
use syncline_support::program::Program;

use super::common::{ensure_tells, program};

/// The program without any setting.
fn unset() -> Result<Program> {
    let mut program = program()?;
    for name in ["DATABASE_URL", "SYNCLINE_LEASE_MS"] {
        program.set(name, "");
    }
    Ok(program)
}

/// What `config --json` lists, by variable: the value, and where it comes from.
fn listed(program: &Program, arguments: &[&str]) -> Result<BTreeMap<String, (String, String)>> {
    let told = program.expect(0, &[&["config", "--json"], arguments].concat())?.json()?;
    let text = |setting: &Value, key: &str| {
        setting[key].as_str().map(str::to_owned).with_context(|| format!("{key} is missing: {setting}"))
    };
    let settings = told["settings"].as_array().context("a list of settings")?;
    settings
        .iter()
        .map(|setting| Ok((text(setting, "variable")?, (text(setting, "value")?, text(setting, "from")?))))
        .collect()
}

fn ensure_listed(program: &Program, arguments: &[&str], expected: &[(&str, &str, &str)]) -> Result<()> {
    let listed = listed(program, arguments)?;
    for (variable, value, from) in expected {
        let found = listed.get(*variable).with_context(|| format!("{variable} is missing: {listed:?}"))?;
        ensure!((&*found.0, &*found.1) == (*value, *from), "{variable}: {found:?}");
    }
    Ok(())
}

#[test]
fn every_setting_is_listed_with_its_default() -> Result<()> {
    let expected = [
        ("DATABASE_URL", "sqlite://syncline.db"),
        ("SYNCLINE_DB_POOL_MIN", "1"),
        ("SYNCLINE_DB_POOL_MAX", "4"),
        ("SYNCLINE_DB_POOL_ACQUIRE_MS", "30000"),
        ("REDIS_URL", "not set"),
        ("SYNCLINE_QUEUE", "sql"),
        ("SYNCLINE_QUEUE_PREFIX", "syncline"),
        ("SYNCLINE_QUEUE_LIMIT", "100000"),
        ("SYNCLINE_QUEUE_OVERDUE", "60"),
        ("SYNCLINE_HTTP_CONNECT_MS", "10000"),
        ("SYNCLINE_HTTP_READ_MS", "30000"),
        ("SYNCLINE_HTTP_TOTAL_MS", "60000"),
        ("SYNCLINE_HTTP_LARGEST_BODY", "33554432"),
        ("SYNCLINE_HTTP_PROXY", "not set"),
        ("SYNCLINE_ALLOW_PRIVATE_HOSTS", "none"),
        ("SYNCLINE_CA_FILE", "not set"),
        ("SYNCLINE_API_ADDR", "127.0.0.1:8080"),
        ("SYNCLINE_WORKER_ADDR", "127.0.0.1:8000"),
        ("SYNCLINE_MIGRATE", "true"),
        ("SYNCLINE_WAIT_FOR_SCHEMA", "false"),
        ("SYNCLINE_ALLOW_PATHS", "none"),
        ("SYNCLINE_ALLOW_VARIABLES", "none"),
        ("SYNCLINE_ALLOW_HOSTS", "none"),
        ("SYNCLINE_ALLOW_VAULT", "none"),
        ("SYNCLINE_TOKEN", "not set"),
        ("SYNCLINE_SERVER", "not set"),
        ("SYNCLINE_OPS_ADDR", "not set"),
        ("SYNCLINE_PUBLIC_URL", "not set"),
        ("SYNCLINE_ALLOWED_HOSTS", "not set"),
        ("SYNCLINE_TLS_CERT", "not set"),
        ("SYNCLINE_TLS_KEY", "not set"),
        ("SYNCLINE_API_READS", "50"),
        ("SYNCLINE_API_WRITES", "200"),
        ("SYNCLINE_DOCS", "on"),
        ("SYNCLINE_CONCURRENCY", "4"),
        ("SYNCLINE_POLL_MS", "1000"),
        ("SYNCLINE_GRACE", "30"),
        ("SYNCLINE_LEASE_MS", "30000"),
        ("SYNCLINE_HEARTBEAT_MS", "10000"),
        ("SYNCLINE_KEEP_RUNS", "90d"),
        ("SYNCLINE_KEEP_RUNS_COUNT", "100000"),
        ("SYNCLINE_KEEP_CHANGES", "365d"),
        ("SYNCLINE_KEEP_CHANGES_COUNT", "all"),
        ("SYNCLINE_KEEP_CONFLICTS", "365d"),
        ("SYNCLINE_KEEP_DELIVERIES", "30d"),
        ("SYNCLINE_KEEP_DELIVERIES_COUNT", "all"),
        ("SYNCLINE_KEEP_AUDIT", "365d"),
        ("SYNCLINE_KEEP_DELETED_SYNCS", "30d"),
        ("SYNCLINE_PURGE_EVERY", "1d"),
        ("SYNCLINE_LOG", "info"),
        ("SYNCLINE_LOG_FORMAT", "text"),
        ("SYNCLINE_SECRET_KEY", "not set"),
        ("SYNCLINE_SECRET_KEY_PREVIOUS", "not set"),
        ("VAULT_ADDR", "not set"),
        ("VAULT_NAMESPACE", "none"),
        ("VAULT_APPROLE_MOUNT", "approle"),
        ("VAULT_ROLE_ID", "not set"),
        ("VAULT_TOKEN", "not set"),
        ("VAULT_SECRET_ID", "not set"),
        ("COLUMNS", "as the terminal has"),
    ];
    ensure_listed(&unset()?, &[], &expected.map(|(variable, value)| (variable, value, "default")))?;
    let others = ["NO_COLOR", "USER"];
    let listed = listed(&unset()?, &[])?;
    ensure!(listed.len() == expected.len() + others.len(), "{:?}", listed.keys());
    // What is listed is documented.
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md"))?;
    for variable in listed.keys() {
        ensure!(manual.contains(&format!("`{variable}`")), "{variable} is not in docs/configuration.md");
    }
    Ok(())
}

#[test]
fn a_setting_comes_from_a_flag_a_variable_a_file_or_is_the_default() -> Result<()> {
    let mut program = unset()?;
    program.write("database", "postgres://ada:hunter2@db.example/sync\n")?;
    program.write("redis", "rediss://bob:hunter2@cache.example/1\r\n")?;
    program.set("DATABASE_URL_FILE", "database");
    program.set("REDIS_URL_FILE", "redis");
    program.set("SYNCLINE_DB_POOL_MAX", "7");
    program.set("RUST_LOG", "sqlx=info");
    program.set("SYNCLINE_KEEP_RUNS", "2w");
    program.set("SYNCLINE_ALLOW_HOSTS", "DB.example:5432, other");
    program.set("SYNCLINE_ALLOW_PATHS", " ");
    ensure_listed(
        &program,
        &["--grace", "5", "--allow-variables", "TASKS_*"],
        &[
            ("DATABASE_URL", "postgres://ada@db.example/sync", "file: DATABASE_URL_FILE"),
            ("REDIS_URL", "rediss://bob@cache.example:6379/1", "file: REDIS_URL_FILE"),
            ("SYNCLINE_QUEUE", "redis", "file: REDIS_URL_FILE"),
            ("SYNCLINE_DB_POOL_MAX", "7", "environment: SYNCLINE_DB_POOL_MAX"),
            ("SYNCLINE_DB_POOL_MIN", "2", "default"),
            ("SYNCLINE_LOG", "sqlx=info", "environment: RUST_LOG"),
            ("SYNCLINE_KEEP_RUNS", "14d", "environment: SYNCLINE_KEEP_RUNS"),
            ("SYNCLINE_GRACE", "5", "flag"),
            ("SYNCLINE_ALLOW_PATHS", "none", "default"),
            ("SYNCLINE_ALLOW_VARIABLES", "TASKS_*", "flag"),
            ("SYNCLINE_ALLOW_HOSTS", "db.example:5432,other", "environment: SYNCLINE_ALLOW_HOSTS"),
        ],
    )?;
    let file = program.expect(0, &["config", "--json"])?.json()?;
    ensure!(file["settings"][0]["path"] == "database", "{file}");
    program.set("COLUMNS", "80");
    let told = program.expect(0, &["config"])?.stdout;
    ensure_tells(&told, &["--database-url", "(file: DATABASE_URL_FILE, database)", "SYNCLINE_DB_POOL_MAX"])?;
    ensure!(!told.contains("hunter2") && !file.to_string().contains("hunter2"), "{told}");
    ensure!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    Ok(())
}

#[test]
fn older_variables_are_listed_where_they_are_in_force_and_named_where_not() -> Result<()> {
    let mut program = unset()?;
    program.write("password", "hunter2\n")?;
    for (name, value) in [
        ("DB_HOST", "db"),
        ("DB_PORT", "5433"),
        ("DB_NAME", "x"),
        ("DB_USER", "me"),
        ("DB_PASSWORD_FILE", "password"),
        ("SYNC_PORT", "9090"),
        ("MONITOR_PORT", "9000"),
        ("LOG_LEVEL", "warning"),
    ] {
        program.set(name, value);
    }
    ensure_listed(
        &program,
        &[],
        &[
            ("DATABASE_URL", "postgres://me@db:5433/x", "environment: DB_HOST"),
            ("DB_HOST", "db", "environment: DB_HOST"),
            ("DB_PORT", "5433", "environment: DB_PORT"),
            ("DB_NAME", "x", "environment: DB_NAME"),
            ("DB_USER", "me", "environment: DB_USER"),
            ("DB_PASSWORD", "(hidden)", "file: DB_PASSWORD_FILE"),
            ("SYNCLINE_API_ADDR", "127.0.0.1:9090", "environment: SYNC_PORT"),
            ("SYNCLINE_WORKER_ADDR", "127.0.0.1:9000", "environment: MONITOR_PORT"),
            ("SYNCLINE_LOG", "warning", "environment: LOG_LEVEL"),
        ],
    )?;
    let unused = "not used: --database-url goes before it";
    ensure_listed(
        &program,
        &["--database-url", "sqlite://a.db", "--listen", "8081"],
        &[
            ("DATABASE_URL", "sqlite://a.db", "flag"),
            ("DB_HOST", unused, "environment: DB_HOST"),
            ("SYNC_PORT", "not used: --listen goes before it", "environment: SYNC_PORT"),
        ],
    )?;
    ensure!(!program.expect(0, &["config"])?.stdout.contains("hunter2"));
    Ok(())
}

#[test]
fn commands_work_with_what_a_file_holds() -> Result<()> {
    let mut program = unset()?;
    program.write("database", "sqlite://other.db\n")?;
    program.set("DATABASE_URL_FILE", "database");
    program.expect(0, &["migrate", "up"])?;
    ensure!(program.path("other.db").exists() && !program.path("syncline.db").exists());
    program.write("redis", "redis://me:hunter2@127.0.0.1:1")?;
    program.set("REDIS_URL_FILE", "redis");
    let refused = program.expect(2, &["queues"])?.stderr;
    ensure_tells(&refused, &["REDIS_URL redis://me@127.0.0.1:1", "cannot be reached"])?;
    ensure!(!refused.contains("hunter2"), "{refused}");
    // A flag goes before both variables, however wrong those are.
    program.set("DATABASE_URL", "sqlite://third.db");
    program.expect(0, &["--database-url", "sqlite://other.db", "--queue", "sql", "queues"])?;
    Ok(())
}

const SECRETS: [&str; 3] = ["DATABASE_URL", "REDIS_URL", "DB_PASSWORD"];

#[rstest]
#[case::empty(Some(&b"\n"[..]), "the file is empty; write the value into it")]
#[case::no_text(Some(&b"hunter2\xff"[..]), "the file is not UTF-8 text")]
#[case::too_large(Some(&[b'x'; 65_537][..]), "larger than 64 KiB")]
#[case::missing(None, "No such file or directory; name a file that this user may read, or unset")]
fn a_file_without_a_usable_value_is_refused(
    #[case] content: Option<&[u8]>,
    #[case] told: &str,
) -> Result<()> {
    for name in SECRETS {
        let mut program = unset()?;
        if name == "DB_PASSWORD" {
            program.set("DB_HOST", "127.0.0.1");
            program.set("DB_NAME", "x");
        }
        let path = program.path("secret");
        if let Some(content) = content {
            std::fs::write(&path, content)?;
        }
        let variable = format!("{name}_FILE");
        program.set(&variable, &path.display().to_string());
        for arguments in [&["config"][..], &["stats"], &["--json", "worker"]] {
            let refused = program.expect(2, arguments)?;
            let place = format!("{variable} {}: ", path.display());
            let text = refused.stdout + &refused.stderr;
            ensure_tells(&text, &[&place, told])?;
            ensure!(!text.contains("hunter2") && !text.contains("xxxx"), "{text}");
        }
        program.set(&variable, "");
        program.set("DB_HOST", "");
        program.expect(0, &["config"])?;
    }
    Ok(())
}

#[test]
fn a_variable_and_its_file_exclude_each_other() -> Result<()> {
    for name in SECRETS {
        let mut program = unset()?;
        program.set("DB_HOST", "127.0.0.1");
        program.set("DB_NAME", "x");
        program.set(name, "hunter2");
        program.set(&format!("{name}_FILE"), "secret");
        let refused = program.expect(2, &["config"])?.stderr;
        ensure_tells(&refused, &[&format!("{name} and {name}_FILE are both set"), "unset the other"])?;
        ensure!(!refused.contains("hunter2"), "{refused}");
    }
    Ok(())
}

#[rstest]
#[case::of_postgresql("DATABASE_URL", "postgres://me:hun?ter2@127.0.0.1/x")]
#[case::of_another_database("DATABASE_URL", "mysql://me:hun/ter2@127.0.0.1/x")]
#[case::of_redis("REDIS_URL", "redis://me:hun?ter2@127.0.0.1:1")]
#[case::of_no_scheme("REDIS_URL", "me:hunter2@127.0.0.1")]
fn a_malformed_address_in_a_file_is_refused_without_it(#[case] name: &str, #[case] url: &str) -> Result<()> {
    let mut program = unset()?;
    program.write("secret", url)?;
    program.set(&format!("{name}_FILE"), "secret");
    for arguments in [&["config"][..], &["--json", "config"], &["-vv", "stats"]] {
        let refused = program.expect(2, arguments)?;
        let text = refused.stdout + &refused.stderr;
        ensure_tells(&text, &[name, "the value stands in secret", &format!("{name}_FILE names")])?;
        ensure!(!text.contains("hun") && !text.contains("ter2"), "{text}");
    }
    Ok(())
}

#[rstest]
#[case("SYNCLINE_DB_POOL_MAX", "many", "SYNCLINE_DB_POOL_MAX \"many\" is not a whole number from 1 to 1000")]
#[case("SYNCLINE_PURGE_EVERY", "5s", "SYNCLINE_PURGE_EVERY \"5s\" is less than a minute; write 1m or more")]
#[case("SYNCLINE_KEEP_AUDIT", "long", "SYNCLINE_KEEP_AUDIT \"long\" is no length of time: write a number")]
#[case("SYNC_PORT", "http", "SYNC_PORT \"http\" is no port; write 1 to 65535")]
#[case("SYNCLINE_WORKER_ADDR", "x", "SYNCLINE_WORKER_ADDR \"x\" is no address; write an address")]
#[case("LOG_LEVEL", "a=b=c", "LOG_LEVEL \"a=b=c\" is not understood; write error")]
#[case("SYNCLINE_LEASE_MS", "1", "the variable SYNCLINE_LEASE_MS")]
#[case("SYNCLINE_ALLOW_PATHS", "data", "SYNCLINE_ALLOW_PATHS: \"data\" is not the absolute path of a folder")]
#[case("SYNCLINE_TEST_STOP_AT", "a:b", "SYNCLINE_TEST_STOP_AT \"a:b\" is not STEP or STEP:N; unset it")]
fn a_wrong_value_is_told_before_anything_is_opened(
    #[case] name: &str,
    #[case] value: &str,
    #[case] told: &str,
) -> Result<()> {
    let mut program = unset()?;
    program.set(name, value);
    ensure_tells(&program.expect(2, &["config"])?.stderr, &[told])?;
    if name != "SYNCLINE_WORKER_ADDR" {
        ensure_tells(&program.expect(2, &["up"])?.stderr, &[told])?;
        ensure!(!program.path("syncline.db").exists());
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_named() -> Result<()> {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let program = unset()?;
    for name in ["SYNCLINE_GRACE", "SYNC_PORT", "DATABASE_URL"] {
        let output = program.command(&["config"]).env(name, OsStr::from_bytes(b"a\xff")).output()?;
        ensure!(output.status.code() == Some(2), "{output:?}");
        ensure_tells(&String::from_utf8_lossy(&output.stderr), &[name, "is not UTF-8 text; set it to text"])?;
    }
    Ok(())
}
