//! Redis in various setups: with a password, users, TLS, too little memory, killed and restarted.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

#[allow(dead_code, unused_imports, unused_macros, reason = "the other binaries use the rest")]
mod conformance;
mod support;

use std::error::Error as _;

use futures_util::future::join_all;
use serde_json::json;
use syncline_queue::{Backend, Error, NewJob, Outcome, Pushed, RedisBackend, RedisConfig, Settled};
use syncline_support::redis::Server;

use conformance::{QUEUE, claim, claim_one, job, settle};
use support::redis::{backend, prefix};

async fn server(options: &'static [&'static str]) -> Server {
    tokio::task::spawn_blocking(|| Server::start(options)).await.expect("a thread").expect("a server")
}

async fn works(backend: &RedisBackend) {
    backend.check().await.expect("a sign of life");
    backend.push(&[job("job")]).await.expect("a push");
    let running = claim_one(backend).await;
    assert!(matches!(settle(backend, &running, Outcome::Done).await, Settled::Applied(_)));
    assert_eq!(backend.counts(QUEUE).await.expect("counts"), []);
}

fn whole(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(" {error} {error:?}");
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn a_password_is_sent_and_never_shown() {
    let server = server(&["--requirepass", "hunter2"]).await;
    works(&backend(&server.url(), &prefix(), None)).await;
    let wrong = backend(&server.url().replace("hunter2", "hunter3"), &prefix(), None);
    let error = wrong.check().await.expect_err("another password");
    assert!(!whole(&error).contains("hunter"), "{}", whole(&error));
    assert!(!format!("{wrong:?}").contains("hunter"), "{wrong:?}");
}

#[tokio::test]
async fn a_user_needs_no_more_than_the_keys_of_its_prefix() {
    let server = server(&[]).await;
    let rules = "ACL SETUSER app on >s3cret resetkeys ~app:* ~{app:* +@all -@admin -@dangerous";
    server.command(&rules.split(' ').collect::<Vec<_>>()).expect("a user");
    let url = server.url().replace("redis://", "redis://app:s3cret@");
    works(&backend(&url, "app", None)).await;
    let elsewhere = backend(&url, "other", None);
    let error = elsewhere.push(&[job("job")]).await.expect_err("keys of another prefix");
    assert!(!whole(&error).contains("s3cret"), "{}", whole(&error));
}

async fn tls_server(options: &'static [&'static str]) -> Server {
    tokio::task::spawn_blocking(|| Server::start_tls(options)).await.expect("a thread").expect("a server")
}

#[tokio::test]
async fn a_client_certificate_is_sent() {
    let server = tls_server(&["--tls-auth-clients", "yes"]).await;
    let authority = server.authority().expect("an authority");
    let url = format!("{}?ca={}", server.url(), authority.display());
    assert!(backend(&url, &prefix(), None).check().await.is_err(), "a client certificate is required");
    let file = |name: &str| authority.with_file_name(name).display().to_string();
    let url = format!("{url}&cert={}&key={}", file("server.pem"), file("server.key"));
    works(&backend(&url, &prefix(), None)).await;
}

#[tokio::test]
async fn tls_is_verified_against_the_named_authority() {
    let server = tls_server(&[]).await;
    let url = format!("{}?ca={}", server.url(), server.authority().expect("an authority").display());
    works(&backend(&url, &prefix(), None)).await;
    let without_authority = backend(&server.url(), &prefix(), None);
    assert!(without_authority.check().await.is_err(), "the authority is unknown");
}

#[tokio::test]
async fn prefixes_on_one_server_are_isolated() {
    let server = server(&[]).await;
    let (one, other) = (backend(&server.url(), "one", None), backend(&server.url(), "other", None));
    let same = job("same");
    assert_eq!(one.push(std::slice::from_ref(&same)).await.expect("a push"), [Pushed::New]);
    assert_eq!(other.push(std::slice::from_ref(&same)).await.expect("a push"), [Pushed::New]);
    one.pause(QUEUE).await.expect("a pause");
    assert!(claim(&one, 9).await.is_empty());
    assert_eq!(claim(&other, 9).await.len(), 1);
    let keys = server.command(&["KEYS", "*"]).expect("keys");
    assert!(
        keys.lines()
            .all(|key| ["one:", "other:", "{one:", "{other:"].iter().any(|mine| key.starts_with(mine))),
        "{keys}"
    );
}

