//! Creates: once each, with what an issue can begin with.

use serde_json::{Value as Json, json};
use syncline_engine::ports::{ErrorKind, ErrorScope, ReadMode, Written};

use crate::world::{World, create, done, field, in_part, refused};

#[tokio::test]
async fn a_create_makes_an_issue_with_a_hidden_marker() {
    let world = World::new().await;
    let place = world.open().await;
    let fields = json!({ "title": "T", "body": "B", "labels": ["bug"], "assignees": ["bruno"] });
    let item = done(world.write(&*place, create("sl-a", fields)).await);
    assert_eq!((field(&item, "body"), field(&item, "labels")), (json!("B"), json!(["bug"])));
    assert_eq!(world.stored(&item.id)["body"], "B\n\n<!-- syncline:sl-a -->");
    assert_eq!(world.item(&*place, &item.id).await, item);
}

/// An issue begins open.
#[tokio::test]
async fn a_create_may_be_closed() {
    let world = World::new().await;
    let place = world.open().await;
    let item =
        done(world.write(&*place, create("sl-a", json!({ "title": "T", "status": "not_planned" }))).await);
    assert_eq!(field(&item, "status"), "not_planned");
    let item = done(world.write(&*place, create("sl-b", json!({ "title": "T", "state": "open" }))).await);
    assert_eq!(field(&item, "status"), "open");
}

#[tokio::test]
async fn a_create_that_did_not_arrive_is_made_by_the_second() {
    let world = World::new().await;
    let place = world.open().await;
    world.fault(json!({ "method": "POST", "path": "/repos/*/*/issues", "kind": "reset", "when": "before" }));
    let outcome = world.write(&*place, create("sl-a", json!({ "title": "T" }))).await;
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    assert_eq!(world.probe(&*place, &["sl-a"]).await, [None]);
    done(world.write(&*place, create("sl-a", json!({ "title": "T" }))).await);
    assert_eq!(world.count(), 1);
}

/// A person copied the text of an issue with its comment.
#[tokio::test]
async fn a_copied_marker_belongs_to_the_older_issue() {
    let world = World::new().await;
    let place = world.open().await;
    let made = done(world.write(&*place, create("sl-a", json!({ "title": "T", "body": "B" }))).await);
    let body = world.stored(&made.id)["body"].clone();
    let copy = world.person_creates(json!({ "title": "copy", "body": body }));
    assert_eq!(world.probe(&*world.open().await, &["sl-a"]).await, [Some(made.id.clone())]);
    let place = world.open().await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert!(items.iter().all(|item| field(item, "body") == "B"));
    assert_eq!(world.probe(&*place, &["sl-a"]).await, [Some(made.id)]);
    assert_eq!(field(&world.item(&*place, &copy).await, "body"), "B");
}

/// The person is not one of the repository; the issue is made without them.
#[tokio::test]
async fn people_who_cannot_be_assigned_are_left_out() {
    let world = World::new().await;
    let place = world.open().await;
    let fields = json!({ "title": "T", "labels": ["bug"], "assignees": ["eve", "ada"] });
    let (item, left_out) = in_part(world.write(&*place, create("sl-a", fields)).await);
    assert_eq!(left_out, ["assignees"]);
    assert_eq!((field(&item, "labels"), field(&item, "assignees")), (json!(["bug"]), json!([])));
    assert_eq!(world.count(), 1);
}

