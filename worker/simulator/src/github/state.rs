//! The whole state of a simulated GitHub, and look-ups in it.

use std::collections::BTreeMap;

use super::{
    behaviour::Behaviour,
    limits::Budgets,
    types::{Account, AccountKind, Issue, Repo, Token},
};
use crate::{platform::Delivery, random::Random};

/// The state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<u64, Account>,
    /// Ids of accounts by their logins in lower case.
    logins: BTreeMap<String, u64>,
    pub(crate) repos: BTreeMap<u64, Repo>,
    /// Ids of repositories by `owner/name` in lower case; former names lead to the same repository.
    names: BTreeMap<String, u64>,
    pub(crate) tokens: BTreeMap<String, Token>,
    /// The repository and number of each issue, by its id.
    pub(crate) places: BTreeMap<u64, (u64, u64)>,
    pub(crate) behaviour: Behaviour,
    pub(crate) random: Random,
    pub(crate) budgets: Budgets,
    /// Deliveries of webhooks that were not sent yet.
    pub(crate) outbox: Vec<Delivery>,
    /// The server's URL in deliveries: as the latest client wrote it.
    pub(crate) root: String,
    ids: Ids,
    /// Raised by every change that is visible in many issues at once: logins, labels, milestones, names.
    pub(crate) epoch: u64,
}

/// The next free ids. Those of issues exceed a signed 32-bit integer, like the real ones.
#[derive(Debug)]
struct Ids {
    account: u64,
    repo: u64,
    other: u64,
}

impl State {
    pub(crate) fn new(seed: u64) -> State {
        State {
            accounts: BTreeMap::new(),
            logins: BTreeMap::new(),
            repos: BTreeMap::new(),
            names: BTreeMap::new(),
            tokens: BTreeMap::new(),
            places: BTreeMap::new(),
            behaviour: Behaviour::default(),
            random: Random::new(seed),
            budgets: Budgets::default(),
            outbox: Vec::new(),
            root: "http://127.0.0.1".to_owned(),
            ids: Ids { account: 583_231, repo: 1_296_269, other: 3_000_000_001 },
            epoch: 0,
        }
    }

    /// Returns a fresh id for an issue, a label, or anything else that is neither account nor repository.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.ids.other += 1;
        self.ids.other
    }

    pub(crate) fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.get(self.logins.get(&login.to_lowercase())?)
    }

    /// Returns the id of an account, and creates it if it is new.
    pub(crate) fn account_or_new(&mut self, login: &str, kind: AccountKind, now: i64) -> u64 {
        if let Some(account) = self.account(login) {
            return account.id;
        }
        self.ids.account += 1;
        let id = self.ids.account;
        let account = Account {
            id,
            login: login.to_owned(),
            kind,
            name: None,
            email: None,
            types: BTreeMap::new(),
            fields: BTreeMap::new(),
            created: now,
        };
        self.accounts.insert(id, account);
        self.logins.insert(login.to_lowercase(), id);
        id
    }

    /// Returns the id of the repository that has or had this name.
    pub(crate) fn repo_id(&self, owner: &str, name: &str) -> Option<u64> {
        self.names.get(&key(owner, name)).copied()
    }

    /// Returns a fresh id for a repository with this name, which replaces a former name of another one.
    pub(crate) fn name_repo(&mut self, owner: &str, name: &str, id: Option<u64>) -> u64 {
        let id = id.unwrap_or_else(|| {
            self.ids.repo += 1;
            self.ids.repo
        });
        self.names.insert(key(owner, name), id);
        self.epoch += 1;
        id
    }

    /// Deletes a repository with its names and issues.
    pub(crate) fn drop_repo(&mut self, id: u64) {
        self.repos.remove(&id);
        self.names.retain(|_, named| *named != id);
        self.places.retain(|_, (repo, _)| *repo != id);
    }

    pub(crate) fn login(&self, account: u64) -> &str {
        self.accounts.get(&account).map_or("ghost", |account| account.login.as_str())
    }

    /// Returns the present name of a repository, as `owner/name`.
    pub(crate) fn full_name(&self, repo: &Repo) -> String {
        format!("{}/{}", self.login(repo.owner), repo.name)
    }

    /// Returns an issue by its id.
    pub(crate) fn issue_by_id(&self, id: u64) -> Option<(&Repo, &Issue)> {
        let (repo, number) = self.places.get(&id)?;
        let repo = self.repos.get(repo)?;
        Some((repo, repo.issues.get(number)?))
    }
}

fn key(owner: &str, name: &str) -> String {
    format!("{}/{}", owner.to_lowercase(), name.to_lowercase())
}

/// Node ids: a prefix for the kind, and the id. Clients must treat them as opaque, so their form differs from the real
/// one.
pub(crate) mod node {
    pub(crate) const ISSUE: &str = "I";
    pub(crate) const PULL: &str = "PR";
    pub(crate) const REPO: &str = "R";
    pub(crate) const USER: &str = "U";
    pub(crate) const LABEL: &str = "LA";
    pub(crate) const MILESTONE: &str = "MI";
    pub(crate) const ISSUE_TYPE: &str = "IT";
    pub(crate) const ISSUE_FIELD: &str = "IF";

    pub(crate) fn id(kind: &str, id: u64) -> String {
        format!("{kind}_kwDO{id:012X}")
    }

    /// Returns the id encoded in a node id of this kind.
    pub(crate) fn parse(kind: &str, node: &str) -> Option<u64> {
        u64::from_str_radix(node.strip_prefix(kind)?.strip_prefix("_kwDO")?, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_former_names_stay() {
        let mut state = State::new(1);
        let id = state.name_repo("Acme", "Web", None);
        assert_eq!(state.repo_id("acme", "WEB"), Some(id));
        state.name_repo("Acme", "site", Some(id));
        assert_eq!(state.repo_id("acme", "web"), state.repo_id("acme", "site"));
    }

    #[test]
    fn node_ids_say_their_kind() {
        let node = node::id(node::ISSUE, 3_000_000_123);
        assert_eq!(node::parse(node::ISSUE, &node), Some(3_000_000_123));
        assert_eq!(node::parse(node::REPO, &node), None);
    }
}
