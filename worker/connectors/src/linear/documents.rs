//! The GraphQL documents. A test checks them against the published schema.
//!
//! Fields are flat where they can be: the cost of a nested list is multiplied by the page around it, so that no document
//! nests one list in another.

/// What is read of an issue.
macro_rules! issue {
    () => {
        "{ id identifier title description priority estimate dueDate url labelIds trashed \
         createdAt updatedAt archivedAt startedAt completedAt canceledAt \
         state { id name type } team { id key } assignee { id displayName } creator { displayName } \
         parent { id identifier } project { id name } }"
    };
}

/// What one issue of a list costs in complexity: an object is a point, a property a tenth, and what is said of the page
/// counts for each of its entries.
pub(super) const ISSUE_COST: f64 = 11.0;

/// What other entries of lists cost, likewise.
pub(super) const LABEL_COST: f64 = 5.0;
pub(super) const PERSON_COST: f64 = 3.0;
pub(super) const TEAM_COST: f64 = 3.0;
pub(super) const STATE_COST: f64 = 1.5;

/// What a document costs beside its issues.
pub(super) const REST_COST: f64 = 5.0;

/// A page of issues, and whether the team is shown at all: no issues of a team that is not shown are no empty team.
pub(super) const ISSUES: &str = concat!(
    "query Issues($team: TeamFilter!, $filter: IssueFilter!, $first: Int!, $after: String, $archived: Boolean!, \
     $order: PaginationOrderBy!) { \
     teams(first: 1, filter: $team) { nodes { id key } } \
     issues(filter: $filter, first: $first, after: $after, includeArchived: $archived, orderBy: $order) { \
     nodes ",
    issue!(),
    " pageInfo { hasNextPage endCursor } } }"
);

/// Issues by their ids, in whichever team they are, archived ones too.
pub(super) const FETCH: &str = concat!(
    "query Fetch($filter: IssueFilter!, $first: Int!) { \
     issues(filter: $filter, first: $first, includeArchived: true) { nodes ",
    issue!(),
    " pageInfo { hasNextPage endCursor } } }"
);

/// Whether the team is shown, and whom the secret belongs to.
pub(super) const READER: &str =
    "query Reader($team: TeamFilter!) { viewer { id } teams(first: 1, filter: $team) { nodes { id key } } }";

/// Whom the secret belongs to.
pub(super) const VIEWER: &str =
    "query Viewer { viewer { id name displayName email admin } organization { id name urlKey } }";

/// The teams that the account sees.
pub(super) const TEAMS: &str = "query Teams($first: Int!, $after: String) { \
     teams(first: $first, after: $after) { nodes { id key name } pageInfo { hasNextPage endCursor } } }";

/// What the values of a team's issues are called: its settings, and its workflow.
pub(super) const TEAM: &str = "query Team($team: TeamFilter!, $first: Int!) { \
     teams(first: 1, filter: $team) { nodes { id key name issueEstimationType issueEstimationAllowZero \
     issueEstimationExtended } } \
     workflowStates(first: $first, filter: { team: $team }) { nodes { id name type position } } }";

/// A page of labels.
pub(super) const LABELS: &str = "query Labels($filter: IssueLabelFilter!, $first: Int!, $after: String) { \
     issueLabels(first: $first, after: $after, filter: $filter) { \
     nodes { id name isGroup parent { id name } team { id } } pageInfo { hasNextPage endCursor } } }";

/// A page of people.
pub(super) const PEOPLE: &str = "query People($first: Int!, $after: String) { \
     users(first: $first, after: $after) { \
     nodes { id name displayName email active app } pageInfo { hasNextPage endCursor } } }";

/// Projects by a filter.
pub(super) const PROJECTS: &str = "query Projects($filter: ProjectFilter!) { \
     projects(first: 2, filter: $filter) { nodes { id name } } }";

/// Creates issues, all of them or none.
pub(super) const CREATE: &str = concat!(
    "mutation Create($input: IssueBatchCreateInput!) { issueBatchCreate(input: $input) { success issues ",
    issue!(),
    " } }"
);

/// One mutation of a document that has several. Linear carries them out in order, and each may fail alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    Update,
    Archive,
    Trash,
    Label,
}

/// A document of these mutations. The part with number N is answered as `mN`, and takes the variables `idN` and `inputN`
/// as far as it needs them.
pub(super) fn mutation(steps: &[Step]) -> String {
    let mut variables = Vec::new();
    let mut parts = String::new();
    for (n, step) in steps.iter().enumerate() {
        let mut takes = |name: &str, kind: &str| variables.push(format!("${name}{n}: {kind}!"));
        let part = match step {
            Step::Create => {
                takes("input", "IssueCreateInput");
                format!("issueCreate(input: $input{n}) {{ success issue {} }}", issue!())
            }
            Step::Update => {
                takes("id", "String");
                takes("input", "IssueUpdateInput");
                format!("issueUpdate(id: $id{n}, input: $input{n}) {{ success issue {} }}", issue!())
            }
            Step::Archive => {
                takes("id", "String");
                format!("issueArchive(id: $id{n}) {{ success entity {} }}", issue!())
            }
            Step::Trash => {
                takes("id", "String");
                format!("issueDelete(id: $id{n}) {{ success entity {} }}", issue!())
            }
            Step::Label => {
                takes("input", "IssueLabelCreateInput");
                format!("issueLabelCreate(input: $input{n}) {{ success issueLabel {{ id name isGroup }} }}")
            }
        };
        parts += &format!(" m{n}: {part}");
    }
    format!("mutation Write({}) {{{parts} }}", variables.join(", "))
}

#[cfg(test)]
mod tests;
