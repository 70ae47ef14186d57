//! Filters of issues, and search.

use serde_json::json;

use crate::common::Place;

async fn matching(place: &Place, filter: &str) -> Vec<String> {
    let mut found = place.identifiers(&format!("filter: {filter}")).await;
    found.sort();
    found
}

/// Creates five issues of two teams, which differ in the filtered fields.
async fn place() -> Place {
    let place = Place::new().await;
    place.stop_clock();
    place.control("POST", "/linear/labels", json!({ "name": "big" }));
    place.person_creates(json!({ "title": "One apple", "labels": ["bug"], "priority": 1, "updated_at": "2026-01-01T00:00:00.000Z" }));
    place.person_creates(json!({ "title": "Two apples", "labels": ["bug", "big"], "assignee": "emil", "updated_at": "2026-01-01T00:00:00.001Z" }));
    place.person_creates(json!({ "title": "Three", "description": "pears and APPLES", "state": "Done", "as": null, "updated_at": "2026-01-02T00:00:00Z" }));
    place.person_creates(
        json!({ "title": "Four", "parent": "ENG-1", "estimate": 3, "due_date": "2026-05-05" }),
    );
    place.control(
        "POST",
        "/linear/teams/OPS/issues",
        json!({ "title": "One of ops", "updated_at": "2026-01-01T00:00:00Z" }),
    );
    place
}

#[tokio::test]
async fn issues_are_filtered() {
    let place = place().await;
    let (eng, id) = (place.team.clone(), place.read("ENG-2", "id").await["id"].as_str().unwrap().to_owned());
    for (filter, expected) in [
        (format!("{{team: {{id: {{eq: \"{eng}\"}}}}}}"), "1234"),
        ("{team: {key: {in: [\"ENG\"]}}, title: {startsWith: \"One\"}}".to_owned(), "1"),
        (format!("{{id: {{in: [\"{id}\", \"ENG-1\"]}}}}"), "12"),
        (format!("{{id: {{eq: \"{id}\"}}}}"), "2"),
        (format!("{{id: {{nin: [\"{id}\"]}}, team: {{key: {{eq: \"ENG\"}}}}}}"), "134"),
        ("{team: {key: {eq: \"ENG\"}}, number: {in: [2, 4, 9]}}".to_owned(), "24"),
        ("{team: {key: {eq: \"ENG\"}}, number: {gt: 2}}".to_owned(), "34"),
        ("{title: {eq: \"Three\"}}".to_owned(), "3"),
        ("{title: {contains: \"apple\"}}".to_owned(), "12"),
        ("{title: {eqIgnoreCase: \"three\"}}".to_owned(), "3"),
        ("{title: {in: [\"Three\", \"Four\"]}}".to_owned(), "34"),
        ("{description: {containsIgnoreCase: \"apples\"}}".to_owned(), "3"),
        ("{state: {type: {eq: \"completed\"}}}".to_owned(), "3"),
        ("{state: {name: {eq: \"Todo\"}}, team: {key: {eq: \"ENG\"}}}".to_owned(), "124"),
        ("{labels: {name: {eq: \"big\"}}}".to_owned(), "2"),
        ("{labels: {some: {name: {eq: \"bug\"}}}}".to_owned(), "12"),
        ("{labels: {length: {eq: 2}}}".to_owned(), "2"),
        ("{labels: {every: {name: {eq: \"bug\"}}}, team: {key: {eq: \"ENG\"}}}".to_owned(), "134"),
        ("{assignee: {displayName: {eq: \"emil\"}}}".to_owned(), "2"),
        ("{assignee: {null: true}, team: {key: {eq: \"ENG\"}}}".to_owned(), "134"),
        ("{assignee: {null: false}}".to_owned(), "2"),
        ("{creator: {null: true}}".to_owned(), "3"),
        ("{priority: {lte: 1, gt: 0}}".to_owned(), "1"),
        ("{estimate: {null: false}}".to_owned(), "4"),
        ("{estimate: {or: [{eq: 3}, {eq: 5}]}}".to_owned(), "4"),
        ("{dueDate: {lt: \"2026-05-06\"}}".to_owned(), "4"),
        ("{parent: {id: {eq: \"ENG-1\"}}}".to_owned(), "4"),
        ("{parent: {null: true}, team: {key: {eq: \"ENG\"}}}".to_owned(), "123"),
        ("{children: {some: {title: {eq: \"Four\"}}}}".to_owned(), "1"),
        ("{or: [{title: {eq: \"Three\"}}, {priority: {eq: 1}}]}".to_owned(), "13"),
        ("{and: [{title: {contains: \"apple\"}}, {priority: {eq: 1}}]}".to_owned(), "1"),
    ] {
        let expected: Vec<String> = expected.chars().map(|number| format!("ENG-{number}")).collect();
        assert_eq!(matching(&place, &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn times_are_compared_to_the_millisecond() {
    let place = place().await;
    for order in ["updatedAt", "createdAt"] {
        for (filter, expected) in [
            ("gte: \"2026-01-01T00:00:00.001Z\", lt: \"2026-06-01T00:00:00Z\"", "23"),
            ("gt: \"2026-01-01T00:00:00.001Z\", lt: \"2026-06-01T00:00:00Z\"", "3"),
            ("gte: \"2026-01-01T01:00:00.001+01:00\", lte: \"2026-01-01T00:00:00.001Z\"", "2"),
            ("eq: \"2026-01-02\"", "3"),
            ("lt: \"2026-01-01T00:00:00.001Z\"", "1"),
            ("gt: \"-PT1H\"", "4"),
            ("gt: \"2026-01-03\", lt: \"2026-01-02\"", ""),
        ] {
            let arguments = format!(
                "orderBy: {order}, filter: {{team: {{key: {{eq: \"ENG\"}}}}, updatedAt: {{{filter}}}}}"
            );
            let mut found = place.identifiers(&arguments).await;
            found.sort();
            let expected: Vec<String> = expected.chars().map(|number| format!("ENG-{number}")).collect();
            assert_eq!(found, expected, "{arguments}");
        }
    }
}

#[tokio::test]
async fn issues_are_searched_for() {
    let place = place().await;
    let term = "query($term: String!) { searchIssues(term: $term) { totalCount nodes { identifier metadata __typename } } }";
    let data = place.graphql(term, json!({ "term": "apples" })).await.data();
    let nodes = data["searchIssues"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    assert_eq!(nodes[0]["__typename"], "IssueSearchResult");
    let data = place.graphql(term, json!({ "term": "ENG-4" })).await.data();
    assert_eq!(data["searchIssues"]["nodes"][0]["identifier"], "ENG-4");
    let old =
        "{ issueSearch(query: \"one\", filter: {team: {key: {eq: \"OPS\"}}}) { nodes { identifier } } }";
    assert_eq!(
        place.graphql(old, json!({})).await.data()["issueSearch"]["nodes"],
        json!([{ "identifier": "OPS-1" }])
    );
}
