//! Generated content: an initial example, and teams of any size.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    change::{By, Change},
    id::Id,
    state::State,
    types::{Label, Scale, StateKind, Team, Token, TokenKind, User, WorkflowState},
};
use crate::random::Random;

/// The key of the example.
const KEY: &str = "lin_api_simulator0000000000000000000000000001";

const PEOPLE: [(&str, &str, bool); 5] = [
    ("ada", "Ada Quist", true),
    ("bruno", "Bruno Tamm", false),
    ("chen", "Chen Rao", false),
    ("dora", "Dora Velde", false),
    ("emil", "Emil Strand", false),
];

/// The states of a new team: name, kind, position, colour. The first `unstarted` one is the default.
pub(super) const STATES: [(&str, StateKind, f64, &str); 7] = [
    ("Backlog", StateKind::Backlog, 0.0, "#bec2c8"),
    ("Todo", StateKind::Unstarted, 1.0, "#e2e2e2"),
    ("In Progress", StateKind::Started, 2.0, "#f2c94c"),
    ("In Review", StateKind::Started, 1002.0, "#0f783c"),
    ("Done", StateKind::Completed, 3.0, "#5e6ad2"),
    ("Canceled", StateKind::Canceled, 4.0, "#95a2b3"),
    ("Duplicate", StateKind::Duplicate, 5.0, "#95a2b3"),
];

const LABELS: [(&str, &str, Option<&str>); 7] = [
    ("Bug", "#eb5757", None),
    ("Feature", "#bb87fc", None),
    ("Improvement", "#4ea7fc", None),
    ("needs triage", "#f2c94c", None),
    ("Area", "#95a2b3", Some("")),
    ("Frontend", "#26b5ce", Some("Area")),
    ("Backend", "#4cb782", Some("Area")),
];

const VERBS: [&str; 8] = ["Fix", "Add", "Describe", "Remove", "Speed up", "Rename", "Test", "Translate"];
const THINGS: [&str; 12] = [
    "the login form",
    "search results",
    "the export to CSV",
    "time zones in reports",
    "the empty state of the inbox",
    "keyboard navigation",
    "retries of failed uploads",
    "the dark theme",
    "e-mail notifications",
    "the settings page",
    "sorting by due date",
    "the onboarding tour",
];
const PARTS: [&str; 6] = [
    "Steps:\n\n1. Open the page\n2. Wait\n3. Look at the console",
    "We talked about this on Monday. See also `src/app.rs`.",
    "- [ ] design\n- [x] text\n- [ ] code",
    "> It worked last week.\n\nIt does not any more.",
    "| before | after |\n| --- | --- |\n| 1 s | 0.2 s |",
    "Umlauts and emoji stay as they are: Größe, naïve, 🚀.",
];

/// The amount of generated content.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Seed {
    pub(crate) items: usize,
    /// The share of completed and cancelled issues, in percent.
    pub(crate) closed: usize,
    /// Seconds between the times of two issues; the last one has the current time.
    pub(crate) every: i64,
}

impl Default for Seed {
    fn default() -> Seed {
        Seed { items: 25, closed: 30, every: 60 }
    }
}

/// Adds generated issues to a team and returns their ids.
pub(crate) fn fill(state: &mut State, team: Id, seed: &Seed, now: i64) -> Vec<Id> {
    let Some(found) = state.teams.get(&team) else { return Vec::new() };
    let people: Vec<Id> = found.members.iter().copied().collect();
    let of_team =
        |label: &&Label| label.team.is_none_or(|of| of == team) && !label.group && label.parent.is_none();
    let labels: Vec<Id> = state.labels.values().filter(of_team).map(|label| label.id).collect();
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for one in state.states_of(team) {
        match one.kind {
            StateKind::Triage => {}
            StateKind::Completed | StateKind::Canceled | StateKind::Duplicate => closed.push(one.id),
            _ => open.push(one.id),
        }
    }
    let mut ids = Vec::with_capacity(seed.items);
    for at in 0..seed.items {
        let behind = i64::try_from(seed.items - 1 - at).unwrap_or(0) * seed.every;
        let id = state.fresh_id();
        let random = &mut state.random;
        let verb = random.pick(&VERBS).copied().unwrap_or_default();
        let thing = random.pick(&THINGS).copied().unwrap_or_default();
        let in_states = if random.chance(seed.closed) { &closed } else { &open };
        let mut wanted: Vec<Id> = Vec::new();
        for _ in 0..random.below(3) {
            wanted.extend(random.pick(&labels).filter(|label| !wanted.contains(label)).copied().as_slice());
        }
        let change = Change {
            title: Some(format!("{verb} {thing} ({})", at + 1)),
            description: Some(random.chance(90).then(|| body(random))),
            state: random.pick(in_states).copied(),
            priority: i64::try_from(random.below(5)).ok(),
            labels: Some(wanted),
            assignee: Some(if random.chance(60) { random.pick(&people).copied() } else { None }),
            ..Change::default()
        };
        let user = random.pick(&people).copied();
        let by = By { user, now: now - behind * 1_000, as_user: None };
        ids.extend(state.create_issue(id, team, change, by.now, &by));
    }
    ids
}

