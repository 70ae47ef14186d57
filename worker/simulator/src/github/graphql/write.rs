//! The mutations that REST lacks.

use serde_json::Value;

use super::{
    super::{access::Access, change::By, state::State, visit::Visit},
    Failure, Field,
    read::{Node, Out, by_id},
};

/// Executes a mutation and returns its payload.
pub(super) fn mutate(state: &mut State, visit: &Visit<'_>, field: &Field) -> Result<Node, Failure> {
    let input = field.args.get("input").cloned().unwrap_or_default();
    let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    let by = By { account: visit.viewer.account, now: visit.now, at: None };
    let client = ("clientMutationId", Out::Leaf(input["clientMutationId"].clone()));
    match field.name.as_str() {
        "deleteIssue" => {
            let (repo, number, access) = issue(state, visit, &text("issueId"))?;
            if !access.is_admin() {
                return Err(forbidden(visit, "DeleteIssue"));
            }
            state.delete_issue(repo, number, by);
            Ok(Node::Payload("DeleteIssuePayload", vec![("repository", Out::One(Node::Repo(repo))), client]))
        }
        "transferIssue" => {
            let (repo, number, access) = issue(state, visit, &text("issueId"))?;
            let target = text("repositoryId");
            let Node::Repo(to) = by_id(state, visit, &target)? else { return Err(Failure::no_node(&target)) };
            let there = state.repos.get(&to).and_then(|repo| visit.viewer.access(repo));
            if !access.may_push() || !there.is_some_and(Access::may_push) {
                return Err(forbidden(visit, "TransferIssue"));
            }
            let make = input["createLabelsIfMissing"] == Value::Bool(true);
            let new = state.transfer((repo, number), to, make, by).map_err(|why| {
                Failure::new("UNPROCESSABLE", format!("The issue could not be transferred: {why}"))
            })?;
            Ok(Node::Payload("TransferIssuePayload", vec![("issue", Out::One(Node::Issue(to, new))), client]))
        }
        name => {
            let message = format!("Field '{name}' doesn't exist on type 'Mutation'");
            Err(Failure::new("undefinedField", message))
        }
    }
}

fn issue(state: &State, visit: &Visit<'_>, id: &str) -> Result<(u64, u64, Access), Failure> {
    let Node::Issue(repo, number) = by_id(state, visit, id)? else { return Err(Failure::no_node(id)) };
    let access = state.repos.get(&repo).and_then(|repo| visit.viewer.access(repo));
    Ok((repo, number, access.ok_or_else(|| Failure::no_node(id))?))
}

fn forbidden(visit: &Visit<'_>, mutation: &str) -> Failure {
    let viewer = visit.viewer.account.unwrap_or(0);
    Failure::new(
        "FORBIDDEN",
        format!("{viewer} does not have the correct permissions to execute `{mutation}`"),
    )
}
