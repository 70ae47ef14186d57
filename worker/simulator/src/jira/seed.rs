//! Generated content: an initial example, and projects of any size.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    adf,
    change::By,
    control::{NewField, add_field, person_change, projects},
    state::State,
    types::{Token, User},
};

/// The token of the example, and the e-mail address of its user.
const TOKEN: &str = "ATATT-simulator-0000000000000001";
const EMAIL: &str = "ada@acme.example";

/// Handle, name, shows the e-mail address, role.
const PEOPLE: [(&str, &str, bool, &str); 5] = [
    ("ada", "Ada Quist", true, "admin"),
    ("bruno", "Bruno Tamm", true, "member"),
    ("chen", "Chen Rao", true, "member"),
    ("dora", "Dora Velde", false, "member"),
    ("emil", "Emil Strand", true, "viewer"),
];

const LABELS: [&str; 6] = ["frontend", "backend", "regression", "customer", "docs", "quick-win"];
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
const TEXTS: [&str; 5] = [
    "It fails on the second attempt.\nThe first one works.",
    "We talked about this on Monday.",
    "It worked last week. It does not any more.",
    "The numbers went from 1 s to 0.2 s.",
    "Umlauts and emoji stay as they are: Größe, naïve, 🚀.",
];

/// The amount of generated content.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Seed {
    pub(crate) items: usize,
    /// The share of issues that are done, in percent.
    pub(crate) done: usize,
    /// Seconds between the times of two items; the last item has the current time.
    pub(crate) every: i64,
}

impl Default for Seed {
    fn default() -> Seed {
        Seed { items: 25, done: 30, every: 60 }
    }
}

/// Adds generated issues to a project, which searches see at once. Returns their number, and the first and the last
/// key.
pub(crate) fn fill(state: &mut State, project: u64, seed: &Seed, now: i64) -> Value {
    let Some(home) = state.projects.get(&project) else { return Value::Null };
    let first = home.last_number + 1;
    let people: Vec<String> = home
        .members
        .iter()
        .filter(|(_, has)| has.contains("ASSIGNABLE_USER"))
        .map(|(id, _)| id.clone())
        .collect();
    let names = ["Task", "Bug", "Story"];
    let types: Vec<u64> =
        names.iter().filter_map(|name| state.type_of(home, name)).map(|known| known.id).collect();
    let issue_type = types.first().copied().or_else(|| home.types.first().copied()).unwrap_or(0);
    for at in 0..seed.items {
        let behind = i64::try_from(seed.items - 1 - at).unwrap_or(0) * seed.every;
        let random = &mut state.random;
        let verb = random.pick(&VERBS).copied().unwrap_or_default();
        let thing = random.pick(&THINGS).copied().unwrap_or_default();
        let mut keys = Map::new();
        keys.insert("summary".to_owned(), json!(format!("{verb} {thing} ({})", at + 1)));
        let parts = random.below(4);
        let text: Vec<&str> = (0..parts).filter_map(|_| random.pick(&TEXTS).copied()).collect();
        if !text.is_empty() {
            keys.insert("description".to_owned(), adf::document(&text.join("\n\n")));
        }
        let labels: std::collections::BTreeSet<&str> =
            (0..random.below(3)).filter_map(|_| random.pick(&LABELS).copied()).collect();
        keys.insert("labels".to_owned(), json!(labels));
        let done = random.chance(seed.done);
        let open = ["To Do", "To Do", "In Progress", "In Review"];
        let status = if done { "Done" } else { random.pick(&open).copied().unwrap_or("To Do") };
        keys.insert("status".to_owned(), json!(status));
        let priorities = ["High", "Medium", "Medium", "Low"];
        let priority = random.pick(&priorities).copied().unwrap_or("Medium");
        if let Some(assignee) = random.pick(&people).filter(|_| at % 3 > 0) {
            keys.insert("assignee".to_owned(), json!(assignee));
        }
        let user = random.pick(&people).cloned();
        let issue_type = random.pick(&types).copied().unwrap_or(issue_type);
        if let Some(known) = state.priority(priority) {
            keys.insert("priority".to_owned(), json!(known.name));
        }
        // Another workflow has other statuses; then its first one is used.
        let edit = person_change(state, keys.clone(), (project, issue_type), None).or_else(|_| {
            keys.remove("status");
            person_change(state, keys, (project, issue_type), None)
        });
        let Ok(edit) = edit else { continue };
        let by = By { user, now, at: Some(now - behind * 1_000), lag: Some(0) };
        state.create(project, issue_type, edit, &by);
    }
    let home = &state.projects[&project];
    let key = |number: u64| format!("{}-{number}", home.key);
    json!({ "created": home.last_number + 1 - first, "first": key(first), "last": key(home.last_number) })
}

/// Fills a site: the projects `WEB` (company-managed) and `MOB` (team-managed), five people, fields and a token.
pub(crate) fn example(state: &mut State, items: usize, now: i64) -> Value {
    let mut members = std::collections::BTreeMap::new();
    for (handle, name, shows_email, role) in PEOPLE {
        let id = state.account_id(handle);
        let email = Some(format!("{handle}@acme.example"));
        let user = User {
            id: id.clone(),
            handle: handle.to_owned(),
            name: name.to_owned(),
            email,
            shows_email,
            active: true,
            app: false,
            zone: chrono_tz::Tz::UTC,
            locale: "en_US".to_owned(),
            admin: role == "admin",
        };
        state.users.insert(id, user);
        members.insert(handle.to_owned(), json!(role));
    }
    let ada = state.account_id("ada");
    let mut keys = Vec::new();
    for (key, name, team_managed) in [("WEB", "Web", false), ("MOB", "Mobile", true)] {
        keys.push(key);
        if state.project(key).is_some() {
            continue;
        }
        let members = members.clone();
        let new = projects::NewProject {
            key: key.to_owned(),
            name: Some(name.to_owned()),
            team_managed,
            lead: Some("ada".to_owned()),
            members,
            ..projects::NewProject::default()
        };
        let Ok(id) = projects::add(state, new) else { continue };
        fields(state, key, team_managed);
        fill(state, id, &Seed { items, ..Seed::default() }, now);
    }
    let token =
        Token { value: TOKEN.to_owned(), user: ada.clone(), expires: None, revoked: false, scopes: None };
    state.tokens.insert(TOKEN.to_owned(), token);
    json!({ "email": EMAIL, "token": TOKEN, "account_id": ada, "projects": keys, "items": items, "cloud_id": state.cloud_id })
}

/// The custom fields of an example's project.
fn fields(state: &mut State, key: &str, team_managed: bool) {
    let (projects, team_project) =
        if team_managed { (None, Some(key.to_owned())) } else { (Some(vec![key.to_owned()]), None) };
    let points =
        if team_managed { ("Story point estimate", "story_points") } else { ("Story Points", "float") };
    let all = [
        json!({ "name": points.0, "kind": points.1 }),
        json!({ "name": "Severity", "kind": "select", "options": ["Critical", "Major", "Minor"] }),
    ];
    for field in all {
        let Ok(mut field) = serde_json::from_value::<NewField>(field) else { continue };
        field.projects.clone_from(&projects);
        field.team_project.clone_from(&team_project);
        let _ = add_field(state, field);
    }
}
