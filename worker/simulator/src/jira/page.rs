//! The page of the simulated Jira: projects, issues, and a form for each issue.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{
    adf,
    change::By,
    control::person_change,
    state::State,
    time::stamp,
    types::{Category, Issue, Project},
};
use crate::{
    http::{Call, Reply},
    page::{Text, document, form, missing, see},
    platform::Scene,
};

/// The most issues on a page.
const SHOWN: usize = 50;

const PICTURE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><rect width=\"8\" height=\"8\" rx=\"1\" \
                       fill=\"#2457c5\"/></svg>";

/// Handles a request; its path is the one below `/page/jira`.
pub(crate) fn answer(state: &mut State, call: &Call, scene: &Scene) -> Reply {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", [] | [""]) => overview(state),
        ("GET", ["avatar" | "project" | "icon"]) => Reply::text(200, "image/svg+xml", PICTURE),
        ("GET", ["projects", key]) => match state.project(key) {
            Some(project) => items(state, project, call),
            None => missing(),
        },
        ("POST", ["projects", key]) => match state.project(key).map(|project| project.id) {
            Some(project) => create(state, call, project, scene),
            None => missing(),
        },
        ("GET", ["browse", key]) => match state.issue(key) {
            Some(issue) => item(state, issue),
            None => missing(),
        },
        ("POST", ["browse", key]) => match state.issue_id(key) {
            Some(id) => save(state, call, id, scene),
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
    let mut page = String::from("<h1>Jira projects</h1>");
    if state.projects.is_empty() {
        page.push_str("<p>There are none. <code>POST /_control/example</code> makes two with issues.</p>");
    }
    page.push_str("<ul class=\"list\">");
    for project in state.projects.values() {
        let kind = if project.team_managed { "team-managed" } else { "company-managed" };
        put!(
            page,
            "<li><span class=\"grow\"><a href=\"/page/jira/projects/{0}\">{0}</a> {1}<span class=\"tag\">{kind}</span></span>",
            Text(&project.key),
            Text(&project.name)
        );
        put!(page, "<span class=\"dim\">{} issues so far</span></li>", project.last_number);
    }
    page.push_str("</ul>");
    document(200, "Jira projects", &page)
}

fn items(state: &State, project: &Project, call: &Call) -> Reply {
    let at: usize = call.query("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    let mut page =
        format!("<nav><a href=\"/page/jira\">Jira projects</a> /</nav><h1>{}</h1>", Text(&project.name));
    page.push_str("<ul class=\"list\">");
    let mut found = (1..=project.last_number)
        .rev()
        .filter_map(|number| state.issues.get(state.numbers.get(&(project.id, number))?))
        .filter(|issue| issue.project == project.id)
        .skip((at - 1) * SHOWN);
    for issue in found.by_ref().take(SHOWN) {
        row(&mut page, state, issue);
    }
    page.push_str("</ul><div class=\"pages\">");
    if at > 1 {
        put!(page, "<a href=\"?page={}\">Newer</a>", at - 1);
    }
    if found.next().is_some() {
        put!(page, "<a href=\"?page={}\">Older</a>", at + 1);
    }
    put!(
        page,
        "</div><h2>New issue</h2><form class=\"box\" method=\"post\" action=\"/page/jira/projects/{}\">",
        Text(&project.key)
    );
    page.push_str("<label>Summary<input name=\"summary\" required maxlength=\"255\"></label>");
    page.push_str("<label>Description<textarea name=\"description\"></textarea></label><div class=\"row\">");
    page.push_str("<label>Labels, with spaces between<input name=\"labels\"></label>");
    people(&mut page, state, project, ("As", "as"), Some(&project.lead));
    page.push_str("</div><div><button class=\"main\">Create</button></div></form>");
    document(200, &project.name, &page)
}

fn row(page: &mut String, state: &State, issue: &Issue) {
    let class = if state.category(issue.status) == Category::Done { "closed" } else { "open" };
    put!(
        page,
        "<li><span class=\"state {class}\">{}</span><span class=\"grow\">",
        Text(state.status_name(issue.status))
    );
    put!(
        page,
        "<a href=\"/page/jira/browse/{}\">{}</a>",
        Text(&state.key(issue)),
        Text(issue.text("summary"))
    );
    for label in issue.values.get("labels").and_then(Value::as_array).into_iter().flatten() {
        put!(page, "<span class=\"tag\">{}</span>", Text(label.as_str().unwrap_or_default()));
    }
    put!(page, "</span><span class=\"dim\">{}", Text(&state.key(issue)));
    if !issue.text("assignee").is_empty() {
        put!(page, " · {}", Text(state.user_name(issue.text("assignee"))));
    }
    page.push_str("</span></li>");
}

/// Writes a choice of people.
fn people(
    page: &mut String,
    state: &State,
    project: &Project,
    (title, name): (&str, &str),
    now: Option<&str>,
) {
    put!(page, "<label>{title}<select name=\"{name}\">");
    if name == "assignee" {
        page.push_str("<option value=\"\">Nobody</option>");
    }
    for id in project.members.keys() {
        let chosen = if now == Some(id.as_str()) { " selected" } else { "" };
        put!(page, "<option value=\"{}\"{chosen}>{}</option>", Text(id), Text(state.user_name(id)));
    }
    page.push_str("</select></label>");
}

fn item(state: &State, issue: &Issue) -> Reply {
    let Some(project) = state.projects.get(&issue.project) else { return missing() };
    let key = state.key(issue);
    let mut page = format!(
        "<nav><a href=\"/page/jira\">Jira projects</a> / <a href=\"/page/jira/projects/{0}\">{0}</a> /</nav>",
        Text(&project.key)
    );
    put!(page, "<h1>{} <span class=\"dim\">{}</span></h1>", Text(issue.text("summary")), Text(&key));
    let author = issue.creator.as_deref().map_or("nobody", |id| state.user_name(id));
    let zone = chrono_tz::Tz::UTC;
    put!(
        page,
        "<p class=\"dim\">By {}, created {}, updated {}</p>",
        Text(author),
        stamp(issue.created, zone),
        stamp(issue.updated, zone)
    );
    put!(page, "<form class=\"box\" method=\"post\" action=\"/page/jira/browse/{}\">", Text(&key));
    put!(
        page,
        "<label>Summary<input name=\"summary\" required value=\"{}\"></label>",
        Text(issue.text("summary"))
    );
    let text = issue.values.get("description").map(editable).unwrap_or_default();
    put!(
        page,
        "<label>Description (as plain text)<textarea name=\"description\">\n{}</textarea></label>",
        Text(&text)
    );
    let labels: Vec<&str> = issue
        .values
        .get("labels")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    put!(
        page,
        "<div class=\"row\"><label>Labels, with spaces between<input name=\"labels\" value=\"{}\"></label>",
        Text(&labels.join(" "))
    );
    people(&mut page, state, project, ("Assignee", "assignee"), Some(issue.text("assignee")));
    page.push_str("</div><div class=\"row\"><label>Status<select name=\"status\">");
    let workflow = state.workflow(issue.project, issue.issue_type);
    for id in workflow.into_iter().flat_map(|workflow| &workflow.statuses) {
        let chosen = if *id == issue.status { " selected" } else { "" };
        put!(page, "<option value=\"{id}\"{chosen}>{}</option>", Text(state.status_name(*id)));
    }
    page.push_str("</select></label>");
    people(&mut page, state, project, ("As", "as"), Some(&project.lead));
    page.push_str("</div><div class=\"row\"><button class=\"main\" name=\"do\" value=\"save\">Save</button>");
    page.push_str(
        "<button class=\"bad\" name=\"do\" value=\"delete\" formnovalidate>Delete</button></div></form>",
    );
    document(200, &key, &page)
}

/// Returns a document as text for the form: an empty line between its blocks.
fn editable(value: &Value) -> String {
    let blocks = value["content"].as_array().into_iter().flatten().map(adf::plain);
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// Reads a form. A description is set only if its text was changed: plain text would lose its formatting.
fn change(state: &State, call: &Call, scene: &Scene, current: Option<&Issue>) -> (Map<String, Value>, By) {
    let mut keys = Map::new();
    let mut by = By { user: None, now: scene.now, at: None, lag: None };
    for (name, value) in form(call) {
        match name.as_str() {
            "summary" => {
                keys.insert(name, json!(value.trim()));
            }
            "description" => {
                let text = value.replace("\r\n", "\n");
                let before = current.and_then(|issue| issue.values.get("description")).map(editable);
                if text.trim_end() != before.unwrap_or_default().trim_end() {
                    keys.insert(name, json!(text));
                }
            }
            "labels" => {
                keys.insert(name, json!(value.split_whitespace().collect::<Vec<_>>()));
            }
            "assignee" if value.is_empty() => {
                keys.insert(name, Value::Null);
            }
            "assignee" => {
                keys.insert(name, json!(value));
            }
            "status" if current.is_none_or(|issue| issue.status.to_string() != value) => {
                keys.insert(name, json!(value));
            }
            "as" => by.user = state.users.get(&value).map(|user| user.id.clone()),
            _ => {}
        }
    }
    (keys, by)
}

fn refused(reply: &Reply) -> Reply {
    let why: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let why = why["error"].as_str().unwrap_or_default();
    document(422, "Not saved", &format!("<h1>The issue was not saved</h1><p>{}</p>", Text(why)))
}

fn create(state: &mut State, call: &Call, project: u64, scene: &Scene) -> Reply {
    let (keys, by) = change(state, call, scene, None);
    let home = &state.projects[&project];
    let task = state.type_of(home, "Task").map(|known| known.id);
    let Some(issue_type) = task.or_else(|| home.types.first().copied()) else { return missing() };
    if keys.get("summary").and_then(Value::as_str).is_none_or(str::is_empty) {
        return document(422, "No summary", "<h1>An issue needs a summary</h1>");
    }
    match person_change(state, keys, (project, issue_type), None) {
        Ok(edit) => {
            let id = state.create(project, issue_type, edit, &by);
            let key = state.issues.get(&id).map(|issue| state.key(issue)).unwrap_or_default();
            see(&format!("/page/jira/browse/{key}"))
        }
        Err(reply) => refused(&reply),
    }
}

fn save(state: &mut State, call: &Call, id: u64, scene: &Scene) -> Reply {
    let Some(issue) = state.issues.get(&id).cloned() else { return missing() };
    let key = state.key(&issue);
    if form(call).iter().any(|(name, value)| name == "do" && value == "delete") {
        state.delete(id);
        let home = state.projects.get(&issue.project).map_or("", |project| project.key.as_str());
        return see(&format!("/page/jira/projects/{home}"));
    }
    let (keys, by) = change(state, call, scene, Some(&issue));
    if keys.get("summary").and_then(Value::as_str).is_some_and(str::is_empty) {
        return document(422, "No summary", "<h1>An issue needs a summary</h1>");
    }
    match person_change(state, keys, (issue.project, issue.issue_type), Some(&issue)) {
        Ok(edit) => {
            state.edit(id, edit, &by);
            see(&format!("/page/jira/browse/{key}"))
        }
        Err(reply) => refused(&reply),
    }
}
