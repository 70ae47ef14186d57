//! Lists: order, pages, and edits during paging.

use serde_json::{Value, json};

use crate::common::Place;

/// Creates five issues, a second apart, of which the first was updated last.
async fn five(place: &Place) -> Vec<String> {
    place.stop_clock();
    let mut ids = Vec::new();
    for at in 1..=5 {
        place.advance(1.0);
        ids.push(
            place.create(json!({ "title": format!("Issue {at}") })).await["id"].as_str().unwrap().to_owned(),
        );
    }
    place.advance(1.0);
    place.update(&ids[0], json!({ "title": "Changed" })).await.data();
    ids
}

#[tokio::test]
async fn the_newest_come_first() {
    let place = Place::new().await;
    five(&place).await;
    assert_eq!(place.identifiers("").await, ["ENG-5", "ENG-4", "ENG-3", "ENG-2", "ENG-1"]);
    assert_eq!(place.identifiers("orderBy: updatedAt").await, ["ENG-1", "ENG-5", "ENG-4", "ENG-3", "ENG-2"]);
    let sorted = place.identifiers("sort: [{updatedAt: {order: Ascending}}]").await;
    assert_eq!(
        sorted,
        ["ENG-2", "ENG-3", "ENG-4", "ENG-5", "ENG-1"],
        "the internal argument has a direction"
    );
}

#[tokio::test]
async fn pages_lead_on_by_the_ids_of_issues() {
    let place = Place::new().await;
    let ids = five(&place).await;
    let query = "query($after: String) { issues(first: 2, after: $after, orderBy: updatedAt) { edges { cursor node { identifier } } \
                 pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let (mut after, mut seen) = (Value::Null, Vec::new());
    for page in 0..3 {
        let issues = place.graphql(query, json!({ "after": after })).await.data()["issues"].clone();
        let edges = issues["edges"].as_array().unwrap();
        seen.extend(edges.iter().map(|edge| edge["node"]["identifier"].as_str().unwrap().to_owned()));
        assert_eq!(issues["pageInfo"]["hasNextPage"], json!(page < 2));
        assert_eq!(issues["pageInfo"]["hasPreviousPage"], json!(page > 0));
        assert_eq!(issues["pageInfo"]["endCursor"], edges.last().unwrap()["cursor"]);
        after = issues["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen, ["ENG-1", "ENG-5", "ENG-4", "ENG-3", "ENG-2"]);
    assert_eq!(after, json!(ids[1]));
    let back = place.identifiers(&format!("last: 2, before: \"{}\", orderBy: updatedAt", ids[2])).await;
    assert_eq!(back, ["ENG-5", "ENG-4"]);
    let last = place.identifiers("last: 2, orderBy: updatedAt").await;
    assert_eq!(last, ["ENG-3", "ENG-2"]);
}

#[tokio::test]
async fn an_issue_that_changes_while_paging_moves_to_the_front() {
    let place = Place::new().await;
    let ids = five(&place).await;
    assert_eq!(place.identifiers("first: 2, orderBy: updatedAt").await, ["ENG-1", "ENG-5"]);
    place.advance(1.0);
    place.update(&ids[1], json!({ "title": "Also changed" })).await.data();
    let rest = place.identifiers(&format!("orderBy: updatedAt, after: \"{}\"", ids[4])).await;
    assert_eq!(rest, ["ENG-4", "ENG-3"], "ENG-2 is not seen in this pass");
    place.update(&ids[4], json!({ "title": "The cursor itself" })).await.data();
    let again = place.identifiers(&format!("orderBy: updatedAt, after: \"{}\"", ids[4])).await;
    assert!(again.contains(&"ENG-1".to_owned()), "the cursor has moved, too: {again:?}");
}

#[tokio::test]
async fn pages_have_a_length() {
    let place = Place::new().await;
    place.control("POST", "/linear/teams/ENG/seed", json!({ "items": 60 }));
    assert_eq!(place.identifiers("").await.len(), 50);
    assert_eq!(place.identifiers("first: 60").await.len(), 60);
    for (arguments, told) in [
        ("first: 251", "first must be between 1 and 250"),
        ("first: -1", "first must be between 1 and 250"),
        ("last: 251", "last must be between 1 and 250"),
        ("after: \"ENG-1\"", "The cursor ENG-1 is not valid"),
        ("first: 1, last: 1", "Cannot use `first` or `after` together with `last` or `before`."),
    ] {
        let got = place
            .graphql(&format!("{{ issues({arguments}) {{ nodes {{ id }} }} }}"), json!({}))
            .await
            .expect(200);
        assert_eq!(
            (got.message(), got.code(), got.told()),
            ("Argument Validation Error", "INVALID_INPUT", told)
        );
    }
}

#[tokio::test]
async fn lists_are_parts_of_other_records() {
    let place = Place::new().await;
    place.control("POST", "/linear/projects", json!({ "name": "Launch", "teams": ["ENG"] }));
    let parent = place.person_creates(
        json!({ "title": "Parent", "assignee": "emil", "project": "Launch", "labels": ["bug"] }),
    );
    place.person_creates(
        json!({ "title": "Child", "parent": parent["identifier"], "state": "Done", "as": "bruno" }),
    );
    let query = "{ team(id: \"eng\") { issueCount issues { nodes { title } } states { nodes { name type position color } } \
                 members { nodes { displayName } } labels { nodes { name issues { nodes { title } } } } projects { nodes { name issues { nodes { title } } } } \
                 defaultIssueState { name issues { nodes { title } } } issueEstimationType issueEstimationAllowZero issueEstimationExtended } \
                 issue(id: \"ENG-1\") { children { nodes { title parent { title } } } assignee { assignedIssues { nodes { title } } } } \
                 organization { urlKey teams { nodes { key } } users { nodes { name } } labels { nodes { name } } } }";
    let data = place.graphql(query, json!({})).await.data();
    let (team, issue) = (&data["team"], &data["issue"]);
    assert_eq!((&team["issueCount"], &team["issueEstimationType"]), (&json!(2), &json!("fibonacci")));
    assert_eq!(team["issues"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(team["states"]["nodes"].as_array().unwrap().len(), 7);
    assert_eq!(team["defaultIssueState"]["issues"]["nodes"], json!([{ "title": "Parent" }]));
    assert_eq!(team["labels"]["nodes"][0]["issues"]["nodes"], json!([{ "title": "Parent" }]));
    assert_eq!(team["projects"]["nodes"][0]["issues"]["nodes"], json!([{ "title": "Parent" }]));
    assert_eq!(issue["children"]["nodes"], json!([{ "title": "Child", "parent": { "title": "Parent" } }]));
    assert_eq!(issue["assignee"]["assignedIssues"]["nodes"], json!([{ "title": "Parent" }]));
    assert_eq!(data["organization"]["labels"]["nodes"], json!([]), "the label is one of the team");
}
