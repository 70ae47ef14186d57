//! The measured queues, and how their processes are started.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Redis,
    Postgres,
    Sqlite,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Store::Redis => "redis",
            Store::Postgres => "postgres",
            Store::Sqlite => "sqlite",
        })
    }
}

impl FromStr for Store {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        [Store::Redis, Store::Postgres, Store::Sqlite]
            .into_iter()
            .find(|store| store.to_string() == name)
            .with_context(|| format!("no store {name:?}"))
    }
}

/// One queue in one setting.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The most jobs that it handles without failing, or within a minute.
    pub(crate) at_most: usize,
    /// True if it can push many jobs in one call.
    pub(crate) bulk: bool,
    /// True if its pickup time is worth measuring; some only poll.
    pub(crate) pickup: bool,
    /// True if it gives the same guarantees as the others, so that its figures are compared.
    pub(crate) counts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    /// The stock storage with this name.
    Apalis(&'static str),
    /// The script, and whether it works in batches.
    Node(&'static str, bool),
    Huey,
}

fn contender(name: &'static str, kind: Kind) -> Contender {
    Contender { name, kind, at_most: usize::MAX, bulk: true, pickup: true, counts: true }
}

/// All queues on this store, ours first.
pub(crate) fn all(store: Store) -> Vec<Contender> {
    let ours = contender("syncline", Kind::Ours);
    match store {
        // With more than 5,000 jobs the script of apalis-redis that promotes them fails; its pickup takes 15 s and is
        // left out.
        Store::Redis => vec![
            ours,
            contender("bullmq", Kind::Node("bullmq.mjs", false)),
            contender("bee-queue", Kind::Node("bee-queue.mjs", false)),
            Contender { at_most: 5_000, pickup: false, ..contender("apalis-redis", Kind::Apalis("redis")) },
            // It renews no lease, so a job longer than one lease runs twice: shown, but not compared.
            Contender {
                at_most: 5_000,
                pickup: false,
                counts: false,
                ..contender("apalis-redis, no leases", Kind::Apalis("redis-unlocked"))
            },
        ],
        Store::Postgres => vec![
            ours,
            // One job per statement, so fewer jobs suffice.
            Contender {
                at_most: 2_000,
                ..contender("graphile-worker", Kind::Node("graphile-worker.mjs", false))
            },
            contender("graphile-worker, batched", Kind::Node("graphile-worker.mjs", true)),
            Contender {
                at_most: 2_000,
                pickup: false,
                ..contender("pg-boss", Kind::Node("pg-boss.mjs", false))
            },
            Contender { pickup: false, ..contender("pg-boss, batched", Kind::Node("pg-boss.mjs", true)) },
            Contender {
                at_most: 5_000,
                pickup: false,
                ..contender("apalis-postgres", Kind::Apalis("postgres"))
            },
        ],
        Store::Sqlite => vec![
            ours,
            Contender { bulk: false, ..contender("huey", Kind::Huey) },
            Contender { at_most: 5_000, pickup: false, ..contender("apalis-sqlite", Kind::Apalis("sqlite")) },
        ],
    }
}

impl Contender {
    /// Installs or builds it; the error is the reason why that failed.
    pub(crate) async fn prepare(&self) -> Result<()> {
        match self.kind {
            Kind::Ours => Ok(()),
            Kind::Apalis(_) => {
                let manifest = peers().join("apalis/Cargo.toml");
                let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                cargo.args(["build", "--release", "--quiet", "--locked", "--target-dir"]).arg(folder()?);
                install(cargo.arg("--manifest-path").arg(manifest)).await
            }
            Kind::Node(..) => {
                let folder = folder()?.join("node");
                std::fs::create_dir_all(&folder)?;
                let mut same = true;
                for file in std::fs::read_dir(peers())? {
                    let file = file?;
                    if file.file_type()?.is_file() {
                        let (text, copy) = (std::fs::read(file.path())?, folder.join(file.file_name()));
                        same &= std::fs::read(&copy).is_ok_and(|old| old == text)
                            || file.file_name() != "package.json";
                        std::fs::write(copy, text)?;
                    }
                }
                if same && folder.join("node_modules").is_dir() {
                    return Ok(());
                }
                let flags = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"];
                install(Command::new("npm").args(flags).current_dir(&folder)).await
            }
            Kind::Huey => {
                let folder = folder()?.join("python");
                if folder.join("ready").exists() {
                    return Ok(());
                }
                install(Command::new("python3").args(["-m", "venv"]).arg(&folder)).await?;
                install(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "huey==3.5.4"]))
                    .await?;
                Ok(std::fs::write(folder.join("ready"), "")?)
            }
        }
    }

    /// Runs one phase in a process of its own and returns the figures that it prints.
    pub(crate) async fn phase(
        &self,
        store: Store,
        url: &str,
        phase: &str,
        numbers: &[usize],
    ) -> Result<Vec<(String, f64)>> {
        let mut command = self.command(store, url)?;
        command.arg(phase).args(numbers.iter().map(ToString::to_string));
        let output = output(&mut command, Duration::from_secs(180)).await?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{phase} failed: {}", last_lines(&output.stderr));
        let figure = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        Ok(text.lines().filter_map(figure).collect())
    }

    fn command(&self, store: Store, url: &str) -> Result<Command> {
        Ok(match self.kind {
            Kind::Ours => {
                let mut command = Command::new(env::current_exe()?);
                command.args(["--phase", &store.to_string(), url]);
                command
            }
            Kind::Apalis(name) => {
                let mut command = Command::new(folder()?.join("release/syncline-bench-apalis"));
                command.args([name, url]);
                command
            }
            Kind::Node(script, batched) => {
                let mut command = Command::new("node");
                command.arg(folder()?.join("node").join(script)).arg(node_url(url));
                command.env("BENCH_BATCHED", if batched { "1" } else { "0" });
                command
            }
            Kind::Huey => {
                let mut command = Command::new(folder()?.join("python/bin/python"));
                command.arg(peers().join("huey_bench.py")).arg(url);
                command
            }
        })
    }
}

/// The URL for JavaScript's PostgreSQL client, which takes the folder of a socket as a parameter.
fn node_url(url: &str) -> String {
    let parts = url.strip_prefix("postgres://postgres@").and_then(|rest| rest.split_once('/'));
    let Some((server, database)) = parts else { return url.to_owned() };
    let (folder, port) = server.rsplit_once(':').unwrap_or((server, "5432"));
    format!("socket://postgres@{}?db={database}&port={port}", folder.replace("%2F", "/"))
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The folder of the installed peers; below this program's build folder, so that `cargo clean` removes them.
fn folder() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.ancestors().nth(2).context("the folder of build results")?;
    Ok(target.join("bench-peers"))
}

async fn install(command: &mut Command) -> Result<()> {
    let output = output(command, Duration::from_secs(900)).await?;
    ensure!(output.status.success(), "{}", last_lines(&output.stderr));
    Ok(())
}

async fn output(command: &mut Command, patience: Duration) -> Result<Output> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(patience, command.output()).await {
        Ok(output) => output.with_context(|| format!("{name} could not be started")),
        Err(_) => bail!("it did not end within {patience:?}"),
    }
}

fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}
