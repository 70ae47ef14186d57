//! Limits.

use chrono::Utc;
use serde_json::json;
use syncline_engine::ports::{ErrorKind, ErrorScope, ReadMode, Written};

use crate::world::{World, create, update};

fn uses_up(world: &World, resource: &str) {
    let budget = json!({ "user": "ada", "resource": resource, "remaining": 0, "limit": 2_500 });
    world.control("PUT", "/linear/budget", budget);
}

/// The answer is a 400, and its text may be about anything.
#[tokio::test]
async fn case_112_a_400_that_is_a_429() {
    for (resource, seconds) in [("requests", false), ("complexity", true)] {
        let world = World::new().await;
        let id = world.person_creates(json!({ "title": "one" }));
        world.switch(json!({ "reset_in_seconds": seconds }));
        uses_up(&world, resource);
        let place = world.open().await;
        let mut errors = vec![
            world.list(&*place, ReadMode::Full).await.unwrap_err(),
            world.fetch(&*place, &id).await.unwrap_err(),
        ];
        let writes = [update(&id, json!({ "title": "x" })), create("sl-a", json!({ "title": "x" }))];
        let outcomes = place.write(&writes, &world.call()).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Written::NotSent(_) | Written::Refused(_))));
        errors.extend(outcomes.iter().map(|outcome| outcome.error().unwrap().clone()));
        for error in errors {
            let ErrorKind::RateLimited { until } = error.kind else { panic!("{resource}: {error:?}") };
            let wait = (until - Utc::now()).num_seconds();
            assert!((3_000..=3_600).contains(&wait), "{resource}: {wait} s");
            assert_eq!(error.scope, ErrorScope::Account);
            assert!(!error.message.contains("does not show"), "{error}");
        }
    }
}

/// The top five issues are not paid for as fifty times fifty.
#[tokio::test]
async fn case_113_a_small_question_has_a_small_bill() {
    let world = World::new().await;
    world.control("POST", "/linear/teams/ENG/seed", json!({ "items": 20 }));
    let place = world.open_with(json!({ "team": "ENG" }), &world.account(), &["title"]).await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let ids: Vec<String> = items.into_iter().take(5).map(|item| item.id).collect();
    world.switch(json!({ "max_complexity": 199 }));
    assert!(place.fetch(&ids, &world.call()).await.iter().all(|(_, found)| found.is_ok()));
    // A poll of a team where nothing happens is paid for as well.
    world.switch(json!({ "max_complexity": 299 }));
    world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
}
