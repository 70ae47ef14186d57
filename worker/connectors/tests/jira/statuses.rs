//! Statuses, transitions and resolutions.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    ports::{Done, ErrorKind, Written},
    spec::Category,
};

use crate::world::{World, close, create, done, field, in_part, refused, update};

/// One cached reading, and one write a hop; the last request reads what has become of it.
#[tokio::test]
async fn a_status_is_a_cached_reading_and_a_write() {
    let world = World::new().await;
    let issues: Vec<String> = (0..3).map(|_| world.person_creates(json!({ "summary": "T" }))).collect();
    let place = world.open().await;
    let mut requests = Vec::new();
    for id in &issues {
        world.item(&*place, id).await;
        world.forget();
        let item = done(world.write(&*place, update(id, json!({ "status": "In Progress" }))).await);
        assert_eq!(field(&item, "status"), "In Progress");
        requests.push(world.requests());
    }
    let id = &issues[2];
    let expected =
        [format!("POST /rest/api/3/issue/{id}/transitions"), "POST /rest/api/3/issue/bulkfetch".to_owned()];
    assert_eq!(requests[2], expected);
    // The names of the project's statuses, and the transitions from the first one.
    assert_eq!(requests[0].len(), 4, "{:?}", requests[0]);
}

#[tokio::test]
async fn statuses_are_those_of_the_project_with_their_categories() {
    let world = World::new().await;
    world.workflow(
        json!([
            { "name": "Offen", "category": "new" }, { "name": "QA", "category": "indeterminate" },
            { "name": "Fertig", "category": "done" }, { "name": "Abgelehnt (rejected)", "category": "done" },
        ]),
        json!(null),
    );
    let place = world.open().await;
    world.forget();
    let mut known = place.statuses("status", &world.call()).await.unwrap();
    known.sort();
    let expected = [
        ("Abgelehnt (rejected)", Category::Cancelled),
        ("Fertig", Category::Done),
        ("Offen", Category::Todo),
        ("QA", Category::InReview),
    ];
    assert_eq!(known, expected.map(|(name, category)| (name.to_owned(), category)));
    world.open().await.statuses("status", &world.call()).await.unwrap();
    assert_eq!(world.requests().len(), 1, "they are kept for some minutes");
    assert_eq!(place.statuses("priority", &world.call()).await.unwrap(), []);
}

#[tokio::test]
async fn a_status_goes_with_other_fields() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    world.item(&*place, &id).await;
    let change = json!({ "summary": "two", "status": "Done", "description": "text" });
    let item = done(world.write(&*place, update(&id, change)).await);
    assert_eq!((field(&item, "summary"), field(&item, "status")), (json!("two"), json!("Done")));
    assert_eq!(world.item(&*place, &id).await, item);
}

/// Where it is by then is told, and it goes on from there.
#[tokio::test]
async fn a_status_that_a_limit_stops_halfway_is_due() {
    let world = World::new().await;
    world.workflow(
        json!([
            { "name": "Open", "category": "new" }, { "name": "Doing", "category": "indeterminate" },
            { "name": "Closed", "category": "done" },
        ]),
        json!([
            { "name": "Begin", "from": ["Open"], "to": "Doing" },
            { "name": "End", "from": ["Doing"], "to": "Closed" },
        ]),
    );
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let path = "/rest/api/3/issue/*/transitions";
    world.fault(json!({ "method": "POST", "path": path, "nth": 2, "kind": "rate_limit", "retry_after": 1 }));
    let write = update(&id, json!({ "summary": "two", "status": "Closed" }));
    let outcome = world.write(&*place, write.clone()).await;
    let Written::Done(done) = outcome else { panic!("{outcome:?}") };
    let (left_out, error) = &done.left_out[0];
    assert_eq!((left_out.as_str(), error.passes()), ("status", true), "{error}");
    assert!(matches!(error.kind, ErrorKind::RateLimited { .. }), "{error}");
    assert_eq!(done.halfway["status"].name(), "Doing");
    assert_eq!(world.shown(&id, "summary"), "two");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let item = crate::world::done(world.write(&*world.open().await, write).await);
    assert_eq!(field(&item, "status"), "Closed");
}

