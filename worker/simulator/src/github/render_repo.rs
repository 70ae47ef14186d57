//! Repositories and account pages as JSON. Most of it is URLs of resources that are not simulated.

use serde_json::{Value, json};

use super::{
    access::Access,
    render::Render,
    state::node,
    types::{Account, AccountKind, Repo, Role},
};
use crate::clock::stamp;

/// URLs below a repository: key and suffix.
const ADDRESSES: [(&str, &str); 36] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

impl Render<'_> {
    /// Returns a repository; `access` is the rights of the viewer.
    pub(crate) fn repo(&self, repo: &Repo, access: Access) -> Value {
        let full_name = self.state.full_name(repo);
        let url = self.repo_url(repo);
        let html = self.html(&full_name);
        let owner = self.user(Some(repo.owner));
        let mut shown = json!({
            "id": repo.id,
            "node_id": node::id(node::REPO, repo.id),
            "name": repo.name,
            "full_name": full_name,
            "private": repo.private,
            "visibility": if repo.private { "private" } else { "public" },
            "owner": owner,
            "html_url": html,
            "description": repo.description,
            "fork": false,
            "url": url,
            "created_at": stamp(repo.created),
            "updated_at": stamp(repo.updated),
            "pushed_at": stamp(repo.created),
            "git_url": format!("{}.git", html.replacen("http:", "git:", 1)),
            "ssh_url": format!("git@github.invalid:{full_name}.git"),
            "clone_url": format!("{html}.git"),
            "svn_url": html,
            "has_issues": repo.has_issues,
            "has_projects": true,
            "has_downloads": true,
            "has_wiki": true,
            "has_pages": false,
            "has_discussions": false,
            "archived": repo.archived,
            "disabled": false,
            "open_issues_count": repo.open,
            "open_issues": repo.open,
            "allow_forking": true,
            "is_template": false,
            "web_commit_signoff_required": false,
            "topics": [],
            "default_branch": "main",
        });
        for key in ["size", "stargazers_count", "watchers_count", "watchers", "forks_count", "forks"] {
            shown[key] = json!(0);
        }
        for key in ["mirror_url", "homepage", "language", "license"] {
            shown[key] = Value::Null;
        }
        for (key, end) in ADDRESSES {
            shown[key] = json!(format!("{url}{end}"));
        }
        shown["permissions"] = json!({
            "admin": access.role == Role::Admin,
            "maintain": access.role >= Role::Maintain,
            "push": access.role >= Role::Write,
            "triage": access.role >= Role::Triage,
            "pull": true,
        });
        shown
    }

    /// Returns a repository as its own page shows it.
    pub(crate) fn full_repo(&self, repo: &Repo, access: Access) -> Value {
        let mut shown = self.repo(repo, access);
        shown["network_count"] = json!(0);
        shown["subscribers_count"] = json!(0);
        let owner = self.state.accounts.get(&repo.owner);
        if owner.is_some_and(|owner| owner.kind == AccountKind::Organization) {
            shown["organization"] = self.user(Some(repo.owner));
        }
        shown
    }

    /// Returns an account as its own page shows it; `private` for the account itself.
    pub(crate) fn full_account(&self, account: &Account, private: bool) -> Value {
        let mut shown = self.account(account);
        let own = self.state.repos.values().filter(|repo| repo.owner == account.id);
        let (hidden, open): (Vec<_>, Vec<_>) = own.partition(|repo| repo.private);
        let more = json!({
            "name": account.name,
            "company": null,
            "blog": "",
            "location": null,
            "email": account.email,
            "hireable": null,
            "bio": null,
            "twitter_username": null,
            "public_repos": open.len(),
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": stamp(account.created),
            "updated_at": stamp(account.created),
        });
        extend(&mut shown, more);
        if private {
            let more = json!({
                "private_gists": 0,
                "total_private_repos": hidden.len(),
                "owned_private_repos": hidden.len(),
                "disk_usage": 0,
                "collaborators": 0,
                "two_factor_authentication": true,
                "user_view_type": "private",
            });
            extend(&mut shown, more);
        }
        shown
    }
}

fn extend(value: &mut Value, more: Value) {
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
}
