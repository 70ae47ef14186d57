//! The whole state of a simulated Jira, and look-ups in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use chrono_tz::Tz;

use super::{
    behaviour::Behaviour,
    index::Index,
    kind::SYSTEM,
    limits::Meters,
    oauth::Grants,
    types::{
        Category, Change, Context, Field, Issue, IssueType, Priority, Project, Resolution, Status, Token,
        User, Workflow,
    },
};
use crate::random::Random;

/// The state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) cloud_id: String,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) projects: BTreeMap<u64, Project>,
    /// Ids of projects by their present and former keys.
    pub(crate) project_keys: HashMap<String, u64>,
    pub(crate) types: BTreeMap<u64, IssueType>,
    pub(crate) statuses: BTreeMap<u64, Status>,
    /// From the highest to the lowest.
    pub(crate) priorities: Vec<Priority>,
    pub(crate) default_priority: u64,
    pub(crate) resolutions: Vec<Resolution>,
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) workflows: BTreeMap<u64, Workflow>,
    pub(crate) issues: HashMap<u64, Arc<Issue>>,
    /// Ids of issues by project and number, including former ones.
    pub(crate) numbers: HashMap<(u64, u64), u64>,
    pub(crate) children: HashMap<u64, BTreeSet<u64>>,
    pub(crate) histories: HashMap<u64, Vec<Change>>,
    /// The number of issues with each label.
    pub(crate) labels: BTreeMap<String, usize>,
    pub(crate) index: Index,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) grants: Grants,
    pub(crate) behaviour: Behaviour,
    pub(crate) meters: Meters,
    pub(crate) random: Random,
    last_id: u64,
    last_issue: u64,
    last_field: u64,
}

const PRIORITIES: [(&str, &str); 5] = [
    ("Highest", "#d04437"),
    ("High", "#f15C75"),
    ("Medium", "#f79232"),
    ("Low", "#707070"),
    ("Lowest", "#999999"),
];

const RESOLUTIONS: [&str; 4] = ["Done", "Won't Do", "Duplicate", "Cannot Reproduce"];

impl State {
    /// Creates a site without people and projects, with the default priorities, resolutions, types and statuses.
    pub(crate) fn new(seed: u64) -> State {
        let mut state = State {
            cloud_id: uuid(&("cloud", seed)),
            users: BTreeMap::new(),
            projects: BTreeMap::new(),
            project_keys: HashMap::new(),
            types: BTreeMap::new(),
            statuses: BTreeMap::new(),
            priorities: Vec::new(),
            default_priority: 3,
            resolutions: Vec::new(),
            fields: BTreeMap::new(),
            workflows: BTreeMap::new(),
            issues: HashMap::new(),
            numbers: HashMap::new(),
            children: HashMap::new(),
            histories: HashMap::new(),
            labels: BTreeMap::new(),
            index: Index::default(),
            tokens: BTreeMap::new(),
            grants: Grants::default(),
            behaviour: Behaviour::default(),
            meters: Meters::default(),
            random: Random::new(seed),
            last_id: 10_100,
            last_issue: 10_000,
            last_field: 10_000,
        };
        for (id, (name, color)) in (1..).zip(PRIORITIES) {
            state.priorities.push(Priority { id, name: name.to_owned(), color: color.to_owned() });
        }
        for (id, name) in (10_000..).zip(RESOLUTIONS) {
            state.resolutions.push(Resolution { id, name: name.to_owned() });
        }
        for (id, name, level) in [
            (10_000, "Epic", 1),
            (10_001, "Story", 0),
            (10_002, "Task", 0),
            (10_003, "Subtask", -1),
            (10_004, "Bug", 0),
        ] {
            state.types.insert(id, IssueType { id, name: name.to_owned(), level, project: None });
        }
        for (id, name, kind) in SYSTEM {
            let contexts = vec![Context { id: 0, projects: None, options: Vec::new() }];
            let field = Field {
                id: id.to_owned(),
                name: name.to_owned(),
                kind,
                custom: None,
                project: None,
                contexts,
            };
            state.fields.insert(id.to_owned(), field);
        }
        for (name, category) in [
            ("To Do", Category::New),
            ("In Progress", Category::Indeterminate),
            ("In Review", Category::Indeterminate),
            ("Done", Category::Done),
        ] {
            state.add_status(name, category, None);
        }
        state
    }

