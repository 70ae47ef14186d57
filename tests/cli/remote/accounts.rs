//! Accounts, what they see and the people of a server: secrets go in and never come out.

use std::{io::Write, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use syncline_support::program::{Finished, Program};

use super::{ensure_same, remote};
use crate::{accounts::Stage, common::ensure_tells};

/// Runs a command that must end with this exit code, with a text on its standard input.
fn typed(program: &Program, code: i32, arguments: &[&str], input: &str) -> Result<Finished> {
    let mut command = program.command(arguments);
    command.env("RUST_LOG", "trace");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("standard input is piped")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.code() == Some(code), "{arguments:?}: {}\n{stdout}\n{stderr}", output.status);
    Ok(Finished { code: output.status.code(), stdout, stderr })
}

/// No line is wider than 80 columns but those that are to be copied.
fn ensure_narrow(text: &str) -> Result<()> {
    let wide: Vec<&str> =
        text.lines().filter(|line| line.chars().count() > 80 && !line.contains("source: {")).collect();
    ensure!(wide.is_empty(), "{wide:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_a_server_are_added_checked_and_removed_and_no_secret_comes_back() -> Result<()> {
    let mut stage = Stage::new().await?;
    stage.program.set("COLUMNS", "80");
    stage.program.set("ELSEWHERE", &stage.token.clone());
    let server =
        stage.program.serve(&["api", "--allow-variables", "ELSEWHERE", "--allow-hosts", "127.0.0.1"])?;
    let mut there = remote(&server, None)?;
    there.set("COLUMNS", "80");
    let (here, there) = (&stage.program, &there);
    ensure_same(here, there, 0, &["accounts"])?;
    let address = stage.simulator.github();
    let add = |name| ["accounts", "add", name, "--platform", "github", "--base-url", &*address];
    let mut told = typed(there, 0, &add("acme-github"), &format!("{}\n", stage.token))?;
    ensure_tells(
        &told.stdout,
        &[
            "added the account acme-github of github; its secret is encrypted",
            "next: syncline accounts check",
        ],
    )?;
    let twice = typed(there, 2, &add("acme-github"), &stage.token)?;
    ensure_tells(&twice.stderr, &["acme-github"])?;
    let empty = typed(there, 2, &add("empty"), " \n")?;
    ensure_tells(&empty.stderr, &["the secret is empty"])?;
    let refused = there.expect(2, &[&add("other")[..], &["--secret", "env:OTHER"]].concat())?;
    ensure_tells(&refused.stderr, &["OTHER", "SYNCLINE_ALLOW_VARIABLES"])?;
    there.expect(0, &[&add("web/elsewhere")[..], &["--secret", "env:ELSEWHERE"]].concat())?;

    for arguments in [
        &["accounts"][..],
        &["accounts", "list"],
        &["accounts", "show", "acme-github"],
        &["accounts", "show", "web/elsewhere"],
        &["discover", "acme-github"],
        &["discover", "acme-github", "acme/web"],
    ] {
        ensure_same(here, there, 0, arguments)?;
        ensure_narrow(&there.expect(0, arguments)?.stdout)?;
    }
    let checked = there.expect(0, &["accounts", "check", "web/elsewhere"])?;
    ensure_tells(&checked.stdout, &["account web/elsewhere: ", " on github (id ", "at env:ELSEWHERE"])?;
    for (code, arguments, told) in [
        (2, &["accounts", "show", "acme-githup"][..], "did you mean \"acme-github\"?"),
        (2, &["discover", "acme-githup"], "did you mean \"acme-github\"?"),
        (1, &["discover", "acme-github", "acme/nothing"], "acme/nothing"),
    ] {
        ensure_tells(&here.expect(code, arguments)?.stderr, &[told])?;
        ensure_tells(&there.expect(code, arguments)?.stderr, &[told])?;
    }

    let pause = there.expect(0, &["accounts", "pause", "acme-github", "--reason", "moving"])?;
    ensure_tells(&pause.stdout, &["acme-github is paused", "syncline accounts resume acme-github"])?;
    ensure_same(here, there, 0, &["accounts", "show", "acme-github"])?;
    ensure_tells(&there.expect(0, &["accounts", "show", "acme-github"])?.stdout, &[": moving;"])?;
    ensure_tells(&there.expect(0, &["accounts", "resume", "acme-github"])?.stdout, &["goes on"])?;
    ensure_tells(&there.expect(0, &["accounts", "resume", "acme-github"])?.stdout, &["was not paused"])?;
    let limits = there.expect(0, &["accounts", "limits", "acme-github", "off"])?;
    ensure_tells(&limits.stdout, &["limits are off", "runs that begin from now on"])?;
    ensure_same(here, there, 0, &["accounts"])?;
    let rotated = typed(there, 0, &["--json", "accounts", "rotate", "acme-github"], &stage.token)?;
    told.stdout.push_str(&rotated.stdout);
    told.stderr.push_str(&rotated.stderr);
    let rotated = rotated.json()?;
    ensure!(rotated["resumed"] == false && rotated["account"]["limits"] == false, "{rotated}");
    for name in ["acme-github", "web/elsewhere"] {
        let removed = there.expect(0, &["accounts", "remove", name])?;
        ensure_tells(&removed.stdout, &[&format!("removed the account {name} and its secret")])?;
    }
    ensure_tells(&there.expect(2, &["accounts", "remove", "acme-github"])?.stderr, &["there is no account"])?;
    let audit = there.expect(0, &["--json", "audit"])?.stdout;
    ensure_tells(&audit, &["account.add", "account.rotate", "account.remove"])?;
    for text in [&told.stdout, &told.stderr, &twice.stderr, &audit, &server.log()] {
        ensure!(!text.contains(&stage.token), "a secret came out");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_server_are_found_mapped_written_and_read() -> Result<()> {
    let stage = Stage::new().await?;
    let members = json!({ "ada": "admin", "bruno": "write" });
    let repo = json!({ "owner": "acme", "name": "board", "members": members });
    stage.simulator.control("POST", "/github/repos", &repo);
    let (_, token) = stage.simulator.control("POST", "/github/tokens", &json!({ "account": "ada" }));
    stage.add("acme-github", token["token"].as_str().context("a token")?)?;
    let server = stage.program.serve(&["api"])?;
    let (here, there) = (&stage.program, &remote(&server, None)?);
    ensure_same(here, there, 0, &["people"])?;
    let synced = there.expect(0, &["people", "sync", "acme-github", "acme/board"])?;
    ensure_tells(&synced.stdout, &["people of acme/board: ", "new"])?;
    ensure_same(here, there, 0, &["people", "sync", "acme-github", "acme/board"])?;
    let mapped = there.expect(0, &["people", "map", "acme-github:bruno", "Bruno B."])?;
    ensure_tells(&mapped.stdout, &["one person: acme-github:bruno, Bruno B."])?;
    ensure_same(here, there, 0, &["people"])?;
    ensure_same(here, there, 0, &["people", "export"])?;
    for name in ["people.yaml", "people.csv"] {
        let exported = there.expect(0, &["people", "export", "-o", name])?;
        ensure_tells(&exported.stdout, &["wrote", name])?;
        here.expect(0, &["people", "export", "-o", name])?;
        let read = |program: &Program| std::fs::read_to_string(program.path(name));
        ensure!(read(here)? == read(there)?, "{name}");
    }
    let unmapped = there.expect(0, &["people", "unmap", "Bruno B."])?;
    ensure_tells(&unmapped.stdout, &["Bruno B. is a person of their own now"])?;
    ensure_tells(
        &there.expect(0, &["people", "import", "people.csv"])?.stdout,
        &["mapped", "0 of them new"],
    )?;
    let people = ensure_same(here, there, 0, &["people"])?;
    ensure!(people.to_string().contains("Bruno B."), "{people}");
    there.write("wrong.yaml", "- { name: Zoe, accounts: { nowhere: zoe } }\n")?;
    here.write("wrong.yaml", "- { name: Zoe, accounts: { nowhere: zoe } }\n")?;
    for program in [here, there] {
        let refused = program.expect(2, &["people", "import", "wrong.yaml"])?;
        ensure_tells(&refused.stderr, &["wrong.yaml: ", "nowhere"])?;
    }
    for arguments in [
        &["people", "--project", "web"][..],
        &["people", "unmap", "Nobody"],
        &["people", "sync", "nobody", "acme/board"],
    ] {
        here.expect(2, arguments)?;
        there.expect(2, arguments)?;
    }
    Ok(())
}
