//! GraphQL over HTTP: documents, variables, and requests that are refused before they are executed.

use serde_json::{Value, json};

use crate::common::{Place, got};

#[tokio::test]
async fn documents_have_fragments_aliases_and_directives() {
    let place = Place::new().await;
    place.create(json!({ "title": "A" })).await;
    let query = r"
        # A comment
        query One($id: String!, $with: Boolean! = false) {
            first: issue(id: $id) { ...Parts ... on Issue { title } state @skip(if: $with) { name } priority @include(if: $with) }
            again: issue(id: $id) { title, number title }
            __typename
        }
        fragment Parts on Issue { __typename id ... on Node { id } team { ...OfTeam } }
        fragment OfTeam on Team { key __typename }
    ";
    let got = place.graphql(query, json!({ "id": "ENG-1" })).await;
    let text = got.text.clone();
    let data = got.data();
    assert_eq!(data["first"]["__typename"], "Issue");
    assert_eq!(data["first"]["team"], json!({ "key": "ENG", "__typename": "Team" }));
    assert_eq!((&data["first"]["state"]["name"], data["first"].get("priority")), (&json!("Todo"), None));
    assert_eq!(data["again"], json!({ "title": "A", "number": 1 }));
    assert_eq!(data["__typename"], "Query");
    assert!(
        text.find("\"__typename\"").unwrap() < text.find("\"title\"").unwrap(),
        "fields come in their order: {text}"
    );
}

#[tokio::test]
async fn operations_are_chosen_by_name() {
    let place = Place::new().await;
    let query = "query A { viewer { displayName } } query B { organization { urlKey } }";
    let body = json!({ "query": query, "operationName": "B" });
    assert_eq!(place.raw(&body).await.data(), json!({ "organization": { "urlKey": "acme" } }));
    let unnamed = place.graphql(query, json!({})).await.expect(400);
    assert!(unnamed.message().starts_with("Must provide operation name"));
    let body = json!({ "query": query, "operationName": "C" });
    assert_eq!(place.raw(&body).await.expect(400).message(), "Unknown operation named \"C\".");
}

