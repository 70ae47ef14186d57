//! People, labels and statuses between a repository and a file.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{accounts::Stage, common::ensure_tells};

const DOCUMENT: &str = "name: board
source_platform: github
source: { account: acme-github, repository: acme/board }
target_platform: csv
target: { path: board.csv, key: id }
entity_type: issue
field_mappings:
  - { source_field: number, target_field: id, source_type: number, direction: source_to_target }
  - { source_field: title, target_field: title }
  - { source_field: labels, target_field: labels, source_type: set, target_type: set }
  - { source_field: assignees, target_field: owners, source_type: people, target_type: people }
  - { source_field: status, target_field: state, source_type: status, target_type: status,
      target_statuses: { todo: Open, in_review: Review } }
";

/// A repository with people and labels, an issue in it, and a file beside it.
struct Board {
    stage: Stage,
    issue: String,
}

impl Board {
    async fn new(issue: Value) -> Result<Board> {
        let stage = Stage::new().await?;
        let members = json!({ "ada": "admin", "bruno": "write", "cleo": "write" });
        let labels = ["Bug", "needs triage", "needs-triage"];
        let repo = json!({ "owner": "acme", "name": "board", "members": members, "labels": labels });
        stage.simulator.control("POST", "/github/repos", &repo);
        let (_, token) = stage.simulator.control("POST", "/github/tokens", &json!({ "account": "ada" }));
        stage.add("acme-github", token["token"].as_str().context("a token")?)?;
        let (_, made) = stage.simulator.control("POST", "/github/repos/acme/board/issues", &issue);
        let issue = made["number"].to_string();
        stage.program.write("board.csv", "id,title,labels,owners,state\n")?;
        stage.program.write("sync.yaml", DOCUMENT)?;
        stage.program.expect(0, &["apply", "sync.yaml"])?;
        Ok(Board { stage, issue })
    }

    fn sync(&self) -> Result<String> {
        Ok(self.stage.program.expect(0, &["sync", "board"])?.stdout)
    }

    /// A run that has nothing to do.
    fn quiet(&self) -> Result<()> {
        let run = self.stage.program.expect(0, &["--json", "sync", "board"])?.json()?;
        ensure!(run["created"] == 0 && run["updated"] == 0 && run["items_failed"] == 0, "{run}");
        Ok(())
    }

