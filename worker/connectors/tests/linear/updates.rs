//! Updates and removals.

use serde_json::{Value as Json, json};
use syncline_engine::{
    capability::Removal,
    ports::{Call, ErrorKind, Stopped, Written},
};

use crate::world::{Never, World, create, done, field, in_part, refused, remove, update};

/// One edit is one read and one write, and so are 20.
#[tokio::test]
async fn edits_are_read_in_one_request_and_written_in_another() {
    let world = World::new().await;
    let place = world.open().await;
    let ids: Vec<String> =
        (0..20).map(|n| world.person_creates(json!({ "title": format!("{n}") }))).collect();
    assert_eq!(place.capabilities().update_batch, 20);
    for count in [1, 20] {
        world.forget();
        let found = place.fetch(&ids[..count], &world.call()).await;
        assert!(found.iter().all(|(_, found)| found.is_ok()));
        let edit = |id: &String| update(id, json!({ "title": "edited", "priority": "Low" }));
        let writes: Vec<_> = ids[..count].iter().map(edit).collect();
        for (outcome, id) in place.write(&writes, &world.call()).await.into_iter().zip(&ids) {
            let item = done(outcome);
            assert_eq!((&item.id, field(&item, "title")), (id, json!("edited")));
        }
        assert_eq!(world.operations(), ["Fetch", "Write"]);
    }
}

/// A status takes the team's workflow, once while the place is open.
#[tokio::test]
async fn a_status_is_one_write_once_the_workflow_is_known() {
    let world = World::new().await;
    let place = world.open().await;
    let id = world.person_creates(json!({ "title": "one" }));
    world.forget();
    for (status, kind) in [("in progress", "started"), ("Done", "completed"), ("Todo", "unstarted")] {
        let item = done(world.write(&*place, update(&id, json!({ "status": status }))).await);
        assert_eq!(field(&item, "status_type"), kind);
        assert_eq!(field(&item, "completed_at") == Json::Null, kind != "completed");
    }
    assert_eq!(world.operations(), ["Team", "Write", "Write", "Write"]);
}

#[tokio::test]
async fn values_are_cleared() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "parent" }));
    let id = world.person_creates(json!({
        "title": "one", "description": "text", "priority": 1, "estimate": 3, "labels": ["Bug"], "assignee": "ada",
        "due_date": "2026-12-24", "parent": "ENG-1",
    }));
    let place = world.open().await;
    let nothing = json!({
        "description": null, "priority": null, "estimate": null, "labels": null, "assignee": null, "due_date": null,
        "parent": null,
    });
    let item = done(world.write(&*place, update(&id, nothing)).await);
    for name in ["description", "estimate", "assignee", "due_date", "parent"] {
        assert_eq!(field(&item, name), Json::Null, "{name}");
    }
    assert_eq!([field(&item, "labels"), field(&item, "priority")], [json!([]), json!("No priority")]);
    let (stored, nobody) = (world.stored(&id), Json::Null);
    assert_eq!([&stored["assignee"], &stored["parent"], &stored["estimate"]], [&nobody; 3]);
}

/// A label that somebody adds after the reading stays.
#[tokio::test]
async fn labels_are_added_and_removed_one_by_one() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one", "labels": ["Bug", "needs triage"] }));
    let place = world.open().await;
    world.item(&*place, &id).await;
    world.person_edits(&id, json!({ "labels": ["Bug", "needs triage", "theirs"] }));
    let item = done(world.write(&*place, update(&id, json!({ "labels": ["bug", "ours"] }))).await);
    assert_eq!(field(&item, "labels"), json!(["Bug", "ours", "theirs"]));
    // A second write of the same call counts on nothing.
    let writes = [["x"], ["y"]].map(|labels| update(&id, json!({ "labels": labels })));
    let outcomes = place.write(&writes, &world.call()).await;
    assert!(outcomes.iter().all(Written::is_done), "{outcomes:?}");
    assert_eq!(field(&world.item(&*place, &id).await, "labels"), json!(["y"]));
}

