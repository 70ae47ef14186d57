//! What a role says at its start, and what keeps it from starting.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rstest::rstest;
use serde_json::Value;
use syncline_support::redis::Server;

use super::common::{ensure_tells, program, with_database};

/// Starts a role and returns what it logs until it serves. It is killed then.
fn log_until_it_serves(mut command: Command) -> Result<Vec<String>> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().context("standard error is piped")?;
    let mut lines = Vec::new();
    for line in BufReader::new(stderr).lines() {
        lines.push(line?);
        if lines.last().is_some_and(|line| line.contains("serving")) {
            break;
        }
    }
    child.kill()?;
    child.wait()?;
    if !lines.iter().any(|line| line.contains("serving")) {
        bail!("it does not serve: {lines:?}");
    }
    Ok(lines)
}

#[test]
fn a_second_worker_of_a_machine_takes_the_next_free_port() -> Result<()> {
    // This test or another program of the machine may hold the port.
    let _taken = TcpListener::bind("127.0.0.1:8000");
    let mut program = with_database()?;
    let told = log_until_it_serves(program.command(&["worker"]))?.join("\n");
    ensure_tells(&told, &["127.0.0.1:8000 is in use", "worker listens on 127.0.0.1:80"])?;
    ensure!(!told.contains("listen=127.0.0.1:8000 "), "{told}");

    let refused = program.expect(2, &["worker", "--listen", "127.0.0.1:8000"])?;
    ensure_tells(&refused.stderr, &["--listen 127.0.0.1:8000", "in use", "127.0.0.1:0"])?;
    program.set("MONITOR_PORT", "8000");
    ensure_tells(&program.expect(2, &["worker"])?.stderr, &["127.0.0.1:8000", "in use"])
}

#[test]
fn the_start_line_says_what_it_works_with_and_the_last_one_that_it_stopped() -> Result<()> {
    let program = with_database()?;
    let worker = program.serve(&["worker", "--concurrency", "3"])?;
    let log = worker.log();
    let database = program.path("syncline.db").display().to_string();
    ensure_tells(&log, &[&database, "schema=\"m2", "syncs=0", "concurrency=3", "queue=\"in the database\""])?;

    let mut program = with_database()?;
    program.set("SYNCLINE_LOG_FORMAT", "json");
    let lines = log_until_it_serves(program.command(&["worker", "--listen", "127.0.0.1:0"]))?;
    let line: Value = serde_json::from_str(lines.last().context("a line")?)?;
    ensure!(line["message"] == "serving" && line["role"] == "worker" && line["syncs"] == 0, "{line}");
    Ok(())
}

/// What will not mend by itself ends a server at its start; the password is never shown.
#[rstest]
#[case::a_wrong_password("redis://:wr0ng@HOST", &["the user or the password"])]
#[case::no_password("redis://HOST", &["the user or the password"])]
#[case::no_such_database("redis://:s3cret@HOST/99", &["/99", "no database of this number"])]
#[case::no_sentinel("redis+sentinel://:s3cret@HOST/service?sentinel_password=s3cret", &["is no sentinel"])]
#[case::no_cluster("redis+cluster://:s3cret@HOST", &["is no cluster"])]
#[tokio::test]
async fn a_redis_that_will_never_do_is_refused(#[case] url: &str, #[case] parts: &[&str]) -> Result<()> {
    let server = Server::start(&["--requirepass", "s3cret"])?;
    let host = format!("127.0.0.1:{}", server.port());
    let mut program = with_database()?;
    program.set("REDIS_URL", &url.replace("HOST", &host));
    for arguments in [
        &["worker", "--listen", "127.0.0.1:0"][..],
        &["api", "--listen", "127.0.0.1:0"],
        &["up", "--listen", "127.0.0.1:0"],
        &["queues"],
    ] {
        let refused = program.expect(2, arguments)?;
        ensure_tells(&refused.stderr, &[&["REDIS_URL", &host], parts].concat())?;
        ensure!(
            !refused.stderr.contains("s3cret") && !refused.stderr.contains("wr0ng"),
            "{}",
            refused.stderr
        );
    }
    Ok(())
}