    /// The one row of the file.
    fn row(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.stage.program.path("board.csv"))?;
        text.lines().nth(1).map(str::to_owned).context(text)
    }

    fn edit_row(&self, from: &str, to: &str) -> Result<()> {
        let text = std::fs::read_to_string(self.stage.program.path("board.csv"))?;
        ensure!(text.contains(from), "{from:?} in {text}");
        self.stage.program.write("board.csv", &text.replace(from, to))?;
        Ok(())
    }

    /// Replaces the one cell that holds a list.
    fn edit_list(&self, list: &str) -> Result<()> {
        let row = self.row()?;
        let begin = row.find("\"[").with_context(|| row.clone())?;
        let end = row.find("]\"").with_context(|| row.clone())? + 2;
        self.edit_row(row.get(begin..end).context("a cell")?, list)
    }

    fn edit_issue(&self, change: &Value) {
        let path = format!("/github/repos/acme/board/issues/{}", self.issue);
        self.stage.simulator.control("PATCH", &path, change);
    }

    /// Names of the issue's labels, or logins of its assignees, sorted.
    fn names(&self, of: &str, key: &str) -> Vec<String> {
        let path = format!("/github/repos/acme/board/issues/{}", self.issue);
        let (_, issue) = self.stage.simulator.control("GET", &path, &Value::Null);
        let all = issue[of].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = all
            .iter()
            .filter_map(|one| one.as_str().or_else(|| one[key].as_str()).map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// The bodies of all requests that changed an issue.
    fn bodies(&self) -> Vec<Value> {
        let (_, log) = self.stage.simulator.control("GET", "/log", &Value::Null);
        let entries = log["entries"].as_array().cloned().unwrap_or_default();
        let changes = entries.iter().filter(|entry| entry["method"] == "PATCH" || entry["method"] == "POST");
        changes.map(|entry| entry["body"].clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_25_and_71_labels_are_merged_one_by_one_and_keep_their_spaces() -> Result<()> {
    let board =
        Board::new(json!({ "title": "a", "labels": ["Bug", "needs triage", "needs-triage"] })).await?;
    board.sync()?;
    ensure!(board.row()?.contains("Bug") && board.row()?.contains("needs triage"), "{}", board.row()?);
    board.quiet()?;
    // Each side edits the set; the other case of a label is the same label.
    board.edit_list("\"bug,needs-triage,frontend\"")?;
    board.edit_issue(&json!({ "labels": ["Bug", "needs triage", "needs-triage", "api"] }));
    board.sync()?;
    let all = ["Bug", "api", "frontend", "needs-triage"].map(str::to_owned);
    ensure!(board.names("labels", "name") == all, "{:?}", board.names("labels", "name"));
    ensure!(!board.row()?.contains("needs triage") && board.row()?.contains("api"), "{}", board.row()?);
    board.quiet()?;
    board.quiet()?;
    board.edit_issue(&json!({ "labels": ["api"] }));
    board.sync()?;
    ensure!(!board.row()?.contains("ug") && board.row()?.contains("api"), "{}", board.row()?);
    board.quiet()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_47_an_unmapped_assignee_is_left_alone_until_mapped_by_hand() -> Result<()> {
    let board = Board::new(json!({ "title": "a", "assignees": ["bruno", "cleo"] })).await?;
    let program = &board.stage.program;
    let mapped = program.expect(0, &["people", "map", "acme-github:bruno", "bruno@example.org"])?.stdout;
    ensure_tells(&mapped, &["one person: acme-github:bruno, bruno@example.org"])?;
    let told = board.sync()?;
    ensure_tells(&told, &["note: #", "cleo", "has no counterpart on the target", "syncline people map"])?;
    ensure!(board.row()?.contains("bruno@example.org") && !board.row()?.contains("cleo"), "{}", board.row()?);
    board.quiet()?;
    // The file cannot unassign whom it does not know.
    board.edit_list("")?;
    board.sync()?;
    ensure!(board.names("assignees", "login") == ["cleo"], "{:?}", board.names("assignees", "login"));
    board.edit_row(",Open", "Stranger,Open")?;
    ensure_tells(&board.sync()?, &["Stranger"])?;
    ensure!(board.names("assignees", "login") == ["cleo"]);
    // Both are mapped by hand and cross with the next run, without an edit on either side.
    program.expect(0, &["people", "map", "acme-github:ada", "Stranger"])?;
    program.expect(0, &["people", "map", "acme-github:cleo", "Cleo C."])?;
    board.sync()?;
    ensure!(board.names("assignees", "login") == ["ada", "cleo"], "{:?}", board.names("assignees", "login"));
    ensure!(board.row()?.contains("Cleo C.") && board.row()?.contains("Stranger"), "{}", board.row()?);
    board.quiet()?;
    board.quiet()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_46_a_request_names_people_by_their_logins_alone() -> Result<()> {
    let board = Board::new(json!({ "title": "a" })).await?;
    let program = &board.stage.program;
    for (login, text) in [("ada", "ada@example.org"), ("bruno", "Bruno B.")] {
        program.expect(0, &["people", "map", &format!("acme-github:{login}"), text])?;
    }
    board.sync()?;
    board.edit_row(",Open", "\"ada@example.org,Bruno B.,somebody@example.org\",Open")?;
    board.sync()?;
    ensure!(board.names("assignees", "login") == ["ada", "bruno"]);
    let named: Vec<Value> =
        board.bodies().iter().filter_map(|body| body["assignees"].as_array().cloned()).flatten().collect();
    ensure!(!named.is_empty() && named.iter().all(|login| login == "ada" || login == "bruno"), "{named:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_41_a_status_keeps_its_detail_until_the_issue_is_closed_or_reopened() -> Result<()> {
    let board = Board::new(json!({ "title": "first" })).await?;
    board.sync()?;
    board.edit_row(",Open", ",Review")?;
    board.sync()?;
    board.edit_issue(&json!({ "title": "second" }));
    board.sync()?;
    ensure!(board.row()?.contains("second") && board.row()?.ends_with(",Review"), "{}", board.row()?);
    board.edit_issue(&json!({ "state": "closed", "state_reason": "completed" }));
    board.sync()?;
    ensure!(board.row()?.ends_with(",done"), "{}", board.row()?);
    board.edit_issue(&json!({ "state": "open" }));
    board.sync()?;
    ensure!(board.row()?.ends_with(",Open"), "the preferred one: {}", board.row()?);
    board.quiet()?;
    board.stage.program.write("wrong.yaml", &DOCUMENT.replace("target_statuses", "source_statuses"))?;
    let refused = board.stage.program.expect(2, &["validate", "wrong.yaml"])?.stderr;
    ensure_tells(&refused, &["field_mappings[4].source_statuses", "has no status \"Open\"", "it has:"])?;
    board.edit_row(",Open", ",Waiting")?;
    let failed = board.stage.program.expect(1, &["sync", "board"])?;
    ensure_tells(&failed.stderr, &["no mapping for value \"Waiting\"", "target_statuses"])
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_asked_for_matched_mapped_and_written_to_a_file() -> Result<()> {
    let mut board = Board::new(json!({ "title": "a" })).await?;
    board.stage.program.set("COLUMNS", "80");
    let program = &board.stage.program;
    ensure_tells(&program.expect(0, &["people"])?.stdout, &["syncline people sync ACCOUNT PLACE"])?;
    for (login, name, email) in [("ada", "Ada Quist", "ada@example.org"), ("bruno", "Bruno", "")] {
        let change =
            json!({ "name": name, "email": if email.is_empty() { Value::Null } else { json!(email) } });
        board.stage.simulator.control("PATCH", &format!("/github/accounts/{login}"), &change);
    }
    let sync = |account: &str| program.expect(0, &["people", "sync", account, "acme/board"]);
    ensure_tells(&sync("acme-github")?.stdout, &["3 people of acme/board: 3 new, 0 changed"])?;
    ensure_tells(&sync("acme-github")?.stdout, &["0 new, 0 changed"])?;
    // Another account of the same people.
    let (_, token) = board.stage.simulator.control("POST", "/github/tokens", &json!({ "account": "bruno" }));
    board.stage.add("second", token["token"].as_str().context("a token")?)?;
    program.expect(0, &["people", "map", "acme-github:cleo", "second:bruno"])?;
    ensure_tells(&sync("second")?.stdout, &["2 new, 1 changed; 1 matched by e-mail, 0 by name"])?;
    let listed = program.expect(0, &["people"])?.stdout;
    ensure_tells(&listed, &["Ada Quist", "matched by e-mail", "mapped by hand", "acme-github:cleo"])?;
    ensure!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
    // A person has one identity in an account, and what was taken out is not matched again.
    let told = program.expect(0, &["people", "map", "acme-github:cleo", "second:cleo"])?.stdout;
    ensure_tells(&told, &["second:bruno is a person of their own now"])?;
    ensure_tells(&program.expect(0, &["people", "unmap", "second:ada"])?.stdout, &["not matched again"])?;
    ensure_tells(&sync("second")?.stdout, &["0 matched by e-mail"])?;
    let unknown = program.expect(2, &["people", "map", "acme-githup:ada", "ada@example.org"])?.stderr;
    let unknown = unknown.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure_tells(&unknown, &["did you mean \"acme-github\"?", "text:acme-githup:ada"])?;
    let unknown = program.expect(2, &["people", "unmap", "second:nobody"])?.stderr;
    ensure_tells(&unknown, &["there is no identity \"second:nobody\""])?;
    // Export and import bring the same people.
    program.expect(0, &["people", "export", "-o", "people.yaml"])?;
    let before = std::fs::read_to_string(program.path("people.yaml"))?;
    ensure_tells(&before, &["acme-github: cleo", "second: cleo"])?;
    ensure_tells(&program.expect(0, &["people", "import", "people.yaml"])?.stdout, &["0 of them new"])?;
    ensure!(program.expect(0, &["people", "export"])?.stdout.trim() == before.trim());
    for (wrong, told) in [
        ("- accounts: { nowhere: ada }\n", "has no account \"nowhere\""),
        ("- { name: Ada }\n", "has neither accounts nor texts"),
        ("- { texts: [a] }\n- { texts: [A] }\n", "is in entry 1 already"),
        ("- { nick: a }\n", "must be a list of people"),
    ] {
        program.write("wrong.yaml", wrong)?;
        let refused = program.expect(2, &["people", "import", "wrong.yaml"])?.stderr;
        ensure!(refused.split_whitespace().collect::<Vec<_>>().join(" ").contains(told), "{told}: {refused}");
    }
    ensure!(program.expect(0, &["people", "export"])?.stdout.trim() == before.trim(), "all or none");
    Ok(())
}
