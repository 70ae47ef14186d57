//! The page of the simulated Linear: teams, issues, and a form for each issue.

use std::fmt::Write;

use super::{
    change::{By, Change},
    control::issues::label,
    id::Id,
    read::PRIORITIES,
    scalars::stamp,
    state::State,
    types::{Issue, StateKind, Team},
};
use crate::{
    http::{Call, Reply},
    page::{Text, document, form, missing, see},
    platform::Scene,
};

/// The most issues on a page.
const SHOWN: usize = 50;

/// Handles a request; its path is the one below `/page/linear`.
pub(crate) fn answer(state: &mut State, call: &Call, scene: &Scene) -> Reply {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", [] | [""]) => overview(state),
        (method, ["team", key]) => match (method, state.team(key).map(|team| team.id)) {
            ("GET", Some(team)) => issues(state, &state.teams[&team], call),
            ("POST", Some(team)) => create(state, call, team, scene),
            _ => missing(),
        },
        (method, [_, "issue", name, ..]) => match (method, state.issue_id(name)) {
            ("GET", Some(id)) => issue(state, &state.issues[&id]),
            ("POST", Some(id)) => save(state, call, id, scene),
            _ => missing(),
        },
        ("GET", [_, "profiles", name]) => match state.user(name) {
            Some(user) => {
                let page = format!("<h1>{}</h1><p class=\"dim\">{}</p>", Text(&user.name), Text(&user.email));
                document(200, &user.name, &page)
            }
            None => missing(),
        },
        _ => missing(),
    }
}

/// Appends to a page. Writing to a string does not fail.
macro_rules! put {
    ($page:expr, $($text:tt)*) => {
        let _ = write!($page, $($text)*);
    };
}

fn overview(state: &State) -> Reply {
    let mut page = format!("<h1>{}: teams</h1>", Text(&state.organization.name));
    if state.teams.is_empty() {
        page.push_str("<p>There are none. <code>POST /_control/example</code> makes two with issues.</p>");
    }
    page.push_str("<ul class=\"list\">");
    for team in state.teams.values() {
        put!(page, "<li><span class=\"grow\"><a href=\"/page/linear/team/{}\">", Text(&team.key));
        put!(page, "{} · {}</a>", Text(&team.key), Text(&team.name));
        page.push_str(if team.private { "<span class=\"tag\">private</span>" } else { "" });
        put!(page, "</span><span class=\"dim\">{} issues</span></li>", team.by_created.len());
    }
    page.push_str("</ul>");
    document(200, "Teams", &page)
}

fn issues(state: &State, team: &Team, call: &Call) -> Reply {
    let at: usize = call.query("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    let mut page = format!("<nav><a href=\"/page/linear\">Teams</a> /</nav><h1>{}</h1>", Text(&team.name));
    page.push_str("<ul class=\"list\">");
    let newest = team.by_created.iter().rev().filter_map(|(_, id)| state.issues.get(id));
    for issue in newest.skip((at - 1) * SHOWN).take(SHOWN) {
        row(&mut page, state, issue);
    }
    page.push_str("</ul><div class=\"pages\">");
    if at > 1 {
        put!(page, "<a href=\"?page={}\">Newer</a>", at - 1);
    }
    if team.by_created.len() > at * SHOWN {
        put!(page, "<a href=\"?page={}\">Older</a>", at + 1);
    }
    page.push_str("</div><h2>New issue</h2>");
    put!(page, "<form class=\"box\" method=\"post\" action=\"/page/linear/team/{}\">", Text(&team.key));
    page.push_str("<label>Title<input name=\"title\" required></label>");
    page.push_str("<label>Description<textarea name=\"description\"></textarea></label><div class=\"row\">");
    page.push_str("<label>Labels, with commas<input name=\"labels\"></label>");
    people(&mut page, state, team, "As", "as", None);
    page.push_str("</div><div><button class=\"main\">Create</button></div></form>");
    document(200, &team.name, &page)
}

