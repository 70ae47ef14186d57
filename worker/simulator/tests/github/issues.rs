//! Creating, reading and editing issues.

use serde_json::{Value, json};

use crate::common::{ISSUES, Place};

#[tokio::test]
async fn an_issue_is_created_read_and_edited() {
    let place = Place::new().await;
    let made = place
        .post(ISSUES, json!({ "title": "  A title ", "body": "Text", "labels": ["BUG", "new one"], "assignees": ["bruno"] }))
        .await
        .expect(201);
    assert_eq!(made.body["title"], "A title", "titles are trimmed");
    assert_eq!(made.body["labels"][0]["name"], "bug", "labels are found whatever their case");
    assert_eq!(
        (&made.body["labels"][1]["name"], &made.body["labels"][1]["color"]),
        (&json!("new one"), &json!("ededed"))
    );
    assert_eq!(made.body["assignees"][0]["login"], "bruno");
    assert_eq!(made.body["user"]["login"], "ada");
    assert_eq!((&made.body["state"], &made.body["state_reason"]), (&json!("open"), &Value::Null));
    assert!(made.header("location").ends_with("/github/repos/acme/web/issues/1"));
    assert_eq!(made.header("location"), made.body["url"]);

    let path = format!("{ISSUES}/1");
    let read = place.get(&path).await.expect(200);
    assert_eq!(read.body, made.body);
    assert!(read.header("last-modified").ends_with("GMT"));
    let edited = place.patch(&path, json!({ "title": "Other", "labels": [] })).await.expect(200);
    assert_eq!((&edited.body["title"], &edited.body["labels"]), (&json!("Other"), &json!([])));
    assert_eq!(edited.body["body"], "Text", "what is left out stays");
    assert_eq!(edited.body["id"], made.body["id"]);
    assert!(edited.body["id"].as_u64().unwrap() > u64::from(u32::MAX / 2), "ids need 64 bits");
}

#[tokio::test]
async fn times_have_whole_seconds_and_stay_when_nothing_changes() {
    let place = Place::new().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    let path = format!("{ISSUES}/1");
    let first = place.get(&path).await.body["updated_at"].clone();
    assert_eq!(first.as_str().unwrap().len(), "2026-11-20T10:00:00Z".len());
    place.control("POST", "/clock", json!({ "advance": 5 }));
    let same = place.patch(&path, json!({ "title": "A" })).await.expect(200);
    assert_eq!(same.body["updated_at"], first);
    let other = place.patch(&path, json!({ "title": "B" })).await.expect(200);
    assert_ne!(other.body["updated_at"], first);
    assert_eq!(other.body["created_at"], first);
}

#[tokio::test]
async fn states_have_reasons_that_count_only_with_a_change() {
    let place = Place::new().await;
    place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    let path = format!("{ISSUES}/1");
    let ignored = place.patch(&path, json!({ "state_reason": "not_planned" })).await.expect(200);
    assert_eq!(ignored.body["state_reason"], Value::Null);
    let closed = place.patch(&path, json!({ "state": "closed" })).await.expect(200);
    assert_eq!(closed.body["state_reason"], "completed");
    assert_eq!(closed.body["closed_by"]["login"], "ada");
    assert!(closed.body["closed_at"].is_string());
    let still =
        place.patch(&path, json!({ "state": "closed", "state_reason": "not_planned" })).await.expect(200);
    assert_eq!(still.body["state_reason"], "completed");
    let open = place.patch(&path, json!({ "state": "open" })).await.expect(200);
    assert_eq!((&open.body["state_reason"], &open.body["closed_at"]), (&json!("reopened"), &Value::Null));
    let dropped =
        place.patch(&path, json!({ "state": "closed", "state_reason": "not_planned" })).await.expect(200);
    assert_eq!(dropped.body["state_reason"], "not_planned");
    place.patch(&path, json!({ "state": "closed", "state_reason": "reopened" })).await.expect(422);
    place.patch(&path, json!({ "state": "done" })).await.expect(422);
    let double = json!({ "state": "open", "state_reason": null });
    place.patch(&path, double).await.expect(200);
    let double = json!({ "state": "closed", "state_reason": "duplicate", "duplicate_issue_id": 1 });
    assert_eq!(place.patch(&path, double).await.expect(422).body["errors"][0]["field"], "duplicate_issue_id");
}

