//! Recorded exchanges against Linear's published schema.
//!
//! SYNCLINE_CONTRACTS names a folder with a program `check-openapi` that reads recorded exchanges as JSON lines.
//! Without it the test reports that and passes.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use syncline_simulator::{Limits, Settings};

use crate::common::Place;

#[tokio::test]
async fn responses_fit_the_schema() {
    let Some(contracts) = std::env::var_os("SYNCLINE_CONTRACTS") else {
        println!("NOT CHECKED: SYNCLINE_CONTRACTS names no folder with a contract checker");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exchanges.jsonl");
    let settings = Settings { limits: Limits::Real, log: Some(file.clone()), ..Settings::default() };
    let place = Place::with(settings).await;
    place.switch(json!({ "max_complexity": 100_000 }));
    reads(&place).await;
    writes(&place).await;
    refusals(&place).await;
    let checked = Command::new(Path::new(&contracts).join("check-openapi"))
        .args(["--quiet", "--only", "linear"])
        .arg(&file)
        .output()
        .expect("the checker starts");
    let (told, errors) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    println!("{told}{errors}");
    assert!(checked.status.success(), "an exchange does not fit the schema:\n{told}{errors}");
    assert!(told.lines().any(|line| line.contains("linear")), "nothing was checked:\n{told}{errors}");
}

const ISSUE: &str = "id archivedAt assignee { ...U } autoArchivedAt autoClosedAt boardOrder botActor { avatarUrl id name subType type userDisplayName } \
    branchName canceledAt completedAt createdAt creator { ...U } customerTicketCount delegate { ...U } description dueDate estimate identifier \
    labelIds labels { nodes { ...L } pageInfo { ...P } } number parent { id } previousIdentifiers priority priorityLabel prioritySortOrder \
    project { ...J } reactionData slaBreachesAt slaStartedAt snoozedUntilAt sortOrder startedAt startedTriageAt state { ...S } subIssueSortOrder \
    subscribers { nodes { id } } team { id } title trashed triagedAt updatedAt url attachments { nodes { ...A } } children(first: 2) { nodes { id } }";

const PARTS: &str = "fragment U on User { id active admin app archivedAt avatarBackgroundColor avatarUrl createdAt description disableReason displayName \
    email guest initials isAssignable isMe isMentionable lastSeen name owner timezone title updatedAt url }
    fragment L on IssueLabel { id archivedAt color createdAt creator { id } description inheritedFrom { id } isGroup name parent { id } retiredAt team { id } updatedAt }
    fragment P on PageInfo { endCursor hasNextPage hasPreviousPage startCursor }
    fragment J on Project { id archivedAt color createdAt creator { id } description icon name slugId state trashed updatedAt url teams { nodes { id } } }
    fragment S on WorkflowState { id archivedAt color createdAt description inheritedFrom { id } name position team { id } type updatedAt }
    fragment A on Attachment { id archivedAt createdAt creator { id } groupBySource issue { id } metadata source sourceType subtitle title updatedAt url }";

async fn reads(place: &Place) {
    place.control("POST", "/linear/projects", json!({ "name": "Launch", "teams": ["ENG"] }));
    place.control("POST", "/linear/labels", json!({ "name": "Area", "group": true }));
    place.control("POST", "/linear/labels", json!({ "name": "Front", "parent": "Area" }));
    place.control("POST", "/linear/teams/ENG/seed", json!({ "items": 5 }));
    place.person_creates(json!({ "title": "Full", "assignee": "emil", "labels": ["bug"], "project": "Launch", "parent": "ENG-1", "estimate": 3, "due_date": "2026-12-24", "as_user": "X" }));
    place.control(
        "POST",
        "/linear/issues/ENG-6/attachments",
        json!({ "url": "https://a.example", "title": "T", "subtitle": "S" }),
    );
    let issues = format!(
        "query All($after: String) {{ issues(first: 3, after: $after, orderBy: updatedAt, includeArchived: true) {{ nodes {{ {ISSUE} }} edges {{ cursor node {{ id }} }} pageInfo {{ ...P }} }} }} {PARTS}"
    );
    place.graphql(&issues, json!({})).await.data();
    let one = format!(
        "query One($id: String!) {{ issue(id: $id) {{ {ISSUE} }} viewer {{ ...U }} project: projects {{ nodes {{ ...J }} }} searchIssues(term: \"full\") {{ totalCount nodes {{ id title metadata labels {{ nodes {{ ...L }} pageInfo {{ ...P }} }} state {{ ...S }} attachments {{ nodes {{ ...A }} }} }} }} }} {PARTS}"
    );
    place.graphql(&one, json!({ "id": "ENG-6" })).await.data();
    for query in [
        "{ organization { id archivedAt createdAt updatedAt createdIssueCount logoUrl name previousUrlKeys urlKey userCount } issuePriorityValues { label priority } rateLimitStatus { identifier kind limits { allowedAmount period remainingAmount requestedAmount reset type } } }",
        "{ teams { nodes { id archivedAt autoArchivePeriod autoClosePeriod color createdAt cyclesEnabled defaultIssueEstimate defaultIssueState { id } description displayName icon inheritIssueEstimation inheritWorkflowStatuses issueCount issueEstimationAllowZero issueEstimationExtended issueEstimationType key markedAsDuplicateWorkflowState { id } name private requirePriorityToLeaveTriage timezone triageEnabled triageIssueState { id } updatedAt states { nodes { id name } } members { nodes { id } } } pageInfo { hasNextPage } } }",
        "{ workflowStates(filter: {team: {key: {eq: \"ENG\"}}, type: {in: [\"started\"]}}) { nodes { id } } users(includeDisabled: true) { nodes { id email } } issueLabels(filter: {isGroup: {eq: true}}) { nodes { id children { nodes { id } } } } }",
        "{ issues(filter: {and: [{team: {key: {eq: \"ENG\"}}}, {or: [{assignee: {null: true}}, {labels: {some: {name: {eq: \"bug\"}}}}]}], updatedAt: {gte: \"-P1D\"}}, sort: [{updatedAt: {order: Ascending}}]) { nodes { id } } }",
        "{ attachmentsForURL(url: \"https://a.example\") { nodes { id issue { identifier } } } issueVcsBranchSearch(branchName: \"ada/eng-1-x\") { id } }",
    ] {
        place.graphql(query, json!({})).await.data();
    }
}

async fn writes(place: &Place) {
    let (label, done) = (place.label("bug"), place.state("ENG", "Done"));
    let made = place.create(json!({ "title": "A", "description": "Text", "priority": 1, "labelIds": [label], "dueDate": "2026-12-24", "createdAt": "2026-01-01T00:00:00Z" })).await;
    let id = made["id"].as_str().unwrap();
    place.update(id, json!({ "stateId": done, "addedLabelIds": [label], "removedLabelIds": [], "assigneeId": null, "dueDate": null, "trashed": false })).await.data();
    let team = place.team.clone();
    let batch = json!({ "input": { "issues": [{ "teamId": team, "title": "B1" }, { "teamId": team, "title": "B2" }] } });
    place.graphql("mutation($input: IssueBatchCreateInput!) { issueBatchCreate(input: $input) { success lastSyncId issues { id } } }", batch).await.data();
    let ids = json!({ "ids": [id], "input": { "priority": 2 } });
    place.graphql("mutation($ids: [UUID!]!, $input: IssueUpdateInput!) { issueBatchUpdate(ids: $ids, input: $input) { success lastSyncId issues { id } } }", ids).await.data();
    let several = "mutation($id: String!, $label: String!) { a: issueArchive(id: $id) { success lastSyncId entity { id archivedAt } } b: issueUnarchive(id: $id) { success entity { id } } \
                   c: issueAddLabel(id: $id, labelId: $label) { success issue { id } } d: issueRemoveLabel(id: $id, labelId: $label) { success } \
                   e: attachmentLinkURL(issueId: $id, url: \"https://b.example\") { success attachment { id } } \
                   f: attachmentCreate(input: {issueId: $id, url: \"https://c.example\", title: \"T\", metadata: {a: 1}}) { success lastSyncId attachment { id } } \
                   g: issueLabelCreate(input: {name: \"made\"}) { success issueLabel { id } } h: issueDelete(id: $id, permanentlyDelete: true) { success entity { id } } }";
    place.graphql(several, json!({ "id": id, "label": label })).await.data();
    let made = place.label("made");
    let query = "mutation($id: String!) { issueLabelUpdate(id: $id, input: {color: \"#ffffff\"}) { issueLabel { color } } issueLabelDelete(id: $id) { success entityId lastSyncId } }";
    place.graphql(query, json!({ "id": made })).await.data();
}

async fn refusals(place: &Place) {
    place.graphql("{ issue(id: \"ENG-99\") { id } }", json!({})).await.expect(200);
    place.try_create(json!({ "title": "" })).await.expect(200);
    place.graphql("mutation { a: issueArchive(id: \"ENG-1\") { success } b: issueArchive(id: \"ENG-99\") { success } }", json!({})).await.expect(200);
    place.control("PUT", "/linear/budget", json!({ "user": "ada", "resource": "requests", "remaining": 0 }));
    assert_eq!(place.graphql("{ viewer { id } }", Value::Null).await.expect(400).code(), "RATELIMITED");
}