fn link(state: &State, issue: &Issue) -> String {
    format!("/page/linear/{}/issue/{}", state.organization.url_key, state.identifier(issue))
}

fn row(page: &mut String, state: &State, issue: &Issue) {
    let found = state.states.get(&issue.content.state);
    let closed = found.is_some_and(|found| found.kind >= StateKind::Completed);
    let class = if closed { "closed" } else { "open" };
    put!(page, "<li><span class=\"state {class}\">{}</span>", Text(found.map_or("", |found| &found.name)));
    put!(
        page,
        "<span class=\"grow\"><a href=\"{}\">{}</a>",
        Text(&link(state, issue)),
        Text(&issue.content.title)
    );
    for label in issue.content.labels.iter().filter_map(|id| state.labels.get(id)) {
        let (color, name) = (Text(&label.color), Text(&label.name));
        put!(page, "<span class=\"tag\"><i style=\"background:{color}\"></i>{name}</span>");
    }
    for (is, word) in
        [(issue.archived.is_some() && !issue.trashed, "archived"), (issue.trashed, "in the trash")]
    {
        if is {
            put!(page, "<span class=\"tag\">{word}</span>");
        }
    }
    put!(page, "</span><span class=\"dim\">{}", Text(&state.identifier(issue)));
    if let Some(user) = issue.content.assignee.and_then(|id| state.users.get(&id)) {
        put!(page, " · {}", Text(&user.display_name));
    }
    page.push_str("</span></li>");
}

/// Writes the choice of a user.
fn people(page: &mut String, state: &State, team: &Team, name: &str, key: &str, now: Option<Option<Id>>) {
    put!(page, "<label>{name}<select name=\"{key}\">");
    if let Some(now) = now {
        put!(page, "<option value=\"\"{}>nobody</option>", if now.is_none() { " selected" } else { "" });
    }
    for user in team.members.iter().filter_map(|id| state.users.get(id)) {
        let chosen = if now == Some(Some(user.id)) { " selected" } else { "" };
        put!(page, "<option{chosen}>{}</option>", Text(&user.display_name));
    }
    page.push_str("</select></label>");
}

fn issue(state: &State, issue: &Issue) -> Reply {
    let Some(team) = state.teams.get(&issue.team) else { return missing() };
    let content = &issue.content;
    let mut page = format!(
        "<nav><a href=\"/page/linear\">Teams</a> / <a href=\"/page/linear/team/{}\">{}</a> /</nav>",
        Text(&team.key),
        Text(&team.name)
    );
    put!(
        page,
        "<h1>{} <span class=\"dim\">{}</span></h1>",
        Text(&content.title),
        Text(&state.identifier(issue))
    );
    let creator =
        issue.creator.and_then(|id| state.users.get(&id)).map_or("nobody", |user| &user.display_name);
    put!(page, "<p class=\"dim\">By {}, created {}", Text(creator), stamp(issue.created));
    put!(page, ", updated {}", stamp(issue.updated));
    page.push_str(if issue.trashed {
        ", in the trash</p>"
    } else if issue.archived.is_some() {
        ", archived</p>"
    } else {
        "</p>"
    });
    put!(page, "<form class=\"box\" method=\"post\" action=\"{}\">", Text(&link(state, issue)));
    put!(page, "<label>Title<input name=\"title\" required value=\"{}\"></label>", Text(&content.title));
    // Browsers drop a line end directly after the tag.
    put!(
        page,
        "<label>Description<textarea name=\"description\">\n{}</textarea></label><div class=\"row\">",
        Text(content.description.as_deref().unwrap_or_default())
    );
    let labels: Vec<_> =
        content.labels.iter().filter_map(|id| state.labels.get(id)).map(|one| one.name.as_str()).collect();
    put!(
        page,
        "<label>Labels, with commas<input name=\"labels\" value=\"{}\"></label>",
        Text(&labels.join(", "))
    );
    people(&mut page, state, team, "Assignee", "assignee", Some(content.assignee));
    page.push_str("</div><div class=\"row\"><label>State<select name=\"state\">");
    for one in state.states_of(team.id) {
        let chosen = if one.id == content.state { " selected" } else { "" };
        put!(page, "<option{chosen}>{}</option>", Text(&one.name));
    }
    page.push_str("</select></label><label>Priority<select name=\"priority\">");
    for (at, name) in PRIORITIES.iter().enumerate() {
        let chosen = if i64::try_from(at) == Ok(content.priority) { " selected" } else { "" };
        put!(page, "<option value=\"{at}\"{chosen}>{name}</option>");
    }
    page.push_str("</select></label>");
    let due = content.due.as_deref().unwrap_or_default();
    put!(page, "<label>Due<input type=\"date\" name=\"due\" value=\"{}\"></label>", Text(due));
    people(&mut page, state, team, "As", "as", None);
    page.push_str("</div><div class=\"row\"><button class=\"main\" name=\"do\" value=\"save\">Save</button>");
    let (action, word) =
        if issue.archived.is_some() { ("restore", "Restore") } else { ("archive", "Archive") };
    put!(page, "<button name=\"do\" value=\"{action}\" formnovalidate>{word}</button>");
    page.push_str(
        "<button class=\"bad\" name=\"do\" value=\"delete\" formnovalidate>Delete</button></div></form>",
    );
    document(200, &content.title, &page)
}