fn body(random: &mut Random) -> String {
    let parts = 1 + random.below(3);
    let parts: Vec<&str> = (0..parts).filter_map(|_| random.pick(&PARTS).copied()).collect();
    parts.join("\n\n")
}

impl State {
    /// Returns the id of the user with this display name, and creates the user if there is none.
    pub(crate) fn user_or_new(&mut self, name: &str, now: i64) -> Id {
        if let Some(user) = self.user(name) {
            return user.id;
        }
        let id = self.fresh_id();
        let user = User {
            id,
            name: name.to_owned(),
            display_name: name.to_owned(),
            email: format!("{}@acme.example", name.to_lowercase().replace(' ', ".")),
            admin: false,
            guest: false,
            active: true,
            app: false,
            created: now,
            updated: now,
        };
        self.users.insert(id, user);
        id
    }

    /// Adds a team with the usual states, and returns its id.
    pub(crate) fn add_team(&mut self, key: &str, name: &str, now: i64) -> Id {
        let id = self.fresh_id();
        let team = Team {
            id,
            key: key.to_owned(),
            name: name.to_owned(),
            private: false,
            members: BTreeSet::new(),
            scale: Scale::NotUsed,
            allow_zero: false,
            extended: false,
            triage: false,
            default_state: None,
            last_number: 0,
            numbers: std::collections::HashMap::new(),
            by_updated: BTreeSet::new(),
            by_created: BTreeSet::new(),
            created: now,
            updated: now,
        };
        self.teams.insert(id, team);
        id
    }

    /// Adds a workflow state to a team. The first `unstarted` one becomes its default.
    pub(crate) fn add_state(
        &mut self,
        team: Id,
        name: &str,
        kind: StateKind,
        position: f64,
        color: &str,
        now: i64,
    ) -> Id {
        let id = self.fresh_id();
        let state = WorkflowState {
            id,
            team,
            name: name.to_owned(),
            kind,
            position,
            color: color.to_owned(),
            archived: None,
            created: now,
            updated: now,
        };
        self.states.insert(id, state);
        if let Some(team) = self.teams.get_mut(&team)
            && kind == StateKind::Unstarted
        {
            team.default_state = team.default_state.or(Some(id));
        }
        id
    }

    /// Adds a label to a team, or to the workspace.
    pub(crate) fn add_label(
        &mut self,
        name: &str,
        team: Option<Id>,
        parent: Option<Id>,
        group: bool,
        color: &str,
        now: i64,
    ) -> Id {
        let id = self.fresh_id();
        let label = Label {
            id,
            team,
            name: name.to_owned(),
            description: None,
            color: color.to_owned(),
            group,
            parent,
            creator: None,
            archived: None,
            created: now,
            updated: now,
        };
        self.labels.insert(id, label);
        id
    }
}

/// Fills an empty state: the workspace `acme` with the teams `ENG` and the private `OPS`, five people and a key.
pub(crate) fn example(state: &mut State, items: usize, now: i64) -> Value {
    state.organization.created = now;
    state.organization.updated = now;
    let mut members = BTreeSet::new();
    for (display_name, name, admin) in PEOPLE {
        let id = state.user_or_new(display_name, now);
        if let Some(user) = state.users.get_mut(&id) {
            user.name = name.to_owned();
            user.admin = admin;
        }
        members.insert(id);
    }
    let mut groups: Vec<(&str, Id)> = Vec::new();
    for (name, color, parent) in LABELS {
        if state.labels.values().any(|label| label.name == name && label.team.is_none()) {
            continue;
        }
        let of = parent.and_then(|parent| groups.iter().find(|(name, _)| *name == parent)).map(|(_, id)| *id);
        let id = state.add_label(name, None, of, parent == Some(""), color, now);
        groups.push((name, id));
    }
    let mut teams = Vec::new();
    for (key, name, private) in [("ENG", "Engineering", false), ("OPS", "Operations", true)] {
        if state.team(key).is_none() {
            let id = state.add_team(key, name, now);
            for (name, kind, position, color) in STATES {
                state.add_state(id, name, kind, position, color, now);
            }
            if let Some(team) = state.teams.get_mut(&id) {
                team.private = private;
                team.members.clone_from(&members);
                team.scale = Scale::Fibonacci;
            }
            fill(state, id, &Seed { items, ..Seed::default() }, now);
        }
        teams.push(key);
    }
    let user = state.user_or_new("ada", now);
    let token = Token {
        value: KEY.to_owned(),
        kind: TokenKind::Key,
        user,
        scopes: vec!["read".to_owned(), "write".to_owned()],
        teams: None,
        client: None,
        expires: None,
        revoked: false,
    };
    state.tokens.insert(KEY.to_owned(), token);
    json!({ "workspace": state.organization.url_key, "teams": teams, "token": KEY, "items": items })
}