#[tokio::test]
async fn a_new_issue_takes_no_state_and_needs_a_title() {
    let place = Place::new().await;
    let refused = place.post(ISSUES, json!({ "title": "A", "state": "closed" })).await.expect(422);
    assert_eq!(refused.message(), "Invalid request.\n\n\"state\" is not a permitted key.");
    let refused = place.post(ISSUES, json!({ "body": "A" })).await.expect(422);
    assert_eq!(refused.message(), "Invalid request.\n\n\"title\" wasn't supplied.");
    let blank = place.post(ISSUES, json!({ "title": " " })).await.expect(422);
    assert_eq!(blank.message(), "Validation Failed");
    assert_eq!(
        blank.body["errors"],
        json!([{ "resource": "Issue", "field": "title", "code": "missing_field" }])
    );
    assert_eq!(blank.body["status"], "422");
    assert!(blank.body["documentation_url"].as_str().unwrap().ends_with("#create-an-issue"));
    let number = place.post(ISSUES, json!({ "title": 12 })).await.expect(201);
    assert_eq!(number.body["title"], "12");

    place.control("PATCH", "/github/settings", json!({ "unknown_keys": "ignore" }));
    let made = place.post(ISSUES, json!({ "title": "A", "state": "closed", "colour": 1 })).await.expect(201);
    assert_eq!(made.body["state"], "open");
}

#[tokio::test]
async fn bodies_are_null_when_empty_and_keep_their_bytes() {
    let place = Place::new().await;
    for body in
        [json!({ "title": "A" }), json!({ "title": "A", "body": "" }), json!({ "title": "A", "body": null })]
    {
        assert_eq!(place.post(ISSUES, body).await.expect(201).body["body"], Value::Null);
    }
    let text = "one\r\ntwo\nthree  \n\n<!-- sync:1 -->\u{1F680}\n";
    let made = place.post(ISSUES, json!({ "title": "A", "body": text })).await.expect(201);
    assert_eq!(made.body["body"], text, "the API neither normalises line ends nor trims");
    let cleared = place.patch(&format!("{ISSUES}/4"), json!({ "body": "" })).await.expect(200);
    assert_eq!(cleared.body["body"], Value::Null);
    // A browser sends CRLF, whatever line ends the text had before.
    place.control("PATCH", "/github/repos/acme/web/issues/4", json!({ "body": "one\ntwo" }));
    assert_eq!(place.get(&format!("{ISSUES}/4")).await.body["body"], "one\r\ntwo");
    place.control(
        "PATCH",
        "/github/repos/acme/web/issues/4",
        json!({ "body": "one\ntwo", "raw_body": true }),
    );
    assert_eq!(place.get(&format!("{ISSUES}/4")).await.body["body"], "one\ntwo");
}

#[tokio::test]
async fn sizes_are_limited() {
    let place = Place::new().await;
    let title = "\u{1F680}".repeat(256);
    place.post(ISSUES, json!({ "title": title })).await.expect(201);
    let long = place.post(ISSUES, json!({ "title": title + "x" })).await.expect(422);
    assert_eq!(long.body["errors"][0]["message"], "title is too long (maximum is 256 characters)");
    assert_eq!(long.body["errors"][0]["code"], "custom");
    let body = "é".repeat(65_536);
    place.post(ISSUES, json!({ "title": "A", "body": body })).await.expect(201);
    let longer = format!("{body}x");
    let long = place.post(ISSUES, json!({ "title": "A", "body": longer })).await.expect(422);
    assert_eq!(long.body["errors"][0]["message"], "body is too long (maximum is 65536 characters)");
    // Both outcomes have been reported for GitHub.
    place.control("PATCH", "/github/settings", json!({ "long_body": "cut" }));
    let cut = place.post(ISSUES, json!({ "title": "A", "body": longer })).await.expect(201);
    assert_eq!(cut.body["body"], body);
}

