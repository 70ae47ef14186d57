//! The page for people.

use serde_json::json;

use crate::common::{Place, document, got};

#[tokio::test]
async fn issues_are_shown_escaped() {
    let place = Place::new().await;
    place.person_creates(json!({ "summary": "<script>alert(1)</script>", "description": "</textarea><b>&", "labels": ["<i>"] }));
    let url = format!("{}/page/jira", place.running.url());
    let home = got(place.client.get(place.running.url())).await.expect(200);
    assert!(home.text.contains("href=\"/page/jira\""), "the first page leads here");
    let projects = got(place.client.get(&url)).await.expect(200);
    assert!(projects.text.contains("SYNC") && projects.header("content-type").starts_with("text/html"));
    let list = got(place.client.get(format!("{url}/projects/SYNC"))).await.expect(200);
    assert!(
        list.text.contains("&lt;script&gt;") && !list.text.contains("<script") && !list.text.contains("<i>")
    );
    let item = got(place.client.get(format!("{url}/browse/SYNC-1"))).await.expect(200);
    assert!(item.text.contains("&lt;/textarea&gt;&lt;b&gt;&amp;") && !item.text.contains("<script"));
    got(place.client.get(format!("{url}/browse/SYNC-9"))).await.expect(404);
}

#[tokio::test]
async fn a_person_creates_edits_and_deletes() {
    let place = Place::new().await;
    let url = format!("{}/page/jira", place.running.url());
    let post = |path: &str, body: String| {
        got(place
            .client
            .post(format!("{url}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body))
    };
    let bruno = place.account("bruno");
    let made = post("/projects/SYNC", format!("summary=A&description=one%0D%0Atwo&labels=x+y&as={bruno}"))
        .await
        .expect(303);
    assert_eq!(made.header("location"), "/page/jira/browse/SYNC-1");
    let read = place.get("/issue/SYNC-1").await.expect(200).body["fields"].clone();
    assert_eq!(
        (&read["labels"], &read["creator"]["displayName"]),
        (&json!(["x", "y"]), &json!("Bruno Tamm"))
    );
    // An unchanged text keeps its marks and its structure.
    let bold = json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": "bold", "marks": [{ "type": "strong" }] }] }] });
    place.edit("SYNC-1", json!({ "description": bold })).await.expect(204);
    let done = place.control("GET", "/jira/projects/SYNC", serde_json::Value::Null)["statuses"]["Done"]
        .as_str()
        .unwrap()
        .to_owned();
    post(
        "/browse/SYNC-1",
        format!("summary=B&description=bold&labels=&assignee={bruno}&status={done}&do=save"),
    )
    .await
    .expect(303);
    let read = place.get("/issue/SYNC-1").await.expect(200).body["fields"].clone();
    assert_eq!((&read["summary"], &read["description"], &read["labels"]), (&json!("B"), &bold, &json!([])));
    assert_eq!((&read["status"]["name"], &read["resolution"]["name"]), (&json!("Done"), &json!("Done")));
    post("/browse/SYNC-1", "summary=B&description=new&do=save".to_owned()).await.expect(303);
    assert_eq!(place.field("SYNC-1", "description").await, document("new"));
    post("/projects/SYNC", "summary=+".to_owned()).await.expect(422);
    post("/browse/SYNC-1", "summary=B&do=delete".to_owned()).await.expect(303);
    place.get("/issue/SYNC-1").await.expect(404);
}
