//! Runs the built binary in its own folder.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

/// Timeout of a command.
const PATIENCE: Duration = Duration::from_secs(180);

/// Variables that the program reads and that a test must not inherit.
const FOREIGN: [&str; 71] = [
    "COLUMNS",
    "DATABASE_URL_FILE",
    "REDIS_URL_FILE",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_PASSWORD_FILE",
    "REDIS_URL",
    "SYNCLINE_QUEUE",
    "SYNCLINE_QUEUE_PREFIX",
    "SYNCLINE_QUEUE_LIMIT",
    "SYNCLINE_QUEUE_OVERDUE",
    "SYNCLINE_GRACE",
    "RUST_LOG",
    "SYNCLINE_LOG",
    "LOG_LEVEL",
    "SYNCLINE_LOG_FORMAT",
    "SYNCLINE_SERVER",
    "SYNCLINE_API_ADDR",
    "SYNCLINE_WORKER_ADDR",
    "SYNC_PORT",
    "MONITOR_PORT",
    "SYNCLINE_CONCURRENCY",
    "SYNCLINE_KEEP_RUNS",
    "SYNCLINE_KEEP_RUNS_COUNT",
    "SYNCLINE_KEEP_CHANGES",
    "SYNCLINE_KEEP_CHANGES_COUNT",
    "SYNCLINE_KEEP_CONFLICTS",
    "SYNCLINE_KEEP_DELIVERIES",
    "SYNCLINE_KEEP_DELIVERIES_COUNT",
    "SYNCLINE_KEEP_AUDIT",
    "SYNCLINE_KEEP_DELETED_SYNCS",
    "SYNCLINE_PURGE_EVERY",
    "SYNCLINE_HEARTBEAT_MS",
    "SYNCLINE_POLL_MS",
    "SYNCLINE_MIGRATE",
    "SYNCLINE_WAIT_FOR_SCHEMA",
    "SYNCLINE_DB_POOL_MIN",
    "SYNCLINE_DB_POOL_MAX",
    "SYNCLINE_DB_POOL_ACQUIRE_MS",
    "SYNCLINE_SECRET_KEY",
    "SYNCLINE_SECRET_KEY_FILE",
    "SYNCLINE_SECRET_KEY_PREVIOUS",
    "SYNCLINE_SECRET_KEY_PREVIOUS_FILE",
    "VAULT_ADDR",
    "VAULT_URL",
    "VAULT_TOKEN",
    "VAULT_TOKEN_FILE",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "VAULT_SECRET_ID_FILE",
    "VAULT_APPROLE_MOUNT",
    "VAULT_NAMESPACE",
    "GITHUB_TOKEN",
    "GITHUB_TOKEN_FILE",
    "LINEAR_API_KEY",
    "LINEAR_API_KEY_FILE",
    "SYNCLINE_ALLOW_PRIVATE_HOSTS",
    "SYNCLINE_CA_FILE",
    "SYNCLINE_HTTP_PROXY",
    "SYNCLINE_HTTP_PROXY_FILE",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SYNCLINE_HTTP_CONNECT_MS",
    "SYNCLINE_HTTP_READ_MS",
    "SYNCLINE_HTTP_TOTAL_MS",
    "SYNCLINE_HTTP_LARGEST_BODY",
];

/// The binary and its working folder, which contains a SQLite database.
pub struct Program {
    binary: PathBuf,
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

/// The result of a command.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none if it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Parses standard output as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON: {self:?}"))
    }
}

impl Program {
    /// Creates a new folder for the binary. The lease of jobs is 600 ms.
    pub fn new(binary: &str) -> Result<Program> {
        let folder = tempfile::Builder::new().prefix("syncline-test-").tempdir()?;
        let database = format!("sqlite://{}", folder.path().join("syncline.db").display());
        let environment = BTreeMap::from([
            ("DATABASE_URL".to_owned(), database),
            ("SYNCLINE_LEASE_MS".to_owned(), "600".to_owned()),
            ("NO_COLOR".to_owned(), "1".to_owned()),
        ]);
        Ok(Program { binary: binary.into(), folder, environment })
    }

    /// Returns the working folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a path in the working folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets a variable for all later commands.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Returns the value that [`Program::set`] gave a variable.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.path(name), text)?)
    }

    /// Returns a command that is not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.settled(Command::new(&self.binary), arguments)
    }

    /// Returns a shell with the same folder and settings that is not started yet.
    pub fn shell(&self, arguments: &[&str]) -> Command {
        self.settled(Command::new("bash"), arguments)
    }

    /// Sets the command's folder and variables, and removes variables inherited from the test process.
    fn settled(&self, mut command: Command, arguments: &[&str]) -> Command {
        for name in FOREIGN {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).args(arguments).envs(&self.environment);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Finished> {
        self.run_within(PATIENCE, arguments)
    }

    /// Runs a command to its end, with a timeout.
    pub fn run_within(&self, patience: Duration, arguments: &[&str]) -> Result<Finished> {
        let child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (done, ended) = mpsc::channel();
        let id = child.id();
        std::thread::spawn(move || done.send(child.wait_with_output()));
        let Ok(output) = ended.recv_timeout(patience) else {
            bail!("{arguments:?} (pid {id}) did not end within {patience:?}");
        };
        let output = output?;
        Ok(Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command that must end with this exit code.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Result<Finished> {
        let finished = self.run(arguments)?;
        if finished.code != Some(code) {
            bail!(
                "{arguments:?} ended with {:?} instead of {code}:\n{}\n{}",
                finished.code,
                finished.stdout,
                finished.stderr
            );
        }
        Ok(finished)
    }

    /// Starts a command that stops at a step (see `SYNCLINE_TEST_STOP_AT`), waits for the step, and kills it there with
    /// SIGKILL. False if it ended without reaching the step.
    pub fn kill_at(&self, step: &str, arguments: &[&str]) -> Result<bool> {
        let mut command = self.command(arguments);
        command.env("SYNCLINE_TEST_STOP_AT", step);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("standard error is piped")?;
        let (said, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    break;
                }
            }
        });
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains("stopped at") => {
                    child.kill()?;
                    child.wait()?;
                    return Ok(true);
                }
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    child.wait()?;
                    return Ok(false);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    child.kill()?;
                    bail!("{arguments:?} reached neither {step} nor its end");
                }
            }
        }
    }

    /// Starts a command in the background.
    pub fn start(&self, arguments: &[&str]) -> Result<Running> {
        let child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Running(child))
    }
}

/// A command in the background; killed when dropped.
pub struct Running(pub(crate) Child);

impl Running {
    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        // An error means that the process has ended already.
        let _ = self.0.kill();
        Ok(self.0.wait()?)
    }

    /// Sends SIGTERM.
    pub fn signal(&self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        Ok(())
    }

    /// Waits for its end and returns the exit code.
    pub fn wait(&mut self) -> Result<Option<i32>> {
        Ok(self.0.wait()?.code())
    }

    /// True if it has ended.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
