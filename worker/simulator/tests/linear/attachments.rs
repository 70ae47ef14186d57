//! Attachments: links on issues, found by their URL.

use serde_json::{Value, json};

use crate::common::Place;

const LINK: &str = "mutation($issue: String!, $url: String!, $title: String) { attachmentLinkURL(issueId: $issue, url: $url, title: $title) { success attachment { id title url issue { identifier } } } }";
const CREATE: &str = "mutation($input: AttachmentCreateInput!) { attachmentCreate(input: $input) { success attachment { id title subtitle metadata updatedAt createdAt } } }";
const FOR_URL: &str =
    "query($url: String!) { attachmentsForURL(url: $url) { nodes { id issue { identifier } metadata } } }";
const URL: &str = "https://syncline.example/items/1";

#[tokio::test]
async fn one_issue_has_one_attachment_for_a_url() {
    let place = Place::new().await;
    place.stop_clock();
    place.create(json!({ "title": "A" })).await;
    place.create(json!({ "title": "B" })).await;
    let before = place.read("ENG-1", "updatedAt").await;
    place.advance(1.0);
    let input = |issue: &str| json!({ "input": { "issueId": issue, "url": URL, "title": "T", "metadata": { "item": 1 } } });
    let first = place.graphql(CREATE, input("ENG-1")).await.data()["attachmentCreate"]["attachment"].clone();
    assert_eq!(place.read("ENG-1", "updatedAt").await, before, "an attachment is no update of its issue");
    place.advance(1.0);
    let again = json!({ "input": { "issueId": "ENG-1", "url": URL, "title": "T2", "subtitle": "S" } });
    let second = place.graphql(CREATE, again).await.data()["attachmentCreate"]["attachment"].clone();
    assert_eq!(second["id"], first["id"]);
    assert_eq!(
        (&second["title"], &second["subtitle"], &second["metadata"]),
        (&json!("T2"), &json!("S"), &json!({ "item": 1 }))
    );
    assert_ne!(second["updatedAt"], second["createdAt"]);
    place.graphql(CREATE, input("ENG-2")).await.data();
    let found =
        place.graphql(FOR_URL, json!({ "url": URL })).await.data()["attachmentsForURL"]["nodes"].clone();
    assert_eq!(found.as_array().unwrap().len(), 2);
    let by_url = format!("filter: {{attachments: {{url: {{eq: \"{URL}\"}}}}}}");
    assert_eq!(place.identifiers(&by_url).await.len(), 2);
    assert_eq!(place.identifiers("filter: {attachments: {length: {gt: 0}}}").await.len(), 2);
    place.switch(json!({ "attachment_bumps": true }));
    place.graphql(CREATE, input("ENG-1")).await.data();
    assert_ne!(place.read("ENG-1", "updatedAt").await, before);
}

#[tokio::test]
async fn attachments_are_changed_and_deleted() {
    let place = Place::new().await;
    place.create(json!({ "title": "A" })).await;
    let made = place.graphql(LINK, json!({ "issue": "ENG-1", "url": URL })).await.data();
    let attachment = &made["attachmentLinkURL"]["attachment"];
    assert_eq!((&attachment["title"], &attachment["issue"]["identifier"]), (&json!(URL), &json!("ENG-1")));
    let id = attachment["id"].as_str().unwrap();
    let update = "mutation($id: String!) { attachmentUpdate(id: $id, input: {title: \"New\", metadata: {a: [1]}}) { attachment { title metadata } } }";
    let changed = place.graphql(update, json!({ "id": id })).await.data();
    assert_eq!(
        changed["attachmentUpdate"]["attachment"],
        json!({ "title": "New", "metadata": { "a": [1] } })
    );
    assert_eq!(
        place.read("ENG-1", "attachments { nodes { title url } }").await["attachments"]["nodes"],
        json!([{ "title": "New", "url": URL }])
    );
    let delete = "mutation($id: String!) { attachmentDelete(id: $id) { success entityId } }";
    place.graphql(delete, json!({ "id": id })).await.data();
    assert_eq!(
        place.graphql(FOR_URL, json!({ "url": URL })).await.data()["attachmentsForURL"]["nodes"],
        json!([])
    );
    assert_eq!(place.graphql(delete, json!({ "id": id })).await.message(), "Entity not found: Attachment");
    let wrong = place.graphql(LINK, json!({ "issue": "ENG-1", "url": "no address" })).await;
    assert_eq!(wrong.told(), "url must be a URL address");
}

#[tokio::test]
async fn a_trashed_issue_takes_no_attachment() {
    let place = Place::new().await;
    place.create(json!({ "title": "A" })).await;
    place.graphql(LINK, json!({ "issue": "ENG-1", "url": URL })).await.data();
    place.control("POST", "/linear/issues/ENG-1/archive", json!({ "trash": true }));
    let got = place.graphql(LINK, json!({ "issue": "ENG-1", "url": "https://b.example" })).await;
    assert_eq!(got.message(), "Entity not found: Issue");
    assert_eq!(
        place.graphql(FOR_URL, json!({ "url": URL })).await.data()["attachmentsForURL"]["nodes"],
        json!([])
    );
    place.control("DELETE", "/linear/issues/ENG-1", Value::Null);
    let all = place.graphql("{ attachments { nodes { id } } }", json!({})).await.data();
    assert_eq!(all["attachments"]["nodes"], json!([]));
}
