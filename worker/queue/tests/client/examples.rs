//! The examples in other languages push documents that a worker accepts. `scripts/example-tools` installs their
//! dependencies.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use syncline_queue::{
    Priority, RedisBackend, RedisConfig,
    client::{RequestKind, SyncRequest},
};
use syncline_support::redis::Server;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tool(path: &str) -> PathBuf {
    let tool = root().join("target/examples").join(path);
    assert!(tool.exists(), "{} is not there; run scripts/example-tools, which installs it", tool.display());
    tool
}

/// Runs an example against a new server, and returns its output and the request that a worker takes.
async fn run(mut command: Command) -> (String, SyncRequest) {
    let server = Server::start(&[]).expect("a Redis server");
    let output =
        command.arg("jira-github-sync").env("REDIS_URL", server.url()).output().expect("the example");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let backend = RedisBackend::new(&server.url(), RedisConfig::default()).expect("a URL");
    let mut entries =
        backend.take_from_inbox("default", 10, Duration::from_secs(60)).await.expect("the server");
    assert_eq!(entries.len(), 1, "{entries:?}");
    let request = SyncRequest::parse(&entries.remove(0).text).expect("a document");
    (String::from_utf8(output.stdout).expect("text").trim().to_owned(), request)
}

fn check(printed: &str, request: &SyncRequest) {
    assert_eq!(request.id.expect("an id").to_string(), printed);
    assert_eq!((request.sync.as_str(), request.kind), ("jira-github-sync", RequestKind::Sync));
    assert_eq!(request.priority, Some(Priority::High));
}

#[tokio::test]
async fn the_python_example_requests_a_run() {
    let mut command = Command::new(tool("venv/bin/python"));
    command.arg(root().join("examples/enqueue.py"));
    let (printed, request) = run(command).await;
    check(&printed, &request);
}

#[tokio::test]
async fn the_node_example_requests_a_run() {
    tool("node_modules/redis/package.json");
    // Node searches for packages from the program's folder.
    let folder = tempfile::tempdir_in(root().join("target/examples")).expect("a folder");
    let program = folder.path().join("enqueue.mjs");
    fs::copy(root().join("examples/enqueue.mjs"), &program).expect("the example");
    let mut command = Command::new("node");
    command.arg(program);
    let (printed, request) = run(command).await;
    check(&printed, &request);
}
