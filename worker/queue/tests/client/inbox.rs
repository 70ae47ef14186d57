//! Tests of the inbox: an entry is taken once, or again after its worker died, and is removed or refused in the end.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use syncline_queue::{
    Backend, ClaimRequest, JobQuery, NewJob, Priority, RedisBackend, RedisConfig, State,
    client::{Client, ClientError, SyncRequest},
};
use syncline_support::redis::{Cluster, Server, shared_url};
use uuid::Uuid;

const QUEUE: &str = "default";
const LEASE: Duration = Duration::from_secs(600);

fn place() -> (String, String) {
    static PLACES: AtomicUsize = AtomicUsize::new(0);
    (shared_url().expect("a Redis server"), format!("inbox{}", PLACES.fetch_add(1, Ordering::Relaxed)))
}

fn backend(url: &str, prefix: &str) -> RedisBackend {
    RedisBackend::new(url, RedisConfig { prefix: prefix.to_owned(), ..RedisConfig::default() })
        .expect("a URL")
}

async fn push(url: &str, key: &str, text: &str) {
    let client = redis::Client::open(url).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("the server");
    redis::cmd("RPUSH").arg(key).arg(text).query_async::<()>(&mut connection).await.expect("the server");
}

#[tokio::test]
async fn requests_arrive_in_their_order_and_once() {
    let (url, prefix) = place();
    let client = Client::connect(&url, &prefix).await.expect("the server");
    let mut sent = Vec::new();
    for n in 0..5 {
        sent.push(client.enqueue_sync(SyncRequest::new(format!("sync {n}"))).await.expect("the server"));
    }
    let (one, other) = (backend(&url, &prefix), backend(&url, &prefix));
    let mut taken = one.take_from_inbox(QUEUE, 3, LEASE).await.expect("the store");
    assert_eq!(taken.len(), 3);
    taken.extend(other.take_from_inbox(QUEUE, 10, LEASE).await.expect("the store"));
    let requests: Vec<_> =
        taken.iter().map(|entry| SyncRequest::parse(&entry.text).expect("a document")).collect();
    assert_eq!(requests.iter().map(|request| request.id.expect("an id")).collect::<Vec<_>>(), sent);
    assert!(taken.iter().all(|entry| !entry.again));
    assert!(one.take_from_inbox(QUEUE, 10, LEASE).await.expect("the store").is_empty());
    let ids: Vec<Uuid> = taken.iter().map(|entry| entry.id).collect();
    one.remove_from_inbox(QUEUE, &ids).await.expect("the store");
    one.remove_from_inbox(QUEUE, &ids).await.expect("twice is no harm");
}

/// The key is the documented one: `{syncline:default}:inbox` with the default prefix.
#[tokio::test]
async fn a_plain_push_to_the_documented_key_arrives() {
    let server = Server::start(&[]).expect("a Redis server");
    push(&server.url(), "{syncline:default}:inbox", r#"{"version":1,"sync":"a"}"#).await;
    let backend = backend(&server.url(), "syncline");
    let taken = backend.take_from_inbox(QUEUE, 10, LEASE).await.expect("the store");
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].text, br#"{"version":1,"sync":"a"}"#);
}

#[tokio::test]
async fn an_entry_of_a_dead_worker_is_taken_again_under_the_same_id() {
    let (url, prefix) = place();
    push(&url, &format!("{{{prefix}:default}}:inbox"), "x").await;
    let backend = backend(&url, &prefix);
    let first = backend.take_from_inbox(QUEUE, 1, Duration::from_millis(50)).await.expect("the store");
    let mut again = Vec::new();
    while again.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        again = backend.take_from_inbox(QUEUE, 10, LEASE).await.expect("the store");
    }
    assert_eq!((again[0].id, again[0].again, again.len()), (first[0].id, true, 1));
    backend.remove_from_inbox(QUEUE, &[again[0].id]).await.expect("the store");
    assert!(backend.take_from_inbox(QUEUE, 10, Duration::ZERO).await.expect("the store").is_empty());
}

