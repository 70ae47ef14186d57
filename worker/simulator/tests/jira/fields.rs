//! Fields of all kinds: accepted, returned and refused values.

use serde_json::{Value, json};

use crate::common::{Place, document, draft};

/// Adds a field to SYNC and returns its id.
fn field(place: &Place, name: &str, kind: &str, options: Value) -> String {
    let mut new = json!({ "name": name, "kind": kind, "projects": ["SYNC"] });
    if !options.is_null() {
        new["options"] = options;
    }
    place.control("POST", "/jira/fields", new)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn simple_kinds_come_back_in_their_form() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let day = json!("2026-12-24");
    for (kind, given, back) in [
        ("text", json!("a line"), json!("a line")),
        ("textarea", document("text"), document("text")),
        ("number", json!(5), json!(5.0)),
        ("float", json!(2.5), json!(2.5)),
        ("story_points", json!(3), json!(3.0)),
        ("date", day.clone(), day),
        ("datetime", json!("2026-12-24T12:00:00.000+0100"), json!("2026-12-24T11:00:00.000+0000")),
        ("labels", json!(["b", "a"]), json!(["a", "b"])),
        ("url", json!("https://x.example/y"), json!("https://x.example/y")),
    ] {
        let id = field(&place, &format!("My {kind}"), kind, Value::Null);
        assert_eq!(place.field(&key, &id).await, Value::Null, "{kind}");
        place.edit(&key, json!({ &id: given })).await.expect(204);
        assert_eq!(place.field(&key, &id).await, back, "{kind}");
        place.edit(&key, json!({ &id: null })).await.expect(204);
        assert_eq!(place.field(&key, &id).await, Value::Null, "{kind}");
    }
}

#[tokio::test]
async fn options_are_objects_by_id_or_value() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    for kind in ["select", "radio"] {
        let id = field(&place, kind, kind, json!(["Red", "Green"]));
        place.edit(&key, json!({ &id: { "value": "Green" } })).await.expect(204);
        let green = place.field(&key, &id).await;
        assert!(green["value"] == "Green" && green["self"].as_str().unwrap().contains("/customFieldOption/"));
        place.edit(&key, json!({ &id: null })).await.expect(204);
        place.edit(&key, json!({ &id: { "id": green["id"] } })).await.expect(204);
        assert_eq!(place.field(&key, &id).await, green);
        for wrong in [json!("Green"), json!({ "value": "Blue" }), json!({ "id": "1" }), json!({})] {
            assert!(
                place.edit(&key, json!({ &id: wrong })).await.expect(400).body["errors"][&id].is_string()
            );
        }
    }
    for kind in ["multi_select", "checkboxes"] {
        let id = field(&place, kind, kind, json!(["Red", "Green", "Blue"]));
        place.edit(&key, json!({ &id: [{ "value": "Blue" }, { "value": "Red" }] })).await.expect(204);
        let update = json!({ "update": { &id: [{ "add": { "value": "Green" } }, { "remove": { "value": "Blue" } }] } });
        place.put(&format!("/issue/{key}"), update).await.expect(204);
        let values: Vec<Value> =
            place.field(&key, &id).await.as_array().unwrap().iter().map(|one| one["value"].clone()).collect();
        assert_eq!(values, ["Red", "Green"]);
        assert_eq!(
            place.edit(&key, json!({ &id: { "value": "Red" } })).await.expect(400).body["errors"][&id],
            "data was not an array"
        );
        place.edit(&key, json!({ &id: [] })).await.expect(204);
        assert_eq!(place.field(&key, &id).await, Value::Null);
    }
}

#[tokio::test]
async fn cascading_options_have_a_child() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let options = json!([{ "value": "Europe", "children": ["Vienna", "Rome"] }, { "value": "Asia", "children": ["Delhi"] }]);
    let id = field(&place, "Place", "cascading", options);
    place.edit(&key, json!({ &id: { "value": "Europe", "child": { "value": "Rome" } } })).await.expect(204);
    let shown = place.field(&key, &id).await;
    assert_eq!((&shown["value"], &shown["child"]["value"]), (&json!("Europe"), &json!("Rome")));
    place.edit(&key, json!({ &id: { "value": "Asia", "child": { "value": "Rome" } } })).await.expect(400);
    place.edit(&key, json!({ &id: { "value": "Asia" } })).await.expect(204);
    assert!(place.field(&key, &id).await.get("child").is_none());
}

#[tokio::test]
async fn people_are_objects_with_an_account_id() {
    let place = Place::new().await;
    let (ada, bruno) = (place.account("ada"), place.account("bruno"));
    let key = place.creates(json!({})).await;
    let one = field(&place, "Reviewer", "user", Value::Null);
    let many = field(&place, "Watchers", "multi_user", Value::Null);
    place
        .edit(
            &key,
            json!({ &one: { "accountId": ada }, &many: [{ "accountId": bruno }, { "accountId": ada }] }),
        )
        .await
        .expect(204);
    assert_eq!(place.field(&key, &one).await["displayName"], "Ada Quist");
    assert_eq!(place.field(&key, &many).await[0]["displayName"], "Bruno Tamm");
    place.edit(&key, json!({ &one: { "accountId": "nobody" } })).await.expect(400);
}

