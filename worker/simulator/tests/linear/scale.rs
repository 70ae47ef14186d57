//! Large teams, and many requests.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::Place;

/// The bounds are generous, for an unoptimised build on a busy machine: only quadratic growth would exceed them.
#[tokio::test]
async fn ten_thousand_issues_are_listed_and_more_are_created() {
    let place = Place::new().await;
    let start = Instant::now();
    place.control("POST", "/linear/teams/ENG/seed", json!({ "items": 10_000 }));
    let seeded = start.elapsed();
    let listed = read_all(&place).await;
    let start = Instant::now();
    for at in 0..500 {
        place.create(json!({ "title": format!("Created {at}") })).await;
    }
    let created = start.elapsed();
    let start = Instant::now();
    for _ in 0..200 {
        let found = place.identifiers("first: 100, orderBy: updatedAt, filter: {team: {key: {eq: \"ENG\"}}, updatedAt: {gt: \"PT1S\"}}").await;
        assert!(found.is_empty());
    }
    let polled = start.elapsed();
    println!("seeded {seeded:?}, listing {listed:?}, 500 creates {created:?}, 200 polls {polled:?}");
    for took in [seeded, listed, created] {
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
    assert!(polled < Duration::from_secs(15), "a poll reads the index only: {polled:?}");
}

/// Reads all pages, and returns how long that took.
async fn read_all(place: &Place) -> Duration {
    let query = "query($after: String) { issues(first: 250, after: $after, orderBy: updatedAt, includeArchived: true) { \
                 nodes { id identifier title description priority estimate dueDate createdAt updatedAt archivedAt trashed labelIds \
                 state { id } assignee { id } parent { id } team { id } } pageInfo { hasNextPage endCursor } } }";
    let start = Instant::now();
    let (mut seen, mut after) = (0, Value::Null);
    loop {
        let issues = place.graphql(query, json!({ "after": after })).await.data()["issues"].clone();
        seen += issues["nodes"].as_array().unwrap().len();
        if issues["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = issues["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen, 10_000);
    start.elapsed()
}