#[tokio::test]
async fn an_invalid_entry_becomes_a_dead_letter_with_its_reason() {
    let (url, prefix) = place();
    push(&url, &format!("{{{prefix}:default}}:inbox"), "{\"version\":9}").await;
    let backend = backend(&url, &prefix);
    let entry = backend.take_from_inbox(QUEUE, 1, LEASE).await.expect("the store").remove(0);
    let why = SyncRequest::parse(&entry.text).expect_err("version 9").to_string();
    assert!(
        backend
            .refuse_from_inbox(QUEUE, &entry, entry.id, "inbox entry not understood", &why)
            .await
            .expect("the store")
    );
    assert!(
        !backend.refuse_from_inbox(QUEUE, &entry, entry.id, "again", &why).await.expect("the store"),
        "it is dealt with"
    );
    let dead = backend.list(&JobQuery::new(QUEUE, State::Dead)).await.expect("the store").jobs;
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].id, dead[0].kind.as_str()), (entry.id, "inbox"));
    assert_eq!(dead[0].payload["entry"], "{\"version\":9}");
    assert_eq!(dead[0].dead_reason.as_deref(), Some("inbox entry not understood"));
    assert_eq!(dead[0].last_error.as_deref(), Some(why.as_str()));
    let counts = backend.counts(QUEUE).await.expect("the store");
    assert_eq!(counts.iter().map(|count| (count.state, count.jobs)).collect::<Vec<_>>(), [(State::Dead, 1)]);
    assert!(backend.discard(entry.id).await.expect("the store"));
    assert!(backend.take_from_inbox(QUEUE, 10, Duration::ZERO).await.expect("the store").is_empty());
}

#[tokio::test]
async fn the_inbox_works_on_a_cluster() {
    let cluster = Cluster::start().expect("a cluster");
    let client = Client::connect(&cluster.url(), "syncline").await.expect("the cluster");
    let id = client.enqueue_sync(SyncRequest::new("a")).await.expect("the cluster");
    let backend = backend(&cluster.url(), "syncline");
    let taken = backend.take_from_inbox(QUEUE, 10, LEASE).await.expect("the cluster");
    assert_eq!(SyncRequest::parse(&taken[0].text).expect("a document").id, Some(id));
    backend.remove_from_inbox(QUEUE, &[taken[0].id]).await.expect("the cluster");
}

#[tokio::test]
async fn a_client_pushes_jobs_and_refuses_invalid_documents() {
    let (url, prefix) = place();
    let client = Client::connect(&url, &prefix).await.expect("the server");
    let job =
        NewJob { priority: Priority::High, ..NewJob::new("report", serde_json::json!({ "month": 11 })) };
    client.backend().push(std::slice::from_ref(&job)).await.expect("the server");
    assert!(client.backend().get(job.id).await.expect("the server").is_some());
    let refused = client.enqueue_sync(SyncRequest::new("")).await.expect_err("no name");
    assert!(matches!(refused, ClientError::Document(_)), "{refused:?}");
    let lost = Client::connect("redis://:secret@127.0.0.1:1/", &prefix).await.expect_err("no server");
    assert!(!format!("{lost} {lost:?}").contains("secret"), "{lost:?}");
}

/// A worker that has only claimed so far publishes its queue with the first dead letter.
#[tokio::test]
async fn a_refused_request_is_found_by_other_processes() {
    let (url, prefix) = place();
    push(&url, &format!("{{{prefix}:default}}:inbox"), "x").await;
    let worker = backend(&url, &prefix);
    let claim = ClaimRequest {
        queue: QUEUE.to_owned(),
        worker_id: "worker".to_owned(),
        limit: 1,
        lease: LEASE,
        concurrency_key: None,
        overdue_by: None,
    };
    assert!(worker.claim(&claim).await.expect("a claim").jobs.is_empty());
    let entry = worker.take_from_inbox(QUEUE, 1, LEASE).await.expect("the store").remove(0);
    assert!(worker.refuse_from_inbox(QUEUE, &entry, entry.id, "why", "x").await.expect("the store"));
    let other = backend(&url, &prefix);
    assert_eq!(other.get(entry.id).await.expect("the store").map(|job| job.state), Some(State::Dead));
    assert!(other.discard(entry.id).await.expect("the store"));
}