/// Whoever may only read may create issues, but GitHub drops what they may not set, and says nothing.
#[tokio::test]
async fn what_the_token_may_not_set_is_left_out() {
    let world = World::new().await;
    let place = world.open_as(&world.token_of("emil")).await;
    let fields = json!({ "title": "T", "labels": ["bug"], "assignees": ["ada"], "state": "open" });
    let (item, left_out) = in_part(world.write(&*place, create("sl-a", fields)).await);
    assert_eq!(left_out, ["assignees", "labels"]);
    assert_eq!(field(&item, "title"), "T");
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let place = world.open().await;
    world.forget();
    for fields in [
        json!({ "body": "no title" }),
        json!({ "title": "" }),
        json!({ "title": "T", "colour": "red" }),
        json!({ "title": "T", "number": 7 }),
        json!({ "title": "T", "labels": "bug" }),
    ] {
        let error = refused(world.write(&*place, create("sl-a", fields)).await);
        assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Item));
    }
    assert_eq!(world.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn one_refused_create_leaves_the_others() {
    let world = World::new().await;
    let place = world.open().await;
    world.fault(json!({
        "method": "POST", "path": "/repos/*/*/issues", "body_contains": "poison", "times": 0, "kind": "status",
        "status": 422,
    }));
    let writes = ["a", "poison", "c"].map(|title| create(&format!("sl-{title}"), json!({ "title": title })));
    let outcomes = place.write(&writes, &world.call()).await;
    assert!(matches!(outcomes[..], [Written::Done(_), Written::Refused(_), Written::Done(_)]));
    assert_eq!(world.count(), 2);
}

/// Labels that do not exist are made.
#[tokio::test]
async fn labels_are_made_and_their_case_does_not_count() {
    let world = World::new().await;
    let place = world.open().await;
    let fields = json!({ "title": "T", "labels": ["Needs Triage", "brand new"] });
    let item = done(world.write(&*place, create("sl-a", fields)).await);
    assert_eq!(field(&item, "labels"), json!(["brand new", "needs triage"]));
}

#[tokio::test]
async fn an_archived_repository_stops_the_batch() {
    let world = World::new().await;
    let place = world.open().await;
    world.control("PATCH", "/github/repos/acme/web", json!({ "archived": true }));
    let writes = ["sl-a", "sl-b"].map(|text| create(text, json!({ "title": "T" })));
    let outcomes = place.write(&writes, &world.call()).await;
    let [Written::Refused(error), Written::NotSent(_)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Endpoint));
    assert!(error.message.contains("archived"), "{error}");
}

#[tokio::test]
async fn types_and_issue_fields_of_an_organisation() {
    let world = World::new().await;
    world.control("POST", "/github/orgs/acme/issue-types", json!({ "names": ["Bug", "Task"] }));
    for field in [
        json!({ "name": "Priority", "data_type": "single_select", "options": ["High", "Low"] }),
        json!({ "name": "Effort", "data_type": "number" }),
        json!({ "name": "Due", "data_type": "date" }),
        json!({ "name": "Areas", "data_type": "multi_select", "options": ["web", "api"] }),
    ] {
        world.control("POST", "/github/orgs/acme/issue-fields", field);
    }
    let mapped = ["title", "fields.Priority", "fields.Effort"];
    let place = world.open_with(json!({ "repository": "acme/web" }), &world.account(), &mapped).await;
    let fields = json!({
        "title": "T", "type": "bug", "fields.Priority": "High", "fields.Effort": 2.5, "fields.Due": "2026-11-20",
        "fields.Areas": ["web", "api"], "state": "closed",
    });
    let item = done(world.write(&*place, create("sl-a", fields)).await);
    let read = |item: &syncline_engine::Item, name: &str| field(item, name);
    assert_eq!([read(&item, "type"), read(&item, "fields.Priority")], ["Bug", "High"]);
    assert_eq!([read(&item, "fields.Effort"), read(&item, "fields.Due")], [json!(2.5), json!("2026-11-20")]);
    assert_eq!([read(&item, "fields.Areas"), read(&item, "state")], [json!(["api", "web"]), json!("closed")]);
    assert_eq!(world.item(&*place, &item.id).await, item);

    let change = json!({ "fields.Priority": "Urgent", "fields.Effort": null, "type": "Epic", "title": "U" });
    let (item, mut left_out) = in_part(world.write(&*place, crate::world::update(&item.id, change)).await);
    left_out.sort();
    assert_eq!(left_out, ["fields.Priority", "type"]);
    assert_eq!(
        [read(&item, "title"), read(&item, "fields.Priority"), read(&item, "type")],
        ["U", "High", "Bug"]
    );
    assert_eq!(read(&item, "fields.Effort"), json!(null));

    let (_, left_out) =
        in_part(world.write(&*place, crate::world::update(&item.id, json!({ "fields.Nothing": 1 }))).await);
    assert_eq!(left_out, ["fields.Nothing"]);
}

