//! Every route of the API on one page.

use super::{
    changelog, error::Answer, issues, meta, projects, properties, search, site, state::State, transitions,
    users, visit::Visit,
};

/// The scope that a route requires of an OAuth token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Read,
    Write,
    User,
    /// No scope.
    Free,
}

impl Scope {
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Scope::Read => &["read:jira-work"],
            Scope::Write => &["write:jira-work"],
            Scope::User => &["read:jira-user", "read:me"],
            Scope::Free => &[],
        }
    }
}

/// A route.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// The path below `/rest/api/3`; `{}` stands for one segment of it.
    pub(crate) pattern: &'static str,
    pub(crate) run: fn(&mut State, &Visit<'_>) -> Answer,
    pub(crate) scope: Scope,
}

const fn route(
    method: &'static str,
    pattern: &'static str,
    run: fn(&mut State, &Visit<'_>) -> Answer,
    scope: Scope,
) -> Route {
    Route { method, pattern, run, scope }
}

use Scope::{Free, Read, User, Write};

const ROUTES: [Route; 50] = [
    route("GET", "search/jql", search::search, Read),
    route("POST", "search/jql", search::search, Read),
    route("POST", "search/approximate-count", search::count, Read),
    route("GET", "search", search::removed, Read),
    route("POST", "search", search::removed, Read),
    route("POST", "issue", issues::create, Write),
    route("POST", "issue/bulk", issues::create_many, Write),
    route("POST", "issue/bulkfetch", issues::fetch_many, Read),
    route("PUT", "issue/archive", issues::archive, Write),
    route("GET", "issue/createmeta/{}/issuetypes", meta::types, Read),
    route("GET", "issue/createmeta/{}/issuetypes/{}", meta::fields, Read),
    route("GET", "issue/{}", issues::get, Read),
    route("PUT", "issue/{}", issues::update, Write),
    route("DELETE", "issue/{}", issues::delete, Write),
    route("PUT", "issue/{}/assignee", issues::assign, Write),
    route("GET", "issue/{}/editmeta", meta::edit, Read),
    route("GET", "issue/{}/transitions", transitions::list, Read),
    route("POST", "issue/{}/transitions", transitions::make, Write),
    route("GET", "issue/{}/properties", properties::keys, Read),
    route("GET", "issue/{}/properties/{}", properties::get, Read),
    route("PUT", "issue/{}/properties/{}", properties::set, Write),
    route("DELETE", "issue/{}/properties/{}", properties::delete, Write),
    route("GET", "issue/{}/changelog", changelog::of_issue, Read),
    route("POST", "changelog/bulkfetch", changelog::of_many, Read),
    route("GET", "project/search", projects::search, Read),
    route("GET", "project/{}", projects::get, Read),
    route("GET", "project/{}/statuses", projects::statuses, Read),
    route("GET", "mypermissions", projects::permissions, Read),
    route("GET", "myself", users::myself, User),
    route("GET", "user", users::get, User),
    route("GET", "user/search", users::search, User),
    route("GET", "user/assignable/search", users::assignable, User),
    route("GET", "user/bulk", users::bulk, User),
    route("GET", "users/search", users::all, User),
    route("GET", "serverInfo", site::server, Free),
    route("GET", "field", site::fields, Read),
    route("GET", "field/search", site::search_fields, Read),
    route("GET", "field/{}/context", site::contexts, Read),
    route("GET", "field/{}/context/{}/option", site::options, Read),
    route("GET", "priority", site::priorities, Read),
    route("GET", "priority/search", site::search_priorities, Read),
    route("GET", "priority/{}", site::priority, Read),
    route("GET", "resolution", site::resolutions, Read),
    route("GET", "resolution/search", site::search_resolutions, Read),
    route("GET", "status", site::statuses, Read),
    route("GET", "status/{}", site::status, Read),
    route("GET", "statuscategory", site::categories, Read),
    route("GET", "issuetype", site::types, Read),
    route("GET", "issuetype/project", site::types_of_project, Read),
    route("GET", "label", site::labels, Read),
];

/// Returns the route of a path below the version, with its variable segments; the error is true if another method has a
/// route.
pub(crate) fn find(method: &str, parts: &[&str]) -> Result<(&'static Route, Vec<String>), bool> {
    let mut other = false;
    for route in &ROUTES {
        if let Some(args) = args(route.pattern, parts) {
            if route.method == method {
                return Ok((route, args));
            }
            other = true;
        }
    }
    Err(other)
}

/// Returns the variable parts of a path, if it is of this pattern.
fn args(pattern: &str, parts: &[&str]) -> Option<Vec<String>> {
    let mut args = Vec::new();
    let mut parts = parts.iter();
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        match wanted {
            "{}" if !part.is_empty() => args.push((*part).to_owned()),
            wanted if wanted == *part => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Result<(&'static str, Vec<String>), bool> {
        let parts: Vec<&str> = path.split('/').collect();
        find(method, &parts).map(|(route, args)| (route.pattern, args))
    }

    #[test]
    fn fixed_parts_go_before_variable_ones() {
        assert_eq!(found("POST", "issue/bulk").unwrap().0, "issue/bulk");
        assert_eq!(found("GET", "issue/A-1").unwrap(), ("issue/{}", vec!["A-1".to_owned()]));
        assert_eq!(found("GET", "project/search").unwrap().0, "project/search");
        assert_eq!(found("PATCH", "issue/A-1"), Err(true));
        assert_eq!(found("GET", "nothing"), Err(false));
        assert_eq!(found("GET", "issue/"), Err(false));
    }
}
