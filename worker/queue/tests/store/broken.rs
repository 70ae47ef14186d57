//! Tests of keys that another program wrote to.

use redis::{Cmd, aio::MultiplexedConnection};
use syncline_queue::{Backend, Error, JobQuery, Outcome, Settled, State};
use syncline_support::redis as servers;

use crate::{
    conformance::{QUEUE, claim, claim_one, job, settle},
    support::redis::{backend, prefix},
};

async fn server() -> (String, MultiplexedConnection) {
    let url = tokio::task::spawn_blocking(servers::shared_url).await.expect("a thread").expect("a server");
    let client = redis::Client::open(url.as_str()).expect("a URL");
    (url, client.get_multiplexed_async_connection().await.expect("the server"))
}

async fn run(connection: &mut MultiplexedConnection, arguments: &[&[u8]]) {
    let mut cmd = Cmd::new();
    for argument in arguments {
        cmd.arg(*argument);
    }
    cmd.exec_async(connection).await.expect("a command");
}

#[tokio::test]
async fn a_key_of_the_wrong_type_is_named() {
    let (url, mut raw) = server().await;
    for name in ["jobs", "meta", "w2", "d2"] {
        let prefix = prefix();
        let backend = backend(&url, &prefix, None);
        let key = format!("{{{prefix}:{QUEUE}}}:{name}");
        run(&mut raw, &[b"SET", key.as_bytes(), b"somebody else's"]).await;
        let error = match backend.push(&[job("job")]).await {
            Err(error) => error,
            Ok(_) => backend
                .claim(&crate::conformance::request(1, crate::conformance::LEASE))
                .await
                .expect_err(name),
        };
        let Error::Refused(cause) = &error else { panic!("{name}: {error:?}") };
        assert!(cause.to_string().contains(&key), "{cause}");
        // Without the key, all calls work again.
        run(&mut raw, &[b"DEL", key.as_bytes()]).await;
        backend.push(&[job("job")]).await.expect("a push");
        assert!(!claim(&backend, 9).await.is_empty());
    }
}

#[tokio::test]
async fn unreadable_jobs_become_dead_and_block_no_others() {
    let (url, mut raw) = server().await;
    let prefix = prefix();
    let backend = backend(&url, &prefix, None);
    let base = format!("{{{prefix}:{QUEUE}}}:");
    let key = |name: &str| format!("{base}{name}").into_bytes();
    let odd: [&[u8]; 5] = [b"", b"G?", b"garbage", &[6, 255, 255, 0, 0, 0, 0], &[6; 60]];
    let mut ids = Vec::new();
    for text in odd {
        let id = uuid::Uuid::now_v7();
        run(&mut raw, &[b"HSET", &key("jobs"), id.as_bytes(), text]).await;
        run(&mut raw, &[b"RPUSH", &key("w2"), id.as_bytes()]).await;
        ids.push(id);
    }
    run(&mut raw, &[b"RPUSH", &key("w2"), b"no id at all", uuid::Uuid::now_v7().as_bytes()]).await;
    backend.push(&[job("good")]).await.expect("a push");
    let good = claim_one(&backend).await;
    assert_eq!(good.kind, "good");
    assert!(matches!(settle(&backend, &good, Outcome::Done).await, Settled::Applied(_)));
    let dead = backend.list(&JobQuery::new(QUEUE, State::Dead)).await.expect("a list").jobs;
    assert_eq!(dead.len(), odd.len(), "{dead:?}");
    assert!(dead.iter().all(|job| job.dead_reason.as_deref() == Some("it cannot be read")));
    assert!(dead.iter().any(|job| job.payload == "garbage"), "its text is shown: {dead:?}");
    assert!(!backend.replay(ids[2]).await.expect("a replay"), "an unreadable job cannot be replayed");
    for id in ids {
        assert!(backend.discard(id).await.expect("a discard"));
    }
    assert_eq!(backend.counts(QUEUE).await.expect("counts"), []);
}

#[tokio::test]
async fn cancelled_jobs_are_skipped_in_bounded_steps() {
    let (url, _) = server().await;
    let backend = backend(&url, &prefix(), None);
    let jobs: Vec<_> = (0..3_000).map(|_| job("unwanted")).collect();
    backend.push(&jobs).await.expect("a push");
    for job in &jobs {
        backend.cancel(job.id).await.expect("a cancel");
    }
    backend.push(&[job("wanted")]).await.expect("a push");
    let mut claims = 0;
    loop {
        claims += 1;
        let claimed =
            backend.claim(&crate::conformance::request(1, crate::conformance::LEASE)).await.expect("a claim");
        if let Some(job) = claimed.jobs.first() {
            assert_eq!(job.kind, "wanted");
            break;
        }
        assert!(claimed.more, "there is one");
    }
    assert!(claims > 1, "no claim looks at everything");
}
