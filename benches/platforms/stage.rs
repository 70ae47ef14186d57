//! The program, the simulator, and what a run of the program costs.

use std::{
    fs,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};
use syncline_support::{
    cost::{Cost, measure},
    program::Program,
    simulator::SimulatorProcess,
};

use crate::BINARY;

/// Issues of the first sync.
pub(crate) const ISSUES: usize = 2_000;

/// Polls of the worker that are measured.
const POLLS: u32 = 100;

pub(crate) struct Stage {
    pub(crate) program: Program,
    pub(crate) simulator: SimulatorProcess,
}

impl Stage {
    /// A simulator with the empty repository `acme/copy`, and the account `acme` on its GitHub.
    pub(crate) async fn new() -> Result<Stage> {
        let mut program = Program::new(BINARY)?;
        program.set("SYNCLINE_LEASE_MS", "30000");
        program.set("SYNCLINE_ALLOW_PRIVATE_HOSTS", "127.0.0.1");
        program.expect(0, &["migrate", "up"])?;
        let simulator = SimulatorProcess::start(&program).await?;
        let mut stage = Stage { program, simulator };
        stage.repository("copy").await?;
        let token = stage.control("/github/tokens", json!({ "account": "ada" })).await?;
        let token = token["token"].as_str().context("a token")?.to_owned();
        stage.account("acme", "github", &token)?;
        Ok(stage)
    }

    pub(crate) async fn control(&self, path: &str, body: Json) -> Result<Json> {
        self.simulator.control("POST", path, body).await
    }

    pub(crate) async fn repository(&self, name: &str) -> Result<()> {
        let repository = json!({ "owner": "acme", "name": name, "members": { "ada": "admin" } });
        self.control("/github/repos", repository).await.map(|_| ())
    }

    /// Adds an account that keeps to no limits.
    pub(crate) fn account(&mut self, name: &str, platform: &str, secret: &str) -> Result<()> {
        let variable = format!("{}_SECRET", name.to_ascii_uppercase().replace('-', "_"));
        self.program.set(&variable, secret);
        let (address, reference) = (self.simulator.api(platform)?, format!("env:{variable}"));
        let add = ["accounts", "add", name, "--platform", platform, "--limits", "off"];
        let more = ["--base-url", address, "--secret", &reference];
        self.program.expect(0, &[&add[..], &more].concat())?;
        Ok(())
    }

    pub(crate) async fn apply(&self, document: &str) -> Result<()> {
        self.program.write("web.yaml", document)?;
        self.program.expect(0, &["apply", "web.yaml"])?;
        self.simulator.forget().await
    }

    /// The requests since the last call.
    pub(crate) async fn requests(&self) -> Result<Vec<Json>> {
        let log = self.simulator.get("/log").await?;
        self.simulator.forget().await?;
        Ok(log["entries"].as_array().cloned().unwrap_or_default())
    }

    /// One whole `syncline sync`.
    pub(crate) fn sync(&self) -> Result<Cost> {
        measure(&self.program, BINARY, &["sync", "web"])
    }

    /// What was just written is read once more, and is older than what a poll looks at from then on.
    pub(crate) async fn rest(&self) -> Result<()> {
        self.control("/clock", json!({ "advance": 600 })).await?;
        self.sync()?;
        self.sync()?;
        self.simulator.forget().await
    }

    pub(crate) fn worker(&self) -> Result<Worker<'_>> {
        let arguments = ["up", "--listen", "127.0.0.1:0"];
        let mut command = self.program.command(&arguments);
        let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let worker = Worker { child, program: &self.program };
        worker.poll()?;
        Ok(worker)
    }
}

/// A process that carries out runs; it ends with the bench.
pub(crate) struct Worker<'a> {
    child: Child,
    program: &'a Program,
}

impl Worker<'_> {
    /// Asks for a run and waits until the worker has carried it out. Returns how long the run took.
    pub(crate) fn poll(&self) -> Result<Duration> {
        let run = self.program.expect(0, &["--json", "enqueue", "web"])?.json()?;
        let run = run["id"].as_str().context("a run")?.to_owned();
        let began = Instant::now();
        loop {
            let shown = self.program.expect(0, &["--json", "runs", &run])?.json()?;
            if shown["status"] == "completed" {
                let ms = shown["duration_ms"].as_u64().context("how long it took")?;
                return Ok(Duration::from_millis(ms));
            }
            ensure!(began.elapsed() < Duration::from_secs(60), "the run does not end: {shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Tells the processor time of a poll that finds nothing new, without what the worker uses in the same time when it has
    /// nothing to do.
    pub(crate) async fn tell_quiet(&self, stage: &Stage) -> Result<()> {
        stage.simulator.forget().await?;
        let (began, before) = (Instant::now(), self.processor()?);
        let mut wall = Duration::ZERO;
        for _ in 0..POLLS {
            wall += self.poll()?;
        }
        let (took, used) = (began.elapsed(), self.processor()? - before);
        let requests = stage.requests().await?.len() / POLLS as usize;
        let before = self.processor()?;
        tokio::time::sleep(took).await;
        let used = used.saturating_sub(self.processor()? - before);
        tell("  no change, a poll in a worker", wall / POLLS, Some(used / POLLS), None, requests);
        Ok(())
    }

    /// Its processor time so far.
    pub(crate) fn processor(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
        // The kernel counts in hundredths of a second.
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn head() {
    println!("{:<40} {:>8} {:>12} {:>9} {:>8}", "", "wall s", "processor ms", "issues/s", "requests");
}

/// A line of the table.
pub(crate) fn tell(
    what: &str,
    wall: Duration,
    processor: Option<Duration>,
    issues: Option<usize>,
    requests: usize,
) {
    let rate = issues.map(|issues| format!("{:.0}", issues as f64 / wall.as_secs_f64()));
    println!(
        "{what:<40} {:>8.3} {:>12} {:>9} {requests:>8}",
        wall.as_secs_f64(),
        processor.map(|used| format!("{:.1}", used.as_secs_f64() * 1_000.0)).unwrap_or_default(),
        rate.unwrap_or_default(),
    );
}

/// The processor time of a command.
pub(crate) fn used(cost: &Cost) -> Duration {
    Duration::from_secs_f64(cost.user + cost.system)
}
