//! The whole state of a simulated Linear, and look-ups in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    behaviour::Behaviour,
    id::Id,
    limits::Budgets,
    types::{
        App, Attachment, Issue, Label, Organization, Project, Refresh, Team, Token, User, WorkflowState,
    },
};
use crate::random::Random;

/// How long a trashed issue is kept, in milliseconds.
const GRACE: i64 = 30 * 24 * 3_600_000;

/// The state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) organization: Organization,
    pub(crate) users: BTreeMap<Id, User>,
    pub(crate) teams: BTreeMap<Id, Team>,
    pub(crate) states: BTreeMap<Id, WorkflowState>,
    pub(crate) labels: BTreeMap<Id, Label>,
    pub(crate) projects: BTreeMap<Id, Project>,
    pub(crate) issues: HashMap<Id, Issue>,
    pub(crate) attachments: HashMap<Id, Attachment>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) refreshes: BTreeMap<String, Refresh>,
    pub(crate) apps: BTreeMap<String, App>,
    pub(crate) behaviour: Behaviour,
    pub(crate) random: Random,
    pub(crate) budgets: Budgets,
    /// The server's URL as the latest client wrote it.
    pub(crate) root: String,
    /// The number of changes; the `lastSyncId` of results.
    pub(crate) sync_id: u64,
    /// All issues by the time of the last update, and of creation.
    pub(crate) by_updated: BTreeSet<(i64, Id)>,
    pub(crate) by_created: BTreeSet<(i64, Id)>,
    /// Attachments by their URLs.
    pub(crate) by_url: HashMap<String, BTreeSet<Id>>,
    /// Issues by identifiers that they had in other teams.
    pub(crate) former: HashMap<String, Id>,
    /// Trashed issues by the time of their deletion.
    trash: BTreeSet<(i64, Id)>,
}

impl State {
    pub(crate) fn new(seed: u64) -> State {
        // Differs from the stream of other platforms with the same seed.
        let mut random = Random::new(seed ^ 0x4C49_4E45_4152);
        let organization = Organization {
            id: Id::random(&mut random),
            name: "Acme".to_owned(),
            url_key: "acme".to_owned(),
            created: 0,
            updated: 0,
        };
        State {
            organization,
            users: BTreeMap::new(),
            teams: BTreeMap::new(),
            states: BTreeMap::new(),
            labels: BTreeMap::new(),
            projects: BTreeMap::new(),
            issues: HashMap::new(),
            attachments: HashMap::new(),
            tokens: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            apps: BTreeMap::new(),
            behaviour: Behaviour::default(),
            random,
            budgets: Budgets::default(),
            root: "http://127.0.0.1".to_owned(),
            sync_id: 1_000,
            by_updated: BTreeSet::new(),
            by_created: BTreeSet::new(),
            by_url: HashMap::new(),
            former: HashMap::new(),
            trash: BTreeSet::new(),
        }
    }

    pub(crate) fn fresh_id(&mut self) -> Id {
        Id::random(&mut self.random)
    }

    /// Returns the address of a page for people.
    pub(crate) fn page_url(&self, path: &str) -> String {
        format!("{}/page/linear/{path}", self.root)
    }

