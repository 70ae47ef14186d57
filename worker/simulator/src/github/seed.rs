//! Generated content: an initial example, and repositories of any size.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    change::{By, Change, Wanted},
    state::State,
    types::{AccountKind, IssueType, Level, Reason, Role, Token, TokenKind},
};

/// The token of the example.
const TOKEN: &str = "ghp_simulator0000000000000000000000000001";

const PEOPLE: [(&str, &str, Role); 5] = [
    ("ada", "Ada Quist", Role::Admin),
    ("bruno", "Bruno Tamm", Role::Write),
    ("chen", "Chen Rao", Role::Write),
    ("dora", "Dora Velde", Role::Triage),
    ("emil", "Emil Strand", Role::Read),
];

const LABELS: [(&str, &str, &str); 8] = [
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("needs triage", "fbca04", ""),
    ("priority:high", "b60205", ""),
    ("status:in-progress", "1d76db", ""),
    ("status:in-review", "5319e7", ""),
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
    /// The share of pull requests, in percent.
    pub(crate) pull_requests: usize,
    /// The share of closed items, in percent.
    pub(crate) closed: usize,
    /// Seconds between the times of two items; the last item has the current time.
    pub(crate) every: i64,
}

impl Default for Seed {
    fn default() -> Seed {
        Seed { items: 25, pull_requests: 0, closed: 30, every: 60 }
    }
}

/// Adds generated issues to a repository and returns their numbers.
pub(crate) fn fill(state: &mut State, repo: u64, seed: &Seed, now: i64) -> Vec<u64> {
    let Some(found) = state.repos.get(&repo) else { return Vec::new() };
    let labels: Vec<u64> = found.labels.keys().copied().collect();
    let mut people: Vec<u64> = found.members.keys().copied().collect();
    if people.is_empty() {
        people.push(found.owner);
    }
    let mut numbers = Vec::with_capacity(seed.items);
    for at in 0..seed.items {
        let behind = i64::try_from(seed.items - 1 - at).unwrap_or(0) * seed.every;
        let random = &mut state.random;
        let verb = random.pick(&VERBS).copied().unwrap_or_default();
        let thing = random.pick(&THINGS).copied().unwrap_or_default();
        let closed = random.chance(seed.closed);
        let reasons = [Reason::Completed, Reason::Completed, Reason::NotPlanned];
        let mut wanted = Vec::new();
        for _ in 0..random.below(3) {
            wanted.extend(random.pick(&labels).copied().map(Wanted::Known));
        }
        let change = Change {
            title: Some(format!("{verb} {thing} ({})", at + 1)),
            body: Some(random.chance(90).then(|| body(random))),
            closed: Some(closed),
            reason: random.pick(&reasons).copied().filter(|_| closed),
            labels: Some(wanted),
            assignees: Some(if random.chance(60) {
                random.pick(&people).copied().into_iter().collect()
            } else {
                Vec::new()
            }),
            ..Change::default()
        };
        let account = random.pick(&people).copied();
        let pull_request = random.chance(seed.pull_requests);
        let by = By { account, now: now - behind * 1000, at: None };
        numbers.push(state.create_issue(repo, change, pull_request, by));
    }
    numbers
}

fn body(random: &mut crate::random::Random) -> String {
    let parts = 1 + random.below(3);
    let parts: Vec<&str> = (0..parts).filter_map(|_| random.pick(&PARTS).copied()).collect();
    parts.join("\n\n")
}

/// Fills an empty state: the owner `acme` with the repositories `web` and `mobile`, five people and a token.
pub(crate) fn example(state: &mut State, items: usize, now: i64) -> Value {
    let seconds = now / 1000;
    let owner = state.account_or_new("acme", AccountKind::Organization, seconds);
    let mut members = Vec::new();
    for (login, name, role) in PEOPLE {
        let id = state.account_or_new(login, AccountKind::User, seconds);
        if let Some(account) = state.accounts.get_mut(&id) {
            account.name = Some(name.to_owned());
            account.email = Some(format!("{login}@acme.example"));
        }
        members.push((id, role));
    }
    for name in ["Task", "Bug", "Feature"] {
        let id = state.fresh_id();
        if let Some(owner) = state.accounts.get_mut(&owner) {
            let color = Some("blue".to_owned());
            let of = IssueType { id, name: name.to_owned(), description: None, color, created: seconds };
            owner.types.insert(id, of);
        }
    }
    let mut repositories = Vec::new();
    for (name, private) in [("web", false), ("mobile", true)] {
        if let Some(id) = state.repo_id("acme", name).filter(|id| state.repos.contains_key(id)) {
            state.drop_repo(id);
        }
        let id = state.add_repo(owner, name, private, seconds);
        if let Some(repo) = state.repos.get_mut(&id) {
            repo.members.extend(members.iter().copied());
        }
        for (label, color, description) in LABELS {
            let description = Some(description.to_owned()).filter(|text| !text.is_empty());
            state.add_label(id, label, color, description);
        }
        fill(state, id, &Seed { items, ..Seed::default() }, now);
        repositories.push(format!("acme/{name}"));
    }
    let account = state.account_or_new("ada", AccountKind::User, seconds);
    let token = Token {
        value: TOKEN.to_owned(),
        account,
        kind: TokenKind::Classic,
        scopes: vec!["repo".to_owned(), "read:org".to_owned()],
        repositories: None,
        permissions: [("issues".to_owned(), Level::Write)].into(),
        expires: None,
        revoked: false,
    };
    state.tokens.insert(TOKEN.to_owned(), token);
    json!({ "owner": "acme", "repositories": repositories, "token": TOKEN, "items": items })
}
