//! Processes in the background: starts them, and reads their address and their log.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::program::{Program, Running};

/// The longest wait for a process.
const PATIENCE: Duration = Duration::from_secs(60);

/// The interval of polls.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A background process, and its log.
pub struct Serving {
    /// The address that it listens on.
    pub address: SocketAddr,
    process: Running,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Program {
    /// Starts `up`, `api` or `worker`, on a free port of this machine unless the arguments name one, and waits until it
    /// listens.
    pub fn serve(&self, arguments: &[&str]) -> Result<Serving> {
        let mut command = self.command(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("standard error is piped")?;
        let log = Arc::new(Log::default());
        let mut process = Running(child);
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                kept.more.notify_all();
            }
        });
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = log.find("serving") {
                return Ok(Serving { address: listens_at(&line)?, process, log });
            }
            if process.has_ended()? || Instant::now() > until {
                bail!("{arguments:?} does not serve:\n{}", log.text());
            }
            log.wait();
        }
    }
}

impl Serving {
    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Sends SIGTERM.
    pub fn signal(&self) -> Result<()> {
        self.process.signal()
    }

    /// Waits for its end and returns the exit code.
    pub fn wait(mut self) -> Result<Option<i32>> {
        let end = Instant::now() + PATIENCE;
        while !self.process.has_ended()? {
            ensure!(Instant::now() < end, "it did not end within {PATIENCE:?}:\n{}", self.log());
            std::thread::sleep(LOOK_EVERY);
        }
        self.process.wait()
    }

    /// Ends it with SIGTERM and returns the exit code.
    pub fn terminate(self) -> Result<Option<i32>> {
        self.signal()?;
        self.wait()
    }
}

impl Log {
    fn find(&self, text: &str) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().find(|line| line.contains(text)).cloned()
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    fn wait(&self) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Woken by a new line or by the timeout; the caller checks again in both cases.
        drop(self.more.wait_timeout(lines, LOOK_EVERY));
    }
}

fn listens_at(line: &str) -> Result<SocketAddr> {
    let (_, rest) = line.split_once("listen=").with_context(|| format!("no address in {line:?}"))?;
    let address = rest.split_whitespace().next().unwrap_or_default();
    address.parse().with_context(|| format!("no address in {line:?}"))
}

/// Polls until there is a result. A timeout is an error that contains `what`.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("waited {PATIENCE:?} in vain: {what}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