/// Each run opens its places anew.
#[tokio::test]
async fn the_definitions_of_issue_fields_are_kept_for_all_runs() {
    let world = World::new().await;
    let priority = || json!({ "name": "Priority", "data_type": "single_select", "options": ["High", "Low"] });
    world.control("POST", "/github/orgs/acme/issue-fields", priority());
    let mapped = ["title", "fields.Priority", "fields.Effort"];
    let open = async || world.open_with(json!({ "repository": "acme/web" }), &world.account(), &mapped).await;
    let item = done(world.write(&*open().await, create("sl-a", json!({ "title": "T" }))).await);
    let set = async |fields: Json| world.write(&*open().await, crate::world::update(&item.id, fields)).await;
    let asked = || {
        let asked =
            world.requests().into_iter().filter(|request| request.ends_with("/orgs/acme/issue-fields"));
        asked.count()
    };
    world.forget();
    for value in ["High", "Low", "High"] {
        assert_eq!(field(&done(set(json!({ "fields.Priority": value })).await), "fields.Priority"), value);
    }
    assert_eq!(asked(), 1, "three runs");

    world.control(
        "POST",
        "/github/orgs/acme/issue-fields",
        json!({ "name": "Effort", "data_type": "number" }),
    );
    assert_eq!(field(&done(set(json!({ "fields.Effort": 2 })).await), "fields.Effort"), json!(2));
    assert_eq!(asked(), 2, "a field that was not known");

    world.control("DELETE", "/github/orgs/acme/issue-fields/Priority", Json::Null);
    world.control("POST", "/github/orgs/acme/issue-fields", priority());
    assert_eq!(field(&done(set(json!({ "fields.Priority": "Low" })).await), "fields.Priority"), "Low");
    assert_eq!(asked(), 3, "a field that was made anew");

    let (_, left_out) = in_part(set(json!({ "fields.Priority": "Urgent" })).await);
    assert_eq!(
        (left_out, asked()),
        (vec!["fields.Priority".to_owned()], 4),
        "it may have been added as an option"
    );
    world.control("DELETE", "/github/orgs/acme/issue-fields/Priority", Json::Null);
    world.control("POST", "/github/orgs/acme/issue-fields", priority());
    let edit = json!({ "fields": { "Priority": "High" } });
    world.control("PATCH", &format!("/github/repos/acme/web/issues/{}", item.id), edit);
    let cleared = done(set(json!({ "fields.Priority": null })).await);
    assert_eq!((field(&cleared, "fields.Priority"), asked()), (json!(null), 4), "the value tells its field");
    let there = world.item(&*open().await, &item.id).await;
    assert_eq!(field(&there, "fields.Priority"), json!(null));

    let (_, left_out) = in_part(set(json!({ "fields.Nothing": 1 })).await);
    assert_eq!((left_out, asked()), (vec!["fields.Nothing".to_owned()], 5));
}

/// The place has read the youngest issues before, and reads them again once an answer was lost.
#[tokio::test]
async fn a_lost_create_is_found_by_the_place_that_sent_it() {
    let world = World::new().await;
    let place = world.open().await;
    done(world.write(&*place, create("sl-a", json!({ "title": "A" }))).await);
    world.fault(json!({ "method": "POST", "path": "/repos/*/*/issues", "kind": "reset", "when": "after" }));
    let one = || create("sl-b", json!({ "title": "B" }));
    assert!(matches!(world.write(&*place, one()).await, Written::Unknown(_)));
    assert_eq!(done(world.write(&*place, one()).await).id, "2");
    assert_eq!(world.count(), 2);
}

#[tokio::test]
async fn creates_read_the_youngest_issues_once() {
    let world = World::new().await;
    let place = world.open().await;
    for call in 0..5 {
        let writes: Vec<_> =
            (0..4).map(|at| create(&format!("sl-{call}-{at}"), json!({ "title": "T" }))).collect();
        assert!(place.write(&writes, &world.call()).await.iter().all(Written::is_done));
    }
    let reads = world.requests().iter().filter(|request| request.starts_with("GET")).count();
    assert_eq!((reads, world.count()), (1, 20));
}
