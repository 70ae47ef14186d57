//! One request to a route: its viewer, its time, and look-ups of the resources in the path.

use super::{
    access::{Access, Viewer},
    error::Refusal,
    paging::Page,
    render::Render,
    state::State,
    types::{Gone, Issue},
    version::Version,
};
use crate::{http::Call, settings::Limits};

/// A request at a route.
pub(crate) struct Visit<'a> {
    pub(crate) call: &'a Call,
    pub(crate) viewer: Viewer,
    pub(crate) version: Version,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    pub(crate) limits: Limits,
    /// The variable segments of the path. A repository is two of them; without an owner the second one is its id.
    pub(crate) args: Vec<String>,
    /// The path below the repository, for redirects.
    pub(crate) rest: String,
}

impl Visit<'_> {
    pub(crate) fn render<'s>(&'s self, state: &'s State) -> Render<'s> {
        Render { state, version: self.version, root: &self.call.root }
    }

    pub(crate) fn page(&self) -> Page {
        Page::of(self.call)
    }

    /// Returns a variable part of the path; empty if there is none.
    pub(crate) fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }

    /// Returns a variable segment that is a number; any other text is not found.
    pub(crate) fn number(&self, at: usize) -> Result<u64, Refusal> {
        self.arg(at).parse().map_err(|_| Refusal::not_found())
    }

    /// Returns the repository of the path and the viewer's rights in it.
    pub(crate) fn repo(&self, state: &State) -> Result<(u64, Access), Refusal> {
        let (owner, name) = (self.arg(0), self.arg(1));
        let id = if owner.is_empty() { name.parse().ok() } else { state.repo_id(owner, name) };
        let repo = id.and_then(|id| state.repos.get(&id)).ok_or_else(Refusal::not_found)?;
        let access = self.viewer.access(repo).ok_or_else(Refusal::not_found)?;
        let named = owner.is_empty()
            || (repo.name.eq_ignore_ascii_case(name) && state.login(repo.owner).eq_ignore_ascii_case(owner));
        if !named {
            let status = if self.call.method == "GET" { 301 } else { 307 };
            return Err(Refusal::moved(status, self.address(repo.id, &self.rest)));
        }
        Ok((repo.id, access))
    }

    fn address(&self, repo: u64, rest: &str) -> String {
        let query = &self.call.raw_query;
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        format!("{}/github/repositories/{repo}{rest}{query}", self.call.root)
    }

    /// As [`Visit::repo`], for a route about issues, which a repository may have disabled.
    pub(crate) fn issues(&self, state: &State) -> Result<(u64, Access), Refusal> {
        let (id, access) = self.repo(state)?;
        self.viewer.reads_issues(access)?;
        if !state.repos[&id].has_issues {
            return Err(Refusal::new(410, "Issues are disabled for this repo"));
        }
        Ok((id, access))
    }

    /// Returns the issue of the path. A transferred one redirects only at its own address; the paths below it are not
    /// found.
    pub(crate) fn issue<'s>(&self, state: &'s State) -> Result<(u64, Access, &'s Issue), Refusal> {
        let (id, access) = self.issues(state)?;
        let number = self.number(2)?;
        let repo = &state.repos[&id];
        if let Some(issue) = repo.issues.get(&number) {
            return Ok((id, access, issue));
        }
        match repo.gone.get(&number) {
            Some(Gone::Deleted) => Err(Refusal::new(410, "This issue was deleted")),
            Some(Gone::Moved(to, number)) if self.rest.matches('/').count() == 2 => {
                let target = state.repos.get(to).ok_or_else(Refusal::not_found)?;
                self.viewer.access(target).ok_or_else(Refusal::not_found)?;
                Err(Refusal::moved(301, self.address(*to, &format!("/issues/{number}"))))
            }
            _ => Err(Refusal::not_found()),
        }
    }
}
