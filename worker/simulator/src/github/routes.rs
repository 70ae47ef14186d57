//! Every route of the API on one page.

use super::{
    error::Answer,
    fields, graphql, hooks, issues, labels,
    limits::{Cost, Resource},
    list, milestones, repos, search,
    state::State,
    sub_issues, users,
    visit::Visit,
};
use crate::http::Call;

/// A route and its cost.
pub(crate) struct Route {
    method: &'static str,
    /// `{}` stands for one segment of the path.
    pattern: &'static str,
    pub(crate) run: fn(&mut State, &Visit<'_>) -> Answer,
    /// The end of the documentation's URL.
    docs: &'static str,
    /// True if it creates content, which has separate limits.
    creates: bool,
}

const fn route(
    method: &'static str,
    pattern: &'static str,
    run: fn(&mut State, &Visit<'_>) -> Answer,
    docs: &'static str,
) -> Route {
    Route { method, pattern, run, docs, creates: false }
}

const fn creating(
    method: &'static str,
    pattern: &'static str,
    run: fn(&mut State, &Visit<'_>) -> Answer,
    docs: &'static str,
) -> Route {
    Route { method, pattern, run, docs, creates: true }
}

const ISSUE: &str = "/repos/{}/{}/issues/{}";
const ISSUES: &str = "/repos/{}/{}/issues";
const ISSUE_LABELS: &str = "/repos/{}/{}/issues/{}/labels";
const ASSIGNED: &str = "/repos/{}/{}/issues/{}/assignees";
const VALUES: &str = "/repos/{}/{}/issues/{}/issue-field-values";
const SUB_ISSUES: &str = "/repos/{}/{}/issues/{}/sub_issues";
const LABELS: &str = "/repos/{}/{}/labels";
const LABEL: &str = "/repos/{}/{}/labels/{}";
const MILESTONES: &str = "/repos/{}/{}/milestones";
const MILESTONE: &str = "/repos/{}/{}/milestones/{}";
const HOOKS: &str = "/repos/{}/{}/hooks";

const ROUTES: [Route; 48] = [
    route("GET", "/user", users::own, "users/users#get-the-authenticated-user"),
    route(
        "GET",
        "/rate_limit",
        users::rate_limit,
        "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user",
    ),
    route("GET", "/user/repos", repos::own, "repos/repos#list-repositories-for-the-authenticated-user"),
    route("GET", "/user/{}", users::by_id, "users/users#get-a-user-using-their-id"),
    route("GET", "/users/{}", users::by_login, "users/users#get-a-user"),
    route("GET", "/orgs/{}/repos", repos::of_organization, "repos/repos#list-organization-repositories"),
    route(
        "GET",
        "/orgs/{}/issue-types",
        fields::types,
        "orgs/issue-types#list-issue-types-for-an-organization",
    ),
    route(
        "GET",
        "/orgs/{}/issue-fields",
        fields::fields,
        "orgs/issue-fields#list-issue-fields-for-an-organization",
    ),
    route("GET", "/search/issues", search::issues, "search/search#search-issues-and-pull-requests"),
    route("POST", "/graphql", graphql::run, "graphql"),
    route("GET", "/repos/{}/{}", repos::get, "repos/repos#get-a-repository"),
    route("GET", "/repos/{}/{}/issue-types", fields::types_of_repo, "repos/repos#list-issue-types"),
    route("GET", "/repos/{}/{}/assignees", users::assignees, "issues/assignees#list-assignees"),
    route(
        "GET",
        "/repos/{}/{}/assignees/{}",
        users::assignee,
        "issues/assignees#check-if-a-user-can-be-assigned",
    ),
    route("GET", ISSUES, list::issues, "issues/issues#list-repository-issues"),
    creating("POST", ISSUES, issues::create, "issues/issues#create-an-issue"),
    route("GET", ISSUE, issues::get, "issues/issues#get-an-issue"),
    route("PATCH", ISSUE, issues::update, "issues/issues#update-an-issue"),
    route("POST", ASSIGNED, issues::add_assignees, "issues/assignees#add-assignees-to-an-issue"),
    route("DELETE", ASSIGNED, issues::remove_assignees, "issues/assignees#remove-assignees-from-an-issue"),
    route("GET", ISSUE_LABELS, labels::of_issue, "issues/labels#list-labels-for-an-issue"),
    route("POST", ISSUE_LABELS, labels::add, "issues/labels#add-labels-to-an-issue"),
    route("PUT", ISSUE_LABELS, labels::replace, "issues/labels#set-labels-for-an-issue"),
    route("DELETE", ISSUE_LABELS, labels::clear, "issues/labels#remove-all-labels-from-an-issue"),
    route(
        "DELETE",
        "/repos/{}/{}/issues/{}/labels/{}",
        labels::take,
        "issues/labels#remove-a-label-from-an-issue",
    ),
    route("GET", VALUES, fields::values, "issues/issue-field-values#list-issue-field-values-for-an-issue"),
    creating(
        "POST",
        VALUES,
        fields::add_values,
        "issues/issue-field-values#add-issue-field-values-to-an-issue",
    ),
    creating(
        "PUT",
        VALUES,
        fields::set_values,
        "issues/issue-field-values#set-issue-field-values-for-an-issue",
    ),
    creating(
        "DELETE",
        "/repos/{}/{}/issues/{}/issue-field-values/{}",
        fields::remove_value,
        "issues/issue-field-values#delete-an-issue-field-value-from-an-issue",
    ),
    route("GET", SUB_ISSUES, sub_issues::list, "issues/sub-issues#list-sub-issues"),
    creating("POST", SUB_ISSUES, sub_issues::add, "issues/sub-issues#add-sub-issue"),
    route(
        "DELETE",
        "/repos/{}/{}/issues/{}/sub_issue",
        sub_issues::remove,
        "issues/sub-issues#remove-sub-issue",
    ),
    route("GET", "/repos/{}/{}/issues/{}/parent", sub_issues::parent, "issues/sub-issues#get-parent-issue"),
    route("GET", LABELS, labels::list, "issues/labels#list-labels-for-a-repository"),
    route("POST", LABELS, labels::create, "issues/labels#create-a-label"),
    route("GET", LABEL, labels::get, "issues/labels#get-a-label"),
    route("PATCH", LABEL, labels::update, "issues/labels#update-a-label"),
    route("DELETE", LABEL, labels::delete, "issues/labels#delete-a-label"),
    route("GET", MILESTONES, milestones::list, "issues/milestones#list-milestones"),
    route("POST", MILESTONES, milestones::create, "issues/milestones#create-a-milestone"),
    route("GET", MILESTONE, milestones::get, "issues/milestones#get-a-milestone"),
    route("PATCH", MILESTONE, milestones::update, "issues/milestones#update-a-milestone"),
    route("DELETE", MILESTONE, milestones::delete, "issues/milestones#delete-a-milestone"),
    route("GET", HOOKS, hooks::list, "repos/webhooks#list-repository-webhooks"),
    route("POST", HOOKS, hooks::create, "repos/webhooks#create-a-repository-webhook"),
    route("DELETE", "/repos/{}/{}/hooks/{}", hooks::delete, "repos/webhooks#delete-a-repository-webhook"),
    route("GET", "/", users::root, "about-the-rest-api"),
    route("GET", "/zen", users::zen, "meta/meta#get-the-zen-of-github"),
];

/// Returns the route of a request with the variable segments of the path, and the path below the repository.
pub(crate) fn find(call: &Call) -> Option<(&'static Route, Vec<String>, String)> {
    let mut parts = call.parts();
    // Addressed by a repository's id; then the owner is empty, which no owner's name is.
    if parts.first() == Some(&"repositories") {
        parts.splice(..1, ["repos", ""]);
    }
    ROUTES.iter().find_map(|route| {
        let args = route.args(&call.method, &parts)?;
        let rest = parts.get(3..).filter(|_| parts.first() == Some(&"repos")).unwrap_or_default();
        let rest = rest.iter().map(|part| {
            format!("/{}", percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC))
        });
        Some((route, args, rest.collect()))
    })
}

impl Route {
    /// Returns the variable parts of a path, if it is of this route.
    fn args(&self, method: &str, parts: &[&str]) -> Option<Vec<String>> {
        if self.method != method {
            return None;
        }
        let pattern = self.pattern.strip_prefix('/').unwrap_or(self.pattern);
        let wanted: Vec<&str> = if pattern.is_empty() { Vec::new() } else { pattern.split('/').collect() };
        if wanted.len() != parts.len() {
            return None;
        }
        let mut args = Vec::new();
        for (at, (wanted, part)) in wanted.iter().zip(parts).enumerate() {
            let owner_of_id = at == 1 && wanted == &"{}" && parts[0] == "repos";
            match *wanted {
                "{}" if !part.is_empty() || owner_of_id => args.push((*part).to_owned()),
                wanted if wanted == *part => {}
                _ => return None,
            }
        }
        Some(args)
    }

    pub(crate) fn docs(&self) -> String {
        format!("https://docs.github.com/rest/{}", self.docs)
    }

    pub(crate) fn cost(&self) -> Cost {
        Cost {
            resource: match self.pattern {
                "/search/issues" => Resource::Search,
                "/graphql" => Resource::GraphQl,
                _ => Resource::Core,
            },
            endpoint: self.pattern,
            writes: !matches!(self.method, "GET" | "HEAD"),
            creates: self.creates,
            counts: self.pattern != "/rate_limit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Option<(&'static str, Vec<String>, String)> {
        let call = Call::new(method, path, "", String::new());
        find(&call).map(|(route, args, rest)| (route.pattern, args, rest))
    }

    #[test]
    fn repositories_are_found_by_name_and_by_id() {
        let (pattern, args, rest) = found("PATCH", "/repos/acme/web/issues/7").unwrap();
        assert_eq!((pattern, rest.as_str()), (ISSUE, "/issues/7"));
        assert_eq!(args, ["acme", "web", "7"]);
        let (_, args, rest) = found("GET", "/repositories/12/issues").unwrap();
        assert_eq!(
            (args.as_slice(), rest.as_str()),
            (["".to_owned(), "12".to_owned()].as_slice(), "/issues")
        );
    }

    #[test]
    fn other_methods_and_slashes_at_the_end_are_not_found() {
        assert!(found("DELETE", "/repos/acme/web/issues/7").is_none());
        assert!(found("GET", "/repos/acme/web/issues/").is_none());
        assert!(found("GET", "/user/").is_none());
        assert!(found("GET", "/repos//web/issues").is_some_and(|(_, args, _)| args[0].is_empty()));
    }
}
