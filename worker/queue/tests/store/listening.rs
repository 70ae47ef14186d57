//! Tests of notices between processes, and of the cost of listening.

use std::{sync::Arc, time::Duration};

use syncline_queue::{Backend, Cancelled, Next, Outcome, Settled, SourceConfig};
use syncline_support::redis::Server;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{
    conformance::{
        job,
        workers::{config, start_on},
    },
    support::{
        Stage,
        redis::{backend, prefix, redis},
    },
};

struct Ears(JoinHandle<()>);

impl Drop for Ears {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn listen(backend: &Arc<dyn Backend>) -> Ears {
    let backend = Arc::clone(backend);
    Ears(tokio::spawn(async move { backend.listen("work").await }))
}

async fn changed(hint: &mut tokio::sync::watch::Receiver<u64>) {
    timeout(Duration::from_secs(30), hint.changed()).await.expect("in time").expect("a queue");
    hint.borrow_and_update();
}

async fn neighbour(stage: &Stage) -> (Arc<dyn Backend>, Ears) {
    let other = stage.hooks.another(None).await;
    let mut wakeups = other.wakeups();
    let ears = listen(&other);
    // A new listener looks for all existing work once.
    changed(&mut wakeups).await;
    (other, ears)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_starts_what_another_process_pushed_and_stops_what_it_cancelled() {
    let stage = redis().await;
    let (other, _ears) = neighbour(&stage).await;
    let hour = Duration::from_secs(3600);
    let source = SourceConfig { poll_interval: hour, lease: hour, ..config("neighbour") };
    let (started, mut starts) = mpsc::unbounded_channel();
    let mut worker = start_on(other, source, move |leased| {
        started.send(()).expect("the test");
        async move {
            if leased.job.kind == "endless" {
                leased.lease.cancelled().await;
                return Ok(Outcome::Cancelled);
            }
            Ok(Outcome::Done)
        }
    });
    for _ in 0..5 {
        stage.backend.push(&[job("short")]).await.expect("a push");
        starts.recv().await.expect("a start");
        assert_eq!(worker.settled().await, (Outcome::Done, Settled::Applied(Next::Gone)));
    }
    let endless = job("endless");
    stage.backend.push(std::slice::from_ref(&endless)).await.expect("a push");
    starts.recv().await.expect("a start");
    assert_eq!(stage.backend.cancel(endless.id).await.expect("a cancel"), Cancelled::Requested);
    assert_eq!(worker.settled().await, (Outcome::Cancelled, Settled::Applied(Next::Gone)));
    worker.stop().await;
}

/// A process that takes the token but has no free worker hands it on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_without_a_free_worker_hands_the_token_on() {
    let stage = redis().await;
    let (_busy, _its_ears) = neighbour(&stage).await;
    let (idle, _ears) = neighbour(&stage).await;
    let hour = Duration::from_secs(3600);
    let mut worker = start_on(idle, SourceConfig { poll_interval: hour, ..config("idle") }, |_| async {
        Ok(Outcome::Done)
    });
    for _ in 0..6 {
        stage.backend.push(&[job("job")]).await.expect("a push");
        assert_eq!(worker.settled().await, (Outcome::Done, Settled::Applied(Next::Gone)));
    }
    worker.stop().await;
}

fn commands(server: &Server) -> u64 {
    let told = server.command(&["INFO", "commandstats"]).expect("numbers");
    let calls = |line: &str| line.split("calls=").nth(1)?.split(',').next()?.parse::<u64>().ok();
    told.lines().filter_map(calls).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_and_its_listener_send_few_commands() {
    let server =
        tokio::task::spawn_blocking(|| Server::start(&[])).await.expect("a thread").expect("a server");
    let backend: Arc<dyn Backend> = Arc::new(backend(&server.url(), &prefix(), None));
    let _ears = listen(&backend);
    let usual = SourceConfig { rescue_interval: Duration::from_secs(5), ..config("worker") };
    let mut worker = start_on(Arc::clone(&backend), usual, |_| async { Ok(Outcome::Done) });
    backend.push(&[job("first")]).await.expect("a push");
    worker.settled().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = commands(&server);
    tokio::time::sleep(Duration::from_secs(5)).await;
    // Commands sent by scripts count as well.
    let each = (commands(&server) - before) / 5;
    println!("{each} commands per second");
    assert!(each <= 30, "{each} commands per second");
    worker.stop().await;
}