#[tokio::test]
async fn wrong_values_are_refused_by_field() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let (number, url, date) = (
        field(&place, "N", "number", Value::Null),
        field(&place, "U", "url", Value::Null),
        field(&place, "D", "datetime", Value::Null),
    );
    let label = "The label 'a b' contains spaces which is invalid.";
    for (name, value, message) in [
        ("summary", json!(1), "Operation value must be a string"),
        ("summary", json!("a\nb"), "The summary is invalid because it contains newline characters."),
        ("summary", json!("x".repeat(256)), "Summary must be less than 255 characters."),
        ("summary", json!(" "), "You must specify a summary of the issue."),
        ("labels", json!(["a b"]), label),
        ("labels", json!("a"), "Operation value must be an array of strings"),
        ("duedate", json!("24.12.2026"), "Error parsing date string: 24.12.2026"),
        ("priority", json!({ "name": "Urgent" }), "The priority selected is invalid."),
        (&number, json!("5"), "Operation value must be a number"),
        (&url, json!("x"), "The URL is not valid"),
        (&date, json!("2026-12-24"), "Error parsing time"),
        (
            "customfield_99",
            json!(1),
            "Field 'customfield_99' cannot be set. It is not on the appropriate screen, or unknown.",
        ),
        ("resolution", json!({ "name": "Done" }), "Field 'resolution' cannot be set."),
        ("created", json!("2026-12-24T12:00:00.000+0000"), "Field 'created' cannot be set."),
    ] {
        let refused = place.edit(&key, json!({ name: value })).await.expect(400);
        let told =
            refused.body["errors"][name].as_str().unwrap_or_else(|| panic!("{name}: {}", refused.text));
        assert!(told.starts_with(message), "{name}: {told}");
    }
    // Nothing is written if any value is wrong.
    place.edit(&key, json!({ "summary": "B", "labels": ["a b"] })).await.expect(400);
    assert_eq!(place.field(&key, "summary").await, "A");
    place.edit(&key, json!({ "summary": "x".repeat(255) })).await.expect(204);
}

#[tokio::test]
async fn long_summaries_are_counted_in_utf_16_units_or_characters() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let emoji = "🚀".repeat(200);
    place.edit(&key, json!({ "summary": emoji })).await.expect(400);
    place.settings(json!({ "summary_utf16": false }));
    place.edit(&key, json!({ "summary": emoji })).await.expect(204);
    place.settings(json!({ "summary_limit": 254 }));
    place.edit(&key, json!({ "summary": "x".repeat(255) })).await.expect(400);
}

#[tokio::test]
async fn required_fields_are_required() {
    let place = Place::new().await;
    let id = field(&place, "Team", "select", json!(["A", "B"]));
    let before = place.creates(json!({})).await;
    place.control(
        "PUT",
        &format!("/jira/projects/SYNC/fields/{id}"),
        json!({ "required": true, "types": ["Task"] }),
    );
    let refused = place.post("/issue", draft(json!({}))).await.expect(400);
    assert_eq!(refused.body["errors"][&id], "Team is required.");
    place.post("/issue", draft(json!({ "issuetype": { "name": "Bug" } }))).await.expect(201);
    place.post("/issue", draft(json!({ &id: { "value": "A" } }))).await.expect(201);
    // Updates of other fields work; clearing the field is refused.
    place.edit(&before, json!({ "summary": "B" })).await.expect(204);
    place.edit(&before, json!({ &id: null })).await.expect(400);
    let (nothing, none) = (json!({ "fields": {} }), json!({ "fields": { "project": { "key": "SYNC" } } }));
    assert!(place.post("/issue", nothing).await.expect(400).body["errors"]["project"].is_string());
    assert!(place.post("/issue", none).await.expect(400).body["errors"]["issuetype"].is_string());
}

#[tokio::test]
async fn fields_belong_to_projects_and_screens() {
    let place = Place::new().await;
    let id = field(&place, "Only here", "text", Value::Null);
    let team =
        json!({ "project": { "key": "TEAM" }, "issuetype": { "name": "Task" }, "summary": "T", &id: "x" });
    assert!(
        place.post("/issue", json!({ "fields": team })).await.expect(400).body["errors"][&id].is_string()
    );
    let key = place.creates(json!({ &id: "x" })).await;
    place.control("PUT", &format!("/jira/projects/SYNC/fields/{id}"), json!({ "edit": false }));
    place.edit(&key, json!({ &id: "y" })).await.expect(400);
    assert_eq!(place.creates(json!({ &id: "y" })).await, "SYNC-2");
    place.control("DELETE", &format!("/jira/projects/SYNC/fields/{id}"), Value::Null);
    place.post("/issue", draft(json!({ &id: "z" }))).await.expect(400);
    assert_eq!(place.field(&key, &id).await, "x", "what is not on a screen can be read");
}

#[tokio::test]
async fn each_project_may_have_its_own_options() {
    let place = Place::new().await;
    place.control("POST", "/jira/projects", json!({ "key": "OTHER", "members": { "ada": "admin" } }));
    let made =
        place.control("POST", "/jira/fields", json!({ "name": "Team", "kind": "select", "options": ["A"] }));
    let id = made["id"].as_str().unwrap();
    place.control(
        "POST",
        &format!("/jira/fields/{id}/contexts"),
        json!({ "projects": ["OTHER"], "options": ["B"] }),
    );
    let other = |value: &str| json!({ "fields": { "project": { "key": "OTHER" }, "issuetype": { "name": "Task" }, "summary": "O", id: { "value": value } } });
    place.post("/issue", other("A")).await.expect(400);
    place.post("/issue", other("B")).await.expect(201);
    place.post("/issue", draft(json!({ id: { "value": "A" } }))).await.expect(201);
    let option = made["contexts"][0]["options"][0]["id"].as_str().unwrap();
    place.control(
        "PATCH",
        &format!("/jira/fields/{id}/options/{option}"),
        json!({ "value": "A2", "disabled": true }),
    );
    place.post("/issue", draft(json!({ id: { "value": "A2" } }))).await.expect(400);
    assert_eq!(place.field("SYNC-1", id).await["value"], "A2");
}
