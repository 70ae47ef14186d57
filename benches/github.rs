//! The speed of a sync between two repositories of a simulated GitHub without limits.
//!
//! `cargo bench --bench github` runs the release binary against a simulator of its own, both on the same machine. It prints
//! how many issues a second a first sync copies into an empty repository, with how many requests, and the processor time of
//! a poll that finds nothing new: that of a whole `syncline sync`, and that of one more poll in a worker that runs, without
//! what the worker uses in the same time when it has nothing to do.

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use syncline_support::{
    cost::{Cost, measure},
    http::client,
    program::Program,
};

const BINARY: &str = env!("CARGO_BIN_EXE_syncline");

/// Issues of the repository that is copied.
const ISSUES: usize = 2_000;

/// Polls of the worker that are measured.
const POLLS: u32 = 50;

const DOCUMENT: &str = "\
name: web
source_platform: github
source: { account: acme, repository: acme/web }
target_platform: github
target: { account: acme, repository: acme/copy }
entity_type: issue
two_way_create: true
field_mappings:
  - { source_field: title, target_field: title, required: true }
  - { source_field: body, target_field: body }
  - { source_field: status, target_field: status }
  - { source_field: labels, target_field: labels, source_type: array, target_type: array }
";

/// A simulator in a process of its own; it ends with the bench.
struct Simulator {
    child: Child,
    control: String,
    github: String,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Simulator {
    async fn start(program: &mut Program) -> Result<Simulator> {
        let arguments = ["--json", "simulator", "--listen", "127.0.0.1:0", "--items", "0", "--limits", "off"];
        let mut child = program.command(&arguments).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("standard output is piped")?;
        let mut text = String::new();
        for line in BufReader::new(out).lines() {
            let line = line?;
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let told: Value = serde_json::from_str(&text)?;
        let address = |key: &str| told[key].as_str().context("an address").map(str::to_owned);
        let simulator = Simulator { child, control: address("control")?, github: address("github")? };
        program.set("TOKEN", told["example"]["token"].as_str().context("a token")?);
        let copy = json!({ "owner": "acme", "name": "copy", "members": { "ada": "admin" } });
        simulator.control("POST", "/github/repos", &copy).await?;
        // Old enough for a poll not to look at them again.
        let seed = json!({ "items": ISSUES, "closed": 0, "pull_requests": 0, "every": 60 });
        simulator.control("POST", "/github/repos/acme/web/seed", &seed).await?;
        Ok(simulator)
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let address = format!("{}{path}", self.control);
        let request = client().request(method.parse()?, address).json(body);
        let answer = request.send().await?.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&answer).unwrap_or_default())
    }

    /// The requests since the last call.
    async fn requests(&self) -> Result<usize> {
        let log = self.control("GET", "/log", &Value::Null).await?;
        self.control("DELETE", "/log", &Value::Null).await?;
        Ok(log["entries"].as_array().map_or(0, Vec::len))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut program = Program::new(BINARY)?;
    program.set("SYNCLINE_LEASE_MS", "30000");
    program.set("SYNCLINE_ALLOW_PRIVATE_HOSTS", "127.0.0.1");
    let simulator = Simulator::start(&mut program).await?;
    program.expect(0, &["migrate", "up"])?;
    let add = ["accounts", "add", "acme", "--platform", "github", "--secret", "env:TOKEN", "--limits", "off"];
    program.expect(0, &[&add[..], &["--base-url", &simulator.github]].concat())?;
    program.write("web.yaml", DOCUMENT)?;
    program.expect(0, &["apply", "web.yaml"])?;
    simulator.requests().await?;

    println!("{:<28} {:>9} {:>13} {:>10} {:>9}", "", "wall s", "processor ms", "issues/s", "requests");
    let first = sync(&program)?;
    tell("first sync, 2,000 issues", &first, Some(ISSUES), simulator.requests().await?);
    // What was just created is read once more, and is older than what a poll looks at from then on.
    simulator.control("POST", "/clock", &json!({ "advance": 600 })).await?;
    sync(&program)?;
    sync(&program)?;
    simulator.requests().await?;
    let mut polls = (0..9).map(|_| sync(&program)).collect::<Result<Vec<Cost>>>()?;
    let requests = simulator.requests().await? / polls.len();
    polls.sort_by(|one, other| (one.user + one.system).total_cmp(&(other.user + other.system)));
    tell("no change, whole command", &polls[polls.len() / 2], None, requests);
    worker(&program, &simulator).await
}

fn tell(what: &str, cost: &Cost, issues: Option<usize>, requests: usize) {
    println!(
        "{what:<28} {:>9.2} {:>13.0} {:>10} {requests:>9}",
        cost.wall.as_secs_f64(),
        (cost.user + cost.system) * 1_000.0,
        issues.map(|issues| format!("{:.0}", issues as f64 / cost.wall.as_secs_f64())).unwrap_or_default(),
    );
}

fn sync(program: &Program) -> Result<Cost> {
    measure(program, BINARY, &["sync", "web"])
}

/// Has a worker poll, one poll after the other, and prints the processor time of one.
async fn worker(program: &Program, simulator: &Simulator) -> Result<()> {
    let arguments = ["up", "--listen", "127.0.0.1:0"];
    let child = program.command(&arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut up = Up(child);
    let pid = up.0.id();
    poll(program)?;
    simulator.requests().await?;
    let (began, before) = (Instant::now(), processor(pid)?);
    for _ in 0..POLLS {
        poll(program)?;
    }
    let (took, used) = (began.elapsed(), processor(pid)? - before);
    let before = processor(pid)?;
    tokio::time::sleep(took).await;
    let used = used.saturating_sub(processor(pid)? - before);
    let each = Cost { wall: took / POLLS, user: used.as_secs_f64() / f64::from(POLLS), ..Cost::default() };
    tell("no change, in a worker", &each, None, simulator.requests().await? / POLLS as usize);
    up.0.kill()?;
    up.0.wait()?;
    Ok(())
}

struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks for a run and waits until the worker has carried it out.
fn poll(program: &Program) -> Result<()> {
    let run = program.expect(0, &["--json", "enqueue", "web"])?.json()?;
    let run = run["run"].as_str().context("a run")?.to_owned();
    let began = Instant::now();
    loop {
        let shown = program.expect(0, &["--json", "runs", &run])?.json()?;
        if shown["run"]["status"] == "completed" || shown["status"] == "completed" {
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "the run does not end: {shown}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The processor time of a process so far.
fn processor(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
    // The kernel counts in hundredths of a second.
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
