//! The page for people.

use serde_json::{Value, json};

use crate::common::{Place, got};

#[tokio::test]
async fn issues_are_shown_escaped() {
    let place = Place::new().await;
    place.person_creates(
        json!({ "title": "<script>alert(1)</script>", "description": "</textarea><b>&", "labels": ["bug"] }),
    );
    let url = place.running.url();
    let home = got(place.client.get(format!("{url}/page/linear"))).await.expect(200);
    assert!(home.text.contains("Engineering") && home.header("content-type").starts_with("text/html"));
    let list = got(place.client.get(format!("{url}/page/linear/team/ENG"))).await.expect(200);
    assert!(list.text.contains("&lt;script&gt;") && !list.text.contains("<script"));
    let address = place.read("ENG-1", "url assignee { url }").await["url"].as_str().unwrap().to_owned();
    let item = got(place.client.get(address)).await.expect(200);
    assert!(item.text.contains("&lt;/textarea&gt;&lt;b&gt;&amp;") && !item.text.contains("<script"));
    assert!(
        !item.text.contains("http://") && !item.text.contains("https://"),
        "nothing is loaded from elsewhere"
    );
    got(place.client.get(format!("{url}/page/linear/acme/profiles/ada"))).await.expect(200);
    got(place.client.get(format!("{url}/page/linear/team/NONE"))).await.expect(404);
    got(place.client.get(format!("{url}/page/linear/acme/issue/ENG-9"))).await.expect(404);
}

#[tokio::test]
async fn a_person_creates_edits_archives_and_deletes() {
    let place = Place::new().await;
    let url = place.running.url();
    let post = |path: &str, body: &'static str| {
        let request = place.client.post(format!("{url}/page/linear{path}"));
        got(request.header("content-type", "application/x-www-form-urlencoded").body(body))
    };
    // The client follows the redirect to the issue's page.
    let made =
        post("/team/ENG", "title=A&description=-+one%0D%0A-+two&labels=bug,+new&as=bruno").await.expect(200);
    assert!(made.text.contains("ENG-1"));
    let fields = "title description creator { displayName } labels { nodes { name } } priority dueDate state { name } assignee { displayName } archivedAt trashed";
    let read = place.read("ENG-1", fields).await;
    assert_eq!(
        (&read["description"], &read["creator"]["displayName"]),
        (&json!("* one\n* two"), &json!("bruno"))
    );
    assert_eq!(read["labels"]["nodes"].as_array().unwrap().len(), 2);
    let save =
        "title=B&description=&labels=&assignee=emil&state=Done&priority=1&due=2026-12-24&as=ada&do=save";
    post("/acme/issue/ENG-1", save).await.expect(200);
    let read = place.read("ENG-1", fields).await;
    assert_eq!(
        (&read["title"], &read["description"], &read["labels"]["nodes"]),
        (&json!("B"), &Value::Null, &json!([]))
    );
    assert_eq!(
        (&read["priority"], &read["dueDate"], &read["state"]["name"]),
        (&json!(1), &json!("2026-12-24"), &json!("Done"))
    );
    assert_eq!(read["assignee"]["displayName"], "emil");
    post("/acme/issue/ENG-1", "do=archive").await.expect(200);
    assert!(place.read("ENG-1", fields).await["archivedAt"].is_string());
    post("/acme/issue/ENG-1", "do=restore").await.expect(200);
    assert!(place.read("ENG-1", fields).await["archivedAt"].is_null());
    post("/acme/issue/ENG-1", "do=delete").await.expect(200);
    assert_eq!(place.read("ENG-1", fields).await["trashed"], json!(true));
    post("/team/ENG", "title=+").await.expect(422);
}
