//! Large repositories, and many requests.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{ISSUES, Place};

/// The bounds are generous, for an unoptimised build on a busy machine: only quadratic growth would exceed them.
#[tokio::test]
async fn ten_thousand_issues_are_listed_and_more_are_created() {
    let place = Place::new().await;
    let start = Instant::now();
    place.seed(10_000);
    let seeded = start.elapsed();
    let first = read_all(&place).await;
    let again = read_all(&place).await;
    let start = Instant::now();
    for at in 0..500 {
        place.post(ISSUES, json!({ "title": format!("Created {at}"), "labels": ["bug"] })).await.expect(201);
    }
    let created = start.elapsed();
    println!("seeded {seeded:?}, first listing {first:?}, second {again:?}, 500 creates {created:?}");
    for took in [seeded, first, again, created] {
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}

/// Reads all pages, and returns how long that took.
async fn read_all(place: &Place) -> Duration {
    let start = Instant::now();
    let (mut seen, mut next) =
        (0, Some(format!("{ISSUES}?state=all&sort=updated&direction=asc&per_page=100")));
    while let Some(path) = next {
        let page = place.get(&path).await.expect(200);
        seen += page.numbers().len();
        next = page.link("next");
    }
    assert_eq!(seen, 10_000);
    start.elapsed()
}
