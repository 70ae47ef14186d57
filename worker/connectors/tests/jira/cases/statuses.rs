//! Ways through workflows.

use serde_json::{Value as Json, json};
use syncline_engine::ports::{Done, ErrorKind, Written};

use crate::world::{World, done, field, in_part, update};

fn statuses() -> Json {
    json!([
        { "name": "To Do", "category": "new" }, { "name": "Doing", "category": "indeterminate" },
        { "name": "Testing", "category": "indeterminate" }, { "name": "Closed", "category": "done" },
        { "name": "Rejected", "category": "done" },
    ])
}

fn hop(name: &str, from: &str, to: &str) -> Json {
    json!({ "name": name, "from": [from], "to": to })
}

fn transitions_of(world: &World) -> Vec<Json> {
    let is_hop =
        |entry: &&Json| entry["method"] == "POST" && entry["url"].as_str().unwrap().ends_with("/transitions");
    world.log().iter().filter(is_hop).map(|entry| entry["body"]["transition"]["id"].clone()).collect()
}

/// Names of transitions are localised; that which asks for less is taken, each time.
#[tokio::test]
async fn case_35_a_transition_is_chosen_by_where_it_leads() {
    let world = World::new().await;
    world.workflow(
        statuses(),
        json!([
            { "name": "Schließen", "from": ["To Do"], "to": "Closed", "screen": [{ "field": "resolution", "required": true }] },
            { "name": "Fertig", "from": ["To Do"], "to": "Closed" },
            { "name": "Closed", "from": ["To Do"], "to": "Rejected" },
        ]),
    );
    let place = world.open().await;
    for _ in 0..3 {
        let id = world.person_creates(json!({ "summary": "T" }));
        world.forget();
        let item = done(world.write(&*place, update(&id, json!({ "status": "Closed" }))).await);
        assert_eq!((field(&item, "status"), transitions_of(&world)), (json!("Closed"), vec![json!("21")]));
    }
}

#[tokio::test]
async fn case_37_a_resolution_that_the_screen_asks_for_is_sent() {
    let world = World::new().await;
    let screen = json!([{ "field": "resolution", "required": true }]);
    world.workflow(
        statuses(),
        json!([{ "name": "Close", "from": ["To Do"], "to": "Closed", "screen": screen }]),
    );
    // (a) it is given one that every site has, or that of the scope.
    for (scope, resolution) in [
        (json!({ "project_key": "SYNC" }), "Done"),
        (json!({ "project_key": "SYNC", "resolution": "Won't Do" }), "Won't Do"),
    ] {
        let id = world.person_creates(json!({ "summary": "T" }));
        let place = world.open_with(scope, &world.account(), &[]).await;
        let item = done(world.write(&*place, update(&id, json!({ "status": "Closed" }))).await);
        assert_eq!(
            (field(&item, "status"), field(&item, "resolution")),
            (json!("Closed"), json!(resolution))
        );
    }
}

#[tokio::test]
async fn case_37_a_resolution_is_tried_where_the_screen_does_not_tell() {
    let world = World::new().await;
    let unlisted = json!([{ "field": "resolution", "listed": false }]);
    world.workflow(
        statuses(),
        json!([
            // (b) it is not on the screen: once more without it.
            { "name": "Reject", "from": ["To Do"], "to": "Rejected" },
            // (c) Jira takes it, and does not say so.
            { "name": "Close", "from": ["To Do"], "to": "Closed", "screen": unlisted },
        ]),
    );
    let scope = json!({ "project_key": "SYNC", "resolution": "Won't Do", "resolution_always": true });
    let place = world.open_with(scope, &world.account(), &[]).await;
    let id = world.person_creates(json!({ "summary": "T" }));
    let item = done(world.write(&*place, update(&id, json!({ "status": "Rejected" }))).await);
    assert_eq!(field(&item, "status"), "Rejected");
    let id = world.person_creates(json!({ "summary": "T" }));
    let item = done(world.write(&*place, update(&id, json!({ "status": "Closed" }))).await);
    assert_eq!((field(&item, "status"), field(&item, "resolution")), (json!("Closed"), json!("Won't Do")));
}

