//! Creating, reading and changing issues.

use serde_json::{Value, json};

use crate::common::Place;

const CHOSEN: &str = "0c2f7d1e-5a6b-4c3d-8e9f-0a1b2c3d4e5f";

#[tokio::test]
async fn an_issue_is_created_read_listed_and_updated() {
    let place = Place::new().await;
    place.stop_clock();
    let (emil, bug, done) = (place.user("emil"), place.label("bug"), place.state("ENG", "Done"));
    let made = place
        .create(json!({
            "title": " A title ", "description": "Some *text*", "assigneeId": emil, "labelIds": [bug], "priority": 2,
            "estimate": 5, "dueDate": "2026-12-24",
        }))
        .await;
    assert_eq!(made["identifier"], "ENG-1");
    let id = made["id"].as_str().unwrap();
    let fields = "id identifier number title priority priorityLabel estimate dueDate state { name type } assignee { displayName } \
                  labelIds labels { nodes { name } } team { key } creator { displayName isMe } createdAt updatedAt url branchName";
    let read = place.read("eng-1", fields).await;
    assert_eq!(read["id"], id);
    assert_eq!((&read["title"], &read["number"]), (&json!("A title"), &json!(1)));
    assert_eq!((&read["priority"], &read["priorityLabel"]), (&json!(2), &json!("High")));
    assert_eq!((&read["estimate"], &read["dueDate"]), (&json!(5), &json!("2026-12-24")));
    assert_eq!(read["state"], json!({ "name": "Todo", "type": "unstarted" }), "the default state");
    assert_eq!((&read["labelIds"], &read["labels"]["nodes"][0]["name"]), (&json!([bug]), &json!("bug")));
    assert_eq!(read["creator"], json!({ "displayName": "ada", "isMe": true }));
    assert_eq!(read["branchName"], "ada/eng-1-a-title");
    assert_eq!(place.identifiers("").await, ["ENG-1"]);

    place.advance(1.0);
    let input =
        json!({ "title": "B", "stateId": done, "assigneeId": null, "dueDate": null, "estimate": null });
    place.update(id, input).await.data();
    let later =
        place.read(id, "title state { type } assignee { id } dueDate estimate completedAt updatedAt").await;
    assert_eq!((&later["title"], &later["state"]["type"]), (&json!("B"), &json!("completed")));
    assert_eq!(
        (&later["assignee"], &later["dueDate"], &later["estimate"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(later["completedAt"], later["updatedAt"]);
    assert_ne!(later["updatedAt"], read["updatedAt"]);
}

#[tokio::test]
async fn a_chosen_id_is_taken_once() {
    let place = Place::new().await;
    let made = place.create(json!({ "id": CHOSEN.to_uppercase(), "title": "A" })).await;
    assert_eq!(made["id"], CHOSEN);
    let again = place.try_create(json!({ "id": CHOSEN, "title": "A" })).await.expect(200);
    assert_eq!((again.message(), again.code()), ("conflict on insert of Issue", "INPUT_ERROR"));
    assert_eq!(again.told(), format!("Entity Issue with id {CHOSEN} already exists."));
    assert_eq!((&again.body["data"], &again.error()["path"]), (&Value::Null, &json!(["issueCreate"])));
    place.control("POST", &format!("/linear/issues/{CHOSEN}/archive"), json!({ "trash": true }));
    assert_eq!(
        place.try_create(json!({ "id": CHOSEN, "title": "A" })).await.code(),
        "INPUT_ERROR",
        "also in the trash"
    );
    assert_eq!(place.try_create(json!({ "id": "mine", "title": "A" })).await.code(), "INVALID_INPUT");
    assert_eq!(place.identifiers("includeArchived: true").await, ["ENG-1"]);
}

#[tokio::test]
async fn only_a_change_is_an_update() {
    let place = Place::new().await;
    place.stop_clock();
    let made = place.create(json!({ "title": "A", "description": "Text" })).await;
    let id = made["id"].as_str().unwrap();
    let updated = async || place.read(id, "updatedAt").await["updatedAt"].clone();
    for (input, counts) in [
        (json!({ "title": "A", "description": "Text", "priority": 0 }), false),
        (json!({ "sortOrder": 3.5, "prioritySortOrder": 1.5, "subscriberIds": [] }), false),
        (json!({ "priority": 1 }), true),
        (json!({ "priority": null }), true),
        (json!({ "description": null }), true),
    ] {
        let before = updated().await;
        place.advance(1.0);
        place.update(id, input.clone()).await.data();
        assert_eq!(before != updated().await, counts, "{input}");
    }
}

#[tokio::test]
async fn values_that_break_a_rule_are_refused() {
    let place = Place::new().await;
    let made = place.create(json!({ "title": "A" })).await;
    let id = made["id"].as_str().unwrap();
    let foreign = place.state("OPS", "Done");
    for (input, code, told) in [
        (json!({ "title": "  " }), "INVALID_INPUT", "title should not be empty"),
        (
            json!({ "title": "x".repeat(256) }),
            "INVALID_INPUT",
            "title must be shorter than or equal to 255 characters",
        ),
        (
            json!({ "description": "x".repeat(250_001) }),
            "INVALID_INPUT",
            "description must be shorter than or equal to 250000 characters",
        ),
        (json!({ "priority": 5 }), "INVALID_INPUT", "priority must not be less than 0 or greater than 4"),
        (json!({ "stateId": "Done" }), "INVALID_INPUT", "stateId must be a UUID"),
        (json!({ "stateId": id }), "INPUT_ERROR", "Could not find referenced WorkflowState."),
        (json!({ "stateId": foreign }), "INPUT_ERROR", "The state Done is not one of team ENG."),
        (json!({ "assigneeId": id }), "INPUT_ERROR", "Could not find referenced User."),
        (json!({ "labelIds": [id] }), "INPUT_ERROR", "labelIds contained an entry that could not be found."),
        (
            json!({ "parentId": id }),
            "INPUT_ERROR",
            "An issue cannot be its own parent, nor a child of its own sub-issues.",
        ),
        (json!({ "parentId": "ENG-9" }), "INPUT_ERROR", "Could not find referenced Issue."),
        (json!({ "projectId": id }), "INPUT_ERROR", "Could not find referenced Project."),
        (json!({ "teamId": "NONE" }), "INPUT_ERROR", "Could not find referenced Team."),
    ] {
        let got = place.update(id, input.clone()).await.expect(200);
        assert_eq!((got.code(), got.told()), (code, told), "{input}");
        assert_eq!(got.body["data"], Value::Null);
    }
    assert_eq!(place.try_create(json!({})).await.told(), "title should not be empty");
    assert_eq!(place.read(id, "title").await["title"], "A");
    place.update(id, json!({ "title": "🚀".repeat(255) })).await.data();
}

#[tokio::test]
async fn estimates_are_of_the_scale_of_the_team() {
    let place = Place::new().await;
    let made = place.create(json!({ "title": "A" })).await;
    let id = made["id"].as_str().unwrap();
    for (team, good, bad) in [
        (json!({ "estimation": "fibonacci" }), vec![1, 2, 3, 5, 8], vec![0, 4, 13]),
        (json!({ "extended": true, "allow_zero": true }), vec![0, 13, 21], vec![4, 34]),
        (json!({ "estimation": "exponential", "extended": false }), vec![1, 4, 16], vec![3, 32]),
        (json!({ "estimation": "linear" }), vec![4, 5], vec![6]),
        (json!({ "estimation": "tShirt" }), vec![3, 8], vec![4]),
        (json!({ "estimation": "notUsed", "allow_zero": false }), vec![], vec![0, 1]),
    ] {
        place.control("PATCH", "/linear/teams/ENG", team.clone());
        for estimate in good {
            place.update(id, json!({ "estimate": estimate })).await.data();
        }
        for estimate in bad {
            let got = place.update(id, json!({ "estimate": estimate })).await;
            assert_eq!(got.message(), "Invalid estimate", "{team} {estimate}");
        }
    }
    place.switch(json!({ "check_estimates": false }));
    place.update(id, json!({ "estimate": 4 })).await.data();
}

#[tokio::test]
async fn assignees_are_checked() {
    let place = Place::new().await;
    place.control("POST", "/linear/users", json!({ "display_name": "gast", "guest": true }));
    place.control("POST", "/linear/users", json!({ "display_name": "gone", "active": false }));
    place.control("POST", "/linear/apps", json!({ "name": "robot" }));
    place.control("POST", "/linear/users", json!({ "display_name": "zoe" }));
    let made = place.create(json!({ "title": "A" })).await;
    let id = made["id"].as_str().unwrap();
    for (name, told) in [
        ("gone", "gone is not active."),
        ("gast", "gast has no access to the team."),
        ("robot", "robot is an app, which can be a delegate only."),
    ] {
        let got = place.update(id, json!({ "assigneeId": place.user(name) })).await;
        assert_eq!((got.message(), got.told()), ("Invalid assignee", told));
    }
    place
        .update(id, json!({ "assigneeId": place.user("zoe"), "delegateId": place.user("robot") }))
        .await
        .data();
    let read = place.read(id, "assignee { displayName } delegate { displayName }").await;
    assert_eq!(read, json!({ "assignee": { "displayName": "zoe" }, "delegate": { "displayName": "robot" } }));
    let wrong = place.update(id, json!({ "delegateId": place.user("zoe") })).await;
    assert_eq!(wrong.message(), "Invalid delegate");
}

#[tokio::test]
async fn an_issue_of_another_team_has_another_identifier() {
    let place = Place::new().await;
    place.control("POST", "/linear/labels", json!({ "name": "bug", "team": "OPS" }));
    let made =
        place.person_creates(json!({ "title": "A", "labels": ["bug", "only here"], "state": "In Review" }));
    place.control("POST", "/linear/teams/OPS/issues", json!({ "title": "First" }));
    let id = made["id"].as_str().unwrap();
    let fields = "id identifier previousIdentifiers team { key } state { name team { key } } labels { nodes { name team { key } } } url";
    place.update(id, json!({ "teamId": "OPS" })).await.data();
    for name in [id, "OPS-2", "ENG-1"] {
        let read = place.read(name, fields).await;
        assert_eq!((&read["id"], &read["identifier"]), (&json!(id), &json!("OPS-2")), "{name}");
        assert_eq!(read["previousIdentifiers"], json!(["ENG-1"]));
        assert_eq!(read["state"], json!({ "name": "In Review", "team": { "key": "OPS" } }));
        assert_eq!(read["labels"]["nodes"], json!([{ "name": "bug", "team": { "key": "OPS" } }]));
    }
    assert_eq!(
        place.person_creates(json!({ "title": "B" }))["identifier"],
        "ENG-2",
        "a number is not used again"
    );
    let back = place.control("POST", "/linear/issues/OPS-2/move", json!({ "team": "ENG" }));
    assert_eq!((&back["identifier"], &back["id"]), (&json!("ENG-3"), &json!(id)));
    assert_eq!(back["previous_identifiers"], json!(["ENG-1", "OPS-2"]));
    place.control("POST", "/linear/issues/ENG-3/move", json!({ "team": "OPS" }));
    let added = json!({ "teamId": place.team, "addedLabelIds": [place.label("only here")] });
    place.update(id, added).await.data();
    let labels =
        place.read(id, "labels { nodes { name team { key } } }").await["labels"]["nodes"].to_string();
    assert!(
        labels.contains("only here") && !labels.contains("OPS"),
        "a move and its labels in one go: {labels}"
    );
}

#[tokio::test]
async fn times_of_states_follow_their_kind() {
    let place = Place::new().await;
    place.stop_clock();
    let made = place.create(json!({ "title": "A" })).await;
    let id = made["id"].as_str().unwrap();
    for (state, expected) in [
        ("In Progress", [true, false, false]),
        ("In Review", [true, false, false]),
        ("Done", [true, true, false]),
        ("Canceled", [true, false, true]),
        ("Duplicate", [true, false, true]),
        ("Backlog", [false, false, false]),
    ] {
        place.advance(1.0);
        place.update(id, json!({ "stateId": place.state("ENG", state) })).await.data();
        let read = place.read(id, "startedAt completedAt canceledAt").await;
        let times = ["startedAt", "completedAt", "canceledAt"].map(|key| !read[key].is_null());
        assert_eq!(times, expected, "{state}");
    }
}

#[tokio::test]
async fn issues_by_others_begin_in_triage() {
    let place = Place::new().await;
    place.control("POST", "/linear/teams", json!({ "key": "SUP", "triage": true, "members": ["bruno"] }));
    place.create(json!({ "title": "By ada", "teamId": "SUP" })).await;
    let fields = "state { type } triagedAt";
    assert_eq!(place.read("SUP-1", fields).await["state"]["type"], "triage");
    place.update("SUP-1", json!({ "stateId": place.state("SUP", "Todo") })).await.data();
    assert!(place.read("SUP-1", fields).await["triagedAt"].is_string());
    let bruno = place.key_of("bruno");
    let place = place.acting(&bruno);
    place.create(json!({ "title": "By bruno", "teamId": "SUP" })).await;
    assert_eq!(place.read("SUP-2", fields).await["state"]["type"], "unstarted");
}

#[tokio::test]
async fn a_past_time_of_creation_may_be_given() {
    let place = Place::new().await;
    let made = place.create(json!({ "title": "A", "createdAt": "2020-01-01T10:00:00.000Z" })).await;
    let read = place.read(made["id"].as_str().unwrap(), "createdAt updatedAt").await;
    assert_eq!(read["createdAt"], "2020-01-01T10:00:00.000Z");
    assert_ne!(read["updatedAt"], read["createdAt"]);
    let future = place.try_create(json!({ "title": "A", "createdAt": "2999-01-01T10:00:00.000Z" })).await;
    assert_eq!(future.told(), "createdAt must not be in the future");
}
