//! The queue over a master that sentinels watch: after its loss, calls go to the new master.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

#[allow(dead_code, unused_imports, unused_macros, reason = "the other binaries use the rest")]
mod conformance;
mod support;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use syncline_queue::{Backend, Outcome, State};
use syncline_support::redis::Watched;

use conformance::{
    QUEUE, claim_one, eventually, job, settle,
    workers::{config, start_on},
};
use support::redis::{backend, prefix};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_continues_after_the_master_is_lost() {
    survives_its_master(Watched::start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_continues_after_the_master_is_lost_with_tls() {
    survives_its_master(Watched::start_tls).await;
}

async fn survives_its_master<E: std::fmt::Debug + Send + 'static>(start: fn() -> Result<Watched, E>) {
    let mut servers = tokio::task::spawn_blocking(start).await.expect("a thread").expect("servers");
    let backend = Arc::new(backend(&servers.url(), &prefix(), None));
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let worker = start_on(Arc::clone(&backend) as Arc<dyn Backend>, config("worker"), move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Outcome::Done) }
    });
    backend.push(&[job("before")]).await.expect("a push");
    eventually("the first job", || async { (ran.load(Ordering::SeqCst) == 1).then_some(()) }).await;

    let master = Mutex::new(&mut servers.servers[0]);
    master.lock().expect("the master").kill().expect("a kill");
    let after = job("after");
    // Until the sentinels agree, pushes fail with a temporary error.
    eventually("another master", || async {
        match backend.push(std::slice::from_ref(&after)).await {
            Ok(_) => Some(()),
            Err(error) => {
                assert!(error.is_temporary(), "{error:?}");
                None
            }
        }
    })
    .await;
    eventually("the second job", || async { (ran.load(Ordering::SeqCst) >= 2).then_some(()) }).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_job_runs_behind_sentinels() {
    let servers = tokio::task::spawn_blocking(Watched::start).await.expect("a thread").expect("servers");
    let backend = backend(&servers.url(), &prefix(), None);
    backend.push(&[job("job")]).await.expect("a push");
    let running = claim_one(&backend).await;
    assert_eq!(backend.get(running.id).await.expect("a look").map(|job| job.state), Some(State::Running));
    settle(&backend, &running, Outcome::Done).await;
    assert_eq!(backend.counts(QUEUE).await.expect("counts"), []);
}