#[tokio::test]
async fn a_transition_that_asks_for_more_than_is_given_is_refused() {
    let world = World::new().await;
    let id = world.field(json!({ "name": "Reason", "kind": "text", "screens": false }));
    let screen = json!([{ "field": id, "required": true }]);
    world.workflow(
        statuses(),
        json!([{ "name": "Close", "from": ["To Do"], "to": "Closed", "screen": screen }]),
    );
    let issue = world.person_creates(json!({ "summary": "T" }));
    let place = world.open().await;
    world.forget();
    let outcome = world.write(&*place, update(&issue, json!({ "status": "Closed" }))).await;
    let Written::Done(Done { left_out, .. }) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(left_out[0].1.kind, ErrorKind::NoTransition);
    assert!(left_out[0].1.message.contains(&format!("Reason ({id})")), "{}", left_out[0].1);
    assert_eq!(transitions_of(&world), Vec::<Json>::new());
}

/// To Do to Closed needs two statuses between. The process dies after the first hop; no hop is made twice.
#[tokio::test]
async fn case_40_three_hops_and_a_crash() {
    let world = World::new().await;
    world.workflow(
        statuses(),
        json!([
            hop("Begin", "To Do", "Doing"),
            hop("Hand over", "Doing", "Testing"),
            hop("Accept", "Testing", "Closed"),
            hop("Reject", "To Do", "Rejected"),
            hop("Stop", "Doing", "To Do"),
        ]),
    );
    let id = world.person_creates(json!({ "summary": "T" }));
    let write = update(&id, json!({ "status": "Closed" }));
    world.fault(
        json!({ "method": "POST", "path": "/rest/api/3/issue/*/transitions", "nth": 2, "kind": "reset" }),
    );
    world.forget();
    let outcome = world.write(&*world.open().await, write.clone()).await;
    assert_eq!(world.shown(&id, "status")["name"], "Doing");
    // Nothing tells whether the second one arrived; what is there is no edit by a person.
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    let item = done(world.write(&*world.open().await, write.clone()).await);
    assert_eq!(field(&item, "status"), "Closed");
    let mut made = transitions_of(&world);
    // The second one of them did not arrive.
    made.remove(1);
    assert_eq!(made, ["11", "21", "31"]);
    // What was learned is a known way.
    let place = world.open().await;
    for _ in 0..2 {
        let id = world.person_creates(json!({ "summary": "T" }));
        world.item(&*place, &id).await;
        world.forget();
        done(world.write(&*place, update(&id, json!({ "status": "Closed" }))).await);
    }
    let reads = world.requests().iter().filter(|request| request.starts_with("GET")).count();
    assert_eq!((reads, transitions_of(&world).len()), (0, 3), "one cached reading, and one write a hop");
}

/// Four are too many, and nothing goes round in circles.
#[tokio::test]
async fn a_way_that_is_too_long_ends() {
    let world = World::new().await;
    world.workflow(
        json!([
            { "name": "A", "category": "new" }, { "name": "B", "category": "indeterminate" },
            { "name": "C", "category": "indeterminate" }, { "name": "D", "category": "indeterminate" },
            { "name": "E", "category": "done" },
        ]),
        json!([
            hop("1", "A", "B"),
            hop("2", "B", "C"),
            hop("3", "C", "D"),
            hop("4", "D", "E"),
            hop("5", "B", "A")
        ]),
    );
    let id = world.person_creates(json!({ "summary": "T" }));
    let place = world.open().await;
    world.forget();
    let (_, left_out) = in_part(world.write(&*place, update(&id, json!({ "status": "E" }))).await);
    assert_eq!(left_out, ["status"]);
    assert!(transitions_of(&world).len() <= 3);
}
