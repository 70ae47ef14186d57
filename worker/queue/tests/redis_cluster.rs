//! The queue's contract on a cluster of three Redis servers.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

mod conformance;
mod support;

use std::collections::HashSet;

use syncline_queue::{Backend, NewJob, Outcome, Settled};
use syncline_support::redis::Cluster;

use conformance::{LEASE, job, request};
use support::redis::{backend, cluster, prefix};

conformance::promises!(cluster);

/// Each queue is on one node, and different queues are on different ones.
#[tokio::test]
async fn queues_are_spread_over_the_nodes() {
    spread(Cluster::start).await;
}

#[tokio::test]
async fn queues_are_spread_over_the_nodes_with_tls() {
    spread(Cluster::start_tls).await;
}

async fn spread<E: std::fmt::Debug + Send + 'static>(start: fn() -> Result<Cluster, E>) {
    let servers = tokio::task::spawn_blocking(start).await.expect("a thread").expect("a cluster");
    let backend = backend(&servers.url(), &prefix(), None);
    let names: Vec<_> = (0..20).map(|number| format!("queue {number}")).collect();
    for name in &names {
        let jobs: Vec<_> = (0..5).map(|_| NewJob { queue: name.clone(), ..job("spread") }).collect();
        backend.push(&jobs).await.expect("a push");
    }
    let used = |node: &syncline_support::redis::Server| node.command(&["DBSIZE"]).expect("a size") != "0";
    assert!(servers.nodes.iter().all(used), "every node has some");
    let mut done = HashSet::new();
    for name in &names {
        let asked = syncline_queue::ClaimRequest { queue: name.clone(), ..request(9, LEASE) };
        for claimed in backend.claim(&asked).await.expect("a claim").jobs {
            let settlement =
                syncline_queue::Settlement { lease: claimed.lease_ref(), outcome: Outcome::Done };
            let settled = backend.settle(&[settlement]).await.expect("a settlement");
            assert!(matches!(settled[..], [Settled::Applied(_)]), "{settled:?}");
            done.insert(claimed.id);
        }
    }
    assert_eq!(done.len(), 100);
}
