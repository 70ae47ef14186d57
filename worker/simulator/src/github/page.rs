//! The page of the simulated GitHub: repositories, items, and a form for each item.

use std::fmt::Write;

use super::{
    change::{By, Change, Wanted},
    state::State,
    types::{Issue, Reason, Repo},
};
use crate::{
    clock::stamp,
    http::{Call, Reply},
    page::{Text, document, form, missing, see},
    platform::Scene,
};

/// The most items on a page.
const SHOWN: usize = 50;

/// Handles a request; its path is the one below `/page/github`.
pub(crate) fn answer(state: &mut State, call: &Call, scene: &Scene) -> Reply {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", [] | [""]) => overview(state),
        ("GET", ["avatars", _]) => Reply::text(200, "image/svg+xml", AVATAR),
        (method, [owner, name, rest @ ..]) => {
            let repo = state.repo_id(owner, name).filter(|id| state.repos.contains_key(id));
            let Some(repo) = repo else { return missing() };
            match (method, rest) {
                ("GET", []) => items(state, &state.repos[&repo], call),
                ("POST", []) => create(state, call, repo, scene),
                ("GET", ["issues" | "pull", number]) => item(state, &state.repos[&repo], number),
                ("POST", ["issues", number]) => save(state, call, (repo, number.parse().unwrap_or(0)), scene),
                _ => missing(),
            }
        }
        _ => missing(),
    }
}

const AVATAR: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><rect width=\"8\" height=\"8\" \
                      fill=\"#7aa5ff\"/><circle cx=\"4\" cy=\"3\" r=\"1.5\" fill=\"#fff\"/><path d=\"M1 8a3 3 0 0 1 6 0\" \
                      fill=\"#fff\"/></svg>";

/// Appends to a page. Writing to a string does not fail.
macro_rules! put {
    ($page:expr, $($text:tt)*) => {
        let _ = write!($page, $($text)*);
    };
}

fn overview(state: &State) -> Reply {
    let mut page = String::from("<h1>Repositories</h1>");
    if state.repos.is_empty() {
        page.push_str("<p>There are none. <code>POST /_control/example</code> makes two with items.</p>");
    }
    page.push_str("<ul class=\"list\">");
    for repo in state.repos.values() {
        let name = state.full_name(repo);
        let kind = if repo.private { "private" } else { "public" };
        put!(
            page,
            "<li><span class=\"grow\"><a href=\"/page/github/{0}\">{0}</a><span class=\"tag\">{kind}</span></span>",
            Text(&name)
        );
        put!(page, "<span class=\"dim\">{} open, {} in all</span></li>", repo.open, repo.issues.len());
    }
    page.push_str("</ul>");
    document(200, "Repositories", &page)
}

fn items(state: &State, repo: &Repo, call: &Call) -> Reply {
    let name = state.full_name(repo);
    let at: usize = call.query("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    let mut page = format!("<nav><a href=\"/\">Repositories</a> /</nav><h1>{}</h1>", Text(&name));
    page.push_str("<ul class=\"list\">");
    for issue in repo.issues.values().rev().skip((at - 1) * SHOWN).take(SHOWN) {
        row(&mut page, state, repo, issue, &name);
    }
    page.push_str("</ul><div class=\"pages\">");
    if at > 1 {
        put!(page, "<a href=\"?page={}\">Newer</a>", at - 1);
    }
    if repo.issues.len() > at * SHOWN {
        put!(page, "<a href=\"?page={}\">Older</a>", at + 1);
    }
    put!(
        page,
        "</div><h2>New issue</h2><form class=\"box\" method=\"post\" action=\"/page/github/{}\">",
        Text(&name)
    );
    page.push_str("<label>Title<input name=\"title\" required maxlength=\"256\"></label>");
    page.push_str("<label>Text<textarea name=\"body\"></textarea></label><div class=\"row\">");
    page.push_str("<label>Labels, with commas<input name=\"labels\"></label>");
    people(&mut page, state, repo);
    page.push_str("</div><div><button class=\"main\">Create</button></div></form>");
    document(200, &name, &page)
}

fn row(page: &mut String, state: &State, repo: &Repo, issue: &Issue, name: &str) {
    let (class, word) = state_of(issue);
    let content = &issue.content;
    put!(page, "<li><span class=\"state {class}\">{word}</span><span class=\"grow\">");
    put!(
        page,
        "<a href=\"/page/github/{}/issues/{}\">{}</a>",
        Text(name),
        issue.number,
        Text(&content.title)
    );
    if issue.pull_request {
        page.push_str("<span class=\"tag\">pull request</span>");
    }
    for label in content.labels.iter().filter_map(|id| repo.labels.get(id)) {
        put!(
            page,
            "<span class=\"tag\"><i style=\"background:#{}\"></i>{}</span>",
            Text(&label.color),
            Text(&label.name)
        );
    }
    put!(page, "</span><span class=\"dim\">#{}", issue.number);
    for account in &content.assignees {
        put!(page, " · {}", Text(state.login(*account)));
    }
    put!(page, "</span></li>");
}

fn state_of(issue: &Issue) -> (&'static str, &'static str) {
    match (issue.content.closed, issue.content.reason) {
        (false, _) => ("open", "Open"),
        (true, Some(Reason::NotPlanned)) => ("closed", "Not planned"),
        (true, Some(Reason::Duplicate)) => ("closed", "Duplicate"),
        (true, _) => ("closed", "Closed"),
    }
}