/// Each document, and its error.
const WRONG: [(&str, &str, &str); 22] = [
    ("{ viewer { id }", "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
    ("{ viewer(id: \"a) { id } }", "GRAPHQL_PARSE_FAILED", "Syntax Error: Unterminated string."),
    ("", "GRAPHQL_PARSE_FAILED", "Syntax Error: Unexpected <EOF>."),
    ("{ nobody { id } }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field \"nobody\" on type \"Query\"."),
    ("{ viewer { login } }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field \"login\" on type \"User\"."),
    (
        "{ viewer }",
        "GRAPHQL_VALIDATION_FAILED",
        "Field \"viewer\" of type \"User!\" must have a selection of subfields. Did you mean \"viewer { ... }\"?",
    ),
    (
        "{ viewer { id { x } } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Field \"id\" must not have a selection since type \"ID!\" has no subfields.",
    ),
    (
        "{ issue { id } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Field \"issue\" argument \"id\" of type \"String!\" is required, but it was not provided.",
    ),
    (
        "{ issue(key: 1, id: \"A\") { id } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Unknown argument \"key\" on field \"Query.issue\".",
    ),
    ("{ issue(id: 5) { id } }", "GRAPHQL_VALIDATION_FAILED", "String cannot represent a non string value: 5"),
    (
        "{ issues(first: \"5\") { nodes { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Int cannot represent non-integer value: \"5\"",
    ),
    (
        "{ issues(orderBy: title) { nodes { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Value \"title\" does not exist in \"PaginationOrderBy\" enum.",
    ),
    (
        "{ issues(orderBy: \"updatedAt\") { nodes { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Enum \"PaginationOrderBy\" cannot represent non-enum value: \"updatedAt\".",
    ),
    (
        "{ issues(filter: {nam: {eq: \"A\"}}) { nodes { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Field \"nam\" is not defined by type \"IssueFilter\".",
    ),
    (
        "{ issues(filter: {updatedAt: {gte: \"soon\"}}) { nodes { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
        "DateTimeOrDuration cannot represent value: \"soon\"",
    ),
    (
        "mutation { issueCreate(input: {title: \"A\"}) { success } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Field \"IssueCreateInput.teamId\" of required type \"String!\" was not provided.",
    ),
    ("{ viewer { ...Gone } }", "GRAPHQL_VALIDATION_FAILED", "Unknown fragment \"Gone\"."),
    (
        "{ viewer { id } } fragment F on User { id }",
        "GRAPHQL_VALIDATION_FAILED",
        "Fragment \"F\" is never used.",
    ),
    (
        "{ viewer { ...F } } fragment F on User { ...F }",
        "GRAPHQL_VALIDATION_FAILED",
        "Cannot spread fragment \"F\" within itself.",
    ),
    (
        "{ viewer { ... on Issue { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Fragment cannot be spread here as objects of type \"User\" can never be of type \"Issue\".",
    ),
    (
        "{ viewer { a: id a: name } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Fields \"a\" conflict because \"id\" and \"name\" are different fields. Use different aliases on the fields to fetch both if this was intentional.",
    ),
    (
        "subscription { viewer { id } }",
        "GRAPHQL_VALIDATION_FAILED",
        "Schema is not configured to execute subscription operation.",
    ),
];

#[tokio::test]
async fn documents_that_do_not_fit_are_refused() {
    let place = Place::new().await;
    for (query, code, message) in WRONG {
        let got = place.graphql(query, json!({})).await.expect(400);
        assert_eq!((got.code(), got.message()), (code, message), "{query}");
        assert_eq!(got.error()["extensions"]["type"], "graphql error");
        assert!(got.body.get("data").is_none(), "nothing was carried out: {}", got.text);
    }
    let deep = format!("{}viewer{{id}}{}", "{a".repeat(5_000), "}".repeat(5_000));
    place.graphql(&deep, json!({})).await.expect(400);
    let two = place.graphql("{ viewer { a } organization { b } }", json!({})).await.expect(400);
    assert_eq!(two.body["errors"].as_array().unwrap().len(), 2);
    assert_eq!(two.body["errors"][1]["locations"], json!([{ "line": 1, "column": 31 }]));
}

#[tokio::test]
async fn variables_that_do_not_fit_are_refused() {
    let place = Place::new().await;
    let issue = "query Q($id: String!) { issue(id: $id) { id } }";
    let create = "mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success } }";
    for (query, variables, message) in [
        (issue, json!({}), "Variable \"$id\" of required type \"String!\" was not provided."),
        (
            issue,
            json!({ "id": null }),
            "Variable \"$id\" got invalid value null; Expected non-nullable type \"String!\" not to be null.",
        ),
        (
            create,
            json!({ "input": { "title": "A" } }),
            "Variable \"$input\" got invalid value {\"title\":\"A\"}; Field \"IssueCreateInput.teamId\" of required type \"String!\" was not provided.",
        ),
        (
            create,
            json!({ "input": { "teamId": "T", "priority": "high" } }),
            "Variable \"$input\" got invalid value {\"priority\":\"high\",\"teamId\":\"T\"} at \"input.priority\"; Int cannot represent non-integer value: \"high\".",
        ),
        (
            create,
            json!({ "input": { "teamId": "T", "labels": [] } }),
            "Variable \"$input\" got invalid value {\"labels\":[],\"teamId\":\"T\"}; Field \"labels\" is not defined by type \"IssueCreateInput\".",
        ),
    ] {
        let got = place.graphql(query, variables).await.expect(400);
        assert_eq!((got.code(), got.message()), ("BAD_USER_INPUT", message));
    }
    for (query, message) in [
        (
            "query Q($id: String) { issue(id: $id) { id } }",
            "Variable \"$id\" of type \"String\" used in position expecting type \"String!\".",
        ),
        (
            "query Q($id: ID!) { issue(id: $id) { id } }",
            "Variable \"$id\" of type \"ID!\" used in position expecting type \"String!\".",
        ),
        ("query Q($id: String!) { viewer { id } }", "Variable \"$id\" is never used in operation \"Q\"."),
        ("query Q { issue(id: $id) { id } }", "Variable \"$id\" is not defined."),
        ("query Q($a: Thing) { issue(id: $a) { id } }", "Unknown type \"Thing\"."),
    ] {
        let got = place.graphql(query, json!({ "id": "ENG-1" })).await.expect(400);
        let messages: Vec<&Value> =
            got.body["errors"].as_array().unwrap().iter().map(|error| &error["message"]).collect();
        assert!(messages.contains(&&json!(message)), "{query}: {messages:?}");
        assert_eq!(got.body["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    }
}

#[tokio::test]
async fn requests_that_are_no_graphql_are_refused() {
    let place = Place::new().await;
    let url = format!("{}/graphql", place.running.linear());
    let key = place.credentials.clone();
    let post = |body: &'static str, media: &'static str| {
        got(place.client.post(&url).header("authorization", &key).header("content-type", media).body(body))
    };
    for (body, media) in [
        ("query", "application/json"),
        ("[]", "application/json"),
        ("{}", "application/json"),
        (r#"{"query": "{ viewer { id } }"}"#, "text/plain"),
        (r#"{"query": "{ viewer { id } }", "variables": 5}"#, "application/json"),
    ] {
        let got = post(body, media).await.expect(400);
        assert_eq!(got.code(), "BAD_REQUEST", "{body}");
    }
    let got_page = got(place.client.get(&url).header("authorization", &key)).await.expect(405);
    assert_eq!(got_page.header("allow"), "POST");
    got(place.client.post(format!("{}/rest", place.running.linear()))).await.expect(404);
}

#[tokio::test]
async fn a_missing_record_nulls_the_data() {
    let place = Place::new().await;
    for (query, entity) in [
        ("{ issue(id: \"ENG-99\") { id } }", "Issue"),
        ("{ team(id: \"NONE\") { id } }", "Team"),
        ("{ user(id: \"0c2f7d1e-5a6b-4c3d-8e9f-0a1b2c3d4e5f\") { id } }", "User"),
        ("{ issueLabel(id: \"x\") { id } }", "IssueLabel"),
        ("{ workflowState(id: \"x\") { id } }", "WorkflowState"),
        ("{ project(id: \"x\") { id } }", "Project"),
        ("{ attachment(id: \"x\") { id } }", "Attachment"),
    ] {
        let got = place.graphql(query, json!({})).await.expect(200);
        assert_eq!(got.message(), format!("Entity not found: {entity}"));
        assert_eq!(
            (got.code(), got.told()),
            ("INPUT_ERROR", format!("Could not find referenced {entity}.").as_str())
        );
        assert_eq!(got.error()["extensions"]["statusCode"], 400);
        assert_eq!(got.error()["locations"][0], json!({ "line": 1, "column": 3 }));
        assert_eq!(got.body["data"], Value::Null);
    }
    let both = place
        .graphql("{ viewer { id } issueVcsBranchSearch(branchName: \"eng-9-x\") { id } }", json!({}))
        .await;
    assert_eq!(
        both.data()["issueVcsBranchSearch"],
        Value::Null,
        "a field that may be null takes nothing with it"
    );
    place.switch(json!({ "error_status": 400 }));
    place.graphql("{ issue(id: \"ENG-99\") { id } }", json!({})).await.expect(400);
}
