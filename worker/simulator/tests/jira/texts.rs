//! Documents: validity, longest length, and the normalised form.

use serde_json::{Value, json};

use crate::common::{Place, document, draft};

#[tokio::test]
async fn invalid_documents_are_refused() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let bold_code = json!([{ "type": "strong" }, { "type": "code" }]);
    for content in [
        json!([{ "type": "paragraph", "content": [{ "type": "text", "text": "" }] }]),
        json!([{ "type": "paragraph", "content": [{ "type": "text", "text": "x", "marks": bold_code }] }]),
        json!([{ "type": "bulletList", "content": [{ "type": "listItem", "content": [{ "type": "heading", "attrs": { "level": 1 } }] }] }]),
        json!([{ "type": "text", "text": "x" }]),
    ] {
        let wrong = json!({ "type": "doc", "version": 1, "content": content });
        let refused = place.edit(&key, json!({ "description": wrong })).await.expect(400);
        assert_eq!(refused.body, json!({ "errorMessages": ["INVALID_INPUT"], "errors": {} }), "{wrong}");
    }
    let refused = place.edit(&key, json!({ "description": "text" })).await.expect(400);
    let told = "Operation value must be an Atlassian Document (see the Atlassian Document Format)";
    assert_eq!(refused.body["errors"]["description"], told);
    place.post("/issue", draft(json!({ "environment": "text" }))).await.expect(400);
    place.post("/issue", draft(json!({ "environment": document("text") }))).await.expect(201);
}

#[tokio::test]
async fn texts_have_a_longest_length() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let long = |letters: usize| json!({ "description": document(&"ä".repeat(letters)) });
    place.edit(&key, long(32_767)).await.expect(204);
    let refused = place.edit(&key, long(32_768)).await.expect(400);
    assert_eq!(refused.body["errors"]["description"], "CONTENT_LIMIT_EXCEEDED");
    place.settings(json!({ "text_counts": "json" }));
    place.edit(&key, long(32_767)).await.expect(400);
    place.edit(&key, long(32_600)).await.expect(204);
}

#[tokio::test]
async fn documents_are_normalised() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let bruno = place.account("bruno");
    let given = json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "attrs": {}, "content": [
        { "type": "text", "text": "a", "marks": [] }, { "type": "text", "text": "b" },
        { "type": "mention", "attrs": { "id": bruno, "text": "@whoever" } },
    ] }] });
    place.edit(&key, json!({ "description": given })).await.expect(204);
    let kept = json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [
        { "type": "text", "text": "ab" }, { "type": "mention", "attrs": { "id": bruno, "text": "@Bruno Tamm" } },
    ] }] });
    assert_eq!(place.field(&key, "description").await, kept);
    place
        .edit(&key, json!({ "description": { "type": "doc", "version": 1, "content": [] } }))
        .await
        .expect(204);
    assert_eq!(place.field(&key, "description").await, Value::Null);
    place.settings(json!({ "normalise_adf": false }));
    place.edit(&key, json!({ "description": given })).await.expect(204);
    assert_eq!(place.field(&key, "description").await, given);
}