const NO_TITLE: &str = "<h1>An issue needs a title</h1>";

fn create(state: &mut State, call: &Call, team: Id, scene: &Scene) -> Reply {
    let (change, by) = change(state, call, team, scene);
    if change.title.as_deref().is_none_or(str::is_empty) {
        return document(422, "No title", NO_TITLE);
    }
    let id = state.fresh_id();
    match state.create_issue(id, team, change, scene.now, &by) {
        Some(id) => see(&link(state, &state.issues[&id])),
        None => document(422, "No state", "<h1>The team has no states</h1>"),
    }
}

fn save(state: &mut State, call: &Call, id: Id, scene: &Scene) -> Reply {
    let team = state.issues[&id].team;
    let home = format!("/page/linear/team/{}", state.teams[&team].key);
    let action = form(call).into_iter().find(|(name, _)| name == "do").map(|(_, value)| value);
    match action.as_deref() {
        Some("delete") => {
            state.archive(id, true, true, false, scene.now);
            return see(&home);
        }
        Some("archive") => state.archive(id, true, false, false, scene.now),
        Some("restore") => state.archive(id, false, false, false, scene.now),
        _ => {
            let (change, by) = change(state, call, team, scene);
            if change.title.as_deref().is_none_or(str::is_empty) {
                return document(422, "No title", NO_TITLE);
            }
            state.edit_issue(id, change, &by);
        }
    }
    see(&link(state, &state.issues[&id]))
}

/// Reads a form.
fn change(state: &mut State, call: &Call, team: Id, scene: &Scene) -> (Change, By) {
    let mut change = Change::default();
    let mut by = By { user: None, now: scene.now, as_user: None };
    for (name, value) in form(call) {
        let filled = Some(value.as_str()).filter(|value| !value.is_empty());
        match name.as_str() {
            "title" => change.title = Some(value.trim().to_owned()),
            "description" => change.description = Some(filled.map(str::to_owned)),
            "labels" => {
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                change.labels = Some(names.map(|name| label(state, team, name, scene.now)).collect());
            }
            "assignee" => {
                change.assignee = Some(filled.and_then(|name| state.user(name)).map(|user| user.id))
            }
            "state" => {
                change.state = state.states_of(team).iter().find(|one| one.name == value).map(|one| one.id)
            }
            "priority" => change.priority = value.parse().ok().filter(|priority| (0..=4).contains(priority)),
            "due" => change.due = Some(filled.map(str::to_owned)),
            "as" => by.user = state.user(&value).map(|user| user.id),
            _ => {}
        }
    }
    (change, by)
}