#[tokio::test]
async fn jobs_survive_a_killed_server_with_persistence() {
    let mut server = server(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let backend = backend(&server.url(), &prefix(), None);
    let jobs: Vec<_> = (0..50).map(|n| job(&n.to_string())).collect();
    backend.push(&jobs).await.expect("a push");
    let running = claim(&backend, 20).await;
    settle(&backend, &running[0], Outcome::Done).await;
    let server = tokio::task::spawn_blocking(move || {
        server.restart().expect("a restart");
        server
    });
    let _server = server.await.expect("a thread");
    // The connection broke while it was idle, and the scripts are gone.
    let settled = settle(&backend, &running[1], Outcome::Done).await;
    assert!(matches!(settled, Settled::Applied(_)), "{settled:?}");
    assert_eq!(settle(&backend, &running[0], Outcome::Done).await, Settled::Stale);
    assert_eq!(claim(&backend, 99).await.len(), 30);
}

#[tokio::test]
async fn tokens_grow_after_the_store_lost_its_data() {
    let server = server(&[]).await;
    let backend = backend(&server.url(), &prefix(), None);
    let lost = job("lost");
    backend.push(std::slice::from_ref(&lost)).await.expect("a push");
    let before = claim_one(&backend).await;
    server.command(&["FLUSHALL"]).expect("a flush");
    assert_eq!(settle(&backend, &before, Outcome::Done).await, Settled::Stale);
    assert_eq!(backend.put_back(std::slice::from_ref(&lost)).await.expect("a push"), [Pushed::New]);
    let after = claim_one(&backend).await;
    assert!(after.token > before.token, "{} {}", after.token, before.token);
    assert_eq!(settle(&backend, &before, Outcome::Done).await, Settled::Stale);
    assert!(matches!(settle(&backend, &after, Outcome::Done).await, Settled::Applied(_)));
}

#[tokio::test]
async fn jobs_are_finished_while_memory_is_short() {
    let server = server(&["--maxmemory", "8mb", "--maxmemory-policy", "noeviction"]).await;
    let backend = backend(&server.url(), &prefix(), None);
    let large = |n: usize| NewJob { payload: json!({ "text": "x".repeat(2_000) }), ..job(&n.to_string()) };
    let mut pushed = 0;
    let error = loop {
        let jobs: Vec<_> = (0..100).map(large).collect();
        match backend.push(&jobs).await {
            Ok(_) => pushed += jobs.len(),
            Err(error) => break error,
        }
        assert!(pushed < 100_000, "memory did not become short");
    };
    assert!(error.is_temporary() && matches!(error, Error::Unavailable(_)), "{error:?}");
    let mut done = 0;
    loop {
        let running = claim(&backend, 50).await;
        if running.is_empty() {
            break;
        }
        for job in running {
            assert!(matches!(settle(&backend, &job, Outcome::Done).await, Settled::Applied(_)));
            done += 1;
        }
    }
    assert_eq!(done, pushed);
}

#[tokio::test]
async fn an_unreachable_server_is_a_temporary_error() {
    let backend = RedisBackend::new("redis://127.0.0.1:1", RedisConfig::default()).expect("a URL");
    let error = backend.push(&[job("job")]).await.expect_err("no server");
    assert!(error.is_temporary(), "{error:?}");
    // Concurrent callers get the same error, with its cause.
    let jobs: Vec<_> = (0..9).map(|_| [job("job")]).collect();
    for answer in join_all(jobs.iter().map(|one| backend.push(one))).await {
        let error = answer.expect_err("no server");
        assert!(error.is_temporary() && whole(&error).contains("refused"), "{}", whole(&error));
    }
    assert!(RedisBackend::new("http://127.0.0.1", RedisConfig::default()).is_err());
}