/// Linear answers with no data at all if one of several mutations fails.
#[tokio::test]
async fn one_refused_part_leaves_the_others() {
    for failed in ["null", "partial", "stop"] {
        for status in [200, 400] {
            let world = World::new().await;
            world.switch(json!({ "failed_mutation": failed, "title_limit": 20, "error_status": status }));
            let ids: Vec<String> =
                (0..5).map(|n| world.person_creates(json!({ "title": format!("{n}") }))).collect();
            let place = world.open().await;
            let nobody = "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a";
            let writes = [
                update(&ids[0], json!({ "title": "zero" })),
                update(nobody, json!({ "title": "x" })),
                update(&ids[1], json!({ "title": "a title that is far too long", "priority": 1 })),
                remove(&ids[2], Removal::Delete),
                update(&ids[3], json!({ "title": "three" })),
                remove(&ids[4], Removal::Archive),
            ];
            let outcomes = place.write(&writes, &world.call()).await;
            let about = format!("{failed}, {status}: {outcomes:#?}");
            assert_eq!(refused(outcomes[1].clone()).kind, ErrorKind::NotFound, "{about}");
            let (item, left_out) = in_part(outcomes[2].clone());
            assert!(left_out.len() == 1 && left_out[0].starts_with("title: "), "{about}");
            assert_eq!(field(&item, "priority"), "Urgent", "{about}");
            assert!(done(outcomes[3].clone()).deleted, "{about}");
            done(outcomes[5].clone());
            let title = |n: usize| world.stored(&ids[n])["title"].clone();
            assert_eq!([title(0), title(1), title(3)], ["zero", "1", "three"], "{about}");
            assert!(
                world.stored(&ids[2])["trashed"] == true && world.stored(&ids[4])["archived_at"].is_string()
            );
        }
    }
}

#[tokio::test]
async fn removals_come_in_three_ways() {
    let world = World::new().await;
    let place = world.open().await;
    for how in [Removal::Close, Removal::Archive, Removal::Delete] {
        let id = world.person_creates(json!({ "title": "one" }));
        for _ in 0..2 {
            let item = done(world.write(&*place, remove(&id, how)).await);
            assert_eq!(item.deleted, how == Removal::Delete);
        }
        let stored = world.stored(&id);
        let expected = match how {
            Removal::Close => ("Canceled", false, false),
            Removal::Archive => ("Todo", true, false),
            Removal::Delete => ("Todo", true, true),
        };
        let found =
            (stored["state"].as_str().unwrap(), stored["archived_at"].is_string(), stored["trashed"] == true);
        assert_eq!((found.0, found.2), (expected.0, expected.2), "{how:?}");
        assert!(how == Removal::Delete || found.1 == expected.1);
    }
    // One that is done is closed already.
    let id = world.person_creates(json!({ "title": "one", "state": "Done" }));
    assert_eq!(field(&done(world.write(&*place, remove(&id, Removal::Close)).await), "status"), "Done");
}

#[tokio::test]
async fn what_is_not_there_is_not_written() {
    let world = World::new().await;
    let place = world.open().await;
    for id in ["3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a", "ENG-77"] {
        for write in [update(id, json!({ "title": "x" })), remove(id, Removal::Delete)] {
            assert_eq!(refused(world.write(&*place, write).await).kind, ErrorKind::NotFound);
        }
    }
}

#[tokio::test]
async fn without_leave_nothing_is_sent() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    let call = Call { leave: &Never, ..world.call() };
    let writes = [
        create("sl-a", json!({ "title": "T" })),
        update(&id, json!({ "title": "x" })),
        remove(&id, Removal::Close),
    ];
    for outcome in place.write(&writes, &call).await {
        let Written::NotSent(error) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind, ErrorKind::Stopped(Stopped::LeaseLost));
    }
    assert_eq!((world.count(), world.stored(&id)["title"].clone()), (1, json!("one")));
}