/// A refusal would say that the issue is as it was read, and our own transition would pass for an edit.
#[rstest]
#[case::for_now(Some(json!({ "kind": "rate_limit", "retry_after": 1 })))]
#[case::for_good(None)]
#[tokio::test]
async fn a_close_that_ends_halfway_is_not_refused(#[case] fault: Option<Json>) {
    let world = World::new().await;
    let mut transitions = vec![json!({ "name": "Begin", "from": ["Open"], "to": "Doing" })];
    if fault.is_some() {
        transitions.push(json!({ "name": "End", "from": ["Doing"], "to": "Closed" }));
    }
    world.workflow(
        json!([
            { "name": "Open", "category": "new" }, { "name": "Doing", "category": "indeterminate" },
            { "name": "Closed", "category": "done" },
        ]),
        Json::Array(transitions),
    );
    let id = world.person_creates(json!({ "summary": "one" }));
    if let Some(mut fault) = fault.clone() {
        fault["method"] = json!("POST");
        fault["path"] = json!("/rest/api/3/issue/*/transitions");
        fault["nth"] = json!(2);
        world.fault(fault);
    }
    let outcome = world.write(&*world.open().await, close(&id)).await;
    let Written::Unknown(error) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind == ErrorKind::NoTransition, fault.is_none(), "{error}");
    assert_eq!(world.shown(&id, "status")["name"], "Doing");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let outcome = world.write(&*world.open().await, close(&id)).await;
    if fault.is_some() {
        assert_eq!(field(&crate::world::done(outcome), "status"), "Closed");
    } else {
        // Nothing was written this time.
        assert_eq!(refused(outcome).kind, ErrorKind::NoTransition);
    }
}

/// The issue is there, and has the status of a new one until the next run.
#[tokio::test]
async fn a_status_that_fails_behind_a_create_is_due() {
    let world = World::new().await;
    let place = world.open().await;
    let path = "/rest/api/3/issue/*/transitions";
    world.fault(json!({ "method": "POST", "path": path, "kind": "rate_limit", "retry_after": 1 }));
    let outcome = world.write(&*place, create("sl-a", json!({ "summary": "one", "status": "Done" }))).await;
    let Written::Done(Done { item: Some(item), left_out, halfway, .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((left_out.len(), left_out[0].1.passes(), halfway.len()), (1, true, 0));
    assert_eq!(field(&item, "status"), "To Do");
}

/// The other fields are written all the same.
#[tokio::test]
async fn a_status_that_no_transition_leads_to_is_left_out() {
    let world = World::new().await;
    world.workflow(
        json!([{ "name": "Open", "category": "new" }, { "name": "Closed", "category": "done" }]),
        json!([{ "name": "Reopen", "from": ["Closed"], "to": "Open" }]),
    );
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    for change in [
        json!({ "summary": "two", "status": "Closed" }),
        json!({ "status": "Closed" }),
        json!({ "status": "Parked" }),
    ] {
        let outcome = world.write(&*place, update(&id, change)).await;
        let Written::Done(Done { left_out, item: Some(item), .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(
            (left_out.len(), left_out[0].0.as_str(), left_out[0].1.kind),
            (1, "status", ErrorKind::NoTransition)
        );
        assert_eq!((field(&item, "summary"), field(&item, "status")), (json!("two"), json!("Open")));
    }
}

#[tokio::test]
async fn an_account_without_the_permission_makes_no_transition() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let role = json!({ "role": ["BROWSE_PROJECTS", "EDIT_ISSUES"] });
    world.control("PUT", "/jira/projects/SYNC/members/ada", role);
    let place = world.open().await;
    let (item, left_out) = in_part(world.write(&*place, update(&id, json!({ "status": "Done" }))).await);
    assert_eq!((left_out, field(&item, "status")), (vec!["status".to_owned()], json!("To Do")));
}

/// A resolution belongs to the screen of a transition.
#[tokio::test]
async fn a_resolution_goes_with_the_transition() {
    let world = World::new().await;
    world.workflow(
        json!([{ "name": "Open", "category": "new" }, { "name": "Closed", "category": "done" }]),
        json!([
            { "name": "Close", "from": ["Open"], "to": "Closed", "screen": [{ "field": "resolution", "required": true }] },
            { "name": "Reopen", "from": ["Closed"], "to": "Open" },
        ]),
    );
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let change = json!({ "status": "Closed", "resolution": "Won't Do" });
    let item = done(world.write(&*place, update(&id, change)).await);
    assert_eq!((field(&item, "status"), field(&item, "resolution")), (json!("Closed"), json!("Won't Do")));
    assert_eq!(world.item(&*place, &id).await, item);
}