    /// Returns a user by id, e-mail address, display name or name.
    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        if let Some(id) = Id::parse(name) {
            return self.users.get(&id);
        }
        let same = |text: &str| text.eq_ignore_ascii_case(name);
        self.users.values().find(|user| same(&user.display_name) || same(&user.email) || user.name == name)
    }

    /// Returns a team by id or key.
    pub(crate) fn team(&self, name: &str) -> Option<&Team> {
        match Id::parse(name) {
            Some(id) => self.teams.get(&id),
            None => self.teams.values().find(|team| team.key.eq_ignore_ascii_case(name)),
        }
    }

    /// Returns the states of a team in their order.
    pub(crate) fn states_of(&self, team: Id) -> Vec<&WorkflowState> {
        let mut states: Vec<_> =
            self.states.values().filter(|state| state.team == team && state.archived.is_none()).collect();
        states.sort_by(|one, other| {
            (one.kind, one.position)
                .partial_cmp(&(other.kind, other.position))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        states
    }

    /// Returns an issue by id or identifier, including former identifiers.
    pub(crate) fn issue_id(&self, name: &str) -> Option<Id> {
        if let Some(id) = Id::parse(name) {
            return self.issues.contains_key(&id).then_some(id);
        }
        let (key, number) = name.rsplit_once('-')?;
        let number: u64 = number.parse().ok()?;
        let present = self.team(key).and_then(|team| team.numbers.get(&number));
        present.or_else(|| self.former.get(&name.to_uppercase())).copied()
    }

    pub(crate) fn issue(&self, name: &str) -> Option<&Issue> {
        self.issues.get(&self.issue_id(name)?)
    }

    /// Returns the identifier of an issue, such as `ENG-12`.
    pub(crate) fn identifier(&self, issue: &Issue) -> String {
        format!("{}-{}", self.teams.get(&issue.team).map_or("", |team| team.key.as_str()), issue.number)
    }

    /// Returns the address of an issue's page.
    pub(crate) fn issue_url(&self, issue: &Issue) -> String {
        let slug: Vec<String> = issue
            .content
            .title
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .take(8)
            .map(str::to_lowercase)
            .collect();
        let path = format!("{}/issue/{}", self.organization.url_key, self.identifier(issue));
        let slash = if slug.is_empty() { "" } else { "/" };
        self.page_url(&format!("{path}{slash}{}", slug.join("-")))
    }

    /// Adds an issue to the indexes.
    pub(crate) fn insert(&mut self, issue: Issue) {
        let (updated, created) = ((issue.updated, issue.id), (issue.created, issue.id));
        if let Some(team) = self.teams.get_mut(&issue.team) {
            team.by_updated.insert(updated);
            team.by_created.insert(created);
            team.numbers.insert(issue.number, issue.id);
        }
        self.by_updated.insert(updated);
        self.by_created.insert(created);
        if let Some(at) = issue.archived.filter(|_| issue.trashed) {
            self.trash.insert((at, issue.id));
        }
        self.issues.insert(issue.id, issue);
    }

    /// Removes an issue from the indexes.
    pub(crate) fn take(&mut self, id: Id) -> Option<Issue> {
        let issue = self.issues.remove(&id)?;
        let (updated, created) = ((issue.updated, issue.id), (issue.created, issue.id));
        if let Some(team) = self.teams.get_mut(&issue.team) {
            team.by_updated.remove(&updated);
            team.by_created.remove(&created);
            team.numbers.remove(&issue.number);
        }
        self.by_updated.remove(&updated);
        self.by_created.remove(&created);
        if let Some(at) = issue.archived {
            self.trash.remove(&(at, id));
        }
        Some(issue)
    }

    /// Deletes an issue for good, with its attachments. Its children lose their parent.
    pub(crate) fn erase(&mut self, id: Id) {
        let Some(issue) = self.take(id) else { return };
        for child in &issue.children {
            if let Some(child) = self.issues.get_mut(child) {
                child.content.parent = None;
            }
        }
        if let Some(parent) = issue.content.parent.and_then(|parent| self.issues.get_mut(&parent)) {
            parent.children.remove(&id);
        }
        for attachment in issue.attachments {
            self.drop_attachment(attachment);
        }
        self.former.retain(|_, of| *of != id);
        self.sync_id += 1;
    }

    pub(crate) fn drop_attachment(&mut self, id: Id) {
        let Some(attachment) = self.attachments.remove(&id) else { return };
        if let Some(same) = self.by_url.get_mut(&attachment.url) {
            same.remove(&id);
        }
        if let Some(issue) = self.issues.get_mut(&attachment.issue) {
            issue.attachments.remove(&id);
        }
        self.sync_id += 1;
    }

    /// Deletes issues that have been in the trash for 30 days.
    pub(crate) fn empty_trash(&mut self, now: i64) {
        while let Some((at, id)) = self.trash.first().copied() {
            if at + GRACE > now {
                break;
            }
            self.trash.pop_first();
            self.erase(id);
        }
    }
}