/// Writes the choice of the acting account.
fn people(page: &mut String, state: &State, repo: &Repo) {
    page.push_str("<label>As<select name=\"as\">");
    for account in repo.members.keys().chain([&repo.owner]) {
        put!(page, "<option>{}</option>", Text(state.login(*account)));
    }
    page.push_str("</select></label>");
}

fn item(state: &State, repo: &Repo, number: &str) -> Reply {
    let Some(issue) = number.parse().ok().and_then(|number: u64| repo.issues.get(&number)) else {
        return missing();
    };
    let (name, content) = (state.full_name(repo), &issue.content);
    let labels: Vec<_> =
        content.labels.iter().filter_map(|id| repo.labels.get(id)).map(|l| l.name.as_str()).collect();
    let assignees: Vec<_> = content.assignees.iter().map(|id| state.login(*id)).collect();
    let mut page = format!(
        "<nav><a href=\"/\">Repositories</a> / <a href=\"/page/github/{0}\">{0}</a> /</nav>",
        Text(&name)
    );
    put!(page, "<h1>{} <span class=\"dim\">#{}</span></h1>", Text(&content.title), issue.number);
    let author = issue.author.map_or("nobody", |id| state.login(id));
    put!(
        page,
        "<p class=\"dim\">By {}, created {}, updated {}</p>",
        Text(author),
        stamp(issue.created),
        stamp(issue.updated)
    );
    put!(
        page,
        "<form class=\"box\" method=\"post\" action=\"/page/github/{}/issues/{}\">",
        Text(&name),
        issue.number
    );
    put!(page, "<label>Title<input name=\"title\" required value=\"{}\"></label>", Text(&content.title));
    // Browsers drop a line end directly after the tag.
    put!(
        page,
        "<label>Text<textarea name=\"body\">\n{}</textarea></label>",
        Text(content.body.as_deref().unwrap_or_default())
    );
    put!(
        page,
        "<div class=\"row\"><label>Labels, with commas<input name=\"labels\" value=\"{}\"></label>",
        Text(&labels.join(", "))
    );
    put!(
        page,
        "<label>Assignees, with commas<input name=\"assignees\" value=\"{}\"></label></div>",
        Text(&assignees.join(", "))
    );
    page.push_str("<div class=\"row\"><label>State<select name=\"state\">");
    let now = match (content.closed, content.reason) {
        (false, _) => "open",
        (true, Some(reason)) => reason.name(),
        (true, None) => "completed",
    };
    let states = [
        ("open", "Open"),
        ("completed", "Closed as completed"),
        ("not_planned", "Closed as not planned"),
        ("duplicate", "Closed as duplicate"),
    ];
    for (value, word) in states {
        let chosen = if value == now { " selected" } else { "" };
        put!(page, "<option value=\"{value}\"{chosen}>{word}</option>");
    }
    page.push_str("</select></label>");
    people(&mut page, state, repo);
    page.push_str("</div><div class=\"row\"><button class=\"main\" name=\"do\" value=\"save\">Save</button>");
    page.push_str(
        "<button class=\"bad\" name=\"do\" value=\"delete\" formnovalidate>Delete</button></div></form>",
    );
    document(200, &content.title, &page)
}

fn create(state: &mut State, call: &Call, repo: u64, scene: &Scene) -> Reply {
    let (change, by) = change(state, call, scene);
    if change.title.as_deref().is_none_or(str::is_empty) {
        return document(422, "No title", "<h1>An issue needs a title</h1>");
    }
    let number = state.create_issue(repo, change, false, by);
    see(&format!("/page/github/{}/issues/{number}", state.full_name(&state.repos[&repo])))
}

fn save(state: &mut State, call: &Call, (repo, number): (u64, u64), scene: &Scene) -> Reply {
    if !state.repos[&repo].issues.contains_key(&number) {
        return missing();
    }
    let (change, by) = change(state, call, scene);
    let home = format!("/page/github/{}", state.full_name(&state.repos[&repo]));
    if form(call).iter().any(|(name, value)| name == "do" && value == "delete") {
        state.delete_issue(repo, number, by);
        return see(&home);
    }
    if change.title.as_deref().is_none_or(str::is_empty) {
        return document(422, "No title", "<h1>An issue needs a title</h1>");
    }
    state.edit_issue(repo, number, change, by);
    see(&format!("{home}/issues/{number}"))
}

/// Reads a form. Browsers send texts with CRLF, and they are stored with it.
fn change(state: &State, call: &Call, scene: &Scene) -> (Change, By) {
    let mut change = Change::default();
    let mut by = By { account: None, now: scene.now, at: None };
    for (name, value) in form(call) {
        let names = || value.split(',').map(str::trim).filter(|name| !name.is_empty());
        match name.as_str() {
            "title" => change.title = Some(value.trim().to_owned()),
            "body" => change.body = Some(Some(value)),
            "labels" => change.labels = Some(names().map(|name| Wanted::New(name.to_owned())).collect()),
            "assignees" => {
                change.assignees =
                    Some(names().filter_map(|login| state.account(login)).map(|a| a.id).collect());
            }
            "state" => {
                change.closed = Some(value != "open");
                change.reason = Reason::parse(&value);
            }
            "as" => by.account = state.account(&value).map(|account| account.id),
            _ => {}
        }
    }
    (change, by)
}
