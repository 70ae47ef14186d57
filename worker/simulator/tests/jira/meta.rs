//! Metadata of screens, and the records of a site.

use serde_json::{Value, json};

use crate::common::Place;

#[tokio::test]
async fn screens_are_listed_for_each_type() {
    let place = Place::new().await;
    let options = json!([{ "value": "A", "children": ["A1"] }]);
    let made = place.control(
        "POST",
        "/jira/fields",
        json!({ "name": "Place", "kind": "cascading", "options": options, "projects": ["SYNC"] }),
    );
    let id = made["id"].as_str().unwrap();
    let types = place.get("/issue/createmeta/SYNC/issuetypes").await.expect(200).body;
    assert_eq!(
        (&types["total"], &types["issueTypes"][0]["name"], &types["issueTypes"][0]["hierarchyLevel"]),
        (&json!(5), &json!("Epic"), &json!(1))
    );
    let task =
        types["issueTypes"].as_array().unwrap().iter().find(|one| one["name"] == "Task").unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
    place.control(
        "PUT",
        &format!("/jira/projects/SYNC/fields/{id}"),
        json!({ "required": true, "types": ["Task"] }),
    );
    let path = format!("/issue/createmeta/SYNC/issuetypes/{task}");
    let fields = place.get(&path).await.expect(200).body;
    let find = |id: &str| {
        fields["fields"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["fieldId"] == id)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(
        (&find("summary")["required"], &find("description")["required"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(find("labels")["operations"], json!(["add", "set", "remove"]));
    assert_eq!(find("priority")["allowedValues"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&find(id)["required"], &find(id)["allowedValues"][0]["children"][0]["value"]),
        (&json!(true), &json!("A1"))
    );
    assert_eq!(
        find(id)["schema"]["custom"],
        "com.atlassian.jira.plugin.system.customfieldtypes:cascadingselect"
    );
    let first = place.get(&format!("{path}?maxResults=2")).await.expect(200).body;
    assert_eq!((first["fields"].as_array().unwrap().len(), &first["total"]), (2, &fields["total"]));
    place.get("/issue/createmeta/SYNC/issuetypes/1").await.expect(404);
    let key = place.creates(json!({ id: { "value": "A" } })).await;
    let edit = place.get(&format!("/issue/{key}/editmeta")).await.expect(200).body;
    assert!(edit["fields"][id]["allowedValues"].is_array() && edit["fields"].get("project").is_none());
    let place = place.acting("emil");
    place.get("/issue/createmeta/SYNC/issuetypes").await.expect(404);
    assert_eq!(place.get(&format!("/issue/{key}/editmeta")).await.expect(200).body["fields"], json!({}));
}

#[tokio::test]
async fn team_managed_projects_share_no_types_and_no_statuses() {
    let place = Place::new().await;
    let ids = |body: &Value, key: &str| {
        body[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let sync = place.get("/issue/createmeta/SYNC/issuetypes").await.body;
    let team = place.get("/issue/createmeta/TEAM/issuetypes").await.body;
    assert!(ids(&sync, "issueTypes").iter().all(|id| !ids(&team, "issueTypes").contains(id)));
    assert_eq!(team["issueTypes"][0]["scope"]["type"], "PROJECT");
    let (one, other) =
        (place.get("/project/SYNC/statuses").await.body, place.get("/project/TEAM/statuses").await.body);
    assert!(ids(&one[0], "statuses").iter().all(|id| !ids(&other[0], "statuses").contains(id)));
    assert_eq!(
        (&one[0]["statuses"][0]["name"], &other[0]["statuses"][0]["name"]),
        (&json!("To Do"), &json!("To Do"))
    );
    place.control(
        "POST",
        "/jira/fields",
        json!({ "name": "Estimate", "kind": "story_points", "team_project": "TEAM" }),
    );
    let fields = place.get("/field").await.expect(200).body;
    let estimate = fields.as_array().unwrap().iter().find(|one| one["name"] == "Estimate").unwrap();
    assert_eq!(estimate["schema"]["custom"], "com.pyxis.greenhopper.jira:jsw-story-points");
    assert!(estimate["scope"]["project"]["id"].is_string());
    let searched = place.get("/field/search?query=estimate").await.expect(200).body;
    assert_eq!(searched["total"], 0, "the search has the fields of company-managed projects only");
}

#[tokio::test]
async fn the_records_of_a_site_are_listed() {
    let place = Place::new().await;
    let priorities = place.get("/priority").await.expect(200).body;
    assert_eq!((&priorities[0]["name"], &priorities[4]["name"]), (&json!("Highest"), &json!("Lowest")));
    assert_eq!(place.get("/priority/search").await.body["values"][2]["isDefault"], true);
    assert_eq!(place.get("/resolution").await.body[1]["name"], "Won't Do");
    assert_eq!(place.get("/resolution/search").await.body["total"], 4);
    assert_eq!(place.get("/status").await.body.as_array().unwrap().len(), 8);
    assert_eq!(place.get("/statuscategory").await.body[2]["key"], "done");
    let server = place.get("/serverInfo").await.expect(200).body;
    assert_eq!(
        (&server["deploymentType"], &server["baseUrl"]),
        (&json!("Cloud"), &json!(place.running.jira()))
    );
    place.person_creates(json!({ "summary": "A", "labels": ["b", "a"] }));
    assert_eq!(place.get("/label").await.body["values"], json!(["a", "b"]));
    place.edit("SYNC-1", json!({ "labels": ["b"] })).await.expect(204);
    assert_eq!(place.get("/label").await.body["values"], json!(["b"]));
    place.control("PUT", "/jira/priorities", json!({ "names": ["P0", "P1", "P2"], "default": "P2" }));
    let key = place.creates(json!({})).await;
    assert_eq!(place.field(&key, "priority").await["name"], "P2");
    let anonymous = place.anonymous();
    anonymous.get("/serverInfo").await.expect(200);
    anonymous.get("/field/search").await.expect(401);
}

#[tokio::test]
async fn options_are_listed_for_administrators() {
    let place = Place::new().await;
    let made = place.control(
        "POST",
        "/jira/fields",
        json!({ "name": "Team", "kind": "select", "options": ["A", "B"] }),
    );
    let path = format!("/field/{}/context", made["id"].as_str().unwrap());
    let contexts = place.get(&path).await.expect(200).body;
    assert_eq!(contexts["values"][0]["isGlobalContext"], true);
    let options = format!("{path}/{}/option", contexts["values"][0]["id"].as_str().unwrap());
    assert_eq!(place.get(&options).await.expect(200).body["values"][1]["value"], "B");
    let place = place.acting("bruno");
    place.get(&path).await.expect(403);
}