#[tokio::test]
async fn wrong_values_are_named() {
    let place = Place::new().await;
    let body = json!({ "title": "A", "assignees": ["nobody"], "milestone": 9, "type": "Epic" });
    let refused = place.post(ISSUES, body).await.expect(422);
    let fields: Vec<_> =
        refused.body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["assignees", "milestone", "type"]);
    assert_eq!(
        refused.body["errors"][0],
        json!({ "value": "nobody", "resource": "Issue", "field": "assignees", "code": "invalid" })
    );
    let null = place.post(ISSUES, json!({ "title": "A", "labels": null })).await.expect(422);
    assert_eq!(null.message(), "Invalid request.\n\nFor 'properties/labels', nil is not an array.");
    let text = place.post(ISSUES, json!({ "title": "A", "labels": "bug" })).await.expect(422);
    assert_eq!(text.message(), "Invalid request.\n\nFor 'properties/labels', \"bug\" is not an array.");
    assert!(place.get(&format!("{ISSUES}?state=all")).await.numbers().is_empty(), "nothing was created");
}

#[tokio::test]
async fn labels_may_be_objects_and_assignees_are_ten_at_most() {
    let place = Place::new().await;
    let made =
        place.post(ISSUES, json!({ "title": "A", "labels": [{ "name": "bug" }, "bug"] })).await.expect(201);
    assert_eq!(made.body["labels"].as_array().unwrap().len(), 1);
    let logins: Vec<String> = (0..12).map(|at| format!("person{at}")).collect();
    for login in &logins {
        place.control("POST", "/github/accounts", json!({ "login": login }));
        place.control("PUT", &format!("/github/repos/acme/web/members/{login}"), json!({ "role": "write" }));
    }
    let many = place.patch(&format!("{ISSUES}/1"), json!({ "assignees": logins })).await.expect(200);
    assert_eq!(many.body["assignees"].as_array().unwrap().len(), 10);
    let path = format!("{ISSUES}/1/assignees");
    let fewer = place.send("DELETE", &path, json!({ "assignees": logins[..9] })).await.expect(200);
    assert_eq!(fewer.body["assignees"].as_array().unwrap().len(), 1);
    // This route drops accounts that cannot be assigned.
    let more = place.post(&path, json!({ "assignees": ["bruno", "nobody"] })).await.expect(201);
    assert_eq!(more.body["assignees"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_deleted_issue_is_gone_for_good() {
    let place = Place::new().await;
    place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    place.control("DELETE", "/github/repos/acme/web/issues/1", Value::Null);
    let gone = place.get(&format!("{ISSUES}/1")).await.expect(410);
    assert_eq!(gone.message(), "This issue was deleted");
    place.patch(&format!("{ISSUES}/1"), json!({ "title": "B" })).await.expect(410);
    place.get(&format!("{ISSUES}/2")).await.expect(404);
    let next = place.post(ISSUES, json!({ "title": "B" })).await.expect(201);
    assert_eq!(next.body["number"], 2, "numbers are not used again");
    let refused = place.send("DELETE", &format!("{ISSUES}/2"), Value::Null).await;
    assert_eq!(refused.status, 404, "REST cannot delete");
}

#[tokio::test]
async fn issues_may_have_no_creator_or_a_bot() {
    let place = Place::new().await;
    let number = place.person_creates(json!({ "title": "A", "as": null }));
    assert_eq!(place.get(&format!("{ISSUES}/{number}")).await.body["user"], Value::Null);
    let app = place.control("POST", "/github/tokens", json!({ "account": "syncline[bot]", "kind": "app" }));
    let place = place.acting(app["token"].as_str().unwrap());
    let made = place.post(ISSUES, json!({ "title": "B" })).await.expect(201);
    assert_eq!(
        (&made.body["user"]["login"], &made.body["user"]["type"]),
        (&json!("syncline[bot]"), &json!("Bot"))
    );
    place.get("/user").await.expect(403);
}

#[tokio::test]
async fn a_person_can_set_the_time_of_an_edit() {
    let place = Place::new().await;
    let number = place.person_creates(
        json!({ "title": "A", "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-03T00:00:00Z" }),
    );
    let path = format!("{ISSUES}/{number}");
    let read = place.get(&path).await;
    assert_eq!(
        (&read.body["created_at"], &read.body["updated_at"]),
        (&json!("2026-01-02T03:04:05Z"), &json!("2026-01-03T00:00:00Z"))
    );
    let change = json!({ "as": "bruno", "state": "closed", "state_reason": "not_planned", "updated_at": "2026-01-04T00:00:00Z" });
    place.control("PATCH", "/github/repos/acme/web/issues/1", change);
    let read = place.get(&path).await;
    assert_eq!(
        (&read.body["closed_by"]["login"], &read.body["updated_at"]),
        (&json!("bruno"), &json!("2026-01-04T00:00:00Z"))
    );
}
