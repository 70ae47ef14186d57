//! Authentication, and what an account may see and change.

use super::{
    error::Refusal,
    state::State,
    types::{Issue, Level, Repo, Role, Token, TokenKind},
};
use crate::http::Call;

/// The account and token of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Viewer {
    /// None for requests without credentials.
    pub(crate) account: Option<u64>,
    pub(crate) token: Option<Token>,
}

/// The rights of a viewer in a repository that they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) role: Role,
    /// The token's permission for issues, independent of the account's.
    pub(crate) issues: Level,
}

impl Access {
    /// True if labels, assignees and milestones may be set.
    pub(crate) fn may_triage(self) -> bool {
        self.role >= Role::Triage && self.issues == Level::Write
    }

    pub(crate) fn may_push(self) -> bool {
        self.role >= Role::Write && self.issues == Level::Write
    }

    pub(crate) fn is_admin(self) -> bool {
        self.role == Role::Admin && self.issues == Level::Write
    }
}

/// Returns the viewer of a request.
pub(crate) fn viewer(state: &State, call: &Call, now: i64) -> Result<Viewer, Refusal> {
    let Some(header) = call.header("authorization") else { return Ok(Viewer::default()) };
    let bad = || Refusal::new(401, "Bad credentials").about("https://docs.github.com/rest");
    let (scheme, value) = header.split_once(' ').ok_or_else(bad)?;
    if !["bearer", "token"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err(bad());
    }
    let token = state.tokens.get(value.trim()).ok_or_else(bad)?;
    let expired = token.expires.is_some_and(|expires| expires <= now / 1000);
    if token.revoked || expired {
        return Err(bad());
    }
    Ok(Viewer { account: Some(token.account), token: Some(token.clone()) })
}

impl Viewer {
    /// Returns the viewer's rights; `None` if they do not see the repository.
    pub(crate) fn access(&self, repo: &Repo) -> Option<Access> {
        let own = self.account.and_then(|account| {
            if repo.owner == account { Some(Role::Admin) } else { repo.members.get(&account).copied() }
        });
        let Some(token) = &self.token else {
            return (!repo.private).then_some(Access { role: Role::Read, issues: Level::Read });
        };
        let chosen = token.repositories.as_ref().is_none_or(|chosen| chosen.contains(&repo.id));
        let has = |scope: &str| token.scopes.iter().any(|has| has == scope);
        // An installation has only its own permissions; it is a member of nothing.
        let own = if token.kind == TokenKind::App && chosen { Some(Role::Write) } else { own };
        let (seen, issues) = match token.kind {
            TokenKind::Classic if repo.private => (own.is_some() && has("repo"), Level::Write),
            TokenKind::Classic if has("repo") || has("public_repo") => (true, Level::Write),
            TokenKind::Classic => (true, Level::Read),
            _ if chosen && own.is_some() => {
                (true, token.permissions.get("issues").copied().unwrap_or_default())
            }
            _ => (!repo.private, Level::Read),
        };
        let role = own.or((!repo.private).then_some(Role::Read))?;
        seen.then_some(Access { role, issues })
    }

    /// Returns the scopes of a classic token, for the header.
    pub(crate) fn scopes(&self) -> Option<String> {
        self.token
            .as_ref()
            .filter(|token| token.kind == TokenKind::Classic)
            .map(|token| token.scopes.join(", "))
    }

    /// Refuses requests without credentials.
    pub(crate) fn signed_in(&self) -> Result<u64, Refusal> {
        self.account.ok_or_else(Refusal::unauthenticated)
    }

    /// Refuses to read issues if the token covers the repository without this permission.
    pub(crate) fn reads_issues(&self, access: Access) -> Result<(), Refusal> {
        if access.issues == Level::None { Err(self.not_accessible()) } else { Ok(()) }
    }

    /// Refuses to write if the token or the repository does not allow it.
    pub(crate) fn writes(&self, repo: &Repo, access: Access) -> Result<u64, Refusal> {
        let account = self.signed_in()?;
        if access.issues < Level::Write {
            return Err(self.not_accessible());
        }
        if repo.archived {
            return Err(Refusal::new(403, "Repository was archived so is read-only."));
        }
        Ok(account)
    }

    /// Refuses to edit an issue that the viewer neither wrote nor may triage.
    pub(crate) fn edits(&self, repo: &Repo, access: Access, issue: &Issue) -> Result<u64, Refusal> {
        let account = self.writes(repo, access)?;
        if !access.may_triage() && issue.author != Some(account) {
            return Err(Refusal::new(403, "Must have admin rights to Repository."));
        }
        Ok(account)
    }

    fn not_accessible(&self) -> Refusal {
        let message = match self.token.as_ref().map(|token| token.kind) {
            Some(TokenKind::FineGrained) => "Resource not accessible by personal access token",
            Some(TokenKind::App) => "Resource not accessible by integration",
            Some(TokenKind::Classic) => "Must have admin rights to Repository.",
            None => return Refusal::unauthenticated(),
        };
        Refusal::new(403, message)
    }
}