#[test]
fn a_redis_that_is_away_is_waited_for_by_servers_and_named_by_commands() -> Result<()> {
    let mut program = with_database()?;
    program.set("REDIS_URL", "redis://me:s3/cr#et@127.0.0.1:1/2");
    let refused = program.expect(2, &["queues"])?.stderr;
    ensure_tells(&refused, &["REDIS_URL redis://me@127.0.0.1:1/2", "cannot be reached", "refused"])?;
    ensure!(!refused.contains("s3") && !refused.contains("os error"), "{refused}");

    let worker = program.serve(&["worker"])?;
    let until = Instant::now() + Duration::from_secs(20);
    while !worker.log().contains("cannot be used") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(2));
    let log = worker.log();
    ensure_tells(&log, &["Redis at redis://me@127.0.0.1:1/2 cannot be used", "Connection refused"])?;
    let warnings = log.lines().filter(|line| line.contains("WARN")).count();
    ensure!(warnings <= 2, "{warnings} warnings for one outage:\n{log}");
    Ok(())
}

#[rstest]
#[case::a_number("SYNCLINE_CONCURRENCY", "abc", &["worker"], &["the variable SYNCLINE_CONCURRENCY", "whole number"])]
#[case::a_choice("SYNCLINE_QUEUE", "kafka", &["runs"], &["the variable SYNCLINE_QUEUE", "redis", "sql"])]
#[case::an_address("SYNCLINE_API_ADDR", "example", &["api"], &["the variable SYNCLINE_API_ADDR", "127.0.0.1:8080"])]
#[case::a_log_format("SYNCLINE_LOG_FORMAT", "xml", &["runs"], &["SYNCLINE_LOG_FORMAT \"xml\"", "text or json"])]
#[case::a_log_level("SYNCLINE_LOG", "foo=bar=baz", &["runs"], &["SYNCLINE_LOG \"foo=bar=baz\"", "syncline_worker=debug"])]
fn a_variable_with_a_wrong_value_is_named(
    #[case] name: &str,
    #[case] value: &str,
    #[case] arguments: &[&str],
    #[case] parts: &[&str],
) -> Result<()> {
    let mut program = with_database()?;
    program.set(name, value);
    let refused = program.expect(2, arguments)?.stderr;
    ensure_tells(&refused, parts)?;
    ensure!(!refused.contains("digit") && !refused.contains("for '--"), "{refused}");
    program.set(name, "");
    program.expect(0, &["runs"])?;
    Ok(())
}

#[test]
fn an_output_that_cannot_be_written_is_no_success() -> Result<()> {
    let program = with_database()?;
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
    let output = program.command(&["migrate", "status"]).stdout(full).output()?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    ensure_tells(&String::from_utf8_lossy(&output.stderr), &["could not be written", "No space left"])?;

    let binary = env!("CARGO_BIN_EXE_syncline");
    let piped =
        program.shell(&["-c", &format!("set -o pipefail; '{binary}' migrate status | true")]).output()?;
    ensure!(piped.status.success() && piped.stderr.is_empty(), "{piped:?}");
    Ok(())
}

/// `@`, `/`, `?` and `#` that were not encoded cut a password into pieces; none of them is shown.
#[rstest]
#[case("redis://me:hun?ter2@127.0.0.1:1")]
#[case("redis://me:1?db=ter2@127.0.0.1:1")]
#[case("redis://me:hun@ter2/w@rd:x@127.0.0.1:none")]
#[case("nonsense://me:hunter2@127.0.0.1")]
fn a_malformed_address_of_redis_is_refused_without_it(#[case] url: &str) -> Result<()> {
    let mut program = program()?;
    program.set("REDIS_URL", url);
    let refused = program.expect(2, &["queues"])?.stderr;
    ensure_tells(&refused, &["REDIS_URL", "percent-encoded"])?;
    ensure!(!refused.contains("ter2") && !refused.contains("hun"), "{refused}");
    Ok(())
}
