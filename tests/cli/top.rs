//! `syncline top` on a terminal of 80 columns, which `script` of util-linux makes.

use std::{
    io::{Read, Write},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use syncline_support::program::Program;

const BINARY: &str = env!("CARGO_BIN_EXE_syncline");

#[tokio::test]
async fn it_shows_the_queues_and_restores_the_terminal() -> Result<()> {
    let program = Program::new(BINARY)?;
    program.expect(0, &["migrate", "up"])?;
    let script = format!("exec script -qefc 'stty cols 80 rows 24; exec {BINARY} top' /dev/null");
    let mut shell = program.shell(&["-c", &script]);
    let mut running = shell.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut keys = running.stdin.take().context("its keys")?;
    keys.write_all(b"\tq")?;
    let mut output = running.stdout.take().context("its screen")?;
    let screen = tokio::task::spawn_blocking(move || {
        let mut screen = Vec::new();
        output.read_to_end(&mut screen).map(|_| String::from_utf8_lossy(&screen).into_owned())
    });
    let screen = tokio::time::timeout(Duration::from_secs(20), screen).await.context("q ends it")???;
    drop(keys);
    ensure!(running.wait()?.success(), "{screen}");
    let (entered, left) = (screen.find("\u{1b}[?1049h"), screen.rfind("\u{1b}[?1049l"));
    ensure!(entered.is_some() && left > entered, "{screen:?}");
    ensure!(screen.contains("syncline top, database") && screen.contains("queued"), "{screen:?}");
    Ok(())
}

#[test]
fn without_a_terminal_it_names_other_commands() -> Result<()> {
    let program = Program::new(BINARY)?;
    program.expect(0, &["migrate", "up"])?;
    let refused = program.expect(2, &["top"])?;
    ensure!(refused.stderr.contains("needs a terminal"), "{}", refused.stderr);
    ensure!(refused.stderr.contains("queues --json"), "{}", refused.stderr);
    Ok(())
}
