//! The operations that only GraphQL has.

use serde_json::{Value, json};

use crate::common::{Got, ISSUES, Place};

async fn graphql(place: &Place, query: &str, variables: Value) -> Got {
    place.post("/graphql", json!({ "query": query, "variables": variables })).await
}

#[tokio::test]
async fn an_issue_is_deleted_by_an_administrator() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    let node = place.get(&format!("{ISSUES}/1")).await.body["node_id"].clone();
    let query = "mutation Gone($id: ID!) { deleteIssue(input: {issueId: $id}) { repository { nameWithOwner } clientMutationId } }";
    let token = place.token_of("bruno");
    let (admin, place) = (place.token.clone(), place.acting(&token));
    let refused = graphql(&place, query, json!({ "id": node })).await.expect(200);
    assert_eq!(refused.body["errors"][0]["type"], "FORBIDDEN");
    assert_eq!(refused.body["data"]["deleteIssue"], Value::Null);
    let place = place.acting(&admin);
    let done = graphql(&place, query, json!({ "id": node })).await.expect(200);
    assert_eq!(done.body["data"]["deleteIssue"]["repository"]["nameWithOwner"], "acme/web");
    place.get(&format!("{ISSUES}/1")).await.expect(410);
    let again = graphql(&place, query, json!({ "id": node })).await.expect(200);
    assert_eq!(
        (&again.body["errors"][0]["type"], &again.body["errors"][0]["path"]),
        (&json!("NOT_FOUND"), &json!(["deleteIssue"]))
    );
}

#[tokio::test]
async fn aliases_run_one_after_the_other_and_fail_one_by_one() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    place.person_creates(json!({ "title": "B" }));
    let node = place.get(&format!("{ISSUES}/2")).await.body["node_id"].as_str().unwrap().to_owned();
    let query = format!(
        "mutation {{ a: deleteIssue(input: {{issueId: \"I_none\"}}) {{ clientMutationId }} \
         b: deleteIssue(input: {{issueId: \"{node}\", clientMutationId: \"x\"}}) {{ clientMutationId }} }}"
    );
    let done = graphql(&place, &query, json!({})).await.expect(200);
    assert_eq!(done.body["errors"][0]["path"], json!(["a"]));
    assert_eq!(done.body["data"], json!({ "a": null, "b": { "clientMutationId": "x" } }));
    assert_eq!(place.get(ISSUES).await.numbers(), [1]);
}

#[tokio::test]
async fn an_issue_is_transferred() {
    let place = Place::new().await;
    place.control(
        "POST",
        "/github/repos",
        json!({ "owner": "acme", "name": "app", "members": { "ada": "write" } }),
    );
    place.person_creates(json!({ "title": "A", "labels": ["bug"] }));
    let issue = place.get(&format!("{ISSUES}/1")).await.body["node_id"].clone();
    let target = place.get("/repos/acme/app").await.body["node_id"].clone();
    let query = "mutation($issue: ID!, $to: ID!) { transferIssue(input: {issueId: $issue, repositoryId: $to, createLabelsIfMissing: true}) \
                 { issue { id number repository { name } labels(first: 10) { nodes { name } } } } }";
    let done = graphql(&place, query, json!({ "issue": issue, "to": target })).await.expect(200);
    let moved = &done.body["data"]["transferIssue"]["issue"];
    assert_eq!((&moved["number"], &moved["repository"]["name"]), (&json!(1), &json!("app")));
    assert_eq!(moved["labels"]["nodes"][0]["name"], "bug");
    assert_ne!(moved["id"], issue);
    place.get(&format!("{ISSUES}/1")).await.expect(301);
}

#[tokio::test]
async fn nodes_and_repositories_are_read() {
    let place = Place::limited().await;
    place.person_creates(json!({ "title": "A", "state": "closed" }));
    let read = place.get(&format!("{ISSUES}/1")).await.body;
    let query = "query($id: ID!) { nodes(ids: [$id, \"I_none\"]) { __typename ...Short } \
                 repository(owner: \"acme\", name: \"web\") { id issue(number: 1) { state stateReason body updatedAt } } \
                 rateLimit { cost remaining } } fragment Short on Issue { number databaseId }";
    let got = graphql(&place, query, json!({ "id": read["node_id"] })).await.expect(200);
    let data = &got.body["data"];
    assert_eq!(
        data["nodes"],
        json!([{ "__typename": "Issue", "number": 1, "databaseId": read["id"] }, null])
    );
    let issue = &data["repository"]["issue"];
    assert_eq!(
        (&issue["state"], &issue["stateReason"], &issue["body"]),
        (&json!("CLOSED"), &json!("COMPLETED"), &json!(""))
    );
    assert_eq!(data["rateLimit"]["cost"], 1);
    let wrong = graphql(&place, "{ viewer { shoeSize } }", json!({})).await.expect(200);
    assert!(wrong.body["errors"][0]["message"].as_str().unwrap().contains("doesn't exist on type"));
    let broken = graphql(&place, "{ viewer { login }", json!({})).await.expect(200);
    assert!(broken.body["errors"].is_array());
    place.acting("").post("/graphql", json!({ "query": "{ viewer { login } }" })).await.expect(401);
}