    /// Returns a fresh id for anything but issues and fields.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn fresh_issue(&mut self) -> u64 {
        self.last_issue += 1;
        self.last_issue
    }

    pub(crate) fn fresh_field(&mut self) -> u64 {
        self.last_field += 1;
        self.last_field
    }

    pub(crate) fn add_status(&mut self, name: &str, category: Category, project: Option<u64>) -> u64 {
        let id = self.fresh_id();
        self.statuses.insert(id, Status { id, name: name.to_owned(), category, project });
        id
    }

    /// Returns a user by account id, e-mail address, or the control API's name.
    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name).or_else(|| {
            let mail =
                |user: &User| user.email.as_deref().is_some_and(|mail| mail.eq_ignore_ascii_case(name));
            self.users.values().find(|user| user.handle == name || mail(user))
        })
    }

    /// Returns the account id that belongs to a name.
    pub(crate) fn account_id(&self, handle: &str) -> String {
        format!("712020:{}", uuid(&("user", handle)))
    }

    pub(crate) fn zone(&self, user: Option<&String>) -> Tz {
        user.and_then(|id| self.users.get(id)).map_or(Tz::UTC, |user| user.zone)
    }

    /// Returns a project by its key, a former one, or its id.
    pub(crate) fn project(&self, key: &str) -> Option<&Project> {
        let id = self.project_keys.get(&key.to_uppercase()).copied().or_else(|| key.parse().ok())?;
        self.projects.get(&id)
    }

    pub(crate) fn key(&self, issue: &Issue) -> String {
        let key = self.projects.get(&issue.project).map_or("", |project| project.key.as_str());
        format!("{key}-{}", issue.number)
    }

    /// Returns the id of an issue by its id or key, including former keys.
    pub(crate) fn issue_id(&self, name: &str) -> Option<u64> {
        if let Ok(id) = name.parse() {
            return self.issues.contains_key(&id).then_some(id);
        }
        let (project, number) = name.rsplit_once('-')?;
        let project = self.project_keys.get(&project.to_uppercase())?;
        let id = self.numbers.get(&(*project, number.parse().ok()?)).copied();
        id.filter(|id| self.issues.contains_key(id))
    }

    pub(crate) fn issue(&self, name: &str) -> Option<&Arc<Issue>> {
        self.issues.get(&self.issue_id(name)?)
    }

    pub(crate) fn status_name(&self, id: u64) -> &str {
        self.statuses.get(&id).map_or("", |status| status.name.as_str())
    }

    pub(crate) fn category(&self, status: u64) -> Category {
        self.statuses.get(&status).map_or(Category::New, |status| status.category)
    }

    pub(crate) fn user_name(&self, id: &str) -> &str {
        self.users.get(id).map_or("", |user| user.name.as_str())
    }

    pub(crate) fn priority(&self, name: &str) -> Option<&Priority> {
        let id = name.parse().unwrap_or(0);
        self.priorities.iter().find(|known| known.id == id || known.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn resolution(&self, name: &str) -> Option<&Resolution> {
        let id = name.parse().unwrap_or(0);
        self.resolutions.iter().find(|known| known.id == id || known.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn resolution_of(&self, issue: &Issue) -> Option<&Resolution> {
        self.resolutions.iter().find(|known| Some(known.id) == issue.resolution)
    }

    /// Returns an issue type of a project by id or name.
    pub(crate) fn type_of(&self, project: &Project, name: &str) -> Option<&IssueType> {
        let id = name.parse().unwrap_or(0);
        let types = project.types.iter().filter_map(|known| self.types.get(known));
        types.into_iter().find(|known| known.id == id || known.name.eq_ignore_ascii_case(name))
    }

    /// Returns the workflow that an issue follows.
    pub(crate) fn workflow(&self, project: u64, issue_type: u64) -> Option<&Workflow> {
        self.workflows.get(&self.projects.get(&project)?.workflow_of(issue_type))
    }

    /// Returns a field by id, or by name for the control API and JQL.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name).or_else(|| {
            let number = name.strip_prefix("cf[").and_then(|rest| rest.strip_suffix(']'));
            match number {
                Some(number) => self.fields.get(&format!("customfield_{number}")),
                None => self.fields.values().find(|field| field.name.eq_ignore_ascii_case(name)),
            }
        })
    }

    /// Returns the fields that an issue of a project may have.
    pub(crate) fn fields_of(&self, project: u64) -> impl Iterator<Item = &Field> {
        self.fields.values().filter(move |field| field.applies(project))
    }

    /// Updates the counts of added or removed labels.
    pub(crate) fn count_labels<'a>(&mut self, labels: impl Iterator<Item = &'a str>, more: bool) {
        for label in labels {
            let count = self.labels.entry(label.to_owned()).or_default();
            *count = if more { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.labels.remove(label);
            }
        }
    }
}

/// Derives an id in the form of a UUID from a value.
pub(crate) fn uuid(of: &impl Hash) -> String {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        (salt, of).hash(&mut hasher);
        hasher.finish()
    };
    let (one, two) = (half(1), half(2));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        one >> 32,
        (one >> 16) & 0xffff,
        one & 0xfff,
        two >> 52,
        two & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_accounts_do_not_depend_on_the_order() {
        let state = State::new(1);
        assert_eq!(state.account_id("ada"), State::new(2).account_id("ada"));
        assert_ne!(state.account_id("ada"), state.account_id("bruno"));
        assert_eq!(uuid(&1).len(), 36);
    }

    #[test]
    fn fields_are_found_by_id_number_and_name() {
        let state = State::new(1);
        assert_eq!(state.field("Due date").unwrap().id, "duedate");
        assert!(state.field("cf[1]").is_none());
        assert_eq!(state.priority("high").unwrap().id, 2);
        assert_eq!(state.resolution("10001").unwrap().name, "Won't Do");
    }
}
