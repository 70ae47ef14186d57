//! The worker processes of a scenario. Each is known by the process that was started and by nothing else, and none
//! outlives the campaign: a worker ends when its standard input is closed.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sqlx::types::chrono::{DateTime, Utc};
use tempfile::TempDir;

use crate::{ledger::Ledger, worker::Settings};

/// How long a process may take to end once nothing holds it.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Member {
    pub(crate) name: String,
    child: Child,
    /// Closed with the member.
    _stdin: ChildStdin,
    /// A freeze under way; it thaws by itself.
    freeze: Option<Child>,
}

pub(crate) struct Crew {
    settings: Settings,
    logs: TempDir,
    pub(crate) hired: usize,
    pub(crate) members: Vec<Member>,
    /// Workers that ended although nobody had asked them to.
    pub(crate) deserters: usize,
}

impl Crew {
    pub(crate) fn new(settings: Settings) -> Result<Crew> {
        let logs = tempfile::Builder::new().prefix("syncline-faults-logs-").tempdir()?;
        Ok(Crew { settings, logs, hired: 0, members: Vec::new(), deserters: 0 })
    }

    /// Starts some more.
    pub(crate) fn hire(&mut self, count: usize) -> Result<()> {
        self.hire_as(count, |_| {})
    }

    /// Starts some more, with other settings.
    pub(crate) fn hire_as(&mut self, count: usize, change: impl Fn(&mut Settings)) -> Result<()> {
        for _ in 0..count {
            self.hired += 1;
            let mut settings = Settings { name: format!("worker-{}", self.hired), ..self.settings.clone() };
            change(&mut settings);
            let log = File::create(self.logs.path().join(format!("{}.log", settings.name)))?;
            let mut child = Command::new(std::env::current_exe()?)
                .arg("worker")
                .arg(serde_json::to_string(&settings)?)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .context("a worker process")?;
            let stdin = child.stdin.take().context("its standard input")?;
            self.members.push(Member { name: settings.name, child, _stdin: stdin, freeze: None });
        }
        Ok(())
    }

    /// Kills one, with its fault noted.
    pub(crate) async fn kill(&mut self, at: usize, ledger: &Ledger) -> Result<()> {
        let began = ledger.now().await?;
        self.kill_since(at, ledger, began).await
    }

    /// Kills all at once.
    pub(crate) async fn kill_all(&mut self, ledger: &Ledger) -> Result<()> {
        let began = ledger.now().await?;
        for member in &mut self.members {
            member.child.kill()?;
        }
        while !self.members.is_empty() {
            self.kill_since(0, ledger, began).await?;
        }
        Ok(())
    }

    async fn kill_since(&mut self, at: usize, ledger: &Ledger, began: DateTime<Utc>) -> Result<()> {
        let mut member = self.members.swap_remove(at);
        // Whoever has ended otherwise was faster than the blow.
        if member.child.try_wait()?.is_some_and(|status| status.signal() != Some(9)) {
            self.deserters += 1;
        }
        member.child.kill()?;
        member.child.wait()?;
        ledger.fault(Some(&member.name), "killed", began).await
    }

    /// Stops one, and lets it go on after this time, also if the campaign should end meanwhile.
    pub(crate) async fn freeze(&mut self, at: usize, length: Duration, ledger: &Ledger) -> Result<()> {
        let began = ledger.now().await?;
        let member = &mut self.members[at];
        let script = "kill -STOP \"$1\" && sleep \"$2\"; kill -CONT \"$1\"";
        let freeze = Command::new("sh")
            .args(["-c", script, "freeze", &member.child.id().to_string(), &length.as_secs_f64().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        member.freeze = Some(freeze);
        ledger.fault_of(Some(&member.name), "frozen", began, length).await
    }

    /// Waits until those that were frozen go on.
    pub(crate) async fn thawed(&mut self) -> Result<()> {
        for member in &mut self.members {
            if let Some(mut freeze) = member.freeze.take() {
                while freeze.try_wait()?.is_none() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        Ok(())
    }

    /// Asks one to stop, once, and answers how long it took and with what code it ended.
    pub(crate) async fn terminate(&mut self, at: usize, ledger: &Ledger) -> Result<(Duration, Option<i32>)> {
        let began = ledger.now().await?;
        let asked = Instant::now();
        let mut member = self.members.swap_remove(at);
        signal(member.child.id(), "TERM")?;
        loop {
            if let Some(status) = member.child.try_wait()? {
                ledger.fault(Some(&member.name), "terminated", began).await?;
                return Ok((asked.elapsed(), status.code()));
            }
            if asked.elapsed() > PATIENCE {
                member.child.kill()?;
                member.child.wait()?;
                bail!("{} did not end within {PATIENCE:?} of SIGTERM", member.name);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes out those that ended by themselves, and counts them. Names and notes them as faults of their own.
    pub(crate) async fn roll_call(&mut self, ledger: &Ledger, meant: bool) -> Result<usize> {
        let mut ended = 0;
        let mut at = 0;
        while at < self.members.len() {
            if self.members[at].child.try_wait()?.is_some() {
                let member = self.members.swap_remove(at);
                ledger.fault(Some(&member.name), "ended by itself", ledger.now().await?).await?;
                ended += 1;
            } else {
                at += 1;
            }
        }
        if !meant {
            self.deserters += ended;
        }
        Ok(ended)
    }

    /// Ends all, without a fault: the scenario is over.
    pub(crate) fn dismiss(&mut self) {
        for mut member in self.members.drain(..) {
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }

    /// Keeps what the workers wrote, for whoever wants to know why; answers where.
    pub(crate) fn keep_logs(&mut self) -> PathBuf {
        self.logs.disable_cleanup(true);
        self.logs.path().to_owned()
    }

    /// What all workers wrote so far.
    pub(crate) fn words(&self) -> String {
        let files = std::fs::read_dir(self.logs.path()).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.dismiss();
    }
}

/// Through the shell, whose own `kill` is everywhere.
fn signal(process: u32, name: &str) -> Result<()> {
    let script = ["-c", "kill -\"$1\" \"$2\"", "kill", name];
    let status = Command::new("sh").args(script).arg(process.to_string()).status()?;
    anyhow::ensure!(status.success(), "process {process} could not be signalled");
    Ok(())
}
