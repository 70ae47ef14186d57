//! The page for people.

use serde_json::{Value, json};

use crate::common::{ISSUES, Place, got};

#[tokio::test]
async fn items_are_shown_escaped() {
    let place = Place::new().await;
    place.person_creates(
        json!({ "title": "<script>alert(1)</script>", "body": "</textarea><b>&", "labels": ["bug"] }),
    );
    let url = place.running.url();
    let home = got(place.client.get(&url)).await.expect(200);
    assert!(home.text.contains("acme/web") && home.header("content-type").starts_with("text/html"));
    let list = got(place.client.get(format!("{url}/page/github/acme/web"))).await.expect(200);
    assert!(list.text.contains("&lt;script&gt;") && !list.text.contains("<script"));
    let html_url = place.get(&format!("{ISSUES}/1")).await.body["html_url"].as_str().unwrap().to_owned();
    let item = got(place.client.get(html_url)).await.expect(200);
    assert!(item.text.contains("&lt;/textarea&gt;&lt;b&gt;&amp;") && !item.text.contains("<script"));
    assert!(
        !item.text.contains("http://") && !item.text.contains("https://"),
        "nothing is loaded from elsewhere"
    );
    got(place.client.get(format!("{url}/page/github/acme/none"))).await.expect(404);
}

#[tokio::test]
async fn a_person_creates_edits_and_deletes() {
    let place = Place::new().await;
    let url = format!("{}/page/github/acme/web", place.running.url());
    let form = |text: &str| text.to_owned();
    let post = |url: String, body: String| {
        got(place.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(body))
    };
    let made =
        post(url.clone(), form("title=A&body=one%0D%0Atwo&labels=bug,+new&as=bruno")).await.expect(303);
    assert_eq!(made.header("location"), "/page/github/acme/web/issues/1");
    let read = place.get(&format!("{ISSUES}/1")).await.body;
    assert_eq!((&read["body"], &read["user"]["login"]), (&json!("one\r\ntwo"), &json!("bruno")));
    assert_eq!(read["labels"].as_array().unwrap().len(), 2);
    let save = "title=B&body=x&labels=&assignees=emil&state=not_planned&as=ada&do=save";
    post(format!("{url}/issues/1"), form(save)).await.expect(303);
    let read = place.get(&format!("{ISSUES}/1")).await.body;
    assert_eq!(
        (&read["title"], &read["state_reason"], &read["labels"]),
        (&json!("B"), &json!("not_planned"), &json!([]))
    );
    assert_eq!(read["assignees"][0]["login"], "emil");
    post(format!("{url}/issues/1"), form("title=B&do=delete")).await.expect(303);
    place.get(&format!("{ISSUES}/1")).await.expect(410);
    post(url, form("title=+")).await.expect(422);
    assert!(
        place.control("GET", "/github/repos/acme/web/issues", Value::Null).as_array().unwrap().is_empty()
    );
}
